"""
The author domain: in whose name a message is, which is what DMARC is about (RFC 9989
section 5.3.1).

It is read from C{From} as RFC 5322 section 3.6.2 has it, with the older forms of its
section 4.4 and with UTF-8 (RFC 6532)::

    from         = "From:" (mailbox-list / address-list) CRLF
    mailbox      = name-addr / addr-spec
    name-addr    = [display-name] [CFWS] "<" [obs-route] addr-spec ">" [CFWS]
    group        = display-name ":" [mailbox-list / CFWS] ";" [CFWS]

There has to be exactly one domain.  A message that has several, or a field that reads
one way to us and perhaps another to whoever shows it, has none: what is checked must be
what is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..core.domain import checkDomain
from ..core.errors import Malformed
from .idn import asciiDomain

#: The longest field that is read, in octets.
FIELD_OCTETS = 65536

#: How deep comments may stand in each other.
_DEPTH_MOST = 20

_token = re.compile(
    rb'(?P<space>[ \t\r\n]+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<special>[<>@,;:.()])'
    rb"|(?P<literal>\[[^\[\]\\]*\])|(?P<word>[^ \t\r\n\"<>@,;:.()\[\]\\]+)",
    re.DOTALL,
).match
_comment = re.compile(rb"[^()\\]+|\\.|[()]", re.DOTALL).match

#: What ends the field, or what is shown of it, for some and not for others.
_control = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\n(?![ \t])"
).search

#: What a token is, and its octets.
_Token = tuple[str, bytes]


class NoAuthor(Malformed):
    """
    A message is in nobody's name, or in that of several.
    """


def authorDomain(fields: Sequence[bytes]) -> bytes:
    """
    In whose name a message is.

    @param fields: what stands behind the colon of each C{From} of its header.
    @return: a domain in A-labels, in lower case.
    @raise NoAuthor: there is not exactly one.
    """
    if len(fields) != 1:
        raise NoAuthor(f"{len(fields)} From fields" if fields else "no From field")
    if len(fields[0]) > FIELD_OCTETS:
        raise NoAuthor(f"a From field longer than {FIELD_OCTETS} octets")
    if _control(fields[0].removesuffix(b"\r\n")) is not None:
        raise NoAuthor("control character in From")
    domains = {_domain(written) for written in _addresses(list(_tokens(fields[0])))}
    if len(domains) != 1:
        raise NoAuthor(f"{len(domains)} domains in From")
    return domains.pop()


def _domain(written: bytes) -> bytes:
    try:
        domain = asciiDomain(written)
        checkDomain(domain.replace(b"_", b"x"))
    except Malformed as error:
        raise NoAuthor(f"bad domain in From: {error}") from None
    if domain.startswith(b"["):
        raise NoAuthor("an address literal in From")
    return domain


def _tokens(octets: bytes) -> Iterator[_Token]:
    """
    The tokens of a field, but for white space and comments, behind each of which a
    word ends.

    @raise NoAuthor: it is not in the grammar.
    """
    at = 0
    while at < len(octets):
        match = _token(octets, at)
        if match is None:
            raise NoAuthor("bad character in From")
        at = match.end()
        kind, text = match.lastgroup or "", match[0]
        if text == b"(":
            at = _behindComment(octets, at)
        elif kind != "space":
            yield (text.decode("ascii"), text) if kind == "special" else (kind, text)


def _behindComment(octets: bytes, at: int) -> int:
    depth = 1
    while depth:
        match = _comment(octets, at)
        if match is None:
            raise NoAuthor("a comment without an end in From")
        at = match.end()
        depth += {b"(": 1, b")": -1}.get(match[0], 0)
        if depth > _DEPTH_MOST:
            raise NoAuthor("too many comments in each other in From")
    return at


def _addresses(tokens: list[_Token]) -> Iterator[bytes]:
    """
    The domains of all addresses.

    @raise NoAuthor: it is not in the grammar.
    """
    kinds = [kind for kind, _ in tokens]
    start = 0
    grouped = False
    while start < len(tokens):
        end = _endOf(kinds, start)
        mark = kinds[end] if end < len(kinds) else ","
        if mark == ":":
            # A group begins; they don't stand in each other.
            # The name of one that looks like an address is one, to some.
            phrase = kinds[start:end]
            if grouped or "@" in phrase or not _isPhrase(phrase, True):
                raise NoAuthor("a bad group in From")
            grouped = True
        elif end > start:
            yield _mailbox(tokens[start:end])
        if mark == ";":
            if not grouped:
                raise NoAuthor("a group that ends and did not begin in From")
            grouped = False
        start = end + 1
    if grouped:
        raise NoAuthor("a group without an end in From")


def _endOf(kinds: list[str], start: int) -> int:
    """
    Where a mailbox, or the name of a group, ends; what stands in brackets is not
    looked at.
    """
    inside = False
    for at in range(start, len(kinds)):
        kind = kinds[at]
        if kind in ("<", ">"):
            inside = kind == "<"
        elif not inside and kind in (",", ":", ";"):
            return at
    return len(kinds)


def _isPhrase(kinds: list[str], needed: bool) -> bool:
    """
    Can a name be of such tokens?  More is allowed than RFC 5322 has: it is written
    with dots and with an C{@} by many.
    """
    if needed and not kinds:
        return False
    return all(kind in ("word", "quoted", ".", "@") for kind in kinds)


def _mailbox(tokens: list[_Token]) -> bytes:
    """
    The domain of a mailbox.

    @raise NoAuthor: it is not in the grammar.
    """
    kinds = [kind for kind, _ in tokens]
    if "<" not in kinds:
        return _specified(tokens)
    opens = kinds.index("<")
    if kinds[-1] != ">" or not _isPhrase(kinds[:opens], False):
        raise NoAuthor("bad address in From")
    address = tokens[opens + 1 : -1]
    if address and address[0][0] in ("@", ","):
        # obs-route: hosts to go by, up to a colon.
        colons = [at for at, (kind, _) in enumerate(address) if kind == ":"]
        if len(colons) != 1:
            raise NoAuthor("bad route in From")
        address = address[colons[0] + 1 :]
    return _specified(address)


def _specified(tokens: list[_Token]) -> bytes:
    """
    The domain of C{local-part "@" domain}.

    @raise NoAuthor: it is not in the grammar.
    """
    kinds = [kind for kind, _ in tokens]
    if kinds.count("@") != 1:
        raise NoAuthor("bad address in From")
    middle = kinds.index("@")
    _checkDotted(kinds[:middle], ("word", "quoted"))
    domain = tokens[middle + 1 :]
    if kinds[middle + 1 :] != ["literal"]:
        _checkDotted(kinds[middle + 1 :], ("word",))
    return b"".join(text for _, text in domain)


def _checkDotted(kinds: list[str], words: tuple[str, ...]) -> None:
    """
    Words with a dot between each two.

    @raise NoAuthor: they are not.
    """
    right = [kind in words for kind in kinds[::2]] + [k == "." for k in kinds[1::2]]
    if len(kinds) % 2 == 0 or not all(right):
        raise NoAuthor("bad address in From")


__all__ = ["FIELD_OCTETS", "NoAuthor", "authorDomain"]
