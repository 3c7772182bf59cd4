"""
Tests for L{smtpx.extensions.prdr}.  What a server says to whom is in
C{tests/dialogues/prdr*.dlg}; how a client takes it, in
L{tests.core.test_clientverdict}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import MayDeliver
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Dialect, Target
from smtpx.core.hostlist import HostList
from smtpx.core.reply import Reply, reply
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.prdr import PRDR, PRDRSettings, framed
from smtpx.extensions.standard import standard
from smtpx.testing.client import TARGET, ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import talk

TAKEN = reply(250, "2.0.0", b"Taken")
FULL = reply(452, "4.2.2", b"Full")
NO = reply(550, "5.7.1", b"No")

OK = b"250 OK\r\n"


def for_(*names: bytes) -> Envelope:
    """An envelope."""
    recipients = [Recipient(name + b"@mx.example.org") for name in names]
    return Envelope(b"a@client.example", 0.0, recipients)


class FramedTests(SynchronousTestCase):
    """What the client is told."""

    def codes(self, *replies: Reply) -> list[int]:
        """The codes of what it is told."""
        return [each.code for each in framed(replies)]

    def test_alike(self) -> None:
        """What is the same for all is said once."""
        self.assertEqual(framed((TAKEN, TAKEN)), (TAKEN,))
        self.assertEqual(framed((NO,)), (NO,))

    def test_taken(self) -> None:
        """Where somebody gets it, the message is taken."""
        self.assertEqual(self.codes(NO, TAKEN, FULL), [353, 550, 250, 452, 250])

    def test_taken3yz(self) -> None:
        """RFC 2034 section 4: a 3yz has no enhanced code."""
        self.assertIsNone(framed((NO, TAKEN))[0].status)

    def test_refused(self) -> None:
        """Where nobody does, it is refused: for good only where it is for all."""
        self.assertEqual(self.codes(NO, FULL), [353, 550, 452, 450])
        other = reply(552, "5.3.4", b"Too big")
        self.assertEqual(self.codes(NO, other), [353, 550, 552, 550])


class ServerTests(SynchronousTestCase):
    """What is offered, and told of."""

    def offered(self, *hosts: str, **more: Dialect) -> bool:
        """Is it offered to 192.0.2.1, where these are on the list?"""
        settings = PRDRSettings(prdrEnable=HostList.parse(hosts))
        verb = b"LHLO" if more else b"EHLO"
        extension = PRDR().configured(settings)
        said = talk([extension], verb + b" c.example\r\n", **more)  # type: ignore[arg-type]  # only a dialect
        return b"PRDR" in said.octets

    def test_offered(self) -> None:
        """To nobody, if the operator does not say so; and in SMTP only."""
        self.assertFalse(self.offered())
        self.assertTrue(self.offered("192.0.2.0/24"))
        self.assertFalse(self.offered("!192.0.2.1", "*"))
        self.assertFalse(self.offered("*", dialect=Dialect.LMTP))

    def test_logged(self) -> None:
        """The log has a field of it for transactions that asked for it."""
        extension = PRDR(PRDRSettings(prdrEnable=HostList.parse(["*"])))
        for parameter, fields in ((b" PRDR", (("PRDR", True),)), (b"", ())):
            mail = b"EHLO c\r\nMAIL FROM:<a@b.example>" + parameter + b"\r\n"
            said = talk([extension], mail)
            self.assertEqual(said.connection.logFields(), fields)
        self.assertEqual(talk([extension], b"EHLO c\r\n").connection.logFields(), ())

    def test_noValue(self) -> None:
        """The parameter has no value."""
        extension = PRDR(PRDRSettings(prdrEnable=HostList.parse(["*"])))
        said = talk([extension], b"EHLO c\r\nMAIL FROM:<a@b.example> PRDR=yes\r\n")
        self.assertEqual(said.codes[-1], 501)


class ClientTests(SynchronousTestCase):
    """When it is asked for, and what is told of it."""

    def peer(
        self, extension: PRDR | None = None, target: Target = TARGET
    ) -> ScriptedPeer:
        """A host that offers it."""
        extensions = [Pipelining(), extension or PRDR()]
        peer = ScriptedPeer(client(extensions, target=target))
        peer.open(b"PIPELINING", b"PRDR")
        return peer

    def fields(self, peer: ScriptedPeer) -> dict[str, object]:
        """What the log is told."""
        return dict(peer.connection.logFields())

    def test_asked(self) -> None:
        """Where there are two recipients at least."""
        self.assertIn(b"> PRDR\r\n", self.peer().deliver(for_(b"b", b"c"), b"x\r\n"))
        self.assertNotIn(b"PRDR", self.peer().deliver(for_(b"b"), b"x\r\n"))

    def test_hostsTried(self) -> None:
        """Of hosts that the operator names, if not of all."""
        settings = PRDRSettings(hostsTryPRDR=HostList.parse(["!192.0.2.25", "*"]))
        peer = self.peer(PRDR(settings))
        self.assertNotIn(b"PRDR", peer.deliver(for_(b"b", b"c"), b"x\r\n"))

    def test_notOffered(self) -> None:
        """Nor of hosts that do not offer it."""
        peer = ScriptedPeer(client([Pipelining(), PRDR()]))
        peer.open(b"PIPELINING")
        self.assertNotIn(b"PRDR", peer.deliver(for_(b"b", b"c"), b"x\r\n"))

    def test_notInLMTP(self) -> None:
        """Nor in LMTP."""
        target = Target(b"mx.example.org", b"192.0.2.25", 24, dialect=Dialect.LMTP)
        peer = self.peer(target=target)
        self.assertNotIn(b"PRDR", peer.deliver(for_(b"b", b"c"), b"x\r\n"))

    def test_logged(self) -> None:
        """The log has a field of it where the host has made use of it."""
        peer = self.peer()
        peer.deliver(for_(b"b", b"c"), b"x\r\n")
        peer.say(OK * 3 + b"354 go\r\n")
        peer.say(b"353 One each\r\n" + OK + b"550 No\r\n" + OK)
        self.assertEqual(peer.codes, [250, 550])
        self.assertEqual(self.fields(peer)["PRDR"], True)
        peer.deliver(for_(b"b", b"c"), b"x\r\n")
        self.assertNotIn("PRDR", self.fields(peer))

    def test_unasked(self) -> None:
        """A 353 that nobody has asked for is nonsense, and so is any other 3yz."""
        for names, said in (((b"b",), b"353 x\r\n"), ((b"b", b"c"), b"355 x\r\n")):
            peer = self.peer()
            peer.deliver(for_(*names), b"x\r\n")
            peer.say(OK * (1 + len(names)) + b"354 go\r\n")
            peer.say(said)
            self.assertEqual(peer.codes, [451] * len(names))
            self.assertTrue(peer.connection.over)


class PairTests(SynchronousTestCase):
    """Our client and our server."""

    def test_together(self) -> None:
        """They understand each other, by DATA and by BDAT."""
        extension = PRDR(PRDRSettings(prdrEnable=HostList.parse(["*"])))
        for extensions in (
            [Pipelining(), extension],
            [Pipelining(), Chunking(), extension],
        ):
            joined = pair(
                extensions,
                extensions,
                serverAnswers={MayDeliver: lambda asked: (None, FULL, None)},
            ).open()
            joined.deliver(for_(b"b", b"c", b"d"), b"x\r\n")
            self.assertEqual(joined.codes, [250, 452, 250])
            [envelope] = joined.taken
            self.assertEqual(len(envelope.recipients), 2)
            self.assertIn(("PRDR", True), joined.recorded)


class LMTPPairTests(SynchronousTestCase):
    """The same in LMTP, where it takes no extension."""

    def test_together(self) -> None:
        """Our client and our server understand each other, with what there is."""
        target = Target(b"mx.example.org", b"192.0.2.25", 24, dialect=Dialect.LMTP)
        for extensions in ((), standard()):
            joined = pair(
                extensions,
                extensions,
                target=target,
                serverAnswers={MayDeliver: lambda asked: (None, FULL, None)},
            ).open()
            for _ in range(2):
                joined.deliver(for_(b"b", b"c", b"d"), b"x\r\n")
                self.assertEqual(joined.codes, [250, 452, 250])
            self.assertEqual(len(joined.taken), 2)
            self.assertNotIn(("PRDR", True), joined.recorded)
