"""
What becomes of messages, as events.
"""

from __future__ import annotations

from attrs import evolve
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import Reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.events import CATALOGUE
from smtpx.spool.format import Fate, Outcome, Report
from smtpx.spool.journal import IDeliveryJournal
from smtpx.spool.via import Cause, Via

from .stories import MESSAGE, NOW, TLS, Heard, publishing, spooled

SAID = Outcome(1, Fate.DELIVERED, "said")
REPORT = "1vMd5o-000000001Vt-0Abc"


class DeliveryJournalTests(SynchronousTestCase):
    """Each thing that happens is one event, whole."""

    def setUp(self) -> None:
        """A journal that is heard, and a message for two."""
        self.heard = Heard()
        self.journal = DeliveryJournal(publishing(self.heard))
        self.message = spooled(b"bob@example.com", b"eve@example.com")
        self.recipient = {
            "message": MESSAGE,
            "recipient": b"eve@example.com",
            "route": "*@example.com",
            "transport": "maildir",
            "sender": b"ann@example.org",
            "octets": 1204,
            "text": "said",
            "seconds": 60.5,
            "took": 0.25,
        }

    def tearDown(self) -> None:
        """Whatever was told is declared."""
        declared = {event.name: set(event.fields) for event in CATALOGUE}
        for event in self.heard.events:
            fields = {name for name in event if not name.startswith("log_")}
            self.assertEqual(fields - declared[event["event"]], {"event"})

    def test_itIsAJournal(self) -> None:
        """It provides what the queue asks for."""
        verifyObject(IDeliveryJournal, self.journal)

    def test_aDelivery(self) -> None:
        """Who has it, by which way, after how long."""
        told = self.message, SAID, "*@example.com", "maildir"
        self.journal.delivered(*told, 0.25, True)
        self.assertEqual(
            self.heard.last,
            self.recipient | {"event": "message.delivered"},
        )

    def test_anAlias(self) -> None:
        """Where an alias led there, the address that the client gave."""
        self.message.envelope.recipients[1].stamps[ORIGIN] = b"sales@example.com"
        told = self.message, SAID, "*@example.com", "maildir"
        self.journal.delivered(*told, 0.25, True)
        self.assertEqual(
            self.heard.last,
            self.recipient
            | {"event": "message.delivered", "original": b"sales@example.com"},
        )

    def test_aHost(self) -> None:
        """By which host, how, and what it said; and to whom at the same time."""
        said = Reply(250, (2, 0, 0), (b"two", b"lines"))
        via = Via(
            b"mx.example.com",
            b"192.0.2.1",
            2525,
            TLS,
            (("K", True),),
            again=True,
            source=(b"192.0.2.25", 4711),
        )
        outcome = evolve(SAID, reply=said, via=via)
        self.journal.delivered(self.message, outcome, "*", "smtp", 0.25, False)
        host = {
            "route": "*",
            "transport": "smtp",
            "host": b"mx.example.com",
            "address": b"192.0.2.1",
            "port": 2525,
            "source": b"192.0.2.25",
            "sourcePort": 4711,
            "reused": True,
            "code": 250,
            "status": "2.0.0",
            "reply": b"250-2.0.0 two\r\n250 2.0.0 lines",
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "bits": 256,
            "resumed": True,
            "verified": False,
            "subject": 'CN=ann "the" boss',
            "serverName": b"mx.example.org",
            "fields": {"K": True},
        }
        self.assertEqual(
            self.heard.last,
            self.recipient | host | {"event": "message.delivered", "further": True},
        )

    def test_whoAskedForTLS(self) -> None:
        """Who asked for what of TLS is told where anybody did."""
        demands = ("dane: there are TLSA records", "mta-sts: there is a policy")
        via = Via(b"mx.example.com", b"192.0.2.1", demands=demands)
        outcome = evolve(SAID, via=via)
        self.journal.delivered(self.message, outcome, "*", "smtp", 0.25, True)
        self.assertEqual(self.heard.last["demands"], list(demands))

    def test_aHostWithoutMuchToTell(self) -> None:
        """In the clear, over a new connection; it said nothing."""
        via = Via(b"mx.example.com", b"192.0.2.1")
        outcome = evolve(SAID, fate=Fate.WAITING, via=via, cause=Cause.CONNECT)
        self.journal.deferred(self.message, outcome, "*", "smtp", NOW + 60, 0.25)
        host = {
            "route": "*",
            "transport": "smtp",
            "host": b"mx.example.com",
            "address": b"192.0.2.1",
            "port": 25,
            "cause": "connect",
            "due": NOW + 60,
        }
        self.assertEqual(
            self.heard.last, self.recipient | host | {"event": "message.deferred"}
        )

    def test_aDelay(self) -> None:
        """Why not now, and when again."""
        told = self.message, SAID, "*@example.com", "maildir", NOW + 60, 0.25
        self.journal.deferred(*told)
        self.assertEqual(
            self.heard.last,
            self.recipient
            | {"event": "message.deferred", "cause": "other", "due": NOW + 60},
        )

    def test_aFailure(self) -> None:
        """Why not at all."""
        outcome = evolve(SAID, cause=Cause.CONTENT)
        self.journal.failed(self.message, outcome, "*@example.com", "maildir", 0.25)
        self.assertEqual(
            self.heard.last,
            self.recipient | {"event": "message.failed", "cause": "content"},
        )

    def test_aReport(self) -> None:
        """The sender is told: by which message."""
        made = Report(
            Envelope(b"", NOW),
            b"Received: x\r\n",
            b"Subject: No\r\nMessage-ID: <r@x>\r\n\r\n",
        )
        self.journal.reported(self.message, REPORT, made)
        self.assertEqual(
            self.heard.last,
            {
                "event": "message.reported",
                "message": MESSAGE,
                "report": REPORT,
                "recipient": b"ann@example.org",
                "octets": 47,
                "messageID": b"r@x",
                "title": b"No",
            },
        )

    def test_aMessageOnHold(self) -> None:
        """As somebody wished, or as somebody has to see to."""
        self.journal.held(self.message, "as wished", True)
        self.journal.held(self.message, "no route", False)
        self.assertEqual(
            [(e["event"], e["log_level"].name) for e in self.heard.events],
            [("message.held", "info"), ("message.stuck", "error")],
        )
        self.assertEqual(
            self.heard.last,
            {"event": "message.stuck", "message": MESSAGE, "reason": "no route"},
        )

    def test_theEnd(self) -> None:
        """How long it was here."""
        self.journal.completed(self.message)
        self.assertEqual(
            self.heard.last,
            {"event": "message.completed", "message": MESSAGE, "seconds": 60.5},
        )

    def test_trouble(self) -> None:
        """With a message or without."""
        self.journal.trouble(self.message, "maildir", OSError("gone"))
        self.journal.trouble(None, "spool", OSError("gone"))
        self.assertEqual(
            [(e["message"], e["owner"], e["error"]) for e in self.heard.events],
            [(MESSAGE, "maildir", "OSError: gone"), ("", "spool", "OSError: gone")],
        )

    def test_aDeafJournalTellsWhatMustBeTold(self) -> None:
        """Without observers only trouble gets into Twisted's log."""
        twisted = Heard()
        globalLogPublisher.addObserver(twisted)
        self.addCleanup(globalLogPublisher.removeObserver, twisted)
        journal = DeliveryJournal(publishing())
        journal.delivered(self.message, SAID, "", "", 0.0, True)
        journal.deferred(self.message, SAID, "", "", NOW, 0.0)
        journal.failed(self.message, SAID, "", "", 0.0)
        journal.reported(self.message, REPORT, Report(Envelope(b"", NOW), b"", b""))
        journal.held(self.message, "as wished", True)
        journal.held(self.message, "no route", False)
        journal.completed(self.message)
        journal.trouble(None, "spool", OSError("gone"))
        self.assertEqual(
            [event["event"] for event in twisted.events],
            ["message.stuck", "delivery.trouble"],
        )
