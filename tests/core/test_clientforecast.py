"""
Tests for early pipelining in L{smtpx.core.client}: a client that knows what the
peer will answer to EHLO does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import (
    ClientDialogue,
    Step,
    Transformation,
    flow,
    secure,
    send,
    sync,
)
from smtpx.core.effects import Close, GaveUp, Handshake, Ready
from smtpx.core.envelope import Envelope
from smtpx.core.grammar import FLAG
from smtpx.core.hooks import (
    Capability,
    Forecast,
    Hello,
    Phase,
    Refusal,
    RoutePolicy,
    Scope,
    SyncPoint,
    TLSInfo,
    TLSLevel,
)
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import ScriptedPeer, client, ehlo

from .made import MadeClient
from .peers import BROKEN, GREETING, HELLO, LOST, MAIL, OK, RCPT, envelope

GROUPS = Capability[bool](b"GROUPS", FLAG)
#: What becomes of a body; L{None}: nothing.
Transform = Callable[[Envelope, IBody], Refusal] | None

NO = reply(552, "5.3.4", b"Not like this")
UPGRADE = Capability[bool](b"UPGRADE", FLAG)


def hello(*keywords: bytes) -> Hello:
    """A response with these keywords."""
    return Hello(b"mx.example.org", tuple((word, None) for word in keywords))


def forecast(*keywords: bytes, secured: Hello | None = None) -> Forecast:
    """A forecast of these keywords in the clear."""
    return Forecast(hello(*keywords), secured)


def extension() -> IClientExtension:
    """Groups where GROUPS is offered, TLS where UPGRADE is."""

    def relax(session: IClientSession) -> SyncPoint:
        offered = session.offered(GROUPS)
        return SyncPoint.TRANSACTION if offered else SyncPoint.NONE

    def step(session: IClientSession) -> ClientDialogue | None:
        if session.secured is not None or session.policy.tls is TLSLevel.UNWANTED:
            return None
        if session.offered(UPGRADE) or session.guessed:
            return upgrade(session)
        return None

    def upgrade(session: IClientSession) -> ClientDialogue:
        if not session.offered(UPGRADE):
            yield from sync()
            if not session.offered(UPGRADE):
                return Step.DONE
        got = yield from send(b"UPGRADE")
        if got.refuses:
            return Step.DONE
        yield from secure()
        return Step.GREET_AGAIN

    def register(builder: IClientBuilder) -> None:
        builder.capability(GROUPS)
        builder.capability(UPGRADE)
        builder.relax(relax)
        builder.step(Phase.SECURE, step)

    return MadeClient(register)


CLEAR = RoutePolicy(tls=TLSLevel.UNWANTED)


def connecting(
    known: Forecast | None = None,
    policy: RoutePolicy = CLEAR,
    secured: TLSInfo | None = None,
    tls: TLSInfo | None = None,
) -> ScriptedPeer:
    """A peer that was not started."""
    connection = client(
        [extension()],
        policy=policy,
        secured=secured,
        forecast=known or forecast(b"GROUPS"),
    )
    return ScriptedPeer(connection, tls=tls)


class FirstFlightTests(SynchronousTestCase):
    """What is said before the greeting has come."""

    def test_wholeEnvelope(self) -> None:
        """EHLO, MAIL, RCPT and DATA, where TLS is not wanted."""
        peer = connecting()
        self.assertEqual(peer.start(), HELLO)
        self.assertEqual(peer.events, [Ready()])
        self.assertTrue(peer.connection.guessed)
        self.assertEqual(peer.deliver(envelope(), b"x"), MAIL + RCPT + b"DATA\r\n")
        peer.say(GREETING + ehlo(b"GROUPS"))
        self.assertFalse(peer.connection.guessed)
        self.assertFalse(peer.connection.forecastWrong)
        self.assertEqual(peer.say(OK + OK + b"354 go\r\n"), b"x\r\n.\r\n")
        peer.say(OK)
        self.assertEqual(peer.codes, [250])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_allRepliesAtOnceInAnyCut(self) -> None:
        """The replies may come together, or octet by octet."""
        answers = GREETING + ehlo(b"GROUPS") + OK + OK + b"354 go\r\n"
        for cut in (None, 1, 7):
            peer = connecting()
            peer.start()
            peer.deliver(envelope(), b"x")
            self.assertEqual(peer.say(answers, cut), b"x\r\n.\r\n")

    def test_withoutPermissionToGroup(self) -> None:
        """A forecast that allows EHLO only is waited for behind it."""
        peer = connecting(forecast(b"OTHER"))
        peer.start()
        self.assertEqual(peer.deliver(envelope()), b"")
        peer.say(GREETING)
        self.assertEqual(peer.say(ehlo(b"OTHER")), MAIL)

    def test_groupsComeAsASurprise(self) -> None:
        """What the peer offers beyond the forecast is used at once."""
        peer = connecting(forecast(b"OTHER"))
        peer.start()
        peer.deliver(envelope())
        self.assertEqual(
            peer.say(GREETING + ehlo(b"GROUPS")), MAIL + RCPT + b"DATA\r\n"
        )

    def test_noMAILInTheClearOnAGuess(self) -> None:
        """
        Where TLS is wanted, or only welcome, the real response decides: the
        forecast may be of before the peer had TLS.
        """
        for level in (TLSLevel.OPPORTUNISTIC, TLSLevel.ENCRYPTED):
            peer = connecting(policy=RoutePolicy(tls=level), tls=TLSInfo())
            self.assertEqual(peer.start(), HELLO)
            self.assertEqual(peer.events, [])
            peer.say(GREETING)
            self.assertEqual(peer.say(ehlo(b"GROUPS", b"UPGRADE")), b"UPGRADE\r\n")

    def test_coreHoldsMAILBack(self) -> None:
        """The core sees to it even where no extension knows of TLS."""
        group = MadeClient(lambda b: b.relax(lambda s: SyncPoint.TRANSACTION))
        peer = ScriptedPeer(client([group], forecast=forecast()))
        peer.start()
        self.assertEqual(peer.events, [Ready()])
        self.assertEqual(peer.deliver(envelope()), b"")
        self.assertEqual(peer.say(GREETING + ehlo()), MAIL + RCPT + b"DATA\r\n")

    def test_greetingRefusedWhileMAILIsHeldBack(self) -> None:
        """Such an envelope is for the same host, without a forecast."""
        group = MadeClient(lambda b: b.relax(lambda s: SyncPoint.TRANSACTION))
        peer = ScriptedPeer(client([group], forecast=forecast()))
        peer.start()
        peer.deliver(envelope())
        peer.say(b"554 5.5.0 Talking too early\r\n")
        self.assertEqual(peer.codes, [554])
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
        self.assertTrue(peer.connection.forecastWrong)

    def test_quitOnAGuess(self) -> None:
        """QUIT waits for what was guessed."""
        peer = connecting()
        peer.start()
        self.assertEqual(peer.quit(), b"")
        self.assertEqual(peer.say(GREETING + ehlo(b"GROUPS")), b"QUIT\r\n")


class SecuredTests(SynchronousTestCase):
    """Forecasts and TLS."""

    KNOWN = forecast(b"UPGRADE", secured=hello(b"GROUPS"))

    def test_firstFlights(self) -> None:
        """EHLO and STARTTLS in one flight; EHLO and MAIL in the next."""
        policy = RoutePolicy()
        peer = connecting(self.KNOWN, policy, tls=TLSInfo())
        self.assertEqual(peer.start(), HELLO + b"UPGRADE\r\n")
        peer.say(GREETING + ehlo(b"UPGRADE"))
        self.assertEqual(peer.say(b"220 go\r\n"), HELLO)
        self.assertIsInstance(peer.events[0], Handshake)
        self.assertEqual(peer.events[1:], [Ready()])
        self.assertEqual(peer.deliver(envelope()), MAIL + RCPT + b"DATA\r\n")
        self.assertTrue(peer.connection.guessed)
        peer.say(ehlo(b"GROUPS") + OK + OK + b"354 go\r\n")
        peer.say(OK)
        self.assertEqual(peer.codes, [250])

    def test_demandingRoutes(self) -> None:
        """
        What a route demands is decided on the handshake, and a MAIL goes early behind
        one that is good enough.
        """
        for level in (TLSLevel.ENCRYPTED, TLSLevel.VERIFIED):
            policy = RoutePolicy(tls=level)
            peer = connecting(self.KNOWN, policy, tls=TLSInfo(verified=True))
            peer.start()
            peer.say(GREETING + ehlo(b"UPGRADE") + b"220 go\r\n")
            self.assertTrue(peer.connection.guessed)
            self.assertEqual(peer.deliver(envelope()), MAIL + RCPT + b"DATA\r\n")

    def test_demandNotMet(self) -> None:
        """Behind one that is not, nothing of the message goes, early or late."""
        policy = RoutePolicy(tls=TLSLevel.VERIFIED)
        peer = connecting(self.KNOWN, policy, tls=TLSInfo(verified=False))
        peer.start()
        said = peer.say(GREETING + ehlo(b"UPGRADE") + b"220 go\r\n")
        self.assertNotIn(b"EHLO", said)
        self.assertFalse(peer.connection.ready)

    def test_implicitTLS(self) -> None:
        """There is only one EHLO then, and it is the secured one."""
        peer = connecting(self.KNOWN, RoutePolicy(), secured=TLSInfo())
        self.assertEqual(peer.start(), HELLO)
        self.assertEqual(peer.deliver(envelope()), MAIL + RCPT + b"DATA\r\n")

    def test_nothingKnownUnderTLS(self) -> None:
        """Then the response is waited for."""
        peer = connecting(forecast(b"UPGRADE"), RoutePolicy(), tls=TLSInfo())
        peer.start()
        self.assertEqual(peer.say(GREETING + ehlo(b"UPGRADE") + b"220 go\r\n"), HELLO)
        self.assertFalse(peer.connection.guessed)
        peer.say(ehlo())
        self.assertEqual(peer.events[1:], [Ready()])

    def test_notTwice(self) -> None:
        """A forecast that was wrong in the clear is not believed under TLS."""
        peer = connecting(self.KNOWN, RoutePolicy(), tls=TLSInfo())
        peer.start()
        peer.say(GREETING + ehlo(b"UPGRADE", b"NEW"))
        peer.say(b"220 go\r\n")
        self.assertTrue(peer.connection.forecastWrong)
        self.assertFalse(peer.connection.guessed)

    def test_upgradeRefused(self) -> None:
        """The rest goes on, on what the peer really said."""
        peer = connecting(self.KNOWN, RoutePolicy())
        peer.start()
        peer.say(GREETING + ehlo(b"UPGRADE") + b"454 not now\r\n")
        self.assertEqual(peer.events, [Ready()])
        self.assertFalse(peer.connection.guessed)


class WrongTests(SynchronousTestCase):
    """A forecast that does not hold."""

    def early(self) -> ScriptedPeer:
        """A peer that was sent an envelope on a guess."""
        peer = connecting()
        peer.start()
        peer.deliver(envelope(), b"x")
        return peer

    def test_otherKeywords(self) -> None:
        """What was refused on account of it is to be tried again without."""
        peer = self.early()
        peer.say(GREETING + ehlo(b"OTHER"))
        self.assertTrue(peer.connection.forecastWrong)
        self.assertEqual(peer.connection.peer, hello(b"OTHER"))
        self.assertEqual(peer.say(b"555 no\r\n" * 2 + b"503 no\r\n"), b"")
        self.assertEqual(peer.codes, [555])
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
        # The session knows the truth now, and may be used.
        self.assertEqual(peer.deliver(envelope()), MAIL)
        peer.say(b"550 never\r\n")
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_acceptedAllTheSame(self) -> None:
        """What was accepted is final."""
        peer = self.early()
        peer.say(GREETING + ehlo(b"OTHER") + OK + OK + b"354 go\r\n")
        peer.say(OK)
        self.assertEqual(peer.codes, [250])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_orderOfKeywords(self) -> None:
        """The same words in another order are the same."""
        peer = connecting(forecast(b"GROUPS", b"X"))
        peer.start()
        peer.say(GREETING + ehlo(b"X", b"GROUPS"))
        self.assertFalse(peer.connection.forecastWrong)

    def test_rightForecastAndRefused(self) -> None:
        """A refusal by a peer that was forecast rightly is a refusal."""
        peer = self.early()
        peer.say(GREETING + ehlo(b"GROUPS") + OK + b"550 5.1.1 Unknown\r\n")
        peer.say(b"554 none\r\n")
        self.assertEqual(peer.codes, [550])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_greetingRefused(self) -> None:
        """
        A peer that does not want early talk any more is not bounced on, as it
        says 554 to that and not to the message.
        """
        for answer in (b"554 5.5.0 sync\r\n", b"450 4.7.0 Not now\r\n"):
            peer = self.early()
            self.assertEqual(peer.say(answer), b"")
            self.assertIs(peer.settled[-1].scope, Scope.SESSION)
            self.assertEqual(len(peer.gaveUp), 1)
            self.assertEqual(peer.events[-1], Close())
            self.assertTrue(peer.connection.forecastWrong)

    def test_greetingOrEHLOOddly(self) -> None:
        """A 3yz is no greeting and no EHLO response."""
        for answers in (b"354 go\r\n", GREETING + b"354 go\r\n", b"rubbish\r\n"):
            peer = self.early()
            peer.say(answers)
            self.assertEqual(peer.codes, [451])
            self.assertIs(peer.settled[-1].scope, Scope.SESSION)
            self.assertEqual(peer.events[-2:], [GaveUp(BROKEN), Close()])

    def test_ehloRefused(self) -> None:
        """HELO is for another connection then: MAIL is already out."""
        peer = self.early()
        peer.say(GREETING + b"502 what?\r\n")
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
        self.assertEqual(
            peer.events[-2:], [GaveUp(Reply(502, None, (b"what?",))), Close()]
        )

    def test_lost(self) -> None:
        """A connection that is lost early is not the host's fault, either."""
        for heard in (b"", GREETING, GREETING + ehlo(b"GROUPS") + OK):
            peer = self.early()
            peer.say(heard)
            peer.lost()
            self.assertEqual([r for _, r in peer.settled[-1].outcomes], [LOST])
            self.assertIs(peer.settled[-1].scope, Scope.SESSION)

    def test_lostLater(self) -> None:
        """What was not begun on a guess is lost like any other."""
        peer = connecting()
        peer.start()
        peer.say(GREETING + ehlo(b"GROUPS"))
        peer.deliver(envelope())
        peer.lost()
        self.assertIs(peer.settled[-1].scope, Scope.HOST)

    def test_lostWhileIdle(self) -> None:
        """Then only the session ends; the forecast is not to be believed."""
        peer = connecting()
        peer.start()
        peer.lost()
        self.assertEqual(peer.events, [Ready(), GaveUp(None)])
        self.assertTrue(peer.connection.forecastWrong)

    def test_learnt(self) -> None:
        """Those who learn hear what came, or that nothing did."""
        seen: list[Hello | None] = []
        learner = MadeClient(lambda b: b.learn(lambda s, heard: seen.append(heard)))
        for answer, heard in (
            (GREETING + ehlo(b"A"), hello(b"A")),
            (b"554 no\r\n", None),
        ):
            peer = ScriptedPeer(client([learner], forecast=forecast(b"GROUPS")))
            peer.start()
            peer.say(answer)
            self.assertEqual(seen.pop(), heard)

    def test_truthComesWhileTheBodyIsRead(self) -> None:
        """
        What is sent behind a transform that took its time goes as the peer says
        that it may, not as was forecast; and is read once more where that was wrong,
        as it was made to fit something else.
        """

        def reading(message: Envelope, body: IBody) -> Transformation:
            yield from flow()
            return body

        slow = MadeClient(lambda b: b.transform(lambda s, e: reading), "slow")
        for keyword, times, said in (
            (b"GROUPS", 1, MAIL + RCPT + b"DATA\r\n"),
            (b"OTHER", 2, MAIL),
        ):
            connection = client(
                [extension(), slow], policy=CLEAR, forecast=forecast(b"GROUPS")
            )
            peer = ScriptedPeer(connection, flowing=False)
            self.assertEqual(peer.start(), HELLO)
            self.assertEqual(peer.deliver(envelope(), b"x"), b"")
            self.assertEqual(peer.say(GREETING + ehlo(keyword)), b"")
            for _ in range(times - 1):
                self.assertEqual(peer.resume(), b"")
            self.assertEqual(peer.resume(), said)

    def test_refusedOnAGuess(self) -> None:
        """
        What would be refused on account of the forecast is not refused before the
        peer has said so; then it is gone about as it says.
        """

        def admit(session: IClientSession, message: Envelope) -> Refusal | None:
            return None if session.offered(GROUPS) else Refusal(NO, Scope.HOST)

        def choose(session: IClientSession, message: Envelope) -> Transform:
            return None if session.offered(GROUPS) else refusing

        def refusing(message: Envelope, body: IBody) -> Refusal:
            return Refusal(NO, Scope.HOST)

        for register in (
            lambda b: b.admit(admit),
            lambda b: b.transform(choose),
        ):
            for really, said, codes in (
                (b"GROUPS", MAIL + RCPT + b"DATA\r\n", []),
                (b"OTHER", b"", [552]),
            ):
                made = MadeClient(register, "strict")
                known = client(
                    [extension(), made], policy=CLEAR, forecast=forecast(b"OTHER")
                )
                peer = ScriptedPeer(known)
                peer.start()
                self.assertEqual(peer.deliver(envelope(), b"x"), b"")
                self.assertEqual(peer.settled, [])
                self.assertEqual(peer.say(GREETING + ehlo(really)), said)
                self.assertEqual(peer.codes if peer.settled else [], codes)

    def test_cutOffByOurselves(self) -> None:
        """
        What we cut off, or what never came about, says nothing of what the peer would
        have answered.
        """
        seen: list[Hello | None] = []
        learner = MadeClient(lambda b: b.learn(lambda s, heard: seen.append(heard)))
        for name in ("abandoned", "opening", None):
            peer = ScriptedPeer(client([learner], forecast=forecast(b"GROUPS")))
            if name is not None:
                setattr(peer.connection, name, True)
            peer.start()
            peer.lost()
        self.assertEqual(seen, [None])
