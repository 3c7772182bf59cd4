"""
Tests for L{smtpx.compat.aiosmtpd.journal}.
"""

from __future__ import annotations

import logging

from smtpx.compat.aiosmtpd.journal import StandardLog
from smtpx.core.envelope import Envelope
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import OK, reply
from smtpx.net.ends import Ends

from .made import HandlerTestCase


class Boom:
    """A handler that fails."""

    def handle_NOOP(self, *asked: object) -> str:
        """Fail."""
        raise ZeroDivisionError("the inside")


class LogTests(HandlerTestCase):
    """What stands in the log of the standard library."""

    def test_levels(self) -> None:
        """Trouble is an error with its traceback, the rest is for information."""
        with self.assertLogs("mail.log", logging.INFO) as logs:
            client = self.greeted(Boom(), journal=StandardLog())
            client.say(b"NOOP\r\n")
            client.leave()
        levels = [record.levelname for record in logs.records]
        self.assertEqual(levels, ["INFO", "ERROR", "INFO", "INFO"])
        connected, trouble, refused, closed = logs.output
        self.assertIn("[192.0.2.1]:40000 connected", connected)
        self.assertIn("trouble in aiosmtpd", trouble)
        self.assertIn("ZeroDivisionError: the inside", trouble)
        self.assertIn("refused b'NOOP': b'451 4.3.0", refused)
        self.assertIn("closed", closed)

    def test_quiet(self) -> None:
        """Where nobody wants to know who comes and goes, nothing is written."""
        log = StandardLog("smtpx.test.quiet")
        logging.getLogger("smtpx.test.quiet").setLevel(logging.ERROR)
        self.assertFalse(log.enabled)

    def test_others(self) -> None:
        """The rest of what can happen has a line, too."""
        session: IServerSession = self.greeted(Boom()).protocol.core
        with self.assertLogs("mail.log", logging.INFO) as logs:
            log = StandardLog()
            log.secured(session)
            log.authenticated(session, "PLAIN", True)
            log.authenticated(session, "PLAIN", False)
            log.turnedAway(b"192.0.2.9", 4567, reply(421, "4.7.0", b"Too many"))
            log.proxyRefused(Ends(b"192.0.2.9"), "late")
            log.accepted(session, Envelope(b"a@b.example", 0.0), "", OK)
        said = [record.getMessage().partition(" ")[2] for record in logs.records]
        self.assertEqual(
            said,
            [
                "under TLS",
                "login by PLAIN succeeded",
                "login by PLAIN failed",
                "not let in: b'421 4.7.0 Too many'",
                "refused as a proxy: late",
                "message from b'a@b.example'",
            ],
        )
