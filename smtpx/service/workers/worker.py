"""
Which worker this process is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from .interfaces import Away, Fields, IOthers, unheard, untold


@implementer(IOthers)
class Alone:
    """There are no others."""

    numbers: Sequence[int] = ()

    def ask(
        self, verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """See L{IOthers}."""
        return succeed({})

    def talk(
        self,
        number: int,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
    ) -> Deferred[Fields]:
        """See L{IOthers}."""
        return fail(Away(number, "there is no such worker"))


@frozen
class Worker:
    """
    Which worker this process is: the only one, unless somebody says otherwise.

    @ivar number: from 1 on; its spool has the same number.
    @ivar count: how many there are.
    @ivar others: the others.
    """

    number: int = 1
    count: int = 1
    others: IOthers = field(factory=Alone)

    @property
    def leads(self) -> bool:
        """Is what there is once in a server this worker's?"""
        return self.number == 1

    def share(self, most: int) -> int:
        """
        The part of this worker, where all together are to have at most so many.

        @param most: at least 1.
        @return: at least 1, so that all together may have more where there are more
            workers than that.
        """
        part, rest = divmod(most, self.count)
        return max(1, part + (self.number <= rest))


__all__ = ["Alone", "Worker"]
