"""
Tells the other workers how many messages of users wait here to be released
(L{smtpx.queue.heldmail}), and hears it from them.

What is new is told at once; what comes meanwhile goes with the next message.  Who was
not there then asks when it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from secrets import token_hex

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.errors import Malformed
from ...queue.heldmail import Held, HeldMail
from ..control.exchange import Exchange, Verb
from .interfaces import Fields
from .worker import Worker

#: How long others have to answer, in seconds.
_SECONDS = 5.0

#: How many messages are told of at once.
TOGETHER = 500


class HeldTelling:
    """Tells of one worker's."""

    _log = Logger()

    def __init__(self, held: HeldMail, worker: Worker) -> None:
        """
        @param held: what waits here, and what others say.
        """
        self._held = held
        self._worker = worker
        # What it has counted before does not matter, whoever counted it.
        self._life = token_hex(8)
        self._pending = held.ours()
        self._work: Deferred[None] | None = None
        self._listens = False
        held.tell = self._add

    def verbs(self) -> Mapping[str, Verb]:
        """What is answered to others."""
        return {"held.told": self.told, "held.all": self.all}

    def begin(self) -> None:
        """Others can reach us: ask them, and tell them."""
        self._listens = True
        self._go(asks=True)

    def stop(self) -> None:
        """The end."""
        self._listens = False
        if self._work is not None:
            self._work.cancel()

    def _add(self, held: Held) -> None:
        self._pending.append(held)
        self._go()

    def _go(self, asks: bool = False) -> None:
        if self._listens and self._work is None:
            work = self._work = Deferred.fromCoroutine(self._exchange(asks))
            work.addBoth(self._through)

    def _through(self, result: object) -> None:
        self._work = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            # Users have more room than they should, and mail goes on.
            self._log.failure("Trouble with what waits to be released", result)

    async def _exchange(self, asks: bool) -> None:
        others = self._worker.others
        if asks:
            found = await others.ask("held.all", {}, _SECONDS)
            for number, (*parts, _) in found.items():
                for part in parts:
                    self._hear(number, part)
        while self._pending and self._listens:
            some = self._pending[:TOGETHER]
            del self._pending[:TOGETHER]
            fields = {"worker": self._worker.number, **self._said(some)}
            await others.ask("held.told", fields, _SECONDS)

    def _said(self, some: Sequence[Held]) -> Fields:
        held = [
            [each.user.decode("utf-8", "surrogateescape"), each.release, each.serial]
            for each in some
        ]
        return {"life": self._life, "held": held}

    def _hear(self, number: int, said: Fields) -> None:
        """
        @raise Malformed: it makes no sense.
        """
        life = said.get("life")
        if not isinstance(life, str):
            raise Malformed("life: expected a text")
        self._held.hear(number, life, [*_read(said.get("held"))])

    async def told(self, exchange: Exchange) -> Fields:
        """Another worker tells us."""
        number = exchange.fields.get("worker")
        if not isinstance(number, int):
            raise Malformed("worker: expected a number")
        self._hear(number, exchange.fields)
        return {}

    async def all(self, exchange: Exchange) -> Fields:
        """Another worker asks for what waits here."""
        held = self._held.ours()
        for start in range(0, len(held), TOGETHER):
            await exchange.send(self._said(held[start : start + TOGETHER]))
        return {}


def _read(found: object) -> Iterator[Held]:
    """
    What another worker says.

    @raise Malformed: it makes no sense.
    """
    for each in found if isinstance(found, list) else ():
        match each:
            case [str(user), int() | float() as release, int(serial)]:
                octets = user.encode("utf-8", "surrogateescape")
                yield Held(octets, float(release), serial)
            case _:
                raise Malformed("held: expected users, times and serials")


__all__ = ["TOGETHER", "HeldTelling"]
