"""
Receiving messages of which it is to be found out who sent them.

L{CheckingReceiver} stands before the spool's.  It holds a message back until its header
has come, takes out what pretends to be a result of ours, and passes it on; what comes
behind the header goes through as it comes, and into the hashes that signatures want.
Behind the end of the message it waits for the verdicts, and lets them be written above
it (L{smtpx.core.trace.ABOVE}).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.reply import LOCAL_ERROR, Reply, reply
from ..core.submitted import headerEnd
from ..core.trace import ABOVE
from ..extensions.checkpointserver import CutShort, transactionOf
from ..mailauth.resultsclaims import OurNames
from ..mailauth.resultswriting import renderResults
from ..mailauth.spftexts import received
from ..net.interfaces import IArrival, IReceiver, Taken
from ..net.receiving import Taker, receiverFor
from ..net.withheld import withhold
from .authentication import Authentication
from .claimed import withoutClaims
from .inquiry import Inquiry
from .seen import hasTooMany
from .verdicts import Verdicts

R = TypeVar("R")

#: The most octets of a header, if nobody says otherwise.
HEADER_OCTETS = 1 << 20

#: What a line begins with that goes on with the field above it.
_BLANKS = (b" ", b"\t")

#: RFC 3463 section 3.4: a part of it is too big.
TOO_LONG = reply(552, "5.3.4", b"Header is too long")


@implementer(IReceiver)
class CheckingReceiver:
    """
    Has messages checked, and hands them on.

    @ivar trusted: is a client one of ours that may use our name?
    """

    def __init__(
        self,
        receiver: IReceiver | Taker,
        authentication: Authentication,
        ours: OurNames,
        headerOctets: int = HEADER_OCTETS,
        trusted: Callable[[IServerSession], bool] = lambda session: False,
        receivedSPF: bool = True,
    ) -> None:
        """
        @param receiver: where messages go.
        @param ours: who must not be claimed to have found something out.
        @param headerOctets: the most octets of a header; a longer one is refused.
        @param receivedSPF: does SPF have a field of its own (RFC 7208 section 9.1)?
        """
        self.receiver = receiverFor(receiver)
        self.authentication = authentication
        self.ours = ours
        self.headerOctets = headerOctets
        self.trusted = trusted
        self.receivedSPF = receivedSPF

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}."""
        arrival = self.receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        inquiry = self.authentication.inquiry(session, envelope)
        checked = _CheckedArrival(self, arrival, inquiry, session, envelope)
        transaction = transactionOf(session)
        if transaction is not None and isinstance(transaction.before, CutShort):
            checked.resume()
        return checked


@implementer(IArrival)
class _CheckedArrival:
    """
    A message that is being checked.

    @ivar write: takes a piece of it; where nothing is to be done behind the header, it
        is the other arrival's own.
    """

    __slots__ = (
        "_arrival",
        "_envelope",
        "_held",
        "_inquiry",
        "_receiver",
        "_refusal",
        "_session",
        "write",
    )

    def __init__(
        self,
        receiver: CheckingReceiver,
        arrival: IArrival,
        inquiry: Inquiry | None,
        session: IServerSession,
        envelope: Envelope,
    ) -> None:
        self._receiver = receiver
        self._arrival = arrival
        self._inquiry = inquiry
        self._session = session
        self._envelope = envelope
        #: The message so far; L{None}: its header is through.
        self._held: bytearray | None = bytearray()
        self._refusal: Reply | None = None
        self.write: Callable[[bytes], None] = self._hold
        if inquiry is not None:
            inquiry.lastly = self._end
        withhold(envelope, self._end)

    @property
    def id(self) -> str:
        """In the spool; empty: it has none."""
        return getattr(self._arrival, "id", "")

    @property
    def reread(self) -> Callable[[], Iterator[bytes]] | None:
        """Gives what there is of it; L{None}: nobody keeps it."""
        return getattr(self._arrival, "reread", None)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused by whoever takes the message."""
        self._arrival.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()

    def resume(self) -> None:
        """What comes is the rest of a message whose header was passed on before."""
        self._held = None
        self.write = self._arrival.write
        if self._inquiry is not None:
            # Read when all of it is there, from where it is.
            self._inquiry.reread = getattr(self._arrival, "reread", None)

    # --- the header -----------------------------------------------------------------

    def _hold(self, data: bytes) -> None:
        held = self._held
        assert held is not None
        end = headerEnd(held, data)
        if end is not None:
            self._release(bytes(held), end)
        elif len(held) > self._receiver.headerOctets:
            self._refuse(TOO_LONG)

    def _release(self, held: bytes, end: int) -> None:
        """
        The header is there.

        @param end: how long it is; an empty line stands behind it, or nothing.
        """
        self._held = None
        receiver, inquiry = self._receiver, self._inquiry
        if inquiry is not None:
            inquiry.lastly = None
        header = held[:end]
        if end > receiver.headerOctets or hasTooMany(header):
            self._refuse(TOO_LONG)
            return
        stored, out = header, 0
        if not receiver.trusted(self._session):
            stored, out = withoutClaims(header, receiver.ours)
        if stored.startswith(_BLANKS):
            # It would go on with the last field of ours above it, and say in our name
            # what its sender likes.  It is text, then.
            stored, out = b"\r\n" + stored, out + 1
        if out:
            # What is kept of it is not as long as what came: there is no way to go on.
            transaction = transactionOf(self._session)
            if transaction is not None:
                transaction.resumes = False
        self.write = self._arrival.write
        if inquiry is not None:
            inquiry.header(header)
            if inquiry.wantsBody:
                self.write = self._both
                inquiry.write(held[end + 2 :])
        self._arrival.write(stored + held[end:] if out else held)

    def _end(self) -> None:
        """The message is there; it may have ended within its header."""
        held = self._held
        if held is not None:
            self._release(bytes(held), len(held))

    def _both(self, data: bytes) -> None:
        inquiry = self._inquiry
        assert inquiry is not None
        inquiry.write(data)
        self._arrival.write(data)

    def _refuse(self, why: Reply) -> None:
        self._held = None
        self._refusal = why
        self.write = self._drop

    def _drop(self, data: bytes) -> None:
        """It will be refused; what still comes is of no use."""

    # --- the end --------------------------------------------------------------------

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        try:
            self._end()
        except BaseException:
            self._arrival.abort()
            raise
        if self._refusal is not None:
            self.abort()
            return self._refusal
        inquiry = self._inquiry
        if inquiry is None:
            return self._arrival.finish(session, envelope)
        judged: Any = inquiry.message().addCallbacks(self._judged, self._failed)
        answer: Taken = judged
        return answer

    def _judged(self, verdicts: Verdicts) -> Taken:
        """All is known: write it down."""
        session, envelope = self._session, self._envelope
        try:
            utf8 = session.utf8Addresses
            envelope.stamps[ABOVE] = written(verdicts, utf8, self._receiver.receivedSPF)
        except Exception as error:
            self._receiver.authentication.trouble(session, "authentication", error)
        taken: Any = self._take()
        if isinstance(taken, Deferred):
            taken.addCallback(self._tell, verdicts)
        else:
            self._tell(taken, verdicts)
        found: Taken = taken
        return found

    def _failed(self, failure: Failure) -> Taken:
        """A mistake of ours is no reason to lose mail."""
        error = failure.value
        assert error is not None
        self._receiver.authentication.trouble(self._session, "authentication", error)
        return self._take()

    def _take(self) -> Taken:
        session, envelope = self._session, self._envelope
        self._receiver.authentication.taken(envelope)
        if session.ending is not None:
            # It has not waited, and will come again.
            self._arrival.abort()
            return LOCAL_ERROR
        return self._arrival.finish(session, envelope)

    def _tell(self, said: R, verdicts: Verdicts) -> R:
        """
        Tell who wants to know.

        @param said: to the client: a reply, or some.
        """
        replies = said if isinstance(said, tuple) else (said,)
        taken = any(not each.refuses for each in replies if isinstance(each, Reply))
        id = getattr(self._arrival, "id", "") if taken else None
        self._receiver.authentication.tell(self._session, self._envelope, verdicts, id)
        return said

    def abort(self) -> None:
        """See L{IArrival}."""
        self._arrival.abort()
        inquiry, receiver = self._inquiry, self._receiver
        if inquiry is not None:
            inquiry.lastly = None
            verdicts = inquiry.verdicts
            inquiry.cancel()
            receiver.authentication.taken(self._envelope)
            if verdicts is not None and self._session.ending is None:
                receiver.authentication.tell(
                    self._session, self._envelope, verdicts, None
                )


def written(verdicts: Verdicts, utf8: bool, receivedSPF: bool = True) -> bytes:
    """
    The fields that tell of what was found out, each with its CRLF.

    @param utf8: may there be characters beyond ASCII (RFC 6532)?
    @param receivedSPF: has SPF a field of its own?  It stands above all others.
    """
    outcomes = (verdicts.spf, verdicts.guess) if receivedSPF else ()
    out = [received(each, utf8) + b"\r\n" for each in outcomes if each is not None]
    return b"".join([*out, renderResults(verdicts.results, utf8)])


__all__ = ["HEADER_OCTETS", "TOO_LONG", "CheckingReceiver", "written"]
