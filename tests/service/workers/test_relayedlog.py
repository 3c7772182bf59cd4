"""
Tests for L{smtpx.service.workers.relayedlog}.
"""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.service.workers.channel import LARGEST, Message, hear, pair
from smtpx.service.workers.relayedlog import RelayedLog, relayed


class RelayedLogTests(SynchronousTestCase):
    """What a worker tells the log of C{twistd}."""

    def setUp(self) -> None:
        """A worker, and somebody who hears it."""
        mine, self.heard = pair()
        for end in (mine, self.heard):
            self.addCleanup(end.close)
        self.observer = RelayedLog(mine, 2)
        self.log = Logger("smtpx.test", observer=self.observer)

    def next(self) -> Message:
        """What was told next."""
        message = hear(self.heard)
        assert message is not None
        return message

    def event(self) -> LogEvent:
        """The event that was told next."""
        message = self.next()
        self.assertEqual(message["said"], "log")
        return relayed(message["event"])

    def test_told(self) -> None:
        """An event is the same on the other side, and says who has told of it."""
        verifyObject(ILogObserver, self.observer)
        self.log.warn("{what!r} by {who}", what=b"\xff", who=self)
        event = self.event()
        self.assertEqual(formatEvent(event), rf"b'\xff' by {self}")
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(event["log_system"], "smtpx.test#warn, worker 2")
        self.observer({"log_system": "-", "log_format": "old", "log_time": 1.0})
        self.assertEqual(self.event()["log_system"], "-, worker 2")

    def test_failure(self) -> None:
        """So is a failure, with its traceback."""
        try:
            raise ValueError("for the test")
        except ValueError:
            self.log.failure("something broke")
        event = self.event()
        text = formatEvent(event)
        self.assertTrue(text.startswith("something broke\nTraceback"), text)
        self.assertTrue(text.endswith("builtins.ValueError: for the test\n"), text)
        self.assertEqual(event["log_level"], LogLevel.critical)

    def test_long(self) -> None:
        """Of what is too long, the beginning is told."""
        self.log.error("{what}", what="x" * LARGEST)
        event = self.event()
        text = formatEvent(event)
        self.assertEqual(text, "x" * 4_000 + " ...")
        self.assertEqual(event["log_level"], LogLevel.error)

    def test_longAndWide(self) -> None:
        """So it is where each character takes as many octets as there can be."""
        for what in ("\U0001f4ee", "{"):
            self.log.error("{what}", what=what * LARGEST)
            text = formatEvent(self.event())
            self.assertEqual(text, what * 4_000 + " ...")

    def test_lost(self) -> None:
        """What there is no room for is counted, and the count is told."""
        text = "x" * 20_000
        for _ in range(1_000):
            self.log.info("{text}", text=text)
        told = 0
        while True:
            try:
                self.next()
            except BlockingIOError:
                break
            told += 1
        self.assertLess(told, 1_000)
        self.log.info("again")
        lost = {"said": "lost", "number": 2, "events": 1_000 - told}
        self.assertEqual(self.next(), lost)
        self.assertEqual(formatEvent(self.event()), "again")
        self.log.info("more")
        self.assertEqual(formatEvent(self.event()), "more")
