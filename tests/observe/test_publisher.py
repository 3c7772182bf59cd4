"""
Where events go out.
"""

from __future__ import annotations

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.observe.events import ACCEPTED, CLOSED, LOGIN_FAILED, SESSION_TROUBLE
from smtpx.observe.publisher import Publisher, important

from .stories import NOW, Heard, publishing


class PublisherTests(SynchronousTestCase):
    """Observers are told, and nobody else is bothered."""

    def setUp(self) -> None:
        """Listen to Twisted's log as well."""
        self.twisted = Heard()
        globalLogPublisher.addObserver(self.twisted)
        self.addCleanup(globalLogPublisher.removeObserver, self.twisted)

    def test_eventsAreTwistedsEvents(self) -> None:
        """An event has all that C{twisted.logger} wants, and its name."""
        heard = Heard()
        publishing(heard).publish(CLOSED, {"session": "s"})
        self.assertEqual(
            heard.events,
            [
                {
                    "session": "s",
                    "event": "session.closed",
                    "log_time": NOW,
                    "log_level": LogLevel.info,
                    "log_namespace": "smtpx",
                    "log_format": CLOSED.format,
                }
            ],
        )
        self.assertEqual(self.twisted.events, [])

    def test_withoutObserversOnlyTroubleIsTold(self) -> None:
        """Where nobody listens, errors still get into Twisted's log."""
        publisher = Publisher()
        self.assertFalse(publisher.enabled)
        publisher.publish(CLOSED, {"session": "s"})
        publisher.publish(SESSION_TROUBLE, {"session": "s"})
        self.assertEqual(
            [event["event"] for event in self.twisted.events], ["session.trouble"]
        )

    def test_onlyWhatMattersIsPassedOn(self) -> None:
        """C{important} lets warnings and errors through."""
        heard = Heard()
        publisher = publishing(important(heard))
        self.assertTrue(publisher.enabled)
        publisher.publish(CLOSED, {"session": "s"})
        publisher.publish(SESSION_TROUBLE, {"session": "s"})
        self.assertEqual([e["event"] for e in heard.events], ["session.trouble"])

    def test_whatIsPassedOnIsACopy(self) -> None:
        """What Twisted's older observers do to an event, others do not see."""
        heard = Heard()

        @implementer(ILogObserver)
        class Older:
            """Drops a field."""

            def __call__(self, event: LogEvent) -> None:
                del event["session"]

        publisher = publishing(important(Older(), LogLevel.info), heard)
        publisher.publish(CLOSED, {"session": "s"})
        self.assertEqual(heard.last["session"], "s")

    def test_whatIsPassedOnIsForPeople(self) -> None:
        """An operator reads an address as an address, and not as Python."""
        shown: list[str] = []

        @implementer(ILogObserver)
        class Text:
            """Twisted's own log."""

            def __call__(self, event: LogEvent) -> None:
                shown.append(formatEvent(event))

        publisher = publishing(important(Text(), LogLevel.info))
        publisher.publish(
            LOGIN_FAILED,
            {"session": "s", "mechanism": "PLAIN", "address": b"192.0.2.7"},
        )
        publisher.publish(
            ACCEPTED,
            {
                "session": "s",
                "message": "m",
                "sender": b"a\n@b.example",
                "recipients": (b"c@d.example",),
                "octets": 3,
            },
        )
        self.assertEqual(
            shown,
            [
                "s: a login by PLAIN from '192.0.2.7' failed",
                "s: m from 'a\\n@b.example' for ['c@d.example'], 3 octets",
            ],
        )

    def test_aBrokenObserverIsToldOfToTheOthers(self) -> None:
        """An observer that fails harms neither the caller nor the others."""
        heard = Heard()

        @implementer(ILogObserver)
        class Broken:
            """Cannot hear."""

            def __call__(self, event: LogEvent) -> None:
                raise OSError("broken")

        publishing(Broken(), heard).publish(CLOSED, {"session": "s"})
        self.assertEqual(heard.events[0]["event"], "session.closed")
        self.assertIn("broken", str(heard.events[1]["log_failure"]))
