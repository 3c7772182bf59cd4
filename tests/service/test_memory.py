"""
Tests for L{smtpx.service.memory}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.factory import SMTPServerFactory
from smtpx.service.memory import LOOK_SECONDS, MemoryWatch, memoryLeft

from .test_listening import FakePort

MIB = 1 << 20


class MemoryLeftTests(SynchronousTestCase):
    """How much memory there is."""

    def setUp(self) -> None:
        """Folders such as the kernel has."""
        self.proc = Path(self.mktemp())
        self.groups = Path(self.mktemp())
        self.group = self.groups / "system.slice/smtpx.service"
        (self.proc / "self").mkdir(parents=True)
        self.group.mkdir(parents=True)

    def left(self) -> int | None:
        """What is found."""
        return memoryLeft(self.proc, self.groups)

    def machine(self, mebibytes: int) -> None:
        """A machine with so much."""
        (self.proc / "meminfo").write_text(
            f"MemTotal:  9999 kB\nMemAvailable:   {mebibytes * 1024} kB\nHugePages: 0\n"
        )

    def limit(self, most: str) -> None:
        """A control group that may have so much, and has 50 MiB, 10 of them cache."""
        (self.proc / "self/cgroup").write_text(
            "1:name=systemd:/x\n0::/system.slice/smtpx.service\n"
        )
        (self.group / "memory.max").write_text(most + "\n")
        (self.group / "memory.current").write_text(f"{50 * MIB}\n")
        (self.group / "memory.stat").write_text(
            f"anon 1\ninactive_file {10 * MIB}\nactive_file 2\n"
        )

    def test_unknown(self) -> None:
        """A system that does not tell is taken as it is."""
        self.assertIsNone(self.left())

    def test_machine(self) -> None:
        """Without a control group it is the machine's."""
        self.machine(70)
        self.assertEqual(self.left(), 70 * MIB)

    def test_group(self) -> None:
        """The group's limit counts, less what is in use and cannot be let go."""
        self.machine(70)
        self.limit(str(60 * MIB))
        self.assertEqual(self.left(), 20 * MIB)

    def test_groupWithoutLimit(self) -> None:
        """A group without a limit has what the machine has."""
        self.machine(70)
        self.limit("max")
        self.assertEqual(self.left(), 70 * MIB)

    def test_groupAbove(self) -> None:
        """A group that has more than it may has nothing left."""
        self.limit(str(30 * MIB))
        self.assertEqual(self.left(), 0)

    def test_odd(self) -> None:
        """What cannot be understood is not known."""
        (self.proc / "meminfo").write_text("MemAvailable: much\n")
        (self.proc / "self/cgroup").write_text("0::/a\n0::/b\n")
        self.assertIsNone(self.left())

    def test_here(self) -> None:
        """On this system there is some, or it does not tell."""
        self.assertNotEqual(memoryLeft(), 0)


class MemoryWatchTests(SynchronousTestCase):
    """What is done about it."""

    def setUp(self) -> None:
        """A factory whose port accepts."""
        self.clock = Clock()
        self.port = FakePort()
        factory = SMTPServerFactory(self.clock, lambda envelope, body: None)
        factory.listening(self.port)
        self.memory: int | None = 100
        self.watch = MemoryWatch([factory], lambda: self.memory, 100, self.clock)
        self.watch.start()

    def accepts(self, memory: int | None) -> bool:
        """Are clients let in once so much is left?"""
        self.memory = memory
        self.clock.advance(LOOK_SECONDS)
        return self.port.reading

    def test_enough(self) -> None:
        """With enough memory, or where nobody knows, everybody is let in."""
        self.assertTrue(self.accepts(100))
        self.assertTrue(self.accepts(None))

    def test_short(self) -> None:
        """With less nobody is, until there is clearly more."""
        self.assertFalse(self.accepts(99))
        self.assertFalse(self.accepts(110))
        self.assertFalse(self.accepts(None))
        self.assertTrue(self.accepts(125))
        self.assertTrue(self.accepts(100))

    def test_stopped(self) -> None:
        """In the end nothing is looked at any more."""
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
