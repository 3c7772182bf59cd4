"""
Tests for L{smtpx.core.clientverdict}: peers that answer for each recipient by
itself, behind the message.
"""

from __future__ import annotations

from typing import Generator

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import ClientNeed, Step, emit
from smtpx.core.effects import Awaited, GaveUp, Served, Trouble
from smtpx.core.envelope import Envelope
from smtpx.core.hooks import (
    Dialect,
    Hello,
    Scope,
    Stage,
    Target,
)
from smtpx.core.interfaces import IClientExtension, IClientSession
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.extensions.chunking import Chunking, ChunkingSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient
from .peers import (
    BROKEN,
    DONE,
    GO,
    LOST,
    MAIL,
    OK,
    RCPT,
    UNSURE,
    envelope,
    grouping,
    opened,
    outcomes,
    stepping,
    three,
)

LMTP = Target(b"mail.example.org", b"/run/lmtp", 0, dialect=Dialect.LMTP)
FULL = b"452 4.2.2 Mailbox full\r\n"
FULL_REPLY = reply(452, "4.2.2", b"Mailbox full")
DONE_LINE = b"250 2.0.0 Taken\r\n"


def lmtp(
    *extensions: IClientExtension, keywords: tuple[bytes, ...] = ()
) -> ScriptedPeer:
    """A peer that speaks LMTP, and is ready for envelopes."""
    peer = ScriptedPeer(client(extensions, target=LMTP))
    peer.open(*keywords)
    peer.events.clear()
    return peer


def sent(peer: ScriptedPeer, message: Envelope | None = None) -> Envelope:
    """Deliver an envelope for three, as far as the end of the message."""
    message = message or three()
    peer.deliver(message, b"x\r\n")
    peer.say(OK * (1 + len(message.recipients)))
    peer.say(GO)
    return message


class HelloTests(SynchronousTestCase):
    """RFC 2033 section 4.1: LHLO."""

    def test_saysLHLO(self) -> None:
        """A client of LMTP says LHLO, and understands the answer as that to EHLO."""
        peer = ScriptedPeer(client([Pipelining()], target=LMTP))
        peer.start()
        said = peer.say(b"220 mail.example.org LMTP\r\n")
        self.assertEqual(said, b"LHLO client.example.org\r\n")
        peer.say(b"250-mail.example.org\r\n250 PIPELINING\r\n")
        self.assertTrue(peer.connection.ready)
        hello = Hello(b"mail.example.org", ((b"PIPELINING", None),))
        self.assertEqual(peer.connection.peer, hello)

    def test_noHELO(self) -> None:
        """A peer that knows no LHLO speaks another protocol: that is not for good."""
        for code in (b"500", b"502"):
            peer = ScriptedPeer(client(target=LMTP))
            peer.start()
            peer.say(b"220 mail.example.org ESMTP\r\n")
            self.assertEqual(peer.say(code + b" What?\r\n"), b"QUIT\r\n")
            [end] = peer.gaveUp
            self.assertEqual(
                end, GaveUp(reply(451, "4.5.0", b"Peer does not speak LMTP"))
            )

    def test_otherRefusal(self) -> None:
        """Another refusal of LHLO is what it is."""
        peer = ScriptedPeer(client(target=LMTP))
        peer.start()
        peer.say(b"220 mail.example.org LMTP\r\n")
        peer.say(b"550 5.7.1 Not you\r\n")
        self.assertEqual(peer.gaveUp, [GaveUp(reply(550, "5.7.1", b"Not you"))])


class LMTPTests(SynchronousTestCase):
    """RFC 2033 section 4.2: a reply for each recipient that was accepted."""

    def test_eachIsAnsweredFor(self) -> None:
        """Replies belong to those who were accepted, in their order."""
        peer = lmtp(grouping())
        message = three()
        peer.deliver(message, b"x\r\n")
        self.assertEqual(peer.say(OK * 2 + b"550 5.1.1 Unknown\r\n" + OK), b"")
        self.assertEqual(peer.say(GO), b"x\r\n.\r\n")
        self.assertEqual(peer.say(DONE_LINE), b"")
        self.assertEqual(peer.settled, [])
        self.assertEqual(peer.events, [Served(message.recipients[0], DONE)])
        self.assertIs(peer.connection.awaited, Awaited.FINAL)
        peer.say(FULL)
        unknown = reply(550, "5.1.1", b"Unknown")
        self.assertEqual(outcomes(peer), [DONE, unknown, FULL_REPLY])
        [settled] = peer.settled
        self.assertEqual(settled.stages, (Stage.MESSAGE, Stage.RCPT, Stage.MESSAGE))
        self.assertIs(settled.scope, Scope.MESSAGE)
        self.assertFalse(settled.unsure)
        self.assertTrue(peer.connection.ready)

    def test_replyByReply(self) -> None:
        """It does not matter how they come."""
        for cut in (1, 7, None):
            peer = lmtp(grouping())
            sent(peer)
            peer.say(DONE_LINE + FULL + DONE_LINE, cut)
            self.assertEqual(outcomes(peer), [DONE, FULL_REPLY, DONE])

    def test_nobodyGetsIt(self) -> None:
        """Where all are refused behind the message, each is for its own reason."""
        peer = lmtp(grouping())
        sent(peer)
        peer.say(FULL + b"550 5.7.1 No\r\n" + FULL)
        self.assertEqual(
            outcomes(peer), [FULL_REPLY, reply(550, "5.7.1", b"No"), FULL_REPLY]
        )
        self.assertEqual(peer.deliver(envelope())[: len(MAIL)], MAIL)

    def test_firstRefused(self) -> None:
        """What the message comes to is what somebody got, whoever that was."""
        peer = lmtp(grouping())
        sent(peer)
        peer.say(FULL + DONE_LINE + FULL)
        self.assertEqual(outcomes(peer), [FULL_REPLY, DONE, FULL_REPLY])
        self.assertTrue(peer.connection.ready)

    def test_servedAtOnce(self) -> None:
        """
        RFC 2033 section 5: who has it is told of at once, as long as others are to be
        answered for; who is refused is not.
        """
        peer = lmtp(grouping())
        message = sent(peer)
        peer.say(FULL)
        self.assertEqual(peer.events, [])
        peer.say(DONE_LINE)
        self.assertEqual(peer.events, [Served(message.recipients[1], DONE)])
        peer.say(DONE_LINE)
        served = [each for each in peer.events if isinstance(each, Served)]
        self.assertEqual(len(served), 1)

    def test_sameRecipientTwice(self) -> None:
        """There is a reply for each RCPT, not for each address."""
        peer = lmtp(grouping())
        sent(peer, envelope(b"b@mx.example", b"b@mx.example"))
        peer.say(DONE_LINE + FULL)
        self.assertEqual(outcomes(peer), [DONE, FULL_REPLY])

    def test_lostBehindSome(self) -> None:
        """
        RFC 2033 section 5: those who were answered for are done with; the others are
        tried again, and may get it twice.
        """
        peer = lmtp(grouping())
        sent(peer)
        peer.say(DONE_LINE + b"550 5.7.1 No\r\n")
        peer.lost()
        self.assertEqual(outcomes(peer), [DONE, reply(550, "5.7.1", b"No"), UNSURE])
        [settled] = peer.settled
        self.assertEqual(settled.stages, (Stage.MESSAGE, Stage.MESSAGE, None))
        self.assertIs(settled.scope, Scope.MESSAGE)
        self.assertTrue(settled.unsure)

    def test_lostBeforeAll(self) -> None:
        """Nobody was answered for."""
        peer = lmtp(grouping())
        sent(peer)
        peer.lost()
        self.assertEqual(outcomes(peer), [UNSURE] * 3)

    def test_lostInTheMessage(self) -> None:
        """Nobody can have got it."""
        peer = lmtp(grouping())
        peer.flowing = False
        peer.deliver(three(), b"x" * 100_000)
        peer.say(OK * 4 + GO)
        peer.lost()
        self.assertEqual(outcomes(peer), [LOST] * 3)

    def test_closing(self) -> None:
        """A 421 among the replies is the end; whoever was served, was."""
        peer = lmtp(grouping())
        sent(peer)
        peer.say(DONE_LINE + b"421 4.3.2 Going\r\n")
        going = reply(421, "4.3.2", b"Going")
        self.assertEqual(outcomes(peer), [DONE, going, going])
        self.assertIs(peer.settled[0].scope, Scope.HOST)

    def test_nonsense(self) -> None:
        """What is no reply may have meant anything; whoever was served, was."""
        for odd in (b"Hello\r\n", b"354 Go on\r\n"):
            peer = lmtp(grouping())
            sent(peer)
            peer.say(DONE_LINE + odd + DONE_LINE)
            self.assertEqual(outcomes(peer), [DONE, BROKEN, BROKEN])
            self.assertTrue(peer.settled[0].unsure)
            self.assertTrue(peer.connection.over)

    def test_tooManyReplies(self) -> None:
        """A reply too many ends the connection; what was answered stands."""
        peer = lmtp(grouping())
        sent(peer, envelope())
        peer.say(DONE_LINE * 2)
        self.assertEqual(outcomes(peer), [DONE])
        self.assertEqual(peer.gaveUp, [GaveUp(BROKEN)])

    def test_nobodyAccepted(self) -> None:
        """Where all were refused, DATA is, and the connection goes on."""
        peer = lmtp(grouping())
        peer.deliver(envelope(), b"x\r\n")
        said = peer.say(OK + b"550 5.1.1 Unknown\r\n503 5.5.1 Nobody\r\n")
        self.assertEqual(said, b"RSET\r\n")
        self.assertEqual(outcomes(peer), [reply(550, "5.1.1", b"Unknown")])
        self.assertTrue(peer.connection.ready)

    def test_goAheadForNobody(self) -> None:
        """
        Nobody knows how many replies there are to an end that should not be, so the
        connection is given up.
        """
        peer = lmtp(grouping())
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(peer.say(OK + b"550 5.1.1 Unknown\r\n" + GO), b"")
        self.assertEqual(outcomes(peer), [reply(550, "5.1.1", b"Unknown")])
        self.assertTrue(peer.connection.over)

    def test_inLockStep(self) -> None:
        """It works without PIPELINING."""
        peer = lmtp()
        self.assertEqual(peer.deliver(envelope(), b"x\r\n"), MAIL)
        self.assertEqual(peer.say(OK), RCPT)
        self.assertEqual(peer.say(OK), b"DATA\r\n")
        peer.say(GO)
        peer.say(DONE_LINE)
        self.assertEqual(outcomes(peer), [DONE])

    def test_refusedMidway(self) -> None:
        """A peer that will not have the rest of the message says so once."""
        peer = lmtp(grouping())
        peer.flowing = False
        peer.deliver(three(), b"x" * 100_000)
        peer.say(OK * 4 + GO)
        peer.say(b"552 5.3.4 Too big\r\n")
        self.assertEqual(outcomes(peer), [reply(552, "5.3.4", b"Too big")] * 3)


class ChunkedTests(SynchronousTestCase):
    """RFC 2033 section 4.3: BDAT."""

    def peer(self) -> ScriptedPeer:
        """One that takes chunks."""
        chunking = Chunking(ChunkingSettings(chunkOctets=65_536))
        words = (b"PIPELINING", b"CHUNKING")
        return lmtp(Pipelining(), chunking, keywords=words)

    def test_lastChunk(self) -> None:
        """
        The last chunk has a reply for each recipient, and waits for those to RCPT:
        for nobody it would have none.
        """
        peer = self.peer()
        message = envelope(b"b@mx.example", b"c@mx.example")
        message.octets = 3
        said = peer.deliver(message, b"x\r\n")
        self.assertTrue(said.endswith(b"RCPT TO:<c@mx.example>\r\n"))
        self.assertEqual(peer.say(OK * 3), b"BDAT 3 LAST\r\nx\r\n")
        peer.say(DONE_LINE)
        peer.say(FULL)
        self.assertEqual(outcomes(peer), [DONE, FULL_REPLY])
        self.assertTrue(peer.connection.ready)

    def test_nobody(self) -> None:
        """Where nobody is accepted, no chunk goes."""
        peer = self.peer()
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(peer.say(OK + b"550 5.1.1 Unknown\r\n"), b"RSET\r\n")

    def test_oneAfterTheOther(self) -> None:
        """Other chunks have one reply, and the next waits for it."""
        peer = self.peer()
        peer.deliver(three(), b"x" * 70_000)
        said = peer.say(OK * 4)
        self.assertEqual(len(said), len(b"BDAT 65536\r\n") + 65_536)
        said = peer.say(OK)
        self.assertTrue(said.startswith(b"BDAT 4464 LAST\r\nx"))
        peer.say(DONE_LINE * 3)
        self.assertEqual(outcomes(peer), [DONE] * 3)

    def test_chunkRefused(self) -> None:
        """Behind a chunk that is refused there is no other."""
        peer = self.peer()
        peer.deliver(three(), b"x" * 70_000)
        peer.say(OK * 4)
        self.assertEqual(peer.say(FULL), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [FULL_REPLY] * 3)
        self.assertTrue(peer.connection.ready)


def announcing(
    announces: bool = True, seen: list[Reply] | None = None
) -> IClientExtension:
    """What takes a 353 for the announcement of a reply for each recipient."""

    def announced(session: IClientSession, said: Reply) -> bool:
        if seen is not None:
            seen.append(said)
        return announces and said.code == 353

    return MadeClient(lambda builder: builder.announce(announced))


def piped(*extensions: IClientExtension) -> ScriptedPeer:
    """A peer that takes commands in groups."""
    return opened(Pipelining(), *extensions, keywords=(b"PIPELINING",))


class AnnouncedTests(SynchronousTestCase):
    """SMTP, where a 3yz may announce a reply for each recipient, and one for all."""

    def peer(self, *answers: bytes) -> ScriptedPeer:
        """One that has had a message for three, and said this."""
        peer = piped(announcing())
        sent(peer)
        for each in answers:
            peer.say(each)
        return peer

    def test_eachAndAll(self) -> None:
        """Who is refused is that by itself; the others get the last reply."""
        peer = self.peer(b"353 One each\r\n", OK, FULL, OK)
        self.assertEqual(peer.settled, [])
        peer.say(DONE_LINE)
        self.assertEqual(outcomes(peer), [DONE, FULL_REPLY, DONE])
        self.assertEqual(peer.settled[0].stages, (Stage.MESSAGE,) * 3)
        self.assertTrue(peer.connection.ready)

    def test_refusedForAll(self) -> None:
        """Where the last reply refuses, nobody got it; refusals stay what they are."""
        peer = self.peer(b"353 One each\r\n", OK + FULL + OK, b"550 5.7.1 No\r\n")
        no = reply(550, "5.7.1", b"No")
        self.assertEqual(outcomes(peer), [no, FULL_REPLY, no])

    def test_lostBeforeTheLast(self) -> None:
        """Nobody got it for sure, but nor is it known that nobody did."""
        peer = self.peer(b"353 One each\r\n", OK + FULL + OK)
        peer.lost()
        self.assertEqual(outcomes(peer), [UNSURE, FULL_REPLY, UNSURE])
        self.assertTrue(peer.settled[0].unsure)

    def test_oneForAll(self) -> None:
        """The usual reply is one."""
        peer = self.peer(DONE_LINE)
        self.assertEqual(outcomes(peer), [DONE] * 3)

    def test_onlyThirdsAreAsked(self) -> None:
        """Extensions are not asked of replies that announce nothing."""
        seen: list[Reply] = []
        peer = piped(announcing(seen=seen))
        sent(peer)
        peer.say(DONE_LINE)
        self.assertEqual(seen, [])

    def test_notUnderstood(self) -> None:
        """A 3yz that nobody understands is none."""
        for extensions in ([announcing(False)], []):
            peer = piped(*extensions)
            sent(peer)
            peer.say(b"353 One each\r\n")
            self.assertEqual(outcomes(peer), [BROKEN] * 3)
            self.assertEqual(peer.gaveUp, [GaveUp(BROKEN)])

    def test_brokenHook(self) -> None:
        """An extension that raises ends the session, and is told of."""

        def broken(session: IClientSession, said: Reply) -> bool:
            raise ValueError("broken")

        peer = piped(MadeClient(lambda builder: builder.announce(broken)))
        sent(peer)
        peer.say(b"353 One each\r\n")
        self.assertEqual(outcomes(peer), [LOCAL_ERROR] * 3)
        [trouble] = peer.troubles
        self.assertIsInstance(trouble, Trouble)
        self.assertIsInstance(trouble.error, ValueError)

    def test_earlyChunk(self) -> None:
        """A body that leaves with MAIL may be answered so, too."""
        peer = opened(
            Pipelining(),
            Chunking(),
            announcing(),
            keywords=(b"PIPELINING", b"CHUNKING"),
        )
        message = three()
        message.octets = 3
        said = peer.deliver(message, b"x\r\n")
        self.assertTrue(said.endswith(b"BDAT 3 LAST\r\nx\r\n"))
        unknown = b"550 5.1.1 Unknown\r\n"
        peer.say(OK * 2 + unknown + OK + b"353 One each\r\n" + FULL + OK + DONE_LINE)
        self.assertEqual(
            outcomes(peer), [FULL_REPLY, reply(550, "5.1.1", b"Unknown"), DONE]
        )


class EndTests(SynchronousTestCase):
    """Messages that end where there is none."""

    def test_stepCannotEndAMessage(self) -> None:
        """Before MAIL there is no message that could."""
        seen: list[Exception] = []

        def step(session: IClientSession) -> Generator[ClientNeed, object, Step]:
            try:
                yield from emit(b"X\r\n", ends=True)
            except Exception as error:
                seen.append(error)
            return Step.DONE

        peer = opened(*stepping(step))
        self.assertEqual(len(seen), 1)
        self.assertTrue(peer.connection.ready)
