"""
Tests for the table C{[dmarc]}, and what is made of it.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from smtpx.mailauth.publicsuffix import PublicSuffixes
from smtpx.queue.author import Author
from smtpx.service.dmarcchecks import checkDMARC, dmarcCautions
from smtpx.service.tables.dmarc import SUFFIX_FILE, Boundaries
from smtpx.service.wiring.dmarc import Suffixes, failureBounds
from smtpx.service.workers import Worker

from ..queue.test_dmarcreporting import reportIn
from .made import HouseTestCase
from .test_config import ConfigurationTestCase

CHECKS = {"checks": ["spf", "dkim", "dmarc"]}


class TableTests(ConfigurationTestCase):
    """
    What can stand there.
    """

    def test_defaults(self) -> None:
        """
        RFC 9989, and nothing is written or sent.
        """
        table = self.read("").dmarc
        self.assertIs(table.boundaries, Boundaries.WALK)
        self.assertEqual(table.suffixFile, SUFFIX_FILE)
        self.assertIsNone(table.historyFile)
        self.assertIsNone(table.forensicSender)

    def test_options(self) -> None:
        """
        They have the names that Exim gave them.
        """
        table = self.read(
            "[dmarc]\nboundaries = 'list'\ndmarc_tld_file = '/x/list'\n"
            "dmarc_history_file = '/x/history'\n"
            "dmarc_forensic_sender = 'DMARC <d@example.org>'\n"
            "dmarc_forensic_per_hour = 3\n"
            "dmarc_aggregate_sender = 'a@example.org'\n"
            "dmarc_aggregate_organization = 'Example'\n"
        ).dmarc
        self.assertIs(table.boundaries, Boundaries.LIST)
        self.assertEqual(table.suffixFile, Path("/x/list"))
        self.assertEqual(table.historyFile, Path("/x/history"))
        self.assertEqual(table.forensicSender, Author("DMARC", "d@example.org"))
        self.assertEqual(table.forensicPerHour, 3)
        self.assertEqual(table.aggregateSender, Author("", "a@example.org"))
        self.assertEqual(table.aggregateOrganization, "Example")

    def test_nameNeedsSender(self) -> None:
        """
        There is nobody to tell it otherwise; and it can be printed.
        """
        for text, words in (
            ("dmarc_aggregate_organization = 'X'\n", "wants dmarc_aggregate_sender"),
            (
                "dmarc_aggregate_sender = 'a@example.org'\n"
                "dmarc_aggregate_organization = ''\n",
                "expected 1 to 200 characters",
            ),
        ):
            problems = self.faults("[dmarc]\n" + text)
            self.assertIn(words, str(problems))

    def test_filesThatCannotBeUsed(self) -> None:
        """
        Are found before the server starts, if they are needed.
        """
        text = (
            "[dmarc]\nboundaries = 'list'\ndmarc_tld_file = '/nowhere/list'\n"
            "dmarc_history_file = '/nowhere/history'\n"
        )
        self.assertEqual([], list(checkDMARC(self.read(text))))
        checked = self.read(text + "[authentication]\nchecks = ['spf', 'dmarc']\n")
        list_, history = map(str, checkDMARC(checked))
        self.assertIn("/nowhere/list: cannot be read", list_)
        self.assertIn("'smtpx psl update' gets one", list_)
        self.assertIn("/nowhere/history: nothing can be written there", history)
        self.assertEqual([], list(dmarcCautions(checked)))

    def test_optionsThatDoNothing(self) -> None:
        """
        Are worth a word where DMARC is not looked at.
        """
        found = dmarcCautions(self.read("[dmarc]\ndmarc_history_file = '/x/history'\n"))
        (problem,) = map(str, found)
        self.assertIn("DMARC is not looked at", problem)


class HouseTests(HouseTestCase):
    """
    A server that runs.
    """

    def run_(
        self,
        policy: dict[str, object] | None = None,
        code: bytes = b"250",
        **dmarc: object,
    ) -> None:
        """
        Start a server, and send it a message in the name of b.example.
        """
        self.site.resolver.add(
            '_dmarc.b.example TXT "v=DMARC1; p=reject; ruf=mailto:x@mx.example.org"'
        )
        self.site.resolver.add(
            "b.example._report._dmarc.mx.example.org TXT"
            ' "v=DMARC1; ruf=mailto:ann@mx.example.org"'
        )
        self.start(authentication=CHECKS, dmarc=dmarc, policy=policy or {})
        call = self.site.call()
        for line in (
            b"EHLO client.example",
            b"MAIL FROM:<a@b.example>",
            b"RCPT TO:<bob@mx.example.org>",
            b"DATA",
            b"From: a@b.example\r\nSubject: x\r\n\r\nhello\r\n.",
        ):
            said = call.say(line + b"\r\n")
        self.assertEqual(code, said[:3])

    def test_historyIsWritten(self) -> None:
        """
        A block for the message, with its id; nothing is refused for it.
        """
        path = self.site.folder / "history"
        self.run_(dmarc_history_file=str(path))
        lines = path.read_text().splitlines()
        self.assertRegex(lines[0], r"job \S+-")
        for line in ("from b.example", "ipaddr 192.0.2.1", "policy 16", "action 2"):
            self.assertIn(line, lines)

    def test_rulesSeeTheVerdict(self) -> None:
        """
        Mail that fails can be refused; the history tells of it.
        """
        path = self.site.folder / "history"
        rule = {"action": "reject", "dmarc_status": ["reject"]}
        self.run_({"message": [rule]}, dmarc_history_file=str(path), code=b"550")
        self.assertIn("action 0", path.read_text().splitlines())

    def test_listIsRead(self) -> None:
        """
        With it, names between are not asked for.
        """
        path = self.site.folder / "list"
        path.write_bytes(b"example\n")
        self.run_(boundaries="list", dmarc_tld_file=str(path))
        self.assertIn((b"_dmarc.b.example", "TXT"), self.site.resolver.asked)
        self.assertNotIn((b"_dmarc.example", "TXT"), self.site.resolver.asked)

    def test_withoutListItWalks(self) -> None:
        """
        That is the default.
        """
        self.run_()
        self.assertIn((b"_dmarc.example", "TXT"), self.site.resolver.asked)
        self.assertIsNone(Suffixes(None)())

    def test_ownersAreToldIfAPolicyAllowsIt(self) -> None:
        """
        The report goes through the spool, from nobody.
        """
        self.run_(
            {"rcpt": [{"control": ["dmarc_enable_forensic"]}]},
            dmarc_forensic_sender="DMARC <dmarc@example.org>",
        )
        self.site.reactor.advance(1)
        [report] = [each for each in self.site.inboxes() if b"Feedback-Type" in each]
        self.assertIn(b"Return-Path: <dmarc@example.org>", report)
        self.assertIn(b"To: <ann@mx.example.org>", report)
        self.assertIn(b"Reported-Domain: b.example", report)


class AggregateTests(HouseTestCase):
    """
    Owners of domains are told once a day.
    """

    def test_ownersAreToldTheDayAfter(self) -> None:
        """
        The report goes through the spool, and tells of the message.
        """
        self.site.resolver.add(
            '_dmarc.b.example TXT "v=DMARC1; p=reject; rua=mailto:ann@mx.example.org"'
        )
        self.site.resolver.add('b.example._report._dmarc.mx.example.org TXT "v=DMARC1"')
        self.start(
            authentication=CHECKS,
            dmarc={"dmarc_aggregate_sender": "DMARC <dmarc@example.org>"},
        )
        call = self.site.call()
        for line in (
            b"EHLO client.example",
            b"MAIL FROM:<a@b.example>",
            b"RCPT TO:<bob@mx.example.org>",
            b"DATA",
            b"From: a@b.example\r\nSubject: x\r\n\r\nhello\r\n.",
            b"QUIT",
        ):
            call.say(line + b"\r\n")
        for _ in range(30 * 12):
            self.site.reactor.advance(300)
        [message] = [each for each in self.site.inboxes() if b"Report-ID" in each]
        self.assertIn(b"Return-Path: <dmarc@example.org>", message)
        found = reportIn(message)
        self.assertEqual("b.example", found["policy_published"]["domain"])
        [record] = found["record"]
        self.assertEqual("192.0.2.1", record["row"]["source_ip"])
        evaluated = record["row"]["policy_evaluated"]
        self.assertEqual("none", evaluated["disposition"])
        self.assertEqual([{"type": "local_policy"}], evaluated["reason"])

    def test_workersShareTheBound(self) -> None:
        """Several workers send no more failure reports together than there may be."""
        configuration = self.site.read({"dmarc": {"dmarc_forensic_per_hour": 10}})
        found = [
            failureBounds(
                evolve(self.site.machine, worker=Worker(number, 3)), configuration
            )
            for number in (1, 2, 3)
        ]
        self.assertEqual([each.perHour for each in found], [4, 3, 3])
        self.assertEqual(sum(each.allPerHour for each in found), 1000)


class SuffixesTests(ConfigurationTestCase):
    """
    The list as it is now.
    """

    def test_listIsThatOfTheFile(self) -> None:
        """
        Whatever was read last.
        """
        suffixes = PublicSuffixes([b"com"])

        class File:
            content = suffixes

        self.assertIs(suffixes, Suffixes(File())())  # type: ignore[arg-type]  # enough of one
