"""
Tests for L{smtpx.queue.childprocess}, with pipes of the system and a process that is
none; real ones are in L{tests.interop.test_pipe}.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from attrs import define, field
from twisted.internet import process
from twisted.internet.interfaces import IPullProducer
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.queue.childprocess import Child, processSpawner
from smtpx.queue.commandrun import IChild, IParent, Launch, RunAs

#: A number that no process has.
PID = 2**22 + 1

LAUNCH = Launch((b"/bin/x", b"y"), {b"A": b"b"}, "/srv", 0o022, RunAs(8, 9, (9, 10)))


@implementer(IParent)
@define(eq=False)
class Told:
    """Notes what it is told."""

    told: list[object] = field(factory=list)

    def said(self, octets: bytes) -> None:
        """It printed."""
        self.told.append(octets)

    def silent(self) -> None:
        """Its output is closed."""
        self.told.append("silent")

    def ended(self, status: int) -> None:
        """It has ended."""
        self.told.append(status)


@implementer(IPullProducer)
@define(eq=False)
class Source:
    """
    What a command reads.

    @ivar child: who is given it; set before it is asked.
    """

    pieces: list[bytes]
    child: Child | None = None
    stopped: bool = False

    def resumeProducing(self) -> None:
        """The next piece, or the end."""
        assert self.child is not None
        if self.pieces:
            self.child.write(self.pieces.pop(0))
        else:
            self.child.finish()

    def stopProducing(self) -> None:
        """Nobody reads."""
        self.stopped = True


class ChildTests(SynchronousTestCase):
    """A process, its pipes and its end."""

    def setUp(self) -> None:
        """The system starts nothing, and says what the test wishes."""
        self.reactor = MemoryReactorClock()
        self.parent = Told()
        self.started: list[dict[str, Any]] = []
        #: What was done to processes, in order.
        self.done: list[object] = []
        #: How it ended, as the system has it; C{None}: it has not.
        self.status: int | None = None
        self.patch(subprocess, "Popen", self.popen)
        self.patch(os, "waitid", self.waitid)
        self.patch(os, "waitpid", self.waitpid)
        self.patch(os, "killpg", lambda pid, number: self.done.append((pid, number)))
        self.patch(process, "reapProcessHandlers", {})

    def popen(self, words: Any, **how: Any) -> Any:
        """As C{subprocess} does, it has the pipes of the process."""
        self.assertEqual(how["stderr"], how["stdout"])
        # The parent closes its own.
        how["stdin"], how["stdout"] = os.dup(how["stdin"]), os.dup(how["stdout"])
        self.addCleanup(os.close, how["stdin"])
        self.output = how["stdout"]
        self.input = how["stdin"]
        self.started.append({"words": words, **how})

        class Process:
            """What there is of it here."""

            pid = PID
            returncode: int | None = None

        return Process()

    def waitid(self, kind: int, pid: int, options: int) -> object | None:
        """Has it ended?"""
        self.assertEqual((kind, pid), (os.P_PID, PID))
        self.assertTrue(options & os.WNOWAIT and options & os.WNOHANG)
        return None if self.status is None else object()

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        """How did it end?"""
        self.assertEqual(pid, PID)
        if self.status is None:
            return 0, 0
        self.done.append("reaped")
        return pid, self.status

    def child(self) -> Child:
        """Start it, and let the reactor turn once."""
        made = processSpawner(self.reactor)(LAUNCH, self.parent)
        self.assertTrue(verifyObject(IChild, made))
        assert isinstance(made, Child)
        self.addCleanup(made.release)
        self.reactor.advance(0)
        return made

    def turn(self) -> None:
        """Let the reactor look at pipes."""
        for reader in self.reactor.getReaders():
            # What is written to is asked only whether it is closed.
            if isinstance(reader, process.ProcessReader):
                reason = reader.doRead()
                if reason is not None:
                    reader.connectionLost(reason)
        for writer in self.reactor.getWriters():
            reason = writer.doWrite()
            if reason is not None:
                writer.connectionLost(reason)

    def closeOutput(self) -> None:
        """The process closes its output."""
        os.close(self.output)

    def end(self, status: int) -> None:
        """The process ends."""
        self.status = status
        process.reapAllProcesses()

    def test_started(self) -> None:
        """In a session of its own, as somebody, with two pipes and no more of ours."""
        self.child()
        [how] = self.started
        for name, value in {
            "words": (b"/bin/x", b"y"),
            "env": {b"A": b"b"},
            "cwd": "/srv",
            "umask": 0o022,
            "user": 8,
            "group": 9,
            "extra_groups": (9, 10),
            "close_fds": True,
            "start_new_session": True,
        }.items():
            self.assertEqual(how[name], value, name)
        self.closeOutput()

    def test_cannotBeStarted(self) -> None:
        """All pipes are closed again."""

        def fails(*words: object, **how: Any) -> None:
            self.opened = [how["stdin"], how["stdout"]]
            raise FileNotFoundError(2, "No such file or directory")

        pairs: list[tuple[int, int]] = []
        pipe = os.pipe

        def noted() -> tuple[int, int]:
            pairs.append(pipe())
            return pairs[-1]

        self.patch(os, "pipe", noted)
        self.patch(subprocess, "Popen", fails)
        self.assertRaises(OSError, Child, self.reactor, LAUNCH, self.parent)
        self.assertEqual(len(pairs), 2)
        for number in (*pairs[0], *pairs[1]):
            self.assertRaises(OSError, os.fstat, number)

    def test_noMoreDescriptors(self) -> None:
        """Where there are none for its output, none of its input are left open."""
        pipe = os.pipe
        made: list[int] = []

        def once() -> tuple[int, int]:
            if made:
                raise OSError(24, "Too many open files")
            made.extend(pipe())
            return made[0], made[1]

        self.patch(os, "pipe", once)
        self.assertRaises(OSError, Child, self.reactor, LAUNCH, self.parent)
        for number in made:
            self.assertRaises(OSError, os.fstat, number)

    def test_inputAndOutput(self) -> None:
        """Pieces go in as there is room, then the end; what is printed comes out."""
        child = self.child()
        source = Source([b"one", b"two"], child)
        child.feed(source)
        self.turn()
        self.turn()
        self.turn()
        self.assertEqual(os.read(self.input, 99), b"onetwo")
        self.assertEqual(os.read(self.input, 99), b"")
        os.write(self.output, b"thanks")
        self.turn()
        self.closeOutput()
        self.turn()
        self.assertEqual(self.parent.told, [b"thanks", "silent"])
        self.end(67 << 8)
        self.assertEqual(self.parent.told[2:], [67])
        self.assertEqual(process.reapProcessHandlers, {})
        self.assertEqual(self.done, ["reaped"])

    def test_released(self) -> None:
        """What it holds open is let go of, and nobody is asked for more."""
        child = self.child()
        source = Source([b"one"], child)
        child.feed(source)
        child.release()
        child.release()
        self.assertTrue(source.stopped)
        self.assertEqual(self.parent.told, ["silent"])
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.closeOutput()

    def test_signalled(self) -> None:
        """
        A signal goes to all that it has started, and what is left of them is killed
        while its number is still its own.
        """
        child = self.child()
        child.signal(signal.SIGTERM)
        self.end(signal.SIGTERM)
        self.assertEqual(
            self.done, [(PID, signal.SIGTERM), (PID, signal.SIGKILL), "reaped"]
        )
        self.assertEqual(self.parent.told, [-signal.SIGTERM])
        # From now on it may be another's.
        child.signal(signal.SIGKILL)
        self.assertEqual(len(self.done), 3)
        self.closeOutput()

    def test_goneAlready(self) -> None:
        """There may be nobody in the group any more."""

        def gone(pid: int, number: int) -> None:
            raise ProcessLookupError

        self.patch(os, "killpg", gone)
        self.child().signal(signal.SIGTERM)
        self.closeOutput()

    def test_notYet(self) -> None:
        """When another process has ended, this one has not."""
        self.child()
        process.reapAllProcesses()
        self.assertEqual((self.done, self.parent.told), ([], []))
        self.closeOutput()

    def test_endsAtOnce(self) -> None:
        """Whoever starts it has it before it is told of its end."""
        self.status = 0
        child = processSpawner(self.reactor)(LAUNCH, self.parent)
        self.assertEqual(self.parent.told, [])
        self.reactor.advance(0)
        self.assertEqual(self.parent.told, [0])
        child.release()
        self.closeOutput()
