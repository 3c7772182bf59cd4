"""
Receiving messages of which checkers are asked.

L{ConsultingReceiver} stands right before where messages are kept, so that checkers see
what is kept, and can read it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from twisted.internet.interfaces import IProducer, IPushProducer
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...core.trace import LOCAL
from ...extensions.checkpointserver import CutShort, transactionOf
from ...net.interfaces import IArrival, IReceiver, Taken
from ...net.receiving import Taker, receiverFor
from ...net.withheld import wantAll
from ..edits import editorOf
from .consultation import CONSULTATION, Consultation, skippedOf
from .desk import Desk, Tell
from .interfaces import Opinion
from .taps import Junction


def unheard(
    session: IServerSession, name: str, opinion: Opinion, seconds: float, id: str
) -> None:
    """For whom nobody is to be told."""


@implementer(IReceiver)
class ConsultingReceiver:
    """Gives messages to checkers, and hands them on."""

    def __init__(
        self,
        receiver: IReceiver | Taker,
        desks: Sequence[Desk],
        tell: Tell = unheard,
    ) -> None:
        """
        @param receiver: where messages go.
        @param desks: of the checkers, in their order.
        @param tell: told of each opinion.
        """
        self.receiver = receiverFor(receiver)
        self.desks = tuple(desks)
        self.tell = tell

    def begin(self, session: IServerSession, envelope: Envelope) -> IArrival | Reply:
        """See L{IReceiver}.  What users of this machine send is not checked."""
        arrival = self.receiver.begin(session, envelope)
        if isinstance(arrival, Reply) or session.mechanism == LOCAL:
            return arrival
        skipped = skippedOf(envelope)
        desks = [each for each in self.desks if not each.checker.finds & skipped]
        if not desks:
            return arrival
        wantAll(envelope)
        transaction = transactionOf(session)
        resumed = transaction is not None and isinstance(transaction.before, CutShort)
        consultation = Consultation(
            desks,
            session,
            envelope,
            getattr(arrival, "id", ""),
            getattr(arrival, "reread", None),
            resumed,
            self.tell,
        )
        envelope.stamps[CONSULTATION] = consultation
        return _ConsultedArrival(arrival, consultation)


@implementer(IArrival)
class _ConsultedArrival:
    """A message that checkers get as well."""

    __slots__ = ("_arrival", "_consultation", "_junction")

    def __init__(self, arrival: IArrival, consultation: Consultation) -> None:
        self._arrival = arrival
        self._consultation = consultation
        self._junction: Junction | None = None

    @property
    def id(self) -> str:
        """In the spool; empty: it has none."""
        return getattr(self._arrival, "id", "")

    @property
    def reread(self) -> Callable[[], Iterator[bytes]] | None:
        """Gives what there is of it; L{None}: nobody keeps it."""
        return getattr(self._arrival, "reread", None)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused by whoever of them does not keep up."""
        push: IPushProducer = producer  # type: ignore[assignment]  # it is streaming
        junction = self._junction = Junction(push)
        self._arrival.registerProducer(junction.tap(), streaming)
        self._consultation.through(junction)

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self._arrival.unregisterProducer()
        if self._junction is not None:
            self._junction.close()

    def write(self, data: bytes) -> None:
        """A piece of it."""
        self._consultation.write(data)
        self._arrival.write(data)

    def finish(self, session: IServerSession, envelope: Envelope) -> Taken:
        """See L{IArrival}."""
        editor = editorOf(envelope)
        if editor is not None:
            self._consultation.edit(editor)
        self._let(envelope)
        return self._arrival.finish(session, envelope)

    def abort(self) -> None:
        """See L{IArrival}."""
        self._consultation.close()
        self._arrival.abort()

    def _let(self, envelope: Envelope) -> None:
        """Who has not been asked by now is not asked any more."""
        self._consultation.close()
        if CONSULTATION in envelope.stamps:
            del envelope.stamps[CONSULTATION]


__all__ = ["ConsultingReceiver", "unheard"]
