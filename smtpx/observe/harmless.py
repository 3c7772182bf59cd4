"""
What peers said, made harmless for a line of text.

A line of a log is one event, and its words are facts.  So what a peer chose may
neither end a line nor, where a single word is due, begin another word: somebody
would call himself C{x H=trusted.example}.  Controls, spaces, and whatever is not
plain ASCII become escapes of Python's form; a backslash is doubled, so that an
escape of ours cannot be mistaken for one that the peer wrote.

C{H=evil@example.org} is a mailbox as good as any (RFC 5321 section 4.1.2), and
programs that read the main log look for C{H=} anywhere.  So behind what is the
name of a field there, an equals sign is escaped as well.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category

#: The name of a field of Exim's main log, and its equals sign.
_FIELD = re.compile(
    r"\b(A|C|CV|Ci|D[NST]|F|H|I|K|L|M8S|PS?|QT?|RT?|S|SNI|ST|TFO|T|U|X|id)="
)
_UNSAFE_WORD = re.compile(r"[^!-\[\]-~]")

#: The same, but for C{id=}.
_FIELD_BUT_ID = re.compile(_FIELD.pattern.replace("|id)", ")"))

_UNSAFE_TEXT = re.compile(r"[^ -\[\]-~]")

#: Leaves as they are the octets of a word that has nothing to escape, nor an equals
#: sign: a whole word that it leaves as it is can be told from others in one step.
_PLAIN_WORD = bytes(
    each if 0x20 < each < 0x7F and each not in b"=\\" else 0x3F for each in range(256)
)


def _escape(found: re.Match[str]) -> str:
    return _escaped(found[0])


def _escaped(character: str) -> str:
    code = ord(character)
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
    if type(said) is bytes and said.translate(_PLAIN_WORD) == said:
        # So it nearly always is.
        return said.decode()
    return _shown(said, _UNSAFE_WORD)


#: The same, remembered: for what stands in one line after the other, such as the name
#: of a route, or of a host.
often = lru_cache(maxsize=500, typed=True)(word)


def text(said: bytes | str) -> str:
    """What was said, on one line: visible ASCII and spaces; see L{word}."""
    return _shown(said, _UNSAFE_TEXT)


def answer(said: bytes | str) -> str:
    """
    What a server said of a message, on one line: as L{text}, but C{id=} stays.

    By that Exims and we name a message that was taken, and people look for it in the
    logs of both ends; as a field it stands in lines of arrival only.
    """
    if type(said) is bytes and said.isascii():
        plain = said.decode()
        if (
            plain.isprintable()
            and "\\" not in plain
            # No other name of a field ends so.
            and plain.count("=") == plain.count("d=")
        ):
            return plain
    return _shown(said, _UNSAFE_TEXT, _FIELD_BUT_ID)


def line(said: bytes | str) -> str:
    """
    What was said, on one line: visible ASCII and spaces, where nothing looks for
    fields, so that equals signs stay as they are.
    """
    return _escapedBy(said, _UNSAFE_TEXT)


def visible(said: bytes | str, most: int = 120) -> str:
    """
    What was said, for a page: letters of all scripts stay; what has no shape of its
    own, ends a line, or turns the direction of what stands beside it (Unicode's
    categories C and Z but the space) becomes an escape.

    @param said: octets that are not UTF-8 stand as escapes.
    @param most: what is longer than so many characters is cut.
    """
    whole = decoded(said) if isinstance(said, bytes) else said
    cut = whole[:most]
    if cut.isprintable():
        # The same, at once: nearly all is.
        return cut + "…" if len(whole) > most else cut
    plain = "".join(
        each if each == " " or category(each)[0] not in "CZ" else _escaped(each)
        for each in cut
    )
    return plain + "…" if len(whole) > most else plain


def _escapedBy(said: bytes | str, unsafe: re.Pattern[str]) -> str:
    plain = said.decode("latin-1") if isinstance(said, bytes) else said
    return plain if unsafe.search(plain) is None else unsafe.sub(_escape, plain)


def _shown(
    said: bytes | str, unsafe: re.Pattern[str], fields: re.Pattern[str] = _FIELD
) -> str:
    plain = _escapedBy(said, unsafe)
    if "=" in plain:
        plain = fields.sub(r"\1\\x3d", plain)
    return plain
