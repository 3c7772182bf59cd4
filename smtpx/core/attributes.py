"""
Attributes: what one mail server tells another of a client, in Postfix's manner
(its XCLIENT_README and XFORWARD_README)::

    attributes = attribute *( SP attribute )
    attribute  = name "=" value
    value      = xtext          ; RFC 3461 section 4, at most 255 octets

Names are case-insensitive, and so are the words C{[UNAVAILABLE]} (it is not known),
C{[TEMPUNAVAIL]} (it could not be found out) and C{IPV6:} in values.

What is read here came from a client of that server, whom nobody trusts.  So text
that has no grammar of its own is made harmless: an octet that has a meaning in a
header, or is no printable ASCII at all, becomes C{?}, as in Postfix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, Callable, Generic, TypeVar, cast

from attrs import frozen

from .domain import checkDomain
from .errors import Malformed
from .grammar import XTEXT, Grammar

W = TypeVar("W")

#: The most octets of a value, before it is decoded.
VALUE_OCTETS = 255

UNAVAILABLE = b"[UNAVAILABLE]"
_UNKNOWN = frozenset({UNAVAILABLE, b"[TEMPUNAVAIL]"})
_IPV6 = b"IPV6:"

_special = re.compile(rb'[^!-~]|[<>()\\";@]')


#: What stands behind the keyword in the EHLO response: the names that are known.
NAMES = Grammar[tuple[bytes, ...]](
    lambda raw: tuple((raw or b"").upper().split()), b" ".join
)


@frozen(eq=False)
class Attribute(Generic[W]):
    """
    One attribute.

    @ivar name: upper case.
    @ivar grammar: of its value.
    """

    name: bytes
    grammar: Grammar[W]


class Told:
    """Values of attributes, by attribute; it does not change."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[Attribute[Any], object]) -> None:
        self._values = dict(values)

    def __contains__(self, attribute: Attribute[Any]) -> bool:
        return attribute in self._values

    def __getitem__(self, attribute: Attribute[W]) -> W:
        return cast(W, self._values[attribute])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Told):
            return NotImplemented
        return self._values == other._values

    def __repr__(self) -> str:
        shown = {each.name.decode(): value for each, value in self._values.items()}
        return f"<Told {shown}>"

    def get(self, attribute: Attribute[W]) -> W | None:
        """The value of an attribute, or L{None} where it was not told."""
        return cast("W | None", self._values.get(attribute))

    def updated(self, later: Told) -> Told:
        """What holds when C{later} was told as well."""
        return Told(self._values | later._values)

    def render(self) -> bytes:
        """As it goes over the wire; L{Attributes.parse} reads it."""
        return b" ".join(
            each.name + b"=" + (each.grammar.render(value) or b"")
            for each, value in self._values.items()
        )


class Attributes:
    """
    The attributes that a command has.

    @ivar names: their names, in order.
    """

    def __init__(self, *attributes: Attribute[Any]) -> None:
        self._known = {each.name: each for each in attributes}
        self.names = tuple(self._known)

    def parse(self, text: bytes) -> Told:
        """
        Read what stands behind the command.

        @raise Malformed: there is none, one twice, one that is not known, or a
            value that is not in its grammar.
        """
        values: dict[Attribute[Any], object] = {}
        for word in text.split():
            name, equals, raw = word.partition(b"=")
            attribute = self._known.get(name.upper())
            if not equals:
                raise Malformed("wants attribute=value")
            if attribute is None:
                raise Malformed("no such attribute")
            shown = attribute.name.decode("ascii")
            if attribute in values:
                raise Malformed(f"{shown} stands there twice")
            try:
                values[attribute] = attribute.grammar.parse(raw)
            except Malformed as bad:
                raise Malformed(f"{shown}: {bad}") from None
        if not values:
            raise Malformed("wants attribute=value")
        return Told(values)


# --- values -------------------------------------------------------------------------


def _known(raw: bytes | None) -> bytes | None:
    """
    A value, decoded; L{None}: it says that it is not known.

    @raise Malformed: it is empty, too long, or no xtext.
    """
    if not raw:
        raise Malformed("wants a value")
    if len(raw) > VALUE_OCTETS:
        raise Malformed(f"has more than {VALUE_OCTETS} octets")
    text = XTEXT.parse(raw)
    return None if text.upper() in _UNKNOWN else text


def valued(
    read: Callable[[bytes], W], write: Callable[[W], bytes], unknown: W
) -> Grammar[W]:
    """
    The grammar of a value that may be unknown.

    @param unknown: what stands for that.
    """

    def parse(raw: bytes | None) -> W:
        text = _known(raw)
        return unknown if text is None else read(text)

    def render(value: W) -> bytes | None:
        return UNAVAILABLE if value == unknown else XTEXT.render(write(value))

    return Grammar(parse, render)


def _readAddress(text: bytes) -> bytes:
    try:
        plain = text.decode("ascii")
        if text[: len(_IPV6)].upper() == _IPV6:
            plain = str(IPv6Address(plain[len(_IPV6) :]))
        # Postfix takes IPv6 without its mark, too.
        address = ip_address(plain)
    except ValueError:
        raise Malformed("wants an IPv4 address, or IPV6: and an IPv6 address") from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise Malformed("wants an address without a zone")
        address = address.ipv4_mapped or address
    return str(address).encode("ascii")


def _writeAddress(address: bytes) -> bytes:
    return _IPV6 + address if b":" in address else address


def _readPort(text: bytes) -> int:
    if not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise Malformed("wants a port")
    return int(text)


def _readHost(text: bytes) -> bytes:
    # PTR records in the field have "_" in names.
    if text[:1] == b"[" or not text.isascii():
        raise Malformed("wants a host name")
    checkDomain(text.replace(b"_", b"x"))
    return text


#: An address; empty: not known.
ADDRESS = valued(_readAddress, _writeAddress, b"")

#: A port; 0: not known.
PORT = valued(_readPort, lambda port: b"%d" % port, 0)

#: A host name, verified by who tells it; empty: not known.
HOST = valued(_readHost, bytes, b"")

#: Whatever it is, made harmless; empty: not known.
TEXT = valued(lambda text: _special.sub(b"?", text), bytes, b"")


def among(*words: bytes) -> Grammar[bytes]:
    """
    One of these words; empty: not known.

    @param words: upper case.
    """

    def read(text: bytes) -> bytes:
        if text.upper() not in words:
            raise Malformed("wants one of " + b", ".join(words).decode("ascii"))
        return text.upper()

    return valued(read, bytes, b"")


__all__ = [
    "ADDRESS",
    "HOST",
    "NAMES",
    "PORT",
    "TEXT",
    "UNAVAILABLE",
    "VALUE_OCTETS",
    "Attribute",
    "Attributes",
    "Told",
    "among",
    "valued",
]
