"""
How DNS lists are written where a rule asks them, as in Exim::

    item   = "+include_unknown" / "+exclude_unknown" / "+defer_unknown"
           / [ "!" ] zone [ "," zone ] [ values ] [ "/" key *( "," key ) ]

C{zone} is the domain of the list, and L{smtpx.policy.dnslists.values} has the values.
Without a key the client's address is looked up; a key is an address, or a domain, or a
text with variables that comes to one of them (C{/$sender_address_domain}).  An address
is turned round, a domain is not (RFC 5782 section 2.1, 2.4 and 3.1).

Of two zones the second is asked first, with the values, and then the first, without
them: it has to have the client as well, and it is its text that is told.  So a list
that others were merged into is asked once for those who are in none of them.

As in all lists of rules, the first item that matches decides; one with C{!} in front
says no, and where the last has one, whoever is in none of them is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from attrs import frozen

from ...core.domain import checkDomain
from ...core.errors import Malformed
from .values import OPERATORS, Values

_HEAD = re.compile(
    rf"(?P<zones>[^=&!/]+)(?:(?P<how>{'|'.join(map(re.escape, OPERATORS))})"
    r"(?P<values>[^/]*))?(?:/(?P<keys>.*))?\Z",
    re.DOTALL,
)


class Unknown(Enum):
    """
    What is taken for the answer of a list that cannot be asked now.

    @cvar EXCLUDE: nobody is in it, which is where a list of items begins.
    @cvar INCLUDE: everybody is in it.
    @cvar DEFER: nobody knows, and the client is to come again.
    """

    EXCLUDE = "+exclude_unknown"
    INCLUDE = "+include_unknown"
    DEFER = "+defer_unknown"


#: The words, by how they are written.
_WORDS = {each.value: each for each in Unknown}


@frozen
class ListItem:
    """
    One list that is asked.

    @ivar zone: whose text is told; mostly the only one.
    @ivar checked: which is asked first, with the values.
    @ivar values: which of its answers are meant; L{None}: any.
    @ivar keys: what is looked up, with variables; empty: the client's address.
    @ivar negated: does it say no?
    @ivar unknown: what is taken for its answer where it cannot be asked.
    """

    zone: bytes
    checked: bytes
    values: Values | None = None
    keys: tuple[str, ...] = ()
    negated: bool = False
    unknown: Unknown = Unknown.EXCLUDE

    @classmethod
    def parse(cls, text: str, unknown: Unknown = Unknown.EXCLUDE) -> ListItem:
        """
        Read one item.

        @raise Malformed: it is none.
        """
        rest = text.strip()
        negated = rest.startswith("!")
        found = _HEAD.match(rest.removeprefix("!").lstrip())
        if found is None:
            raise Malformed(f'"{text}" is no DNS list, such as zen.spamhaus.org')
        zones = [_zone(each, text) for each in found["zones"].split(",")]
        if len(zones) > 2:
            raise Malformed(f'"{text}" has more than two zones')
        values = None
        if found["how"] is not None:
            values = Values.parse(found["how"], found["values"])
        keys = found["keys"]
        read = () if keys is None else tuple(each.strip() for each in keys.split(","))
        if not all(read):
            raise Malformed(f'"{text}": there is nothing to be looked up behind "/"')
        return cls(zones[0], zones[-1], values, read, negated, unknown)

    def render(self) -> str:
        """As it stands in the configuration."""
        zones = [self.zone] if self.zone == self.checked else [self.zone, self.checked]
        text = "!" if self.negated else ""
        text += b",".join(zones).decode("ascii")
        text += "" if self.values is None else self.values.render()
        return text + (f"/{','.join(self.keys)}" if self.keys else "")


@frozen
class DNSList:
    """
    The lists of a rule.

    @ivar items: in their order.
    @ivar places: where each stands among what was given.
    """

    items: tuple[ListItem, ...]
    places: tuple[int, ...]

    @classmethod
    def parse(cls, items: Sequence[str]) -> DNSList:
        """
        Read a list of items.

        @raise BadItem: one is none.
        """
        unknown = Unknown.EXCLUDE
        read: dict[int, ListItem] = {}
        for index, each in enumerate(items):
            word = each.strip()
            if word.startswith("+"):
                if word not in _WORDS:
                    raise BadItem(f'there is no "{word}"', index, word)
                unknown = _WORDS[word]
                continue
            try:
                read[index] = ListItem.parse(each, unknown)
            except Malformed as error:
                raise BadItem(str(error), index) from None
        return cls(tuple(read.values()), tuple(read))

    @property
    def otherwise(self) -> bool:
        """What it says of who is in none of them."""
        return bool(self.items) and self.items[-1].negated


class BadItem(Malformed):
    """
    An item is none.

    @ivar index: which.
    @ivar word: a word in it that there is not; empty: it is something else.
    @cvar known: the words that there are.
    """

    known = tuple(_WORDS)

    def __init__(self, text: str, index: int, word: str = "") -> None:
        Malformed.__init__(self, text)
        self.index = index
        self.word = word


def _zone(text: str, item: str) -> bytes:
    """
    @raise Malformed: it is no domain.
    """
    zone = text.strip().lower().removesuffix(".")
    try:
        # Keys of customers may have "_" in them.
        checkDomain(zone.replace("_", "x").replace("[", " ").encode("ascii"))
    except ValueError:
        raise Malformed(f'"{item}": "{text.strip()}" is no domain of a list') from None
    return zone.encode("ascii")


__all__ = ["BadItem", "DNSList", "ListItem", "Unknown"]
