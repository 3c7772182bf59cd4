"""
Which sessions are traced.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.addresstable import AddressTable
from smtpx.core.bounds import BareLines
from smtpx.core.client import ClientConnection
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import RoutePolicy, Target
from smtpx.core.hostlist import HostList
from smtpx.core.profile import ClientProfile, ServerProfile
from smtpx.core.server import ServerConnection
from smtpx.net.interfaces import IClientTracer, ITracer
from smtpx.observe.trace import HandshakeStep, TraceStore
from smtpx.observe.tracedclient import TracedClient
from smtpx.observe.tracedconnection import TracedConnection
from smtpx.observe.tracer import TraceChoice, Tracer
from smtpx.testing.client import ScriptedPeer
from smtpx.testing.server import ScriptedPort

from .stories import Heard

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"


def hosts(*items: str) -> HostList:
    """A host list."""
    return HostList.parse(items)


class TracerTestCase(SynchronousTestCase):
    """A tracer, and clients."""

    def make(self, choice: TraceChoice) -> None:
        """A tracer of its own for the test."""
        self.clock = Clock()
        self.store = TraceStore()
        self.tracer = Tracer(choice, self.store, self.clock.seconds)

    def connect(self, peer: bytes = b"192.0.2.7") -> ServerConnection:
        """A client comes, and is greeted."""
        profile = ServerProfile(name=b"mx.example.org", clock=lambda: 1000.0)
        core = self.tracer.connection(profile.load([]), ScriptedPort(), peer, 4567)
        core.start()
        return core

    def visit(self, *lines: bytes, peer: bytes = b"192.0.2.7") -> str | None:
        """
        A client comes, says something and goes.

        @return: what it is traced for; L{None}: it is not.
        """
        before = self.store.kept
        core = self.connect(peer)
        for line in lines:
            core.feed(line)
        self.leave(core)
        return self.store.recent()[0].why if self.store.kept > before else None

    def leave(self, core: ServerConnection) -> None:
        """The client goes."""
        core.lost()
        self.tracer.ended(core, "Connection was closed cleanly.")


class ChoiceTests(TracerTestCase):
    """By host, or by recipient."""

    def test_nobody(self) -> None:
        """Without a choice there is nothing, and nothing is recorded."""
        self.make(TraceChoice())
        verifyObject(ITracer, self.tracer)
        self.assertIs(type(self.connect()), ServerConnection)
        self.assertIsNone(self.visit(HELLO))
        self.assertEqual(self.tracer.recording, 0)

    def test_hosts(self) -> None:
        """Those on the list, from their first octet; others are not recorded."""
        self.make(TraceChoice(hosts=hosts("192.0.2.0/28").matches))
        self.assertEqual(self.visit(HELLO), "host 192.0.2.7")
        self.assertIs(type(self.connect(b"192.0.2.99")), ServerConnection)
        self.assertIsNone(self.visit(HELLO, peer=b"192.0.2.99"))

    def test_aProxyIsWhoItIs(self) -> None:
        """It may say by XCLIENT that it is somebody else; so may whoever that is."""
        for listed in ("192.0.2.7", "198.51.100.1"):
            self.make(
                TraceChoice(hosts=hosts(listed).matches, namesMatter=lambda: True)
            )
            core = self.connect()
            core.peer = b"198.51.100.1"
            self.leave(core)
            (trace,) = self.store.recent()
            self.assertEqual(trace.why, f"host {listed}")
            self.assertEqual(trace.address, "198.51.100.1")

    def test_hostsByName(self) -> None:
        """A name is known later, so everybody is recorded until it is."""
        wanted = hosts("*.example.net")
        self.make(
            TraceChoice(hosts=wanted.matches, namesMatter=lambda: wanted.needsNames)
        )
        for name in (b"client.example.net", b"other.example"):
            core = self.connect()
            self.assertIs(type(core), TracedConnection)
            core.peerName = name
            self.leave(core)
            self.assertEqual(self.store.kept, 1)
        self.assertEqual(self.store.recent()[0].name, "client.example.net")

    def test_recipients(self) -> None:
        """Whoever is named in RCPT, accepted or not; the whole session is there."""
        table = AddressTable([("bob@example.com", "bob"), ("example.org", "all")])
        self.make(TraceChoice(recipients=table))
        for path, why in (
            (b"Bob@EXAMPLE.com", "recipient Bob@EXAMPLE.com"),
            (b"x@example.org", "recipient x@example.org"),
            (b"eve@example.com", None),
        ):
            found = self.visit(HELLO, MAIL, b"RCPT TO:<%b>\r\n" % path)
            self.assertEqual(found, why)
        # No MAIL before it: 503.
        refused = self.visit(HELLO, b"RCPT TO:<bob@example.com>\r\n")
        self.assertEqual(refused, "recipient bob@example.com")
        self.assertEqual(len(self.store.recent()[0].steps), 5)

    def test_postmasterNeedsNoDomain(self) -> None:
        """He is looked for at the domain that the table calls its home."""
        table = AddressTable([("postmaster@example.org", "x")], b"example.org")
        self.make(TraceChoice(recipients=table))
        found = self.visit(HELLO, MAIL, b"RCPT TO:<postmaster>\r\n")
        self.assertEqual(found, "recipient postmaster")


class TraceTests(TracerTestCase):
    """What is known of a session as a whole."""

    def test_theEnd(self) -> None:
        """How it ended, after how long; what the transport says where it matters."""
        self.make(TraceChoice(hosts=hosts("*").matches))
        core = self.connect()
        self.clock.advance(1.5)
        self.leave(core)
        (trace,) = self.store.recent()
        self.assertEqual(trace.end, "lost (Connection was closed cleanly.)")
        self.assertEqual((trace.seconds, trace.began), (1.5, 1000.0))
        self.assertEqual((trace.address, trace.port), ("192.0.2.7", 4567))
        self.visit(b"QUIT\r\n")
        self.assertEqual(self.store.recent()[0].end, "quit")

    def test_aHandshakeThatFailed(self) -> None:
        """One that came with the connection, before there was anything else."""
        self.make(TraceChoice(hosts=hosts("*").matches))
        profile = ServerProfile().load([])
        core = self.tracer.connection(profile, ScriptedPort(), b"192.0.2.7", 1)
        core.lost(securing=True)
        self.tracer.ended(core, "no shared cipher")
        (trace,) = self.store.recent()
        self.assertEqual(trace.end, "handshake (no shared cipher)")
        self.assertEqual(trace.steps, (HandshakeStep(0.0, 0.0),))


class BoundTests(TracerTestCase):
    """However many clients come, so many are recorded."""

    def test_sessionsAtATime(self) -> None:
        """Beyond that others are served as always, and leave no trace."""
        self.make(TraceChoice(hosts=hosts("*").matches, sessionsMax=2))
        cores = [self.connect() for _ in range(3)]
        self.assertEqual(self.tracer.recording, 2)
        self.assertIs(type(cores[2]), ServerConnection)
        for core in cores:
            self.leave(core)
        self.assertEqual((self.tracer.recording, self.store.kept), (0, 2))
        self.assertIs(type(self.connect()), TracedConnection)

    def test_tracesInAMinute(self) -> None:
        """What is too much is counted, and told of when the minute is over."""
        heard = Heard()
        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)
        told = heard.events
        self.make(TraceChoice(hosts=hosts("*").matches, perMinuteMax=2))
        for _ in range(5):
            self.visit()
        self.assertEqual((self.store.kept, self.store.dropped), (2, 3))
        self.assertEqual(told, [])
        self.clock.advance(60)
        self.visit()
        self.assertEqual((self.store.kept, self.store.dropped), (3, 3))
        (event,) = told
        self.assertEqual(event["count"], 3)


class ClientTests(TracerTestCase):
    """Sessions in which we are the client."""

    def talk(self, host: bytes, *paths: bytes) -> ClientConnection:
        """A session with a server, in which there are these recipients."""
        profile = ClientProfile(clock=lambda: 1000.0).load([])
        core = self.tracer.client(
            profile,
            Target(host, b"192.0.2.25", 25),
            RoutePolicy(),
            None,
            BareLines.NORMALISE,
            frozenset(),
        )
        peer = ScriptedPeer(core)
        peer.open()
        if paths:
            recipients = [Recipient(path) for path in paths]
            peer.deliver(Envelope(b"a@b.example", 0.0, recipients), b"x")
        return core

    def end(self, core: ClientConnection) -> str | None:
        """
        The connection is lost.

        @return: what it is traced for; L{None}: it is not.
        """
        before = self.store.kept
        core.lost()
        self.tracer.clientEnded(core, (b"192.0.2.7", 4567), "It was reset.")
        return self.store.recent()[0].why if self.store.kept > before else None

    def test_nobody(self) -> None:
        """Without a choice there is nothing, and nothing is recorded."""
        self.make(TraceChoice())
        verifyObject(IClientTracer, self.tracer)
        core = self.talk(b"mx.example.com", b"bob@example.com")
        self.assertIs(type(core), ClientConnection)
        self.assertIsNone(self.end(core))
        self.assertEqual(self.tracer.recording, 0)

    def test_hosts(self) -> None:
        """By name or by address, which are both known from the start."""
        self.make(TraceChoice(hosts=hosts("*.example.com", "192.0.2.99").matches))
        core = self.talk(b"mx.example.com")
        self.assertEqual(self.tracer.recording, 1)
        self.assertEqual(self.end(core), "host mx.example.com")
        self.assertIs(type(self.talk(b"mx.example.net")), ClientConnection)
        self.make(TraceChoice(hosts=hosts("192.0.2.25").matches))
        self.assertEqual(self.end(self.talk(b"mx.example.com")), "host mx.example.com")

    def test_recipients(self) -> None:
        """Whoever gets mail by it, or was to."""
        table = AddressTable([("bob@example.com", "bob")])
        self.make(TraceChoice(recipients=table))
        self.assertEqual(
            self.end(self.talk(b"mx", b"eve@example.com", b"Bob@EXAMPLE.com")),
            "recipient Bob@EXAMPLE.com",
        )
        self.assertIsNone(self.end(self.talk(b"mx", b"eve@example.com")))

    def test_theTrace(self) -> None:
        """Who it was, which way, and how it ended."""
        self.make(TraceChoice(hosts=hosts("*").matches))
        core = self.talk(b"mx.example.com")
        self.clock.advance(1.5)
        self.end(core)
        (trace,) = self.store.recent()
        self.assertTrue(trace.outgoing)
        self.assertEqual((trace.address, trace.port), ("192.0.2.25", 25))
        self.assertEqual(trace.name, "mx.example.com")
        self.assertEqual((trace.local, trace.localPort), ("192.0.2.7", 4567))
        self.assertEqual((trace.seconds, trace.began), (1.5, 1000.0))
        self.assertEqual(trace.end, "lost (It was reset.)")
        self.assertNotEqual(trace.session, "")
        core = self.talk(b"mx.example.com")
        core.quit()
        core.feed(b"221 Bye\r\n")
        self.tracer.clientEnded(core, None, "It was closed.")
        newest = self.store.recent()[0]
        self.assertEqual((newest.end, newest.local), ("quit", ""))

    def test_sessionsAtATime(self) -> None:
        """They count with those of clients."""
        self.make(TraceChoice(hosts=hosts("*").matches, sessionsMax=1))
        client = self.connect()
        self.assertIs(type(self.talk(b"mx.example.com")), ClientConnection)
        self.leave(client)
        self.assertIs(type(self.talk(b"mx.example.com")), TracedClient)
