"""
Transactions that clients have named: who has which one, and what became of it.

This is where CHECKPOINT meets the spool.  What has ended, and what was cut short, is in
the spool's file; what is under way is here, in memory, by its key.  A transaction is
its session's until the session goes on to something else, which needs not be told:
whoever wants the same one looks.

While one is being taken, or what came of it is being put by, others that ask for the
same one wait: that is short.  One whose client has been silent for some seconds is
taken over, for that client is the one that asks.

With several workers a transaction is one worker's at a time: what is known of it is
looked for after its name was claimed (L{smtpx.spool.names.INames.claim}).  Who cannot
claim it asks the others what holds it up (L{smtpx.service.yielding}).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.errors import SMTPXError
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..extensions.checkpoint import CheckpointSettings
from ..extensions.checkpointserver import (
    TAKEN_OVER,
    Committed,
    CutShort,
    ITransactionMemory,
    Known,
    Recall,
    Transaction,
    clientKey,
)
from ..net.answers import Answerers
from ..spool.format import Damaged, dump, load
from ..spool.interfaces import IIncoming, SpoolBroken
from ..spool.names import INames, Room
from ..spool.nametable import Name, Remnant
from .transactionnotes import committed, noteOf, readNote
from .yielding import Held, IElsewhere

T = TypeVar("T")

#: A client that has said nothing for so long is not the one that sends, in seconds.
SILENT_SECONDS = 10.0

#: How long somebody waits for an answer of ours to somebody else, in seconds, and how
#: often it is looked.
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.02

#: How often others are asked for one that they have, in seconds, and how often it is
#: looked for what they may have.
ASK_SECONDS = 0.1
SWEEP_SECONDS = 0.05

#: How often it is looked for what is too old, in seconds.
EXPIRE_SECONDS = 600.0

#: Of how many transactions that are over at least is looked whether they are.
_SWEEP = 64


@define(eq=False)
class _Attempt:
    """
    A transaction that somebody has.

    @ivar busy: how many things are under way with it that its session does not wait
        for, or must not be disturbed at.
    @ivar judging: how often its message is being judged, or put down behind that.
    @ivar remnant: what there is of it; L{None}: nothing.
    """

    transaction: Transaction
    busy: int = 0
    judging: int = 0
    remnant: Remnant | None = None

    @property
    def live(self) -> bool:
        """Is anybody still about it?"""
        return self.busy > 0 or self.judging > 0 or self.transaction.underWay


@implementer(ITransactionMemory)
class Transactions:
    """
    The memory of a server for named transactions.

    @ivar names: where they are kept; L{None}: nowhere (yet), and none is known.
    @ivar told: told when somebody was answered as the first time, with how many octets
        the message has, or goes on (true) at an octet.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        now: Callable[[], float],
        options: CheckpointSettings,
        told: Callable[[IServerSession, int, bool], None] = lambda *_: None,
        elsewhere: IElsewhere | None = None,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param elsewhere: those of other workers; L{None}: there are none.
        """
        self.names: INames | None = None
        self.options = options
        self.told = told
        self._reactor = reactor
        self._now = now
        self._stamps: Mapping[str, Stamp[Any]] = {}
        self._running: dict[bytes, _Attempt] = {}
        self._sweepAt = _SWEEP
        self._elsewhere = elsewhere
        self._sweeping: IDelayedCall | None = None
        self._room = Room(
            options.cutShortMax,
            options.cutShortOctets,
            options.clientCutShortMax,
            options.clientCutShortOctets,
        )

    def open(self, names: INames, stamps: Mapping[str, Stamp[Any]]) -> None:
        """
        This is where they are kept.

        @param stamps: those that can be read back, by name.
        """
        self.names = names
        self._stamps = stamps

    def close(self) -> None:
        """Nobody begins anything any more."""
        sweeping, self._sweeping = self._sweeping, None
        self._elsewhere = None
        if sweeping is not None:
            sweeping.cancel()

    # --- the extension's port -----------------------------------------------------

    def admits(self, session: IServerSession) -> bool:
        """See L{ITransactionMemory}."""
        return self.names is not None and self._admits(clientKey(session))

    def _admits(self, client: bytes) -> bool:
        names, options = self.names, self.options
        return (
            names is not None
            and names.count(None) < options.namesMax
            and names.count(client) < options.clientNamesMax
        )

    def forget(self, transaction: Transaction) -> None:
        """See L{ITransactionMemory}."""
        if self.names is not None:
            key, client = transaction.key, transaction.client
            self._sure(self.names.forget(key, client))
            if isinstance(transaction.before, Committed):
                # It may have been another worker that took it.
                self._forgetElsewhere(key, client)

    def _forgetElsewhere(self, key: bytes, client: bytes) -> None:
        if self._elsewhere is not None:
            self._elsewhere.forget(key, client)

    def refused(self, transaction: Transaction, finals: Sequence[Reply]) -> None:
        """See L{ITransactionMemory}."""
        if self.names is not None:
            name = self.nameOf(transaction, finals)
            self._sure(self.during(transaction, self.names.put(name)))

    # --- what is known ------------------------------------------------------------

    @property
    def answers(self) -> Answerers:
        """Who answers the extension's question."""
        return {Recall: self.recall}

    def recall(self, question: Recall) -> Deferred[Known | Committed | CutShort]:
        """
        What is known of a transaction that begins?  May be cancelled.
        """
        return Deferred.fromCoroutine(self._recall(question.transaction))

    async def _recall(self, new: Transaction) -> Known | Committed | CutShort:
        names = self.names
        if names is None:
            return Known.UNNAMED
        if not await self._claim(new.key):
            return Known.IN_PROGRESS
        # From here on it is ours, so that nobody else finds what we find.
        self._enter(new)
        try:
            found = await names.recall(new.key)
            known = self._known(new, found)
        except SMTPXError as error:
            # The spool tells the operator.
            self._log.debug("A name cannot be looked up: {error}", error=error)
            known = Known.UNSURE
        if isinstance(known, Committed) or known in (Known.UNNAMED, Known.UNSURE):
            del self._running[new.key]
            names.release(new.key)
        return known

    async def _claim(self, key: bytes) -> bool:
        """
        Wait until nobody else has it, here or at another worker, and have it; false:
        somebody goes on having it.
        """
        names, began = self.names, self._reactor.seconds()
        assert names is not None
        askAt = began
        while True:
            if not await self._isFree(key):
                return False
            if names.claim(key):
                # Nobody comes in between who could have it here.
                return True
            now = self._reactor.seconds()
            if now - began > WAIT_SECONDS:
                return False
            if self._elsewhere is not None and now >= askAt:
                if await self._elsewhere.yields(key) is Held.SENDING:
                    return False
                askAt = self._reactor.seconds() + ASK_SECONDS
                continue
            await deferLater(self._reactor, LOOK_SECONDS)

    async def _isFree(self, key: bytes) -> bool:
        """Wait until nobody else has it here; false: somebody goes on having it."""
        asked = self._reactor.seconds()
        while (held := self._held(key)) is not Held.FREE:
            waited = self._reactor.seconds() - asked
            if held is Held.SENDING:
                return False
            if held is Held.ANSWERING and waited > WAIT_SECONDS:
                return False
            await deferLater(self._reactor, LOOK_SECONDS)
        return True

    def _held(self, key: bytes) -> Held:
        """What holds up a transaction?  A client that is silent is sent away."""
        other = self._running.get(key)
        if other is None or not other.live:
            return Held.FREE
        session = other.transaction.session
        if other.busy:
            return Held.BUSY
        if other.judging or not session.idle:
            return Held.ANSWERING
        if self._now() - other.transaction.heard < SILENT_SECONDS:
            return Held.SENDING
        session.evict(TAKEN_OVER)
        return Held.BUSY

    def yields(self, key: bytes) -> Held:
        """
        Another worker asks for a transaction: let go of it, if that can be.

        @return: what holds it up.
        """
        held = self._held(key)
        if held is Held.FREE:
            self._over(key)
        return held

    def _over(self, key: bytes) -> None:
        """Nobody is about a transaction any more."""
        self._running.pop(key, None)
        if self.names is not None:
            self.names.release(key)

    def _sweep(self) -> None:
        """Let other workers have what is over here."""
        self._sweeping = None
        for key in [key for key, one in self._running.items() if not one.live]:
            self._over(key)
        if self._running:
            self._sweepSoon()

    def _sweepSoon(self) -> None:
        if self._sweeping is None and self._elsewhere is not None:
            self._sweeping = self._reactor.callLater(SWEEP_SECONDS, self._sweep)

    def _enter(self, new: Transaction) -> None:
        running = self._running
        running[new.key] = _Attempt(new)
        self._sweepSoon()
        if self._elsewhere is None and len(running) > self._sweepAt:
            # What is over is looked for so seldom that it costs next to nothing.
            self._running = {key: one for key, one in running.items() if one.live}
            self._sweepAt = 2 * len(self._running) + _SWEEP

    def _known(
        self, new: Transaction, found: Name | Remnant | None
    ) -> Known | Committed | CutShort:
        if found is not None and found.until > self._now():
            try:
                if isinstance(found, Name):
                    return committed(found)
                if new.resumes:
                    self._running[new.key].remnant = found
                    return self._cutShort(found)
            except Damaged as error:
                self._log.error("What was noted of a name is damaged: {e}", e=error)
        if found is not None:
            self.forget(new)
        return Known.NEW if self._admits(new.client) else Known.UNNAMED

    def _cutShort(self, found: Remnant) -> CutShort:
        envelope, _ = load(found.envelope, self._stamps)
        said, _ = readNote(found.note)
        return CutShort(found.octets, envelope, said)

    def nameOf(self, transaction: Transaction, finals: Sequence[Reply]) -> Name:
        """
        What is to be put down of a transaction that ends.

        @param finals: what is said at its end.
        """
        digest = transaction.digest
        return Name(
            transaction.key,
            transaction.client,
            self._now() + self.options.keepSeconds,
            transaction.envelope.octets,
            None if digest is None else digest(),
            noteOf(transaction.said, finals),
        )

    # --- what comes ---------------------------------------------------------------

    def begin(self, transaction: Transaction) -> IIncoming | None:
        """
        Go on with what was cut short; L{None}: it was not.

        @raise SpoolBroken: see there; or what there is of it cannot be opened.
        """
        attempt = self._running.get(transaction.key)
        if not isinstance(transaction.before, CutShort) or attempt is None:
            return None
        assert self.names is not None and attempt.remnant is not None
        try:
            incoming = self.names.resume(attempt.remnant)
        except OSError as error:
            self.forget(transaction)
            raise SpoolBroken(f"what was cut short is of no use: {error}") from error
        self.told(transaction.session, incoming.octets, True)
        return incoming

    def commit(
        self,
        transaction: Transaction,
        incoming: IIncoming,
        envelope: Envelope,
        prefix: bytes,
        hold: bool | str,
        finals: Sequence[Reply],
    ) -> Deferred[None]:
        """
        Put a message down with its name.

        @param envelope: as the message is delivered.
        @param finals: what is said at the end.
        """
        resumed = isinstance(transaction.before, CutShort)
        if self.names is None or (transaction.digest is None and not resumed):
            return incoming.commit(envelope, prefix, hold)
        name = self.nameOf(transaction, finals)
        done = self.names.commit(incoming, envelope, prefix, hold, name)
        done.addCallback(self._committed, transaction.key)
        return self.during(transaction, done)

    def _committed(self, result: None, key: bytes) -> None:
        # It is in the file: whoever asks for it may look there.
        if self.names is not None:
            self.names.release(key)

    def leave(self, transaction: Transaction, incoming: IIncoming) -> None:
        """What came of a message was cut short, or dropped: keep it, if it counts."""
        session, names = transaction.session, self.names
        lost = session.ending is not None
        if (
            names is None
            or not lost
            or not transaction.resumes
            or not transaction.whole
        ):
            incoming.abort()
            if isinstance(transaction.before, CutShort):
                self.forget(transaction)
            return
        remnant = Remnant(
            transaction.key,
            transaction.client,
            self._now() + self.options.keepSeconds,
            0,
            transaction.whole,
            dump(transaction.envelope, b""),
            noteOf(transaction.said, ()),
        )
        done = names.leave(incoming, remnant, self._room, self._isLive)
        self._sure(self.during(transaction, done))

    def _isLive(self, key: bytes) -> bool:
        attempt = self._running.get(key)
        return attempt is not None and attempt.live

    def during(self, transaction: Transaction, done: Deferred[T]) -> Deferred[T]:
        """Nobody else gets a transaction before something is done."""
        attempt = self._running.get(transaction.key)
        if attempt is None or attempt.transaction is not transaction:
            return done
        attempt.busy += 1

        def over(result: Any) -> Any:
            attempt.busy -= 1
            return result

        return done.addBoth(over)

    def judging(self, transaction: Transaction, done: Deferred[Any]) -> None:
        """
        Nobody else gets a transaction before it is known what becomes of its message,
        though its client may be gone by then.
        """
        attempt = self._running.get(transaction.key)
        if attempt is None or attempt.transaction is not transaction:
            return
        attempt.judging += 1

        def over(result: T) -> T:
            attempt.judging -= 1
            return result

        done.addBoth(over)

    def _sure(self, done: Deferred[None]) -> None:
        done.addErrback(self._unsure)

    def _unsure(self, failure: Failure) -> None:
        # Nobody waits for it, and a spool that failed has told so itself.
        failure.trap(SMTPXError)
        self._log.debug("Not noted: {error}", error=failure.value)

    # --- time ---------------------------------------------------------------------

    async def keepTidy(self) -> None:
        """Forget what is too old, now and then; it ends by being cancelled."""
        while True:
            more = False
            if self.names is not None:
                try:
                    more = await self.names.expire(self._now(), self._isLive)
                except SMTPXError as error:
                    self._log.debug("Not tidied: {error}", error=error)
            await deferLater(self._reactor, LOOK_SECONDS if more else EXPIRE_SECONDS)


__all__ = ["Transactions"]
