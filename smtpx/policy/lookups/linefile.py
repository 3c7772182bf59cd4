"""
The form of Exim's C{lsearch} files, which is that of C{/etc/aliases}::

    example.org:     yes
    # A comment, which does not end what stands above it.
    example.net      a value that goes on
                     in the next line
    "a key with: colon and \\" quote":  yes

A key ends at a colon or white space; one in double quotes ends at the next of them,
and has the escapes of Exim's strings (C{\\n}, C{\\x41}, C{\\101}, C{\\"}).  White space
and one colon may stand behind it; the rest, without white space around it, is the
value.  A line that begins with white space goes on with the value above it, of which
one space is left.  Empty lines and those that begin with C{#} are nothing, even between
such lines: so Exim's manual has it, though Exim 4.96 drops what goes on behind them.

Nothing in such a file can be wrong, but that it is too large: Exim takes any line for a
key, and so do we.  L{render} is the inverse, in a form that both read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from .interfaces import KEY_MOST, VALUE_MOST

#: What C's C{isspace} takes for white space.
SPACE = b" \t\n\v\f\r"

_PLAIN_KEY = re.compile(rb"[^: \t\n\v\f\r]*")
_QUOTED_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)("?)', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{0,2})|(.))", re.DOTALL)
_CONTROLS = {
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


@frozen
class Entry:
    """
    One entry.

    @ivar line: where it begins, from 1.
    @ivar key: its key, without quotes and escapes.
    @ivar value: its value; empty: it has none.
    """

    line: int
    key: bytes
    value: bytes


@frozen
class TooLong:
    """
    An entry that is none, because a part of it is too long.

    @ivar line: where it begins, from 1.
    @ivar text: what is wrong with it.
    """

    line: int
    text: str


def unescaped(octets: bytes) -> bytes:
    """
    Without the escapes of Exim's strings.  A backslash at the end stands for itself.
    """

    def one(found: re.Match[bytes]) -> bytes:
        octal, hexadecimal, other = found.groups()
        if octal is not None:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal is not None:
            return bytes([int(hexadecimal or b"0", 16)])
        return _CONTROLS.get(other, other)

    return _ESCAPE.sub(one, octets)


def parse(octets: bytes) -> Iterator[Entry | TooLong]:
    """
    The entries of a file, in their order; of one key there may be several.
    """
    begun: tuple[int, bytes, list[bytes]] | None = None
    for number, line in enumerate(octets.split(b"\n"), 1):
        line = line.rstrip(SPACE)
        if not line or line.startswith(b"#"):
            continue
        if line[:1] in SPACE:
            if begun is not None:
                begun[2].append(b" " + line.lstrip(SPACE))
            continue
        if begun is not None:
            yield _entry(*begun)
        key, rest = _parted(line)
        begun = number, key, [rest]
    if begun is not None:
        yield _entry(*begun)


def _parted(line: bytes) -> tuple[bytes, bytes]:
    """The key of a line, and what stands behind it."""
    quoted = _QUOTED_KEY.match(line)
    if quoted is None:
        plain = _PLAIN_KEY.match(line)
        assert plain is not None, "it matches the empty string, too"
        key, end = plain[0], plain.end()
    elif quoted[2]:
        key, end = unescaped(quoted[1]), quoted.end()
    else:
        # No quote ends it, so that the end of the line does.
        key, end = unescaped(line[1:]), len(line)
    rest = line[end:].lstrip(SPACE)
    return key, rest.removeprefix(b":").lstrip(SPACE)


def _entry(number: int, key: bytes, pieces: list[bytes]) -> Entry | TooLong:
    if len(key) > KEY_MOST:
        return TooLong(number, f"a key has at most {KEY_MOST} octets")
    value = b"".join(pieces)
    if len(value) > VALUE_MOST:
        return TooLong(number, f"a value has at most {VALUE_MOST} octets")
    return Entry(number, key, value)


def render(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """
    A file with these entries.

    @param entries: keys and values; a value has no line ends, and no white space
        around it.
    """
    return b"".join(_key(key) + b": " + value + b"\n" for key, value in entries)


def _key(key: bytes) -> bytes:
    if _PLAIN_KEY.fullmatch(key) and key[:1] not in (b'"', b"#", b""):
        return key
    escaped = re.sub(rb'["\\]', rb"\\\g<0>", key)
    # All that could end the line, or be lost at its end.
    controls = rb"[\x00-\x1f\x7f]"
    return b'"%s"' % re.sub(controls, lambda each: b"\\x%02x" % each[0][0], escaped)


__all__ = ["SPACE", "Entry", "TooLong", "parse", "render", "unescaped"]
