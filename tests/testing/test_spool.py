"""Tests for L{smtpx.testing.spool}."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient, Stamp, dumpFlag, loadFlag
from smtpx.core.errors import UsageError
from smtpx.core.interfaces import IBody
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.interfaces import IIncoming, IOperatedSpool, SpoolBroken, SpoolFull
from smtpx.testing.spool import PIECE_OCTETS, MemoryBody, MemorySpool, memoryID

CRITICAL = Stamp("precious", dumpFlag, loadFlag, critical=True)
FLEETING: Stamp[bool] = Stamp("fleeting", None, loadFlag)


class MemoryIDTests(SynchronousTestCase):
    """Ids."""

    def test_inEximsForm(self) -> None:
        """They look like those of a real spool, and sort as they are made."""
        self.assertEqual(memoryID(0), "000000-000000-00")
        self.assertEqual(memoryID(61), "000000-000000-0z")
        self.assertEqual(memoryID(62**2), "000000-000001-00")
        self.assertEqual(memoryID(62**8 - 1), "000000-zzzzzz-zz")


class MemoryBodyTests(SynchronousTestCase):
    """Bodies in memory."""

    def test_pieces(self) -> None:
        """They come in pieces of bounded length, as often as they are wanted."""
        whole = b"x" * PIECE_OCTETS + b"y"
        body = MemoryBody(whole)
        self.assertTrue(verifyObject(IBody, body))
        self.assertEqual(body.octets, len(whole))
        for _ in range(2):
            self.assertEqual(list(body.pieces()), [b"x" * PIECE_OCTETS, b"y"])
        self.assertEqual(list(MemoryBody(b"").pieces()), [])


class MemorySpoolTests(SynchronousTestCase):
    """The contract of a spool."""

    def setUp(self) -> None:
        """A spool, and who watches it."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spool = MemorySpool(self.clock.seconds, {"known": CRITICAL})
        self.woken = 0
        self.spool.watch(self._wake)
        self.successResultOf(self.spool.open())

    def _wake(self) -> None:
        self.woken += 1

    def ready(self, most: int = 10) -> list[SpooledMessage]:
        """What is due now."""
        now = self.clock.seconds()
        found = self.successResultOf(self.spool.ready(now, most))
        return [*found]

    def settle(
        self, message: SpooledMessage, fates: list[Fate], due: float | None
    ) -> None:
        """Write down C{fates} of the first recipients."""
        outcomes = [Outcome(index, fate) for index, fate in enumerate(fates)]
        self.successResultOf(self.spool.settle(message, outcomes, due))

    def test_keepsTheContract(self) -> None:
        """It has all that the interfaces demand."""
        self.assertTrue(verifyObject(IOperatedSpool, self.spool))
        self.assertTrue(verifyObject(IIncoming, self.spool.begin()))

    def test_throughTheSpool(self) -> None:
        """A message comes out as it went in, and whoever watches is woken."""
        incoming = self.spool.begin()
        for piece in (b"Hel", b"lo\r\n"):
            incoming.write(piece)
        self.assertEqual(incoming.octets, 7)
        envelope = Envelope(b"s@x", 990.0, [Recipient(b"a@x"), Recipient(b"b@x")])
        self.assertEqual((self.ready(), self.woken), ([], 0))
        self.successResultOf(incoming.commit(envelope, b"Received: x\r\n", False))
        self.assertEqual(self.woken, 1)
        [message] = self.ready()
        self.assertEqual(message.id, incoming.id)
        self.assertEqual(message.arrived, 990.0)
        self.assertEqual(message.envelope.sender, b"s@x")
        self.assertEqual(message.envelope.octets, 7)
        paths = [recipient.path for recipient in message.envelope.recipients]
        self.assertEqual(paths, [b"a@x", b"b@x"])
        self.assertEqual(message.waiting, (0, 1))
        self.assertEqual(list(self.spool.body(message).pieces()), [b"Hello\r\n"])
        self.assertEqual(self.spool.whole(message.id), b"Received: x\r\nHello\r\n")
        self.assertEqual(self.successResultOf(self.spool.count()), 1)

    def test_stampsGoThroughText(self) -> None:
        """A stamp of an extension that is not loaded is unknown afterwards."""
        incoming = self.spool.begin()
        envelope = Envelope(b"", 0.0, [Recipient(b"a@x")])
        envelope.stamps[CRITICAL] = True
        envelope.stamps[FLEETING] = True
        envelope.recipients[0].stamps[CRITICAL] = True
        incoming.commit(envelope, b"", False)
        [message] = self.ready()
        self.assertEqual(message.envelope.stamps.unknown, {"!precious": "yes"})
        self.assertNotIn(FLEETING, message.envelope.stamps)
        recipient = message.envelope.recipients[0]
        self.assertEqual(recipient.stamps.holding(), ("!precious",))
        known = MemorySpool(known={"precious": CRITICAL})
        again = known.begin()
        again.commit(envelope, b"", False)
        self.assertTrue(known.kept[again.id].envelope.stamps[CRITICAL])

    def test_leases(self) -> None:
        """A message is given out once, until it is settled or the spool closes."""
        self.spool.add(b"", [b"a@x"])
        self.assertEqual(len(self.ready()), 1)
        self.assertEqual(self.ready(), [])
        self.successResultOf(self.spool.close())
        [message] = self.ready()
        self.settle(message, [Fate.WAITING], 1000.0)
        self.assertEqual(len(self.ready()), 1)

    def test_bounded(self) -> None:
        """No more are given out than are asked for, the longest due first."""
        ids = [self.spool.add(b"", [b"a@x"]) for _ in range(3)]
        self.assertEqual([message.id for message in self.ready(2)], ids[:2])
        self.assertEqual([message.id for message in self.ready(2)], ids[2:])

    def test_settled(self) -> None:
        """Recipients that are finished with wait no more."""
        self.spool.add(b"", [b"a@x", b"b@x", b"c@x"])
        [message] = self.ready()
        self.settle(message, [Fate.DELIVERED, Fate.WAITING, Fate.FAILED], 1060.0)
        self.assertEqual(self.ready(), [])
        self.clock.advance(60)
        [message] = self.ready()
        self.assertEqual((message.waiting, message.attempts), ((1,), 1))
        self.spool.settle(message, [Outcome(1, Fate.DELIVERED)], None)
        self.assertEqual(self.spool.kept, {})
        self.assertEqual(
            [(outcomes, due) for _, outcomes, due in self.spool.settled][1:],
            [((Outcome(1, Fate.DELIVERED),), None)],
        )

    def test_onHold(self) -> None:
        """What is on hold is not due until it is released."""
        held = self.spool.add(b"", [b"a@x"], hold=True)
        self.assertEqual((self.ready(), self.woken), ([], 0))
        other = self.spool.add(b"", [b"a@x"])
        self.settle(self.ready()[0], [Fate.WAITING], None)
        self.successResultOf(self.spool.hold([other, "no such id"], "look at it"))
        self.clock.advance(10_000)
        self.assertEqual(self.ready(), [])
        self.assertEqual(self.spool.kept[other].note, "look at it")
        self.successResultOf(self.spool.release([held, other]))
        self.assertEqual([message.id for message in self.ready()], [held, other])
        self.assertEqual(self.woken, 2)

    def test_pagesForOperators(self) -> None:
        """All messages can be looked through, and each be fetched."""
        ids = [self.spool.add(b"", [b"a@x"], hold=True) for _ in range(3)]
        page = self.successResultOf(self.spool.messages("", 2))
        self.assertEqual(
            [(m.id, m.content) for m in page], [(i, None) for i in ids[:2]]
        )
        page = self.successResultOf(self.spool.messages(ids[1], 2))
        self.assertEqual([message.id for message in page], ids[2:])
        fetched = self.successResultOf(self.spool.fetch(ids[0]))
        assert fetched is not None
        self.assertEqual(fetched.content, self.spool.whole(ids[0]))
        self.assertIsNone(self.successResultOf(self.spool.fetch("x")))

    def test_full(self) -> None:
        """A full spool takes nothing, not even what had begun."""
        begun = self.spool.begin()
        self.spool.full = True
        self.assertRaises(SpoolFull, self.spool.begin)
        self.failureResultOf(begun.commit(Envelope(b"", 0.0), b"", False), SpoolFull)
        self.assertEqual(self.spool.kept, {})

    def test_broken(self) -> None:
        """A broken spool does nothing, and what is leased stays so."""
        self.spool.add(b"", [b"a@x"])
        [message] = self.ready()
        begun = self.spool.begin()
        self.spool.broken = True
        self.assertRaises(SpoolBroken, self.spool.begin)
        for failing in (
            begun.commit(Envelope(b"", 0.0), b"", False),
            self.spool.ready(0.0, 1),
            self.spool.settle(message, [], None),
            self.spool.hold([message.id], "x"),
        ):
            self.failureResultOf(failing, SpoolBroken)
        self.spool.broken = False
        self.settle(message, [Fate.DELIVERED], None)
        self.assertEqual(self.spool.kept, {})

    def test_wrongUse(self) -> None:
        """What a caller does out of order is refused at once."""
        self.spool.add(b"", [b"a@x"])
        [message] = self.ready()
        self.settle(message, [Fate.WAITING], 0.0)
        incoming, aborted = self.spool.begin(), self.spool.begin()
        incoming.registerProducer(stringTransport(), True)
        incoming.commit(Envelope(b"", 0.0), b"", False)
        aborted.abort()
        calls: list[Callable[[], object]] = [
            lambda: self.spool.settle(message, [], None),
            lambda: self.spool.body(incomingMessage()),
            lambda: incoming.registerProducer(stringTransport(), True),
            lambda: incoming.write(b"x"),
            lambda: incoming.commit(Envelope(b"", 0.0), b"", False),
            lambda: aborted.write(b"x"),
        ]
        for call in calls:
            self.assertRaises(UsageError, call)
        incoming.unregisterProducer()
        incoming.registerProducer(stringTransport(), True)
        incoming.abort()


def stringTransport() -> StringTransport:
    """A producer."""
    return StringTransport()


def incomingMessage() -> SpooledMessage:
    """A message that no spool has."""
    return SpooledMessage("x", 0.0, Envelope(b"", 0.0), b"", ())
