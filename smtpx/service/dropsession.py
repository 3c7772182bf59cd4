"""
A client in the server itself: what was dropped is submitted by SMTP, without a
connection.  So everything that holds for a client holds for it: extensions and their
parameters, policies, bounds, logs.

Who submits is known from the system (L{smtpx.core.trace.LOCAL}), and may relay as
users who have logged in may.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.dialogue import Question
from ..core.effects import PENDING, IServerPort, OpenBody, Pending, TakeMessage
from ..core.hooks import TLSOptions
from ..core.reply import LOCAL_ERROR, SHUTTING_DOWN, Reply, ReplyReader
from ..core.server import ServerConnection
from ..core.trace import LOCAL
from ..core.transparency import DotWriter
from ..net.answers import CORE_QUESTIONS
from ..net.factory import SMTPServerFactory
from ..net.interfaces import IArrival

T = TypeVar("T")

#: After so many pieces of a message others have a turn.
_PIECES = 16


@implementer(IServerPort, IPushProducer)
class DropSession:
    """
    One conversation.

    @ivar core: the server's side of it.
    """

    def __init__(self, factory: SMTPServerFactory, user: bytes) -> None:
        """
        @param factory: whose profile, policy and receiver it is about.
        @param user: the name of who submits.
        """
        self._factory = factory
        self.core = ServerConnection(factory.profile, self)
        self._user = user
        self._reader = ReplyReader()
        self._replies: list[Reply] = []
        self._waiting: Deferred[None] | None = None
        self._stalled: Deferred[None] | None = None
        self._arrival: IArrival | None = None

    # --- the client's side ----------------------------------------------------------

    async def greet(self) -> Reply:
        """
        Begin.

        @return: the answer to EHLO, or a greeting that refuses.
        """
        said = await self._answer(self.core.start())
        if said.refuses:
            return said
        # The greeting begins with nothing known of the client.
        self.core.identity = self._user
        self.core.mechanism = LOCAL
        return await self.say(b"EHLO " + self._factory.profile.name)

    async def say(self, line: bytes) -> Reply:
        """
        Say a command.

        @return: the answer.
        """
        return await self._answer(self.core.feed(line + b"\r\n"))

    async def deliver(self, pieces: Iterable[bytes]) -> Reply:
        """
        Send the message, by DATA.

        @return: the answer to it, or a refusal of DATA.
        @raise BadDrop: out of C{pieces}; the message was not taken then.
        """
        said = await self.say(b"DATA")
        if said.code != 354:
            return said
        writer = DotWriter()
        for count, piece in enumerate(pieces):
            self.core.feed(writer.write(piece))
            if self._stalled is not None:
                await self._stalled
            elif count % _PIECES == _PIECES - 1:
                await deferLater(self._factory.reactor, 0)
        return await self._answer(self.core.feed(writer.end()))

    def close(self) -> None:
        """It is over; what was begun is forgotten."""
        self.core.lost()

    async def _answer(self, octets: bytes) -> Reply:
        self._heard(octets)
        while not self._replies:
            if self.core.closed:
                return SHUTTING_DOWN
            self._waiting = Deferred()
            await self._waiting
        return self._replies.pop(0)

    def _heard(self, octets: bytes) -> None:
        for line in octets.split(b"\r\n")[:-1]:
            said = self._reader.line(line)
            if said is not None:
                self._replies.append(said)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    # --- the core's port ------------------------------------------------------------

    def ask(self, question: Question[T]) -> T | Pending:
        """See L{IServerPort}."""
        kind = type(question)
        answer: Any
        if isinstance(question, OpenBody):
            answer = self._open(question)
        elif isinstance(question, TakeMessage):
            answer = self._take(question)
        else:
            answer = self._factory.answer(question)
            if isinstance(answer, Deferred):
                seconds = self._factory.bounds.answerSeconds
                answer.addTimeout(seconds, self._factory.reactor)
        if not isinstance(answer, Deferred):
            found: T = answer
            return found
        there: list[Any] = []
        came = False

        def take(result: Any) -> None:
            # To answer at once would be to come back into the core before it has
            # gone out.
            if came:
                self._came(kind, result)
            else:
                there.append(result)

        answer.addBoth(take)
        came = True
        if not there:
            return PENDING
        if isinstance(there[0], Failure):
            there[0].raiseException()
        found = there[0]
        return found

    def _came(self, kind: type[Question[Any]], result: Any) -> None:
        """The answer to a question, later."""
        core = self.core
        if not isinstance(result, Failure):
            self._heard(core.answer(result))
            return
        error = result.value
        assert error is not None
        if kind in CORE_QUESTIONS:
            self.trouble("receiver" if kind is TakeMessage else "policy", error)
            self._heard(core.answer(LOCAL_ERROR))
        else:
            self._heard(core.fail(error))

    def _open(self, question: OpenBody) -> Reply | None:
        receiver = self._factory.receiver
        arrival = receiver.begin(question.session, question.envelope)
        if isinstance(arrival, Reply):
            return arrival
        self._arrival = arrival
        arrival.registerProducer(self, True)
        return None

    def body(self, octets: bytes) -> None:
        """See L{IServerPort}."""
        assert self._arrival is not None
        self._arrival.write(octets)

    def _take(self, question: TakeMessage) -> object:
        arrival, self._arrival = self._arrival, None
        assert arrival is not None
        arrival.unregisterProducer()
        return arrival.finish(question.session, question.envelope)

    def dropBody(self) -> None:
        """See L{IServerPort}."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.unregisterProducer()
            arrival.abort()
        self.resumeProducing()

    def refused(self, command: bytes, answer: Reply) -> None:
        """See L{IServerPort}."""
        if self._factory.journal.enabled:
            self._factory.journal.refused(self.core, command, answer)

    def handshake(self, options: TLSOptions) -> None:
        """See L{IServerPort}.  There is nothing to protect, and no TLS."""

    def evict(self, why: Reply) -> None:
        """See L{IServerPort}."""
        raise AssertionError("nobody comes in the place of this one")

    def trouble(self, owner: str, error: BaseException) -> None:
        """See L{IServerPort}."""
        self._factory.journal.trouble(self.core, owner, error)

    # --- the arrival's producer -----------------------------------------------------

    def pauseProducing(self) -> None:
        """The disk does not keep up."""
        if self._stalled is None:
            self._stalled = Deferred()

    def resumeProducing(self) -> None:
        """It does again."""
        stalled, self._stalled = self._stalled, None
        if stalled is not None:
            stalled.callback(None)

    def stopProducing(self) -> None:
        """It can take no more; the final reply will say why."""
        self.resumeProducing()


__all__ = ["DropSession"]
