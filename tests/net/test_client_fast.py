"""
Tests for L{smtpx.net.client} and L{smtpx.net.delivery}: connections that are opened
fast, as the client sees them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Forecast, Hello, RoutePolicy, Scope, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.net import dialling
from smtpx.net.client import ClientProtocol
from smtpx.net.fastopen import Opened
from smtpx.net.fastopenhosts import ROOM_IPV4, FastOpenHosts
from smtpx.net.sending import Way
from smtpx.spool.via import Cause
from smtpx.testing.client import OctetsBody

from .clients import ADDRESS, HOST, MESSAGE, Rig, codes, envelopeFor, rig
from .network import watched

_WORDS = (b"PIPELINING", b"CHUNKING")
_KNOWN = Hello(b"mx.example.org", tuple((word, None) for word in _WORDS))
_FORECAST = Forecast(_KNOWN)
_CLEAR = Way(RoutePolicy(TLSLevel.UNWANTED))
_HELLO = b"EHLO client.example.org\r\n"
_NAMED = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\n"
_BODY = b"BDAT %d LAST\r\n%b" % (len(MESSAGE), MESSAGE)


class OpeningTransport(StringTransport):
    """A connection whose SYN has not been answered."""

    opening = True


class OpeningTests(SynchronousTestCase):
    """What goes out before the host has answered the SYN."""

    def setUp(self) -> None:
        """A client that knows its host."""
        self.hosts = FastOpenHosts(HostList.parse(["*"]), lambda: 0.0)
        kit = rig(fastOpen=self.hosts).pool.kit
        self.transport = OpeningTransport()
        address = ADDRESS.encode("ascii")
        self.client = ClientProtocol(
            kit, HOST.name, _CLEAR, address=address, port=25, forecast=_FORECAST
        )

    def begin(self) -> Any:
        """Connect, and send a message."""
        self.client.makeConnection(self.transport)
        self.successResultOf(self.client.whenReady())
        body = OctetsBody(MESSAGE)
        return watched(self.client.deliver(envelopeFor(octets=body.octets), body))

    def said(self) -> bytes:
        """What was written since it was asked for last."""
        said: bytes = self.transport.value()
        self.transport.clear()
        return said

    def test_noMessage(self) -> None:
        """Commands may be heard twice; the message waits until it cannot be."""
        self.begin()
        self.assertEqual(self.said(), _HELLO + _NAMED)
        self.transport.opening = False
        self.client.connectionOpened(Opened.CARRYING)
        self.assertEqual(self.said(), _BODY)
        self.assertEqual(self.client.via().fastOpen, "TFO*")
        self.assertTrue(self.hosts.mayTry(HOST.name, ADDRESS.encode("ascii"), 25))

    def test_room(self) -> None:
        """How much a SYN may carry is told to whoever plans it."""
        self.hosts.whole = HostList.parse(["mx.example.org"])
        self.client.makeConnection(self.transport)
        assert self.client.core is not None
        self.assertEqual(self.client.core.roomInSYN, ROOM_IPV4)

    def test_notTaken(self) -> None:
        """A host that did not take what rode on the SYN is spared."""
        self.begin()
        self.client.connectionOpened(Opened.EARLY)
        self.assertEqual(self.client.via().fastOpen, "TFO")
        self.assertFalse(self.hosts.mayTry(HOST.name, ADDRESS.encode("ascii"), 25))

    def test_ordinary(self) -> None:
        """Where it is open from the beginning, all leaves as one flight."""
        self.transport.opening = False
        self.begin()
        self.client.connectionOpened(Opened.USUALLY)
        self.assertEqual(self.said(), _HELLO + _NAMED + _BODY)
        self.assertEqual(self.client.via().fastOpen, "")

    def test_nobody(self) -> None:
        """Nobody is there: what was begun is to be tried again."""
        got = self.begin()
        self.client.connectionLost(Failure(ConnectionRefusedError()))
        self.assertIs(got.value.scope, Scope.SESSION)
        self.assertTrue(self.client.unopened)
        self.assertFalse(self.hosts.mayTry(HOST.name, ADDRESS.encode("ascii"), 25))


class AgainTests(SynchronousTestCase):
    """An attempt that comes to nothing is made once more, as ever."""

    def begin(self, **kit: Any) -> Rig:
        """A pool that opens connections fast, and then it turns out otherwise."""
        hosts = FastOpenHosts(HostList.parse(["*"]), lambda: 0.0)
        rigged = rig(fastOpen=hosts, **kit)
        self.fast: list[str] = []

        def connectFast(
            reactor: Any, address: str, port: int, attempt: Any, *rest: object
        ) -> None:
            self.fast.append(address)
            protocol = attempt.buildProtocol(None)
            protocol.makeConnection(OpeningTransport())
            refused = Failure(ConnectionRefusedError())

            def end() -> None:
                protocol.connectionLost(refused)
                attempt.clientConnectionFailed(None, refused)

            reactor.callLater(0.1, end)

        self.patch(dialling, "connectFast", connectFast)
        return rigged

    def test_silent(self) -> None:
        """A client that has nothing to say yet finds out by it."""
        rigged = self.begin()
        got = rigged.send()
        rigged.network.run(0.2)
        self.assertEqual(codes(got), [250])
        self.assertEqual(self.fast, [ADDRESS])
        self.assertEqual(len(rigged.server.sessions), 1)
        self.assertEqual(got.value.via.fastOpen, "")

    def test_underWay(self) -> None:
        """So does one that has begun a message."""
        rigged = self.begin()
        profile = rigged.pool.kit.profile(b"client.example.org")
        profile.forecasters += (lambda target: _FORECAST,)
        got = rigged.send(way=_CLEAR)
        rigged.network.run(0.2)
        self.assertEqual(codes(got), [250])
        self.assertEqual(len(rigged.server.sessions[0].messages), 1)

    def test_nobodyAtAll(self) -> None:
        """What is told is why there is no connection."""
        rigged = self.begin()
        rigged.network.hosts.clear()
        profile = rigged.pool.kit.profile(b"client.example.org")
        profile.forecasters += (lambda target: _FORECAST,)
        got = rigged.send(way=_CLEAR)
        rigged.network.run(0.2)
        self.assertIs(got.error.cause, Cause.CONNECT)
        self.assertEqual(got.error.text, "Connection refused")

    def test_spared(self) -> None:
        """The next message does not try it."""
        rigged = self.begin()
        rigged.send()
        rigged.network.run(5)
        got = rigged.send()
        self.assertEqual(codes(got), [250])
        self.assertEqual(len(self.fast), 1)
