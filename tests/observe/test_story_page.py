"""
The manual's page C{howto/find-a-message}: its lines are what is written.
"""

from __future__ import annotations

import time
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.files import LineFile
from smtpx.observe.journal import Journal, noteMessageID
from smtpx.observe.mainlog import MainLog
from smtpx.observe.publisher import Publisher
from smtpx.observe.selectors import parseSelectors
from smtpx.spool.format import Fate, Outcome, Report
from smtpx.spool.via import Cause, Via

from .stories import NOW, envelope, spooled, visit

PAGE = Path(__file__).parents[2] / "doc" / "howto" / "find-a-message.rst"
#: In the page, the server runs as a user of its own.
USER = "smtpx"
MESSAGE, REPORT = "1xV4dt-0008KX-1Q", "1xV4dt-0008Kb-1U"
TLS = TLSInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, verified=True)
WAY = "*", "smtp"


class StoryPageTests(SynchronousTestCase):
    """The story that the page tells."""

    def setUp(self) -> None:
        """A log."""
        self.now = NOW
        path = self.mktemp()
        file = LineFile(path, Clock())
        log = MainLog(file, parseSelectors(()), time.gmtime, USER)
        publisher = Publisher([log], lambda: self.now)
        self.journal = Journal(publisher)
        self.deliveries = DeliveryJournal(publisher)
        self.tell()
        file.close()
        self.lines = Path(path).read_text("ascii").splitlines()

    def tell(self) -> None:
        """What happens."""
        session = visit(secured=evolve(TLS, verified=False))
        paths = b"bob@example.com", b"eve@example.net"
        session.envelope = envelope(b"ann@example.org", *paths)
        noteMessageID(session, b"<abc@example.org>")
        ok = reply(250, "2.0.0", b"OK")
        self.journal.accepted(session, session.envelope, MESSAGE, ok)
        message = evolve(spooled(*paths), id=MESSAGE)
        taken = reply(250, "2.0.0", b"Ok: queued as 7F3A1")
        com = Via(b"mx.example.com", b"192.0.2.1", tls=TLS, fields=(("K", True),))
        net = Via(b"mx.example.net", b"192.0.2.9")
        org = Via(b"mail.example.org", b"192.0.2.7")
        bob = Outcome(0, Fate.DELIVERED, "", taken, com)
        self.deliveries.delivered(message, bob, *WAY, 0.25, True)
        refused = "Connection refused"
        eve = Outcome(1, Fate.WAITING, refused, None, net, Cause.CONNECT)
        self.deliveries.deferred(message, eve, *WAY, NOW + 900, 0.25)
        self.now += 903
        no = reply(550, "5.1.1", b"No such user")
        eve = Outcome(1, Fate.FAILED, "", no, net, Cause.RECIPIENT)
        self.deliveries.failed(message, eve, *WAY, 0.25)
        own = evolve(spooled(b"ann@example.org"), id=REPORT)
        report = Report(envelope(b"", b"ann@example.org"), b"", b"x" * 2348)
        self.deliveries.reported(message, REPORT, report)
        self.deliveries.completed(message)
        self.now += 1
        ann = Outcome(0, Fate.DELIVERED, "", reply(250, "2.0.0", b"Ok"), org)
        self.deliveries.delivered(own, ann, *WAY, 0.25, True)
        self.deliveries.completed(own)

    def test_itsLinesAreWhatIsWritten(self) -> None:
        """All of them, in this order."""
        shown = [
            line.strip()
            for line in PAGE.read_text("utf-8").splitlines()
            if line.startswith("   2026-")
        ]
        self.assertEqual(shown, self.lines)
