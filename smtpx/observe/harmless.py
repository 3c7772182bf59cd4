"""
What peers said, made harmless for a line of text.

A line of a log is one event, and its words are facts.  So what a peer chose may
neither end a line nor, where a single word is due, begin another word: somebody
would call himself C{x H=trusted.example}.  Controls, spaces, and whatever is not
plain ASCII become escapes of Python's form; a backslash is doubled, so that an
escape of ours cannot be mistaken for one that the peer wrote.
"""

from __future__ import annotations

import re

_UNSAFE_WORD = re.compile(r"[^!-\[\]-~]")
_UNSAFE_TEXT = re.compile(r"[^ -\[\]-~]")


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code == 0x5C:
        return "\\\\"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def decoded(octets: bytes) -> str:
    """
    Octets of a peer as text, still with whatever controls are in it.

    What is not UTF-8 stands there as C{\\xNN}.
    """
    return octets.decode("utf-8", "backslashreplace")


def word(said: bytes | str) -> str:
    """
    What was said, as one word: visible ASCII without spaces.

    @param said: octets are taken one by one, so that this stays reversible;
        text may have any character.
    """
    plain = said.decode("latin-1") if isinstance(said, bytes) else said
    if _UNSAFE_WORD.search(plain) is None:
        return plain
    return _UNSAFE_WORD.sub(_escape, plain)


def text(said: bytes | str) -> str:
    """What was said, on one line: visible ASCII and spaces; see L{word}."""
    plain = said.decode("latin-1") if isinstance(said, bytes) else said
    if _UNSAFE_TEXT.search(plain) is None:
        return plain
    return _UNSAFE_TEXT.sub(_escape, plain)
