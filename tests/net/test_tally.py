"""
Tests for L{smtpx.net.tally}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.tally import Tally
from smtpx.spool.via import Cause
from smtpx.testing.faults import answered

from .clients import codes, envelopeFor, rig


class TallyTests(SynchronousTestCase):
    """
    What became of whom.
    """

    def test_nothingYet(self) -> None:
        """Before anything is settled there is nothing to tell."""
        self.assertFalse(Tally(envelopeFor()).begun)

    def test_samePathTwice(self) -> None:
        """A recipient who is named twice has two outcomes."""
        rigged = rig(answered(b"RCPT", b"550 5.1.1 Unknown", nth=2))
        got = rigged.send(envelopeFor(b"b@mx.example", b"b@mx.example"))
        self.assertEqual(codes(got), [250, 550])

    def test_notEvenAsked(self) -> None:
        """What we refuse by ourselves, by what a host offers, is no error of its."""
        rigged = rig(keywords=(b"SIZE 3",))
        got = rigged.send(body=b"much too long\r\n")
        self.assertEqual(codes(got), [552])
        self.assertEqual(got.value.causes, (Cause.UNFIT,))
        self.assertNotIn(b"MAIL", b"".join(rigged.commands))
        # Nor where there is no address that could be said.
        got = rig().send(envelopeFor(b"b@mx.example", b"b\r\n@mx.example"))
        self.assertIs(got.value.causes[1], Cause.UNFIT)
