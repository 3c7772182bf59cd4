"""
SMTP replies as values (RFC 5321 section 4.2, RFC 2034, RFC 3463).

A L{Reply} is made once and rendered once: C{Reply.octets} is what goes to the
peer.  Fixed replies are module constants, so a busy server renders nothing.
L{ReplyReader} is the other direction: octets of a peer to L{Reply}, bounded in
the length of a line and the number of lines.

Text in a reply is for the peer.  What the operator has to know goes to the log,
never in here.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from attrs import field, frozen

from .errors import PeerError

#: RFC 5321 section 4.5.3.1.5 says 512; servers in the field send more.
MAX_LINE_OCTETS = 4096
MAX_LINES = 1000

#: Each octet as it may stand in a text: a control but HT is a C{?}.
_TEXT = bytes(
    ord("?") if each < 0x20 and each != 0x09 or each == 0x7F else each
    for each in range(256)
)
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\Z", re.DOTALL)
_STATUS = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |\Z)")

#: Both, of a reply that is one line: its text, behind what L{_assemble} takes for an
#: enhanced status code.
_SINGLE = re.compile(
    rb"([2-5])[0-9]{2}"
    rb"(?:[ -](?:(?!3)\1\.([0-9]{1,3})\.([0-9]{1,3})(?: |\Z))?(.*))?\Z",
    re.DOTALL,
)


def _render(self: Reply) -> bytes:
    prefix = b"" if self.status is None else b"%d.%d.%d " % self.status
    if len(self.lines) == 1:
        return b"%d %b%b\r\n" % (self.code, prefix, self.lines[0])
    *before, last = self.lines
    out = b""
    for line in before:
        out += b"%d-%b%b\r\n" % (self.code, prefix, line)
    return out + b"%d %b%b\r\n" % (self.code, prefix, last)


def _clean(lines: tuple[bytes, ...]) -> tuple[bytes, ...]:
    # What a peer said can come back in our text; it must not become a line of
    # its own (RFC 5321 section 4.2: textstring has no controls but HT).
    if len(lines) == 1:
        return (lines[0].translate(_TEXT),)
    return tuple([line.translate(_TEXT) for line in lines]) or (b"",)


@frozen
class Reply:
    """
    One reply, possibly of several lines.

    @ivar code: the three-digit reply code, 200 to 599.
    @ivar status: the enhanced status code (RFC 3463), or L{None} where RFC
        2034 forbids one (the greeting, EHLO and 3yz replies).
    @ivar lines: the text, one entry a line, without CRLF; controls are replaced
        by C{?}.
    @ivar closes: does the connection end behind it?
    """

    code: int
    status: tuple[int, int, int] | None
    lines: tuple[bytes, ...] = field(converter=_clean)
    closes: bool = False

    @cached_property
    def octets(self) -> bytes:
        """
        The reply as it goes over the wire, CRLF included.  What comes from a peer is
        mostly never asked for that.
        """
        return _render(self)

    @property
    def onOneLine(self) -> str:
        """The reply as text for the operator, its lines with C{/} between them."""
        text = self.octets.decode("utf-8", "backslashreplace")
        return text.strip().replace("\r\n", " / ")

    @property
    def refuses(self) -> bool:
        """Does this reply turn the command down (4yz or 5yz)?"""
        return self.code >= 400

    @property
    def permanent(self) -> bool:
        """Is it a 5yz?"""
        return self.code >= 500


def reply(code: int, status: str | None, *lines: bytes, closes: bool = False) -> Reply:
    """
    Spell a reply as the RFCs print it: C{reply(550, "5.7.1", b"No")}.

    @param code: the reply code.
    @param status: the enhanced status code, or L{None} for "none".
    @param lines: the text.
    @param closes: does the connection end behind it?
    """
    triple: tuple[int, int, int] | None = None
    if status is not None:
        a, b, c = status.split(".")
        triple = (int(a), int(b), int(c))
    return Reply(code, triple, lines, closes)


_new = object.__new__
#: What puts the parts of a reply into it: to find each by its name takes longer.
_code, _status, _lines, _closes, _octets = [
    vars(Reply)[name].__set__
    for name in ("code", "status", "lines", "closes", "octets")
]


def saying(wordless: Reply, line: bytes) -> Reply:
    """
    A L{Reply} of one line of our own words, made in a fifth of the time.

    @param wordless: the same without them.
    @param line: the text, in which there are no controls.
    """
    made = _new(Reply)
    _code(made, wordless.code)
    _status(made, wordless.status)
    _lines(made, (line,))
    _closes(made, wordless.closes)
    _octets(made, wordless.octets[:-2] + line + b"\r\n")
    return made


class ReplyReader:
    """
    Lines of a peer to replies.

    Feed it one line at a time, without its CRLF; it answers with the reply that
    this line ends, or L{None} where more lines follow.
    """

    def __init__(self) -> None:
        self._code = 0
        self._lines: list[bytes] = []

    @property
    def midway(self) -> bool:
        """Has a reply begun that is not yet whole?"""
        return bool(self._lines)

    def line(self, line: bytes) -> Reply | None:
        """
        Take one line.

        @raise PeerError: not a reply (RFC 5321 section 4.2), codes that differ
            within one reply, or more than L{MAX_LINES} lines.
        """
        if not self._lines and line[3:4] != b"-":
            return single(line)
        match = _LINE.match(line)
        if match is None:
            raise PeerError("not a reply")
        code = int(match[1])
        if self._lines and code != self._code:
            raise PeerError("codes differ within one reply")
        if len(self._lines) >= MAX_LINES:
            raise PeerError("too many lines in one reply")
        self._code = code
        self._lines.append(match[3] or b"")
        if match[2] == b"-":
            return None
        lines, self._lines = self._lines, []
        return _assemble(code, lines)


@lru_cache(maxsize=256)
def single(line: bytes) -> Reply:
    """
    A reply of one line.  A peer says few different ones, and the same over and over.

    @param line: without its CRLF, and not one that others follow.
    @raise PeerError: not a reply.
    """
    match = _SINGLE.match(line)
    if match is None:
        raise PeerError("not a reply")
    code, (_, subject, detail, text) = int(line[:3]), match.groups()
    if subject is None:
        return Reply(code, None, (text or b"",))
    return Reply(code, (code // 100, int(subject), int(detail)), (text,))


def _assemble(code: int, lines: list[bytes]) -> Reply:
    # RFC 2034 section 4: every line carries the code, and its class is the
    # first digit of the reply.  Anything else is plain text.
    found = [_STATUS.match(line) for line in lines]
    first = found[0]
    if (
        first is None
        or int(first[1]) != code // 100
        or any(m is None or m.groups() != first.groups() for m in found)
    ):
        return Reply(code, None, tuple(lines))
    status = (int(first[1]), int(first[2]), int(first[3]))
    return Reply(code, status, tuple(line[first.end() :] for line in lines))


def readReply(octets: bytes) -> Reply | None:
    """
    A reply from C{Reply.octets}.

    @return: L{None}: it is none.
    """
    reader = ReplyReader()
    said = None
    try:
        for line in octets.split(b"\r\n")[:-1]:
            said = reader.line(line)
    except PeerError:
        return None
    return said


OK = reply(250, "2.0.0", b"OK")
BYE = reply(221, "2.0.0", b"Bye", closes=True)
BAD_SEQUENCE = reply(503, "5.5.1", b"Bad sequence of commands")
BAD_ARGUMENT = reply(501, "5.5.4", b"Syntax error in parameters")
BAD_ADDRESS = reply(501, "5.1.3", b"Syntax error in address")
UNKNOWN_PARAMETER = reply(555, "5.5.4", b"Parameter not recognised")
UNKNOWN_COMMAND = reply(500, "5.5.2", b"Command not recognised")
BAD_CHARACTER = reply(500, "5.5.2", b"Invalid character in command")
LINE_TOO_LONG = reply(500, "5.5.2", b"Line too long")
NOT_IMPLEMENTED = reply(502, "5.5.1", b"Command not implemented")
NO_RECIPIENTS = reply(554, "5.5.1", b"No valid recipients")
#: The same in LMTP: RFC 2033 section 4.2 demands this code.
NO_RECIPIENTS_LMTP = reply(503, "5.5.1", b"No valid recipients")
LOCAL_ERROR = reply(451, "4.3.0", b"Local error in processing")
OUT_OF_SYNC = reply(554, "5.5.0", b"SMTP synchronisation error", closes=True)
TOO_MANY_ERRORS = reply(421, "4.7.0", b"Too many errors; closing", closes=True)
TIMED_OUT = reply(421, "4.4.2", b"Timeout; closing", closes=True)
SHUTTING_DOWN = reply(421, "4.3.2", b"Service shutting down; closing", closes=True)
