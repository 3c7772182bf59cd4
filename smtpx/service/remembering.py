"""
Receiving what has a name: each message once, and a repeat as the first time.

L{RememberingReceiver} stands before all receivers that change messages, for a name is
of what the client sends.  L{NamedIncoming} stands where a message goes into the spool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer, IProducer
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..core.standing import Standing
from ..extensions.checkpointserver import (
    ANOTHER,
    Committed,
    CutShort,
    Transaction,
    transactionOf,
)
from ..net.interfaces import IArrival, IReceiver, Taken
from ..spool.interfaces import IIncoming, SpoolBroken
from .transactions import Transactions

# A member is looked up at its class by a function of Enum's, each time.
_USUAL = Standing.USUAL


@implementer(IReceiver)
class RememberingReceiver:
    """
    Looks at what has a name; everything else is not its business.
    """

    def __init__(self, receiver: IReceiver, transactions: Transactions) -> None:
        self._receiver = receiver
        self._transactions = transactions

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        usual = session.standing is _USUAL
        transaction = None if usual else transactionOf(session)
        if transaction is None:
            return self._receiver.begin(session, envelope)
        if isinstance(transaction.before, Committed):
            return _Repeat(transaction, transaction.before, self._transactions)
        arrival = self._receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        return _NamedArrival(arrival, transaction, self._transactions)


@implementer(IArrival)
class _NamedArrival:
    """A message that has a name, on its way."""

    __slots__ = (
        "_arrival",
        "_headed",
        "_last",
        "_octets",
        "_take",
        "_transaction",
        "_transactions",
        "_update",
        "_whole",
    )

    def __init__(
        self, arrival: IArrival, transaction: Transaction, transactions: Transactions
    ) -> None:
        self._arrival = arrival
        self._transactions = transactions
        self._take: Callable[[bytes], None] = arrival.write
        self._transaction = transaction
        before = transaction.before
        whole = before.octets if isinstance(before, CutShort) else 0
        transaction.whole = self._octets = self._whole = whole
        #: Has the header gone by?
        self._headed = whole > 0
        self._last = b"\r\n"
        self._update: Callable[[bytes], None] | None = None
        if not whole:
            seen = sha256()
            self._update, transaction.digest = seen.update, seen.digest

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IArrival}."""
        self._arrival.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        transaction = self._transaction
        if self._update is not None:
            self._update(data)
        transaction.heard = transaction.session.now()
        self._note(data)
        if self._headed:
            transaction.whole = self._whole
        self._take(data)

    def _note(self, data: bytes) -> None:
        """Note where the last line begins, and whether the header has gone by."""
        end = data.rfind(b"\r\n")
        if end >= 0:
            self._whole = self._octets + end + 2
        elif data.startswith(b"\n") and self._last.endswith(b"\r"):
            self._whole = self._octets + 1
        if not self._headed:
            # A message may begin with the empty line.
            seen = self._last + data
            self._headed = b"\r\n\r\n" in seen
            self._last = seen[-3:]
        else:
            self._last = data[-1:] or self._last
        self._octets += len(data)

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        taken = self._arrival.finish(session, envelope)
        if isinstance(taken, Deferred):
            # Its client may be gone before it is judged and put down.
            self._transactions.judging(self._transaction, taken)
        return taken

    def abort(self) -> None:
        """See L{IArrival}."""
        self._arrival.abort()


@implementer(IArrival)
class _Repeat:
    """
    A message that has ended before.  Nothing of it is kept; it is only looked whether
    it is the same.
    """

    __slots__ = ("_before", "_octets", "_seen", "_transaction", "_transactions")

    def __init__(
        self, transaction: Transaction, before: Committed, transactions: Transactions
    ) -> None:
        self._transaction = transaction
        self._before = before
        self._transactions = transactions
        self._seen = sha256()
        self._octets = 0

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is as fast as whatever comes."""

    def unregisterProducer(self) -> None:
        """See C{registerProducer}."""

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        self._octets += len(data)
        self._seen.update(data)

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        before, transaction = self._before, self._transaction
        # A client that has read the 355 has nothing to send.
        nothing = not transaction.repeated and not self._octets
        same = nothing or self._seen.digest() == before.digest
        finals = before.finalsFor(envelope.recipients)
        if same and session.tellEach is None and isinstance(finals, tuple):
            # Where some got it and some did not, one reply would be wrong for some.
            same = len({each.refuses for each in finals}) == 1
            finals = finals[0]
        if not same:
            self._transactions.forget(transaction)
            return ANOTHER
        self._transactions.told(session, before.octets, False)
        return finals

    def abort(self) -> None:
        """There is nothing to be forgotten."""


@implementer(IIncoming, IConsumer)
class NamedIncoming:
    """
    A message that has a name, on its way into the spool: it is put down with it, or
    kept where it is cut short.

    @ivar write: takes a piece of the body: the spool's own method.
    """

    __slots__ = ("_incoming", "_said", "_transaction", "_transactions", "id", "write")

    def __init__(
        self,
        incoming: IIncoming,
        transaction: Transaction,
        transactions: Transactions,
        said: Callable[[str], Reply],
    ) -> None:
        """
        @param said: what a client is told whose message has an id in the spool.
        """
        self._incoming = incoming
        self._transaction = transaction
        self._transactions = transactions
        self._said = said
        self.id = incoming.id
        self.write: Callable[[bytes], None] = incoming.write

    @property
    def octets(self) -> int:
        """How many octets were written."""
        return self._incoming.octets

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IIncoming}."""
        self._incoming.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IIncoming}."""
        self._incoming.unregisterProducer()

    def reread(self) -> Iterator[bytes]:
        """See L{IIncoming}."""
        pieces: Iterator[bytes] = self._incoming.reread()
        return pieces

    def commit(
        self, envelope: Envelope, prefix: bytes, hold: bool | str
    ) -> Deferred[None]:
        """See L{IIncoming}."""
        transaction = self._transaction
        if not transaction.underWay:
            # What it would be told is not known any more; it comes again for it.
            self.abort()
            return fail(SpoolBroken(f"{self.id}: its client is gone"))
        finals = transaction.session.foretell(self._said(self.id))
        return self._transactions.commit(
            transaction, self._incoming, envelope, prefix, hold, finals
        )

    def abort(self) -> None:
        """See L{IIncoming}."""
        self._transactions.leave(self._transaction, self._incoming)


__all__ = ["NamedIncoming", "RememberingReceiver"]
