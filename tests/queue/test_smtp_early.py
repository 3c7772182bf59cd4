"""
Tests for L{smtpx.queue.smtp} with PIPECONNECT: what becomes of messages where a host is
not as it was remembered.  Nothing is lost, sent twice, returned to its sender or sent
with less protection; and a host has no trouble because we were mistaken.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import CancelledError

from smtpx.core.envelope import Envelope, Recipient
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.spool.format import Fate
from smtpx.spool.via import Cause
from smtpx.testing import (
    GREETING,
    Fault,
    answered,
    cut,
    reset,
    silent,
)
from smtpx.testing.client import OctetsBody
from smtpx.testing.faults import End
from tests.net.clients import HOST, codes
from tests.net.network import watched

from .primed import BODY, EHLO_LINE, FLIGHT, GROUP, OFFERED, PrimedCase

_HOUR, _DAY = 3600.0, 86400.0


class EarlyTests(PrimedCase):
    """A host that is as it was."""

    def test_secondTime(self) -> None:
        """
        The first message waits for the greeting; the next one leaves before anything
        came, all but its text in one write.
        """
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights()[0], EHLO_LINE)
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights(), [FLIGHT, BODY + b".\r\n", b"QUIT\r\n"])
        self.assertEqual(len(self.server.messages), 2)

    def test_wholeMessage(self) -> None:
        """With CHUNKING, its text as well."""
        self.server = self.serve(keywords=(*OFFERED, b"CHUNKING"))
        self.send()
        self.send()
        chunk = b"BDAT %d LAST\r\n" % len(BODY) + BODY
        self.assertEqual(self.flights(), [EHLO_LINE + GROUP + chunk, b"QUIT\r\n"])
        self.assertEqual(self.server.messages[1].body, BODY)

    def test_logged(self) -> None:
        """What is sent early is logged as that."""
        for fields in ({"L": True}, {"L": True, "L*": True}):
            [outcome] = self.send()
            assert outcome.via is not None
            found = dict(outcome.via.fields)
            self.assertEqual({k: v for k, v in found.items() if k[0] == "L"}, fields)

    def test_record(self) -> None:
        """What is remembered, and how often it was right."""
        began = self.network.seconds()
        self.send()
        self.network.advance(10)
        self.send()
        found = self.known()
        assert found is not None and found.hello is not None
        self.assertEqual(found.hello.name, b"scripted.example")
        self.assertIn((b"PIPECONNECT", None), found.hello.keywords)
        self.assertIn((b"SIZE", b"5000"), found.hello.keywords)
        self.assertEqual((found.first, found.last), (began, began + 10))
        self.assertEqual((found.successes, found.misses), (1, 0))

    def test_expired(self) -> None:
        """After C{retry_data_expire} it is as with a host that was never met."""
        self.send()
        self.network.advance(7 * _DAY)
        self.send()
        self.assertEqual(self.flights()[0], EHLO_LINE)
        self.send()
        self.assertEqual(self.flights()[0], FLIGHT)

    def test_spellings(self) -> None:
        """The keyword may be spelt as older servers do, in any case."""
        for word in (b"PIPE_CONNECT", b"X_PIPE_CONNECT", b"pipeconnect"):
            self.setUp()
            self.server = self.serve(keywords=(b"PIPELINING", word, b"SIZE"))
            self.send()
            found = self.known()
            assert found is not None and found.hello is not None, word
            self.assertIn((word.upper(), None), found.hello.keywords)
            self.send()
            self.assertEqual(self.flights()[0], FLIGHT, word)

    def test_withoutPIPELINING(self) -> None:
        """The keyword alone is of no use, nor where the route ignores the other."""
        for keywords, ignored in (
            ((b"PIPECONNECT",), ()),
            (OFFERED, (b"PIPELINING",)),
            (OFFERED, (b"PIPECONNECT",)),
        ):
            self.setUp()
            self.way = evolve(self.way, ignored=ignored)
            self.serve(keywords=keywords)
            for _ in range(2):
                self.send()
                self.assertEqual(self.flights()[0], EHLO_LINE)
            self.assertIsNone(self.known())

    def test_ignoredLater(self) -> None:
        """What was remembered before is not made use of, either."""
        self.send()
        self.way = evolve(self.way, ignored=(b"PIPELINING",))
        self.send()
        self.assertEqual(self.flights()[0], EHLO_LINE)

    def test_whereWeComeFrom(self) -> None:
        """A host that we come to from another address is another host."""
        self.send()
        for address in (b"198.51.100.7", b"198.51.100.8"):
            self.way = evolve(self.way, sourceIPv4=address)
            self.send()
            self.assertEqual(self.flights()[0], EHLO_LINE)
            self.send()
            self.assertEqual(self.flights()[0], FLIGHT)
            self.assertIsNotNone(self.known(b"clear from " + address))

    def test_tooBigThen(self) -> None:
        """
        That a message was too big is not believed of a record: it may be taken by now.
        """
        for offered, fate in ((b"SIZE 5000", Fate.DELIVERED), (b"SIZE 5", Fate.FAILED)):
            self.setUp()
            self.server = self.serve(keywords=(*OFFERED[:3], b"SIZE 10"))
            [outcome] = self.send()
            self.assertIs(outcome.fate, Fate.FAILED)
            self.server.keywords = (*OFFERED[:3], offered)
            [outcome] = self.send()
            self.assertIs(outcome.fate, fate)
            self.assertEqual(self.flights()[0], EHLO_LINE)
            self.assertEqual(len(self.server.sessions), 2)


class RefusedTests(PrimedCase):
    """A host that is as it was, and refuses a message."""

    def test_refused(self) -> None:
        """It is the message's fault; what is remembered of the host is right."""
        self.send()
        for number, verb in enumerate((b"MAIL", b"RCPT", b"DATA"), 2):
            self.server.faults = (answered(verb, b"550 5.7.1 No").inSession(number),)
            [outcome] = self.send()
            assert outcome.reply is not None
            self.assertIs(outcome.fate, Fate.FAILED)
            self.assertEqual(outcome.reply.code, 550)
            self.assertEqual(self.flights()[0], FLIGHT)
        self.assertEqual(len(self.server.sessions), 4)
        self.assertEqual(len(self.server.messages), 1)


class MistakenTests(PrimedCase):
    """A host that is not as it was."""

    def setUp(self) -> None:
        """It was met once."""
        PrimedCase.setUp(self)
        self.send()

    def mistaken(
        self,
        *faults: Fault,
        keywords: tuple[bytes, ...] = OFFERED,
        seconds: float = 0.0,
    ) -> None:
        """
        Something is otherwise in the next session, which is an early one.  The message
        is sent again at once, plainly, and taken once.
        """
        self.server.faults = tuple(each.inSession(2) for each in faults)
        self.server.keywords = keywords
        [outcome] = self.send(seconds=seconds)
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(len(self.server.sessions), 3)
        self.assertEqual(self.flights(1)[0], FLIGHT)
        self.assertEqual(self.flights(2)[0], EHLO_LINE)
        self.assertEqual([each.body for each in self.server.messages], [BODY, BODY])
        self.assertNoHint()

    def test_greetingLater(self) -> None:
        """450 to the connection, and refusals of all that came early."""
        self.mistaken(
            answered(GREETING, b"450 4.3.2 Not now"),
            *(answered(verb, b"503 5.5.1 No") for verb in (b"EHLO", b"MAIL", b"RCPT")),
        )
        self.assertForgotten()

    def test_greetingNever(self) -> None:
        """
        554 once, and the end, as from a host that does not want to be talked to early
        any more: nobody's message is returned.
        """
        refusal = b"554 5.5.0 SMTP synchronization error\r\n"
        for end in (End.CLOSE, End.RESET):
            self.setUp()
            self.mistaken(Fault(GREETING, reply=refusal, end=end))
            self.assertForgotten()

    def test_helloRefused(self) -> None:
        """EHLO is answered by a refusal, for now or not."""
        for said in (b"421 4.3.2 Too busy", b"502 5.5.1 What?", b"550 5.7.1 Not you"):
            self.setUp()
            self.mistaken(
                answered(b"EHLO", said),
                answered(b"MAIL", b"503 5.5.1 EHLO first"),
                answered(b"RCPT", b"503 5.5.1 EHLO first"),
                answered(b"DATA", b"503 5.5.1 EHLO first"),
            )
            self.assertForgotten()

    def test_helloIsNone(self) -> None:
        """EHLO is answered by something that is no reply, or none that can be."""
        for said in (b"what?", b"354 Go ahead", b"250-a\r\n251 b"):
            self.setUp()
            self.mistaken(answered(b"EHLO", said))
            self.assertForgotten()

    def test_lost(self) -> None:
        """The connection is reset or closed, before or behind the greeting."""
        for fault in (
            reset(GREETING),
            cut(GREETING),
            cut(GREETING, octets=7),
            reset(b"EHLO"),
            cut(b"EHLO", octets=30),
        ):
            self.setUp()
            self.mistaken(fault)
            self.assertForgotten()

    def test_silent(self) -> None:
        """Nothing comes at all, or nothing behind the greeting."""
        for moment in (GREETING, b"EHLO"):
            self.setUp()
            began = self.network.seconds()
            self.mistaken(silent(moment), seconds=400)
            found = self.known()
            assert found is not None
            self.assertEqual((found.failures, found.first), (1, began))

    def test_parameterIsUnknown(self) -> None:
        """MAIL with a parameter that the host does not have any more."""
        self.mistaken(
            answered(b"MAIL", b"555 5.5.4 SIZE?"),
            answered(b"RCPT", b"503 5.5.1 MAIL first"),
            answered(b"DATA", b"503 5.5.1 MAIL first"),
            keywords=OFFERED[:3],
        )
        self.assertEqual(
            self.server.messages[1].mail, b"MAIL FROM:<sender@example.net>"
        )
        found = self.known()
        assert found is not None and found.hello is not None
        self.assertEqual((found.failures, found.changes), (0, 0))
        self.assertNotIn(b"SIZE", dict(found.hello.keywords))

    def test_keywordIsGone(self) -> None:
        """Where all goes well nevertheless, it is sent once; and then not early."""
        self.server.keywords = (b"PIPELINING", b"SIZE 5000")
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        assert outcome.via is not None
        self.assertNotIn("L*", dict(outcome.via.fields))
        self.assertEqual(len(self.server.sessions), 2)
        self.assertEqual(self.flights()[0], FLIGHT)
        self.assertForgotten()
        self.send()
        self.assertEqual(self.flights()[0], EHLO_LINE)

    def test_somethingIsNew(self) -> None:
        """What was sent is gone on with; next time the host is known as it is."""
        for word in (b"CHUNKING", b"LIMITS RCPTMAX=5"):
            self.setUp()
            self.server.keywords = (*OFFERED, word)
            [outcome] = self.send()
            self.assertIs(outcome.fate, Fate.DELIVERED)
            self.assertEqual(len(self.server.sessions), 2)
            self.assertEqual(self.flights()[0], FLIGHT)
            found = self.known()
            assert found is not None and found.hello is not None
            words = [b" ".join(filter(None, each)) for each in found.hello.keywords]
            self.assertIn(word, words)
            self.send()
            self.assertTrue(self.flights()[0].startswith(EHLO_LINE + GROUP))

    def test_limitIsLower(self) -> None:
        """A host that takes fewer recipients than it did gets the others as well."""
        self.server.keywords = (*OFFERED, b"LIMITS RCPTMAX=1")
        self.server.faults = (
            answered(b"RCPT", b"452 4.5.3 Too many", nth=2).inSession(2),
        )
        outcomes = self.send(b"a@example.org", b"b@example.org")
        self.assertEqual([each.fate for each in outcomes], [Fate.DELIVERED] * 2)
        got = [path for each in self.server.messages[1:] for path in each.recipients]
        self.assertEqual(sorted(got), [b"a@example.org", b"b@example.org"])

    def test_someOfThem(self) -> None:
        """Who has it does not get it again, where others were refused by mistake."""
        self.server.keywords = (*OFFERED, b"DSN")
        self.server.faults = (
            answered(b"RCPT", b"555 5.5.4 What?", nth=2).inSession(2),
        )
        outcomes = self.send(b"a@example.org", b"b@example.org")
        self.assertEqual([each.fate for each in outcomes], [Fate.DELIVERED] * 2)
        self.assertEqual(
            [each.recipients for each in self.server.messages[1:]],
            [[b"a@example.org"], [b"b@example.org"]],
        )

    def test_plainIsRefusedAsWell(self) -> None:
        """What is said without haste is what counts: the message, or the host."""
        self.server.faults = (
            answered(GREETING, b"554 5.5.0 Early").inSession(2),
            answered(b"RCPT", b"550 5.1.1 Unknown").inSession(3),
        )
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.FAILED)
        assert outcome.reply is not None
        self.assertEqual(outcome.reply.lines, (b"Unknown",))
        self.assertNoHint()

    def test_plainIsTurnedAway(self) -> None:
        """Then the host is in trouble, for what it said then and no sooner."""
        self.server.faults = (
            answered(GREETING, b"554 5.5.0 Early").inSession(2),
            answered(GREETING, b"421 4.3.2 Busy").inSession(3),
        )
        self.network.advance(60)
        [outcome] = self.send()
        self.assertEqual((outcome.fate, outcome.cause), (Fate.WAITING, Cause.SESSION))
        trouble = self.hints.trouble(b"mx.example.org [192.0.2.25]:25")
        assert trouble is not None
        self.assertIn("Busy", trouble.text)
        self.assertEqual(trouble.failures, 1)
        self.assertEqual(len(self.server.sessions), 3)

    def test_goneThen(self) -> None:
        """A host that is not there any more is told from one that we mistook."""
        self.server.faults = (reset(GREETING).inSession(2),)
        self.network.onConnect = lambda ours, theirs: self.network.hosts.clear()
        self.network.advance(60)
        [outcome] = self.send()
        self.assertEqual((outcome.fate, outcome.cause), (Fate.WAITING, Cause.CONNECT))

    def test_nextHost(self) -> None:
        """The next host is for where the first one fails plainly, and not before."""
        second = MailHost(b"mx2.example.org", (b"192.0.2.26",), preference=1)
        self.hosts = MailHosts((HOST, second))
        other = self.serve(address="192.0.2.26")
        self.mistaken(answered(GREETING, b"554 5.5.0 Early"))
        self.assertEqual(other.sessions, [])
        self.server.faults = (answered(GREETING, b"421 4.3.2 Busy", nth=None),)
        self.network.advance(_HOUR)
        [outcome] = self.send()
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(len(other.messages), 1)


class PatienceTests(PrimedCase):
    """How often it is tried with a host that is not as it was."""

    def test_backOff(self) -> None:
        """An hour, then two, then four: each failure that follows on another."""
        self.send()
        pauses = []
        for _ in range(3):
            number = len(self.server.sessions) + 1
            refused = answered(GREETING, b"554 5.5.0 Early")
            self.server.faults = (refused.inSession(number),)
            self.send()
            self.assertEqual(self.flights(number - 1)[0], FLIGHT)
            began, early = self.network.seconds(), False
            while not early:
                self.network.advance(0.25 * _HOUR)
                self.send()
                early = self.flights()[0] == FLIGHT
                # The one that was early now is to be the failure.
                if self.network.seconds() - began + 0.25 * _HOUR >= self.quiet(began):
                    self.network.advance(0.25 * _HOUR)
                    break
            pauses.append((self.network.seconds() - began) / _HOUR)
        self.assertEqual(pauses, [1, 2, 4])

    def quiet(self, began: float) -> float:
        """How long it is left alone, in seconds."""
        found = self.known()
        assert found is not None
        return found.quiet - began

    def test_loadBalancer(self) -> None:
        """
        Two different servers behind one address: all is delivered, and after two
        changes in a row nobody is talked to early for a day.
        """
        plain = (*OFFERED[:3], b"SIZE 7000")
        for number in range(4):
            self.server.keywords = (OFFERED, plain)[number % 2]
            [outcome] = self.send()
            self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(self.flights()[0], EHLO_LINE)
        self.network.advance(_DAY - 1)
        self.send()
        self.assertEqual(self.flights()[0], EHLO_LINE)
        self.network.advance(1)
        self.send()
        self.assertEqual(self.flights()[0], FLIGHT)

    def test_manyServersThatAreAlike(self) -> None:
        """Servers that differ in their names only are as good as one."""
        self.send()
        for number in range(2, 6):
            lines = [b"mx%d.example" % number, *OFFERED]
            said = b"".join(b"250-%b\r\n" % each for each in lines[:-1])
            said += b"250 %b\r\n" % lines[-1]
            self.server.faults = (Fault(b"EHLO", reply=said),)
            self.send()
            self.assertEqual(self.flights()[0], FLIGHT)
        found = self.known()
        assert found is not None and found.hello is not None
        self.assertEqual(found.hello.name, b"mx5.example")


class OtherwiseTests(PrimedCase):
    """Sessions that are not for a message, or that we cut off."""

    def test_asked(self) -> None:
        """To ask a host whom it takes for is as good for getting to know it."""
        for _ in range(2):
            asked = watched(self.pool.verify(HOST, self.way, b"a@example.org"))
            self.network.run()
            self.assertEqual(codes(asked), [250])
        self.assertEqual(self.flights(0)[0], EHLO_LINE)
        self.assertTrue(self.flights(1)[0].startswith(EHLO_LINE + b"MAIL FROM:<>"))
        self.assertEqual(self.server.messages, [])
        self.send()
        self.assertEqual(self.flights()[0], FLIGHT)

    def test_cutOffByOurselves(self) -> None:
        """A message that nobody waits for any more says nothing of the host."""
        self.send()
        self.server.faults = (silent(GREETING).inSession(2),)
        envelope = Envelope(b"a@example.net", 0.0, [Recipient(b"b@example.org")])
        sending = self.pool.send(HOST, self.way, envelope, OctetsBody(BODY))
        got = watched(sending)
        self.network.run(1)
        self.assertEqual(self.flights()[0][: len(EHLO_LINE)], EHLO_LINE)
        sending.cancel()
        self.network.run()
        self.assertIsInstance(got.error, CancelledError)
        found = self.known()
        assert found is not None
        self.assertEqual((found.failures, found.misses), (0, 0))
        self.send()
        self.assertEqual(self.flights()[0], FLIGHT)
