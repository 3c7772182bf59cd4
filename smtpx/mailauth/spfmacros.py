"""
The macros of SPF records and of their explanations (RFC 7208 section 7).

L{parse} compiles a C{macro-string} into L{Text}, and L{parseDomain} a
C{domain-spec}; L{Text.expand} and L{Text.expandName} fill in what the letters stand
for.  The grammar::

    domain-spec      = macro-string domain-end
    domain-end       = ( "." toplabel [ "." ] ) / macro-expand
    toplabel         = ( *alphanum ALPHA *alphanum ) /
                       ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
    macro-string     = *( macro-expand / macro-literal )
    macro-expand     = ( "%{" macro-letter transformers *delimiter "}" )
                       / "%%" / "%_" / "%-"
    macro-literal    = %x21-24 / %x26-7E
    transformers     = *DIGIT [ "r" ]
    delimiter        = "." / "-" / "+" / "," / "/" / "_" / "="

Records come from strangers, so an expansion stops where it is as long as it may
become: that of a text from the left, that of a name from the right, for the left is
what section 7.3 cuts off.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from attrs import field, frozen

from ..core.errors import Malformed

#: The letters that may stand anywhere, and those that may in explanations alone
#: (RFC 7208 section 7.2).
LETTERS = frozenset("slodiphv")
EXPLAINING = LETTERS | frozenset("crt")

#: RFC 7208 section 7.3, in octets.
NAME_OCTETS = 253
#: RFC 1035 section 2.3.4, in octets.
_LABEL_OCTETS = 63

#: More parts than this no value has: a domain name has 127 at most, and a local part
#: 64 (RFC 5321 section 4.5.3.1.1).
_PARTS_MOST = 1000

#: What a letter stands for: asked once for each time that it occurs.
Values = Callable[[str], str]

_piece = re.compile(
    r"(?P<literal>[!-$&-~ ]++)"
    r"|%\{(?P<letter>[A-Za-z])(?P<digits>[0-9]*+)(?P<reverse>[Rr]?+)"
    r"(?P<delimiters>[-.+,/_=]*+)\}"
    r"|%(?P<escape>[%_-])"
).match
_topLabel = re.compile(
    r".*\.(?=[0-9]*+[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?\Z"
).match
_escapes = {"%": "%", "_": " ", "-": "%20"}


@frozen
class Macro:
    """
    One C{macro-expand} with a letter.

    @ivar letter: in lower case.
    @ivar parts: how many of the right-hand parts are used; 0: all.
    @ivar reverse: are the parts turned round first?
    @ivar delimiters: what the value is split at; empty: dots.
    @ivar escape: is the outcome escaped as in URLs (a letter in upper case)?
    """

    letter: str
    parts: int = 0
    reverse: bool = False
    delimiters: str = ""
    escape: bool = False

    def expand(self, value: str) -> str:
        """
        Transform what the letter stands for (RFC 7208 section 7.3).

        @param value: octets that are not ASCII are in it by C{surrogateescape}.
        """
        if self.parts or self.reverse or self.delimiters:
            delimiters = self.delimiters or "."
            for other in delimiters[1:]:
                value = value.replace(other, delimiters[0])
            parts = value.split(delimiters[0])
            if self.reverse:
                parts.reverse()
            value = ".".join(parts[-self.parts :])
        if self.escape:
            return quote(value, safe="", errors="surrogateescape")
        return value

    def __str__(self) -> str:
        """As it is written."""
        letter = self.letter.upper() if self.escape else self.letter
        parts = str(self.parts) if self.parts else ""
        return f"%{{{letter}{parts}{'r' if self.reverse else ''}{self.delimiters}}}"


@frozen
class Text:
    """
    A C{macro-string}, compiled.

    @ivar pieces: what it is made of, without two strings side by side.
    @ivar letters: the letters in it, in lower case.
    """

    pieces: tuple[str | Macro, ...]
    letters: frozenset[str] = field(init=False, eq=False)

    @letters.default
    def _findLetters(self) -> frozenset[str]:
        return frozenset(
            each.letter for each in self.pieces if not isinstance(each, str)
        )

    def expand(self, values: Values, most: int) -> str:
        """
        Fill in what the letters stand for.

        @param most: how many characters to return at most; the rest is cut off.
        """
        found = ""
        for piece in self.pieces:
            found += piece if isinstance(piece, str) else _expanded(piece, values)
            if len(found) >= most:
                break
        return found[:most]

    def expandName(self, values: Values) -> bytes | None:
        """
        Fill in what the letters stand for, and take it as a domain name, of whose
        labels so many are left as a name may have (RFC 7208 section 7.3).

        @return: as L{smtpx.mailauth.asking.Lookup} has names; L{None}: there can be
            no such name.
        """
        found = ""
        for piece in reversed(self.pieces):
            found = (
                piece if isinstance(piece, str) else _expanded(piece, values)
            ) + found
            # One more for the dot at the end, one for the dot before the first label
            # that stays.
            if len(found) > NAME_OCTETS + 2:
                break
        return nameOf(found)

    def __str__(self) -> str:
        """As it is written."""
        return "".join(
            each.replace("%", "%%").replace(" ", "%_")
            if isinstance(each, str)
            else str(each)
            for each in self.pieces
        )


def _expanded(macro: Macro, values: Values) -> str:
    return macro.expand(values(macro.letter))


def nameOf(text: str) -> bytes | None:
    """
    A domain name that can be asked for.

    @param text: with or without a dot at the end; a name that is too long loses
        labels on the left.
    @return: in lower case without the dot at the end; L{None}: a label is empty or
        too long, or not of printable ASCII.
    """
    text = text.removesuffix(".")
    if len(text) > NAME_OCTETS:
        start = text.find(".", len(text) - NAME_OCTETS - 1) + 1
        if not start:
            return None
        text = text[start:]
    if not (text.isascii() and text.isprintable()):
        return None
    if not all(0 < len(label) <= _LABEL_OCTETS for label in text.split(".")):
        return None
    return text.lower().encode("ascii")


def parse(text: str, letters: frozenset[str] = LETTERS, spaces: bool = False) -> Text:
    """
    Compile a C{macro-string}, or an C{explain-string}.

    @param letters: those that may be in it.
    @param spaces: may there be spaces (in explanations)?
    @raise Malformed: it is none.
    """
    return _compiled(text, letters, spaces)[0]


def _compiled(
    text: str, letters: frozenset[str], spaces: bool
) -> tuple[Text, re.Match[str] | None]:
    """Compile a text; the last piece's match tells how it ends."""
    pieces: list[str | Macro] = []
    at = 0
    match = None
    while at < len(text):
        match = _piece(text, at)
        if match is None:
            raise Malformed(f"bad macro or character at {shown(text[at:])}")
        at = match.end()
        if match["letter"]:
            pieces.append(_macro(match, letters))
            continue
        literal = match["literal"] or _escapes[match["escape"]]
        if match["literal"] and not spaces and " " in literal:
            raise Malformed("space in a macro string")
        before = pieces[-1] if pieces else None
        if isinstance(before, str):
            pieces[-1] = before + literal
        else:
            pieces.append(literal)
    return Text(tuple(pieces)), match


def parseDomain(text: str) -> Text:
    """
    Compile a C{domain-spec}.

    @raise Malformed: it is none.
    """
    found, last = _compiled(text, LETTERS, False)
    if last is None:
        raise Malformed("a domain is missing")
    if last["literal"] and _topLabel(text) is None:
        raise Malformed(f"{shown(text)} does not end in a domain's top label")
    return found


def _macro(match: re.Match[str], letters: frozenset[str]) -> Macro:
    letter = match["letter"].lower()
    if letter not in letters:
        raise Malformed(f"there is no macro %{{{match['letter']}}} here")
    digits = match["digits"]
    parts = 0
    if digits:
        # Any number of digits is allowed, and int() of very many is slow.
        significant = digits.lstrip("0")
        if not significant:
            raise Malformed(f"macro %{{{letter}{digits[:1]}}} takes no parts")
        parts = int(significant) if len(significant) < 4 else _PARTS_MOST
    return Macro(
        letter,
        parts,
        bool(match["reverse"]),
        match["delimiters"],
        match["letter"].isupper(),
    )


def shown(text: str) -> str:
    """A piece of a record in a message for people: bounded, ASCII, quoted."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


__all__ = [
    "EXPLAINING",
    "LETTERS",
    "Macro",
    "NAME_OCTETS",
    "Text",
    "Values",
    "nameOf",
    "parse",
    "parseDomain",
    "shown",
]
