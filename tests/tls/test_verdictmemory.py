"""
Tests for L{smtpx.tls.verdictmemory}, and for sessions of clients with certificates
(L{smtpx.tls.ticketing}).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.tls.clientcertificates import Verdict
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.verdictmemory import VerdictMemory

from .identities import OTHERS, ROOT, STRANGER, Identity, made, presenting
from .joined import NOW, issue, pem, replace, store
from .returning import TICKETS, VERSIONS, Returning

GOOD, BAD = Verdict(True), Verdict(True, "no trust")
_HOUR = timedelta(hours=1)


class VerdictMemoryTests(SynchronousTestCase):
    """Verdicts by certificate."""

    def setUp(self) -> None:
        """An empty memory for two."""
        self.forgotten = 0
        self.memory = VerdictMemory(self.forget, most=2)
        self.one, self.two, self.three = (
            made(ROOT, name).certificate for name in ("one", "two", "three")
        )

    def forget(self) -> None:
        """The memory has forgotten everything."""
        self.forgotten += 1

    def test_remembered(self) -> None:
        """What was found out is known again, until the chain ends."""
        memory = self.memory
        memory.remember(self.one, GOOD, NOW + _HOUR)
        memory.remember(self.two, BAD, None)
        self.assertEqual(memory.recall(self.one, NOW), GOOD)
        self.assertEqual(memory.recall(self.two, NOW), BAD)
        self.assertEqual(
            memory.recall(self.one, NOW + _HOUR),
            Verdict(True, "certificate has expired"),
        )

    def test_notKnown(self) -> None:
        """What nobody looked at is not good; nor what has no end that is known."""
        memory = self.memory
        memory.remember(None, GOOD, NOW + _HOUR)
        memory.remember(self.two, Verdict(), NOW + _HOUR)
        memory.remember(self.three, GOOD, None)
        self.assertEqual(memory.recall(None, NOW), Verdict())
        self.assertEqual(memory.recall(self.one, NOW), Verdict())
        self.assertEqual(memory.recall(self.two, NOW), Verdict())
        self.assertFalse(memory.recall(self.three, NOW).good)

    def test_full(self) -> None:
        """Where there is no room, all is forgotten, and somebody is told."""
        memory = self.memory
        for each in (self.one, self.two, self.three):
            memory.remember(each, GOOD, NOW + _HOUR)
        self.assertEqual((self.forgotten, memory.era), (1, 1))
        self.assertFalse(memory.recall(self.one, NOW).good)
        self.assertTrue(memory.recall(self.three, NOW).good)


class SessionTests(SynchronousTestCase):
    """Sessions of clients with certificates."""

    def setUp(self) -> None:
        """A server that asks for certificates."""
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        self.trusted = Path(self.mktemp())
        self.trusted.write_bytes(pem(ROOT.certificate))
        self.tls = ServerTLS(
            (store(Path(self.mktemp()), *issue("mx.example")),),
            clock=self.clock,
            clientAuthorities=self.trusted,
        )

    def client(self, identity: Identity, version: int) -> Returning:
        """A client that shows a certificate."""
        return Returning(version, presenting(identity, version))

    def test_goodStaysGood(self) -> None:
        """
        Who showed a good certificate once is known by it in sessions that are resumed.
        """
        for version in VERSIONS:
            client = self.client(made(ROOT, "client.example"), version)
            for resumed in (False, True, True):
                info = client.visit(self.tls)
                self.assertEqual((info.resumed, info.verified), (resumed, True))
                self.assertEqual(info.subject, "CN=client.example")

    def test_badStaysBad(self) -> None:
        """
        Where a certificate was asked for, was not good, and the client was served all
        the same, that is so in sessions that are resumed, for the same reason.
        """
        stranger = made(STRANGER, "stranger.example")
        for version in VERSIONS:
            client = self.client(stranger, version)
            problems = set()
            for resumed in (False, True):
                info = client.visit(self.tls)
                self.assertEqual((info.resumed, info.verified), (resumed, False))
                problems.add(info.problem)
            self.assertEqual(len(problems), 1)
            self.assertNotIn(None, problems)

    def test_withoutACertificate(self) -> None:
        """Who showed none is not verified, and nothing is wrong with it."""
        client = Returning()
        for resumed in (False, True):
            info = client.visit(self.tls)
            self.assertEqual((info.resumed, info.verified), (resumed, False))
            self.assertEqual((info.problem, info.subject), (None, None))

    def test_expiresMeanwhile(self) -> None:
        """A certificate that ends while its session is kept is not good any more."""
        identity = made(ROOT, "client.example", ends=_HOUR)
        client = self.client(identity, SSL.TLS1_3_VERSION)
        self.assertTrue(client.visit(self.tls).verified)
        self.clock.advance(3601)
        info = client.visit(self.tls)
        self.assertEqual((info.resumed, info.verified), (True, False))
        self.assertEqual(info.problem, "certificate has expired")

    def test_otherAuthorities(self) -> None:
        """Where those who sign for clients are others, nobody's session is resumed."""
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        client.visit(self.tls)
        replace(self.trusted, pem(OTHERS.certificate))
        self.clock.advance(LOOK_SECONDS)
        info = client.visit(self.tls)
        self.assertEqual((info.resumed, info.verified), (False, False))

    def test_askedAndNotAskedAreApart(self) -> None:
        """
        A session with a certificate is not resumed where nobody would ask for one, nor
        one without where it is asked for.
        """
        unasked = TLSOptions(tickets=True, asked=False)
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        client.visit(self.tls)
        info = client.visit(self.tls, unasked)
        self.assertEqual((info.resumed, info.subject), (False, None))
        info = client.visit(self.tls, TICKETS)
        self.assertEqual((info.resumed, info.verified), (False, True))

    def test_demandedIsNeverResumed(self) -> None:
        """Where a good certificate is demanded, it is looked at each time."""
        demanded = TLSOptions(tickets=True, verified=True)
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        for _ in range(2):
            info = client.visit(self.tls, demanded)
            self.assertEqual((info.resumed, info.verified), (False, True))
