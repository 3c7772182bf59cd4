"""
Tests for L{smtpx.extensions.starttls}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Forecast, Hello, RoutePolicy, TLSInfo, TLSLevel
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.starttls import StartTLS, StartTLSSettings
from smtpx.testing.client import ScriptedPeer, client, ehlo
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

_HELLO = b"EHLO c.example\r\n"


def _talk(octets: bytes, *, demanded: bool = False, tlsReady: bool = True) -> Said:
    extensions = [Pipelining(), StartTLS(StartTLSSettings(demanded=demanded))]
    return talk(extensions, octets, tlsReady=tlsReady)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOfferedWithACertificate(self) -> None:
        """No certificate, no keyword."""
        self.assertEqual(_talk(_HELLO).last, b"250 STARTTLS")
        self.assertEqual(_talk(_HELLO, tlsReady=False).last, b"250 PIPELINING")

    def test_handshakeFollowsTheGoAhead(self) -> None:
        """220, and then TLS."""
        said = _talk(_HELLO + b"STARTTLS\r\n")
        self.assertEqual(said.last, b"220 2.0.0 Ready to start TLS")
        self.assertEqual(len(said.port.handshakes), 1)
        info = TLSInfo(cipher="TLS_AES_128_GCM_SHA256")
        self.assertEqual(said.secure(info), b"")
        self.assertIs(said.connection.secured, info)

    def test_underTLSTheKeywordIsGone(self) -> None:
        """RFC 3207 section 4.2; and a second STARTTLS is out of place."""
        said = _talk(_HELLO + b"starttls\r\n")
        said.secure()
        self.assertEqual(said.feed(_HELLO), b"250-mx.example.org\r\n250 PIPELINING\r\n")
        self.assertEqual(said.feed(b"STARTTLS\r\n")[:9], b"503 5.5.1")
        self.assertEqual(len(said.port.handshakes), 1)

    def test_whatWasSaidBeforeIsForgotten(self) -> None:
        """The client has to say EHLO again, and MAIL too (section 4.2)."""
        said = _talk(_HELLO + b"MAIL FROM:<evil@c.example>\r\nSTARTTLS\r\n")
        said.connection.identity = b"evil"
        said.secure()
        self.assertIsNone(said.connection.helo)
        self.assertIsNone(said.connection.envelope)
        self.assertIsNone(said.connection.identity)
        self.assertEqual(said.feed(b"RCPT TO:<b@d.example>\r\n")[:3], b"503")

    def test_anythingBehindItEndsTheConnection(self) -> None:
        """
        A command that somebody put behind STARTTLS in the clear is not obeyed
        under TLS, nor at all (CVE-2011-0411).
        """
        said = _talk(_HELLO)
        said.feed(b"STARTTLS\r\nMAIL FROM:<evil@c.example>\r\n")
        self.assertEqual(said.last, b"554 5.5.0 SMTP synchronisation error")
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.port.handshakes, [])

    def test_argumentIsRefused(self) -> None:
        """501: no parameters allowed (section 4)."""
        said = _talk(_HELLO + b"STARTTLS now\r\n")
        self.assertEqual(said.last[:9], b"501 5.5.4")

    def test_withoutEHLOItIsOutOfPlace(self) -> None:
        """It was not offered to a client that said HELO, or nothing yet."""
        self.assertEqual(_talk(b"STARTTLS\r\n").codes[-1], 503)
        self.assertEqual(_talk(b"HELO c.example\r\nSTARTTLS\r\n").codes[-1], 503)

    def test_withoutACertificateItIsTemporary(self) -> None:
        """454: TLS not available due to temporary reason (section 4)."""
        said = _talk(_HELLO + b"STARTTLS\r\n", tlsReady=False)
        self.assertEqual(
            said.last, b"454 4.7.0 TLS not available due to temporary reason"
        )

    def test_demandedTLSComesFirst(self) -> None:
        """
        Every command but four is answered 530 (section 4), those that are not
        known among them.
        """
        said = _talk(
            _HELLO
            + b"NOOP\r\nMAIL FROM:<a@c.example>\r\nRSET\r\nHELP\r\nVRFY a\r\n"
            + b"HELO c.example\r\nWHAT\r\n",
            demanded=True,
        )
        self.assertEqual(said.codes[2:], [250] + [530] * 6)
        self.assertEqual(said.last, b"530 5.7.0 Must issue a STARTTLS command first")
        said.feed(b"STARTTLS\r\n")
        said.secure()
        said.feed(_HELLO)
        said.feed(b"MAIL FROM:<a@c.example>\r\n")
        said.feed(b"QUIT\r\n")
        self.assertEqual(said.codes[-4:], [220, 250, 250, 221])

    def test_demandedTLSMayHaveBegunWithTheConnection(self) -> None:
        """Implicit TLS is TLS."""
        extension = StartTLS(StartTLSSettings(demanded=True))
        said = talk(
            [extension], _HELLO + b"MAIL FROM:<a@c.example>\r\n", secured=TLSInfo()
        )
        self.assertEqual(said.codes, [220, 250, 250])

    def test_helpNamesIt(self) -> None:
        """HELP has its syntax."""
        self.assertEqual(
            _talk(_HELLO + b"HELP STARTTLS\r\n").last, b"214 2.0.0 STARTTLS"
        )

    def test_isConfigured(self) -> None:
        """Other settings make another extension."""
        options = StartTLSSettings(demanded=True)
        self.assertIs(StartTLS().configured(options).options, options)


_EHLO = b"EHLO client.example.org\r\n"
_GREETING = b"220 mx.example.org ESMTP\r\n"


def _joined(*, level: TLSLevel = TLSLevel.OPPORTUNISTIC, tlsReady: bool = True) -> Pair:
    return pair(
        [StartTLS()], [StartTLS()], policy=RoutePolicy(level), tlsReady=tlsReady
    ).open()


def _peer(level: TLSLevel, forecast: Forecast | None = None) -> ScriptedPeer:
    connection = client([StartTLS()], policy=RoutePolicy(level), forecast=forecast)
    return ScriptedPeer(connection, tls=TLSInfo(verified=True))


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def test_TLSIsBegunWhereItIsOffered(self) -> None:
        """And EHLO is said again (RFC 3207 section 4.2)."""
        joined = _joined()
        self.assertEqual(joined.said, _EHLO + b"STARTTLS\r\n" + _EHLO)
        self.assertEqual(
            [flight.secured for flight in joined.flights],
            [False, False, False, False, False, True, True],
        )
        self.assertTrue(joined.client.ready)
        self.assertIsNotNone(joined.server.secured)

    def test_withoutTheKeywordMailGoesInTheClear(self) -> None:
        """Where the route only hopes for TLS."""
        joined = _joined(tlsReady=False)
        self.assertTrue(joined.client.ready)
        self.assertIsNone(joined.client.secured)

    def test_aRouteThatHasToBeEncryptedIsGivenUp(self) -> None:
        """Without the keyword nothing more is said."""
        joined = _joined(level=TLSLevel.ENCRYPTED, tlsReady=False)
        self.assertEqual(len(joined.gaveUp), 1)
        self.assertEqual(joined.said, _EHLO + b"QUIT\r\n")

    def test_aRouteWithoutTLSIsLeftSo(self) -> None:
        """UNWANTED means that it is not even tried."""
        joined = _joined(level=TLSLevel.UNWANTED)
        self.assertEqual(joined.said, _EHLO)
        self.assertTrue(joined.client.ready)

    def test_whatIsSecuredIsNotSecuredAgain(self) -> None:
        """A client must not begin TLS under TLS (section 4.2)."""
        peer = ScriptedPeer(client([StartTLS()], secured=TLSInfo()))
        self.assertEqual(peer.open(b"STARTTLS"), b"")
        self.assertTrue(peer.connection.ready)

    def test_refusalIsNotTheEnd(self) -> None:
        """After a 454 mail goes in the clear, if the route allows it."""
        peer = _peer(TLSLevel.OPPORTUNISTIC)
        peer.open(b"STARTTLS")
        peer.say(b"454 4.7.0 TLS not available due to temporary reason\r\n")
        self.assertTrue(peer.connection.ready)
        peer = _peer(TLSLevel.ENCRYPTED)
        peer.open(b"STARTTLS")
        peer.say(b"454 4.7.0 TLS not available due to temporary reason\r\n")
        [end] = peer.gaveUp
        assert end.reply is not None
        self.assertEqual(end.reply.code, 454)

    def test_aForecastBeginsTLSAtOnce(self) -> None:
        """EHLO and STARTTLS in the first flight."""
        hello = Hello(b"mx.example.org", ((b"STARTTLS", None),))
        peer = _peer(TLSLevel.OPPORTUNISTIC, Forecast(clear=hello))
        self.assertEqual(peer.start(), _EHLO + b"STARTTLS\r\n")
        said = peer.say(_GREETING + ehlo(b"STARTTLS") + b"220 2.0.0 Go\r\n")
        self.assertEqual(said, _EHLO)

    def test_aForecastDoesNotDecideAgainstTLS(self) -> None:
        """
        If the forecast lacks the keyword, the real response is waited for: no
        MAIL leaves in the clear on the strength of a guess.
        """
        guess = Forecast(clear=Hello(b"mx.example.org", ((b"SIZE", None),)))
        peer = _peer(TLSLevel.OPPORTUNISTIC, guess)
        self.assertEqual(peer.start(), _EHLO)
        self.assertFalse(peer.connection.ready)
        said = peer.say(_GREETING + ehlo(b"SIZE", b"STARTTLS"))
        self.assertEqual(said, b"STARTTLS\r\n")

    def test_aForecastMayBeRight(self) -> None:
        """The peer has no TLS still, so mail goes in the clear."""
        guess = Forecast(clear=Hello(b"mx.example.org", ((b"SIZE", None),)))
        peer = _peer(TLSLevel.OPPORTUNISTIC, guess)
        peer.start()
        peer.say(_GREETING + ehlo(b"SIZE"))
        self.assertTrue(peer.connection.ready)
