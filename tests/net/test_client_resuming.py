"""
Tests for TLS sessions that connections of L{smtpx.net.client} resume, with real
handshakes in memory, and our own server at the other end.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import RoutePolicy, Stage, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.reply import OK, Reply
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
from tests.tls.joined import AUTHORITY

from .clients import ADDRESS, HOST, Rig, codes, rig
from .test_client_tls import serverTLS

ONCE = PoolBounds(idleMost=0)
RESUMES = RoutePolicy(resumes=True)
VERIFIED = RoutePolicy(TLSLevel.VERIFIED, resumes=True)
TRUSTING = ClientTLS((AUTHORITY.certificate,))


def with_(extension: TLSResume) -> list[Any]:
    """The standard extensions, with this one in its place."""
    return [extension if isinstance(each, TLSResume) else each for each in standard()]


def served(
    case: SynchronousTestCase, rigged: Rig, taken: list[Any], *names: str
) -> SMTPServerFactory:
    """
    Put a server of ours in the place of the scripted one.

    @param taken: gets what is known of TLS for each message.
    """

    def take(envelope: Any, body: Any) -> Reply:
        return OK

    class Journaled(TLSResume):
        """Notes what the server makes of each handshake."""

        def extendServer(self, server: Any) -> None:
            """See L{IServerExtension}."""
            TLSResume.extendServer(self, server)
            server.review(Stage.MAIL, note)

    def note(session: Any, recipient: Any) -> None:
        taken.append(session.secured)

    factory = SMTPServerFactory(
        rigged.network,
        take,
        name=names[0].encode(),
        extensions=with_(Journaled(HostList.parse(["*"]))),
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

    def test_refusedByTheHost(self) -> None:
        """A server that refuses STARTTLS says nothing of the session."""
        rigged = self.rigged(answered(b"STARTTLS", b"454 Not now").inSession(2))
        way = Way(RESUMES)
        rigged.send(way=way)
        self.assertIsNone(rigged.send(way=way).value.via.tls)
        got = rigged.send(way=way)
        self.assertIn(Resumption.OFFERED, got.value.via.tls.resumption)


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
