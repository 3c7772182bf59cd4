"""
Where the messages of a server are: with each of its workers, or, without a server, in
each of its numbered spools.

All of them answer the same verbs (L{smtpx.service.control.queueverbs}), and are asked
in the same way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ...core.errors import Malformed, SMTPXError
from ..control.exchange import Exchange, Refused, Verb
from ..control.wire import Kind
from .interfaces import Away, Fields, IOthers, unheard, untold

T = TypeVar("T")

#: How long a worker is waited for that is being started again, in seconds.
PATIENCE_SECONDS = 5.0

#: How often it is asked meanwhile, in seconds.
_AGAIN_SECONDS = 0.25

#: What says that the request makes no sense, and would not elsewhere.
_SENSELESS = (Kind.REQUEST, Kind.UNKNOWN, Kind.RIGHTS)


class Source(Protocol):
    """
    Some of the messages of a server.

    @ivar number: the worker's whose they are.
    """

    @property
    def number(self) -> int:
        """Whose they are."""

    async def ask(
        self,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
        again: bool = False,
    ) -> Fields:
        """
        Ask for something.

        @param asker: in whose name.
        @param again: may it be asked once more, after it went away while it answered?
            Then some parts may come twice.
        @return: the end of the answer.
        @raise smtpx.core.errors.SMTPXError: nothing came of it, or not all.
        @raise OSError: likewise.
        """


@frozen(eq=False)
class Here:
    """
    The messages of one spool that this process has.

    @ivar verbs: who answers what.
    """

    number: int
    verbs: Mapping[str, Verb]

    async def ask(
        self,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
        again: bool = False,
    ) -> Fields:
        """See L{Source}."""
        exchange = Exchange({**fields, "do": verb}, asker, part, progress)
        return await self.verbs[verb](exchange)


@frozen(eq=False)
class There:
    """
    The messages of another worker; one that is being started again is waited for, for
    a while.

    @ivar patience: for how long, in seconds.
    """

    number: int
    others: IOthers
    clock: IReactorTime
    patience: float = PATIENCE_SECONDS

    async def ask(
        self,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
        again: bool = False,
    ) -> Fields:
        """See L{Source}."""
        until = self.clock.seconds() + self.patience
        while True:
            try:
                return await self.others.talk(
                    self.number, verb, fields, asker, part, progress
                )
            except Away as away:
                if away.begun and not again or self.clock.seconds() >= until:
                    raise
            await deferLater(self.clock, _AGAIN_SECONDS)


@frozen
class Unasked:
    """
    A worker that was not asked, or has not answered to the end.

    @ivar begun: had it begun to do what was wanted?
    """

    number: int
    why: str
    begun: bool


@define(eq=False)
class Inquiry:
    """
    Something that is asked of several sources, and who of them has not answered.
    """

    asker: str
    _unasked: dict[int, Unasked] = field(factory=dict, init=False)

    async def ask(
        self,
        source: Source,
        verb: str,
        fields: Fields,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
        again: bool = False,
    ) -> Fields | None:
        """
        Ask one of them.

        @return: the end of its answer; L{None}: there is none, and why is noted.
        @raise smtpx.core.errors.SMTPXError: the request makes no sense to anybody.
        """
        begun = True
        try:
            return await source.ask(verb, fields, self.asker, part, progress, again)
        except Malformed:
            raise
        except Refused as error:
            if error.kind is Kind.MISSING or error.kind in _SENSELESS:
                raise
            why, begun = str(error), error.kind is not Kind.BUSY
        except Away as error:
            why, begun = error.why, error.begun
        except (SMTPXError, OSError) as error:
            why = str(error)
        self._unasked[source.number] = Unasked(source.number, why, begun)
        return None

    @property
    def unasked(self) -> list[Unasked]:
        """Who has not answered."""
        return [self._unasked[number] for number in sorted(self._unasked)]

    def told(self) -> Fields:
        """The same, as a part of the end of an answer; mostly nothing."""
        if not self._unasked:
            return {}
        return {
            "unasked": [
                {"worker": each.number, "why": each.why, "begun": each.begun}
                for each in self.unasked
            ]
        }


__all__ = ["PATIENCE_SECONDS", "Here", "Inquiry", "Source", "There", "Unasked"]
