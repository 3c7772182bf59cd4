"""
Tests for L{smtpx.core.client}: what a peer answers under TLS is presumed from what it
said in the clear.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Forecast, Hello, RoutePolicy, Scope, TLSInfo
from smtpx.core.interfaces import IClientSession
from smtpx.testing.client import ScriptedPeer, client, ehlo

from .made import MadeClient
from .peers import GREETING, HELLO, MAIL, RCPT, envelope
from .test_clientforecast import extension, forecast, hello

_FLIGHT = MAIL + RCPT + b"DATA\r\n"
_TAKEN = b"250 ok\r\n250 ok\r\n354 go\r\n"


class PresumedTests(SynchronousTestCase):
    """One flight under TLS."""

    def secured(self, known: Forecast | None = None) -> ScriptedPeer:
        """A connection under TLS, in which EHLO is not answered yet."""

        def learn(session: IClientSession, said: Hello | None) -> None:
            if session.secured is None:
                session.presume(hello(b"GROUPS"))

        presuming = MadeClient(lambda builder: builder.learn(learn), "presuming")
        connection = client(
            [extension(), presuming], policy=RoutePolicy(), forecast=known
        )
        peer = ScriptedPeer(connection, tls=TLSInfo())
        peer.start()
        if known is None or known.clear is None:
            peer.say(GREETING)
        else:
            peer.say(GREETING + ehlo(b"UPGRADE") + b"220 go\r\n")
            return peer
        peer.say(ehlo(b"UPGRADE"))
        self.assertEqual(peer.say(b"220 go\r\n"), HELLO)
        return peer

    def test_flight(self) -> None:
        """Nothing is waited for; and what comes of it counts."""
        peer = self.secured()
        self.assertEqual(peer.deliver(envelope(), b"x"), _FLIGHT)
        peer.say(ehlo(b"GROUPS", b"MORE"))
        self.assertFalse(peer.connection.forecastWrong)
        peer.say(_TAKEN)
        peer.say(b"250 taken\r\n")
        self.assertEqual((peer.codes, peer.settled[-1].scope), ([250], Scope.MESSAGE))

    def test_refused(self) -> None:
        """A refusal is no final word; the next transaction's is."""
        peer = self.secured()
        peer.deliver(envelope(), b"x")
        peer.say(ehlo(b"GROUPS") + b"250 ok\r\n550 nobody\r\n503 no\r\n")
        self.assertEqual((peer.codes, peer.settled[-1].scope), ([550], Scope.SESSION))
        self.assertTrue(peer.connection.presumed)
        peer.say(b"250 reset\r\n")
        peer.deliver(envelope(), b"x")
        self.assertFalse(peer.connection.presumed)
        peer.say(b"250 ok\r\n550 nobody\r\n503 no\r\n")
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_less(self) -> None:
        """A peer that names less under TLS is not as it was presumed to be."""
        peer = self.secured()
        peer.deliver(envelope(), b"x")
        peer.say(ehlo(b"OTHER"))
        self.assertTrue(peer.connection.forecastWrong)

    def test_answeredBefore(self) -> None:
        """Where EHLO is answered before there is a message, nothing is presumed."""
        peer = self.secured()
        peer.say(ehlo(b"GROUPS"))
        peer.deliver(envelope(), b"x")
        self.assertFalse(peer.connection.presumed)

    def test_halfKnown(self) -> None:
        """It is presumed, too, where only the answer in the clear was known."""
        peer = self.secured(forecast(b"UPGRADE"))
        self.assertTrue(peer.connection.presumed)
        self.assertTrue(peer.connection.guessed)

    def test_known(self) -> None:
        """What is known counts for more."""
        peer = self.secured(forecast(b"UPGRADE", secured=hello(b"GROUPS")))
        self.assertFalse(peer.connection.presumed)

    def test_notAgain(self) -> None:
        """Where nothing is to be expected of the peer, nothing is presumed."""
        connection = client([extension()], forecast=Forecast())
        connection.presume(hello(b"GROUPS"))
        self.assertFalse(connection.presumed)
