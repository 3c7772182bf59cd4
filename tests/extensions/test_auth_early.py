"""
Tests for L{smtpx.extensions.auth}: a client that logs in at a host of which it knows
what it will answer to EHLO.
"""

from __future__ import annotations

from base64 import b64decode

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Forecast, Hello, Phase, TLSInfo
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.sasl import Credentials
from smtpx.testing.client import ScriptedPeer, client, ehlo
from smtpx.testing.pair import pair

from .logins import (
    BOUND,
    CLIENT_ANSWERS,
    CREDENTIALS,
    DEFAULTS,
    PLAIN,
    SERVER_ANSWERS,
    TLS,
    UNVERIFIED,
    Users,
    clientAnswers,
)

_GREETING = b"220 mx.example.org ESMTP\r\n"
_EHLO = b"EHLO client.example.org\r\n"
_WELCOME = b"235 2.7.0 OK\r\n"


class EarlyTests(SynchronousTestCase):
    """A host that is known."""

    def peer(
        self,
        offered: bytes = b"PLAIN",
        *,
        secured: TLSInfo | None = TLS,
        options: AuthSettings = DEFAULTS,
        credentials: Credentials = CREDENTIALS,
    ) -> ScriptedPeer:
        """
        A host that has not greeted us.

        @param offered: the mechanisms that it is expected to have.
        """
        hello = Hello(b"mx.example.org", ((b"AUTH", offered),))
        connection = client(
            [Auth(options, logsIn=True)],
            secured=secured,
            forecast=Forecast(hello, hello),
        )
        return ScriptedPeer(connection, clientAnswers(credentials))

    def test_withEHLO(self) -> None:
        """AUTH goes with EHLO, in one write, where TLS is good; MAIL does not."""
        peer = self.peer()
        self.assertEqual(peer.start(), _EHLO + PLAIN)
        self.assertFalse(peer.connection.ready)
        self.assertEqual(peer.say(_GREETING + ehlo(b"AUTH PLAIN") + _WELCOME), b"")
        self.assertTrue(peer.connection.ready)
        self.assertTrue(peer.connection.authenticated)
        self.assertTrue(peer.connection.early)

    def test_mechanisms(self) -> None:
        """Each with what it has to say first."""
        token = Credentials(b"user", token=b"t0ken")
        for name, credentials in (
            (b"SCRAM-SHA-256", CREDENTIALS),
            (b"OAUTHBEARER", token),
            (b"XOAUTH2", token),
        ):
            said = self.peer(name, credentials=credentials).start()
            line = said.removeprefix(_EHLO)
            verb, mechanism, initial = line.split()
            self.assertEqual((verb, mechanism), (b"AUTH", name))
            self.assertIn(b"user", b64decode(initial), name)
        self.assertEqual(self.peer(b"LOGIN").start(), _EHLO + b"AUTH LOGIN\r\n")

    def test_neverInTheClear(self) -> None:
        """Nor where the settings let a password go in the clear: EHLO decides."""
        for name in (b"PLAIN", b"LOGIN", b"SCRAM-SHA-256"):
            options = AuthSettings(clear_text=True)
            peer = self.peer(name, secured=None, options=options)
            self.assertEqual(peer.start(), _EHLO)
            said = peer.say(_GREETING + ehlo(b"AUTH " + name))
            self.assertEqual(said[: 5 + len(name)], b"AUTH " + name)

    def test_certificateIsNotGood(self) -> None:
        """
        What shows the password does not go where it would not go later either; SCRAM
        shows it to nobody.
        """
        peer = self.peer(secured=UNVERIFIED)
        self.assertEqual(peer.start(), _EHLO)
        peer.say(_GREETING + ehlo(b"AUTH PLAIN"))
        self.assertEqual(peer.gaveUp[0].phase, Phase.AUTHENTICATE)
        said = self.peer(b"SCRAM-SHA-256", secured=UNVERIFIED).start()
        self.assertIn(b"AUTH SCRAM-SHA-256 ", said)
        options = AuthSettings(unverified=True)
        said = self.peer(secured=UNVERIFIED, options=options).start()
        self.assertEqual(said, _EHLO + PLAIN)

    def test_nothingThatFits(self) -> None:
        """Where the record has no mechanism that could be used, the host decides."""
        peer = self.peer(b"GSSAPI")
        self.assertEqual(peer.start(), _EHLO)
        self.assertEqual(peer.say(_GREETING + ehlo(b"AUTH PLAIN")), PLAIN)

    def test_gone(self) -> None:
        """
        A host that does not offer AUTH any more: it is given up, for a session without
        a forecast.
        """
        peer = self.peer()
        peer.start()
        said = peer.say(_GREETING + ehlo(b"SIZE") + b"503 5.5.1 No AUTH\r\n")
        self.assertEqual(said, b"QUIT\r\n")
        self.assertTrue(peer.connection.forecastWrong)
        self.assertEqual(peer.gaveUp[0].phase, Phase.AUTHENTICATE)

    def test_otherMechanisms(self) -> None:
        """Likewise where it has another one by now."""
        peer = self.peer()
        peer.start()
        peer.say(_GREETING + ehlo(b"AUTH SCRAM-SHA-256") + b"504 5.5.4 What?\r\n")
        self.assertTrue(peer.connection.forecastWrong)
        self.assertEqual(len(peer.gaveUp), 1)

    def test_moreThanExpected(self) -> None:
        """A login that went well is one, whatever else the host says of itself."""
        peer = self.peer()
        peer.start()
        peer.say(_GREETING + ehlo(b"SIZE", b"AUTH PLAIN LOGIN") + _WELCOME)
        self.assertTrue(peer.connection.ready)
        self.assertTrue(peer.connection.authenticated)

    def test_refused(self) -> None:
        """A host that is as it was means what it says."""
        peer = self.peer(b"PLAIN LOGIN")
        peer.start()
        said = peer.say(_GREETING + ehlo(b"AUTH PLAIN LOGIN") + b"535 5.7.8 Wrong\r\n")
        self.assertEqual(said, b"QUIT\r\n")
        self.assertFalse(peer.connection.forecastWrong)

    def test_nextMechanism(self) -> None:
        """Where it does not have the mechanism after all, the next one goes."""
        peer = self.peer(b"PLAIN LOGIN")
        peer.start()
        said = peer.say(_GREETING + ehlo(b"AUTH PLAIN LOGIN") + b"504 5.5.4 No\r\n")
        self.assertEqual(said, b"AUTH LOGIN\r\n")

    def test_tooEarly(self) -> None:
        """
        503 from a host that offers it: it is said again, once, now that the host has
        greeted us.
        """
        peer = self.peer()
        peer.start()
        early = b"503 5.5.1 EHLO first\r\n"
        self.assertEqual(peer.say(_GREETING + ehlo(b"AUTH PLAIN") + early), PLAIN)
        self.assertEqual(peer.say(early), b"QUIT\r\n")
        self.assertEqual(len(peer.gaveUp), 1)

    def test_lost(self) -> None:
        """A host that hangs up on it is to be tried again without a forecast."""
        peer = self.peer()
        peer.start()
        peer.say(b"554 5.5.0 Early\r\n")
        self.assertTrue(peer.connection.forecastWrong)
        self.assertFalse(peer.connection.authenticated)

    def test_roundTrips(self) -> None:
        """At our own server: a flight less, besides the wait for the greeting."""
        for secured, name, trips in (
            (TLS, "PLAIN", [4, 3]),
            (TLS, "SCRAM-SHA-256", [6, 5]),
            (BOUND, "SCRAM-SHA-256-PLUS", [6, 5]),
        ):
            options = AuthSettings(mechanisms=(name,))
            known: Forecast | None = None
            found = []
            for _ in range(2):
                joined = pair(
                    [Pipelining(), PipeConnect(), Auth(options, users=Users())],
                    [Pipelining(), PipeConnect(), Auth(options, logsIn=True)],
                    secured=secured,
                    forecast=known,
                    serverAnswers=SERVER_ANSWERS,
                    clientAnswers=CLIENT_ANSWERS,
                )
                joined.start()
                joined.greet()
                joined.deliver(Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.ex")]))
                self.assertEqual(joined.codes, [250], name)
                self.assertTrue(joined.client.authenticated)
                found.append(joined.roundTrips)
                known = Forecast(None, joined.client.peer)
            self.assertEqual(found, trips, name)
