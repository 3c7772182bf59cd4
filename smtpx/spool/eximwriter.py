"""
Writing C{ID-H} (L{smtpx.spool.eximspool}), as Exim itself writes it; and taking a
message apart into what stands there and what stands in C{ID-D}.

Lines in both files end with LF alone, so each CRLF of a message becomes an LF, and
becomes a CRLF again where the message goes on from there.  A body with an LF that has
no CR could not be told from one with; Exim's I{wire format} keeps every octet of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .eximspool import EximField, EximMessage, EximRecipient, FilePart, Setting

#: The longest header, in octets: as much as Exim takes (its C{header_maxsize}).
HEADER_OCTETS = 1 << 20

#: What a field begins with: RFC 5322 section 2.2, and blanks that RFC 822 allowed
#: before the colon.
_NAME = re.compile(rb"(resent-)?([!-9;-~]+)[ \t]*:", re.IGNORECASE)

#: The fields that Exim takes an interest in, and what it calls them.
_KINDS = {
    b"bcc": b"B",
    b"cc": b"C",
    b"from": b"F",
    b"message-id": b"I",
    b"received": b"P",
    b"reply-to": b"R",
    b"sender": b"S",
    b"to": b"T",
}

#: Where the message is sent a second time, these of the first time are of no
#: interest (RFC 5322 section 3.6.6).
_RESENT = frozenset({b"bcc", b"cc", b"from", b"message-id", b"sender", b"to"})

_OTHER = b" "


class NotExpressible(ValueError):
    """
    Something of a message cannot be said in Exim's format; the text says what.

    @ivar tooMuch: is there only too much of it?
    """

    def __init__(self, text: str, tooMuch: bool = False) -> None:
        ValueError.__init__(self, text)
        self.tooMuch = tooMuch


def renderHeaderFile(message: EximMessage) -> bytes:
    """
    C{ID-H}, whole.

    @raise NotExpressible: some part of it has a line end where none can be.
    """
    parts = [
        FilePart.HEADER.firstLine(message.id),
        b"%b %d %d\n" % (_line(message.login)[:63], message.uid, message.gid),
        b"<%b>\n" % _line(message.sender),
        b"%d %d\n" % (message.received, message.warnings),
        *[_setting(each) for each in message.settings],
        *_tree(sorted(message.done)),
        b"%d\n" % len(message.recipients),
        *[_recipient(each) for each in message.recipients],
        b"\n",
        *[b"%03d%b %b" % (len(f.text), f.kind, f.text) for f in message.fields],
    ]
    return b"".join(parts)


def _line(text: bytes) -> bytes:
    """
    What has to be on one line.

    @raise NotExpressible: it is not.
    """
    if b"\n" in text or b"\0" in text:
        raise NotExpressible(f"a line end in {text[:60]!r}")
    return text


def _setting(setting: Setting) -> bytes:
    text = b"--" if setting.tainted else b"-"
    if setting.quoter:
        text += b"(%b)" % setting.quoter
    text += setting.name
    if setting.value is not None:
        text += b" %b" % setting.value
    data = setting.data
    if data is None:
        return _line(text) + b"\n"
    return b"%b %d\n%b\n" % (_line(text), len(data), data)


def _tree(done: Sequence[bytes]) -> list[bytes]:
    """
    Sorted addresses as a balanced binary tree, each node before what is below it:
    Exim looks them up there.
    """
    if not done:
        return [b"XX\n"]
    parts = []
    todo = [(0, len(done))]
    while todo:
        start, end = todo.pop()
        middle = (start + end) // 2
        left, right = middle > start, end > middle + 1
        flags = (b"Y" if left else b"N") + (b"Y" if right else b"N")
        parts.append(b"%b %b\n" % (flags, _line(done[middle])))
        if right:
            todo.append((middle + 1, end))
        if left:
            todo.append((start, middle))
    return parts


def _recipient(recipient: EximRecipient) -> bytes:
    path = _line(recipient.path)
    if recipient.plain and not recipient.orcpt:
        return path + b"\n"
    orcpt, errorsTo = _line(recipient.orcpt), _line(recipient.errorsTo)
    return b"%b %b %d,%d %b %d,%d#3\n" % (
        path,
        orcpt,
        len(orcpt),
        recipient.flags,
        errorsTo,
        len(errorsTo),
        recipient.parent,
    )


def splitMessage(pieces: Iterable[bytes]) -> tuple[list[bytes], Iterator[bytes]]:
    """
    Take a message apart into header and body.  The header ends at an empty line, or
    before the first line that is no field, as it does for Exim.

    @param pieces: the message, with CRLF line ends.
    @return: the fields, each with its CRLFs, and pieces of the body; none of those
        is empty.
    @raise NotExpressible: the header is too long.
    """
    source = iter(pieces)
    fields: list[list[bytes]] = []
    held = b""
    octets = 0
    for piece in source:
        held += piece
        at = 0
        while (end := held.find(b"\r\n", at) + 2) > 1:
            line = held[at:end]
            if not _add(line, fields):
                rest = held[at if line != b"\r\n" else end :]
                return _joined(fields), chain([rest] if rest else [], source)
            at = end
        octets += at
        held = held[at:]
        if octets + len(held) > HEADER_OCTETS:
            raise NotExpressible("its header is longer than Exim takes", tooMuch=True)
    if held and _add(held + b"\r\n", fields):
        # The last line of a message that has no body, nor an end of that line.
        held = b""
    return _joined(fields), iter([held] if held else [])


def _add(line: bytes, fields: list[list[bytes]]) -> bool:
    """Add a line to the header, if it belongs there."""
    if line[:1] in (b" ", b"\t") and fields:
        fields[-1].append(line)
    elif _NAME.match(line):
        fields.append([line])
    else:
        return False
    return True


def _joined(fields: list[list[bytes]]) -> list[bytes]:
    return [b"".join(lines) for lines in fields]


def eximField(field: bytes) -> EximField:
    """
    A field in Exim's form.

    @param field: with its CRLFs.
    @raise NotExpressible: it has what Exim's cannot have: NUL, or an LF alone, which
        would be read as a CRLF.
    """
    found = _NAME.match(field)
    assert found is not None, "it was taken for a field"
    name = found[2].lower()
    known = name in _RESENT or not found[1]
    text = field.replace(b"\r\n", b"\n")
    if len(field) - len(text) != field.count(b"\n") or b"\0" in field:
        raise NotExpressible(f"an octet in the field {found[0]!r} that cannot be there")
    return EximField(_KINDS.get(name, _OTHER) if known else _OTHER, text)


class LineCounter:
    """
    What Exim notes of a text while it streams by, lines ended by LF.

    @ivar octets: how long it is.
    @ivar lines: how many lines have ended.
    @ivar longest: the length of the longest line, in octets without its end.
    @ivar nulls: how many octets were NUL.
    """

    def __init__(self) -> None:
        self.octets = 0
        self.lines = 0
        self.longest = 0
        self.nulls = 0
        self._open = 0

    def count(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Count on, and let pass."""
        for piece in pieces:
            self.add(piece)
            yield piece

    def add(self, piece: bytes) -> None:
        """Count on."""
        lengths = [*map(len, piece.split(b"\n"))]
        lengths[0] += self._open
        self._open = lengths[-1]
        self.octets += len(piece)
        self.lines += len(lengths) - 1
        self.longest = max(self.longest, max(lengths))
        self.nulls += piece.count(0)


__all__ = [
    "HEADER_OCTETS",
    "LineCounter",
    "NotExpressible",
    "eximField",
    "renderHeaderFile",
    "splitMessage",
]
