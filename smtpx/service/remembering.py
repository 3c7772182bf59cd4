"""
Receiving what has a name: each message once, and a repeat as the first time.

L{RememberingReceiver} stands before all receivers that change messages, for a name is
of what the client sends.  L{named} stands where a message goes into the spool.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.hooks import Standing
from ..core.interfaces import IServerSession
from ..core.reply import Reply
from ..extensions.checkpointserver import (
    ANOTHER,
    Committed,
    CutShort,
    Transaction,
    transactionOf,
)
from ..net.interfaces import IArrival, IReceiver, Taken
from ..spool.interfaces import IIncoming
from .transactions import Transactions


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
        if session.standing is Standing.USUAL:
            return self._receiver.begin(session, envelope)
        transaction = transactionOf(session)
        if transaction is None:
            return self._receiver.begin(session, envelope)
        if isinstance(transaction.before, Committed):
            return _Repeat(transaction, transaction.before, self._transactions)
        arrival = self._receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        return _NamedArrival(arrival, transaction)


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
        "registerProducer",
        "unregisterProducer",
    )

    def __init__(self, arrival: IArrival, transaction: Transaction) -> None:
        self._arrival = arrival
        self._take: Callable[[bytes], None] = arrival.write
        self.registerProducer = arrival.registerProducer
        self.unregisterProducer = arrival.unregisterProducer
        self._transaction = transaction
        before = transaction.before
        resumed = isinstance(before, CutShort)
        self._octets = before.octets if isinstance(before, CutShort) else 0
        self._last = b""
        #: Has the header gone by?
        self._headed = resumed
        transaction.whole = self._octets
        self._hash = None

    def write(self, data: bytes) -> None:
        """A piece of the body."""
