"""
Tests for L{smtpx.core.repeatable}: transactions that a peer knows again.

The extension here names them C{NAME=n}; the peer that knows one answers MAIL with
C{355 n}, or C{355 n of m}, where it has n octets and m recipients.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import (
    BodyDialogue,
    Recognition,
    emit,
    flow,
    pour,
    settle,
)
from smtpx.core.effects import Close, GaveUp, Trouble
from smtpx.core.envelope import Envelope, Stamp
from smtpx.core.errors import Malformed
from smtpx.core.grammar import DECIMAL, FLAG
from smtpx.core.hooks import (
    Capability,
    Carrier,
    Forecast,
    Hello,
    Parameter,
    RoutePolicy,
    Scope,
    SyncPoint,
    TLSLevel,
    Where,
)
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.repeatable import Progress, Repeatable
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient, broken
from .peers import BROKEN, DONE, GO, HELLO, OK, RCPT, envelope, outcomes

NAMED = b"MAIL FROM:<a@client.example> NAME=7\r\n"
PLAIN = b"MAIL FROM:<a@client.example>\r\n"
BOTH = RCPT + b"RCPT TO:<c@mx.example>\r\n"
BODY = b"one\r\ntwo\r\nthree\r\n"
TAKEN = b"250 2.0.0 Taken\r\n"

GROUPS = Capability[bool](b"GROUPS", FLAG)
NAMES = Capability[bool](b"NAMES", FLAG)
_NAME = Stamp[int]("name", None, int)


def read(said: Reply) -> Progress:
    """C{355 n of m}."""
    words = said.lines[0].split()
    if said.code != 355 or not words or not words[0].isdigit():
        raise Malformed("not that")
    return Progress(int(words[0]), int(words[2]) if words[1:] else None)


def naming(
    asks: bool = True, read: Callable[[Reply], Progress] = read, slowly: bool = False
) -> IClientExtension:
    """An extension that names all transactions, for peers that offer it."""

    def recognise(
        session: IClientSession, envelope: Envelope, body: IBody
    ) -> Recognition:
        if slowly:
            yield from flow()
        if not session.offered(NAMES):
            return None
        envelope.stamps[_NAME] = 7
        return Repeatable(read, asks)

    def register(builder: IClientBuilder) -> None:
        builder.capability(NAMES)
        parameter = Parameter[int](
            b"NAME",
            Where.MAIL,
            DECIMAL,
            lambda session, bearer, value: None,
            lambda session, bearer: bearer.stamp(_NAME),
        )
        builder.parameter(parameter, under=NAMES)
        builder.recognise(recognise)

    return MadeClient(register, "naming")


def grouped() -> IClientExtension:
    """Commands go in groups where the peer offers it."""

    def register(builder: IClientBuilder) -> None:
        builder.capability(GROUPS)
        builder.relax(
            lambda s: SyncPoint.TRANSACTION if s.offered(GROUPS) else SyncPoint.NONE
        )

    return MadeClient(register, "grouped")


def chunk(session: IClientSession, body: IBody) -> BodyDialogue:
    """A body in one chunk, however short."""
    yield from pour(b"CHUNK %d\r\n" % body.octets)
    return (yield from settle((yield from emit(b"".join(body.pieces())))))


def carrying() -> IClientExtension:
    """Bodies go in a chunk, early."""
    carrier = Carrier(10, chunk, True)
    return MadeClient(
        lambda builder: builder.carrier(lambda session, envelope: carrier), "carrier"
    )


def opened(
    *extensions: IClientExtension, keywords: tuple[bytes, ...] = (b"GROUPS", b"NAMES")
) -> ScriptedPeer:
    """A peer that is ready for envelopes."""
    peer = ScriptedPeer(client([*(extensions or (naming(),)), grouped()]))
    peer.open(*keywords)
    peer.events.clear()
    return peer


class AskingTests(SynchronousTestCase):
    """The reply to MAIL is waited for, and says what the peer has."""

    def test_notKnown(self) -> None:
        """Then it goes as ever, a flight later."""
        peer = opened()
        self.assertEqual(peer.deliver(envelope(), BODY), NAMED)
        self.assertEqual(peer.say(OK), RCPT + b"DATA\r\n")
        self.assertEqual(peer.say(OK + GO), BODY + b".\r\n")
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE])

    def test_goesOn(self) -> None:
        """No RCPT, and only the rest of the body."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 5\r\n"), b"DATA\r\n")
        self.assertEqual(peer.say(GO), b"two\r\nthree\r\n.\r\n")
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE])
        self.assertTrue(peer.connection.ready)

    def test_goesOnByCarrier(self) -> None:
        """A carrier has the rest as if that were all."""
        peer = opened(naming(), carrying())
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 7\r\n"), b"CHUNK 10\r\no\r\nthree\r\n")
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE])

    def test_hasAll(self) -> None:
        """Then it is asked for its answer, which counts."""
        for answer, outcome in (
            (TAKEN, DONE),
            (b"550 5.7.1 No\r\n", reply(550, "5.7.1", b"No")),
        ):
            peer = opened()
            peer.deliver(envelope(), BODY)
            self.assertEqual(peer.say(b"355 17\r\n"), b"DATA\r\n")
            self.assertEqual(peer.say(GO), b".\r\n")
            self.assertEqual(peer.say(answer), b"")
            self.assertEqual(outcomes(peer), [outcome])

    def test_dataRefused(self) -> None:
        """Where it will not have the rest now, that is the outcome, and it is reset."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        peer.say(b"355 5\r\n")
        self.assertEqual(peer.say(b"451 4.3.0 Later\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [reply(451, "4.3.0", b"Later")])

    def test_lostOnTheWay(self) -> None:
        """Behind all of the rest nobody knows whether the peer has it."""
        peer = opened(naming(), carrying())
        peer.deliver(envelope(), BODY)
        peer.say(b"355 7\r\n")
        peer.lost()
        self.assertTrue(peer.settled[-1].unsure)

    def test_nothingYet(self) -> None:
        """Without any of the body, it may not have the recipients."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 0\r\n"), RCPT + b"DATA\r\n")

    def test_several(self) -> None:
        """
        Of several recipients it may have taken some only.  It goes on where it says
        that it has as many as there are; if not, it is told all of it.
        """
        two = envelope(b"b@mx.example", b"c@mx.example")
        peer = opened()
        peer.deliver(two, BODY)
        self.assertEqual(peer.say(b"355 5 of 2\r\n"), b"DATA\r\n")
        peer.say(GO)
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE, DONE])
        for said in (b"355 5\r\n", b"355 5 of 1\r\n", b"355 17\r\n"):
            peer = opened()
            peer.deliver(two, BODY)
            self.assertEqual(peer.say(said), BOTH + b"DATA\r\n")
            self.assertEqual(
                peer.say(OK + b"450 4.2.1 Later\r\n" + GO), BODY + b".\r\n"
            )
            peer.say(TAKEN)
            self.assertEqual(outcomes(peer), [DONE, reply(450, "4.2.1", b"Later")])

    def test_notAtALine(self) -> None:
        """By DATA only whole lines can be left out (RFC 1845 section 3)."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 7\r\n"), RCPT + b"DATA\r\n")

    def test_mailRefused(self) -> None:
        """A refusal is one."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"451 4.3.0 In progress\r\n"), b"")
        self.assertEqual(outcomes(peer), [reply(451, "4.3.0", b"In progress")])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)

    def test_hasMoreThanThereIs(self) -> None:
        """That is another message: it forgets it, and gets ours without a name."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 18\r\n"), b"RSET\r\n")
        self.assertEqual(peer.say(OK), PLAIN + RCPT + b"DATA\r\n")
        self.assertEqual(peer.say(OK + OK + GO), BODY + b".\r\n")
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE])

    def test_doesNotForget(self) -> None:
        """A peer that refuses RSET is left, and the message waits."""
        peer = opened()
        peer.deliver(envelope(), BODY)
        peer.say(b"355 18\r\n")
        self.assertEqual(peer.say(b"500 5.5.1 What?\r\n"), b"QUIT\r\n")
        self.assertIs(peer.settled[-1].scope, Scope.HOST)
        peer = opened()
        peer.deliver(envelope(), BODY)
        peer.say(b"355 18\r\n")
        peer.say(b"355 18\r\n")
        self.assertEqual(outcomes(peer), [BROKEN])

    def test_knowsNothingAfterAll(self) -> None:
        """
        "Bad sequence" behind a 355 is about the peer, and not the message: it is sent
        as one that the peer does not know.  There it is what it is.
        """
        for carrier in ((), (carrying(),)):
            peer = opened(naming(), *carrier)
            peer.deliver(envelope(), BODY)
            peer.say(b"355 5\r\n")
            self.assertEqual(peer.say(b"503 5.5.1 No\r\n"), b"RSET\r\n")
            self.assertTrue(peer.say(OK).startswith(PLAIN + RCPT))
            peer.say(OK + OK + b"503 5.5.1 No\r\n")
            self.assertEqual(outcomes(peer), [reply(503, "5.5.1", b"No")])

    def test_malformed(self) -> None:
        """A 3yz that is none of these is no SMTP; nothing is lost by it."""
        for said in (b"355 x\r\n", b"354 5\r\n", b"355\r\n"):
            peer = opened()
            peer.deliver(envelope(), BODY)
            self.assertEqual(peer.say(said), b"")
            self.assertEqual(outcomes(peer), [BROKEN])
            self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])

    def test_brokenExtension(self) -> None:
        """What goes wrong in the extension is not the peer's fault."""
        peer = opened(naming(read=broken))
        peer.deliver(envelope(), BODY)
        self.assertEqual(peer.say(b"355 5\r\n"), b"RSET\r\n")
        (trouble,) = [each for each in peer.events if isinstance(each, Trouble)]
        self.assertEqual(trouble.owner, "naming")
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])


class RepeatingTests(SynchronousTestCase):
    """All goes in one flight, whether the peer knows it or not."""

    def test_known(self) -> None:
        """A 355 is no refusal; the last reply counts."""
        peer = opened(naming(asks=False), carrying())
        said = peer.deliver(envelope(), BODY)
        self.assertEqual(said, NAMED + RCPT + b"CHUNK 17\r\n" + BODY)
        peer.say(b"355 17\r\n" + OK + TAKEN)
        self.assertEqual(outcomes(peer), [DONE])

    def test_recipientRefused(self) -> None:
        """Recipients have replies of their own."""
        peer = opened(naming(asks=False))
        two = envelope(b"b@mx.example", b"c@mx.example")
        self.assertEqual(peer.deliver(two, BODY), NAMED + BOTH + b"DATA\r\n")
        peer.say(b"355 17\r\n" + OK + b"550 5.1.1 Unknown\r\n" + GO)
        peer.say(TAKEN)
        self.assertEqual(outcomes(peer), [DONE, reply(550, "5.1.1", b"Unknown")])

    def test_wantsNoRecipients(self) -> None:
        """
        A peer that knows it, and takes no RCPT behind its 355, has refused nobody: it
        is sent as one that it does not know.
        """
        out = b"503 5.5.1 No\r\n"
        for carrier in ([], [carrying()]):
            for keywords in ((b"NAMES",), (b"GROUPS", b"NAMES")):
                peer = opened(naming(asks=False), *carrier, keywords=keywords)
                two = envelope(b"b@mx.example", b"c@mx.example")
                peer.deliver(two, BODY)
                peer.say(b"355 17\r\n")
                said = peer.say(out) + peer.say(out)
                if not said.endswith(b"RSET\r\n"):
                    # To the body, which has left with the rest.
                    said = peer.say(out)
                self.assertTrue(said.endswith(b"RSET\r\n"))
                self.assertTrue(peer.say(OK).startswith(PLAIN))
                while not peer.settled:
                    peer.say(b"550 5.7.1 No\r\n")
                self.assertEqual([said.code for said in outcomes(peer)], [550, 550])

    def test_malformed(self) -> None:
        """A 3yz that says nothing of what it has is no SMTP."""
        peer = opened(naming(asks=False), carrying())
        peer.deliver(envelope(), BODY)
        peer.say(b"355 x\r\n" + OK + TAKEN)
        self.assertEqual([said.code for said in outcomes(peer)], [451])

    def test_stepByStep(self) -> None:
        """Where it cannot go in a flight, nothing is said for nothing."""
        peer = opened(naming(asks=False), keywords=(b"NAMES",))
        self.assertEqual(peer.deliver(envelope(), BODY), NAMED)
        self.assertEqual(peer.say(b"355 17\r\n"), b"DATA\r\n")

    def test_notOffered(self) -> None:
        """Without a name a 355 makes no sense."""
        peer = opened(naming(), keywords=(b"GROUPS",))
        self.assertEqual(peer.deliver(envelope(), BODY), PLAIN + RCPT + b"DATA\r\n")
        peer.say(b"355 17\r\n")
        self.assertEqual(outcomes(peer), [BROKEN])

    def test_onlyAsked(self) -> None:
        """Who is only asked for recipients names nothing."""
        peer = opened()
        self.assertEqual(peer.deliver(envelope(), None), PLAIN + RCPT)


class AnythingTests(SynchronousTestCase):
    """A peer that says anything."""

    @settings(max_examples=100)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"355 5\r\n",
                    b"355 17 of 2\r\n",
                    b"355 99\r\n",
                    b"355 no\r\n",
                    b"353 each\r\n",
                    OK,
                    GO,
                    b"503 5.5.1 What?\r\n",
                    b"450 4.2.1 Later\r\n",
                    b"550 5.1.1 No\r\n",
                    b"421 4.3.2 Bye\r\n",
                ]
            ),
            max_size=12,
        ),
        st.integers(1, 40),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
    def test_alwaysSettles(
        self, said: list[bytes], cut: int, asks: bool, carries: bool, groups: bool
    ) -> None:
        """
        It is settled once, for all, however it goes; and nobody has the message who
        was not told so behind it.
        """
        keywords = (b"GROUPS", b"NAMES") if groups else (b"NAMES",)
        more = (carrying(),) if carries else ()
        peer = opened(naming(asks=asks), *more, keywords=keywords)
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), BODY)
        heard: list[bytes] = []
        for each in said:
            if peer.settled:
                break
            heard.append(each)
            peer.say(each, cut)
        peer.lost()
        (settled,) = peer.settled
        self.assertEqual(len(settled.outcomes), 2)
        if any(not reply.refuses for _, reply in settled.outcomes):
            self.assertEqual(heard[-1], OK)
            ends = (b"three", b".", b"CHUNK 0")
            self.assertTrue(b"".join(peer.written).rstrip().endswith(ends))


class SYNTests(SynchronousTestCase):
    """A message may ride on a SYN if the peer knows it again."""

    def said(
        self, room: int, *extensions: IClientExtension, open: bool = True
    ) -> bytes:
        """What is said before the SYN is answered, and what is said behind."""
        words = (b"GROUPS", b"NAMES")
        forecast = Forecast(Hello(b"mx.example.org", tuple((w, None) for w in words)))
        policy = RoutePolicy(TLSLevel.UNWANTED)
        peer = self.peer = ScriptedPeer(
            client([*extensions, grouped()], policy=policy, forecast=forecast)
        )
        peer.connection.opening = True
        peer.connection.roomInSYN = room
        return peer.start() + peer.deliver(envelope(), BODY)

    def test_fits(self) -> None:
        """All of it goes at once."""
        whole = HELLO + NAMED + RCPT + b"CHUNK 17\r\n" + BODY
        said = self.said(len(whole) + 6, naming(asks=False), carrying())
        self.assertEqual(said, whole)

    def test_doesNotFit(self) -> None:
        """Where there is no room for all of it, the message waits."""
        whole = HELLO + NAMED + RCPT + b"CHUNK 17\r\n" + BODY
        said = self.said(len(whole) + 5, naming(asks=False), carrying())
        self.assertEqual(said, HELLO + NAMED + RCPT)
        self.peer.connection.opened()
        self.assertFalse(self.peer.connection.opening)

    def test_hasNoName(self) -> None:
        """What would be another message if it was heard again waits."""
        self.assertEqual(self.said(9999, carrying()), HELLO + PLAIN + RCPT)

    def test_isNotToBe(self) -> None:
        """Where the host is not one of those, no message ever goes so."""
        said = self.said(0, naming(asks=False), carrying())
        self.assertEqual(said, HELLO + NAMED + RCPT)

    def test_truthComes(self) -> None:
        """
        Where the truth comes while it is looked at, it is planned with that.
        """
        peer = ScriptedPeer(
            client(
                [naming(asks=False, slowly=True), carrying(), grouped()],
                policy=RoutePolicy(TLSLevel.UNWANTED),
                forecast=Forecast(Hello(b"mx.example.org", ((b"GROUPS", None),))),
            ),
            flowing=False,
        )
        peer.start()
        peer.deliver(envelope(), BODY)
        peer.say(b"220 mx.example.org\r\n250 mx.example.org\r\n")
        self.assertEqual(peer.resume(), PLAIN)
