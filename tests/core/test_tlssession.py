"""
Tests for L{smtpx.core.tlssession}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.tlssession import RESUMPTION_WORDS, Resumption, TLSSession


class ResumptionTests(SynchronousTestCase):
    """The five bits of a handshake, and their words."""

    def test_numbersAreExims(self) -> None:
        """Values that configurations for Exim know have the words that they expect."""
        for value, words in (
            (0x00, "no session asked for or offered"),
            (0x03, "ticket asked for, none given"),
            (0x07, "session offered, not used, no ticket given"),
            (0x09, "ticket to be had, not asked for"),
            (0x0B, "new ticket given"),
            (0x0D, "session offered, not used"),
            (0x0F, "session offered, not used, new ticket given"),
            (0x17, "session resumed"),
            (0x1D, "session resumed"),
            (0x1F, "session resumed, new ticket given"),
            (0x11, "session resumed without being asked for"),
        ):
            self.assertEqual(Resumption(value).words, words)
            self.assertEqual(RESUMPTION_WORDS[value], words)

    def test_secretsAreNotShown(self) -> None:
        """A session that comes into a log by accident shows nothing that opens it."""
        self.assertNotIn("secret", repr(TLSSession(b"secret", 0.0)))
