"""
Messages in the forms in which they are signed (RFC 6376 section 3.4), and what is
signed of a header (section 5.4.2).

A body is brought into its form while it streams by (L{BodyForm}), with no work for
each line: a piece is searched and replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from ..core.submitted import Field


class Form(Enum):
    """
    How much of a change on the way a signature bears.

    @cvar SIMPLE: next to none.
    @cvar RELAXED: of white space, and of the case of fields' names.
    """

    SIMPLE = b"simple"
    RELAXED = b"relaxed"


_TABS = bytes.maketrans(b"\t", b" ")

#: How many octets are worked on at once; whoever writes more at a time gives it to us
#: as one piece, of which there is to be no copy.
PIECE_OCTETS = 16_384


# --- header fields ------------------------------------------------------------


def fieldForm(field: bytes, form: Form) -> bytes:
    """
    A field in its form (RFC 6376 sections 3.4.1 and 3.4.2).

    @param field: all of it, with its CRLFs.
    @return: it, with its last CRLF.
    """
    if form is Form.SIMPLE:
        return field
    name, _, value = field.partition(b":")
    # Only a CRLF that folds can stand inside (RFC 5322 section 2.2.3), so all go.
    words = value.replace(b"\r\n", b"").translate(_TABS).split(b" ")
    text = b" ".join(filter(None, words))
    return b"%b:%b\r\n" % (name.rstrip(b" \t").lower(), text)


def selected(fields: Sequence[Field], names: Iterable[bytes]) -> list[Field]:
    """
    The fields that a list of names means: for each name, the last field of that name
    that was not meant before; none where there is no more, so that a name too many
    says that there shall be none.

    @param fields: without the one that the signature stands in.
    @param names: in lower case.
    """
    left: dict[bytes, list[Field]] = {}
    for field in fields:
        left.setdefault(field.name, []).append(field)
    chosen: list[Field] = []
    for name in names:
        others = left.get(name)
        if others:
            chosen.append(others.pop())
    return chosen


def signedOctets(fields: Iterable[Field], own: bytes, form: Form) -> bytes:
    """
    What a signature is made over (RFC 6376 section 3.7): fields in their form, and
    last of all the one that the signature is to stand in.  ARC signs its sets in the
    same way (RFC 8617 sections 4.1.2 and 5.1.1).

    @param fields: in the order in which they are signed.
    @param own: the field with the value of its C{b=} deleted; whether a CRLF stands
        at its end is all the same.
    """
    parts = [fieldForm(field.octets, form) for field in fields]
    last = own if own.endswith(b"\r\n") else own + b"\r\n"
    parts.append(fieldForm(last, form)[:-2])
    return b"".join(parts)


# --- bodies -------------------------------------------------------------------


class BodyForm:
    """
    Brings a body into its form, piece by piece; pieces may be cut anywhere.

    Empty lines are held back until something follows, and are only counted; so is
    white space until it is known whether a line ends behind it, of which one space
    is kept.
    """

    __slots__ = ("_begun", "_ends", "_held", "_relaxed")

    def __init__(self, form: Form) -> None:
        self._relaxed = form is Form.RELAXED
        #: What may yet be part of something else: at the most a space and a CR.
        self._held = b""
        #: How many CRLFs have been seen since the last octet that is no line end.
        self._ends = 0
        #: Has anything come out?
        self._begun = False

    def write(self, piece: bytes) -> Iterator[bytes]:
        """
        Take a piece.

        @return: what is known of the form by it; to be used up before the next call.
        """
        for start in range(0, len(piece), PIECE_OCTETS):
            yield from self._write(piece[start : start + PIECE_OCTETS])

    def end(self) -> Iterator[bytes]:
        """
        The body ends here.

        @return: the rest of its form.
        """
        if self._held.endswith(b"\r"):
            yield from self._pending()
            yield self._held
        if self._begun or not self._relaxed:
            # RFC 6376 section 3.4.3: a body without a line is one empty line; in
            # section 3.4.4 it is nothing.
            yield b"\r\n"

    def _write(self, piece: bytes) -> Iterator[bytes]:
        octets = self._held + piece if self._held else piece
        self._held = b""
        if octets.endswith(b"\r"):
            octets, self._held = octets[:-1], b"\r"
        if self._relaxed:
            octets = _squeezed(octets)
            if octets.endswith(b" "):
                octets, self._held = octets[:-1], b" " + self._held
        ends = _emptyLines(octets)
        content = octets[: len(octets) - 2 * ends] if ends else octets
        if content:
            yield from self._pending()
            yield content
        self._ends += ends

    def _pending(self) -> Iterator[bytes]:
        """The line ends that were held back, for something follows."""
        self._begun = True
        while self._ends:
            count = min(self._ends, PIECE_OCTETS // 2)
            self._ends -= count
            yield b"\r\n" * count


def _squeezed(octets: bytes) -> bytes:
    """
    Runs of white space as one space, and none before a CRLF (RFC 6376 section 3.4.4).
    """
    if b"\t" in octets:
        octets = octets.translate(_TABS)
    # Each time, the longest run is half as long.  To split and join takes two thirds
    # of the time that "replace" takes, which counts first.
    while b"  " in octets:
        octets = b" ".join(octets.split(b"  "))
    if b" \r\n" in octets:
        octets = b"\r\n".join(octets.split(b" \r\n"))
    return octets


def _emptyLines(octets: bytes) -> int:
    """How many CRLFs stand at the end, with nothing between them."""
    tail = octets[len(octets.rstrip(b"\r\n")) :]
    if not tail.endswith(b"\n"):
        return 0
    # Where the same octet stands twice, one of them is alone; behind that, they
    # take turns.
    run = tail[max(tail.rfind(b"\n\n"), tail.rfind(b"\r\r")) + 1 :]
    return len(run) // 2


__all__ = [
    "BodyForm",
    "Form",
    "fieldForm",
    "selected",
    "signedOctets",
]
