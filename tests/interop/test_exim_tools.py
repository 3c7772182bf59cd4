"""
Exim's own tools read our main log.
"""

from __future__ import annotations

import shutil
import subprocess
import time

from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smtpx.core.hooks import Ending
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import OK, reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.files import LineFile
from smtpx.observe.journal import Journal, noteMessageID, noteSubject
from smtpx.observe.mainlog import MainLog
from smtpx.observe.selectors import parseSelectors
from smtpx.spool.format import Fate, Outcome

from ..observe.stories import MESSAGE, TLS, envelope, publishing, spooled, visit

#: Generous: these are small Perl programs.
SECONDS = 60

NO = reply(550, "5.1.1", b"No such user")


class EximToolsTests(SynchronousTestCase):
    """A log with one message of each fate."""

    def log(self, *selectors: str) -> str:
        """
        Write one.

        @return: its path.
        """
        path: str = self.mktemp()
        file = LineFile(path, Clock())
        log = MainLog(file, parseSelectors(selectors), time.gmtime)
        publisher = publishing(log)
        journal, deliveries = Journal(publisher, True), DeliveryJournal(publisher)
        session = visit(("K", True), ("M8S", 8), ("PRX", b"192.0.2.99"), secured=TLS)
        session.peerName = b"client.example.net"
        journal.connected(session)
        session.envelope = envelope(b"ann@example.org", b"bob@example.com")
        noteMessageID(session, b"<abc@example.org>")
        # Words that mean something elsewhere in such a log.
        noteSubject(session, b'"Completed" <= ** => S=99 R=x T=y from <> for me')
        journal.accepted(session, session.envelope, MESSAGE, OK)
        journal.refused(session, b"RCPT TO:<eve@example.com>", NO)
        way = "*@example.com", "maildir"
        full = Outcome(0, Fate.WAITING, "full")
        deliveries.deferred(spooled(), full, *way, 0.0, 0.25)
        deliveries.delivered(
            spooled(),
            Outcome(0, Fate.DELIVERED),
            "*@example.com",
            "maildir",
            0.25,
            True,
        )
        deliveries.completed(spooled())
        other = "1wPq1p-0003Xy-2M"
        journal.accepted(session, envelope(b""), other, OK)
        journal.closed(session, "done")
        for ending in Ending:
            stranger = visit()
            stranger.ending = ending
            journal.connected(stranger)
            journal.refused(stranger, b"BLUB", reply(500, "5.5.1", b"What?"))
            journal.refused(stranger, b"DATA", reply(503, "5.5.1", b"Not now"))
            journal.closed(stranger, "gone")
        file.close()
        return path

    def run_(self, tool: str, *arguments: str) -> str:
        """
        What a tool of Exim's says.

        @raise SkipTest: it is not on the path.
        """
        found = shutil.which(tool)
        if found is None:
            raise SkipTest(f"peer missing: exim ({tool})")
        done = subprocess.run(
            [found, *arguments], capture_output=True, timeout=SECONDS, text=True
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = str(done.stdout)
        return said

    def test_exigrepFindsTheStory(self) -> None:
        """C{exigrep} puts together all lines of the message, and no other's."""
        for selectors in ([], ["all"]):
            found = self.run_("exigrep", "bob@example.com", self.log(*selectors))
            lines = [line for line in found.splitlines() if line]
            flags = [line.split(MESSAGE + " ")[1][:2] for line in lines[:4]]
            self.assertEqual(flags, ["<=", "==", "=>", "Co"], found)

    def test_eximstatsCounts(self) -> None:
        """C{eximstats} counts messages, octets, deliveries and refusals."""
        for selectors in ([], ["all"]):
            found = self.run_("eximstats", "-txt", self.log(*selectors))
            rows = [line.split() for line in found.splitlines()]
            self.assertIn(["Received", "2408", "2", "1"], [r[:4] for r in rows], found)
            self.assertIn(["Delivered", "1204", "1", "1"], [r[:4] for r in rows], found)
            self.assertIn(["Rejects", "1"], [r[:2] for r in rows], found)
            self.assertIn(["maildir", "1204", "1"], [r[:3] for r in rows], found)

    def test_aliases(self) -> None:
        """An alias is found by both addresses, and each delivery is counted."""
        path: str = self.mktemp()
        file = LineFile(path, Clock())
        publisher = publishing(MainLog(file, parseSelectors([]), time.gmtime))
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        session = visit(secured=TLS)
        session.envelope = envelope(b"ann@example.org", b"sales@example.com")
        journal.accepted(session, session.envelope, MESSAGE, OK)
        message = spooled(b"bob@example.com", b"eve@example.com")
        for index, recipient in enumerate(message.envelope.recipients):
            recipient.stamps[ORIGIN] = b"sales@example.com"
            deliveries.delivered(
                message,
                Outcome(index, Fate.DELIVERED),
                "example.com",
                "maildir",
                0.25,
                True,
            )
        deliveries.completed(message)
        file.close()
        for address in ("sales@example.com", "eve@example.com"):
            lines = self.run_("exigrep", address, path).split("\n")
            self.assertEqual(len([line for line in lines if " => " in line]), 2)
        rows = [
            line.split() for line in self.run_("eximstats", "-txt", path).splitlines()
        ]
        self.assertIn(["Delivered", "2408", "2", "2"], [row[:4] for row in rows])
        self.assertIn(["maildir", "2408", "2"], [row[:3] for row in rows])
