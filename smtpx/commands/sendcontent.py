"""
What C{smtpx send} sends: a file, or a small message made here; and the envelope, with
what options say of it.
"""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import IO, Any, TypeVar, cast

from ..core.envelope import Bearer, Envelope
from ..core.errors import Malformed
from ..core.grammar import XTEXT, Grammar
from ..core.rawparameters import RAW
from ..extensions import deliverby, dsn, futurerelease, rrvs
from ..extensions.binarymime import BINARY
from ..extensions.eightbitmime import EIGHTBIT
from ..extensions.mtpriority import PRIORITY
from ..extensions.requiretls import REQUIRED
from ..extensions.smtputf8 import UTF8
from ..net.addressing import Addressed, prepared
from ..net.mailer import ownName
from .console import CommandFailed, Console
from .sendline import SendLine

#: What is kept of the standard input in memory; more goes into a file, in octets.
_MEMORY_OCTETS = 1 << 20

T = TypeVar("T")

_TEXT = """\
This is a test message.

"smtpx send" has sent it, at {when}, from {host}.
"""


def senderOf(options: SendLine) -> str:
    """The sender: as given, or whoever works here."""
    given: str | None = options["from"]
    if given is None:
        return f"{_user()}@{_host()}"
    return "" if given == "<>" else given.removeprefix("<").removesuffix(">")


def _user() -> str:
    """Who works here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Nobody whom the system knows, as in a container.
        return "smtpx"


def _host() -> str:
    return ownName().decode("ascii")


def testMessage(
    options: SendLine, sender: str, number: int, now: float
) -> EmailMessage:
    """
    A small message.

    @param number: which of several; from 1.
    @param now: seconds since the epoch.
    @raise CommandFailed: a field cannot be had so.
    """
    when = datetime.fromtimestamp(now, UTC)
    host = _host()
    message = EmailMessage()
    subject = options["subject"] or "Test of smtpx send"
    if options["count"] > 1:
        subject += f" ({number} of {options['count']})"
    fields = [
        ("Date", format_datetime(when)),
        ("From", sender or f"MAILER-DAEMON@{host}"),
        ("To", ", ".join(options.recipients)),
        ("Subject", subject),
        ("Message-ID", make_msgid(domain=host)),
    ]
    given = {name.lower() for name, _ in options.headers}
    fields = [each for each in fields if each[0].lower() not in given]
    try:
        for name, value in (*fields, *options.headers):
            message[name] = value
        message.set_content(_TEXT.format(when=format_datetime(when), host=host))
    except (ValueError, IndexError) as error:
        # The library has no better word for an address that is none.
        raise CommandFailed(f"the message cannot be made: {error}") from error
    return message


class Contents:
    """
    The messages.
    """

    def __init__(self, options: SendLine, console: Console) -> None:
        """
        @raise CommandFailed: there is no such file.
        """
        self._options = options
        self._file: IO[bytes] | None = None
        name: str | None = options["data"]
        if name == "-":
            self._file = _whole(console)
        elif name is not None:
            try:
                self._file = open(name, "rb")
            except OSError as error:
                raise CommandFailed(f"{name}: {error.strerror or error}") from error

    def message(
        self, recipients: tuple[str, ...], number: int, now: float
    ) -> Addressed:
        """
        A message for some, as it is to be sent.

        @param number: which of several; from 1.
        @param now: seconds since the epoch.
        @raise CommandFailed: an address, or what an option says, is no good.
        """
        options, sender = self._options, senderOf(self._options)
        if self._file is not None:
            self._file.seek(0)
        source = self._file or testMessage(options, sender, number, now)
        try:
            made = prepared(sender, recipients, source, now)
            _stamp(options, made)
        except Malformed as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            name = options["data"]
            raise CommandFailed(f"{name}: {error.strerror or error}") from error
        return made

    def close(self) -> None:
        """It is not needed any more."""
        if self._file is not None:
            self._file.close()


def _whole(console: Console) -> IO[bytes]:
    """All of the standard input, which can be read but once."""
    kept: Any = tempfile.SpooledTemporaryFile(max_size=_MEMORY_OCTETS)
    for line in iter(console.line, b""):
        kept.write(line)
    return cast("IO[bytes]", kept)


def _stamp(options: SendLine, made: Addressed) -> None:
    """
    Note what options say.

    @raise Malformed: that is no good.
    """
    envelope = made.envelope
    stamps = envelope.stamps
    if options["ret"] is not None:
        stamps[dsn.RET] = _read(b"RET", options["ret"].upper().encode("utf-8"))
    if options["envid"] is not None:
        stamps[dsn.ENVID] = _read(b"ENVID", _xtext(options["envid"]))
    if options["priority"] is not None:
        stamps[PRIORITY] = options["priority"]
    if options["smtputf8"]:
        stamps[UTF8] = True
    if options["requiretls"]:
        stamps[REQUIRED] = True
    _stampBody(options["body"], envelope)
    _stampTimes(options, envelope)
    if options.mailParameters:
        stamps[RAW] = tuple(options.mailParameters)
    for recipient in envelope.recipients:
        if options["notify"] is not None:
            events = options["notify"].upper().encode("utf-8")
            recipient.stamps[dsn.NOTIFY] = _read(b"NOTIFY", events)
        if options["orcpt"] is not None:
            recipient.stamps[dsn.ORCPT] = _read(b"ORCPT", _orcpt(options["orcpt"]))
        if options.rcptParameters:
            recipient.stamps[RAW] = tuple(options.rcptParameters)


def _stampBody(body: str | None, bearer: Bearer) -> None:
    stamps = bearer.stamps
    if body == "7bit" and EIGHTBIT in stamps:
        # Whatever is in it: that is what somebody wants to see.
        del stamps[EIGHTBIT]
    elif body == "8bit":
        stamps[EIGHTBIT] = True
    elif body == "binary":
        stamps[BINARY] = True


def _stampTimes(options: SendLine, envelope: Envelope) -> None:
    """
    When it is to go, and to be there.

    @raise Malformed: an option does not say that.
    """
    stamps, now = envelope.stamps, envelope.arrived
    by = _parsed(options, "by", deliverby.GRAMMAR)
    if by is not None:
        at = now + by.seconds
        stamps[deliverby.DEADLINE] = deliverby.Deadline(at, by.mode, by.trace)
    seconds = _parsed(options, "hold-for", futurerelease.INTERVAL)
    if seconds is not None:
        stamps[futurerelease.HOLD] = futurerelease.Hold(now + seconds, seconds)
    until = _parsed(options, "hold-until", futurerelease.TIME)
    if until is not None:
        stamps[futurerelease.HOLD] = futurerelease.Hold(until)
    since = _parsed(options, "rrvs", rrvs.GRAMMAR)
    if since is not None:
        for recipient in envelope.recipients:
            recipient.stamps[rrvs.SINCE] = since


def _parsed(options: SendLine, name: str, grammar: Grammar[T]) -> T | None:
    """
    What an option says; L{None}: it is not there.

    @raise Malformed: it does not say that; the message names the option.
    """
    text: str | None = options[name]
    if text is None:
        return None
    try:
        return grammar.parse(os.fsencode(text))
    except Malformed as error:
        raise Malformed(f"--{name} {error}") from None


def _read(keyword: bytes, value: bytes) -> bytes:
    """
    The value of a parameter of DSN, if it is one.

    @raise Malformed: it is not; the message names the option.
    """
    [parameter] = (each for each in dsn.PARAMETERS if each.keyword == keyword)
    try:
        return parameter.grammar.parse(value)
    except Malformed as error:
        name = keyword.decode("ascii").lower()
        raise Malformed(f"--{name} {error}") from None


def _xtext(text: str) -> bytes:
    return XTEXT.render(os.fsencode(text)) or b""


def _orcpt(text: str) -> bytes:
    kind, semicolon, address = text.partition(";")
    if not semicolon:
        kind, address = "rfc822" if text.isascii() else "utf-8", text
    if kind.lower() == "utf-8":
        return f"{kind};{address}".encode()
    return os.fsencode(kind) + b";" + _xtext(address)


#: What was to be said, and the keyword of EHLO that it takes.
_WISHES = (
    ("ret", "RET=", "DSN"),
    ("envid", "ENVID=", "DSN"),
    ("notify", "NOTIFY=", "DSN"),
    ("orcpt", "ORCPT=", "DSN"),
    ("priority", "MT-PRIORITY=", "MT-PRIORITY"),
    ("smtputf8", "SMTPUTF8", "SMTPUTF8"),
    ("by", "BY=", "DELIVERBY"),
)


def unsaid(options: SendLine, lines: Iterable[str]) -> Iterator[str]:
    """
    What options wanted said, and the server could not be told.

    @param lines: all MAIL and RCPT commands.
    """
    said = list(lines)
    for option, word, keyword in _WISHES:
        # A priority of 0 is one; a flag that is not there is 0.
        if options[option] is None or (option == "smtputf8" and not options[option]):
            continue
        if said and not any(f" {word}" in line for line in said):
            name = word.removesuffix("=")
            yield f"{name} was not said, for the server does not offer {keyword}"


__all__ = ["Contents", "senderOf", "testMessage", "unsaid"]
