"""
What the server says to a milter, as values.

Each L{Command} knows how it goes over the wire, by which flag a milter says that it
does not want it, and by which that it does not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

from .negotiation import Step
from .stages import MacroStage

#: The families of addresses (C{SMFIA_}).
_UNKNOWN, _UNIX, _IPV4, _IPV6 = b"U", b"L", b"4", b"6"

_PORT_OCTETS = 2

#: C{SMFIC_MACRO}.
MACROS = b"D"


@frozen
class Command:
    """
    Something that is said to a milter.

    @ivar code: its octet on the wire.
    @ivar said: what stands behind it.
    @ivar name: what it is called in logs.
    @ivar unwanted: a milter with this flag is not told.
    @ivar silent: a milter with this flag does not answer.
    @ivar answered: does a milter without that flag?
    @ivar stage: macros of this stage go before it; L{None}: none do.
    """

    code: bytes
    said: bytes
    name: str
    unwanted: Step = Step(0)
    silent: Step = Step(0)
    answered: bool = True
    stage: MacroStage | None = None


def connect(name: bytes, address: bytes, port: int) -> Command:
    """
    A client is there.

    @param name: its host's name; an address in square brackets, where that is not
        known.
    @param address: of IPv4 or IPv6, or the path of a UNIX socket; empty: not known.
    @param port: 0: not known.
    """
    return Command(
        b"C",
        name + b"\0" + _place(address, port),
        "connect",
        Step.NO_CONNECT,
        Step.SILENT_CONNECT,
        stage=MacroStage.CONNECT,
    )


def _place(address: bytes, port: int) -> bytes:
    if not address:
        return _UNKNOWN
    if address.startswith(b"/"):
        return _UNIX + bytes(_PORT_OCTETS) + address + b"\0"
    try:
        found = ip_address(address.decode("ascii"))
    except ValueError:
        return _UNKNOWN
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    family = _IPV4 if isinstance(found, IPv4Address) else _IPV6
    # With a scope, an address is none for others.
    text = str(found).partition("%")[0].encode("ascii")
    return family + port.to_bytes(_PORT_OCTETS) + text + b"\0"


def helo(name: bytes) -> Command:
    """What the client calls itself."""
    return Command(
        b"H",
        name + b"\0",
        "helo",
        Step.NO_HELO,
        Step.SILENT_HELO,
        stage=MacroStage.HELO,
    )


def mail(path: bytes, parameters: Sequence[bytes] = ()) -> Command:
    """
    A sender.

    @param path: without angle brackets.
    @param parameters: as they stood behind it.
    """
    return Command(
        b"M",
        _words(path, parameters),
        "mail",
        Step.NO_MAIL,
        Step.SILENT_MAIL,
        stage=MacroStage.MAIL,
    )


def rcpt(path: bytes, parameters: Sequence[bytes] = ()) -> Command:
    """
    A recipient.

    @param path: without angle brackets.
    @param parameters: as they stood behind it.
    """
    return Command(
        b"R",
        _words(path, parameters),
        "rcpt",
        Step.NO_RCPT,
        Step.SILENT_RCPT,
        stage=MacroStage.RCPT,
    )


def _words(path: bytes, parameters: Sequence[bytes]) -> bytes:
    return b"\0".join([b"<%b>" % path, *parameters]) + b"\0"


#: The message is about to come.
DATA = Command(b"T", b"", "data", Step.NO_DATA, Step.SILENT_DATA, stage=MacroStage.DATA)


def headerField(name: bytes, value: bytes, exact: bool, octetsMax: int) -> Command:
    """
    A field of the header.

    @param value: what stands behind the colon, with CRLF where it is folded.
    @param exact: does the milter want the blank behind the colon?
    @param octetsMax: the most that it takes; what is longer is cut off.
    """
    if not exact:
        value = value.removeprefix(b" ")
    # Milters are written for LF, as in Sendmail's memory; a NUL would end the string.
    text = value.replace(b"\r\n", b"\n").replace(b"\0", b" ")
    room = octetsMax - 2
    name = name[:room]
    return Command(
        b"L",
        b"%b\0%b\0" % (name, text[: room - len(name)]),
        "header",
        Step.NO_HEADER,
        Step.SILENT_HEADER,
    )


#: The header is whole.
END_OF_HEADER = Command(
    b"N",
    b"",
    "end of header",
    Step.NO_END_OF_HEADER,
    Step.SILENT_END_OF_HEADER,
    stage=MacroStage.END_OF_HEADER,
)


def bodyPiece(octets: bytes) -> Command:
    """A piece of the body, no longer than was agreed on."""
    return Command(b"B", octets, "body", Step.NO_BODY, Step.SILENT_BODY)


#: The message is whole.
END_OF_MESSAGE = Command(b"E", b"", "end of message", stage=MacroStage.END_OF_MESSAGE)

#: There will be no such message.
ABORT = Command(b"A", b"", "abort", answered=False)

#: The client has gone, and there is nobody else.
QUIT = Command(b"Q", b"", "quit", answered=False)

#: The client has gone, and the next one comes by the same connection.
NEXT = Command(b"K", b"", "quit", answered=False)


__all__ = [
    "ABORT",
    "DATA",
    "END_OF_HEADER",
    "END_OF_MESSAGE",
    "MACROS",
    "NEXT",
    "QUIT",
    "Command",
    "bodyPiece",
    "connect",
    "headerField",
    "helo",
    "mail",
    "rcpt",
]
