"""
Tests for L{smtpx.policy.milter.asking}, L{smtpx.policy.milter.bench} and
L{smtpx.policy.milter.seat}: what milters are told, and what clients are.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Dialect
from smtpx.core.interfaces import IServerExtension, IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.net.interfaces import IPolicy
from smtpx.policy.milter.asking import MilterCommands, MilterPolicy, MilterReviews
from smtpx.policy.milter.negotiation import Step
from smtpx.policy.milter.packets import packet
from smtpx.policy.milter.terms import WhenAway
from smtpx.policy.rules.effects import isDiscarded

from .made import (
    ACCEPT,
    DEFER,
    DISCARD,
    GO_ON,
    GONE,
    NOTHING,
    REFUSE,
    MadeMilter,
    served,
)

OK = b"250 2.0.0 OK\r\n"
REFUSED = b"550 5.7.1 Command rejected\r\n"
DEFERRED = b"451 4.7.1 Service unavailable - try again later\r\n"
WORDED = packet(b"y", b"554 5.7.9 Not you\0")


@implementer(IPolicy)
class Closed:
    """Refuses what it is told to."""

    def __init__(self, **refusals: Reply) -> None:
        self.refusals = refusals

    def mayConnect(self, session: IServerSession) -> Reply | None:
        """See L{IPolicy}."""
        return self.refusals.get("connect")

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply | None:
        """See L{IPolicy}."""
        return self.refusals.get("mail")

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None:
        """See L{IPolicy}."""
        return self.refusals.get(recipient.path.partition(b"@")[0].decode())


class SessionTests(SynchronousTestCase):
    """A session from its beginning to its end."""

    def test_interfaces(self) -> None:
        """They are what they say."""
        self.assertTrue(verifyObject(IPolicy, MilterPolicy(lambda session: ())))
        for each in (MilterCommands(), MilterReviews()):
            self.assertTrue(verifyObject(IServerExtension, each))
            self.assertIs(each.configured(None), each)

    def test_whole(self) -> None:
        """Each command is told once, in the order of the protocol."""
        milter = MadeMilter()
        call = served(milter).call()
        self.assertEqual(call.said()[:4], b"220 ")
        call.mail()
        self.assertEqual(call.send(), OK)
        self.assertEqual(call.say(b"QUIT\r\n")[:4], b"221 ")
        self.assertEqual(milter.codes, "OCHMRTLNBE")
        call.leave()
        self.assertEqual(milter.codes, "OCHMRTLNBEK")
        self.assertEqual(milter.said(b"C"), [b"[192.0.2.1]\x004\x9c\x40192.0.2.1\0"])
        self.assertEqual(milter.said(b"H"), [b"client.example.net\0"])
        self.assertEqual(milter.said(b"M"), [b"<ann@example.net>\0"])
        self.assertEqual(milter.said(b"R"), [b"<bob@example.org>\0"])
        self.assertEqual(milter.said(b"L"), [b"Subject\0x\0"])
        self.assertEqual(milter.said(b"B"), [b"hello\r\n"])

    def test_parameters(self) -> None:
        """Those of MAIL and RCPT stand behind the path."""
        milter = MadeMilter()
        call = served(milter).call()
        call.say(b"EHLO x.example\r\n")
        call.say(b"MAIL FROM:<ann@example.net> SIZE=100 BODY=8BITMIME\r\n")
        call.say(b"RCPT TO:<bob@example.org> NOTIFY=NEVER\r\n")
        self.assertEqual(
            milter.said(b"M") + milter.said(b"R"),
            [
                b"<ann@example.net>\0SIZE=100\0BODY=8BITMIME\0",
                b"<bob@example.org>\0NOTIFY=NEVER\0",
            ],
        )

    def test_macros(self) -> None:
        """At each stage those that belong to it."""
        milter = MadeMilter()
        call = served(milter, terms={"fixed": {b"{daemon_name}": b"MX"}}).call()
        call.mail()
        call.send()
        macros = milter.macros
        connect = macros[b"C"]
        self.assertEqual(connect[b"j"], b"mx.example.org")
        self.assertEqual(connect[b"_"], b"[192.0.2.1]")
        self.assertEqual(connect[b"{daemon_name}"], b"MX")
        self.assertEqual(connect[b"{client_addr}"], b"192.0.2.1")
        self.assertEqual(connect[b"{client_port}"], b"40000")
        self.assertEqual(macros[b"H"], {b"{verify}": b"NONE"})
        self.assertEqual(macros[b"M"][b"{mail_addr}"], b"ann@example.net")
        self.assertEqual(macros[b"R"][b"{rcpt_addr}"], b"bob@example.org")
        self.assertEqual(macros[b"T"], {b"{nrcpts}": b"1"})
        self.assertEqual(macros[b"N"], {b"i": b"1abcde-000000-01"})
        self.assertEqual(macros[b"E"][b"i"], b"1abcde-000000-01")

    def test_pipelined(self) -> None:
        """A client that pipelines gets all its replies, in order."""
        call = served(MadeMilter()).call()
        call.say(b"EHLO x.example\r\n")
        said = call.say(
            b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
        )
        self.assertEqual(
            [each[:3] for each in said.splitlines()], [b"250", b"250", b"354"]
        )

    def test_silent(self) -> None:
        """One that answers to nothing keeps nobody waiting."""
        silent = Step(0)
        for each in Step:
            if each.name is not None and each.name.startswith("SILENT"):
                silent |= each
        milter = MadeMilter(steps=silent)
        call = served(milter).call()
        call.mail()
        self.assertEqual(call.send(), OK)
        self.assertEqual(milter.codes, "OCHMRTLNBE")

    def test_secondMessage(self) -> None:
        """Over one connection, without an end between."""
        milter = MadeMilter()
        server = served(milter)
        call = server.call()
        for _ in range(2):
            call.mail()
            self.assertEqual(call.send(), OK)
        self.assertEqual(milter.codes, "OCHMRTLNBEHMRTLNBE")
        self.assertEqual(milter.connections, 1)

    def test_lmtp(self) -> None:
        """LHLO is a name, too."""
        milter = MadeMilter()
        call = served(milter, dialect=Dialect.LMTP).call()
        call.say(b"LHLO x.example\r\nMAIL FROM:<a@example.net>\r\n")
        self.assertEqual(milter.codes, "OCHM")


class AbortTests(SynchronousTestCase):
    """Transactions that do not come to a message."""

    def test_reset(self) -> None:
        """The milter is told at once, and once."""
        milter = MadeMilter()
        call = served(milter).call()
        call.mail()
        call.say(b"RSET\r\nRSET\r\n")
        self.assertEqual(milter.codes, "OCHMRA")

    def test_anotherMail(self) -> None:
        """What the client begins anew, the milter does."""
        milter = MadeMilter()
        call = served(milter).call()
        call.mail()
        call.say(b"EHLO x.example\r\n")
        self.assertEqual(milter.codes, "OCHMRAH")

    def test_clientGoes(self) -> None:
        """In the middle: the connection is not used again."""
        milter = MadeMilter()
        call = served(milter).call()
        call.mail()
        call.leave()
        self.assertEqual(milter.codes, "OCHMRQ")
        self.assertEqual(milter.lines, [])

    def test_clientGoesWhileItIsAsked(self) -> None:
        """Nobody waits for the answer."""
        milter = MadeMilter(answers={b"R": NOTHING})
        server = served(milter)
        call = server.call()
        call.mail()
        call.leave()
        self.assertEqual(milter.lines, [])
        self.assertEqual(server.clock.getDelayedCalls()[1:], [])
        self.assertEqual(server.troubles, [])

    def test_clientGoesWhileItIsConnectedTo(self) -> None:
        """That is no failure of the milter's."""
        milter = MadeMilter(deaf=True)
        server = served(milter)
        server.call().leave()
        milter.deaf = False
        call = server.call()
        self.assertEqual(call.said()[:4], b"220 ")
        self.assertEqual(milter.codes, "OC")


class ClientTests(SynchronousTestCase):
    """What a milter says of a client."""

    def test_accepts(self) -> None:
        """It is not asked any more, and the connection is free."""
        for at, codes in ((b"C", "OCQ"), (b"H", "OCHQ")):
            milter = MadeMilter(answers={at: ACCEPT})
            call = served(milter).call()
            call.mail()
            self.assertEqual(call.send(), OK)
            self.assertEqual(milter.codes, codes)

    def test_refusesAtConnect(self) -> None:
        """In place of the greeting."""
        milter = MadeMilter(answers={b"C": WORDED})
        server = served(milter)
        self.assertEqual(server.call().said(), b"554 5.7.9 Not you\r\n")
        self.assertEqual(
            server.told, [("made", "connect", "refused", "554 5.7.9 Not you")]
        )

    def test_refusesAtHelo(self) -> None:
        """And all that comes behind it."""
        milter = MadeMilter(answers={b"H": REFUSE})
        call = served(milter).call()
        call.said()
        self.assertEqual(call.say(b"EHLO x.example\r\n"), REFUSED)
        self.assertEqual(call.say(b"HELO x.example\r\n"), REFUSED)
        self.assertEqual(milter.codes, "OCH")

    def test_namesThatAreNone(self) -> None:
        """The core has its own words for that."""
        milter = MadeMilter()
        call = served(milter).call()
        self.assertIn(b"501", call.say(b"EHLO a b c\r\n"))
        self.assertEqual(milter.codes, "OC")

    def test_closes(self) -> None:
        """421 ends the session."""
        milter = MadeMilter(answers={b"M": packet(b"4")})
        call = served(milter).call()
        self.assertIn(b"421 4.7.0 ", call.say(b"EHLO x.example\r\nMAIL FROM:<>\r\n"))
        self.assertTrue(call.call.wire.disconnecting)


class EnvelopeTests(SynchronousTestCase):
    """What a milter says of senders and recipients."""

    def test_refusesSender(self) -> None:
        """Another may be good, and the milter is told that this one is not."""
        milter = MadeMilter(answers={b"M<bad@example.net>\0": REFUSE})
        call = served(milter).call()
        call.say(b"EHLO x.example\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<bad@example.net>\r\n"), REFUSED)
        self.assertIn(b"250", call.say(b"MAIL FROM:<good@example.net>\r\n"))
        self.assertEqual(milter.codes, "OCHMAM")

    def test_refusesRecipient(self) -> None:
        """It stays with this one."""
        milter = MadeMilter(answers={b"R<x@example.org>\0": DEFER})
        server = served(milter)
        call = server.call()
        self.assertEqual(call.mail(b"x@example.org"), DEFERRED)
        self.assertIn(b"250", call.say(b"RCPT TO:<y@example.org>\r\n"))
        self.assertEqual(call.send(), OK)
        self.assertEqual(
            [e.path for e in server.envelope.recipients], [b"y@example.org"]
        )

    def test_acceptsMessage(self) -> None:
        """It is not asked of this one, but of the next."""
        milter = MadeMilter(answers={b"M": ACCEPT})
        call = served(milter).call()
        for _ in range(2):
            call.mail()
            self.assertEqual(call.send(), OK)
        self.assertEqual(milter.codes, "OCHMHM")

    def test_discards(self) -> None:
        """The client does not notice; nobody gets it."""
        milter = MadeMilter(answers={b"R": DISCARD})
        server = served(milter)
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), OK)
        self.assertTrue(isDiscarded(server.envelope))
        self.assertEqual(server.told, [("made", "rcpt", "discarded", "")])

    def test_refusesAtData(self) -> None:
        """The message does not come."""
        milter = MadeMilter(answers={b"T": REFUSE})
        call = served(milter).call()
        call.mail()
        self.assertEqual(call.send(), REFUSED)
        self.assertEqual(call.send(), REFUSED)
        self.assertEqual(milter.codes, "OCHMRT")

    def test_othersFirst(self) -> None:
        """Whom the server refuses, no milter is asked of: none opens a relay."""
        milter = MadeMilter(answers={b"R": ACCEPT})
        no = reply(550, "5.7.1", b"No")
        call = served(milter, policies=[Closed(bob=no)]).call()
        self.assertEqual(call.mail(), b"550 5.7.1 No\r\n")
        self.assertEqual(milter.codes, "OCHM")

    def test_tellsOfRecipientsThatOthersRefuse(self) -> None:
        """To a milter that wants to know; what it says to that is of no account."""
        milter = MadeMilter(steps=Step.REFUSED_TOO, answers={b"R": GO_ON})
        no = reply(550, "5.1.1", b"Nobody")
        call = served(milter, policies=[Closed(bob=no)]).call()
        self.assertEqual(call.mail(), b"550 5.1.1 Nobody\r\n")
        self.assertEqual(milter.codes, "OCHMR")
        self.assertEqual(
            milter.macros[b"R"],
            {
                b"{rcpt_addr}": b"Nobody",
                b"{rcpt_host}": b"5.1.1",
                b"{rcpt_mailer}": b"error",
            },
        )

    def test_doesNotTellTwice(self) -> None:
        """Of one that it has refused itself it knows; one that is none is none."""
        milter = MadeMilter(steps=Step.REFUSED_TOO, answers={b"R": REFUSE})
        call = served(milter).call()
        self.assertEqual(call.mail(), REFUSED)
        call.say(b"RCPT TO:nobody\r\n")
        self.assertEqual(milter.codes, "OCHMR")

    def test_goneWhileItIsTold(self) -> None:
        """Then its terms hold."""
        milter = MadeMilter(steps=Step.REFUSED_TOO, answers={b"R": GONE})
        no = reply(550, "5.1.1", b"Nobody")
        server = served(milter, policies=[Closed(bob=no)])
        call = server.call()
        self.assertEqual(call.mail(), b"550 5.1.1 Nobody\r\n")
        self.assertEqual(call.say(b"RCPT TO:<x@example.org>\r\n"), DEFERRED)


class SeveralTests(SynchronousTestCase):
    """More than one milter."""

    def test_sideBySide(self) -> None:
        """The client is told of the first refusal in their order."""
        slow = MadeMilter("slow", answers={b"M": NOTHING})
        quick = MadeMilter("quick", answers={b"M": REFUSE})
        server = served(slow, quick)
        call = server.call()
        call.say(b"EHLO x.example\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), b"")
        self.assertEqual((slow.codes, quick.codes), ("OCHM", "OCHMA"))
        slow.lines[0][1].dataReceived(GO_ON)
        server.settle()
        self.assertEqual(call.said(), REFUSED)
        self.assertEqual(slow.codes, "OCHMA")

    def test_recipients(self) -> None:
        """Of one that the first refuses the second does not hear."""
        first = MadeMilter("first", answers={b"R<x@example.org>\0": REFUSE})
        second = MadeMilter("second")
        call = served(first, second).call()
        call.mail(b"x@example.org", b"y@example.org")
        self.assertEqual(second.said(b"R"), [b"<y@example.org>\0"])

    def test_clientGoes(self) -> None:
        """All of them are given up who were asked."""
        milters = [MadeMilter(name, answers={b"M": NOTHING}) for name in "ab"]
        server = served(*milters)
        call = server.call()
        call.say(b"EHLO x.example\r\nMAIL FROM:<>\r\n")
        call.leave()
        self.assertEqual([each.lines for each in milters], [[], []])
        self.assertEqual(server.troubles, [])


class AwayTests(SynchronousTestCase):
    """A milter that cannot be asked."""

    def test_defers(self) -> None:
        """The client may say what it likes, but send no mail."""
        server = served(MadeMilter(down=True))
        call = server.call()
        self.assertEqual(call.said()[:4], b"220 ")
        self.assertIn(b"250", call.say(b"EHLO x.example\r\n"))
        self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), DEFERRED)
        self.assertEqual(call.say(b"QUIT\r\n")[:4], b"221 ")
        [(name, stage, what, why)] = server.told
        self.assertEqual((name, stage, what), ("made", "connect", "away"))
        self.assertIn("connected to", why)

    def test_rejects(self) -> None:
        """For good."""
        server = served(MadeMilter(down=True), terms={"whenAway": WhenAway.REJECT})
        call = server.call()
        call.say(b"EHLO x.example\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), REFUSED)

    def test_accepts(self) -> None:
        """It goes on without it."""
        server = served(MadeMilter(down=True), terms={"whenAway": WhenAway.ACCEPT})
        call = server.call()
        call.mail()
        self.assertEqual(call.send(), OK)

    def test_goesAtEachStage(self) -> None:
        """Whenever it goes, mail is deferred for the rest of the session."""
        for at in (b"C", b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E"):
            server = served(MadeMilter(answers={at: GONE}))
            call = server.call()
            call.mail()
            self.assertIn(call.send()[:3], (b"451", b"503", b"554"), at)
            self.assertEqual(server.kept, [])
            call.say(b"RSET\r\n")
            self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), DEFERRED, at)
            self.assertEqual(len(server.told), 1)

    def test_goesAtEachStageAndIsNotMissed(self) -> None:
        """With other terms the message comes through, once."""
        for at in (b"C", b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E"):
            server = served(
                MadeMilter(answers={at: GONE}), terms={"whenAway": WhenAway.ACCEPT}
            )
            call = server.call()
            call.mail()
            self.assertEqual(call.send(), OK, at)
            self.assertEqual(server.message, b"Subject: x\r\n\r\nhello\r\n")
            call.mail()
            self.assertEqual(call.send(), OK, at)

    def test_slow(self) -> None:
        """It has as long as its terms say, and the next client does not wait."""
        milter = MadeMilter(answers={b"H": NOTHING})
        server = served(milter)
        call = server.call()
        call.said()
        self.assertEqual(call.say(b"EHLO x.example\r\n"), b"")
        server.clock.advance(29)
        self.assertEqual(call.said(), b"")
        server.clock.advance(1)
        server.settle()
        self.assertIn(b"250", call.said())
        self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), DEFERRED)
        self.assertEqual(
            server.told, [("made", "helo", "away", "it has said nothing for 30 s")]
        )

    def test_nonsense(self) -> None:
        """As bad as one that is not there."""
        for nonsense in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            bytes(4),
            b"\xff" * 9,
            packet(b"Z"),
            packet(b"h", b"X-A\0b\0"),
            packet(b"s"),
            packet(b"y", b"250 OK\0"),
            GO_ON + GO_ON,
        ):
            server = served(MadeMilter(answers={b"H": nonsense}))
            call = server.call()
            call.say(b"EHLO x.example\r\n")
            self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), DEFERRED, nonsense)
            self.assertIn("not of the protocol", server.told[0][3])

    def test_answersMustCome(self) -> None:
        """Where a policy is given up, so is the milter."""
        milter = MadeMilter(answers={b"M": NOTHING})
        server = served(milter, terms={"commandSeconds": 1000.0})
        call = server.call()
        call.say(b"EHLO x.example\r\n")
        call.say(b"MAIL FROM:<>\r\n")
        server.clock.advance(300)
        server.settle()
        self.assertEqual(call.said()[:4], b"451 ")
        self.assertEqual(milter.lines, [])
        self.assertEqual(call.say(b"MAIL FROM:<>\r\n"), DEFERRED)
