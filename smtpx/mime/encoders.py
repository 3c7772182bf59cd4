"""
The two encodings that make seven bits of eight (RFC 2045 sections 6.7 and 6.8), as
streams.

What comes out is the same for any cut of the input, so that a first pass can tell
how long the second will be.  Both give a body part as it stands between its header
and the line end that belongs to the next boundary; at the end of a message, where
there is none, they end in a line end of their own that is not decoded.
"""

from __future__ import annotations

import binascii
from typing import Protocol

#: The longest line, without its CRLF, in characters (RFC 2045 section 6.7 rule 5).
LINE = 76

#: What a line of base64 holds, in octets.
_LINE_OCTETS = LINE // 4 * 3

_TABLE = {code: f"={code:02X}" for code in range(256)}
for _code in (*range(ord("!"), ord("=")), *range(ord(">"), 127), ord(" "), ord("\t")):
    _TABLE[_code] = chr(_code)


class IEncoder(Protocol):
    """Octets in, lines out."""

    def write(self, octets: bytes) -> bytes:
        """
        Take the next octets, cut anywhere.

        @return: what can be said of them, which may be nothing.
        """

    def end(self, last: bool) -> bytes:
        """
        There are no more.

        @param last: is there nothing behind them, not even a boundary?
        @return: what is left.
        """


class QuotedPrintable:
    """
    Quoted-printable, as of a text: a CRLF stays the end of a line, and a CR or LF
    that stands alone is encoded.
    """

    __slots__ = ("_cut", "_line")

    def __init__(self) -> None:
        #: Did the octets so far end in a CR, whose LF may be yet to come?
        self._cut = False
        #: What is encoded of the line that is not yet written; at most L{LINE}.
        self._line = ""

    def write(self, octets: bytes) -> bytes:
        """See L{IEncoder}."""
        if self._cut:
            octets = b"\r" + octets
        self._cut = octets.endswith(b"\r")
        if self._cut:
            octets = octets[:-1]
        out: list[str] = []
        lines = octets.decode("latin-1").split("\r\n")
        rest = lines.pop()
        for line in lines:
            self._add(line, out)
            self._finish(out)
            out.append("\r\n")
        self._add(rest, out)
        return "".join(out).encode("ascii")

    def end(self, last: bool) -> bytes:
        """See L{IEncoder}."""
        out: list[str] = []
        if self._cut:
            self._add("\r", out)
        if last and self._line:
            # A line end that is none (rule 5), for which there has to be room.
            self._guard(out)
            self._wrap(out, LINE - 1)
            self._line += "=\r\n"
        self._finish(out)
        return "".join(out).encode("ascii")

    def _add(self, text: str, out: list[str]) -> None:
        self._line += text.translate(_TABLE)
        self._wrap(out)

    def _wrap(self, out: list[str], most: int = LINE) -> None:
        # What is left of the line is no longer than so many characters.
        line = self._line
        start = 0
        while len(line) - start > most:
            # One character is for the "=", and no triplet is broken.
            cut = start + LINE - 1
            sign = line.find("=", cut - 2, cut)
            if sign >= 0:
                cut = sign
            out.append(line[start:cut])
            out.append("=\r\n")
            start = cut
        self._line = line[start:]

    def _guard(self, out: list[str]) -> None:
        # Rule 3: no white space before the end of a line.
        if self._line[-1:] in (" ", "\t"):
            self._line = self._line[:-1] + f"={ord(self._line[-1]):02X}"
            self._wrap(out)

    def _finish(self, out: list[str]) -> None:
        self._guard(out)
        out.append(self._line)
        self._line = ""


class Base64:
    """Base64, which keeps every octet as it is."""

    __slots__ = ("_begun", "_held")

    def __init__(self) -> None:
        self._held = b""
        self._begun = False

    def write(self, octets: bytes) -> bytes:
        """See L{IEncoder}."""
        octets = self._held + octets
        whole = len(octets) - len(octets) % _LINE_OCTETS
        self._held = octets[whole:]
        return self._lines(octets[:whole])

    def end(self, last: bool) -> bytes:
        """See L{IEncoder}."""
        rest = self._lines(self._held)
        self._held = b""
        return rest + b"\r\n" if last and self._begun else rest

    def _lines(self, octets: bytes) -> bytes:
        if not octets:
            return b""
        encoded = binascii.b2a_base64(octets, newline=False)
        lines = [encoded[at : at + LINE] for at in range(0, len(encoded), LINE)]
        if self._begun:
            lines.insert(0, b"")
        self._begun = True
        return b"\r\n".join(lines)


def base64Octets(octets: int, last: bool) -> int:
    """How long L{Base64} makes so many octets."""
    lines = -(-octets // _LINE_OCTETS)
    ends = lines if last else lines - 1
    return -(-octets // 3) * 4 + 2 * max(ends, 0)
