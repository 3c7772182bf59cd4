"""Tests for L{smtpx.observe.importing}, and for the lines of the main log."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.observe.deliverylines import DeliveryLines
from smtpx.observe.happenings import Arrival, happeningOfEvent
from smtpx.observe.importing import ImportJournal
from smtpx.observe.publisher import Publisher
from smtpx.observe.selectors import Selector
from smtpx.spool.eximfiles import pairAt
from smtpx.spool.taking import Took

ENVELOPE = Envelope(b"ann@c.example", 0.0, [Recipient(b"b@d"), Recipient(b"e f@d")], 77)
TOOK = Took(
    pairAt("exim /queue/1tHsXz-0003Bv-1a"), (("1w", "frozen"),), (("1w", ENVELOPE),)
)


class ImportJournalTests(SynchronousTestCase):
    """What is told of files."""

    def setUp(self) -> None:
        """Somebody listens."""
        self.events: list[LogEvent] = []
        observers: Any = [self.events.append]
        self.journal = ImportJournal(Publisher(observers, lambda: 0.0))

    def test_taken(self) -> None:
        """Each message that is new, with what it was."""
        self.journal.taken(TOOK)
        [event] = self.events
        self.assertEqual(event["event"], "message.imported")
        wanted = {
            "message": "1w",
            "source": "/queue/1tHsXz-0003Bv-1a",
            "sender": b"ann@c.example",
            "recipients": [b"b@d", b"e f@d"],
            "octets": 77,
            "hold": "frozen",
        }
        self.assertEqual({name: event[name] for name in wanted}, wanted)

    def test_before(self) -> None:
        """What was taken before is no news."""
        self.journal.taken(Took(TOOK.parcel, TOOK.messages, before=True))
        self.assertEqual(self.events, [])

    def test_refused(self) -> None:
        """Why something is not taken."""
        self.journal.refused("/queue", "everybody may write there")
        [event] = self.events
        self.assertEqual(event["why"], "everybody may write there")

    def test_nobodyListens(self) -> None:
        """Then nothing is made up."""
        ImportJournal(Publisher([], lambda: 0.0)).taken(TOOK)

    def test_readBack(self) -> None:
        """The log of events tells later where a message came from."""
        event = {
            "time": "2026-11-22T14:00:00.000Z",
            "event": "message.imported",
            "message": "1w",
            "source": "/queue/1tHsXz-0003Bv-1a",
            "sender": "ann@c.example",
            "recipients": ["b@d"],
            "octets": 77,
        }
        line = json.dumps(event, separators=(",", ":")).encode()
        found = happeningOfEvent(line, "1w")
        assert isinstance(found, Arrival)
        self.assertEqual(
            found,
            Arrival(
                found.at,
                "ann@c.example",
                ("b@d",),
                77,
                source="/queue/1tHsXz-0003Bv-1a",
            ),
        )

    def line(self, *selectors: Selector) -> str | None:
        """The line of the main log."""
        self.journal.taken(TOOK)
        lines = DeliveryLines(frozenset(selectors), lambda seconds: "", "smtpx")
        return lines.writers["message.imported"](self.events[-1])

    def test_line(self) -> None:
        """It is that of a message that came from this machine."""
        self.assertEqual(self.line(), "1w <= ann@c.example U=smtpx P=local S=77")
        self.assertEqual(
            self.line(Selector.RECEIVED_SENDER, Selector.RECEIVED_RECIPIENTS),
            "1w <= ann@c.example U=smtpx P=local S=77"
            " from <ann@c.example> for b@d e\\x20f@d",
        )

    def test_nullSender(self) -> None:
        """A bounce comes from nobody."""
        envelope = Envelope(b"", 0.0, [], 5)
        self.journal.taken(Took(TOOK.parcel, (("2w", ""),), (("2w", envelope),)))
        lines = DeliveryLines(frozenset(), lambda seconds: "", "smtpx")
        line = lines.writers["message.imported"](self.events[-1])
        self.assertEqual(line, "2w <= <> U=smtpx P=local S=5")
