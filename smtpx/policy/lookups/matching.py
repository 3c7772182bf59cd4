"""
What is tried for a key that a table does not have: Exim's C{partial} and its defaults
C{*} and C{*@}, for every kind of table alike.

With C{partial = 2}, of C{www.dates.fict.example} these are asked for in turn::

    www.dates.fict.example
    *.www.dates.fict.example
    *.dates.fict.example
    *.fict.example

The number is that of components that are left at the least; C{affix} is what goes in
front of them, C{*.} if not told otherwise.  With 0 the last is the affix alone, without
the dot at its end.  C{*@} as a default asks for C{*@domain} in place of an address,
then for C{*}; C{*} asks for that alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from .interfaces import KEY_MOST, Answer, ILookup, ITable, LookupDeferred


class Default(Enum):
    """
    What is asked for when nothing else was found.

    @cvar NONE: nothing.
    @cvar STAR: C{*}.
    @cvar AT: C{*@domain}, then C{*}.
    """

    NONE = "none"
    STAR = "*"
    AT = "*@"


@frozen
class Matching:
    """
    How one key stands for others.

    @ivar partial: how many components are left at the least; L{None}: all.
    @ivar affix: what stands in front of those.
    @ivar default: what is asked for in the end.
    """

    partial: int | None = None
    affix: bytes = b"*."
    default: Default = Default.NONE

    def keys(self, key: bytes) -> Iterator[bytes]:
        """All that are asked for, in their order, as Exim's C{search_find} does."""
        yield key
        if self.partial is not None:
            yield from self._partial(key, self.partial)
        if self.default is Default.AT:
            user, at, domain = key.rpartition(b"@")
            if user and at:
                yield b"*@" + domain
        if self.default is not Default.NONE:
            yield b"*"

    def _partial(self, key: bytes, least: int) -> Iterator[bytes]:
        affix = self.affix
        if affix:
            yield affix + key
        parts = key.split(b".")
        for at in range(1, len(parts) - least + 1):
            left = parts[at:]
            if left:
                yield affix + b".".join(left)
            elif affix:
                yield affix if len(affix) == 1 else affix.removesuffix(b".")


@frozen
class Found:
    """
    What a look-up has come to.

    @ivar value: the value; L{None}: there is none.
    @ivar key: under which it stands; L{None}: under none.
    @ivar tried: the keys that were asked for.
    """

    value: bytes | None
    key: bytes | None
    tried: tuple[bytes, ...]


@implementer(ILookup)
@frozen(eq=False)
class Lookup:
    """
    A table under a name.

    @ivar name: what it is called.
    @ivar table: where values are.
    @ivar matching: what else is tried for a key.
    @ivar lowers: are keys put in lower case before they are looked up?
    """

    name: str
    table: ITable
    matching: Matching = Matching()
    lowers: bool = False
    _plain: bool = field(init=False)

    @_plain.default
    def _alone(self) -> bool:
        return self.matching.partial is None and self.matching.default is Default.NONE

    @property
    def prompt(self) -> bool:
        """See L{ITable}."""
        return self.table.prompt

    def find(self, key: bytes) -> Answer:
        """
        See L{ILookup}.  A key that is too long is never found, nor what else might
        stand for it.
        """
        if len(key) > KEY_MOST:
            return None
        if self.lowers:
            key = key.lower()
        if self._plain:
            return self.table.find(key)
        keys = self.matching.keys(key)
        for each in keys:
            found = self.table.find(each)
            if isinstance(found, Deferred):
                return Deferred.fromCoroutine(self._goOn(found, keys))
            if found is not None:
                return found
        return None

    async def _goOn(
        self, waiting: Deferred[bytes | None], keys: Iterator[bytes]
    ) -> bytes | None:
        value = await waiting
        for each in keys:
            if value is not None:
                break
            found = self.table.find(each)
            value = await found if isinstance(found, Deferred) else found
        return value

    async def explain(self, key: bytes) -> Found:
        """
        Look up a key, and tell how.

        @raise LookupDeferred: it cannot be told now.
        """
        tried: list[bytes] = []
        if len(key) > KEY_MOST:
            return Found(None, None, ())
        for each in self.matching.keys(key.lower() if self.lowers else key):
            tried.append(each)
            found = self.table.find(each)
            value = await found if isinstance(found, Deferred) else found
            if value is not None:
                return Found(value, each, tuple(tried))
        return Found(None, None, tuple(tried))


__all__ = ["Default", "Found", "Lookup", "LookupDeferred", "Matching"]
