"""
Servers that look at messages, with policies that ask what was found out.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Dialect
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.core.submitted import fieldsOf
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.prdr import PRDR
from smtpx.mailauth.arcseal import SealTerms, seal
from smtpx.mailauth.bodyhash import BodyHashes
from smtpx.mailauth.dmarc import Status
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.net.factory import Open, SMTPServerFactory
from smtpx.policy.authentication import Authentication
from smtpx.policy.checking import CheckingReceiver
from smtpx.policy.prompt import PromptPolicy
from tests.net.made import RememberingReceiver

from .authmade import BODY, HEADER, KEY, Told, authentication, signed, signingKey, zone
from .doubles import sessionFrom

NOT_YOU = reply(550, "5.7.1", b"Not from you")


class Judge(Open):
    """Bob takes nothing that fails DMARC."""

    def __init__(self, found: Authentication) -> None:
        self.found = found

    def mayDeliver(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Deferred[Reply | None]:
        """Ask for everybody anew."""

        def judged(verdicts: object) -> Reply | None:
            dmarc = getattr(verdicts, "dmarc", None)
            assert dmarc is not None
            bad = dmarc.status is Status.REJECT
            return NOT_YOU if bad and recipient.path.startswith(b"bob@") else None

        return self.found.message(session, envelope).addCallback(judged)


class CheckedServerTests(SynchronousTestCase):
    """From the wire to the receiver."""

    def setUp(self) -> None:
        """A DNS."""
        self.zone, self.told, self.behind = zone(), Told(), RememberingReceiver()
        self.clock = Clock()
        self.found = authentication(self.zone, self.told, self.clock)

    def talk(self, dialect: Dialect, message: bytes, chunks: bool) -> list[bytes]:
        """Send a message from somewhere to two; gives what is said behind it."""
        ours = OurNames.of([b"mx.example.net"])
        factory = SMTPServerFactory(
            self.clock,
            CheckingReceiver(self.behind, self.found, ours),
            name=b"mx.example.net",
            policy=Judge(self.found),
            dialect=dialect,
            extensions=[Chunking(), *([PRDR()] if dialect is Dialect.SMTP else [])],
            clock=lambda: 1000.0,
        )
        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 40000))
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        hello = b"LHLO x" if dialect is Dialect.LMTP else b"EHLO x"
        lines = [hello, b"MAIL FROM:<eve@evil.example>"]
        lines += [b"RCPT TO:<bob@here.example>", b"RCPT TO:<joe@here.example>"]
        for line in lines if chunks else [*lines, b"DATA"]:
            protocol.dataReceived(line + b"\r\n")
        transport.clear()
        if chunks:
            protocol.dataReceived(b"BDAT %d LAST\r\n%b" % (len(message), message))
        else:
            protocol.dataReceived(message + b".\r\n")
        said: bytes = transport.value()
        return [line[:9] for line in said.splitlines()]

    def test_oneReplyEach(self) -> None:
        """In LMTP, who does not want it is told so; the other gets it."""
        forged = HEADER + b"\r\n" + BODY
        for chunks in (False, True):
            said = self.talk(Dialect.LMTP, forged, chunks)
            self.assertEqual([b"550 5.7.1", b"250 2.0.0"], said)
            self.assertEqual(forged, self.behind.arrivals[-1].octets)
        self.assertEqual(2, self.zone.asked.count((b"evil.example", "TXT")))

    def test_oneReplyForAll(self) -> None:
        """In SMTP, it goes to all if somebody gets it."""
        said = self.talk(Dialect.SMTP, HEADER + b"\r\n" + BODY, False)
        self.assertEqual([b"250 2.0.0"], said)
        self.assertEqual([], self.told.troubles)

    def test_signed(self) -> None:
        """Of what is right everybody gets it."""
        said = self.talk(Dialect.LMTP, signed(now=1000.0), True)
        self.assertEqual([b"250 2.0.0"] * 2, said)

    def test_aChain(self) -> None:
        """A message that was sealed on its way says so."""
        header = b"Authentication-Results: list.example; spf=pass\r\n" + HEADER
        terms = SealTerms(b"list.example", OurNames.of([b"list.example"]), KEY)
        hashes = BodyHashes([terms.wanted])
        hashes.write(BODY)
        hashes.end()
        digest = hashes.digest(terms.wanted).value
        fields = fieldsOf(header)[0]
        sealed = seal(fields, digest, terms, signingKey(), 1000.0) + header
        self.talk(Dialect.LMTP, sealed + b"\r\n" + BODY, False)
        [verdicts, _] = self.told.concluded_[-1]
        assert verdicts.arc is not None
        self.assertEqual((b"example.org",), verdicts.arc.domains)
        self.assertEqual("pass", verdicts.arc.state.value)


class PromptPolicyTests(SynchronousTestCase):
    """SPF begins with MAIL."""

    def test_promptly(self) -> None:
        """It is asked for at once, and nobody waits."""
        resolver = zone()
        policy = PromptPolicy(authentication(resolver, Told()))
        session = sessionFrom()
        envelope = Envelope(b"ann@example.org", 0.0)
        self.assertIsNone(policy.mayConnect(session))
        self.assertIsNone(policy.maySend(session, envelope))
        self.assertIsNone(policy.mayReceive(session, envelope, Recipient(b"x@y")))
        self.assertIn((b"example.org", "TXT"), resolver.asked)

    def test_notForRecordings(self) -> None:
        """Of who may be a recording, and of who is not looked at, nothing is asked."""
        resolver = zone()
        policy = PromptPolicy(authentication(resolver, Told()))
        session = sessionFrom()
        session.fastOpen = "TFO*"
        policy.maySend(session, Envelope(b"ann@example.org", 0.0))
        session.fastOpen, session.peer = "", b""
        policy.maySend(session, Envelope(b"ann@example.org", 0.0))
        self.assertEqual([], resolver.asked)
