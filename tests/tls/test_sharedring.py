"""
Tests for L{smtpx.tls.sharedring}: several servers that take each other's tickets.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlsterms import USUAL
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.sharedkeys import RingName, SharedKeys

from .forking import forked
from .identities import OTHERS, ROOT, STRANGER, Identity, made, presenting
from .joined import NOW, issue, pem, replace, shown, store
from .returning import TICKETS, VERSIONS, Returning


class SharedRingTestCase(SynchronousTestCase):
    """
    A test with two workers, whose keys seal for a hundred seconds.

    @ivar clock: tells both processes the time.
    @ivar keys: of the process that forks.
    """

    #: A file of those who sign for clients; L{None}: none.
    trusted: Path | None = None

    def setUp(self) -> None:
        """Two workers."""
        self.clock = Clock()
        self.clock.advance(NOW.timestamp() // 100 * 100)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.files = store(folder / "a.example", *issue("a.example"))
        names = [RingName((), USUAL, asked) for asked in (False, True)]
        self.keys = SharedKeys(names, 200.0, self.clock.seconds, 1600.0)
        self.keys.makeAhead()
        self.one, self.two = self.worker(), self.worker()

    def worker(self) -> ServerTLS:
        """Fork one."""
        return ServerTLS(
            (self.files,),
            clock=self.clock,
            ticketSeconds=200.0,
            clientAuthorities=self.trusted,
            sharedKeys=forked(self.keys),
        )


class SharedRingTests(SharedRingTestCase):
    """Keys that several servers have."""

    def test_resumedAtTheOther(self) -> None:
        """Whoever comes to another worker resumes the session of the first."""
        for version in VERSIONS:
            client = Returning(version)
            self.assertFalse(client.visit(self.one).resumed)
            for each in (self.two, self.one, self.two):
                self.assertTrue(client.visit(each).resumed)

    def test_turned(self) -> None:
        """
        A ticket is taken for one period more, by whomever, and there is a full
        handshake after that; who comes without one has the new key.
        """
        for version in VERSIONS:
            client, newer = Returning(version), Returning(version)
            client.visit(self.one)
            self.clock.advance(150)
            self.assertTrue(client.visit(self.two).resumed)
            newer.visit(self.two)
            self.assertTrue(newer.visit(self.one).resumed)
            self.clock.advance(60)
            self.assertFalse(client.visit(self.one).resumed)
            self.assertTrue(newer.visit(self.one).resumed)
            self.clock.advance(90)

    def test_nextKeyIsTaken(self) -> None:
        """
        A worker that reads the clock a moment later than another takes its tickets.
        """
        client = Returning()
        self.clock.advance(99.9)
        before = self.clock.rightNow
        self.clock.advance(0.2)
        client.visit(self.one)
        self.clock.rightNow = before
        self.assertTrue(client.visit(self.two).resumed)

    def test_pastIsDestroyed(self) -> None:
        """Keys that are too old are destroyed, even if nobody comes."""
        Returning().visit(self.one)
        client = Returning()
        client.visit(self.one)
        client.visit(self.one)
        series = self.keyring(self.one)
        first = min(series)
        self.clock.advance(200)
        self.one.tidyKeys()
        self.assertEqual(min(self.keyring(self.one)), first + 1)

    def keyring(self, tls: ServerTLS) -> dict[int, SSL.Context]:
        """The keys of a worker."""
        keys = tls.sharedKeys
        assert keys is not None
        series = keys.series(RingName((), USUAL, False))
        assert series is not None
        return series.contexts

    def test_successor(self) -> None:
        """
        A worker that is forked when the keys run out takes the tickets of those that
        were there before, and they take its own.
        """
        client = Returning()
        self.clock.advance(1400)
        self.assertTrue(self.keys.due)
        client.visit(self.one)
        self.keys.makeAhead()
        successor = self.worker()
        self.assertTrue(client.visit(successor).resumed)
        client = Returning()
        client.visit(successor)
        self.assertTrue(client.visit(self.two).resumed)

    def test_neverReplaced(self) -> None:
        """
        A worker that is not replaced goes on alone, and says so once; its clients still
        resume with it, and have a full handshake elsewhere.
        """
        self.clock.advance(1700)
        client = Returning()
        self.assertFalse(client.visit(self.one).resumed)
        self.assertTrue(client.visit(self.one).resumed)
        self.assertFalse(client.visit(self.two, keep=False).resumed)
        self.clock.advance(100)
        self.assertTrue(client.visit(self.one).resumed)

    def test_otherTerms(self) -> None:
        """A listener that nobody foresaw has keys of its own."""
        other = TLSOptions(tickets=True, ticketKey=(b"other",))
        client = Returning()
        client.visit(self.one, other)
        self.assertFalse(client.visit(self.two, other, keep=False).resumed)
        self.assertTrue(client.visit(self.one, other).resumed)

    def test_newCertificate(self) -> None:
        """A certificate that is replaced does not cost the sessions, anywhere."""
        client = Returning()
        client.visit(self.one)
        store(self.files.chain.parent, *issue("c.example"))
        self.clock.advance(LOOK_SECONDS)
        for each in (self.one, self.two):
            self.assertEqual(shown(each), {"c.example"})
            self.assertTrue(client.visit(each).resumed)


class ClientTests(SharedRingTestCase):
    """Sessions of clients with certificates."""

    def setUp(self) -> None:
        """Two workers that ask for certificates."""
        self.trusted = Path(self.mktemp())
        self.trusted.write_bytes(pem(ROOT.certificate))
        super().setUp()

    def client(self, identity: Identity, version: int) -> Returning:
        """A client that shows a certificate."""
        return Returning(version, presenting(identity, version))

    def test_goodStaysGood(self) -> None:
        """Whom one worker has found good the other knows, and takes the session."""
        for version in VERSIONS:
            client = self.client(made(ROOT, "client.example"), version)
            for worker, resumed in (
                (self.one, False),
                (self.two, True),
                (self.one, True),
            ):
                info = client.visit(worker)
                self.assertEqual((info.resumed, info.verified), (resumed, True))

    def test_badStaysBad(self) -> None:
        """Who was not good is not, for the same reason."""
        client = self.client(made(STRANGER, "stranger.example"), SSL.TLS1_3_VERSION)
        first, again = client.visit(self.one), client.visit(self.two)
        self.assertEqual((again.resumed, again.verified), (True, False))
        self.assertEqual(again.problem, first.problem)
        self.assertIsNotNone(again.problem)

    def test_withoutACertificate(self) -> None:
        """Who shows none resumes all the same."""
        client = Returning()
        client.visit(self.one)
        info = client.visit(self.two)
        self.assertEqual((info.resumed, info.verified), (True, False))

    def test_otherAuthorities(self) -> None:
        """
        Where those who sign for clients are others, nobody's session is resumed that
        was sealed before, and what comes of the look then counts for both.
        """
        assert self.trusted is not None
        good = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        good.visit(self.one)
        good.visit(self.two)
        replace(self.trusted, pem(OTHERS.certificate))
        self.clock.advance(LOOK_SECONDS)
        info = good.visit(self.one)
        self.assertEqual((info.resumed, info.verified), (False, False))
        problem = info.problem
        self.assertIsNotNone(problem)
        for worker in (self.two, self.one):
            info = good.visit(worker)
            self.assertEqual((info.resumed, info.verified), (True, False))
            self.assertEqual(info.problem, problem)

    def test_neverLookedAt(self) -> None:
        """
        A worker that hears of other authorities before it has had a client gives up
        what the others have sealed.
        """
        assert self.trusted is not None
        both = pem(ROOT.certificate) + pem(OTHERS.certificate)
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        client.visit(self.one)
        replace(self.trusted, both)
        self.clock.advance(LOOK_SECONDS)
        for worker, resumed in ((self.two, False), (self.two, True), (self.one, True)):
            info = client.visit(worker)
            self.assertEqual((info.resumed, info.verified), (resumed, True))

    def test_lateToHear(self) -> None:
        """
        What a worker has found out just before it hears of other authorities is worth
        nothing to one that has heard.
        """
        assert self.trusted is not None
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        self.clock.advance(LOOK_SECONDS)
        self.two.state()
        replace(self.trusted, pem(OTHERS.certificate))
        self.one._looked = 0.0
        Returning().visit(self.one)
        info = client.visit(self.two)
        self.assertEqual((info.resumed, info.verified), (False, True))
        info = client.visit(self.one)
        self.assertEqual((info.resumed, info.verified), (True, False))

    def test_forgottenInTheMiddle(self) -> None:
        """A worker that forgets all has the others' clients begin anew."""
        client = self.client(made(ROOT, "client.example"), SSL.TLS1_3_VERSION)
        client.visit(self.one, TICKETS)
        keys = self.two.sharedKeys
        assert keys is not None
        series = keys.series(RingName((), USUAL, True))
        assert series is not None
        series.table.end()
        for resumed in (False, True):
            info = client.visit(self.one, TICKETS)
            self.assertEqual((info.resumed, info.verified), (resumed, True))
