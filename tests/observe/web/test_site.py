"""
A site that is bounded in everything.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.web.site import (
    BODY_OCTETS,
    CONNECTIONS_MOST,
    HEADER_OCTETS,
    HEADERS_MOST,
    LIFE_SECONDS,
    ownHost,
)

from .visits import Visits, answered

_ASK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


class HostTests(SynchronousTestCase):
    """Whom a request asks for."""

    def test_ours(self) -> None:
        """Addresses, localhost and our names, with and without a port."""
        names = frozenset({"status.example.org"})
        for host in (
            b"localhost",
            b"LocalHost:8025",
            b"localhost.",
            b"127.0.0.1:8025",
            b"192.0.2.1",
            b"[::1]",
            b"[::1]:8025",
            b"status.example.org",
            b"Status.Example.org.:443",
        ):
            self.assertTrue(ownHost(host, names), host)
        self.assertTrue(ownHost(None, names))

    def test_others(self) -> None:
        """Whatever else the DNS may say of it."""
        for host in (
            b"evil.example",
            b"localhost.evil.example",
            b"127.0.0.1.evil.example",
            b"127.0.0.1:80:80",
            b"localhost:evil",
            "localhost:٣".encode(),
            b"[::1]evil.example",
            b"[evil.example]",
            b"",
            b"[",
            b"\xff",
        ):
            self.assertFalse(ownHost(host, frozenset()), host)


class BoundsTests(SynchronousTestCase):
    """What a client can use up."""

    def setUp(self) -> None:
        """A site."""
        self.visits = Visits()

    def test_oneRequestAConnection(self) -> None:
        """The second request is not answered: the connection ends."""
        octets = self.visits.say((_ASK + b"\r\n") * 2)
        self.assertEqual(octets.count(b"HTTP/1.1"), 1)
        self.assertEqual(answered(octets).fields["connection"], "close")

    def test_connections(self) -> None:
        """Who comes when all places are taken is sent away; then there are places."""
        calls = [self.visits.call() for _ in range(CONNECTIONS_MOST)]
        self.assertIsNone(self.visits.call()[0])
        channel, wire = calls[0]
        channel.dataReceived(_ASK + b"\r\n")  # type: ignore[attr-defined]  # Twisted's
        self.assertTrue(wire.disconnecting)
        channel.connectionLost()  # type: ignore[attr-defined]  # Twisted's
        self.assertIsNotNone(self.visits.call()[0])

    def test_time(self) -> None:
        """Who says a little now and then is cut off all the same."""
        channel, wire = self.visits.call()
        for _ in range(int(LIFE_SECONDS)):
            self.assertFalse(wire.disconnected)
            channel.dataReceived(b"G")  # type: ignore[attr-defined]  # Twisted's
            self.visits.clock.advance(1)
        self.assertTrue(wire.disconnected)

    def test_timeIsOver(self) -> None:
        """Nothing is left of a connection that has gone."""
        channel, _ = self.visits.call()
        channel.dataReceived(_ASK + b"\r\n")  # type: ignore[attr-defined]  # Twisted's
        channel.connectionLost()  # type: ignore[attr-defined]  # Twisted's
        self.assertEqual(self.visits.clock.getDelayedCalls(), [])
        self.assertEqual(self.visits.site.channels, set())

    def test_headers(self) -> None:
        """A header is bounded in octets and in fields."""
        long = b"X: " + b"x" * HEADER_OCTETS + b"\r\n"
        many = b"X: x\r\n" * (HEADERS_MOST + 1)
        for fields in (long, many):
            octets = self.visits.say(_ASK + fields + b"\r\n")
            self.assertNotIn(b"healthy", octets)
        octets = self.visits.say(_ASK + b"X: x\r\n" * (HEADERS_MOST - 2) + b"\r\n")
        self.assertIn(b"healthy", octets)

    def test_bodies(self) -> None:
        """A body is thrown away; one without end ends the connection."""
        ask = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        octets = self.visits.say(ask % 100 + b"x" * 100)
        self.assertEqual(answered(octets).status, 405)
        channel, wire = self.visits.call()
        channel.dataReceived(ask % (1 << 40))  # type: ignore[attr-defined]  # Twisted's
        for _ in range(BODY_OCTETS // 1024):
            self.assertFalse(wire.disconnecting)
            channel.dataReceived(b"x" * 1024)  # type: ignore[attr-defined]  # Twisted's
        channel.dataReceived(b"x")  # type: ignore[attr-defined]  # Twisted's
        self.assertTrue(wire.disconnecting)
        self.assertEqual(wire.value(), b"")

    def test_stopped(self) -> None:
        """When the site is closed, nobody is waited for."""
        self.visits.site.doStart()  # type: ignore[no-untyped-call]  # Twisted's
        _, wire = self.visits.call()
        self.visits.site.doStop()  # type: ignore[no-untyped-call]  # Twisted's
        self.assertTrue(wire.disconnected)

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [
                        b"GET / HTTP/1.1\r\n",
                        b"HEAD /trace/\xff%ff%00 HTTP/1.0\r\n",
                        b"POST /?refresh=5&refresh=%FF HTTP/1.1\r\n",
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                        b"Host: localhost\r\n",
                        b"Host: a:b:c\r\n",
                        b"Content-Length: 9999999999\r\n",
                        b"Content-Length: -1\r\n",
                        b"Transfer-Encoding: chunked\r\n",
                        b"Expect: 100-continue\r\n",
                        b"Cookie: \xff; a=b\r\n",
                        b"ffffffff\r\n",
                        b"\r\n",
                    ]
                ),
            ),
            max_size=8,
        )
    )
    def test_anything(self, pieces: list[bytes]) -> None:
        """Whatever is said, it is answered or ended, and nothing goes wrong here."""
        visits = Visits()
        channel, wire = visits.call()
        for piece in pieces:
            if not wire.disconnecting:
                channel.dataReceived(piece)  # type: ignore[attr-defined]  # Twisted's
        said = wire.value()
        if said:
            self.assertTrue(said.startswith(b"HTTP/1."), said)
            self.assertNotIn(b" 500 ", said.partition(b"\r\n")[0])
        visits.clock.advance(2 * LIFE_SECONDS)
        self.assertTrue(wire.disconnected)
        channel.connectionLost()  # type: ignore[attr-defined]  # Twisted's
        self.assertEqual(visits.site.channels, set())
        self.assertEqual(visits.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_everyCut(self) -> None:
        """In whatever pieces a request comes, the answer is the same."""
        whole = _ASK + b"\r\n"
        for cut in range(1, len(whole)):
            channel, wire = self.visits.call()
            channel.dataReceived(whole[:cut])  # type: ignore[attr-defined]  # Twisted's
            channel.dataReceived(whole[cut:])  # type: ignore[attr-defined]  # Twisted's
            self.assertIn(b"healthy\n", wire.value())
            channel.connectionLost()  # type: ignore[attr-defined]  # Twisted's
