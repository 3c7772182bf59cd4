"""
Tests for L{smtpx.tls.keyring}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlssession import Resumption
from smtpx.tls.contexts import LOOK_SECONDS, ServerTLS
from smtpx.tls.keyring import KeyRing, TicketKey

from .joined import NOW, issue, shown, store
from .returning import VERSIONS, Returning

#: What a full handshake, and one that is resumed, come to.
FULL = Resumption.SUPPORTED | Resumption.ASKED | Resumption.TICKET
AGAIN = FULL | Resumption.OFFERED


class KeyRingTestCase(SynchronousTestCase):
    """
    A test with a server whose keys turn.

    @ivar clock: the server's.
    @ivar tls: the server.
    """

    def setUp(self) -> None:
        """A server whose keys seal for a hundred seconds."""
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        self.folder = Path(self.mktemp())
        self.tls = self.serving("a.example", "b.example")

    def serving(self, *names: str) -> ServerTLS:
        """A server with a certificate for each name."""
        self.folder.mkdir(exist_ok=True)
        files = [store(self.folder / name, *issue(name)) for name in names]
        return ServerTLS(files, clock=self.clock, ticketSeconds=200.0)


class RotationTests(KeyRingTestCase):
    """Keys turn with time."""

    def test_resumed(self) -> None:
        """
        A second visit resumes the first; TLS 1.3 gives a new ticket each time.
        """
        for version, bits in zip(VERSIONS, (Resumption.OFFERED, AGAIN), strict=True):
            client = Returning(version)
            first = client.visit(self.tls)
            self.assertEqual((first.resumed, first.resumption), (False, FULL))
            for _ in range(3):
                again = client.visit(self.tls)
                self.assertTrue(again.resumed)
                wanted = bits | FULL & ~Resumption.TICKET | Resumption.USED
                self.assertEqual(again.resumption, wanted)

    def test_keyBeforeIsTaken(self) -> None:
        """
        In the second half of its life a ticket is taken, and who comes without one has
        the new key; past its end there is a full handshake.
        """
        for version in VERSIONS:
            client, newer = Returning(version), Returning(version)
            client.visit(self.tls)
            self.clock.advance(150)
            self.assertTrue(client.visit(self.tls).resumed)
            newer.visit(self.tls)
            self.assertTrue(newer.visit(self.tls).resumed)
            # The session went on under its first key, and ends with it.
            self.clock.advance(60)
            info = client.visit(self.tls)
            self.assertEqual((info.resumed, info.resumption), (False, AGAIN))
            self.assertTrue(newer.visit(self.tls).resumed)
            self.assertTrue(client.visit(self.tls).resumed)
            self.clock.advance(1000)

    def test_olderThanTwoPeriods(self) -> None:
        """Where nobody came for long, there is no key left from before."""
        client = Returning()
        client.visit(self.tls)
        self.clock.advance(200)
        self.assertFalse(client.visit(self.tls).resumed)

    def test_clockSetBack(self) -> None:
        """A clock that is set back costs a full handshake, and no more."""
        client = Returning()
        client.visit(self.tls)
        self.clock.rightNow -= 86_400
        self.assertFalse(client.visit(self.tls).resumed)
        self.assertTrue(client.visit(self.tls).resumed)

    def test_tidied(self) -> None:
        """Keys are destroyed in time, even if nobody comes."""
        made: list[object] = []

        def make() -> object:
            made.append(None)
            raise AssertionError

        ring = KeyRing(make, self.clock.seconds, 200.0)  # type: ignore[arg-type]  # none is made
        context = Returning().context
        for age, left in ((0, 1), (199, 1), (200, 0), (-1, 0)):
            born = self.clock.seconds() - age
            ring._keys = [TicketKey(b"name", context, born)]
            ring.tidy()
            self.assertEqual(len(ring._keys), left)
        self.assertEqual(made, [])
        self.tls.tidyKeys()
        client = Returning()
        client.visit(self.tls)
        self.tls.tidyKeys()
        self.assertTrue(client.visit(self.tls).resumed)

    def test_restarted(self) -> None:
        """A server that was started again has other keys; nothing fails."""
        for version in VERSIONS:
            client = Returning(version)
            client.visit(self.tls)
            again = self.serving("a.example", "b.example")
            info = client.visit(again)
            self.assertEqual((info.resumed, info.resumption), (False, AGAIN))
            self.assertTrue(client.visit(again).resumed)

    def test_lifetimeIsTold(self) -> None:
        """Clients are told how long they may resume; less than two seconds is none."""
        for seconds in (0.0, 1.9):
            self.assertRaises(
                ValueError, ServerTLS, (), clock=self.clock, ticketSeconds=seconds
            )


class CertificateTests(KeyRingTestCase):
    """Keys and certificates are apart."""

    def test_byName(self) -> None:
        """The certificate is still that for the name that the client asks for."""
        for version in VERSIONS:
            client = Returning(version)
            client.visit(self.tls, name=b"b.example")
            shownCertificate = client.connection.get_peer_certificate()
            assert shownCertificate is not None
            self.assertEqual(
                shownCertificate.to_cryptography().subject.rfc4514_string(),
                "CN=b.example",
            )
            self.assertTrue(client.visit(self.tls, name=b"b.example").resumed)

    def test_newCertificateKeepsTheKeys(self) -> None:
        """
        A certificate that is replaced does not cost the sessions, and who comes without
        one is shown the new one.
        """
        client = Returning()
        client.visit(self.tls)
        store(self.folder / "a.example", *issue("c.example"))
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(shown(self.tls), {"c.example"})
        self.assertTrue(client.visit(self.tls).resumed)
        other = Returning()
        other.visit(self.tls)
        certificate = other.connection.get_peer_certificate()
        assert certificate is not None
        self.assertIn("c.example", str(certificate.get_subject()))


class IsolationTests(KeyRingTestCase):
    """Tickets are for those whom they were given to."""

    def test_otherListener(self) -> None:
        """A ticket of one listener is of no use at another."""
        mx = TLSOptions(tickets=True, ticketKey=(b"mx",))
        other = TLSOptions(tickets=True, ticketKey=(b"submission",))
        for version in VERSIONS:
            client = Returning(version)
            client.visit(self.tls, mx)
            self.assertFalse(client.visit(self.tls, other, keep=False).resumed)
            self.assertTrue(client.visit(self.tls, mx).resumed)

    def test_unlisted(self) -> None:
        """
        Who may not resume gets no ticket that is of use, and what he has is not taken;
        what he wanted is known all the same.
        """
        unlisted = TLSOptions(ticketKey=(b"mx",))
        listed = TLSOptions(tickets=True, ticketKey=(b"mx",))
        for version in VERSIONS:
            client = Returning(version)
            info = client.visit(self.tls, unlisted)
            self.assertEqual(info.resumption, Resumption.SUPPORTED | Resumption.ASKED)
            self.assertFalse(client.visit(self.tls, unlisted).resumed)
            client.visit(self.tls, listed)
            info = client.visit(self.tls, unlisted, keep=False)
            self.assertEqual(
                info.resumption,
                Resumption.SUPPORTED | Resumption.ASKED | Resumption.OFFERED,
            )
            self.assertFalse(info.resumed)
            self.assertTrue(client.visit(self.tls, listed).resumed)

    def test_plainHandshakesAreNotLookedInto(self) -> None:
        """Where nobody resumes, nothing is waited for, and nothing known."""
        info = Returning().visit(self.tls, TLSOptions())
        self.assertEqual(info.resumption, Resumption.SUPPORTED)

    def test_noEarlyData(self) -> None:
        """No ticket says that anything may be sent before the handshake (0-RTT)."""
        client = Returning()
        client.visit(self.tls)
        session: Any = client.session
        library: Any = vars(SSL)["_lib"]
        self.assertEqual(library.SSL_SESSION_get_max_early_data(session._session), 0)
