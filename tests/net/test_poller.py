"""
Tests for L{smtpx.net.poller}.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from errno import ECONNRESET
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.poller import withoutLogContext


class Pipe(FileDescriptor):
    """The reading end of a pipe."""

    def __init__(self, reactor: Any) -> None:
        FileDescriptor.__init__(self, reactor)
        self.end, self.other = os.pipe()
        self.seen: list[bytes] = []
        self.closes: list[Pipe] = []
        self.then: list[Callable[[], object]] = []

    def fileno(self) -> int:
        """The number of the reading end."""
        return self.end

    def doRead(self) -> None:
        """Something is there."""
        self.seen.append(os.read(self.end, 99))
        for other in self.closes:
            other.stopReading()
        if self.then:
            self.then.pop(0)()

    def say(self) -> None:
        """Write something at the other end."""
        os.write(self.other, b"x")

    def remove(self) -> None:
        """Close both ends."""
        self.stopReading()
        os.close(self.end)
        os.close(self.other)


class Notes(Protocol):
    """
    What a connection tells.

    @ivar told: all of it, in order.
    @ivar trouble: what is raised, the next time that octets come.
    """

    trouble: BaseException | None = None

    def __init__(self) -> None:
        self.told: list[object] = []

    def dataReceived(self, data: bytes) -> None:
        """Octets have come."""
        self.told.append(data)
        if self.trouble is not None:
            raise self.trouble

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.told.append(reason.type)


class PollerTests(SynchronousTestCase):
    """
    Tests for L{withoutLogContext}.
    """

    def test_others(self) -> None:
        """
        Any other reactor stays as it is.
        """

        class Own(EPollReactor):
            """Somebody's own."""

        clock = Clock()
        self.assertFalse(withoutLogContext(clock))
        self.assertFalse(withoutLogContext(Own))

    def reactor(self) -> Any:
        """An epoll reactor of the test's own."""
        reactor: Any = EPollReactor()
        self.addCleanup(reactor._poller.close)
        for reader in reactor.removeAll():
            self.addCleanup(reader.connectionLost, None)
        return reactor

    def test_reads(self) -> None:
        """
        What is readable is read, and nothing is waited for when nothing is.
        """
        reactor = self.reactor()
        self.assertTrue(withoutLogContext(reactor))
        pipe = Pipe(reactor)
        self.addCleanup(pipe.remove)
        pipe.startReading()
        reactor.doIteration(0)
        os.write(pipe.other, b"x")
        reactor.doIteration(None)
        self.assertEqual(pipe.seen, [b"x"])

    def test_stoppedMeanwhile(self) -> None:
        """
        Of two that are readable the first may stop the second.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        pipes = [Pipe(reactor), Pipe(reactor)]
        for pipe in pipes:
            self.addCleanup(pipe.remove)
            pipe.closes = [other for other in pipes if other is not pipe]
            pipe.startReading()
            os.write(pipe.other, b"x")
        reactor.doIteration(0)
        self.assertEqual(sorted(len(pipe.seen) for pipe in pipes), [0, 1])

    def connection(self, reactor: Any) -> tuple[Server, socket.socket, Notes]:
        """A connection in the reactor's care, its other end, and what is told of it."""
        ours, other = socket.socketpair()
        self.addCleanup(other.close)
        self.addCleanup(ours.close)
        notes = Notes()
        port: Any = None
        made = Server(ours, notes, ("", 0), port, 1, reactor)
        notes.makeConnection(made)
        return made, other, notes

    def test_octets(self) -> None:
        """
        Octets of a connection go to its protocol, as many as it reads at a time, also
        where that is another one by now.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        made, other, notes = self.connection(reactor)
        made.bufferSize = 4
        other.send(b"abcdef")
        reactor.doIteration(0)
        self.assertEqual(notes.told, [b"abcd"])
        later = made.protocol = Notes()
        reactor.doIteration(0)
        self.assertEqual((notes.told, later.told), ([b"abcd"], [b"ef"]))

    def test_end(self) -> None:
        """
        A connection that is closed is told so, with what had come before.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        _, other, notes = self.connection(reactor)
        other.send(b"bye")
        other.close()
        while ConnectionDone not in notes.told:
            reactor.doIteration(0)
        self.assertEqual(notes.told, [b"bye", ConnectionDone])

    def test_connecting(self) -> None:
        """
        Of a connection that is not there yet nothing is read: it sees to that itself.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        made, other, notes = self.connection(reactor)
        looked: list[bytes] = []

        def connect() -> None:
            looked.append(made.socket.recv(9, socket.MSG_PEEK))

        vars(made).update(connected=0, doRead=connect)
        other.send(b"220 early")
        reactor.doIteration(0)
        self.assertEqual((looked, notes.told), ([b"220 early"], []))

    def test_reset(self) -> None:
        """
        What Twisted makes of a socket that cannot be read is made of it here.
        """

        class Broken(socket.socket):
            """One that cannot be read."""

            def recv(self, *arguments: int) -> bytes:
                """It cannot."""
                raise ConnectionResetError(ECONNRESET, "reset")

        reactor = self.reactor()
        withoutLogContext(reactor)
        made, other, notes = self.connection(reactor)
        plain = made.socket
        made.socket = Broken(fileno=os.dup(plain.fileno()))
        self.addCleanup(made.socket.close)
        other.send(b"x")
        reactor.doIteration(0)
        self.assertEqual(notes.told, [ConnectionLost])

    def test_broken(self) -> None:
        """
        A protocol that raises loses its connection, and the log says why.
        """
        reactor = self.reactor()
        withoutLogContext(reactor)
        _, other, notes = self.connection(reactor)
        notes.trouble = KeyError("broken")
        other.send(b"x")
        reactor.doIteration(0)
        self.assertEqual(notes.told, [b"x", KeyError])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def reads(
        self, end: Callable[[Any], object], running: bool = True, hours: int = 1
    ) -> int:
        """
        How often a pipe is read in one turn of the loop, that has something each time.

        @param end: what the third one does with the reactor.
        @param hours: until a call that is to come.
        """
        reactor = self.reactor()
        clock = Clock()
        reactor.seconds = clock.seconds
        withoutLogContext(reactor)
        reactor.running, reactor.clock = running, clock
        reactor.callLater(3600 * hours, self.fail)
        reactor.timeout()
        pipe = Pipe(reactor)
        self.addCleanup(pipe.remove)

        def third() -> None:
            pipe.say()
            end(reactor)

        pipe.then = [pipe.say, pipe.say, third, *([pipe.say] * 5)]
        pipe.then.append(lambda: setattr(reactor, "running", False))
        pipe.startReading()
        pipe.say()
        reactor.doIteration(0)
        return len(pipe.seen)

    def test_straightOn(self) -> None:
        """
        As long as the loop of the reactor has nothing to do, it goes on at once.
        """
        self.assertEqual(self.reads(lambda reactor: None), 9)
        self.assertEqual(self.reads(lambda reactor: None, hours=10_000), 9)

    def test_somethingToDo(self) -> None:
        """
        As soon as it has, it gets its turn.
        """

        def call() -> None:
            """Nobody calls it."""

        for end in (
            lambda reactor: reactor.callLater(60, call),
            lambda reactor: reactor.callFromThread(call),
            lambda reactor: reactor.clock.advance(3600),
            lambda reactor: setattr(reactor, "_justStopped", True),
            lambda reactor: reactor._pendingTimedCalls.clear(),
        ):
            self.assertEqual(self.reads(end), 3)

    def test_oneTurn(self) -> None:
        """
        A reactor that does not run is asked for one turn at a time.
        """
        self.assertEqual(self.reads(lambda reactor: None, running=False), 1)

    def test_unknownInside(self) -> None:
        """
        A reactor whose inside is not what we know stays as it is.
        """
        reactor = self.reactor()
        poller = reactor._poller
        del reactor._poller
        self.assertFalse(withoutLogContext(reactor))
        reactor._poller = poller

    def woken(self, patience: float | None, early: bool) -> list[str]:
        """
        What becomes of a call out of another thread.

        @param patience: for how long the reactor waits.
        @param early: does it come before that, rather than meanwhile?
        """
        told: list[str] = []

        class Waker:
            """What wakes the reactor up."""

            def wakeUp(self) -> None:
                """It does."""
                told.append("woken")

        class Waiting:
            """A poller: what it waits for does not come."""

            def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
                """Wait."""
                told.append(f"waits {timeout}")
                if not early:
                    reactor.callFromThread(told.append, "called")
                return []

        reactor = self.reactor()
        poller, reactor._poller = reactor._poller, Waiting()
        reactor.waker = Waker()
        withoutLogContext(reactor)
        if early:
            reactor.callFromThread(told.append, "called")
        reactor.doIteration(patience)
        reactor.runUntilCurrent()
        reactor._poller = poller
        return told

    def test_wakesUp(self) -> None:
        """
        A call out of a thread wakes up a reactor that waits, and so never waits itself.
        """
        self.assertEqual(self.woken(None, False), ["waits -1", "woken", "called"])

    def test_wakesNobody(self) -> None:
        """
        A reactor that is about to wait does not, and need not be woken up.
        """
        self.assertEqual(self.woken(None, True), ["waits 0", "called"])
        self.assertEqual(self.woken(7.0, True), ["waits 0", "called"])

    def test_asleepNoMore(self) -> None:
        """
        However it has come to an end that it waits, it is awake then.
        """
        told: list[str] = []

        class Waker:
            """What wakes the reactor up."""

            def wakeUp(self) -> None:
                """It does."""
                told.append("woken")

        class Interrupted:
            """A poller that a signal interrupts."""

            def poll(self, timeout: float, most: int) -> None:
                """Never comes to an end."""
                raise InterruptedError

        reactor = self.reactor()
        poller, reactor._poller = reactor._poller, Interrupted()
        reactor.waker = Waker()
        withoutLogContext(reactor)
        reactor.doIteration(0)
        reactor.callFromThread(told.append, "called")
        reactor.runUntilCurrent()
        reactor._poller = poller
        self.assertEqual(told, ["called"])

    def test_interrupted(self) -> None:
        """
        A signal in the middle is no trouble.
        """

        class Interrupted:
            """A poller that a signal interrupts."""

            def poll(self, timeout: float, most: int) -> None:
                """Never comes to an end."""
                raise InterruptedError

        reactor = self.reactor()
        poller, reactor._poller = reactor._poller, Interrupted()
        withoutLogContext(reactor)
        reactor.doIteration(0)
        reactor._poller = poller
