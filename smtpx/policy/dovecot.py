"""
Passwords that Dovecot checks, by its authentication socket.

One connection is kept, over which many requests are under way at once
(L{smtpx.policy.dovecotwire} has the protocol).  Only a yes to a request of ours,
for a user with a name, lets anybody in.  Where the socket is not there, refuses,
says nothing or what nobody understands, the answer is "cannot tell now", and
nobody connects again at once.

AUTH is offered all the while: a client that is told 454 comes again, one that
finds no AUTH tells its user that the account is set up wrong.

Dovecot keeps whoever gave a wrong password waiting, up to 17 seconds, so the
turnstile has to have room for many, and patience.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.errors import Malformed
from ..sasl import (
    Authenticated,
    CheckPassword,
    IUsers,
    Judgement,
)
from .dovecotwire import (
    LINE_OCTETS,
    REQUESTS_MAX,
    Accepted,
    Answer,
    Greeting,
    Refused,
    parseAnswer,
    renderCancel,
    renderHello,
    renderRequest,
)
from .passwords import Answers, Unreachable, cannotTell, knownAs
from .turnstile import Turnstile

#: How long the server may take to take the connection, and then to greet.
CONNECT_SECONDS = 5.0
GREETING_SECONDS = 5.0

#: How long nobody tries again after a failure: after the first, and at most.
AGAIN_SECONDS = 0.1
AGAIN_SECONDS_MAX = 2.0


def againSeconds(failures: int) -> float:
    """
    How long nobody connects after a failure.

    @param failures: how many there were in a row, with it.
    """
    return min(AGAIN_SECONDS * 2.0 ** min(failures - 1, 10), AGAIN_SECONDS_MAX)


def tryDovecot(path: Path, seconds: float = GREETING_SECONDS) -> None:
    """
    See whether there is a Dovecot behind a socket; waits for it.

    @param seconds: how long each of its lines may take.
    @raise OSError: it cannot be connected to, or says nothing.
    @raise Malformed: it is of no use.
    """
    greeting = Greeting()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(renderHello(os.getpid()))
        with connection.makefile("rb") as lines:
            while not greeting.complete:
                line = lines.readline(LINE_OCTETS)
                if not line.endswith(b"\n"):
                    raise Malformed("not Dovecot's authentication protocol")
                greeting.feed(line.removesuffix(b"\n"))


class Abortable(Protocol):
    """What the transports of sockets have beyond C{ITransport}."""

    def abortConnection(self) -> None:
        """End it at once."""


class DovecotConnection(LineOnlyReceiver):
    """
    One connection to the socket.
    """

    delimiter = b"\n"
    MAX_LENGTH = LINE_OCTETS

    def __init__(
        self,
        clock: IReactorTime,
        greeted: Callable[[DovecotConnection], None],
        broken: Callable[[Unreachable], None],
    ) -> None:
        """
        @param clock: for the time limit of the greeting.
        @param greeted: called with this, once the server has greeted.
        @param broken: called once, when it is of no use, or not any more.
        """
        self._clock = clock
        self._greeted = greeted
        self._broken = broken
        self._greeting = Greeting()
        self._limit: IDelayedCall | None = None
        self._pending: dict[int, Deferred[Answer]] = {}
        self._number = 0
        self._over = False

    def connectionMade(self) -> None:
        """Say hello."""
        self._limit = self._clock.callLater(
            GREETING_SECONDS, self.giveUp, "it does not greet"
        )
        self._say(renderHello(os.getpid()))

    def check(self, question: CheckPassword) -> Deferred[Answer]:
        """
        Ask for a password.

        @return: the answer; fails with L{Unreachable}, where none will come.
        """
        self._number += 1
        number = self._number
        answered: Deferred[Answer] = Deferred(lambda _: self._forget(number))
        self._pending[number] = answered
        self._say(renderRequest(number, question))
        if number == REQUESTS_MAX:
            self.giveUp("the numbers of requests are used up")
        return answered

    def lineReceived(self, line: bytes) -> None:
        """The server says something."""
        if self._over:
            # What is left in the buffer of a connection that was given up.
            return
        try:
            if self._greeting.complete:
                self._hear(parseAnswer(line))
            elif self._greeting.feed(line):
                self._stopClock()
                self._greeted(self)
        except Malformed as error:
            self.giveUp(f"it says what is not of the protocol: {error}")

    def lineLengthExceeded(self, line: bytes) -> None:
        """The server says more than anybody has to hear."""
        self.giveUp("it says a line that is too long")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever still waits is told."""
        self._end(f"the connection has ended: {reason.getErrorMessage()}")

    def giveUp(self, why: str) -> None:
        """End the connection, and tell whoever waits."""
        self._end(why)
        # Not an orderly end: who does not read would keep it open.
        cast(Abortable, self.transport).abortConnection()

    def _hear(self, answer: Answer) -> None:
        answered = self._pending.pop(answer.number, None)
        if answered is not None:
            answered.callback(answer)
        # One that nobody waits for any more may come late.  One that was never
        # asked for is a sign that the two do not speak of the same thing.
        elif not 0 < answer.number <= self._number:
            raise Malformed("an answer to nothing that was asked")

    def _forget(self, number: int) -> None:
        # Nobody wants the answer any more.
        del self._pending[number]
        self._say(renderCancel(number))

    def _end(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        self._stopClock()
        trouble = Unreachable(f"Dovecot cannot be asked: {why}")
        pending, self._pending = self._pending, {}
        self._broken(trouble)
        for answered in pending.values():
            answered.errback(trouble)

    def _stopClock(self) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()

    def _say(self, octets: bytes) -> None:
        assert self.transport is not None
        self.transport.write(octets)


class DovecotLink:
    """
    One connection to the socket, made when it is wanted.  Where that has failed,
    or the last one has broken, nobody tries again before some time has passed.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, clock: IReactorTime) -> None:
        """
        @param endpoint: leads to the socket.
        @param clock: for limits, and for the time between attempts.
        """
        self._endpoint = endpoint
        self._clock = clock
        self._connection: DovecotConnection | None = None
        self._attempt: DovecotConnection | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._waiting: list[Deferred[DovecotConnection]] = []
        self._trouble: Unreachable | None = None
        self._failures = 0
        self._notBefore = 0.0

    def connect(self) -> Deferred[DovecotConnection]:
        """
        The connection.

        @return: fails with L{Unreachable}, where there is none.
        """
        if self._connection is not None:
            return succeed(self._connection)
        if self._trouble is not None and self._clock.seconds() < self._notBefore:
            return fail(self._trouble)
        wanted: Deferred[DovecotConnection] = Deferred(self._waiting.remove)
        self._waiting.append(wanted)
        if self._attempt is None:
            self._open()
        return wanted

    def worked(self) -> None:
        """The connection has given an answer: the next failure is the first one."""
        self._failures = 0

    def close(self) -> None:
        """End the connection, or the attempt to make one."""
        if self._connecting is not None:
            self._connecting.cancel()
        for each in (self._attempt, self._connection):
            if each is not None:
                each.giveUp("the server stops")

    def _open(self) -> None:
        attempt = self._attempt = DovecotConnection(
            self._clock, self._greeted, self._broken
        )
        factory = Factory.forProtocol(lambda: attempt)
        # Twisted would say of each when it starts and stops.
        factory.noisy = False
        self._connecting = self._endpoint.connect(factory)
        self._connecting.addErrback(self._unreachable)

    def _unreachable(self, failure: Failure) -> None:
        self._broken(
            Unreachable(f"Dovecot cannot be asked: {failure.getErrorMessage()}")
        )

    def _greeted(self, connection: DovecotConnection) -> None:
        self._attempt, self._connection = None, connection
        while self._waiting:
            self._waiting.pop(0).callback(connection)

    def _broken(self, trouble: Unreachable) -> None:
        self._attempt = self._connection = None
        self._trouble = trouble
        self._failures += 1
        self._notBefore = self._clock.seconds() + againSeconds(self._failures)
        while self._waiting:
            self._waiting.pop(0).errback(trouble)


@implementer(IUsers)
class DovecotUsers:
    """
    The users that Dovecot knows.  It is asked for passwords only, so there is no
    SCRAM.

    @ivar answers: what answers L{CheckPassword}.
    """

    available = True
    scram = False
    _log = Logger()

    def __init__(
        self, endpoint: IStreamClientEndpoint, clock: IReactorTime, turnstile: Turnstile
    ) -> None:
        """
        @param endpoint: leads to the socket.
        @param clock: for limits, and for the time between attempts to connect.
        @param turnstile: bounds how many requests are under way, and how long.
        """
        self.answers: Answers = {CheckPassword: self.checkPassword}
        self._turnstile = turnstile
        self._link = DovecotLink(endpoint, clock)

    def stop(self) -> None:
        """End the connection."""
        self._link.close()

    def checkPassword(
        self, question: CheckPassword
    ) -> Deferred[Judgement | Authenticated]:
        """Answer L{CheckPassword}."""
        asked = self._turnstile.admit(
            lambda: Deferred.fromCoroutine(self._ask(question)),
            whose=question.channel.peer,
        )
        return asked.addErrback(self._cannotTell)

    async def _ask(self, question: CheckPassword) -> Judgement | Authenticated:
        connection = await self._link.connect()
        answer = await connection.check(question)
        self._link.worked()
        if isinstance(answer, Accepted):
            return self._accepted(answer)
        if not isinstance(answer, Refused) or answer.temporary:
            raise Unreachable("Dovecot cannot check a password now")
        if answer.why is not None:
            self._log.info("Dovecot refused a login: {why}", why=answer.why)
        return Judgement.BAD

    def _accepted(self, answer: Accepted) -> Judgement | Authenticated:
        if answer.nologin:
            self._log.info("Dovecot lets {user!r} not log in", user=answer.user)
            return Judgement.BAD
        return knownAs(answer.user)

    def _cannotTell(self, failure: Failure) -> Judgement:
        return cannotTell(self._log, failure)
