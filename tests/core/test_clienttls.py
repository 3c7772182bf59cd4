"""
Tests for TLS in L{smtpx.core.client}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import ClientDialogue, Step, secure, send
from smtpx.core.effects import (
    Close,
    GaveUp,
    Handshake,
    Ready,
    Trouble,
)
from smtpx.core.errors import UsageError
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import (
    Capability,
    Hello,
    Phase,
    RoutePolicy,
    TLSInfo,
    TLSLevel,
    TLSOptions,
)
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientSession,
)
from smtpx.core.reply import LOCAL_ERROR
from smtpx.core.tlsa import DANE, TLSA
from smtpx.testing.client import ScriptedPeer, client, ehlo

from .made import MadeClient
from .peers import (
    BROKEN,
    HELLO,
    NO_TLS,
    stepping,
)

RECORDS = DANE(b"mx.example.org", (TLSA(3, 1, 1, b"x" * 32),))


class SecureTests(SynchronousTestCase):
    """TLS on the connection."""

    OLD = Capability[bool](b"OLD", FLAG)

    def step(self, session: IClientSession) -> ClientDialogue | None:
        """Begin TLS, as STARTTLS does."""
        return None if session.secured is not None else self.upgrade()

    def upgrade(self) -> ClientDialogue:
        """The dialogue of L{step}."""
        got = yield from send(b"TLS")
        if got.refuses:
            return Step.GIVE_UP
        yield from secure()
        return Step.GREET_AGAIN

    def begun(
        self,
        policy: RoutePolicy = RoutePolicy(),  # noqa: B008
        tls: TLSInfo | None = None,
    ) -> ScriptedPeer:
        """A peer that was asked for TLS."""
        offers = MadeClient(lambda builder: builder.capability(self.OLD), "offers")
        extensions = [offers, *stepping(self.step)]
        peer = ScriptedPeer(client(extensions, policy=policy), tls=tls)
        self.assertEqual(peer.open(b"OLD"), b"TLS\r\n")
        return peer

    def test_handshakeThenEHLO(self) -> None:
        """What was said in the clear is forgotten (RFC 3207 section 4.2)."""
        peer = self.begun()
        peer.connection.authenticated = True
        self.assertTrue(peer.connection.offered(self.OLD))
        self.assertEqual(peer.say(b"220 go\r\n"), b"")
        self.assertEqual(
            peer.events, [Handshake(TLSOptions(serverName=b"mx.example.org"))]
        )
        self.assertEqual(peer.answer(TLSInfo()), HELLO)
        self.assertIsNone(peer.connection.peer)
        self.assertFalse(peer.connection.offered(self.OLD))
        self.assertFalse(peer.connection.authenticated)
        self.assertEqual(peer.connection.secured, TLSInfo())
        peer.say(ehlo(b"NEW"))
        self.assertEqual(peer.events[1:], [Ready()])

    def test_clearTextBehindTheGoAhead(self) -> None:
        """What somebody put there is not taken for the server's word under TLS."""
        for extra in (b"250 mx\r\n", b"250", b"250-mx\r\n"):
            peer = self.begun(tls=TLSInfo())
            self.assertEqual(peer.say(b"220 go\r\n" + extra), b"")
            self.assertEqual(peer.events[-2:], [GaveUp(BROKEN), Close()])

    def test_clearTextDuringTheHandshake(self) -> None:
        """Nor what comes while the handshake is made."""
        peer = self.begun()
        peer.say(b"220 go\r\n")
        peer.say(b"2")
        self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])
        self.assertEqual(peer.answer(TLSInfo()), b"")

    def test_handshakeAnsweredWithSomethingElse(self) -> None:
        """Only a handshake's outcome answers a handshake."""
        peer = self.begun()
        peer.say(b"220 go\r\n")
        self.assertRaises(UsageError, peer.answer, True)

    def test_handshakeFailed(self) -> None:
        """The shell says that the connection is lost."""
        peer = self.begun()
        peer.say(b"220 go\r\n")
        peer.lost()
        self.assertEqual(peer.events[1:], [GaveUp(None)])

    def test_lostBeforeTheSecondEHLO(self) -> None:
        """What the peer says under TLS was never heard then, and is learnt so."""
        seen: list[Hello | None] = []

        def register(builder: IClientBuilder) -> None:
            builder.step(Phase.SECURE, self.step)
            builder.learn(lambda session, hello: seen.append(hello))

        peer = ScriptedPeer(client([MadeClient(register)]), tls=TLSInfo())
        peer.open()
        peer.say(b"220 go\r\n")
        peer.lost()
        self.assertEqual(seen, [Hello(b"mx.example.org"), None])

    def test_routeThatHasToBeVerified(self) -> None:
        """An unverified peer is told QUIT at once, before any password."""
        policy = RoutePolicy(tls=TLSLevel.VERIFIED)
        peer = self.begun(policy, TLSInfo(verified=False))
        self.assertEqual(peer.say(b"220 go\r\n"), b"QUIT\r\n")
        options = TLSOptions(serverName=b"mx.example.org", verified=True)
        self.assertEqual(
            peer.events, [Handshake(options), GaveUp(NO_TLS, Phase.SECURE)]
        )
        peer = self.begun(policy, TLSInfo(verified=True))
        self.assertEqual(peer.say(b"220 go\r\n"), HELLO)

    def test_allThatIsDemandedIsAskedOfTheHandshake(self) -> None:
        """The TLS room is told what the certificate has to be."""
        names = frozenset({frozenset({b"example.org"})})
        policy = RoutePolicy(TLSLevel.VERIFIED, names=names, dane=RECORDS, watched=True)
        peer = self.begun(policy, TLSInfo(verified=True, dane=True))
        self.assertEqual(peer.say(b"220 go\r\n"), HELLO)
        [handshake] = [each for each in peer.events if isinstance(each, Handshake)]
        options = TLSOptions(
            serverName=b"mx.example.org",
            verified=True,
            names=names,
            dane=RECORDS,
            watched=True,
        )
        self.assertEqual(handshake.options, options)

    def test_recordsDemandThatTheyAreMatched(self) -> None:
        """
        RFC 7672 section 2.2: where a host has TLSA records, a certificate that is good
        by a trusted chain will not do.
        """
        policy = RoutePolicy(TLSLevel.VERIFIED, dane=RECORDS)
        peer = self.begun(policy, TLSInfo(verified=True))
        self.assertEqual(peer.say(b"220 go\r\n"), b"QUIT\r\n")

    def test_routeThatHasToBeEncrypted(self) -> None:
        """Without TLS such a route is given up; any certificate will do."""
        policy = RoutePolicy(tls=TLSLevel.ENCRYPTED)
        peer = ScriptedPeer(client(policy=policy))
        self.assertEqual(peer.open(), b"QUIT\r\n")
        self.assertEqual(peer.events, [GaveUp(NO_TLS, Phase.SECURE)])
        peer = self.begun(policy, TLSInfo(verified=False))
        peer.say(b"220 go\r\n")
        peer.say(ehlo())
        self.assertEqual(peer.events[-1], Ready())

    def test_stepThatCannotEncrypt(self) -> None:
        """A step that gives up without a refusal, for want of TLS."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from ()
            return Step.GIVE_UP

        policy = RoutePolicy(tls=TLSLevel.ENCRYPTED)
        peer = ScriptedPeer(client(stepping(step), policy=policy))
        peer.open()
        self.assertEqual(peer.events, [GaveUp(NO_TLS, Phase.SECURE)])

    def test_lenientRoute(self) -> None:
        """Better delivered than secure (RFC 8689 section 5)."""
        policy = RoutePolicy(tls=TLSLevel.VERIFIED, lenient=True)
        peer = ScriptedPeer(client(policy=policy))
        peer.open()
        self.assertEqual(peer.events, [Ready()])

    def test_implicitTLS(self) -> None:
        """TLS from the first octet: no word without a good certificate."""
        policy = RoutePolicy(tls=TLSLevel.VERIFIED)
        peer = ScriptedPeer(client(policy=policy, secured=TLSInfo()))
        self.assertEqual(peer.start(), b"")
        self.assertEqual(peer.events, [GaveUp(NO_TLS, Phase.SECURE), Close()])
        peer = ScriptedPeer(client(policy=policy, secured=TLSInfo(verified=True)))
        peer.open()
        self.assertEqual(peer.events, [Ready()])

    def test_extensionsTuneTheHandshake(self) -> None:
        """Each may change the options; its trouble is the session's end."""

        def register(builder: IClientBuilder) -> None:
            builder.step(Phase.SECURE, self.step)
            builder.tls(lambda session, options: TLSOptions(tickets=True))

        peer = ScriptedPeer(client([MadeClient(register)]))
        peer.open()
        peer.say(b"220 go\r\n")
        self.assertEqual(peer.events, [Handshake(TLSOptions(tickets=True))])

        error = ValueError()

        def fail(session: IClientSession, options: TLSOptions) -> TLSOptions:
            raise error

        def registerBad(builder: IClientBuilder) -> None:
            builder.step(Phase.SECURE, self.step)
            builder.tls(fail)

        peer = ScriptedPeer(client([MadeClient(registerBad)]))
        peer.open()
        # No QUIT: the peer waits for a handshake.
        self.assertEqual(peer.say(b"220 go\r\n"), b"")
        self.assertEqual(
            peer.events, [Trouble("made", error), GaveUp(LOCAL_ERROR), Close()]
        )
