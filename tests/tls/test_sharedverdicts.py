"""
Tests for L{smtpx.tls.sharedverdicts}.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings, strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.tls.clientcertificates import Verdict
from smtpx.tls.sharedverdicts import WAYS, SharedVerdicts, VerdictTable

from .identities import ROOT, made
from .joined import NOW

_HOUR = timedelta(hours=1)


class VerdictTableTests(SynchronousTestCase):
    """The memory that processes share."""

    def setUp(self) -> None:
        """A table of one bucket."""
        self.clock = Clock()
        self.table = VerdictTable(self.clock.seconds, 100.0, buckets=1)

    def fill(self, count: int, problem: str | None = None) -> None:
        """Note so many, one a second."""
        for each in range(count):
            self.table.note(b"%d" % each, problem, 7.0)
            self.clock.advance(1)

    def test_noted(self) -> None:
        """What was noted is found, and the last word counts."""
        self.assertIsNone(self.table.find(b"one"))
        self.table.note(b"one", None, 5.0)
        self.table.note(b"two", "no trust", 0.0)
        self.assertEqual(self.table.find(b"one"), (None, 5.0))
        self.assertEqual(self.table.find(b"two"), ("no trust", 0.0))
        self.table.note(b"one", "revoked", 0.0)
        self.assertEqual(self.table.find(b"one"), ("revoked", 0.0))

    @settings(max_examples=50)
    @given(st.text())
    def test_problemStaysOne(self, problem: str) -> None:
        """Whatever a problem is called, it does not become none."""
        table = VerdictTable(self.clock.seconds, 100.0, buckets=1)
        table.note(b"one", problem, 5.0)
        found = table.find(b"one")
        assert found is not None
        self.assertTrue(found[0])

    def test_longProblem(self) -> None:
        """A long one is cut, and not in the middle of a character."""
        self.table.note(b"one", "ä" * 100, 0.0)
        self.assertEqual(self.table.find(b"one"), ("ä" * 27, 0.0))

    def test_halfWritten(self) -> None:
        """An entry in which any octet is another than was written is none."""
        self.table.note(b"one", None, 5.0)
        memory = self.table._memory
        entry = memory[64 : 64 + 128]
        for place in range(64, 64 + 128):
            memory[place] ^= 1
            self.assertIsNone(self.table.find(b"one"))
            memory[place] ^= 1
        for cut in range(127):
            memory[64 : 64 + 128] = entry[:cut] + bytes(128 - cut)
            if entry[cut:].strip(b"\0"):
                self.assertIsNone(self.table.find(b"one"))
        memory[64 : 64 + 128] = entry
        self.assertEqual(self.table.find(b"one"), (None, 5.0))

    def test_oldOnesMakeRoom(self) -> None:
        """One whose session nobody can resume any more is written over."""
        self.fill(WAYS)
        self.clock.advance(100 - WAYS + 1)
        self.table.note(b"new", None, 7.0)
        self.assertEqual(self.table.era, 0)
        self.assertIsNone(self.table.find(b"0"))
        self.assertIsNotNone(self.table.find(b"1"))
        self.assertIsNotNone(self.table.find(b"new"))

    def test_badOnesMakeRoom(self) -> None:
        """Then the oldest of the bad ones is, for good ones and for bad ones."""
        self.fill(WAYS, "no trust")
        self.table.note(b"new", None, 7.0)
        self.table.note(b"bad", "no trust", 7.0)
        self.assertEqual(self.table.era, 0)
        self.assertIsNone(self.table.find(b"0"))
        self.assertIsNone(self.table.find(b"1"))
        for known in (b"2", b"new", b"bad"):
            self.assertIsNotNone(self.table.find(known))

    def test_badOnesDriveNobodyOut(self) -> None:
        """Where there is no room for a bad one, it is not noted."""
        self.fill(WAYS)
        self.table.note(b"bad", "no trust", 7.0)
        self.assertIsNone(self.table.find(b"bad"))
        self.assertEqual((self.table.era, self.table.find(b"0")), (0, (None, 7.0)))

    def test_fullOfGoodOnes(self) -> None:
        """Where there is none for a good one, everything is given up, but for it."""
        self.fill(WAYS)
        self.table.note(b"new", None, 7.0)
        self.assertEqual(self.table.era, 1)
        self.assertIsNone(self.table.find(b"0"))
        self.assertIsNotNone(self.table.find(b"new"))
        self.fill(WAYS - 1)
        self.assertEqual(self.table.era, 1)
        self.assertIsNotNone(self.table.find(b"new"))


class SharedVerdictsTests(SynchronousTestCase):
    """Verdicts by certificate."""

    def setUp(self) -> None:
        """Two processes."""
        self.table = VerdictTable(Clock().seconds, 100.0)
        self.first = SharedVerdicts(self.table, lambda: b"s" * 32)
        self.other = SharedVerdicts(self.table, lambda: b"s" * 32)
        self.one, self.two, self.three = (
            made(ROOT, name).certificate for name in ("one", "two", "three")
        )

    def test_knownToOthers(self) -> None:
        """What one has found out all know, until the chain ends."""
        self.first.remember(self.one, Verdict(True), NOW + _HOUR)
        self.first.remember(self.two, Verdict(True, "no trust"), None)
        self.assertEqual(self.other.recall(self.one, NOW), Verdict(True))
        self.assertEqual(self.other.recall(self.two, NOW), Verdict(True, "no trust"))
        self.assertEqual(
            self.other.recall(self.one, NOW + _HOUR),
            Verdict(True, "certificate has expired"),
        )

    def test_notKnown(self) -> None:
        """What nobody looked at is not good; nor what has no end that is known."""
        self.first.remember(None, Verdict(True), NOW + _HOUR)
        self.first.remember(self.two, Verdict(), NOW + _HOUR)
        self.first.remember(self.three, Verdict(True), None)
        for each in (None, self.one, self.two):
            self.assertEqual(self.other.recall(each, NOW), Verdict())
        self.assertFalse(self.other.recall(self.three, NOW).good)

    def test_otherTrust(self) -> None:
        """
        Who has heard that others sign for clients believes nobody who has not, nor the
        other way round.
        """
        newer = SharedVerdicts(self.table, lambda: b"o" * 32)
        self.first.remember(self.one, Verdict(True), NOW + _HOUR)
        newer.remember(self.two, Verdict(True), NOW + _HOUR)
        self.assertEqual(newer.recall(self.one, NOW), Verdict())
        self.assertEqual(self.first.recall(self.two, NOW), Verdict())

    def test_forgotten(self) -> None:
        """What one forgets all forget."""
        self.first.remember(self.one, Verdict(True), NOW + _HOUR)
        self.other.forget()
        self.assertEqual((self.first.era, self.other.era), (1, 1))
        self.assertEqual(self.first.recall(self.one, NOW), Verdict())

    def test_forgottenOnce(self) -> None:
        """
        Where each process hears that others sign, one of them gives up what there is;
        the others do so again only if they have had a client in between.
        """
        for era, process in ((1, self.first), (1, self.other), (1, self.first)):
            process.forget()
            self.assertEqual(self.table.era, era)
        # It has begun a handshake with those of before.
        self.assertEqual(self.other.era, 1)
        self.other.forget()
        self.assertEqual(self.table.era, 2)
        newer = SharedVerdicts(self.table, lambda: b"o" * 32)
        newer.forget()
        self.assertEqual(self.table.era, 3)
