"""
Tests for what a shell asks of a client connection besides effects: what it waits
for, at what each outcome came about, whether the peer may have the message, and
what the peer said of itself.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import (
    BodyDialogue,
    ClientDialogue,
    Question,
    Step,
    ask,
    emit,
    secure,
    send,
    settle,
)
from smtpx.core.effects import Awaited, GaveUp, Settled, Trouble
from smtpx.core.errors import PeerError
from smtpx.core.grammar import KEYWORD
from smtpx.core.hooks import (
    BatchLimits,
    Capability,
    Carrier,
    Forecast,
    Hello,
    Phase,
    Refusal,
    RoutePolicy,
    Scope,
    Stage,
    TLSLevel,
)
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import OctetsBody, ScriptedPeer, client, ehlo

from .made import MadeClient
from .peers import (
    BROKEN,
    GO,
    GREETING,
    LOST,
    OK,
    TAKEN,
    UNSURE,
    envelope,
    grouping,
    opened,
    outcomes,
    stepping,
    three,
)

NO = b"550 no\r\n"


def chunked(session: IClientSession, body: IBody) -> BodyDialogue:
    """A carrier that sends each piece as a chunk and waits for its reply."""
    got = Reply(250, None, (b"nothing",))
    for piece in body.pieces():
        slot = yield from emit(b"CHUNK\r\n" + piece)
        got = yield from settle(slot)
    return got


def carrying(early: bool = True) -> IClientExtension:
    """An extension with that carrier."""
    carrier = Carrier(10, chunked, early)
    return MadeClient(lambda builder: builder.carrier(lambda s, e: carrier), "carrier")


class AwaitedTests(SynchronousTestCase):
    """What is waited for, and so which time limit holds."""

    def awaited(self, peer: ScriptedPeer, *answers: bytes) -> list[Awaited]:
        """What is waited for now, and behind each of these."""
        found = [peer.connection.awaited]
        for answer in answers:
            peer.say(answer)
            found.append(peer.connection.awaited)
        return found

    def test_wholeSession(self) -> None:
        """RFC 5321 section 4.5.3.2 has a limit for each moment of it."""
        peer = ScriptedPeer(client())
        self.assertIs(peer.connection.awaited, Awaited.NOTHING)
        peer.start()
        self.assertEqual(
            self.awaited(peer, GREETING, ehlo()),
            [Awaited.GREETING, Awaited.HELLO, Awaited.NOTHING],
        )
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(
            self.awaited(peer, OK, OK, GO, TAKEN),
            [
                Awaited.MAIL,
                Awaited.RCPT,
                Awaited.DATA,
                Awaited.FINAL,
                Awaited.NOTHING,
            ],
        )
        peer.quit()
        self.assertEqual(
            self.awaited(peer, b"221 bye\r\n"), [Awaited.GOODBYE, Awaited.NOTHING]
        )

    def test_oldestReplyCounts(self) -> None:
        """Of commands that left together, the first without a reply."""
        peer = opened(grouping())
        peer.deliver(three(), b"x\r\n")
        self.assertEqual(
            self.awaited(peer, OK, OK, NO, OK, GO),
            [
                Awaited.MAIL,
                Awaited.RCPT,
                Awaited.RCPT,
                Awaited.RCPT,
                Awaited.DATA,
                Awaited.FINAL,
            ],
        )

    def test_repliesAreCounted(self) -> None:
        """Octets that are no whole reply are no progress."""
        peer = opened(grouping())
        peer.deliver(three(), b"x\r\n")
        before = peer.connection.replies
        peer.say(b"250-sl")
        peer.say(b"ow\r\n250-er\r\n")
        self.assertEqual(peer.connection.replies, before)
        peer.say(b"250 ok\r\n" + OK)
        self.assertEqual(peer.connection.replies, before + 2)

    def test_helloRefused(self) -> None:
        """HELO is waited for as EHLO is."""
        peer = ScriptedPeer(client())
        peer.start()
        peer.say(GREETING)
        self.assertEqual(self.awaited(peer, b"502 what?\r\n")[1], Awaited.HELLO)

    def test_reset(self) -> None:
        """An idle connection may still be owed a reply."""
        peer = opened()
        peer.deliver(envelope())
        self.assertEqual(
            self.awaited(peer, OK, NO, OK),
            [Awaited.MAIL, Awaited.RCPT, Awaited.COMMAND, Awaited.NOTHING],
        )

    def test_room(self) -> None:
        """A body waits for room."""
        peer = opened()
        peer.flowing = False
        peer.deliver(envelope(), OctetsBody(b"abcd\r\n", 3))
        self.assertEqual(self.awaited(peer, OK, OK, GO)[-1], Awaited.BODY)

    def test_stepsOfExtensions(self) -> None:
        """A command, a question, a handshake."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from send(b"FIRST")
            yield from ask(Question[None]())
            yield from secure()
            return Step.GREET_AGAIN

        def once(session: IClientSession) -> ClientDialogue | None:
            return step(session) if session.secured is None else None

        peer = ScriptedPeer(client(stepping(once)))
        peer.open()
        self.assertIs(peer.connection.awaited, Awaited.COMMAND)
        peer.say(OK)
        self.assertIs(peer.connection.awaited, Awaited.ANSWER)
        peer.answer(None)
        self.assertIs(peer.connection.awaited, Awaited.HANDSHAKE)


class StagesTests(SynchronousTestCase):
    """At what outcomes came about."""

    def stages(self, peer: ScriptedPeer) -> list[Stage | None]:
        """Those of the last envelope."""
        return list(peer.settled[-1].stages)

    def test_mail(self) -> None:
        """The sender was turned down: that is what all are told."""
        peer = opened(grouping())
        peer.deliver(three())
        for answer in (NO, NO, NO, NO, NO):
            peer.say(answer)
        self.assertEqual(self.stages(peer), [Stage.MAIL] * 3)

    def test_someRecipients(self) -> None:
        """Each has its own."""
        peer = opened()
        peer.deliver(three(), b"x\r\n")
        for answer in (OK, OK, NO, OK, GO, NO):
            peer.say(answer)
        self.assertEqual(self.stages(peer), [Stage.MESSAGE, Stage.RCPT, Stage.MESSAGE])

    def test_data(self) -> None:
        """No go-ahead."""
        peer = opened()
        peer.deliver(envelope())
        for answer in (OK, OK, NO, OK):
            peer.say(answer)
        self.assertEqual(self.stages(peer), [Stage.DATA])

    def test_carrier(self) -> None:
        """What an extension carried is turned down as a message."""
        peer = opened(carrying())
        peer.deliver(envelope(), b"ab")
        for answer in (OK, OK, NO, OK):
            peer.say(answer)
        self.assertEqual(self.stages(peer), [Stage.MESSAGE])

    def test_ourOwn(self) -> None:
        """Addresses that would be two commands, and what no peer was asked."""
        peer = opened()
        peer.deliver(envelope(b"b@mx.example\r\nQUIT", b"c@mx.example"), b"x\r\n")
        for answer in (OK, OK, GO, TAKEN):
            peer.say(answer)
        self.assertEqual(self.stages(peer), [Stage.RCPT, Stage.MESSAGE])
        peer.deliver(envelope(sender=b"a\r\n@x"))
        self.assertEqual(self.stages(peer), [Stage.MAIL])

    def test_admission(self) -> None:
        """What cannot go over this session is the message's fault."""
        refusal = Refusal(reply(550, "5.6.7", b"no"), Scope.HOST)
        peer = opened(MadeClient(lambda b: b.admit(lambda s, e: refusal)))
        peer.deliver(envelope())
        self.assertEqual(self.stages(peer), [Stage.MESSAGE])

    def test_lost(self) -> None:
        """Nobody turned anything down."""
        peer = opened()
        peer.deliver(three())
        peer.say(OK + NO)
        peer.lost()
        self.assertEqual(self.stages(peer), [None] * 3)

    def test_tooMany(self) -> None:
        """Recipients above the limit are RCPT's; a message put off is not."""
        limited = MadeClient(lambda b: b.batch(lambda s: BatchLimits(recipients=1)))
        for final, expected in ((TAKEN, Stage.RCPT), (b"451 no\r\n", Stage.MESSAGE)):
            peer = opened(limited)
            peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"x\r\n")
            for answer in (OK, OK, GO, final):
                peer.say(answer)
            self.assertEqual(self.stages(peer), [Stage.MESSAGE, expected])


class UnsureTests(SynchronousTestCase):
    """Connections that are lost behind the message (RFC 1047)."""

    def unsure(self, peer: ScriptedPeer) -> bool:
        """Whether the last message may have been taken; then no other host is
        asked at once."""
        settled = peer.settled[-1]
        expected = Scope.MESSAGE if settled.unsure else Scope.HOST
        self.assertIs(settled.scope, expected)
        return settled.unsure

    def test_betweenChunks(self) -> None:
        """A message of which a chunk is missing was not taken."""
        for answered, unsure in ((0, False), (1, False), (2, True)):
            peer = opened(carrying())
            peer.deliver(envelope(), OctetsBody(b"c" * 60, 20))
            for answer in (OK, OK, *[OK] * answered):
                peer.say(answer)
            peer.lost()
            self.assertIs(self.unsure(peer), unsure)

    def test_everybodyRefused(self) -> None:
        """Then there was nobody to take it for."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"ab")
        peer.say(OK + NO + NO)
        peer.lost()
        self.assertEqual([code.code for code in outcomes(peer)], [550, 550])
        self.assertFalse(self.unsure(peer))

    def test_421(self) -> None:
        """A peer that says 421 to the message has not taken it."""
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO, b"421 4.3.2 Closing\r\n"):
            peer.say(answer)
        self.assertEqual(outcomes(peer)[0].code, 421)
        self.assertFalse(self.unsure(peer))

    def test_rubbish(self) -> None:
        """What makes no sense may have meant anything."""
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO, b"Fine!\r\n"):
            peer.say(answer)
        self.assertEqual(outcomes(peer), [BROKEN])
        self.assertTrue(self.unsure(peer))

    def test_forecast(self) -> None:
        """
        Begun on a guess: before the peer has said what it is, it is tried again
        without one; after that it may have been taken.
        """
        hello = Hello(b"mx.example.org")
        for heard, scope in ((b"", Scope.SESSION), (GREETING + ehlo(), Scope.MESSAGE)):
            peer = ScriptedPeer(
                client(
                    [carrying(), grouping()],
                    forecast=Forecast(clear=hello),
                    policy=RoutePolicy(TLSLevel.UNWANTED),
                )
            )
            peer.start()
            peer.deliver(envelope(), b"ab")
            peer.say(heard)
            peer.lost()
            self.assertIs(peer.settled[-1].scope, scope)
            self.assertIs(peer.settled[-1].unsure, scope is Scope.MESSAGE)
            expected = UNSURE if scope is Scope.MESSAGE else LOST
            self.assertEqual(outcomes(peer), [expected])

    def test_reason(self) -> None:
        """Who cuts the connection off can say why, unless the peer may have it."""
        why = reply(451, "4.4.1", b"No answer in time")
        for upTo, expected in ((1, why), (3, UNSURE)):
            peer = opened()
            peer.deliver(envelope(), b"x\r\n")
            for answer in (OK, OK, GO)[:upTo]:
                peer.say(answer)
            settled, gaveUp = peer.connection.lost(why)
            assert isinstance(settled, Settled)
            self.assertEqual([got for _, got in settled.outcomes], [expected])
            self.assertEqual(gaveUp, GaveUp(None))


class GivingUpTests(SynchronousTestCase):
    """Why a session did not come about."""

    def test_noWayToLogIn(self) -> None:
        """A step that cannot log in says in which phase, and why in our words."""

        def step(session: IClientSession) -> ClientDialogue:
            yield from send(b"PLEASE")
            return Step.GIVE_UP

        builder = MadeClient(lambda b: b.step(Phase.AUTHENTICATE, step))
        peer = ScriptedPeer(client([builder]))
        peer.open()
        peer.say(OK)
        why = reply(451, "4.7.0", b"Peer has no way to log in that may be used here")
        self.assertEqual(peer.events, [GaveUp(why, Phase.AUTHENTICATE)])

    def test_saidAll(self) -> None:
        """Behind QUIT, and not before it, our half can be closed."""
        peer = opened()
        peer.deliver(envelope())
        peer.say(OK)
        peer.say(NO)
        peer.quit()
        self.assertFalse(peer.connection.saidAll)
        self.assertEqual(peer.say(OK), b"QUIT\r\n")
        self.assertTrue(peer.connection.saidAll)


class PeerTests(SynchronousTestCase):
    """What the peer said of itself."""

    def test_greetingAndHello(self) -> None:
        """Both are kept as they were said, for reports."""
        peer = ScriptedPeer(client())
        peer.start()
        self.assertIsNone(peer.connection.greeting)
        peer.say(GREETING)
        peer.say(ehlo(b"SIZE 1"))
        self.assertEqual(
            peer.connection.greeting, Reply(220, None, (b"mx.example.org ESMTP",))
        )
        self.assertEqual(
            peer.connection.greeted, Reply(250, None, (b"mx.example.org", b"SIZE 1"))
        )

    def test_early(self) -> None:
        """Also where EHLO left before the greeting came."""
        hello = Hello(b"mx.example.org")
        peer = ScriptedPeer(client(forecast=Forecast(clear=hello)))
        peer.start()
        peer.say(GREETING + ehlo())
        greeting, greeted = peer.connection.greeting, peer.connection.greeted
        assert greeting is not None and greeted is not None
        self.assertEqual((greeting.code, greeted.code), (220, 250))

    def test_refused(self) -> None:
        """A refusal is kept, too."""
        peer = ScriptedPeer(client())
        peer.start()
        peer.say(b"554 5.3.2 Not today\r\n")
        self.assertEqual(peer.connection.greeting, reply(554, "5.3.2", b"Not today"))

    def test_ignoredKeywords(self) -> None:
        """
        A keyword that the peer is not believed is as good as not offered; older
        spellings of it, too.
        """
        chunks = Capability(b"CHUNKS", KEYWORD, aliases=(b"X_CHUNKS",))
        other = Capability(b"OTHER", KEYWORD)

        def register(builder: IClientBuilder) -> None:
            builder.capability(chunks)
            builder.capability(other)

        for ignored in (frozenset({b"CHUNKS"}), frozenset[bytes]()):
            peer = ScriptedPeer(client([MadeClient(register)], ignored=ignored))
            peer.open(b"X_CHUNKS", b"OTHER")
            offered = peer.connection.offered
            self.assertEqual(offered(chunks), None if ignored else True)
            self.assertEqual(offered(other), True)

    def test_logFields(self) -> None:
        """Extensions have fields for the log; one in trouble has none."""
        error = PeerError("no")

        def broken(session: IClientSession) -> tuple[tuple[str, object], ...]:
            raise error

        names = [
            MadeClient(lambda b: b.record(lambda s: (("K", True),)), "one"),
            MadeClient(lambda b: b.record(broken), "two"),
            MadeClient(lambda b: b.record(lambda s: (("L", False),)), "three"),
        ]
        peer = opened(*names)
        fields = peer.connection.logFields()
        self.assertEqual(fields, (("K", True), ("L", False)))
        peer.quit()
        self.assertEqual(peer.troubles, [Trouble("two", error)])
