"""
Tests for carriers: other ways than DATA to move a body, as extensions bring them.

The carrier here sends C{CHUNK n} and so many octets, one reply a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import (
    BodyDialogue,
    ClientNeed,
    Question,
    Slot,
    ask,
    emit,
    flow,
    pour,
    send,
    settle,
    wanted,
)
from smtpx.core.effects import Close, GaveUp, Settled, Write
from smtpx.core.envelope import Envelope
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Carrier, Scope
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.testing.client import OctetsBody, ScriptedPeer, client

from .made import MadeClient
from .peers import BROKEN, MAIL, OK, RCPT, envelope, grouping, outcomes

NO = b"550 no\r\n"
TAKEN = Reply(250, None, (b"ok",))
REFUSED = Reply(550, None, (b"no",))

Carry = Callable[[IClientSession, IBody], BodyDialogue]


def chunks(body: IBody, window: int) -> Generator[ClientNeed, Any, Reply]:
    """Send each piece as a chunk, with at most C{window} unanswered."""
    slots: list[Slot] = []
    got = Reply(250, None, (b"nothing",))
    for piece in body.pieces():
        if len(slots) >= window:
            got = yield from settle(slots.pop(0))
            if got.refuses:
                return got
        yield from pour(b"CHUNK %d\r\n" % len(piece))
        slots.append((yield from emit(piece)))
    for slot in slots:
        got = yield from settle(slot)
        if got.refuses:
            return got
    return got


def chunked(session: IClientSession, body: IBody) -> BodyDialogue:
    """Two chunks in flight."""
    return (yield from chunks(body, 2))


def carrying(
    carry: Carry = chunked, early: bool = True, preference: int = 10
) -> IClientExtension:
    """An extension with a carrier."""
    carrier = Carrier(preference, carry, early)
    return MadeClient(
        lambda builder: builder.carrier(lambda session, envelope: carrier), "carrier"
    )


def opened(*extensions: IClientExtension) -> ScriptedPeer:
    """A peer that is ready for envelopes."""
    peer = ScriptedPeer(client(extensions))
    peer.open()
    peer.events.clear()
    peer.written.clear()
    return peer


class ChoiceTests(SynchronousTestCase):
    """Which carrier is taken."""

    def said(self, *preferences: int | None) -> bytes:
        """What is sent with carriers of these preferences."""

        def carrier(place: int) -> Carry:
            def carry(session: IClientSession, body: IBody) -> BodyDialogue:
                return (yield from send(b"CARRIER %d" % place))

            return carry

        def register(builder: IClientBuilder) -> None:
            for place, preference in enumerate(preferences):
                chosen = (
                    None if preference is None else Carrier(preference, carrier(place))
                )
                builder.carrier(_always(chosen))

        peer = opened(MadeClient(register))
        peer.deliver(envelope())
        peer.say(OK)
        return peer.say(OK)

    def test_highestPreference(self) -> None:
        """The best is taken; of equals the first."""
        self.assertEqual(self.said(1, None, 7, 3, 7), b"CARRIER 2\r\n")
        self.assertEqual(self.said(0), b"CARRIER 0\r\n")

    def test_belowDATA(self) -> None:
        """Nothing below 0 beats DATA."""
        self.assertEqual(self.said(-1, None), b"DATA\r\n")


def _always(
    carrier: Carrier | None,
) -> Callable[[IClientSession, Envelope], Carrier | None]:
    return lambda session, envelope: carrier


class LateTests(SynchronousTestCase):
    """A carrier that begins when the recipients are known."""

    def test_lockStep(self) -> None:
        """Without permission to group nothing goes early."""
        peer = opened(carrying())
        self.assertEqual(peer.deliver(envelope(), OctetsBody(b"abcd", 2)), MAIL)
        self.assertEqual(peer.say(OK), RCPT)
        self.assertEqual(peer.say(OK), b"CHUNK 2\r\nabCHUNK 2\r\ncd")
        self.assertEqual(peer.say(OK + OK), b"")
        self.assertEqual(outcomes(peer), [TAKEN])
        self.assertEqual(peer.deliver(envelope()), MAIL)

    def test_notEarlyInAGroup(self) -> None:
        """A carrier that must not begin early does not."""
        peer = opened(carrying(early=False), grouping())
        self.assertEqual(peer.deliver(envelope(), b"ab"), MAIL + RCPT)
        self.assertEqual(peer.say(OK + OK), b"CHUNK 2\r\nab")

    def test_allRefused(self) -> None:
        """Then it does not begin at all."""
        for extensions in ([carrying()], [carrying(early=False), grouping()]):
            peer = opened(*extensions)
            peer.deliver(envelope(), b"ab")
            peer.say(OK)
            self.assertEqual(peer.say(NO), b"RSET\r\n")
            self.assertEqual(outcomes(peer), [REFUSED])

    def test_refused(self) -> None:
        """A refused chunk is everybody's outcome, and the peer is reset."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"ab")
        self.assertEqual(peer.say(OK + NO + OK + b"452 full\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED, Reply(452, None, (b"full",))])

    def test_intermediateReply(self) -> None:
        """A 3yz cannot be the end of it."""
        peer = opened(carrying())
        peer.deliver(envelope(), b"ab")
        for answer in (OK, OK, b"354 go\r\n"):
            peer.say(answer)
        self.assertEqual(outcomes(peer), [BROKEN])

    def test_intermediateReplyBefore(self) -> None:
        """
        Nor can it be what MAIL or RCPT comes to while the body is on its way, and that
        is the peer's fault: the connection ends, and no extension is blamed.
        """

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            slot = yield from emit(b"CHUNK\r\n")
            yield from wanted()
            return (yield from settle(slot))

        for answers in ([b"354 go\r\n"], [OK, b"354 go\r\n"]):
            peer = opened(carrying(carry), grouping())
            peer.deliver(envelope(), b"ab")
            for answer in answers:
                peer.say(answer)
            self.assertEqual(outcomes(peer), [BROKEN])
            self.assertTrue(peer.connection.over)
            self.assertEqual(peer.troubles, [])


class EarlyTests(SynchronousTestCase):
    """A carrier that begins in the flight of MAIL and RCPT."""

    def test_oneWrite(self) -> None:
        """Envelope and body leave as one write."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"abc")
        self.assertEqual(
            peer.written, [MAIL + RCPT + b"RCPT TO:<c@mx.example>\r\nCHUNK 3\r\nabc"]
        )
        peer.say(OK * 4)
        self.assertEqual(outcomes(peer), [TAKEN, TAKEN])

    def test_window(self) -> None:
        """So many chunks go before the first is answered, and no more."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(), OctetsBody(b"abcd", 1))
        self.assertEqual(peer.written, [MAIL + RCPT + b"CHUNK 1\r\naCHUNK 1\r\nb"])
        self.assertEqual(peer.say(OK + OK), b"")
        self.assertEqual(peer.say(OK), b"CHUNK 1\r\nc")
        self.assertEqual(peer.say(OK), b"CHUNK 1\r\nd")
        peer.say(OK + OK)
        self.assertEqual(outcomes(peer), [TAKEN])

    def test_allRefused(self) -> None:
        """
        It is stopped, what was emitted is accounted for, and the peer is reset;
        the outcomes are those of the recipients.
        """
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(), OctetsBody(b"abcd", 1))
        self.assertEqual(peer.say(OK + NO), b"")
        self.assertEqual(peer.settled, [])
        self.assertEqual(peer.say(b"503 no\r\n"), b"")
        self.assertEqual(peer.say(b"503 no\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED])
        peer.say(OK)
        self.assertTrue(peer.connection.ready)
        self.assertEqual(peer.troubles, [])

    def test_allRefusedAndTaken(self) -> None:
        """Not even a peer that takes a message for nobody changes that."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(), b"abc")
        self.assertEqual(peer.say(OK + NO + OK), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED])

    def test_mailRefused(self) -> None:
        """What went behind a refused MAIL is reset as well."""
        peer = opened(carrying(), grouping())
        peer.deliver(envelope(), b"abc")
        self.assertEqual(peer.say(NO + b"503 no\r\n" * 2), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED])

    def test_refusedInTheMiddleOfAChunk(self) -> None:
        """
        Inside of a chunk it goes on to the end of it, though everybody was
        refused: only there the peer hears commands again.
        """

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from pour(b"CHUNK 4\r\nab")
            yield from flow()
            slot = yield from emit(b"cd")
            yield from settle(slot)
            raise AssertionError("it was to be stopped")

        peer = opened(carrying(carry), grouping())
        peer.flowing = False
        peer.deliver(envelope(), b"abcd")
        peer.say(OK + NO)
        self.assertEqual(peer.resume(), b"cd")
        self.assertEqual(peer.say(b"503 no\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED])
        self.assertEqual(peer.troubles, [])

    def test_earlyRefusalOfAChunk(self) -> None:
        """A refusal that comes before the chunk is out ends the session."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from pour(b"CHUNK 4\r\nab")
            yield from flow()
            raise AssertionError("it was to be stopped")

        peer = opened(carrying(carry), grouping())
        peer.flowing = False
        peer.deliver(envelope(), b"abcd")
        peer.say(OK + OK)
        peer.say(b"552 5.3.4 Too big\r\n")
        self.assertEqual(outcomes(peer), [reply(552, "5.3.4", b"Too big")])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.events[-1], Close())

    def test_nobodyWaited(self) -> None:
        """Replies that the carrier did not wait for are waited for."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from emit(b"CHUNK 1\r\na")
            return Reply(250, None, (b"surely",))

        peer = opened(carrying(carry), grouping())
        peer.deliver(envelope())
        self.assertEqual(peer.settled, [])
        self.assertEqual(peer.say(OK * 3), b"")
        self.assertEqual(peer.codes, [250])
        self.assertTrue(peer.connection.ready)
        # What it says of a message that nobody gets counts for nothing.
        peer = opened(carrying(carry), grouping())
        peer.deliver(envelope())
        self.assertEqual(peer.say(OK + NO + b"503 no\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [REFUSED])

    def test_questions(self) -> None:
        """A carrier may ask the world."""

        class WhereFrom(Question[bytes]):
            """Whence?"""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            place = yield from ask(WhereFrom())
            return (yield from send(b"BURL " + place))

        peer = opened(carrying(carry), grouping())
        self.assertEqual(peer.deliver(envelope()), MAIL + RCPT)
        self.assertEqual(peer.answer(b"imap"), b"BURL imap\r\n")
        peer.say(OK * 3)
        self.assertEqual(outcomes(peer), [TAKEN])


class TroubleTests(SynchronousTestCase):
    """Exceptions out of a carrier."""

    def test_beforeTheFirstOctet(self) -> None:
        """The peer is reset, and the session goes on."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from ()
            raise KeyError

        for extensions in ([carrying(carry)], [carrying(carry), grouping()]):
            peer = opened(*extensions)
            peer.deliver(envelope())
            peer.say(OK)
            self.assertEqual(peer.say(OK), b"RSET\r\n")
            self.assertEqual(outcomes(peer), [LOCAL_ERROR])
            self.assertEqual([t.owner for t in peer.troubles], ["carrier"])
            self.assertTrue(peer.connection.ready)

    def test_noGenerator(self) -> None:
        """Something that is no dialogue is trouble like any other."""

        def carry(session: IClientSession, body: IBody) -> Any:
            return None

        peer = opened(carrying(carry))
        peer.deliver(envelope())
        peer.say(OK)
        self.assertEqual(peer.say(OK), b"RSET\r\n")
        self.assertEqual([t.owner for t in peer.troubles], ["carrier"])

    def test_insideOfAChunk(self) -> None:
        """Whatever we said next would be part of the body: closed."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from pour(b"CHUNK 4\r\nab")
            raise UsageError("the body is shorter than it said")

        peer = opened(carrying(carry), grouping())
        message = envelope()
        self.assertEqual(peer.deliver(message)[-11:], b"CHUNK 4\r\nab")
        self.assertEqual(
            peer.events[1:],
            [
                Settled(
                    message, ((message.recipients[0], LOCAL_ERROR),), stages=(None,)
                ),
                GaveUp(LOCAL_ERROR),
                Close(),
            ],
        )

    def test_behindAReply(self) -> None:
        """Between two commands a reset is enough."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            yield from settle((yield from emit(b"CHUNK 1\r\na")))
            raise KeyError

        peer = opened(carrying(carry), grouping())
        peer.deliver(envelope())
        self.assertEqual(peer.say(OK * 3), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])
        self.assertTrue(peer.connection.ready)

    def test_badCommand(self) -> None:
        """A command with a line end in it is not sent; it may try another."""

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            try:
                yield from send(b"X\r\n")
            except UsageError:
                return (yield from send(b"Y"))
            raise AssertionError("not reached")

        peer = opened(carrying(carry))
        peer.deliver(envelope())
        peer.say(OK)
        self.assertEqual(peer.say(OK), b"Y\r\n")

    def test_stoppedByALostConnection(self) -> None:
        """A carrier is closed with its session, and may clean up."""
        closed: list[bool] = []

        def carry(session: IClientSession, body: IBody) -> BodyDialogue:
            try:
                return (yield from send(b"X"))
            finally:
                closed.append(True)

        peer = opened(carrying(carry), grouping())
        self.assertEqual(
            peer.connection.deliver(envelope(), OctetsBody(b"")),
            [Write(MAIL + RCPT + b"X\r\n")],
        )
        peer.lost()
        self.assertEqual(closed, [True])
        self.assertEqual(peer.codes, [451])
