"""
Tests for L{smtpx.spool.incoming}: long bodies, slow and full disks.
"""

from __future__ import annotations

import errno
import os

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from smtpx.core.errors import UsageError
from smtpx.spool import incoming as incomingModule
from smtpx.spool.bodies import INSIDE
from smtpx.spool.incoming import Incoming
from smtpx.spool.interfaces import SpoolBroken, SpoolFull

from .rig import NOW, PREFIX, Rig, SpoolTestCase, envelope

STEP = 4 * INSIDE
PIECE = b"x" * INSIDE


@implementer(IPushProducer)
class Producer:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """Remember it."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """Remember it."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """Remember it."""
        self.told.append("stop")


class FlowTestCase(SpoolTestCase):
    """A test with small steps."""

    def setUp(self) -> None:
        """Sync every 256 KiB."""
        super().setUp()
        self.patch(incomingModule, "STEP", STEP)

    def begun(self, rig: Rig, pieces: int) -> tuple[Incoming, Producer]:
        """A message with a producer and so many pieces, nothing synced yet."""
        rig.threads.stalled = True
        incoming, producer = rig.spool.begin(), Producer()
        incoming.registerProducer(producer, True)
        for _ in range(pieces):
            incoming.write(PIECE)
        return incoming, producer

    def body(self, rig: Rig) -> bytes:
        """The body of the only message."""
        (found,) = rig.wait(rig.spool.ready(NOW, 10))
        return b"".join(rig.spool.body(found).pieces())


class BackPressureTests(FlowTestCase):
    """A disk that does not keep up."""

    def test_fastDisk(self) -> None:
        """A producer is left alone while the disk keeps up."""
        rig = self.rig()
        incoming, producer = self.begun(rig, 0)
        rig.threads.stalled = False
        for _ in range(40):
            incoming.write(PIECE)
            rig.run()
        rig.wait(incoming.commit(envelope(), PREFIX, False))
        self.assertEqual(producer.told, [])
        self.assertEqual(self.body(rig), PIECE * 40)

    def test_slowDisk(self) -> None:
        """
        With one step being synced and another written, the producer is paused;
        it goes on when the sync has ended.
        """
        rig = self.rig()
        incoming, producer = self.begun(rig, 7)
        self.assertEqual(producer.told, [])
        incoming.write(PIECE)
        self.assertEqual(producer.told, ["pause"])
        incoming.write(PIECE)
        self.assertEqual(producer.told, ["pause"])
        rig.threads.stalled = False
        rig.run()
        self.assertEqual(producer.told, ["pause", "resume"])
        rig.wait(incoming.commit(envelope(), PREFIX, False))
        self.assertEqual(self.body(rig), PIECE * 9)

    def test_registeredLate(self) -> None:
        """A producer that comes while the disk is behind is paused."""
        rig = self.rig()
        incoming, producer = self.begun(rig, 8)
        incoming.unregisterProducer()
        self.assertEqual(producer.told, ["pause", "resume"])
        late = Producer()
        incoming.registerProducer(late, True)
        self.assertEqual(late.told, ["pause"])
        rig.threads.stalled = False
        rig.run()
        self.assertEqual(late.told, ["pause", "resume"])
        incoming.unregisterProducer()
        incoming.unregisterProducer()
        self.assertEqual(late.told, ["pause", "resume"])
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_noProducer(self) -> None:
        """Without a producer nobody is paused, and nothing is lost."""
        rig = self.rig()
        incoming, _ = self.begun(rig, 0)
        incoming.unregisterProducer()
        for _ in range(20):
            incoming.write(PIECE)
        rig.threads.stalled = False
        rig.wait(incoming.commit(envelope(), PREFIX, False))
        self.assertEqual(self.body(rig), PIECE * 20)

    def test_commitWhileSyncing(self) -> None:
        """A commit waits for the sync that is under way, then syncs the rest."""
        rig = self.rig()
        incoming, producer = self.begun(rig, 8)
        done = incoming.commit(envelope(), PREFIX, False)
        rig.run()
        self.assertNoResult(done)
        rig.threads.stalled = False
        rig.wait(done)
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(self.body(rig), PIECE * 8)

    def test_abortWhileSyncing(self) -> None:
        """The file is not closed under a sync's feet."""
        rig = self.rig()
        incoming, _ = self.begun(rig, 8)
        incoming.abort()
        self.assertEqual(os.listdir(rig.path("bodies")), [incoming.id])
        rig.threads.stalled = False
        rig.run()
        self.assertEqual(os.listdir(rig.path("bodies")), [])

    def test_onlyStreaming(self) -> None:
        """A pulled producer, or a second one, is refused."""
        rig = self.rig()
        incoming, producer = self.begun(rig, 0)
        register = incoming.registerProducer
        self.assertRaises(UsageError, register, producer, True)
        incoming.unregisterProducer()
        self.assertRaises(UsageError, register, producer, False)

    def test_memory(self) -> None:
        """No more than 64 KiB of a body are ever in memory."""
        rig = self.rig()
        incoming, _ = self.begun(rig, 0)
        for size in (INSIDE - 1, 1, 1, 5, INSIDE * 3, 1):
            incoming.write(b"y" * size)
            self.assertLessEqual(sum(map(len, incoming._pieces)), INSIDE)


class FullDiskTests(FlowTestCase):
    """A body that cannot be written."""

    def limited(self, octets: int, code: int = errno.ENOSPC) -> None:
        """Let only so many octets be written to files of bodies."""
        write = os.write
        left = [octets]

        def limitedWrite(number: int, data: bytes | memoryview) -> int:
            if not left[0]:
                raise OSError(code, os.strerror(code))
            written = write(number, data[: left[0]])
            left[0] -= written
            return written

        self.patch(os, "write", limitedWrite)

    def test_full(self) -> None:
        """
        The message is refused at its end, its room is given back at once, the
        others go on, and when there is room again it fits.
        """
        rig = self.rig()
        write = os.write
        for octets in (INSIDE // 2, 3 * INSIDE):
            self.limited(octets)
            incoming = rig.spool.begin()
            for _ in range(5):
                incoming.write(PIECE)
            rig.run()
            self.assertEqual(os.listdir(rig.path("bodies")), [])
            incoming.write(PIECE)
            self.assertEqual(incoming.octets, 6 * INSIDE)
            done = incoming.commit(envelope(), PREFIX, False)
            error = self.failureResultOf(done, SpoolFull).value
            self.assertIn("No space left", str(error))
            rig.put(b"short")
            self.patch(os, "write", write)
        rig.put(PIECE * 5)
        self.assertEqual(rig.wait(rig.spool.count()), 3)

    def withoutFile(self, rig: Rig, code: int) -> Deferred[None]:
        """Commit a long message for which a file cannot even be made."""

        def create(*arguments: object, **options: object) -> int:
            raise OSError(code, "there is a reason")

        patched = self.patch(os, "open", create)
        incoming = rig.spool.begin()
        incoming.write(PIECE)
        incoming.write(PIECE)
        incoming.write(PIECE)
        done = incoming.commit(envelope(), PREFIX, False)
        patched.restore()
        rig.run()
        return done

    def test_noFile(self) -> None:
        """Where the file cannot even be made, it is the same."""
        rig = self.rig()
        done = self.withoutFile(rig, errno.ENOSPC)
        self.failureResultOf(done, SpoolFull)
        rig.put(b"short")

    def test_noDescriptor(self) -> None:
        """Where no file can be opened for now, the others go on as well."""
        rig = self.rig()
        for code in (errno.EMFILE, errno.ENFILE):
            done = self.withoutFile(rig, code)
            self.failureResultOf(done, SpoolBroken)
            rig.put(b"short")

    def test_partialWrites(self) -> None:
        """What the kernel takes only in part is written in parts."""
        rig = self.rig()
        write = os.write

        def partly(number: int, data: bytes | memoryview) -> int:
            return write(number, data[:1000])

        self.patch(os, "write", partly)
        rig.put(PIECE * 3)
        self.assertEqual(self.body(rig), PIECE * 3)

    def test_broken(self) -> None:
        """A disk that fails otherwise is not trusted with other messages."""
        rig = self.rig()
        self.limited(INSIDE, errno.EIO)
        incoming = rig.spool.begin()
        incoming.write(PIECE + b"x")
        done = incoming.commit(envelope(), PREFIX, False)
        self.failureResultOf(done, SpoolBroken)
        rig.run()
        self.assertRaises(SpoolBroken, rig.spool.begin)
        rig.reactor.advance(1)
        rig.run()
        rig.put(b"short")

    def test_abortAfterFailure(self) -> None:
        """A message that could not be kept can be aborted."""
        rig = self.rig()
        self.limited(INSIDE)
        incoming = rig.spool.begin()
        incoming.write(PIECE + b"x")
        incoming.abort()
        rig.run()
        self.assertEqual(os.listdir(rig.path("bodies")), [])

    def test_syncOnTheWay(self) -> None:
        """
        A sync that failed on the way counts, although the one at the end would
        succeed: the kernel tells of a lost page only once.
        """
        rig = self.rig()
        fsync = os.fsync
        left = [True]

        def once(number: int) -> None:
            if left:
                left.pop()
                raise OSError(errno.EIO, "Input/output error")
            fsync(number)

        for laterPieces in (0, 2):
            incoming, _ = self.begun(rig, 4)
            left.append(True)
            self.patch(os, "fsync", once)
            rig.threads.stalled = False
            rig.run()
            for _ in range(laterPieces):
                incoming.write(PIECE)
            done = incoming.commit(envelope(), PREFIX, False)
            rig.run()
            self.failureResultOf(done, SpoolBroken)
            self.assertEqual(os.listdir(rig.path("bodies")), [])
            left.clear()
            rig.reactor.advance(1)
            rig.run()
