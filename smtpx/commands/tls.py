"""
C{smtpx tls}: what is asked of TLS with other hosts.

C{policy} tells what a domain has published by MTA-STS (RFC 8461), now, and whether
that goes together; C{publish} prints what a domain of ours would publish; and C{tlsa}
(L{smtpx.commands.tlsa}) what a mail host of ours would.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.python.usage import UsageError

from ..core.errors import Malformed, SMTPXError
from ..dns.idn import asciiDomain
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.wiring.published import Published, published
from ..tls.mtasts import (
    HOST_PREFIX,
    MAX_AGE_MOST,
    RECORD_PREFIX,
    WELL_KNOWN,
    Mode,
    STSPolicy,
)
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .tlsa import TLSAOptions
from .waiting import wait

#: How long policies are good mostly, at least, in seconds.
_DAY_SECONDS = 86400
_USUAL_SECONDS = 7 * _DAY_SECONDS


class PolicyOptions(ConsoleOptions):
    """The command line of C{smtpx tls policy}."""

    synopsis = "[options] DOMAIN ..."
    longdesc = (
        "Asks the DNS and the web server of each DOMAIN for its MTA-STS policy (RFC"
        " 8461), and prints it: the record, the policy, which of the mail hosts it"
        " allows, where reports go, and what is wrong with that.  What a server has"
        " fetched before is not looked at: 'smtpx peer show' prints that.  The exit"
        " status is 1 if something is wrong; to have no policy is not."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
    ]
    domains: tuple[str, ...] = ()

    def parseArgs(self, *domains: str) -> None:
        """Take the domains."""
        if not domains:
            raise UsageError("which domain?")
        self.domains = domains

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: something is wrong, or could not be asked.
        """
        names = [_domain(each) for each in self.domains]
        machine = theMachine()

        async def ask() -> list[Published]:
            return [await published(machine, configuration, name) for name in names]

        try:
            configuration = readConfiguration(self["config"], findExtensions())
            found = wait(machine.reactor, ask())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        wrong = []
        for each in found:
            for line in told(each):
                console.say(line)
            faults = list(judged(each))
            for fault in faults:
                console.say(f"  wrong: {fault}")
            for note in noted(each):
                console.say(f"  note: {note}")
            if faults:
                wrong.append(each.domain.decode("ascii"))
        if wrong:
            raise CommandFailed(f"something is wrong with {', '.join(wrong)}")


class PublishOptions(ConsoleOptions):
    """The command line of C{smtpx tls publish}."""

    synopsis = "[options] DOMAIN"
    longdesc = (
        "Prints what DOMAIN would publish for mail to it to come under verified TLS"
        " (RFC 8461): the record for the DNS, and the policy for a web server.  With"
        " --file only the policy is printed, for a file.  The record changes if and"
        " only if the policy does."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["mode", "m", "testing", "enforce, testing or none."],
        ["mx", None, None, "The mail hosts, with commas between; if not given, we."],
        ["max-age", None, str(_USUAL_SECONDS), "How long it is good, in seconds."],
    ]
    optFlags = [
        ["file", "f", "Print the policy and nothing else."],
    ]
    domain = b""
    policy: STSPolicy

    def parseArgs(self, *domains: str) -> None:
        """Take the domain."""
        if len(domains) != 1:
            raise UsageError("which domain?  Give one")
        [self.domain] = [_domain(each) for each in domains]

    def postOptions(self) -> None:
        """Do they make sense?"""
        if self["mode"] not in {each.value for each in Mode}:
            raise UsageError('--mode is "enforce", "testing" or "none"')
        age = self["max-age"]
        if not age.isascii() or not age.isdigit() or int(age) > MAX_AGE_MOST:
            raise UsageError(f"--max-age is a number of up to {MAX_AGE_MOST} seconds")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the configuration, or a mail host, is of no use.
        """
        try:
            policy = self._policy()
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        text = policy.render().decode("ascii")
        if self["file"]:
            console.out.write(text)
            return
        domain = self.domain.decode("ascii")
        record = policy.record().render().decode("ascii")
        console.say("Record for the DNS:")
        console.say(f'  {RECORD_PREFIX.decode()}{domain}. IN TXT "{record}"')
        console.say(f"Policy, at {_place(self.domain)}:")
        for line in text.splitlines():
            console.say(f"  {line}")

    def _policy(self) -> STSPolicy:
        """
        The policy.

        @raise SMTPXError: there can be none.
        """
        if self["mx"] is None:
            configuration = readConfiguration(self["config"], findExtensions())
            hosts = [configuration.name or theMachine().name]
        else:
            hosts = self["mx"].split(",")
        lines = [f"mx: {each.strip()}\n" for each in hosts]
        text = (
            f"version: STSv1\nmode: {self['mode']}\n{''.join(lines)}"
            f"max_age: {self['max-age']}\n"
        )
        # Whatever is wrong with it, others would find the same.
        return STSPolicy.parse(text.encode("utf-8", "surrogateescape"))


class TLSOptions(ConsoleOptions):
    """The command line of C{smtpx tls}."""

    synopsis = ""
    longdesc = "Looks at what is asked of TLS between mail servers."
    subCommands = [
        ["policy", None, PolicyOptions, "Tell what domains have published by MTA-STS."],
        ["publish", None, PublishOptions, "Print what a domain would publish."],
        ["tlsa", None, TLSAOptions, "Print TLSA records for a zone file (DANE)."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx tls --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _domain(text: str) -> bytes:
    """
    @raise UsageError: it is no domain.
    """
    try:
        name = asciiDomain(text.encode("utf-8", "surrogateescape"))
        STSPolicy.parse(b"version: STSv1\nmode: none\nmax_age: 0\nmx: " + name)
    except Malformed:
        raise UsageError(f'"{text}" is no domain') from None
    return name


def _place(domain: bytes) -> str:
    return f"https://{(HOST_PREFIX + domain + WELL_KNOWN).decode('ascii')}"


# --- what is said of a domain ----------------------------------------------------


def told(found: Published) -> Iterator[str]:
    """What there is, line by line."""
    yield found.domain.decode("ascii")
    record = found.record
    if record is not None:
        yield f"  record: {record.render().decode('ascii')}"
    else:
        yield f"  record: {found.recordTrouble or 'none'}"
    if found.policy is not None:
        yield f"  policy: {_place(found.domain)}"
        for line in found.policy.lines:
            yield f"    {line}"
    elif record is not None:
        yield f"  policy: {found.policyTrouble}"
    for host in found.hosts:
        line = f"  mail host: {host.decode('ascii', 'backslashreplace')}"
        if found.policy is not None:
            line += ", allowed" if found.policy.matches(host) else ", not allowed"
        yield line
    if found.hostsTrouble:
        yield f"  mail hosts: {found.hostsTrouble}"
    places = found.reports.places if found.reports is not None else ()
    for place in places:
        yield f"  reports: {place}"
    if found.reportsTrouble:
        yield f"  reports: {found.reportsTrouble}"


def judged(found: Published) -> Iterator[str]:
    """What is wrong, line by line."""
    policy = found.policy
    if found.recordTrouble:
        yield "nobody can read the record, so nobody looks for a policy"
    if found.record is None:
        return
    if policy is None:
        yield "there is a record, but no policy: mail comes as without it"
        return
    if policy.mode is Mode.NONE:
        return
    for host in found.hosts:
        if not policy.matches(host):
            name = host.decode("ascii", "backslashreplace")
            if policy.mode is Mode.ENFORCE:
                yield f"the policy keeps mail from {name}"
            else:
                yield f"once it is enforced, the policy would keep mail from {name}"


def noted(found: Published) -> Iterator[str]:
    """What is worth knowing, line by line."""
    policy = found.policy
    if found.record is None and not found.recordTrouble:
        if policy is None:
            yield "it has no MTA-STS policy"
        else:
            yield "there is a policy, but without a record nobody looks for it"
        return
    if policy is None:
        return
    if policy.mode is Mode.TESTING:
        yield "the policy is only tested: mail goes whether or not hosts keep to it"
    if policy.mode is Mode.NONE:
        yield "the policy says that there is none any more"
        return
    if policy.maxAge < _DAY_SECONDS:
        yield "max_age is less than a day, and protects nobody for longer"
    if any(each.startswith(b"*.") for each in policy.mx):
        yield "with a wildcard, any host of that name with a certificate will do"


__all__ = ["PolicyOptions", "PublishOptions", "TLSOptions"]
