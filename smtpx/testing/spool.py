"""
A spool in memory, for tests of everything that puts mail in or takes it out.

It keeps the contract of L{smtpx.spool.interfaces.IOperatedSpool} without a disk: what
is committed is there at once, and gone with the object.  Messages go through
the text form of their stamps, so a stamp that C{known} does not name comes out
as an unknown one, as it does from a real spool that a newer server wrote.

Trouble is had by setting L{MemorySpool.full} or L{MemorySpool.broken}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient, Stamp, Stamps
from ..core.errors import UsageError
from ..core.interfaces import IBody
from ..spool.format import Outcome, SpooledMessage, merged, waiting
from ..spool.interfaces import IIncoming, IOperatedSpool, SpoolBroken, SpoolFull
from ..spool.stock import SpoolState

#: The longest piece of a body, as L{IBody} promises.
PIECE_OCTETS = 65_536

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@implementer(IBody)
@frozen
class MemoryBody:
    """
    A body that is all in memory.

    @ivar whole: the body.
    """

    whole: bytes

    @property
    def octets(self) -> int:
        """Its length, in octets."""
        return len(self.whole)

    def pieces(self) -> Iterator[bytes]:
        """The body from its start, in pieces of at most 64 KiB."""
        for start in range(0, len(self.whole), PIECE_OCTETS):
            yield self.whole[start : start + PIECE_OCTETS]


@define(eq=False)
class _Kept:
    """One message in the spool."""

    message: SpooledMessage
    body: bytes
    leased: bool = False

    def isDue(self, now: float) -> bool:
        """Is it to be delivered now?"""
        due = self.message.due
        return not self.message.held and (due is None or due <= now)


def memoryID(number: int) -> str:
    """
    A message's id in Exim's classic form, C{XXXXXX-YYYYYY-ZZ}.

    @param number: which message this is, from 0.
    """
    digits = ""
    for _ in range(14):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return f"{digits[:6]}-{digits[6:12]}-{digits[12:]}"


@implementer(IOperatedSpool)
class MemorySpool:
    """
    A spool that lasts as long as the object.

    @ivar full: set it, and C{begin} and C{commit} fail with L{SpoolFull}.
    @ivar broken: set it, and C{begin}, C{commit}, C{ready}, C{settle} and
        C{hold} fail with L{SpoolBroken}.
    @ivar settled: every C{settle} that was done, in order: id, outcomes, due.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        known: Mapping[str, Stamp[Any]] | None = None,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param known: stamps by name, of the extensions that are loaded; L{None}:
            of none.
        """
        self.full = False
        self.broken = False
        self.settled: list[tuple[str, tuple[Outcome, ...], float | None]] = []
        self._now = now
        self._known = {} if known is None else known
        self._kept: dict[str, _Kept] = {}
        self._wakes: list[Callable[[], object]] = []
        self._begun = 0

    # --- receiving ---------------------------------------------------------

    def open(self) -> Deferred[None]:
        """Nothing is to be recovered."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Give back every lease."""
        for kept in self._kept.values():
            kept.leased = False
        return succeed(None)

    def begin(self) -> IIncoming:
        """
        A message is about to come.

        @raise SpoolFull: C{full} is set.
        @raise SpoolBroken: C{broken} is set.
        """
        self._check()
        self._begun += 1
        return _MemoryIncoming(self, memoryID(self._begun))

    def _check(self) -> None:
        if self.broken:
            raise SpoolBroken("broken, as the test wished")
        if self.full:
            raise SpoolFull("full, as the test wished")

    def _take(
        self, id: str, body: bytes, envelope: Envelope, prefix: bytes, hold: bool
    ) -> None:
        message = SpooledMessage(
            id=id,
            arrived=envelope.arrived,
            envelope=self._reread(envelope, len(body)),
            prefix=prefix,
            waiting=tuple(range(len(envelope.recipients))),
            held=hold,
            octets=len(body),
            content=body,
        )
        self._kept[id] = _Kept(message, body)
        if not hold:
            self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    def _reread(self, envelope: Envelope, octets: int) -> Envelope:
        copy = Envelope(envelope.sender, envelope.arrived, octets=octets)
        self._restamp(copy, envelope.dumpedStamps())
        for recipient in envelope.recipients:
            twin = Recipient(recipient.path)
            self._restamp(twin, recipient.dumpedStamps())
            copy.recipients.append(twin)
        return copy

    def _restamp(self, bearer: Envelope | Recipient, text: dict[str, str]) -> None:
        if text:
            stamps: Stamps = bearer.stamps
            stamps.load(self._known, text)

    # --- delivering --------------------------------------------------------

    def ready(self, now: float, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """Messages that are due and not leased, oldest first, and lease them."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        found = [k for k in self._kept.values() if k.isDue(now) and not k.leased]
        # Those that were never tried are due since they came.
        found.sort(key=lambda kept: kept.message.due or kept.message.arrived)
        del found[most:]
        for kept in found:
            kept.leased = True
        return succeed([kept.message for kept in found])

    def watch(self, wake: Callable[[], object]) -> None:
        """Have C{wake} called for each message that is due at once."""
        self._wakes.append(wake)

    def body(self, message: SpooledMessage) -> IBody:
        """
        The message's body, without its prefix.

        @raise UsageError: there is no such message.
        """
        return MemoryBody(self._find(message).body)

    def settle(
        self,
        message: SpooledMessage,
        outcomes: Sequence[Outcome],
        due: float | None,
    ) -> Deferred[None]:
        """
        Write down what became of recipients; give back the lease.

        @raise UsageError: there is no such message, or it is not leased.
        """
        kept = self._find(message)
        if not kept.leased:
            raise UsageError(f"{message.id} is not leased")
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        self.settled.append((message.id, tuple(outcomes), due))
        now = kept.message
        known = merged(now.outcomes, outcomes)
        left = waiting(len(now.envelope.recipients), known)
        if not left:
            del self._kept[message.id]
            return succeed(None)
        kept.leased = False
        kept.message = evolve(
            now,
            waiting=left,
            attempts=now.attempts + 1,
            # A hold that came meanwhile stays.
            held=now.held or due is None,
            due=due,
            outcomes=known,
        )
        return succeed(None)

    def count(self) -> Deferred[int]:
        """How many messages there are."""
        return succeed(len(self._kept))

    def _find(self, message: SpooledMessage) -> _Kept:
        kept = self._kept.get(message.id)
        if kept is None:
            raise UsageError(f"there is no message {message.id}")
        return kept

    # --- for operators -----------------------------------------------------

    def state(self) -> SpoolState:
        """How it is; it has no disk."""
        messages = [kept.message for kept in self._kept.values()]
        why = "broken, as the test wished" if self.broken else None
        if self.full:
            why = "full, as the test wished"
        return SpoolState(
            len(messages),
            sum(message.held for message in messages),
            sum(message.octets for message in messages),
            trouble=why,
        )

    def oldest(self) -> Deferred[float | None]:
        """When the oldest message came; L{None}: there is none."""
        times = [kept.message.arrived for kept in self._kept.values()]
        return succeed(min(times, default=None))

    def messages(self, after: str, most: int) -> Deferred[Sequence[SpooledMessage]]:
        """A page of all messages, by id, without the bodies."""
        ids = sorted(id for id in self._kept if id > after)[:most]
        return succeed([evolve(self._kept[id].message, content=None) for id in ids])

    def fetch(self, id: str) -> Deferred[SpooledMessage | None]:
        """One message; L{None}: there is none."""
        kept = self._kept.get(id)
        return succeed(None if kept is None else kept.message)

    def hold(self, ids: Sequence[str], note: str) -> Deferred[None]:
        """Put messages on hold."""
        if self.broken:
            return fail(SpoolBroken("broken, as the test wished"))
        for kept in self._named(ids):
            kept.message = evolve(kept.message, held=True, note=note)
        return succeed(None)

    def release(self, ids: Sequence[str]) -> Deferred[None]:
        """Take messages off hold: they are due at once."""
        for kept in self._named(ids):
            now = self._now()
            kept.message = evolve(kept.message, held=False, note="", due=now)
        self._wake()
        return succeed(None)

    def _named(self, ids: Sequence[str]) -> list[_Kept]:
        return [self._kept[id] for id in ids if id in self._kept]

    # --- for tests ---------------------------------------------------------

    def add(
        self,
        sender: bytes,
        recipients: Sequence[bytes],
        body: bytes = b"Subject: hello\r\n\r\nHello.\r\n",
        prefix: bytes = b"",
        hold: bool = False,
    ) -> str:
        """
        Put a message in, as receiving would.

        @return: its id.
        """
        incoming = self.begin()
        incoming.write(body)
        envelope = Envelope(sender, self._now(), [Recipient(r) for r in recipients])
        incoming.commit(envelope, prefix, hold)
        return incoming.id

    @property
    def kept(self) -> dict[str, SpooledMessage]:
        """What is in the spool, by id, oldest first."""
        return {id: kept.message for id, kept in self._kept.items()}

    def whole(self, id: str) -> bytes:
        """
        The message as it is to be delivered: prefix and body.

        @raise KeyError: there is no such message.
        """
        kept = self._kept[id]
        return kept.message.prefix + kept.body


@implementer(IIncoming)
class _MemoryIncoming:
    """A message on its way into a L{MemorySpool}."""

    def __init__(self, spool: MemorySpool, id: str) -> None:
        self.id = id
        self.octets = 0
        self.producer: IProducer | None = None
        self._spool = spool
        self._pieces: list[bytes] = []
        self._over = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Note who sends.  Memory always keeps up, so nobody is ever paused.

        @raise UsageError: somebody is registered already.
        """
        if self.producer is not None:
            raise UsageError("a producer is registered already")
        self.producer = producer

    def unregisterProducer(self) -> None:
        """Forget who sends."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """
        Take a piece of the body.

        @raise UsageError: it was committed or aborted.
        """
        if self._over:
            raise UsageError(f"{self.id} is over")
        self._pieces.append(bytes(data))
        self.octets += len(data)

    def commit(self, envelope: Envelope, prefix: bytes, hold: bool) -> Deferred[None]:
        """
        The body is whole: it is in the spool from now on.

        @raise UsageError: it was committed or aborted.
        """
        if self._over:
            raise UsageError(f"{self.id} is over")
        self._over = True
        try:
            self._spool._check()
        except (SpoolFull, SpoolBroken) as error:
            return fail(error)
        body = b"".join(self._pieces)
        self._spool._take(self.id, body, envelope, prefix, hold)
        return succeed(None)

    def abort(self) -> None:
        """Forget it.  Does nothing after C{commit}."""
        self._over = True
        self._pieces.clear()


__all__ = ["PIECE_OCTETS", "MemoryBody", "MemorySpool", "memoryID"]
