"""
What a server connection asks of its shell, as a protocol answers it: questions go to
those whom the factory knows, and a body goes where messages arrive.

How octets come and go is L{smtpx.net.server}'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.dialogue import Question
from ..core.effects import (
    PENDING,
    IDirectPort,
    IServerPort,
    MayReceive,
    MaySend,
    OpenBody,
    Pending,
    TakeMessage,
)
from ..core.envelope import Envelope, Recipient
from ..core.hooks import TLSOptions
from ..core.interfaces import IServerSession
from ..core.reply import LOCAL_ERROR, Reply
from ..core.server import ServerConnection
from ..core.standing import Standing
from .answers import CORE_QUESTIONS
from .direct import (
    BODY_OCTETS,
    COMMAND_OCTETS,
    STREAM_OCTETS,
    DirectProtocol,
    Stall,
)
from .fastopen import Opened, Proof, proofOf, proven
from .inflow import Inflow
from .interfaces import IArrival, Taken

if TYPE_CHECKING:
    from .factory import SMTPServerFactory

T = TypeVar("T")

# A member is looked up at its class by a function of Enum's, each time.
_USUALLY = Opened.USUALLY
_AT_ONCE = frozenset({Standing.PROMPT, Standing.SETTLED})


@implementer(IServerPort, IDirectPort)
class ServerPort(DirectProtocol):
    """
    The port of a server connection.

    @ivar factory: who made it.
    @ivar core: the SMTP of it.
    """

    factory: SMTPServerFactory
    core: ServerConnection

    _arrival: IArrival | None = None
    _inflow: Inflow | None = None
    _asked: Deferred[Any] | None = None
    _options: TLSOptions | None = None
    _commits = False
    _opened = _USUALLY

    def _tell(self, octets: bytes) -> None:
        """
        Say what came of an answer, and see what is next.

        @raise NotImplementedError: that is for whoever knows the octets.
        """
        raise NotImplementedError

    def ask(self, question: Question[T]) -> T | Pending:
        """See L{IServerPort}."""
        answer: Any
        if isinstance(question, TakeMessage):
            answer = self.takeMessage(question.session, question.envelope)
        elif isinstance(question, OpenBody):
            answer = self.openBody(question.session, question.envelope)
        elif self._opened is _USUALLY:
            answer = self._now(self.factory.answer(question), type(question))
        else:
            answer = self._now(self._cautiously(question), type(question))
        said: T | Pending = answer
        return said

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        if self._opened is not _USUALLY:
            return self.ask(MaySend(session, envelope))
        answer = self.factory.maySend(session, envelope)
        return None if answer is None else self._now(answer, MaySend)

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        if self._opened is not _USUALLY:
            return self.ask(MayReceive(session, envelope, recipient))
        answer = self.factory.mayReceive(session, envelope, recipient)
        return None if answer is None else self._now(answer, MayReceive)

    def _now(self, answer: Any, asked: type[Question[Any]]) -> Any:
        """
        An answer, if it is there; L{PENDING}: it comes later.

        @param asked: the kind of the question.
        @raise Exception: whatever there is in the place of an answer.
        """
        # What comes most is looked at first; Deferred is slow to ask for.
        if answer is None or type(answer) is Reply or not isinstance(answer, Deferred):
            return answer
        if not answer.called or answer.paused:
            self._asked = answer
            # While it is not known where the client is, nothing is committed.
            self._commits = asked is TakeMessage and self._arrival is None
            answer.addCallbacks(self._answered, self._failed, errbackArgs=(asked,))
            return PENDING
        # It is there already; to call back now would be to come back into
        # the core before it has gone out.
        there: list[Any] = []
        answer.addBoth(there.append)
        found = there[0]
        if isinstance(found, Failure):
            found.raiseException()
        return found

    def _answered(self, value: object) -> None:
        """
        The answer to a question has come.

        @raise NotImplementedError: see L{_tell}.
        """
        raise NotImplementedError

    def _failed(self, failure: Failure, asked: type[Question[Any]]) -> None:
        self._asked = None
        error = failure.value
        assert error is not None
        gone = self.transport is None
        owner = "receiver" if self._commits else "policy"
        if isinstance(error, CancelledError):
            if gone:
                return
            error = TimeoutError(f"{asked.__name__} took too long")
        if gone:
            self.trouble(owner, error)
        elif asked in CORE_QUESTIONS:
            self.trouble(owner, error)
            self._tell(self.core.answer(LOCAL_ERROR))
        else:
            self._tell(self.core.fail(error))

    def openBody(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        arrival = self.factory.receiver.begin(session, envelope)
        if isinstance(arrival, Reply):
            return arrival
        self._arrival = arrival
        inflow = self._inflow
        if inflow is None:
            inflow = self._inflow = Inflow(self)
        arrival.registerProducer(inflow, True)
        connection = self._connection
        if connection is not None:
            connection.bufferSize = BODY_OCTETS
        return None

    def body(self, octets: bytes) -> None:
        """See L{IServerPort}."""
        if len(octets) > BODY_OCTETS // 2:
            self.expect(STREAM_OCTETS)
        arrival = self._arrival
        assert arrival is not None
        arrival.write(octets)

    def _cautiously(self, question: Question[Any]) -> Any:
        """
        Ask on behalf of a client that may be a recording: what does not bear to be
        asked again and again has to wait until it has shown where it is.
        """
        connection, factory = self._connection, self.factory
        if (
            connection is None
            or type(question) not in factory.cautious
            or proofOf(connection.socket) is Proof.GIVEN
        ):
            return factory.answer(question)
        wait = proven(factory.reactor, lambda: proofOf(connection.socket))
        return wait.addCallback(self._trusted, question)

    def _trusted(self, good: bool, question: Question[Any]) -> Any:
        if not good:
            raise ConnectionAborted("The client is not where its packet said")
        return self.factory.answer(question)

    def takeMessage(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | tuple[Reply, ...] | Pending:
        """See L{IDirectPort}."""
        if self._opened is _USUALLY:
            arrival, self._arrival = self._arrival, None
            assert arrival is not None
            self._bodyEnded(arrival)
            taken = arrival.finish(session, envelope)
        else:
            taken = self._take(session, envelope)
        answer: Reply | tuple[Reply, ...] | Pending = self._now(taken, TakeMessage)
        return answer

    def _take(self, session: IServerSession, envelope: Envelope) -> Taken:
        """
        The message is whole; the first that came by a SYN may have come before, unless
        it has a name by which that is known, and may be somebody else's.
        """
        if self.core.standing in _AT_ONCE:
            return self._finishBody(session, envelope)
        connection = self._connection
        if connection is None or proofOf(connection.socket) is Proof.GIVEN:
            self._opened = _USUALLY
            return self._finishBody(session, envelope)
        wait = proven(self.factory.reactor, lambda: proofOf(connection.socket))
        return wait.addCallbacks(self._proven, self._unproven, (session, envelope))

    def _proven(self, good: bool, session: IServerSession, envelope: Envelope) -> Any:
        if not good:
            self.dropBody()
            raise ConnectionAborted("The client is not where its packet said")
        self._opened = _USUALLY
        self._commits = True
        return self._finishBody(session, envelope)

    def _unproven(self, failure: Failure) -> Failure:
        self.dropBody()
        return failure

    def _finishBody(self, session: IServerSession, envelope: Envelope) -> Taken:
        arrival, self._arrival = self._arrival, None
        assert arrival is not None
        self._bodyEnded(arrival)
        return arrival.finish(session, envelope)

    def _bodyEnded(self, arrival: IArrival) -> None:
        """No more of a body comes."""
        connection = self._connection
        if connection is not None:
            connection.bufferSize = COMMAND_OCTETS
        arrival.unregisterProducer()
        if self._stalled:
            self.unstall(Stall.BODY)

    def dropBody(self) -> None:
        """See L{IServerPort}."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._bodyEnded(arrival)
            try:
                arrival.abort()
            except Exception as error:
                self.trouble("receiver", error)

    def handshake(self, options: TLSOptions) -> None:
        """See L{IServerPort}.  It begins when the go-ahead is written."""
        self._options = options

    def trouble(self, owner: str, error: BaseException) -> None:
        """See L{IServerPort}."""
        self.factory.journal.trouble(self.core, owner, error)

    def evict(self, why: Reply) -> None:
        """See L{IServerPort}."""
        self.factory.reactor.callLater(0, self._evicted, why)

    def _evicted(self, why: Reply) -> None:
        if self.transport is not None:
            self._tell(self.core.evicted(why))

    def refused(self, command: bytes, answer: Reply) -> None:
        """See L{IServerPort}."""
        if self.factory.journal.enabled:
            self.factory.journal.refused(self.core, command, answer)


__all__ = ["ServerPort"]
