"""
The command line of C{smtpx send}, and what it says, as values.

An option that makes no sense, or does not go with another, is told before anything
is asked or sent.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from attrs import evolve, frozen
from twisted.python.usage import UsageError

from ..core.domain import checkDomain
from ..core.errors import Malformed
from ..core.hooks import Dialect, RoutePolicy, TLSLevel
from ..core.rawparameters import RawParameter
from ..core.stapled import StapleWish
from ..net.probing import Stop
from ..net.sending import Family, Way
from ..sasl import MECHANISMS, Credentials
from ..service.problems import closest
from ..service.tables.routelmtp import LMTP_PORT
from .console import ConsoleOptions

#: RFC 5321 section 4.5.4.2, RFC 6409 section 3.1, RFC 8314 section 3.3.
_PORT, _SUBMISSION_PORT, _SUBMISSIONS_PORT = 25, 587, 465

#: The most messages of one command.
_COUNT_MOST = 100_000

_BODIES = ("7bit", "8bit", "binary")


@frozen
class Server:
    """
    A host that is named on the command line.

    @ivar host: a name, or an address without brackets.
    @ivar port: L{None}: the usual one.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Server:
        """
        Read C{HOST}, C{HOST:PORT}, an address, or C{[ADDRESS]:PORT}.

        @raise UsageError: it is none of these.
        """
        wrong = UsageError(f'--server wants HOST or HOST:PORT, not "{text}"')
        host, port = text, ""
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise wrong
            port = rest.removeprefix(":") if rest else ""
            if rest == ":" or not _isAddress(host):
                raise wrong
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
            if not port:
                raise wrong
        elif ":" in text and not _isAddress(text):
            raise wrong
        if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
            raise wrong
        return cls(host, int(port) if port else None)


def _isAddress(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class SendLine(ConsoleOptions):
    """
    The options of C{smtpx send}.

    @ivar recipients: C{--to}.
    @ivar headers: C{--header}: names with their values.
    @ivar ignored: C{--ignore}, in upper case.
    @ivar mailParameters: C{--mail-parameter}.
    @ivar rcptParameters: C{--rcpt-parameter}.
    """

    synopsis = "[options] --to ADDRESS ..."
    longdesc = (
        "Sends a message, as a server of smtpx would send it, and shows what is said"
        " and when, then draws it, and tells where the time went.  It goes to"
        " --server, or by the --route that a configuration has for the recipient, or"
        " else to the hosts of the recipient's domain.  The exit status is 0 if"
        " everybody has it, and 1 if somebody has not.  A password is never given on"
        " the command line: it comes from a file, from the variable SMTPX_PASSWORD,"
        " or is asked for."
    )
    optParameters: list[list[str | None]] = [
        ["from", "f", None, "The sender; empty: nobody.  [default: you, here]"],
        ["server", "s", None, "Send by this HOST or HOST:PORT."],
        ["socket", None, None, "Send by LMTP to this UNIX socket."],
        ["config", "c", None, "The configuration that --route reads."],
        [
            "tls",
            None,
            None,
            "unwanted, opportunistic, encrypted or verified.  [default:"
            " opportunistic, with a login verified, with --route as that says]",
        ],
        ["ca", None, None, "Trust the authorities in this file, and no others."],
        ["cert", None, None, "Show this certificate to servers that ask for one."],
        ["key", None, None, "Its private key, if that is in another file."],
        ["user", "u", None, "Log in as this user."],
        ["password-file", None, None, "The password is the first line of this file."],
        ["token-file", None, None, "Log in with a token: the first line of this file."],
        ["mechanism", "m", None, "Log in by this mechanism and no other."],
        ["helo", None, None, "What to say in EHLO.  [default: this machine's name]"],
        ["source", None, None, "Connect from this address."],
        ["notify", None, None, "DSN: NEVER, or some of SUCCESS,FAILURE,DELAY."],
        ["ret", None, None, "DSN: FULL or HDRS."],
        ["envid", None, None, "DSN: what reports are to call the message."],
        ["orcpt", None, None, "DSN: the original recipient."],
        ["priority", None, None, "MT-PRIORITY: from -9 to 9."],
        ["by", None, None, "DELIVERBY: SECONDS;R or SECONDS;N, perhaps with a T."],
        ["hold-for", None, None, "FUTURERELEASE: for so many seconds."],
        ["hold-until", None, None, "FUTURERELEASE: until 2026-11-30T12:00:00Z."],
        ["rrvs", None, None, "RRVS: whoever had the mailbox at that time."],
        ["body", None, None, "7bit, 8bit or binary.  [default: as the message is]"],
        ["data", "d", None, "Send the message in this file; -: standard input."],
        ["subject", None, None, "The subject of the test message."],
        [
            "quit-after",
            None,
            None,
            "Send nothing: say QUIT behind ehlo, tls, auth, mail or rcpt.",
        ],
        ["count", "n", "1", "Send so many messages, over one connection."],
        ["timeout", None, None, "Wait at most so many seconds for each answer."],
    ]
    optFlags: list[list[str | None]] = [
        ["route", "r", "Send as the configuration has it for the recipient."],
        ["implicit-tls", None, "Begin with TLS, as on port 465."],
        ["lmtp", None, "Speak LMTP."],
        ["unsafe-login", None, "Log in where others could read the password."],
        ["ipv4", "4", "Use IPv4 only."],
        ["ipv6", "6", "Use IPv6 only."],
        ["smtputf8", None, "SMTPUTF8: say so, even if nothing needs it."],
        ["requiretls", None, "REQUIRETLS: under verified TLS all the way."],
        ["explain-tls", None, "Tell who asked for what of TLS, and what came of it."],
        ["ascii", None, "Draw with ASCII characters only."],
        ["quiet", "q", "Only tell what became of the message."],
        ["json", None, "Print one JSON object, for programs."],
    ]

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.ignored: set[bytes] = set()
        self.mailParameters: list[RawParameter] = []
        self.rcptParameters: list[RawParameter] = []
        ConsoleOptions.__init__(self)  # type: ignore[no-untyped-call]  # Twisted's

    # --- what may be there more than once -----------------------------------------

    def opt_to(self, address: str) -> None:
        """A recipient; may be given more than once."""
        self.recipients.append(address)

    def opt_header(self, field: str) -> None:
        """A field of the test message, "Name: value"; may be given more than once."""
        name, colon, value = field.partition(":")
        good = name and all(33 <= ord(each) <= 126 for each in name)
        if not colon or not good or "\n" in value or "\r" in value:
            raise UsageError(f'--header wants "Name: value", not "{field}"')
        self.headers.append((name, value.strip()))

    def opt_ignore(self, keyword: str) -> None:
        """A keyword of EHLO that the server is not believed; likewise."""
        self.ignored.add(keyword.upper().encode("ascii", "replace"))

    def opt_mail_parameter(self, parameter: str) -> None:
        """Say KEYWORD or KEYWORD=VALUE in MAIL, offered or not; likewise."""
        self.mailParameters.append(_parameter("--mail-parameter", parameter))

    def opt_rcpt_parameter(self, parameter: str) -> None:
        """Say it in each RCPT; likewise."""
        self.rcptParameters.append(_parameter("--rcpt-parameter", parameter))

    opt_t = opt_to

    # --- does it make sense -----------------------------------------------------------

    def parseArgs(self, *arguments: str) -> None:
        """There are none."""
        if arguments:
            hint = "; a recipient stands behind --to" if "@" in arguments[0] else ""
            raise UsageError(f'what is "{arguments[0]}"{hint}?')

    def postOptions(self) -> None:
        """Do all of them go together?"""
        if not self.recipients:
            raise UsageError("to whom?  Name a recipient with --to")
        self._oneOf("server", "route", "socket")
        self._oneOf("lmtp", "route")
        self._oneOf("ipv4", "ipv6")
        self._oneOf("password-file", "token-file")
        self._oneOf("hold-for", "hold-until")
        self._oneOf("json", "quiet")
        self._needs("config", "route")
        self._needs("key", "cert")
        for each in ("password-file", "token-file"):
            self._needs(each, "user")
        if self["server"] is None and not self["route"] and self["socket"] is None:
            if self["user"] is not None or self["mechanism"] is not None:
                raise UsageError("a login is not for strangers: it needs --server")
            for each in ("implicit-tls", "lmtp"):
                if self[each]:
                    raise UsageError(f"--{each} needs --server")
        if self["data"] is not None and (self.headers or self["subject"] is not None):
            text = "--header and --subject are for the test message, not for --data"
            raise UsageError(text)
        if self["orcpt"] is not None and len(self.recipients) > 1:
            raise UsageError("--orcpt is for one recipient")
        self._checkWords()

    def _oneOf(self, *names: str) -> None:
        chosen = [f"--{name}" for name in names if self[name]]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} do not go together")

    def _needs(self, name: str, other: str) -> None:
        if self[name] is not None and not self[other]:
            raise UsageError(f"--{name} needs --{other}")

    def _checkWords(self) -> None:
        """Those that stand for something else are made that."""
        levels = {each.name.lower(): each for each in TLSLevel}
        self["tls"] = self._chosen("tls", levels)
        stops = {each.value: each for each in Stop}
        self["quit-after"] = self._chosen("quit-after", stops)
        self["body"] = self._chosen("body", {each: each for each in _BODIES})
        names = {each.name.decode("ascii"): each for each in MECHANISMS}
        if self["mechanism"] is not None:
            self["mechanism"] = str(self["mechanism"]).upper()
            self["mechanism"] = self._chosen("mechanism", names)
        if self["server"] is not None:
            self["server"] = Server.parse(self["server"])
        if self["tls"] is TLSLevel.UNWANTED and self["quit-after"] is Stop.TLS:
            raise UsageError("--quit-after tls wants TLS")
        self["count"] = self._number("count", 1, _COUNT_MOST)
        self["timeout"] = self._number("timeout", 1, 86400)
        self["priority"] = self._number("priority", -9, 9)
        if self["helo"] is not None:
            _checkName(self["helo"])
        source = self["source"]
        if source is not None and not _isAddress(source):
            raise UsageError(f'--source wants an IP address, not "{source}"')

    def _chosen(self, name: str, values: dict[str, Any]) -> Any:
        word = self[name]
        if word is None or word in values:
            return values.get(word)
        meant = closest(word, values)
        hint = f'; did you mean "{meant}"?' if meant else f": {', '.join(values)}"
        raise UsageError(f'there is no --{name} "{word}"{hint}')

    def _number(self, name: str, least: int, most: int) -> int | None:
        text = self[name]
        if text is None:
            return None
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise UsageError(f"--{name} wants {least} to {most}")
        return number

    # --- what it says -----------------------------------------------------------------

    @property
    def logsIn(self) -> bool:
        """Is there something to log in with?"""
        return self["user"] is not None or self._certified

    @property
    def _certified(self) -> bool:
        mechanism = self["mechanism"]
        return mechanism is not None and mechanism.name == b"EXTERNAL"

    @property
    def needsPassword(self) -> bool:
        """Is there a password to be had from somewhere?"""
        return self["user"] is not None and not self._certified

    @property
    def port(self) -> int:
        """Of the server."""
        server = cast(Server, self["server"])
        if server.port is not None:
            return server.port
        if self["lmtp"]:
            return LMTP_PORT
        if self["implicit-tls"]:
            return _SUBMISSIONS_PORT
        return _SUBMISSION_PORT if self.logsIn else _PORT

    def adjust(self, way: Way, login: Credentials | None) -> Way:
        """
        How hosts are talked to.

        @param way: as it would be without any option.
        @param login: with what to log in; L{None}: as C{way} says.
        """
        level: TLSLevel | None = self["tls"]
        if level is None and login is not None and way.login is None:
            # RFC 8314 section 4: whoever logs in wants to know to whom.
            level = max(way.policy.tls, TLSLevel.VERIFIED)
        if level is not None:
            way = evolve(way, policy=RoutePolicy(level, staple=StapleWish.ASKED))
        if self["implicit-tls"]:
            way = evolve(way, implicitTLS=True)
        if self["lmtp"] or self["socket"] is not None:
            way = evolve(way, dialect=Dialect.LMTP)
        if login is not None:
            way = evolve(way, login=login)
        if self["helo"] is not None:
            way = evolve(way, name=self["helo"].encode("ascii"))
        if self["ipv4"] or self["ipv6"]:
            way = evolve(way, only=Family.IPV4 if self["ipv4"] else Family.IPV6)
        source: str | None = self["source"]
        if source is not None and ":" in source:
            way = evolve(way, sourceIPv6=source.encode("ascii"), only=Family.IPV6)
        elif source is not None:
            way = evolve(way, sourceIPv4=source.encode("ascii"), only=Family.IPV4)
        return evolve(way, ignored=way.ignored | self.ignored)

    def file(self, name: str) -> Path | None:
        """An option that names a file; L{None}: it is not there."""
        return None if self[name] is None else Path(self[name])


def _parameter(option: str, text: str) -> RawParameter:
    try:
        return RawParameter.parse(os.fsencode(text))
    except Malformed:
        wanted = f'{option} wants KEYWORD or KEYWORD=VALUE, not "{text}"'
        raise UsageError(wanted) from None


def _checkName(name: str) -> None:
    try:
        checkDomain(name.encode("ascii"))
    except (Malformed, UnicodeEncodeError):
        raise UsageError(f'--helo wants a host name, not "{name}"') from None


def named(paths: Sequence[str]) -> str:
    """Recipients, as one says them."""
    if len(paths) <= 3:
        return ", ".join(paths)
    return f"{', '.join(paths[:3])} and {len(paths) - 3} more"


__all__ = ["SendLine", "Server", "named"]
