"""Tests for L{smtpx.knowledge.offers}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.extensions.pipeconnect import IOffers
from smtpx.joint.recent import JointRecent
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.kinds import OFFER, Shelf
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.offers import KEPT_SECONDS, KnownOffers

_DAY = 86400.0
_HERE, _THERE = b"192.0.2.0/24", b"203.0.113.0/24"


class KnownOffersTests(SynchronousTestCase):
    """Clients that were offered PIPECONNECT."""

    def setUp(self) -> None:
        """Nobody was."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.knowledge = MemoryKnowledge(self.clock.seconds)
        self.offers = KnownOffers(self.knowledge, self.clock.seconds)

    def test_offersAreRemembered(self) -> None:
        """By whoever shares what is known, so that a restart makes no strangers."""
        verifyObject(IOffers, self.offers)
        self.assertFalse(self.offers.known(_HERE))
        self.offers.note(_HERE)
        another = KnownOffers(self.knowledge, self.clock.seconds)
        self.assertTrue(another.known(_HERE))
        self.assertFalse(another.known(_THERE))

    def test_offersExpire(self) -> None:
        """Who has not come for months is a stranger."""
        self.offers.note(_HERE)
        self.clock.advance(KEPT_SECONDS - 1)
        self.assertTrue(self.offers.known(_HERE))
        self.offers.note(_HERE)
        self.clock.advance(KEPT_SECONDS - 1)
        self.assertTrue(self.offers.known(_HERE))
        self.clock.advance(1)
        self.assertFalse(self.offers.known(_HERE))

    def test_aClientThatComesOftenIsNotedOnceADay(self) -> None:
        """So that it costs next to nothing."""
        shelf = Shelf(self.knowledge, OFFER)
        self.offers.note(_HERE)
        for hours in range(23):
            self.clock.advance(3600)
            self.offers.note(_HERE)
            self.assertEqual(shelf.recall(_HERE), 1_000_000, hours)
        self.clock.advance(3600)
        self.offers.note(_HERE)
        self.assertEqual(shelf.recall(_HERE), 1_000_000 + _DAY)

    def test_kind(self) -> None:
        """What is kept can be shown, and what is damaged is nothing."""
        self.assertEqual(OFFER.facts(5.0), {"last_at": 5.0})
        now = self.clock.seconds()
        damaged = Record(OFFER.version, b"?", now, now + 1)
        self.knowledge.remember(OFFER.name, _HERE, damaged)
        self.assertFalse(self.offers.known(_HERE))

    def test_otherProcessesKnowAtOnce(self) -> None:
        """
        A client that comes back to another process, before that could read of it in
        the file, is no stranger there; nor, for ever after, where nothing is kept.
        """
        joint = JointRecent(2, 10)
        one, two = (
            KnownOffers(
                MemoryKnowledge(self.clock.seconds),
                self.clock.seconds,
                joint.column(number),
            )
            for number in (1, 2)
        )
        one.note(_HERE)
        self.assertTrue(two.known(_HERE))
        self.assertFalse(two.known(_THERE))
        two.note(_HERE)
        self.clock.advance(_DAY)
        self.assertTrue(one.known(_HERE))
