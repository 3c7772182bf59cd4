"""
Tests for L{smtpx.policy.dovecot}, with a socket that says what the test wants.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.hooks import TLSInfo
from smtpx.extensions.auth import Auth
from smtpx.policy import dovecot
from smtpx.policy.dovecot import DovecotUsers, againSeconds
from smtpx.policy.turnstile import Turnstile
from smtpx.sasl import Authenticated, CheckPassword, IUsers, Judgement
from smtpx.testing.server import talk

from .test_dovecotwire import LINES
from .workers import heard

GREETING = b"".join(line + b"\n" for line in LINES)

JOE = CheckPassword(b"joe", b"pencil")
REQUEST = b"AUTH\t%d\tPLAIN\tservice=smtp\tnologin\tresp=AGpvZQBwZW5jaWw=\n"

Outcome = Judgement | Authenticated


class Wire(StringTransport):
    """
    A transport that goes on with what it has read when it is aborted, as that of
    a real socket does.
    """

    aborted = False

    def abortConnection(self) -> None:
        """See C{ITCPTransport}."""
        self.aborted = True


@define
class Line:
    """
    A connection, from Dovecot's side.

    @ivar protocol: the client.
    @ivar transport: what it writes to.
    """

    protocol: IProtocol
    transport: Wire = field(factory=Wire)

    def said(self) -> bytes:
        """What the client said since it was asked last."""
        octets: bytes = self.transport.value()
        self.transport.clear()
        return octets

    def say(self, octets: bytes) -> None:
        """Dovecot says something."""
        self.protocol.dataReceived(octets)

    def hangUp(self) -> None:
        """Dovecot ends the connection, or sees that the client did."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def aborted(self) -> bool:
        """Has the client ended it?"""
        return self.transport.aborted


@implementer(IStreamClientEndpoint)
@define
class Socket:
    """
    Dovecot's socket.

    @ivar refuses: how often it refuses before it does not.
    @ivar silent: does it not even do that?
    @ivar lines: the connections that there were.
    @ivar attempts: how many wanted to connect.
    """

    refuses: int = 0
    silent: bool = False
    lines: list[Line] = field(factory=list)
    attempts: int = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        self.attempts += 1
        connected: Deferred[IProtocol] = Deferred()
        if self.silent:
            return connected
        if self.refuses:
            self.refuses -= 1
            connected.errback(ConnectionRefusedError())
            return connected
        protocol = protocolFactory.buildProtocol(UNIXAddress("auth-client"))
        assert protocol is not None
        line = Line(protocol)
        self.lines.append(line)
        protocol.makeConnection(line.transport)
        connected.callback(protocol)
        return connected


class DovecotTestCase(SynchronousTestCase):
    """A socket, and those who ask it."""

    def setUp(self) -> None:
        """Nothing is connected yet."""
        self.said = heard(self)
        self.clock = Clock()
        self.socket = Socket()
        turnstile = Turnstile(self.clock, 3, 1, 20.0)
        self.users = DovecotUsers(self.socket, self.clock, turnstile)

    def check(self, question: CheckPassword = JOE) -> Deferred[Outcome]:
        """Ask for a password."""
        return self.users.checkPassword(question)

    def greeted(self) -> Line:
        """A connection over which a first request was answered."""
        outcome = self.check()
        [line] = self.socket.lines
        line.say(GREETING + b"OK\t1\tuser=joe\n")
        self.assertEqual(self.successResultOf(outcome), Authenticated(b"joe"))
        line.said()
        return line

    def assertUnavailable(self, outcome: Deferred[Outcome], *why: str) -> None:
        """Nobody could tell, and the operator reads why."""
        self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        level, text = self.said.pop()
        self.assertIs(level, LogLevel.warn)
        for words in ("password", *why):
            self.assertIn(words, text)


class AnswerTests(DovecotTestCase):
    """What Dovecot says of a password."""

    def answer(self, octets: bytes) -> Deferred[Outcome]:
        """What comes of an answer to the second request."""
        self.line = self.greeted()
        outcome = self.check()
        self.assertNoResult(outcome)
        self.assertEqual(self.line.said(), REQUEST % 2)
        self.line.say(octets)
        return outcome

    def test_isUsers(self) -> None:
        """There are users, even before anybody has asked, and no verifiers."""
        verifyObject(IUsers, self.users)
        self.assertTrue(self.users.available)
        self.assertFalse(self.users.scram)
        self.assertEqual(list(self.users.answers), [CheckPassword])

    def test_yes(self) -> None:
        """The user is who Dovecot says, which may spell the name otherwise."""
        outcome = self.answer(b"OK\t2\tuser=joe@example.org\toriginal_user=joe\n")
        self.assertEqual(
            self.successResultOf(outcome), Authenticated(b"joe@example.org")
        )

    def test_no(self) -> None:
        """A wrong password."""
        outcome = self.answer(b"FAIL\t2\tuser=joe\n")
        self.assertIs(self.successResultOf(outcome), Judgement.BAD)
        self.assertEqual(self.said, [])

    def test_userWhoMayNot(self) -> None:
        """Refused as any other; the log says more."""
        for number, answer in (
            (2, b"FAIL\t%d\tuser=joe\tcode=user_disabled\n"),
            (3, b"OK\t%d\tuser=joe\tnologin\n"),
        ):
            outcome = self.answer(answer % 2) if number == 2 else self.check()
            if number == 3:
                self.line.say(answer % 3)
            self.assertIs(self.successResultOf(outcome), Judgement.BAD)
        self.assertEqual(
            self.said,
            [
                (LogLevel.info, "Dovecot refused a login: the user is disabled"),
                (LogLevel.info, "Dovecot lets b'joe' not log in"),
            ],
        )

    def test_notNow(self) -> None:
        """Dovecot's own trouble."""
        self.assertUnavailable(self.answer(b"FAIL\t2\tuser=joe\ttemp\n"))
        self.assertFalse(self.line.aborted)

    def test_challenge(self) -> None:
        """PLAIN has none behind the response."""
        self.assertUnavailable(self.answer(b"CONT\t2\t\n"))

    def test_namesThatCannotBe(self) -> None:
        """A yes for somebody who cannot be named is none."""
        for name in (b"a\x01nb", b"\xff", b"a" * 1025, "\u00ad".encode()):
            socket = self.socket = Socket()
            self.users = DovecotUsers(socket, self.clock, Turnstile(self.clock))
            self.assertUnavailable(self.answer(b"OK\t2\tuser=%b\n" % name), "name")

    def test_othersRequests(self) -> None:
        """A yes to somebody else's number lets nobody in, and ends it."""
        for answer in (b"OK\t3\tuser=joe\n", b"OK\t0\tuser=joe\n"):
            self.socket = Socket()
            self.users = DovecotUsers(self.socket, self.clock, Turnstile(self.clock))
            outcome = self.answer(answer)
            self.assertUnavailable(outcome, "nothing that was asked")
            self.assertTrue(self.line.aborted)

    def test_answeredTwice(self) -> None:
        """The first counts; the second is late."""
        outcome = self.answer(b"FAIL\t2\nOK\t2\tuser=joe\nFAIL\t1\n")
        self.assertIs(self.successResultOf(outcome), Judgement.BAD)
        self.assertFalse(self.line.aborted)

    def test_garbage(self) -> None:
        """What is not of the protocol ends the connection, and is no yes."""
        for octets in (
            b"OK\n",
            b"235 2.7.0 Authentication succeeded\n",
            b"OK\t2\n",
            b"\0\xff\n",
            b"OK\t2\tuser=joe\tuser=admin\n",
            b"x" * 9000,
            b"x" * 9000 + b"\nOK\t2\tuser=joe\n",
            b"y\nOK\t2\tuser=joe\n",
        ):
            self.socket = Socket()
            self.users = DovecotUsers(self.socket, self.clock, Turnstile(self.clock))
            outcome = self.answer(octets)
            self.assertUnavailable(outcome, "Dovecot cannot be asked")
            self.assertTrue(self.line.aborted, octets)
            # What becomes of the connection then is nobody's any more.
            self.line.hangUp()

    def test_cutAnywhere(self) -> None:
        """However its octets come."""
        self.line = self.greeted()
        outcome = self.check()
        for octet in b"OK\t2\tuser=joe\n":
            self.assertNoResult(outcome)
            self.line.say(bytes((octet,)))
        self.assertEqual(self.successResultOf(outcome), Authenticated(b"joe"))


class ConnectionTests(DovecotTestCase):
    """The one connection that there is."""

    def test_madeWhenItIsWanted(self) -> None:
        """And kept; nothing is asked before the greeting is whole."""
        self.assertEqual(self.socket.attempts, 0)
        outcome = self.check()
        [line] = self.socket.lines
        self.assertEqual(line.said().count(b"\n"), 2)
        line.say(GREETING[:-1])
        self.assertEqual(line.said(), b"")
        line.say(GREETING[-1:])
        self.assertEqual(line.said(), REQUEST % 1)
        line.say(b"FAIL\t1\n")
        self.successResultOf(outcome)
        self.check()
        self.assertEqual(line.said(), REQUEST % 2)
        self.assertEqual(self.socket.attempts, 1)

    def test_manyAtOnce(self) -> None:
        """Answers come in any order, and each is somebody's."""
        first, second = self.check(), self.check()
        [line] = self.socket.lines
        line.say(GREETING)
        self.assertTrue(line.said().endswith(REQUEST % 1 + REQUEST % 2))
        line.say(b"OK\t2\tuser=joe\n")
        self.assertNoResult(first)
        self.successResultOf(second)
        line.say(b"FAIL\t1\n")
        self.assertIs(self.successResultOf(first), Judgement.BAD)

    def test_tooManyAtOnce(self) -> None:
        """The turnstile's bounds hold: three are asked, one waits."""
        outcomes = [self.check() for _ in range(5)]
        self.assertUnavailable(outcomes[-1])
        [line] = self.socket.lines
        line.say(GREETING)
        self.assertEqual(line.said().count(b"AUTH"), 3)
        line.say(b"FAIL\t1\n")
        self.assertEqual(line.said(), REQUEST % 4)

    def test_whereItIsNot(self) -> None:
        """No socket, or nobody behind it."""
        self.socket.refuses = 1
        self.assertUnavailable(self.check(), "Connection was refused")

    def test_notAgainAtOnce(self) -> None:
        """Whoever asks right behind a failure is told the same."""
        self.socket.refuses = 2
        self.assertUnavailable(self.check())
        self.assertUnavailable(self.check(), "Connection was refused")
        self.assertEqual(self.socket.attempts, 1)
        self.clock.advance(0.1)
        self.assertUnavailable(self.check())
        self.assertEqual(self.socket.attempts, 2)
        self.clock.advance(0.1)
        self.assertUnavailable(self.check())
        self.assertEqual(self.socket.attempts, 2)
        self.clock.advance(0.1)
        self.greeted()

    def test_howLong(self) -> None:
        """Longer each time, and two seconds at most."""
        self.assertEqual(
            [againSeconds(n) for n in (1, 2, 3, 5, 6, 10_000)],
            [0.1, 0.2, 0.4, 1.6, 2.0, 2.0],
        )

    def test_anAnswerIsASuccess(self) -> None:
        """After one, the next failure is the first again."""
        self.socket.refuses = 3
        for _ in range(3):
            self.check()
            self.clock.advance(2.0)
        self.greeted().hangUp()
        self.clock.advance(0.1)
        self.check()
        self.assertEqual(self.socket.attempts, 5)

    def test_greetsAndEnds(self) -> None:
        """A greeting alone is no success: it is tried ever less often."""
        for expected in (0.1, 0.2, 0.4):
            outcome = self.check()
            line = self.socket.lines[-1]
            line.say(GREETING)
            line.hangUp()
            self.assertUnavailable(outcome)
            count = self.socket.attempts
            self.clock.advance(expected - 0.01)
            self.check()
            self.assertEqual(self.socket.attempts, count)
            self.clock.advance(0.01)

    def test_silence(self) -> None:
        """One who does not greet is waited for five seconds."""
        outcome = self.check()
        [line] = self.socket.lines
        line.say(GREETING[:-6])
        self.clock.advance(4.9)
        self.assertNoResult(outcome)
        self.clock.advance(0.1)
        self.assertUnavailable(outcome, "does not greet")
        self.assertTrue(line.aborted)
        # What comes late is not heard.
        line.say(GREETING[-6:] + b"OK\t1\tuser=joe\n")

    def test_otherServers(self) -> None:
        """One that is not Dovecot, or has no PLAIN."""
        for greeting, why in (
            (b"220 mx.example.org ESMTP\n", "not Dovecot's"),
            (b"VERSION\t2\t0\n", "another version"),
            (b"VERSION\t1\t2\nMECH\tLOGIN\nDONE\n", "PLAIN is not"),
            (b"x" * 10_000, "too long"),
        ):
            self.clock.advance(2.0)
            outcome = self.check()
            line = self.socket.lines[-1]
            line.say(greeting)
            self.assertUnavailable(outcome, why)
            self.assertTrue(line.aborted)

    def test_greetingBehindRubbish(self) -> None:
        """A connection that was given up is not taken for one that works."""
        outcome = self.check()
        self.socket.lines[-1].say(b"VERSION\t1\tx\n" + GREETING)
        self.assertUnavailable(outcome, "not of the protocol")
        self.clock.advance(0.1)
        outcome = self.check()
        _, line = self.socket.lines
        line.say(GREETING + b"FAIL\t1\n")
        self.assertIs(self.successResultOf(outcome), Judgement.BAD)

    def test_theEndOfTheLastConnection(self) -> None:
        """It does no harm to the one that has taken its place."""
        old = self.greeted()
        old.say(b"rubbish\n")
        self.assertTrue(old.aborted)
        self.clock.advance(0.1)
        outcome = self.check()
        old.hangUp()
        self.socket.lines[-1].say(GREETING + b"FAIL\t1\n")
        self.assertIs(self.successResultOf(outcome), Judgement.BAD)

    def test_slowAnswer(self) -> None:
        """
        After the turnstile's time nobody waits, Dovecot is told, and a yes that
        comes then is nobody's.
        """
        line = self.greeted()
        outcome = self.check()
        line.said()
        self.clock.advance(20.0)
        self.assertUnavailable(outcome)
        self.assertEqual(line.said(), b"CANCEL\t2\n")
        later = self.check()
        line.say(b"OK\t2\tuser=joe\n")
        self.assertNoResult(later)
        line.say(b"FAIL\t3\n")
        self.assertIs(self.successResultOf(later), Judgement.BAD)

    def test_slowToConnect(self) -> None:
        """Likewise, and whoever comes next waits for the same attempt."""
        self.socket.silent = True
        outcome = self.check()
        self.clock.advance(20.0)
        self.assertUnavailable(outcome)
        self.check()
        self.assertEqual(self.socket.attempts, 1)

    def test_endsInTheMiddle(self) -> None:
        """Dovecot is restarted: who waits is told 454, who comes then is served."""
        line = self.greeted()
        outcomes = [self.check(), self.check()]
        line.hangUp()
        for outcome in outcomes:
            self.assertUnavailable(outcome, "connection has ended")
        self.clock.advance(0.2)
        outcome = self.check()
        self.socket.lines[-1].say(GREETING + b"OK\t1\tuser=joe\n")
        self.assertEqual(self.successResultOf(outcome), Authenticated(b"joe"))

    def test_numbersEnd(self) -> None:
        """A request has 32 bits for its number; then there is a new connection."""
        self.patch(dovecot, "REQUESTS_MAX", 2)
        line = self.greeted()
        self.assertUnavailable(self.check(), "used up")
        self.assertTrue(line.aborted)

    def test_stop(self) -> None:
        """The connection is ended, whatever it is doing."""
        begun: list[Callable[[], object]] = [self.greeted, self.check]
        for begin in begun:
            self.socket = Socket()
            self.users = DovecotUsers(self.socket, self.clock, Turnstile(self.clock))
            begin()
            self.users.stop()
            self.assertTrue(self.socket.lines[-1].aborted)
        self.socket = Socket(silent=True)
        self.users = DovecotUsers(self.socket, self.clock, Turnstile(self.clock))
        outcome = self.check()
        self.users.stop()
        self.assertUnavailable(outcome)
        # Nor is anything left to be done later.
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopBeforeAnything(self) -> None:
        """There is nothing to end."""
        self.users.stop()


class SessionTests(DovecotTestCase):
    """A client that logs in meanwhile."""

    def test_brokenSocketIs454(self) -> None:
        """AUTH is offered, and the client comes again."""
        self.socket.refuses = 1
        said = talk(
            [Auth(users=self.users)],
            b"EHLO c.example\r\nAUTH PLAIN AGpvZQBwZW5jaWw=\r\n",
            secured=TLSInfo(),
            answers={
                CheckPassword: lambda question: self.successResultOf(
                    self.users.checkPassword(question)
                )
            },
        )
        self.assertIn(b"250 AUTH PLAIN LOGIN", said.replies)
        self.assertEqual(said.last, b"454 4.7.0 Temporary authentication failure")
        self.assertIsNone(said.connection.identity)
