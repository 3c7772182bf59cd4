"""
Exim's own tools read our main log.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

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
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.via import Cause, Via

from ..observe.stories import MESSAGE, NOW, TLS, envelope, publishing, spooled, visit

#: Generous: these are small Perl programs.
SECONDS = 60

NO = reply(550, "5.1.1", b"No such user")
REPORT = "1wPq1q-0003Xz-1Q"


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

    def relayed(self, *selectors: str) -> str:
        """
        A message for three recipients elsewhere: two get it, one of them later, and
        of the third there is a report, which is delivered too.

        @return: the log's path.
        """
        path: str = self.mktemp()
        file = LineFile(path, Clock())
        log = MainLog(file, parseSelectors(selectors), time.gmtime)
        publisher = publishing(log)
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        session = visit(secured=TLS)
        paths = (b"bob@example.com", b"eve@example.com", b"dan@example.net")
        session.envelope = envelope(b"ann@example.org", *paths)
        journal.accepted(session, session.envelope, MESSAGE, OK)
        message = spooled(*paths)
        mx = Via(b"mx.example.com", b"192.0.2.1", 25, TLS, (("L", True), ("K", True)))
        net = Via(b"mx.example.net", b"192.0.2.2", again=True)
        said = reply(250, "2.0.0", b'Ok: queued "as" 1wPq1z-0003Xy-9Z => x ** H=y')
        later = reply(451, "4.2.1", b"Later")
        way = "*", "smtp"
        deliveries.delivered(
            message, Outcome(0, Fate.DELIVERED, "", said, mx), *way, 0.25, True
        )
        deliveries.failed(
            message, Outcome(1, Fate.FAILED, "", NO, mx, Cause.RECIPIENT), *way, 0.25
        )
        report = Report(envelope(b"", b"ann@example.org"), b"", b"x" * 2000)
        report.envelope.octets = 2000
        deliveries.reported(message, REPORT, report)
        for cause, answer, via in (
            (Cause.RECIPIENT, later, net),
            (Cause.CONNECT, None, net),
            (Cause.EARLY, None, None),
        ):
            outcome = Outcome(2, Fate.WAITING, "Connection refused", answer, via, cause)
            deliveries.deferred(message, outcome, *way, NOW, 0.25)
        ours = SpooledMessage(REPORT, NOW, report.envelope, b"", (0,))
        org = Via(b"mx.example.org", b"192.0.2.3")
        deliveries.delivered(
            ours, Outcome(0, Fate.DELIVERED, "", said, org), *way, 0.25, True
        )
        deliveries.completed(ours)
        deliveries.delivered(
            message, Outcome(2, Fate.DELIVERED, "", said, net), *way, 0.25, True
        )
        deliveries.completed(message)
        file.close()
        return path

    def test_exigrepFindsTheReport(self) -> None:
        """
        The whole story of a message: each attempt, and its report's own story.
        """
        for selectors in ([], ["all"]):
            path = self.relayed(*selectors)
            found = self.run_("exigrep", "-M", "bob@example.com", path)
            flags = [
                re.findall(r"1wPq1\w-\w{6}-\w\w (\S+)", line)[0]
                for line in found.splitlines()
                if line.strip("+ ")
            ]
            self.assertEqual(
                sorted(flags),
                sorted(
                    ["<=", "=>", "**", "==", "==", "==", "=>", "Completed"]
                    + ["<=", "=>", "Completed"]
                ),
                found,
            )
            self.assertIn(f"{REPORT} <= <> R={MESSAGE}", found)

    def test_theStoryOfTheManual(self) -> None:
        """C{exigrep} finds in the page's lines what the page says that it does."""
        page = Path(__file__).parents[2] / "doc" / "howto" / "find-a-message.rst"
        lines = re.findall(r"^   (2026-.*\n)", page.read_text("ascii"), re.MULTILINE)
        path = Path(self.mktemp())
        path.write_text("".join(lines), "ascii")
        found = self.run_("exigrep", "-M", "eve@example.net", str(path))
        shown = [line + "\n" for line in found.splitlines() if line.startswith("2026")]
        self.assertEqual(sorted(shown), sorted(lines))

    def test_eximstatsCountsHosts(self) -> None:
        """
        Deliveries, delays, failures, transports, and how much went to which host.
        """
        for selectors in ([], ["all"]):
            path = self.relayed(*selectors)
            found = self.run_("eximstats", "-txt", path)
            rows = [line.split() for line in found.splitlines()]
            self.assertIn(["Received", "3204", "2"], [r[:3] for r in rows], found)
            self.assertIn(["Delivered", "4408", "3", "3"], [r[:4] for r in rows], found)
            self.assertIn(["smtp", "4408", "3"], [r[:3] for r in rows], found)
            for host, octets in (("com", "1204"), ("net", "1204"), ("org", "2000")):
                self.assertIn(
                    ["1", "1", octets, octets, f"mx.example.{host}"], rows, found
                )
            # One message of two was delayed, and one had a failure.
            self.assertIn(["1", "50.0%", "1", "50.0%"], [r[-4:] for r in rows], found)
            self.assertIn("Errors encountered: 1", found)
