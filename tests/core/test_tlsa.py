"""
Tests of L{smtpx.core.tlsa}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlsa import DANE, TLSA

SHORT = TLSA(3, 1, 1, b"\x0a\x0b")
LONG = TLSA(2, 0, 2, bytes(range(64)))


class TLSATests(SynchronousTestCase):
    """
    Tests of the values.
    """

    def test_recordIsShownAsInAZone(self) -> None:
        """
        A record is told as it stands in a zone file; a long one is cut.
        """
        self.assertEqual(str(SHORT), "3 1 1 0a0b")
        self.assertEqual(str(LONG), "2 0 2 0001020304050607...")

    def test_orderOfRecordsDoesNotMatter(self) -> None:
        """
        A resolver gives records in any order, and perhaps twice.
        """
        one = DANE(b"mx.example.org", (SHORT, LONG, SHORT))
        other = DANE(b"mx.example.org", (LONG, SHORT))
        self.assertEqual(one, other)
        self.assertEqual(hash(one), hash(other))
