"""
Tests for TLS sessions that connections of L{smtpx.net.client} resume, with real
handshakes in memory, and our own server at the other end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import RoutePolicy, Stage, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.reply import OK
from smtpx.core.tlssession import Resumption, TLSSession
from smtpx.dns.mailhosts import MailHost
from smtpx.extensions.standard import standard
from smtpx.extensions.tlsresume import ITicketStore, TicketKey, TLSResume
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.knowledge.sessions import SessionMemory
from smtpx.net.factory import SMTPServerFactory
from smtpx.net.pool import PoolBounds
from smtpx.net.sending import Way
from smtpx.spool.via import Cause
from smtpx.testing import answered, brokenTLS
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from tests.tls.identities import OTHERS
from tests.tls.joined import AUTHORITY, NOW, issue, store

from .clients import ADDRESS, HOST, Rig, codes, rig
from .test_client_tls import serverTLS

ONCE = PoolBounds(idleMost=0)
RESUMES = RoutePolicy(resumes=True)
VERIFIED = RoutePolicy(TLSLevel.VERIFIED, resumes=True)
TRUSTING = ClientTLS((AUTHORITY.certificate,))


def with_(extension: TLSResume) -> list[Any]:
    """The standard extensions, with this one in its place."""
    return [extension if isinstance(each, TLSResume) else each for each in standard()]


class Noting(TLSResume):
    """
    Notes what the server makes of each handshake.

    @ivar seen: what it was.
    """

    def __init__(self, seen: list[Any], hosts: str = "*") -> None:
        TLSResume.__init__(self, HostList.parse([hosts]))
        self.seen = seen

    def extendServer(self, server: Any) -> None:
        """See L{TLSResume}."""
        TLSResume.extendServer(self, server)
        server.review(Stage.MAIL, self.note)

    def note(self, session: Any, recipient: Any) -> None:
        """MAIL was said."""
        self.seen.append(session.secured)


def served(
    case: SynchronousTestCase, rigged: Rig, taken: list[Any], *names: str
) -> SMTPServerFactory:
    """
    Put a server of ours in the place of the scripted one.

    @param taken: gets what is known of TLS for each message.
    """

    factory = SMTPServerFactory(
        rigged.network,
        lambda envelope, body: OK,
        name=names[0].encode(),
        extensions=with_(Noting(taken)),
        tls=serverTLS(case, *names),
    )
    rigged.network.hosts[ADDRESS, 25] = factory
    return factory


class ResumingTests(SynchronousTestCase):
    """Connection by connection."""

    def setUp(self) -> None:
        """A client that keeps sessions, and a server that gives tickets."""
        knowledge = MemoryKnowledge(lambda: 1000.0)
        self.store = SessionMemory(knowledge, lambda: 1000.0)
        self.rig = self.rigged()
        self.seen: list[Any] = []
        served(self, self.rig, self.seen, "mx.example.org")

    def rigged(self, *faults: Any, store: ITicketStore | None = None) -> Rig:
        """A client, and a scripted server with a certificate."""
        return rig(
            *faults,
            serverTLS=serverTLS(self, "mx.example.org"),
            tls=TRUSTING,
            extensions=with_(TLSResume(store=store or self.store)),
            bounds=ONCE,
        )

    def test_secondConnectionResumes(self) -> None:
        """
        Both ends say that a session was resumed; the client knows by whom the server's
        certificate was found good, and the level of the route is kept.
        """
        way = Way(VERIFIED)
        new, again = Resumption(0x0B), Resumption(0x1F)
        for resumed, bits in ((False, new), (True, again), (True, again)):
            got = self.rig.send(way=way)
            self.assertEqual(codes(got), [250])
            info = got.value.via.tls
            self.assertEqual((info.resumed, info.resumption), (resumed, bits))
            self.assertTrue(info.verified)
            self.assertEqual(self.seen[-1].resumed, resumed)
            self.assertEqual(self.seen[-1].resumption, bits)

    def test_onlyWhereTheRouteSaysSo(self) -> None:
        """A route that does not resume neither offers nor asks for anything."""
        self.rig.send(way=Way(RESUMES))
        got = self.rig.send()
        self.assertEqual(got.value.via.tls.resumption, Resumption.SUPPORTED)
        self.assertEqual(codes(got), [250])
        self.assertTrue(self.rig.send(way=Way(RESUMES)).value.via.tls.resumed)

    def test_laxSessionNotOnAStrictRoute(self) -> None:
        """A route that is to be verified makes its own first handshake."""
        self.rig.send(way=Way(RESUMES))
        info = self.rig.send(way=Way(VERIFIED)).value.via.tls
        self.assertEqual((info.resumed, info.verified), (False, True))

    def test_anotherServerBehindTheAddress(self) -> None:
        """
        Two servers behind one address, with keys of their own: each gets back the
        session that it gave, by the name in its answer to EHLO.
        """
        way, hosts = Way(RESUMES), self.rig.network.hosts
        one = hosts[ADDRESS, 25]
        self.rig.send(way=way)
        two = served(self, self.rig, self.seen, "other.example.org")
        self.assertEqual(
            self.rig.send(way=way).value.via.tls.resumption, Resumption(0x0B)
        )
        for factory in (one, two, one):
            hosts[ADDRESS, 25] = factory
            self.assertTrue(self.rig.send(way=way).value.via.tls.resumed)

    def test_wrongName(self) -> None:
        """
        A session that is found for another name by mistake is resumed by the server,
        and not believed: no mail is sent by it.  A full handshake is tried at once, and
        refused like any other.
        """
        self.rig = self.rigged(store=Careless())
        served(self, self.rig, self.seen, "mx.example.org")
        way = Way(VERIFIED)
        self.assertTrue(self.rig.send(way=way).value.via.tls.verified)
        before = len(self.seen)
        other = MailHost(b"other.example.org", HOST.addresses)
        error = self.rig.send(host=other, way=way).error
        self.assertIs(error.cause, Cause.TLS)
        self.assertEqual(len(self.rig.network.links), 3)
        self.assertEqual(len(self.seen), before)

    def test_failedHandshakeIsTriedInFull(self) -> None:
        """
        A server that stumbles over a session gets a full handshake at once, and not the
        clear; and the session is gone.
        """
        for policy in (RESUMES, evolve(RESUMES, tls=TLSLevel.ENCRYPTED)):
            way = Way(policy)
            rigged = self.rigged(brokenTLS(b"STARTTLS").inSession(2))
            self.assertFalse(rigged.send(way=way).value.via.tls.resumed)
            got = rigged.send(way=way)
            self.assertEqual(codes(got), [250])
            info = got.value.via.tls
            self.assertEqual((info.resumed, info.resumption), (False, Resumption(0x0B)))
            self.assertEqual(len(rigged.server.sessions), 3)

    def test_sessionsOfOthersAreNotTriedThen(self) -> None:
        """
        It is a full handshake though other connections have put sessions away since;
        those are left to others.
        """
        store = Crowded()
        rigged = self.rigged(brokenTLS(b"STARTTLS").inSession(2), store=store)
        way = Way(RESUMES)
        rigged.send(way=way)
        store.sessions *= 3
        got = rigged.send(way=way)
        self.assertEqual(codes(got), [250])
        self.assertFalse(got.value.via.tls.resumed)
        # One was offered, and one is new.
        self.assertEqual(len(store.sessions), 3)

    def test_failsInFullToo(self) -> None:
        """Where a full handshake fails as well, it is as ever."""
        rigged = self.rigged(
            brokenTLS(b"STARTTLS").inSession(2), brokenTLS(b"STARTTLS").inSession(3)
        )
        way = Way(RESUMES)
        rigged.send(way=way)
        got = rigged.send(way=way)
        self.assertEqual(codes(got), [250])
        self.assertIsNone(got.value.via.tls)
        self.assertEqual(len(rigged.server.sessions), 4)

    def test_failsAtEachAddress(self) -> None:
        """Each address that stumbles over a session has its full handshake."""
        faults = [brokenTLS(b"STARTTLS").inSession(each) for each in (3, 4, 5)]
        rigged = self.rigged(*faults)
        second = b"192.0.2.26"
        rigged.network.hosts[second.decode(), 25] = rigged.server
        way = Way(evolve(RESUMES, tls=TLSLevel.ENCRYPTED))
        for address in (*HOST.addresses, second):
            rigged.send(host=MailHost(HOST.name, (address,)), way=way)
        got = rigged.send(host=MailHost(HOST.name, (*HOST.addresses, second)), way=way)
        self.assertEqual(codes(got), [250])
        via = got.value.via
        self.assertEqual((via.address, via.tls.resumed), (second, False))
        self.assertEqual(len(rigged.server.sessions), 6)

    def test_refusedByTheHost(self) -> None:
        """A server that refuses STARTTLS says nothing of the session."""
        rigged = self.rigged(answered(b"STARTTLS", b"454 Not now").inSession(2))
        way = Way(RESUMES)
        rigged.send(way=way)
        self.assertIsNone(rigged.send(way=way).value.via.tls)
        got = rigged.send(way=way)
        self.assertIn(Resumption.OFFERED, got.value.via.tls.resumption)


class SequenceTests(SynchronousTestCase):
    """
    A client and a server through the whole life of tickets, as both ends tell of it.
    """

    def setUp(self) -> None:
        """Tickets are good for two hundred seconds."""
        self.clock = Clock()
        self.clock.advance(NOW.timestamp())
        files = store(Path(self.mktemp()), *issue("mx.example.org"))
        self.tls = ServerTLS((files,), clock=self.clock, ticketSeconds=200.0)
        memory = MemoryKnowledge(self.clock.seconds)
        self.store = SessionMemory(memory, self.clock.seconds)
        self.seen: list[Any] = []

    def visit(
        self,
        way: Way,
        hosts: str = "*",
        name: bytes = b"mx.example.org",
        client: ClientTLS = TRUSTING,
    ) -> tuple[Resumption, Resumption]:
        """
        Send a message over a connection of its own.

        @param hosts: who may resume at the server.
        @param name: by which the server greets.
        @return: the bits, as the client and as the server have them.
        """
        rigged = rig(
            tls=client, extensions=with_(TLSResume(store=self.store)), bounds=ONCE
        )
        rigged.pool.kit.clock = self.clock.seconds
        port = 465 if way.implicitTLS else 25
        factory = SMTPServerFactory(
            rigged.network,
            lambda envelope, body: OK,
            name=name,
            extensions=with_(Noting(self.seen, hosts)),
            tls=self.tls,
            implicitTLS=way.implicitTLS,
        )
        rigged.network.hosts[ADDRESS, port] = factory
        got = rigged.send(way=way, host=evolve(HOST, port=port))
        self.assertEqual(codes(got), [250])
        theirs, ours = got.value.via.tls, self.seen[-1]
        self.assertEqual(theirs.resumed, ours.resumed)
        return theirs.resumption, ours.resumption

    def test_sequence(self) -> None:
        """
        A new ticket; a session resumed; a server that gives nothing; a client that asks
        for nothing; a session resumed in the second half of its life; a full handshake
        behind its end; another server behind the address, and back to the first.
        """
        way, none = Way(RESUMES), Way()
        new, again = Resumption(0x0B), Resumption(0x1F)
        self.assertEqual(self.visit(way), (new, new))
        self.assertEqual(self.visit(way), (again, again))
        unlisted = self.visit(way, "192.0.2.200")
        # Of a ticket of no use the client cannot know that it is none.
        self.assertEqual(unlisted[1], Resumption(0x07))
        self.assertEqual(self.visit(none)[0], Resumption(0x01))
        self.assertEqual(self.visit(way)[0], Resumption(0x0F))
        self.clock.advance(150)
        self.assertEqual(self.visit(way), (again, again))
        self.clock.advance(60)
        self.assertEqual(self.visit(way)[1], Resumption(0x0F))
        other = b"other.example.org"
        self.assertEqual(self.visit(way, name=other), (new, new))
        self.assertEqual(self.visit(way), (again, again))

    def test_implicit(self) -> None:
        """Where TLS comes first, the second connection resumes as well."""
        way = Way(RESUMES, implicitTLS=True)
        seen = [self.visit(way) for _ in range(2)]
        new, again = Resumption(0x0B), Resumption(0x1F)
        self.assertEqual(seen, [(new, new), (again, again)])

    def test_changedTrust(self) -> None:
        """Where somebody else is trusted, the handshake is a full one."""
        way = Way(RESUMES)
        self.visit(way)
        both = ClientTLS((AUTHORITY.certificate, OTHERS.certificate))
        self.assertNotIn(Resumption.USED, self.visit(way, client=both)[0])
        # Each has kept its own, as two processes do that share what they know.
        self.assertIn(Resumption.USED, self.visit(way)[0])
        self.assertIn(Resumption.USED, self.visit(way, client=both)[0])


@implementer(ITicketStore)
class Careless:
    """A store that takes all keys for the same."""

    def __init__(self) -> None:
        self.sessions: list[TLSSession] = []

    def take(self, key: TicketKey) -> TLSSession | None:
        """See L{ITicketStore}."""
        return self.sessions.pop() if self.sessions else None

    def keep(self, key: TicketKey, session: TLSSession) -> None:
        """See L{ITicketStore}."""
        self.sessions.append(session)

    def forget(self, key: TicketKey) -> None:
        """See L{ITicketStore}."""
        self.sessions.clear()


class Crowded(Careless):
    """One in which others have put away theirs, whenever one is thrown away."""

    def forget(self, key: TicketKey) -> None:
        """See L{ITicketStore}."""
