"""
Tests for L{smtpx.compat.twistedmail.journal}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.compat.twistedmail.journal import FarewellJournal
from smtpx.core.envelope import Envelope
from smtpx.core.reply import OK
from smtpx.net.ends import Ends
from smtpx.net.interfaces import IJournal


class Listener:
    """Hears everything."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.heard.append(name)


class FarewellTests(SynchronousTestCase):
    """What is passed on."""

    def told(self, enabled: bool) -> list[str]:
        """Tell it everything; gives what was passed on, and the farewell."""
        listener: Any = Listener(enabled)
        journal = FarewellJournal(listener, lambda s: listener.heard.append("bye"))
        verifyObject(IJournal, journal)
        session: Any = None
        journal.connected(session)
        journal.refused(session, b"NOOP", OK)
        journal.accepted(session, Envelope(b"", 0.0), "", OK)
        journal.secured(session)
        journal.authenticated(session, "PLAIN", True)
        journal.trouble(session, "core", ValueError())
        journal.turnedAway(b"192.0.2.9", 4567, OK)
        journal.proxyRefused(Ends(), "late")
        journal.closed(session, "done")
        heard: list[str] = listener.heard
        return heard

    def test_enabled(self) -> None:
        """A journal that listens hears it all."""
        self.assertEqual(
            self.told(True),
            [
                "connected",
                "refused",
                "accepted",
                "secured",
                "authenticated",
                "trouble",
                "turnedAway",
                "proxyRefused",
                "closed",
                "bye",
            ],
        )

    def test_deaf(self) -> None:
        """One that does not hears of trouble only."""
        self.assertEqual(self.told(False), ["trouble", "proxyRefused", "bye"])
