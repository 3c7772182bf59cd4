"""Tests for L{smtpx.spool.taking}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from smtpx.spool.interfaces import SpoolFull
from smtpx.spool.parcelbook import Stage
from smtpx.spool.parcels import Gone, IParcel
from smtpx.spool.taking import Taking

from .parcels import SlowSpool, Steps, TakingTestCase, accept

T = TypeVar("T")


class TakingTests(TakingTestCase):
    """Parcels that are taken."""

    def test_interface(self) -> None:
        """What stands for parcels here is one."""
        verifyObject(IParcel, self.lay("x", "a"))

    def test_taken(self) -> None:
        """It is in the spool with what the house put above it, and gone here."""
        [took] = self.take(self.lay("x", "a"))
        [message] = self.messages()
        self.assertEqual(took.messages, ((message.id, ""),))
        [(id, envelope)] = took.envelopes
        self.assertEqual((id, envelope.octets), (message.id, 16))
        self.assertIsNone(took.error)
        self.assertEqual(message.prefix, b"Received: %b\r\n" % message.id.encode())
        body = b"".join(self.spool.body(message).pieces())
        self.assertEqual(body, b"To: a\r\n\r\nshort\r\n")
        self.assertFalse(message.held)
        self.assertEqual(self.store.files, {})
        self.assertEqual(self.book.find(["store x"]), {})

    def test_severalOfOne(self) -> None:
        """A parcel may become several messages, or none."""
        took = self.take(self.lay("x", "a", "b"), self.lay("y"))
        self.assertEqual([len(each.messages) for each in took], [2, 0])
        self.assertEqual(self.deliver(), ["a", "b"])
        self.assertEqual(self.store.files, {})

    def test_long(self) -> None:
        """A long message comes in pieces."""
        self.take(self.lay("x", "long"))
        self.assertEqual(self.messages()[0].octets, 300_012)

    def test_held(self) -> None:
        """What is to be on hold is, and says why."""
        parcel = self.lay("x", "a")
        parcel.hold = "frozen"
        self.take(parcel, self.lay("y", "held"))
        notes = {each.note for each in self.messages() if each.held}
        self.assertEqual(notes, {"frozen", "the house says so"})

    def test_stays(self) -> None:
        """What is to stay is taken once, however often it is looked at."""
        parcel = self.lay("x", "a")
        [first] = self.take(parcel, stay=True)
        [second] = self.take(parcel, stay=True)
        self.assertEqual((first.before, second.before), (False, True))
        self.assertEqual(first.messages, second.messages)
        self.assertEqual(second.envelopes, ())
        self.assertEqual(self.deliver(), ["a"])
        self.assertIn("x", self.store.files)
        self.take(self.lay("x", "b", mark="another"), stay=True)
        self.assertEqual(self.deliver(), ["b"])

    def test_removedLater(self) -> None:
        """What has stayed is removed when it need not stay any more."""
        parcel = self.lay("x", "a")
        self.take(parcel, stay=True)
        [took] = self.take(parcel)
        self.assertTrue(took.before)
        self.assertEqual((self.store.files, self.deliver()), ({}, ["a"]))
        self.assertEqual(self.book.find(["store x"]), {})

    def test_stuck(self) -> None:
        """What cannot be removed is taken once all the same."""
        self.store.stuck.add("x")
        parcel = self.lay("x", "a")
        for before in (False, True):
            [took] = self.take(parcel)
            self.assertEqual(took.before, before)
            self.assertEqual(str(took.stuck), "it sticks")
        self.assertEqual(self.deliver(), ["a"])
        self.store.stuck.clear()
        [took] = self.take(parcel)
        self.assertIsNone(took.stuck)
        self.assertEqual((self.store.files, self.deliver()), ({}, []))

    def test_badOnes(self) -> None:
        """Those that are of no use stay, and keep the others from nothing."""
        self.store.busy.add("busy")
        names = ("busy", "gone", "bad", "broken", "odd")
        parcels = [self.lay(name, name) for name in names]
        del self.store.files["gone"]
        took = self.take(self.lay("x", "a"), *parcels, self.lay("y", "b"))
        self.assertEqual(
            [type(each.error).__name__ for each in took],
            ["NoneType", "Busy", "Gone", "NotTaken", "OSError"]
            + ["ZeroDivisionError", "NoneType"],
        )
        self.assertEqual(set(self.store.files), {"busy", "bad", "broken", "odd"})
        self.assertEqual(self.deliver(), ["a", "b"])
        self.assertEqual(self.messages(), [])

    def test_noRoom(self) -> None:
        """What there is no room for stays, and is taken when there is."""
        self.spool.full = True
        parcel = self.lay("x", "a")
        [took] = self.take(parcel)
        self.assertIsInstance(took.error, SpoolFull)
        self.spool.full = False
        self.take(parcel)
        self.assertEqual(self.deliver(), ["a"])

    def test_fullAtTheEnd(self) -> None:
        """Where a commit fails, it is tried again from the start."""
        self.spool.fills = True
        parcel = self.lay("x", "a")
        [took] = self.take(parcel)
        self.assertIsInstance(took.error, SpoolFull)
        self.assertIs(self.book.find(["store x"])["store x"].stage, Stage.BEGUN)
        self.spool.full = False
        self.spool.fills = False
        self.take(parcel, self.lay("y", "c"))
        self.assertEqual(self.deliver(), ["a", "c"])

    def test_oneAtATime(self) -> None:
        """Two who take take one after the other."""
        waiting: list[Deferred[None]] = []

        def work(job: Callable[[], T], /) -> Deferred[T]:
            waiting.append(Deferred())
            return waiting[-1].addCallback(lambda _: job())

        taking = Taking(self.spool, self.book, accept, work)
        parcel = self.lay("x", "a")
        both = [Deferred.fromCoroutine(taking.take([parcel])) for _ in range(2)]
        self.assertEqual(len(waiting), 1)
        while waiting:
            waiting.pop().callback(None)
        [first], [second] = map(self.successResultOf, both)
        self.assertIsNone(first.error)
        self.assertIsInstance(second.error, Gone)

    def test_slowDisk(self) -> None:
        """While the disk does not keep up, nothing more is read."""
        slow = SlowSpool()
        taking = Taking(slow, self.book, accept, Steps())
        parcel = self.lay("x", "long", "a")
        done = Deferred.fromCoroutine(taking.take([parcel]))
        for pieces in (1, 2):
            self.assertEqual(len(slow.producers), pieces)
            self.assertNoResult(done)
            slow.producers[-1].resumeProducing()
        self.assertIsNone(self.successResultOf(done)[0].error)

    def test_stoppedDisk(self) -> None:
        """A disk that wants no more is not waited for."""
        slow = SlowSpool()
        taking = Taking(slow, self.book, accept, Steps())
        done = Deferred.fromCoroutine(taking.take([self.lay("x", "a")]))
        slow.producers[-1].stopProducing()
        self.assertIsNone(self.successResultOf(done)[0].error)
