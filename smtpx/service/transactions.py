"""
Transactions that clients have named: who has which one, and what became of it.

This is where CHECKPOINT meets the spool.  What has ended, and what was cut short, is in
the spool's file; what is under way is here, in memory, by its key.  A transaction is
its session's until the session goes on to something else, which needs not be told:
whoever wants the same one looks.

While one is being taken, or what came of it is being put by, others that ask for the
same one wait: that is short.  One whose client has been silent for some seconds is
taken over, for that client is the one that asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope, Stamp
from ..core.errors import SMTPXError
from ..core.interfaces import IServerSession
from ..core.reply import Reply, readReply
from ..extensions.checkpoint import CheckpointSettings
from ..extensions.checkpointserver import (
    TAKEN_OVER,
    Committed,
    CutShort,
    ITransactionMemory,
    Known,
    Recall,
    Said,
    Transaction,
    clientKey,
)
from ..net.answers import Answerers
from ..spool.format import Damaged, dump, load
from ..spool.interfaces import IIncoming, SpoolBroken
from ..spool.names import INames, Room
from ..spool.nametable import Name, Remnant

#: A client that has said nothing for so long is not the one that sends, in seconds.
SILENT_SECONDS = 10.0

#: How long somebody waits for an answer of ours to somebody else, in seconds, and how
#: often it is looked.
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.02

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
    @ivar remnant: what there is of it; L{None}: nothing.
    """

    transaction: Transaction
    busy: int = 0
    remnant: Remnant | None = None

    @property
    def live(self) -> bool:
        """Is anybody still about it?"""
        return self.busy > 0 or self.transaction.underWay


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
    ) -> None:
        """
        @param now: seconds since the epoch.
        """
        self.names: INames | None = None
        self.options = options
        self.told = told
        self._reactor = reactor
        self._now = now
        self._stamps: Mapping[str, Stamp[Any]] = {}
        self._running: dict[bytes, _Attempt] = {}
        self._sweepAt = _SWEEP
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
            self._sure(self.names.forget(transaction.key, transaction.client))

    def refused(self, transaction: Transaction, finals: Sequence[Reply]) -> None:
        """See L{ITransactionMemory}."""
        if self.names is not None:
            name = self.nameOf(transaction, finals)
            self._during(transaction, self.names.put(name))

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
        if not await self._isFree(new.key):
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
        return known

    async def _isFree(self, key: bytes) -> bool:
        """Wait until nobody else has it; false: somebody goes on having it."""
        asked = self._reactor.seconds()
        while (other := self._running.get(key)) is not None and other.live:
            session, mine = other.transaction.session, other.busy
            if not mine and session.idle:
                if self._now() - other.transaction.heard < SILENT_SECONDS:
                    return False
                session.evict(TAKEN_OVER)
            elif not mine and self._reactor.seconds() - asked > WAIT_SECONDS:
                return False
            await deferLater(self._reactor, LOOK_SECONDS)
        return True

    def _enter(self, new: Transaction) -> None:
        running = self._running
        running[new.key] = _Attempt(new)
        if len(running) > self._sweepAt:
            # What is over is looked for so seldom that it costs next to nothing.
            self._running = {key: one for key, one in running.items() if one.live}
            self._sweepAt = 2 * len(self._running) + _SWEEP

    def _known(
        self, new: Transaction, found: Name | Remnant | None
    ) -> Known | Committed | CutShort:
        if found is not None and found.until > self._now():
            try:
                if isinstance(found, Name):
                    return _committed(found)
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
        said, _ = _readNote(found.note)
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
            _note(transaction.said, finals),
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
        return self._during(transaction, done)

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
            _note(transaction.said, ()),
        )
        done = names.leave(incoming, remnant, self._room, self._isLive)
        self._sure(self._during(transaction, done))

    def _isLive(self, key: bytes) -> bool:
        attempt = self._running.get(key)
        return attempt is not None and attempt.live

    def _during(self, transaction: Transaction, done: Deferred[None]) -> Deferred[None]:
        """Nobody else gets it before something is done."""
        attempt = self._running.get(transaction.key)
        if attempt is None or attempt.transaction is not transaction:
            return done
        attempt.busy += 1

        def over(result: Any) -> Any:
            attempt.busy -= 1
            return result

        return done.addBoth(over)

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


# --- notes, as text -----------------------------------------------------------------


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def _note(said: Sequence[Said], finals: Sequence[Reply]) -> str:
    """What was said in a transaction, as text."""
    pairs = [[_text(each), _text(reply.octets)] for each, reply in said]
    return json.dumps(
        {"said": pairs, "finals": [_text(each.octets) for each in finals]}
    )


def _readNote(text: str) -> tuple[tuple[Said, ...], tuple[Reply, ...]]:
    """
    The inverse of L{_note}.

    @raise Damaged: it is none.
    """
    try:
        found = json.loads(text)
        said = [
            (each.encode("latin-1"), _reply(reply)) for each, reply in found["said"]
        ]
        return tuple(said), tuple([_reply(each) for each in found["finals"]])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Damaged(f"no note of a transaction: {error!r}") from error


def _reply(text: str) -> Reply:
    found = readReply(text.encode("latin-1"))
    if found is None:
        raise ValueError(text)
    return found


def _committed(found: Name) -> Committed:
    said, finals = _readNote(found.note)
    if not finals:
        raise Damaged("nothing was said at the end")
    return Committed(found.octets, found.digest, said, finals)


__all__ = ["Transactions"]
