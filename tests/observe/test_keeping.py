"""
Tests for L{smtpx.observe.keeping}: memory that several processes share.
"""

from __future__ import annotations

import os

from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.keeping import Common, Keeping, Starts


class KeepingTests(SynchronousTestCase):
    """Octets that outlive who wrote them."""

    def setUp(self) -> None:
        """A fresh one."""
        self.keeping = Keeping()
        self.addCleanup(self.keeping.close)

    def test_nothingYet(self) -> None:
        """Before anything was saved there is nothing."""
        self.assertEqual(self.keeping.load(), b"")

    @settings(max_examples=50, deadline=None)
    @given(some.lists(some.binary(max_size=99), min_size=1))
    def test_theLast(self, saved: list[bytes]) -> None:
        """What was saved last is there, whole, however long others were before it."""
        for each in saved:
            self.keeping.save(each)
        self.assertEqual(self.keeping.load(), saved[-1])

    def test_long(self) -> None:
        """It may be as long as it likes."""
        octets = os.urandom(3 << 20)
        self.keeping.save(octets)
        self.assertEqual(self.keeping.load(), octets)

    def test_interrupted(self) -> None:
        """What was saved before is whole as long as the next is not."""
        self.keeping.save(b"before")
        whole = os.pwrite

        def torn(place: int, octets: bytes, at: int) -> int:
            if at:
                raise InterruptedError("killed")
            return whole(place, octets[:2], at)

        self.patch(os, "pwrite", torn)
        self.assertRaises(InterruptedError, self.keeping.save, b"behind")
        self.assertEqual(self.keeping.load(), b"before")

    def test_inPieces(self) -> None:
        """The system may take a little at a time."""
        whole = os.pwrite
        self.patch(os, "pwrite", lambda to, octets, at: whole(to, octets[:3], at))
        self.keeping.save(b"0123456789")
        self.assertEqual(self.keeping.load(), b"0123456789")


class StartsTests(SynchronousTestCase):
    """How often each was started."""

    def test_counted(self) -> None:
        """Each has a number of its own."""
        starts = Starts(3)
        for number in (1, 3, 3):
            starts.begin(number)
        self.assertEqual([starts.of(number) for number in (1, 2, 3)], [1, 0, 2])

    def test_common(self) -> None:
        """Both are made together."""
        common = Common.make(2)
        self.addCleanup(common.keeping.close)
        self.assertEqual((common.keeping.load(), common.starts.of(2)), (b"", 0))
        processes = {"supervisor": os.getppid(), "zygote": os.getpid()}
        self.assertEqual(common.beside, processes)
