"""
Receiving: what arrives goes into the spool, and 250 is said once it is there.

This is where the net, which knows connections, meets the spool, which knows
disks.  It is called for each message, so it is kept lean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.queueprofile import NOT_BEFORE
from ..core.reply import Reply, reply, saying
from ..core.standing import Standing
from ..core.trace import ABOVE, HEADER, received
from ..extensions.checkpointserver import transactionOf
from ..net.interfaces import IArrival, IJournal, IReceiver
from ..policy.redirect import Redirection
from ..policy.rules import settle
from ..spool.interfaces import IIncoming, ISpool, SpoolBroken, SpoolFull
from .remembering import NamedIncoming
from .transactions import Transactions

#: RFC 3463 section 3.4, X.3.1.
FULL = reply(452, "4.3.1", b"No room for mail now")
BROKEN = reply(451, "4.3.0", b"Mail cannot be taken now")

_TAKEN = reply(250, "2.0.0", b"")
# A member is looked up at its class by a function of Enum's, each time.
_USUAL = Standing.USUAL


@implementer(IReceiver)
class SpoolReceiver:
    """Puts messages into a spool."""

    __slots__ = (
        "counted",
        "holds",
        "journal",
        "redirected",
        "ruled",
        "spool",
        "transactions",
        "waitSeconds",
    )

    def __init__(
        self,
        spool: ISpool,
        journal: IJournal,
        holds: Callable[[Envelope], bool],
        redirection: Redirection | None = None,
        transactions: Transactions | None = None,
        ruled: bool = False,
        waitSeconds: float = 0.0,
        counted: Callable[[Envelope], object] | None = None,
    ) -> None:
        """
        @param journal: told of each message that was taken, with the recipients
            that the client gave.
        @param holds: is a message to be put on hold as it arrives?
        @param redirection: puts others in the place of recipients that have an
            alias; L{None}: there are no aliases.
        @param transactions: those with names; L{None}: none has one.
        @param ruled: are there rules that may have noted something on a message?
        @param waitSeconds: how long a message waits that is not to be delivered at
            once.
        @param counted: told of each transaction whose message was taken; L{None}:
            nobody wants to know.
        """
        self.ruled = ruled
        self.waitSeconds = waitSeconds
        self.counted = counted
        self.transactions = transactions
        self.spool = spool
        self.journal = journal
        self.holds = holds
        self.redirected = None if redirection is None else redirection.redirected

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        try:
            if session.standing is _USUAL:
                incoming = self.spool.begin()
            else:
                incoming = self._named(session)
        except SpoolFull:
            return FULL
        except SpoolBroken:
            return BROKEN
        return SpoolArrival(self, incoming)

    def _named(self, session: IServerSession) -> IIncoming:
        """A message that has a name begins, or goes on where it was cut short."""
        transaction, transactions = transactionOf(session), self.transactions
        if transaction is None or transactions is None:
            return self.spool.begin()
        incoming = transactions.begin(transaction) or self.spool.begin()
        return NamedIncoming(incoming, transaction, transactions, _answer)


@implementer(IArrival)
class SpoolArrival:
    """
    One message on its way into the spool.

    @ivar write: takes a piece of the body: the spool's own method, as the others are.
    @ivar abort: forgets it.
    @ivar registerProducer: has the spool pause a producer where the disk does not keep
        up.
    @ivar unregisterProducer: the body is whole, or will not be.
    """

    __slots__ = (
        "_envelope",
        "_incoming",
        "_receiver",
        "_session",
        "abort",
        "registerProducer",
        "unregisterProducer",
        "write",
    )

    _session: IServerSession
    _envelope: Envelope

    def __init__(self, receiver: SpoolReceiver, incoming: IIncoming) -> None:
        self._receiver = receiver
        self._incoming = incoming
        self.write = incoming.write
        self.abort = incoming.abort
        self.registerProducer = incoming.registerProducer
        self.unregisterProducer = incoming.unregisterProducer

    @property
    def id(self) -> str:
        """In the spool."""
        return self._incoming.id

    @property
    def reread(self) -> Callable[[], Iterator[bytes]]:
        """Gives what there is of it: the spool's own method."""
        return self._incoming.reread

    def finish(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply]:
        """See L{IArrival}."""
        incoming = self._incoming
        try:
            prefix = received(session, envelope, incoming.id, session.clauses())
            above = envelope.stamp(ABOVE)
            if above is not None:
                prefix = above + prefix
            redirected = self._receiver.redirected
            spooled = envelope if redirected is None else redirected(envelope)
            hold: bool | str = self._receiver.holds(spooled)
            if self._receiver.ruled:
                settled = settle(envelope, spooled)
                prefix = settled.above + prefix + settled.below
                hold = settled.held or hold
                if settled.waits:
                    due = session.now() + self._receiver.waitSeconds
                    spooled.stamps[NOT_BEFORE] = due
            header = envelope.stamp(HEADER)
            if header is not None:
                prefix += header
                # The message may stay in memory until it is delivered.
                del envelope.stamps[HEADER]
        except BaseException:
            # Nobody else would: the connection has let go of it.
            incoming.abort()
            raise
        # Here rather than with the callback, which is called faster without arguments.
        self._session, self._envelope = session, envelope
        committed = incoming.commit(spooled, prefix, hold)
        return committed.addCallbacks(self._taken, _refused)

    def _taken(self, result: None) -> Reply:
        id, receiver = self._incoming.id, self._receiver
        answer = _answer(id)
        if receiver.counted is not None:
            receiver.counted(self._envelope)
        journal = receiver.journal
        if journal.enabled:
            journal.accepted(self._session, self._envelope, id, answer)
        return answer


def _answer(id: str) -> Reply:
    """What a client is told whose message has this id."""
    return saying(_TAKEN, b"OK id=" + id.encode("ascii"))


def _refused(failure: Failure) -> Reply | Failure:
    # The spool has told the operator; the peer learns only that it is not its
    # fault.
    if isinstance(failure.value, SpoolFull):
        return FULL
    return BROKEN if isinstance(failure.value, SpoolBroken) else failure
