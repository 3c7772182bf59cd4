"""
Tests for L{smtpx.service.wiring.queue}: what a configuration makes of the queue, and
a house whose senders are told.
"""

from __future__ import annotations

import email
import email.policy

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.delivery import Bounds
from smtpx.queue.errorkind import ErrorKind
from smtpx.queue.retry import USUAL, Lifetimes
from smtpx.service.check import check
from smtpx.service.config import Configuration
from smtpx.service.problems import ConfigurationError
from smtpx.service.toml import parseDocument
from smtpx.service.walker import readSettings
from smtpx.service.wiring.queue import QueueRules, queueRules
from tests.net.made import Call

from .made import FOUND, MESSAGE, NOW, HouseTestCase, send, site


class RulesTests(SynchronousTestCase):
    """What the queue goes by."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())

    def rules(self, **values: object) -> QueueRules:
        """Those of a configuration."""
        return queueRules(
            self.site.machine, self.site.read(values), "mx.example.org", []
        )

    def test_nothingSaid(self) -> None:
        """Everything is as usual."""
        rules = self.rules()
        self.assertEqual(rules.bounds, Bounds())
        self.assertEqual(rules.retries.lifetimes, Lifetimes())
        self.assertEqual(rules.retries.pauses(b"a@b.example", ErrorKind.TLS), USUAL)

    def test_allSaid(self) -> None:
        """Each option gets where it belongs."""
        rules = self.rules(
            queue={
                "queue_lifetime": "1 d",
                "bounce_lifetime": "2 h",
                "messages_max": 7,
                "messages_octets": "1 MiB",
                "deliveries_max": 5,
            },
            retry=[
                {"pauses": "1 min", "match": ["b.example"], "errors": ["dns", "tls"]},
                {"pauses": ["2 min"]},
            ],
        )
        self.assertEqual(rules.bounds, Bounds(messages=7, octets=1 << 20, attempts=5))
        self.assertEqual(rules.retries.lifetimes, Lifetimes(86400.0, 7200.0))
        for path, kind, seconds in (
            (b"a@b.example", ErrorKind.DNS, 60.0),
            (b"a@b.example", ErrorKind.LOST, 120.0),
            (b"postmaster", ErrorKind.DNS, 120.0),
        ):
            self.assertEqual(rules.retries.pauses(path, kind).after(0.0, 0), seconds)

    def test_tags(self) -> None:
        """A rule for an address is for its tags, where the server has tags."""
        rules = self.rules(retry=[{"pauses": "1 min", "match": ["a@b.example"]}])
        plan = rules.retries.pauses(b"a+t@b.example", ErrorKind.TLS)
        self.assertEqual(plan.after(0.0, 0), 60.0)

    def faults(self, text: str) -> list[str]:
        """What is wrong with a file."""
        document = parseDocument(text, "smtpx.toml", self.site.folder)
        error = self.assertRaises(
            ConfigurationError, readSettings, document, Configuration
        )
        return [str(each) for each in error.problems]

    def test_faults(self) -> None:
        """Each with line, key and what was probably meant."""
        self.assertEqual(
            self.faults(
                '[queue]\nqueue_lifetime = "0 s"\nqueue_lifetimes = 5\n'
                '[[retry]]\npauses = "1 h"\nmatch = ["no domain"]\n'
                '[[retry]]\nerrors = ["greylist"]\nmatch = []\n'
                '[reports]\nreturned = "headers"\n'
            ),
            [
                "smtpx.toml:2: queue.queue_lifetime: expected a number of at least 1,"
                ' or a duration such as "5 min", got 0.0',
                "smtpx.toml:3: queue.queue_lifetimes: there is no such option;"
                ' did you mean "queue_lifetime"?',
                'smtpx.toml:6: retry[0].match: "no domain": bad domain',
                "smtpx.toml:7: retry[1]: pauses is missing",
                "smtpx.toml:8: retry[1].errors[0]: expected one of "
                + ", ".join(f'"{each.value}"' for each in ErrorKind)
                + ', got "greylist"; did you mean "greylisted"?',
                'smtpx.toml:11: reports.returned: expected one of "header", "message",'
                ' got "headers"; did you mean "header"?',
            ],
        )
        self.assertEqual(
            self.faults('[[retry]]\npauses = "1 h"\nmatch = []\n'),
            ["smtpx.toml:3: retry[0].match: a retry rule needs something to match"],
        )

    def test_badLanguages(self) -> None:
        """C{--check} finds a pattern of senders that is none."""
        configuration = self.site.read({"reports": {"languages": {"a@@b": "en"}}})
        [problem] = check(self.site.machine, configuration, FOUND)
        self.assertIn("reports.languages: ", str(problem))

    def test_badAuthor(self) -> None:
        """So is who cannot be the author of a report."""
        [fault] = self.faults('[reports]\ndsn_from = "Postmaster"\n')
        self.assertTrue(
            fault.startswith("smtpx.toml:2: reports.dsn_from: expected a mailbox")
        )

    def test_twoForTheSame(self) -> None:
        """C{--check} finds two rules for the same."""
        rules = [{"pauses": "1 min", "match": ["b.example"]}] * 2
        configuration = self.site.read({"retry": rules})
        problems = check(self.site.machine, configuration, FOUND)
        found = [str(each) for each in problems if "retry" in str(each)]
        self.assertEqual(
            found, ['configuration: retry[1]: two retry rules are for "b.example"']
        )


class ToldHouseTests(HouseTestCase):
    """A house in which not all goes well."""

    def begin(self, **more: object) -> None:
        """Start a server that cannot deliver to C{bob}."""
        broken = self.site.folder / "broken"
        broken.write_text("no folder")
        options: dict[str, object] = {
            "local": {"domains": ["example.org"]},
            "queue": {"queue_lifetime": 1, "bounce_lifetime": 1},
            "route": [
                {"match": ["example.org"]},
                {"match": ["bob@example.org"], "path": broken / "inside"},
            ],
        }
        self.start(**(options | more))

    def report(self, sender: bytes = b"ann@example.org") -> list[bytes]:
        """Send C{bob} a message, until nobody waits any more; what C{ann} has then."""
        said = send(self.site.call(), b"bob@example.org", sender)
        self.assertEqual(said[:3], b"250")
        for _ in range(20):
            self.site.reactor.advance(5)
        self.assertEqual(self.site.spools[0].kept, {})
        return self.site.inboxes()

    def test_report(self) -> None:
        """What cannot be delivered is reported to its sender."""
        self.begin()
        [report] = self.report()
        self.assertTrue(report.startswith(b"Return-Path: <>\r\n"))
        message = email.message_from_bytes(report)
        self.assertEqual(
            message["From"], "Mail Delivery System <MAILER-DAEMON@mx.example.org>"
        )
        self.assertEqual(message["To"], "<ann@example.org>")
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertIn(b"Final-Recipient: rfc822;bob@example.org\r\n", report)
        self.assertIn(b"\r\nStatus: 4.4.7\r\n", report)
        self.assertIn(b"\r\nSubject: x\r\n", report)
        self.assertNotIn(b"hello", report)
        # Where our files are is nobody's business.
        self.assertNotIn(b"broken", report)

    def test_wholeMessage(self) -> None:
        """The operator may have it sent back whole."""
        self.begin(reports={"returned": "message"})
        [report] = self.report()
        self.assertIn(b"hello", report)

    def test_asTheOperatorSays(self) -> None:
        """Whom it is from, in which language, and what a field is called."""
        folder = self.site.folder / "templates" / "de"
        folder.mkdir(parents=True)
        template = "Subject: Schade\n\nLeider nicht:\n\n$recipients\n"
        (folder / "failed.txt").write_text(template)
        self.begin(
            reports={
                "dsn_from": "P\xf6st <post@example.org>",
                "templates": self.site.folder / "templates",
                "languages": {"example.org": "de"},
            }
        )
        [report] = self.report()
        message = email.message_from_bytes(report, policy=email.policy.SMTP)
        self.assertEqual(message["From"], "P\xf6st <post@example.org>")
        self.assertEqual(message["Subject"], "Schade")
        self.assertIn(b"\r\nLeider nicht:\r\n\r\n<bob@example.org>\r\n", report)

    def test_success(self) -> None:
        """Who asked for it is told that a message is in a mailbox."""
        self.begin()
        call = self.site.call()
        self.ask(call, b"carol@example.org NOTIFY=SUCCESS ORCPT=rfc822;Carol@x.example")
        self.site.reactor.advance(1)
        reports = [each for each in self.site.inboxes() if b"Action:" in each]
        [report] = reports
        self.assertIn(b"\r\nAction: delivered\r\n", report)
        self.assertIn(b"\r\nOriginal-Recipient: rfc822;Carol@x.example\r\n", report)
        self.assertIn(b"\r\nOriginal-Envelope-Id: order 4711\r\n", report)
        self.assertIn(b"\r\nSubject: Mail was delivered\r\n", report)
        self.assertNotIn(b"hello", report)

    def test_expanded(self) -> None:
        """
        Who asked for it is told that an alias leads to several, and not told of each
        (RFC 3461 section 5.2.7.3).
        """
        entries = {"all": ["carol@example.org", "dan@example.org"]}
        self.begin(aliases={"entries": entries})
        self.ask(self.site.call(), b"all@example.org NOTIFY=SUCCESS")
        self.site.reactor.advance(1)
        inboxes = self.site.inboxes()
        self.assertEqual(len(inboxes), 3)
        [report] = [each for each in inboxes if b"Action:" in each]
        self.assertIn(b"\r\nFinal-Recipient: rfc822;all@example.org\r\n", report)
        self.assertIn(b"\r\nAction: expanded\r\n", report)
        self.assertNotIn(b"dan@", report)

    def ask(self, call: Call, recipient: bytes) -> None:
        """C{ann} sends a message, with parameters."""
        path, _, parameters = recipient.partition(b" ")
        call.say(b"EHLO client.example\r\n")
        call.say(b"MAIL FROM:<ann@example.org> RET=FULL ENVID=order+204711\r\n")
        call.say(b"RCPT TO:<%b> %b\r\n" % (path, parameters))
        call.say(b"DATA\r\n")
        self.assertEqual(call.say(MESSAGE + b".\r\n")[:3], b"250")

    def test_delay(self) -> None:
        """Who waits for long is told so, and in the end that it failed."""
        self.begin(
            queue={"queue_lifetime": "2 h"}, reports={"delay_after": ["10 min", "1 h"]}
        )
        send(self.site.call(), b"bob@example.org", b"ann@example.org")
        for _ in range(3 * 60):
            self.site.reactor.advance(60)
        actions = [
            line
            for report in self.site.inboxes()
            for line in report.split(b"\r\n")
            if line.startswith(b"Action:")
        ]
        wanted = [b"Action: delayed", b"Action: delayed", b"Action: failed"]
        self.assertEqual(sorted(actions), wanted)

    def test_nobodyIsTold(self) -> None:
        """Nobody hears of what nobody has sent."""
        self.begin()
        self.assertEqual(self.report(b""), [])

    def test_triedAgain(self) -> None:
        """
        What does not work is tried again when the rule says so, and given up when
        the message is too old.
        """
        self.begin(
            queue={"queue_lifetime": "10 min"},
            retry=[{"pauses": "4 min", "match": ["bob@example.org"]}],
        )
        send(self.site.call(), b"bob@example.org", b"ann@example.org")
        tries: list[float] = []
        log = self.site.folder / "state/main.log"
        while not self.site.inboxes() and len(tries) < 9:
            while log.read_text().count("==") > len(tries):
                tries.append(self.site.reactor.seconds() - NOW)
            self.site.reactor.advance(5)
        # At once, after four minutes, after eight, and once more at the end; each a
        # little later, and seen when the queue is looked through.
        self.assertEqual(len(tries), 3)
        for found, expected in zip(tries, (0, 240, 480), strict=True):
            self.assertTrue(expected <= found <= expected * 1.1 + 20, tries)
        self.assertTrue(600 <= self.site.reactor.seconds() - NOW <= 640)
        [report] = self.site.inboxes()
        self.assertIn(b"tried for 10 minutes without success", report)
