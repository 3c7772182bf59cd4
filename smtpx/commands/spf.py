"""
C{smtpx spf}: what SPF (RFC 7208) says of a host and a sender, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from ipaddress import ip_address

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from zope.interface import implementer

from ..core.address import heloName, parseMailbox
from ..core.errors import Malformed, SMTPXError
from ..dns.interfaces import Answer, IResolver, NoSuchDomain, spelledName
from ..mailauth.spfquery import Limits, Outcome, Step
from ..mailauth.spftexts import received, smtpComment
from ..policy.spfcheck import checkSPF
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine
from ..service.wiring.resolving import resolver
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .waiting import wait


@implementer(IResolver)
@define
class _Noted:
    """
    A resolver that notes what it was asked, and in a few words what came of it.

    @ivar lines: one for each look-up, in the order of their answers.
    """

    inner: IResolver
    lines: list[str] = field(factory=list)

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""

        def note(result: Answer | Failure) -> Answer | Failure:
            self.lines.append(f"{kind} {spelledName(name)}: {_came(result)}")
            return result

        found: Deferred[Answer] = self.inner.lookUp(name, kind)
        return found.addBoth(note)


def _came(result: Answer | Failure) -> str:
    """What came of a look-up."""
    if isinstance(result, Answer):
        count = len(result.records)
        return "nothing" if not count else f"{count} record{'s' * (count > 1)}"
    if result.check(NoSuchDomain):
        return "no such domain"
    return f"no answer ({result.getErrorMessage()})"


class CheckOptions(ConsoleOptions):
    """The command line of C{smtpx spf check}."""

    synopsis = "[options] --ip ADDRESS"
    longdesc = (
        "Evaluates the SPF record of a sender's domain as the server does: prints the"
        " result, each term that was looked at, the look-ups that were made, and the"
        " field that a message would get.  The exit status is 0 whatever the result"
        " is."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["ip", "i", None, "The address of the host that sends."],
        ["sender", "s", "", "The mailbox in MAIL; if not given, the null sender."],
        ["helo", "H", None, "The name in EHLO; if not given, the sender's domain."],
    ]
    optFlags = [
        ["guess", "g", "Where the domain has no record, make the best guess."],
    ]

    def postOptions(self) -> None:
        """Do they make sense?"""
        if self["ip"] is None:
            raise UsageError("which host?  Give --ip")
        try:
            ip_address(self["ip"])
        except ValueError:
            raise UsageError(f'"{self["ip"]}" is no address') from None
        try:
            domain = b""
            if self["sender"]:
                domain = parseMailbox(_octets(self["sender"]), utf8=True).domain
            if self["helo"] is not None:
                heloName(_octets(self["helo"]))
        except Malformed as error:
            raise UsageError(str(error)) from None
        if self["helo"] is None:
            if not domain:
                raise UsageError("without --sender, --helo is what is checked: give it")
            self["helo"] = domain.decode("utf-8")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the configuration is of no use.
        """
        machine = theMachine()
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            steps, lookups, outcome = wait(
                machine.reactor, self._check(machine, configuration)
            )
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        for line in told(outcome, steps, lookups, configuration):
            console.say(line)

    async def _check(
        self, machine: Machine, configuration: Configuration
    ) -> tuple[list[Step], list[str], Outcome]:
        options = configuration.spf
        steps: list[Step] = []
        async with AsyncExitStack() as stack:
            noted = _Noted(resolver(machine, configuration, stack))
            outcome = await checkSPF(
                machine.reactor,
                self["ip"],
                _octets(self["sender"]),
                _octets(self["helo"]),
                receiver=configuration.name or machine.name,
                resolver=noted,
                guess=options.spfGuess if self["guess"] else None,
                limits=Limits(voids=options.voidLookupsMax),
                watch=steps.append,
            )
        return steps, noted.lines, outcome


class SPFCommandOptions(ConsoleOptions):
    """The command line of C{smtpx spf}."""

    synopsis = ""
    longdesc = "Looks at who may send mail for whom (SPF)."
    subCommands = [
        ["check", None, CheckOptions, "Tell whether a host may send for a sender."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx spf --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def told(
    outcome: Outcome, steps: list[Step], lookups: list[str], options: Configuration
) -> Iterator[str]:
    """What there is to say, line by line."""
    yield outcome.result.value + (" (best guess)" if outcome.guessed else "")
    if outcome.problem:
        yield f"  problem: {outcome.problem}"
    else:
        yield f"  by: {_plain(outcome.mechanism)}"
    comment = smtpComment(outcome, options.spf.spfSmtpCommentTemplate)
    if comment:
        yield f"  to the client: {comment}"
    if steps:
        yield "Terms:"
    for step in steps:
        came = {True: "matches", False: "no match", None: "goes on there"}[step.matched]
        yield f"  {step.domain}: {_plain(step.term)}: {came}"
    yield "Look-ups:" if lookups else "Look-ups: none"
    for line in lookups:
        yield f"  {line}"
    yield from received(outcome, utf8=True).decode("utf-8").split("\r\n")


def _plain(term: str) -> str:
    """A term of a record, bounded."""
    return term if len(term) <= 100 else term[:97] + "..."


__all__ = ["CheckOptions", "SPFCommandOptions", "told"]
