"""
The pages on virus scanners and spam filters: what they say can be done, and does what
they say.
"""

from __future__ import annotations

import tomllib
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.reply import Reply
from smtpx.service.checkercheck import checkCheckers
from smtpx.service.config import readConfiguration
from smtpx.service.rulecheck import checkRules
from tests.net.made import RememberingReceiver
from tests.policy.checkers.ends import FakeEndpoint
from tests.policy.doubles import sessionFrom
from tests.policy.test_documentation import HOWTO, examples

from .made import FOUND, MESSAGE, HouseTestCase, send
from .test_checkers import AnsweringTestCase

SCANNER = examples("virus-scanner.rst", "toml")
FILTER = examples("spam-filter.rst", "toml")


class ManualTests(HouseTestCase):
    """The examples are whole, and right."""

    def test_examplesAreRight(self) -> None:
        """Each can be taken as it is, or goes on with the one before it."""
        plain, marking, skipping = SCANNER
        rspamd, spamd, holding = FILTER
        for text in (
            plain,
            marking,
            plain + skipping,
            rspamd,
            spamd,
            spamd + holding,
            rspamd + spamd,
            marking + rspamd,
        ):
            configuration = readConfiguration(tomllib.loads(text), FOUND)
            wrong = [*checkCheckers(configuration), *checkRules(configuration, FOUND)]
            self.assertEqual([], [str(each) for each in wrong], text)


class ScannerManualTests(AnsweringTestCase):
    """C{doc/howto/virus-scanner.rst}"""

    def serve(self, text: str) -> bytes:
        """A server with an example; a message comes to it."""
        self.rules(text)
        self.call = self.site.call()
        return send(self.call, b"ann@localhost")

    def test_refused(self) -> None:
        """The client is told what the page says."""
        self.serve(SCANNER[0])
        self.clamd(b"stream: Win.Test.EICAR_HDB-1 FOUND\0")
        said = b"550 5.7.1 This message has Win.Test.EICAR_HDB-1\r\n"
        self.assertEqual(said, self.call.wire.value())
        page = (HOWTO / "virus-scanner.rst").read_text("utf-8")
        self.assertIn(said.decode().strip(), page)

    def test_away(self) -> None:
        """With the second example mail goes on, and is marked."""
        self.serve(SCANNER[1])
        self.site.reactor.advance(61)
        self.assertEqual(b"250 ", self.call.wire.value()[:4])
        self.site.reactor.advance(1)
        [message] = self.site.inboxes()
        self.assertIn(b"X-Virus-Scanned: no", message)

    def test_skipped(self) -> None:
        """With the third some mail is not scanned."""
        self.rules(SCANNER[0] + SCANNER[2].replace("@example.org", "@localhost"))
        said = send(self.site.call(), b"samples@localhost")
        self.assertEqual(b"250 ", said[:4])
        self.assertEqual([], self.site.reactor.unixClients)


class FilterManualTests(AnsweringTestCase):
    """C{doc/howto/spam-filter.rst}"""

    def answered(self, text: str, answer: bytes, closes: bool = False) -> bytes:
        """What the client is told if the filter says this."""
        # The loopback takes a turn of its own in a reactor in memory.
        for address in ("127.0.0.1:11333", "127.0.0.1:783"):
            text = text.replace(address, "/run/clamav/clamd.ctl")
        self.rules(text)
        call = self.site.call()
        send(call, b"ann@localhost")
        self.clamd(answer, closes)
        return bytes(call.wire.value())

    def rspamd(self, action: str, score: float) -> bytes:
        """What rspamd says."""
        body = b'{"action":"%b","score":%.1f,"required_score":15}' % (
            action.encode(),
            score,
        )
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def test_rejected(self) -> None:
        """What rspamd would reject is refused."""
        said = self.answered(FILTER[0], self.rspamd("reject", 18.25))
        self.assertEqual(b"550 5.7.1 This looks like spam (18.2 points)\r\n", said)

    def test_deferred(self) -> None:
        """What it wants to see again is put off."""
        said = self.answered(FILTER[0], self.rspamd("greylist", 4.5))
        self.assertEqual(b"451 4.7.1 Please try again later\r\n", said)

    def test_marked(self) -> None:
        """What it would mark is marked."""
        said = self.answered(FILTER[0], self.rspamd("add header", 7.5))
        self.assertEqual(b"250 ", said[:4])
        self.site.reactor.advance(1)
        [message] = self.site.inboxes()
        self.assertIn(b"X-Spam-Score: 7.5 of 15.0 (+++++++)", message)

    def spamd(self, score: float) -> bytes:
        """What spamd says."""
        said = b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; %.1f / 5.0\r\n\r\nIt is.\r\n"
        return said % score

    def test_spamassassin(self) -> None:
        """The same with SpamAssassin: refused, or marked."""
        said = self.answered(FILTER[1], self.spamd(15.1), True)
        self.assertEqual(b"550 5.7.1 This looks like spam (15.1 points)\r\n", said)

    def test_heldWithItsReport(self) -> None:
        """The operator reads why."""
        self.answered(FILTER[1] + FILTER[2], self.spamd(12.0), True)
        [spool] = self.site.spools
        [message] = spool.kept.values()
        self.assertTrue(message.held)
        self.assertEqual("It is.", message.note)


class PythonTests(HouseTestCase):
    """C{doc/explanation/checkers.rst}"""

    def test_example(self) -> None:
        """A program has its messages checked."""
        [code] = examples("checkers.rst", "python", HOWTO.parent / "explanation")
        names: dict[str, Any] = {}
        exec(code, names)
        endpoint, clock = FakeEndpoint(), Clock()
        receiver = names["checked"](
            RememberingReceiver(), endpoint, clock, lambda *rest: None
        )
        session = sessionFrom()
        recipient = Recipient(b"bob@example.net")
        envelope = Envelope(b"ann@example.org", 0.0, [recipient])
        arrival = receiver.begin(session, envelope)
        assert not isinstance(arrival, Reply)
        arrival.registerProducer(StringTransport(), True)
        arrival.write(MESSAGE)
        asked = names["NoViruses"]().mayDeliver(session, envelope, recipient)
        said = Deferred.fromCoroutine(asked)
        self.assertIn(MESSAGE, endpoint.said)
        endpoint.say(b"stream: Eicar-Test FOUND\0")
        refusal = self.successResultOf(said)
        self.assertEqual(b"550 5.7.1 No viruses, please\r\n", refusal.octets)
