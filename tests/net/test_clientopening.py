"""
Tests for L{smtpx.net.clientopening}.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from OpenSSL.SSL import Error
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import RoutePolicy, TLSInfo, TLSLevel, TLSOptions
from smtpx.core.hostlist import HostList
from smtpx.core.tlssession import TLSSession
from smtpx.extensions.tlsresume import ITicketStore, TicketKey, TLSResume
from smtpx.net import dialling
from smtpx.net.client import ClientProtocol
from smtpx.net.fastopen import Opened
from smtpx.net.fastopenhosts import FastOpenHosts
from smtpx.net.sending import Unreached, Way
from smtpx.tls.interfaces import IClientTLS

from .clients import ADDRESS, HOST, rig

_ADDRESS = ADDRESS.encode("ascii")
_IMPLICIT = Way(RoutePolicy(TLSLevel.ENCRYPTED), implicitTLS=True)
_SENT = b"[hello]"
_SESSION = TLSSession(b"session", 1000.0)


@implementer(IClientTLS)
class Hellos:
    """
    TLS as far as the shell sees it.

    @ivar rooms: what each hello had room for.
    @ivar shares: the groups that had been asked for before.
    """

    mark = b"[trust]"

    def __init__(self, repeated: bool = False, sessions: bool = True) -> None:
        """
        @param sessions: is there always room for a session?
        """
        self.rooms: list[int | None] = []
        self.shares: list[str | None] = []
        self._repeated = repeated
        self._sessions = sessions

    def creator(self, options: TLSOptions) -> Any:
        """What goes into C{startTLS}."""
        self.rooms.append(options.room)
        self.shares.append(options.share)
        return self

    def info(self, connection: Any, options: TLSOptions) -> TLSInfo:
        """What the handshake came to."""
        return TLSInfo(repeated=self._repeated, group="X25519")

    def session(
        self, connection: Any, options: TLSOptions, info: TLSInfo, now: float
    ) -> TLSSession | None:
        """There is none."""
        return None

    def shortened(self, connection: Any) -> bool:
        """All are that have little room."""
        return self.rooms[-1] is not None

    def roomless(self, connection: Any) -> bool:
        """Is there room for a session?"""
        return not self._sessions


@implementer(ITicketStore)
class Tickets:
    """
    A store that always has one session.

    @ivar taken: how often it was taken.
    @ivar kept: what was put away.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.kept: list[TLSSession] = []

    def take(self, key: TicketKey) -> TLSSession | None:
        """See L{ITicketStore}."""
        self.taken += 1
        return _SESSION

    def keep(self, key: TicketKey, session: TLSSession) -> None:
        """See L{ITicketStore}."""
        self.kept.append(session)

    def forget(self, key: TicketKey) -> None:
        """See L{ITicketStore}."""


class Opening(StringTransport):
    """
    A connection whose SYN has not been answered.
    """

    opening = True
    room = 1420
    cut: int | None = None

    def startTLS(self, creator: Any) -> None:
        """TLS begins."""
        self.write(_SENT)

    def getHandle(self) -> None:
        """The TLS connection, which nobody looks at."""

    def abortConnection(self) -> None:
        """The connection is cut off."""


class HelloTests(SynchronousTestCase):
    """How much room a hello has."""

    def setUp(self) -> None:
        """A client that opens connections fast."""
        self.hosts = FastOpenHosts(HostList.parse(["*"]), lambda: 0.0)
        self.tls = Hellos()

    def connect(self, transport: Opening) -> ClientProtocol:
        """Begin a connection."""
        kit = rig(fastOpen=self.hosts, tls=self.tls).pool.kit
        client = ClientProtocol(kit, HOST.name, _IMPLICIT, address=_ADDRESS, port=25)
        client.makeConnection(transport)
        return client

    def test_rides(self) -> None:
        """
        A hello that rides on the SYN is told how much room there is.
        """
        transport = Opening()
        client = self.connect(transport)
        self.assertEqual(self.tls.rooms, [1420])
        self.assertTrue(client.shortened)
        client.connectionOpened(Opened.CARRYING)
        client.handshakeCompleted()
        self.assertEqual(self.hosts.roomFor(_ADDRESS, 25, 1420), 1420)

    def test_sessionGivenBack(self) -> None:
        """
        A session for which there is no room is put back; one that is offered is not.
        """
        for room, kept in ((True, 0), (False, 1)):
            self.tls = Hellos(sessions=room)
            store = Tickets()
            kit = rig(
                extensions=[TLSResume(store=store)], fastOpen=self.hosts, tls=self.tls
            ).pool.kit
            way = evolve(_IMPLICIT, policy=evolve(_IMPLICIT.policy, resumes=True))
            client = ClientProtocol(kit, HOST.name, way, address=_ADDRESS, port=25)
            client.makeConnection(Opening())
            self.assertEqual(store.taken, 1)
            self.assertEqual(store.kept, [_SESSION] * kept)
            assert client.core is not None
            options = client.core.sessions.options
            assert options is not None
            self.assertEqual(options.session, None if kept else _SESSION)

    def test_open(self) -> None:
        """
        On a connection that is open already there is no limit.
        """
        transport = Opening()
        transport.opening = False
        self.assertFalse(self.connect(transport).shortened)
        self.assertEqual(self.tls.rooms, [None])

    def test_passedOver(self) -> None:
        """
        A host that does not take a hello out of the SYN is spared, though no SMTP was
        said.
        """
        client = self.connect(Opening())
        client.connectionOpened(Opened.EARLY)
        self.assertFalse(self.hosts.mayTry(HOST.name, _ADDRESS, 25))

    def test_lessRoom(self) -> None:
        """
        Where less left with the SYN than there seemed room for, the next hello is cut
        down to that.
        """
        transport = Opening()
        client = self.connect(transport)
        client._connection = transport  # type: ignore[assignment]  # as of a socket
        transport.cut = 1360
        client.connectionOpened(Opened.CARRYING)
        self.connect(Opening())
        self.assertEqual(self.tls.rooms, [1420, 1360])

    def test_repeated(self) -> None:
        """
        A host that asked for another hello gets one like that the next time; if it
        asks again all the same, whole ones from then on.
        """
        self.tls = Hellos(repeated=True)
        for _ in range(2):
            client = self.connect(Opening())
            client.connectionOpened(Opened.CARRYING)
            client.handshakeCompleted()
        self.assertFalse(self.connect(Opening()).shortened)
        self.assertEqual(self.tls.rooms, [1420, 1420, None])
        self.assertEqual(self.tls.shares, [None, "X25519", "X25519"])

    def test_taken(self) -> None:
        """Nothing is learnt of a hello that was taken as it was."""
        client = self.connect(Opening())
        client.connectionOpened(Opened.CARRYING)
        client.handshakeCompleted()
        self.connect(Opening())
        self.assertEqual(self.tls.rooms, [1420, 1420])
        self.assertEqual(self.tls.shares, [None, None])

    def test_failed(self) -> None:
        """
        So does one with which the handshake failed, whatever the reason; and one that
        never answered.
        """
        client = self.connect(Opening())
        client.connectionOpened(Opened.CARRYING)
        client.connectionLost(Failure(Error([("SSL", "", "handshake failure")])))
        self.assertTrue(client.brokeTLS)
        self.failureResultOf(client.whenReady(), Unreached)
        self.assertFalse(self.connect(Opening()).shortened)


class AgainTests(SynchronousTestCase):
    """A handshake that failed for what was cut."""

    def test_atOnce(self) -> None:
        """
        It is tried again at once at the same address, with a whole hello; and not for
        ever.
        """
        hosts = FastOpenHosts(HostList.parse(["*"]), lambda: 0.0)
        tls = Hellos()
        rigged = rig(fastOpen=hosts, tls=tls)
        tried: list[str] = []

        def connectFast(
            reactor: Any, address: str, port: int, attempt: Any, *_: Any
        ) -> None:
            tried.append(address)
            protocol = attempt.buildProtocol(None)
            protocol.makeConnection(Opening())
            protocol.connectionOpened(Opened.CARRYING)
            reactor.callLater(0.1, protocol.connectionLost, Failure(ConnectionDone()))

        self.patch(dialling, "connectFast", connectFast)
        got = rigged.send(way=_IMPLICIT)
        rigged.network.run(2)
        self.assertIsNot(got.error, None)
        self.assertEqual(tried, [ADDRESS, ADDRESS])
        self.assertEqual(tls.rooms, [1420, None])
