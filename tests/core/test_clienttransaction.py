"""
Tests for L{smtpx.core.clienttransaction}: MAIL, RCPT, DATA and what becomes of
them.  Carriers other than DATA are in L{tests.core.test_clientcarrier}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import BareLines
from smtpx.core.effects import Close, Drain, GaveUp, Settled, Trouble, Write
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import Grammar
from smtpx.core.hooks import (
    BatchLimits,
    Capability,
    Parameter,
    Refusal,
    Scope,
    SyncPoint,
    Where,
)
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.testing.client import OctetsBody, ScriptedPeer, client

from .made import MadeClient

LOST = reply(451, "4.4.2", b"Connection lost")
BROKEN = reply(451, "4.5.0", b"Peer broke the protocol")
OK = b"250 ok\r\n"
GO = b"354 go\r\n"
DONE = reply(250, "2.0.0", b"Taken")

MAIL = b"MAIL FROM:<a@client.example>\r\n"
RCPT = b"RCPT TO:<b@mx.example>\r\n"


def envelope(*paths: bytes, sender: bytes = b"a@client.example") -> Envelope:
    """An envelope, for one if not said otherwise."""
    recipients = [Recipient(path) for path in paths or (b"b@mx.example",)]
    return Envelope(sender, 0.0, recipients)


def three() -> Envelope:
    """An envelope for three."""
    return envelope(b"b@mx.example", b"c@mx.example", b"d@mx.example")


def grouping() -> IClientExtension:
    """What lets commands go in groups, whatever the peer says."""
    return MadeClient(lambda builder: builder.relax(lambda s: SyncPoint.TRANSACTION))


def opened(
    *extensions: IClientExtension,
    keywords: tuple[bytes, ...] = (),
    bareLines: BareLines = BareLines.NORMALISE,
) -> ScriptedPeer:
    """A peer that is ready for envelopes."""
    peer = ScriptedPeer(client(extensions, bareLines=bareLines))
    peer.open(*keywords)
    peer.events.clear()
    return peer


def outcomes(peer: ScriptedPeer) -> list[Reply]:
    """What became of the last envelope, one a recipient."""
    return [outcome for _, outcome in peer.settled[-1].outcomes]


@implementer(IBody)
class BrokenBody:
    """A body whose disk fails in the middle."""

    octets = 6

    def pieces(self) -> Iterator[bytes]:
        """One piece, and then trouble."""
        yield b"abc"
        raise OSError("disk")


class LockStepTests(SynchronousTestCase):
    """A peer that lets nothing go without a wait."""

    def test_wholeTransaction(self) -> None:
        """Each command waits for the reply to the one before."""
        peer = opened()
        message = envelope(b"b@mx.example", b"c@mx.example")
        self.assertEqual(peer.deliver(message, b"x\r\n"), MAIL)
        self.assertEqual(peer.say(OK), RCPT)
        self.assertEqual(peer.say(OK), b"RCPT TO:<c@mx.example>\r\n")
        self.assertEqual(peer.say(b"251 forwarded\r\n"), b"DATA\r\n")
        self.assertEqual(peer.say(GO), b"x\r\n.\r\n")
        self.assertEqual(peer.say(b"250 2.0.0 Taken\r\n"), b"")
        first, second = message.recipients
        self.assertEqual(
            peer.events, [Settled(message, ((first, DONE), (second, DONE)))]
        )
        self.assertTrue(peer.connection.ready)

    def test_nullSender(self) -> None:
        """A report has no sender."""
        peer = opened()
        self.assertEqual(peer.deliver(envelope(sender=b"")), b"MAIL FROM:<>\r\n")

    def test_mailRefused(self) -> None:
        """
        Then everybody is, with that reply; nothing is open at the peer, so
        nothing is reset.
        """
        peer = opened()
        peer.deliver(three())
        self.assertEqual(peer.say(b"550 5.7.1 Not from you\r\n"), b"")
        self.assertEqual(outcomes(peer), [reply(550, "5.7.1", b"Not from you")] * 3)
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.deliver(envelope()), MAIL)

    def test_someRecipientsRefused(self) -> None:
        """Each has its own outcome."""
        peer = opened()
        peer.deliver(three(), b"x\r\n")
        for answer in (OK, b"550 5.1.1 Unknown\r\n", OK, b"450 4.2.1 Later\r\n"):
            said = peer.say(answer)
        self.assertEqual(said, b"DATA\r\n")
        peer.say(GO)
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual(
            outcomes(peer),
            [reply(550, "5.1.1", b"Unknown"), DONE, reply(450, "4.2.1", b"Later")],
        )

    def test_allRecipientsRefused(self) -> None:
        """
        Without DATA the transaction is reset, and nobody waits for that: the
        next envelope is only held back until the peer has said so.
        """
        peer = opened()
        peer.deliver(envelope())
        peer.say(OK)
        self.assertEqual(peer.say(b"550 5.1.1 Unknown\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [reply(550, "5.1.1", b"Unknown")])
        self.assertTrue(peer.connection.ready)
        self.assertEqual(peer.deliver(envelope()), b"")
        self.assertEqual(peer.say(OK), MAIL)

    def test_quitBehindRSET(self) -> None:
        """QUIT waits for the reply to RSET, too."""
        peer = opened()
        peer.deliver(envelope())
        peer.say(OK)
        peer.say(b"550 no\r\n")
        self.assertEqual(peer.quit(), b"")
        self.assertEqual(peer.say(OK), b"QUIT\r\n")

    def test_dataRefused(self) -> None:
        """What DATA is refused with is everybody's outcome, and RSET follows."""
        peer = opened()
        peer.deliver(envelope())
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(b"451 4.3.0 Not now\r\n"), b"RSET\r\n")
        self.assertEqual(outcomes(peer), [reply(451, "4.3.0", b"Not now")])

    def test_dataAnsweredOddly(self) -> None:
        """
        Nothing but 354 lets the message go (RFC 5321 section 3.3), and after
        anything else that is no refusal the peer may think that it goes.
        """
        for answer in (b"250 ok\r\n", b"355 go\r\n"):
            peer = opened()
            peer.deliver(envelope(), b"secret")
            peer.say(OK)
            peer.say(OK)
            self.assertEqual(peer.say(answer), b"")
            self.assertEqual(outcomes(peer), [BROKEN])
            self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])

    def test_messageRefused(self) -> None:
        """The end of the data ends the transaction, refused or not."""
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO):
            peer.say(answer)
        self.assertEqual(peer.say(b"554 5.6.0 Bad message\r\n"), b"")
        self.assertEqual(outcomes(peer), [reply(554, "5.6.0", b"Bad message")])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.deliver(envelope()), MAIL)

    def test_intermediateReplies(self) -> None:
        """A 3yz to MAIL, to RCPT or to the message is no SMTP."""
        script = [OK, OK, GO, OK]
        for place in (0, 1, 3):
            peer = opened()
            peer.deliver(envelope())
            for index, answer in enumerate(script):
                peer.say(b"354 go\r\n" if index == place else answer)
                if index == place:
                    break
            self.assertEqual(outcomes(peer), [BROKEN])
            self.assertIs(peer.settled[-1].scope, Scope.HOST)
            self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])

    def test_unknownCodes(self) -> None:
        """The first digit is enough (RFC 5321 section 4.2)."""
        peer = opened()
        peer.deliver(envelope())
        for answer in (b"298 a\r\n", b"277 b\r\n", GO):
            peer.say(answer)
        peer.say(b"299 c\r\n")
        self.assertEqual(peer.codes, [299])

    def test_nobody(self) -> None:
        """An envelope for nobody is settled without a word."""
        peer = opened()
        message = Envelope(b"a@client.example", 0.0)
        self.assertEqual(peer.deliver(message), b"")
        self.assertEqual(peer.events, [Settled(message, ())])

    def test_tooManyRecipientsAs552(self) -> None:
        """
        Behind accepted recipients a 552 is meant as 452 (RFC 5321 section
        4.5.3.1.10), unless its enhanced code says that it is not.
        """
        cases = (
            (b"552 Too many\r\n", reply(452, "4.5.3", b"Too many")),
            (b"552 5.5.3 Too many\r\n", reply(452, "4.5.3", b"Too many")),
            (b"552 5.2.2 Full\r\n", reply(552, "5.2.2", b"Full")),
        )
        for said, meant in cases:
            peer = opened()
            peer.deliver(envelope(b"b@mx.example", b"c@mx.example"))
            for answer in (OK, OK, said, GO, b"250 2.0.0 Taken\r\n"):
                peer.say(answer)
            self.assertEqual(outcomes(peer), [DONE, meant])
        peer = opened()
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"))
        for answer in (OK, b"552 Too big\r\n", OK, GO, OK):
            peer.say(answer)
        self.assertEqual(peer.codes, [552, 250])


class GroupTests(SynchronousTestCase):
    """A peer that takes commands in groups (RFC 2920)."""

    def test_oneFlight(self) -> None:
        """MAIL, every RCPT and DATA are one write; DATA is the last."""
        peer = opened(grouping())
        peer.written.clear()
        peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"x\r\n")
        self.assertEqual(
            peer.written, [MAIL + RCPT + b"RCPT TO:<c@mx.example>\r\nDATA\r\n"]
        )
        self.assertEqual(peer.say(OK + OK + OK + GO), b"x\r\n.\r\n")
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual(outcomes(peer), [DONE, DONE])

    def test_anyCut(self) -> None:
        """Replies may come octet by octet, and be of several lines."""
        peer = opened(grouping())
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(peer.say(b"250-a\r\n250 b\r\n" + OK + GO, 1), b"x\r\n.\r\n")
        peer.say(b"250-2.0.0 Tak\r\n250 2.0.0 en\r\n", 1)
        self.assertEqual(outcomes(peer), [reply(250, "2.0.0", b"Tak", b"en")])

    def test_repliesAreCounted(self) -> None:
        """
        A 354 that answers a RCPT is not taken for the one that DATA wants, and
        the message does not go.
        """
        peer = opened(grouping())
        peer.deliver(three(), b"secret")
        self.assertEqual(peer.say(OK + GO), b"")
        self.assertEqual(outcomes(peer), [BROKEN] * 3)
        self.assertEqual(peer.events[1:], [GaveUp(BROKEN), Close()])

    def test_loneDot(self) -> None:
        """
        Where everybody was refused and DATA was not, an empty message ends it
        (RFC 2920 section 3.1), and its reply changes nothing.
        """
        for final in (b"554 no recipients\r\n", b"250 2.0.0 Taken\r\n"):
            peer = opened(grouping())
            peer.deliver(envelope(), b"secret")
            self.assertEqual(peer.say(OK + b"550 no\r\n" + GO), b".\r\n")
            self.assertEqual(peer.say(final), b"")
            self.assertEqual(outcomes(peer), [Reply(550, None, (b"no",))])
            self.assertTrue(peer.connection.ready)

    def test_allRefused(self) -> None:
        """Where DATA is refused as well, RSET leaves the peer clean."""
        peer = opened(grouping())
        peer.deliver(envelope(), b"x\r\n")
        self.assertEqual(
            peer.say(OK + b"550 5.1.1 no\r\n" + b"554 5.5.1 none\r\n"), b"RSET\r\n"
        )
        self.assertEqual(outcomes(peer), [reply(550, "5.1.1", b"no")])
        # RSET may stand in a group, so nobody waits for it.
        self.assertEqual(peer.deliver(envelope()), MAIL + RCPT + b"DATA\r\n")
        peer.say(OK + OK + OK + GO)
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual(outcomes(peer), [DONE])

    def test_mailRefused(self) -> None:
        """The 503 behind a refused MAIL say nothing of their recipients."""
        peer = opened(grouping())
        peer.deliver(three(), b"x\r\n")
        peer.say(b"451 4.7.1 Later\r\n" + b"503 5.5.1 sequence\r\n" * 4)
        self.assertEqual(outcomes(peer), [reply(451, "4.7.1", b"Later")] * 3)
        self.assertEqual(peer.written[-1][-6:], b"DATA\r\n")
        self.assertTrue(peer.connection.ready)

    def test_resetRefused(self) -> None:
        """A peer that will not be reset cannot be used any more."""
        for answer, why in (
            (b"500 what?\r\n", Reply(500, None, (b"what?",))),
            (b"354 go\r\n", BROKEN),
        ):
            peer = opened(grouping())
            peer.deliver(envelope())
            peer.say(OK + b"550 no\r\n" + b"554 no\r\n")
            peer.say(answer)
            self.assertEqual(peer.events[1:], [GaveUp(why), Close()])

    def test_resetRefusedUnderTheNextEnvelope(self) -> None:
        """The next one is for the next host then."""
        peer = opened(grouping())
        peer.deliver(envelope())
        peer.say(OK + b"550 no\r\n" + b"554 no\r\n")
        peer.deliver(envelope())
        peer.say(b"500 what?\r\n")
        self.assertEqual(peer.codes, [500])
        self.assertIs(peer.settled[-1].scope, Scope.HOST)
        self.assertEqual(peer.events[-1], Close())


class EndInTheMiddleTests(SynchronousTestCase):
    """A session that ends under an envelope."""

    def test_lostAtEachStep(self) -> None:
        """
        A lost connection is a 451 for all who were not refused before (RFC 5321
        section 3.8).
        """
        script = (OK, b"550 5.1.1 Unknown\r\n", OK, OK, GO)
        unknown = reply(550, "5.1.1", b"Unknown")
        for extensions in ([], [grouping()]):
            for upTo in range(len(script) + 1):
                peer = opened(*extensions)
                peer.deliver(three(), b"x\r\n")
                for answer in script[:upTo]:
                    peer.say(answer)
                peer.lost()
                first = unknown if upTo >= 2 else LOST
                self.assertEqual(outcomes(peer), [first, LOST, LOST])
                self.assertIs(peer.settled[-1].scope, Scope.HOST)
                self.assertEqual(peer.events[-1], GaveUp(None))

    def test_lostInTheMiddleOfAReply(self) -> None:
        """A reply that is not whole is none."""
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO, b"250-2.0.0 Tak\r\n250 2."):
            peer.say(answer)
        peer.lost()
        self.assertEqual(outcomes(peer), [LOST])

    def test_mailRefusedAndLost(self) -> None:
        """A refused MAIL stays refused when the rest of the group is lost."""
        peer = opened(grouping())
        peer.deliver(three())
        peer.say(b"550 5.7.1 no\r\n")
        peer.lost()
        self.assertEqual(outcomes(peer), [reply(550, "5.7.1", b"no")] * 3)

    def test_421AtEachStep(self) -> None:
        """A 421 is the outcome of all who were not refused before."""
        closing = reply(421, "4.3.2", b"Closing")
        for upTo in range(4):
            peer = opened(grouping())
            peer.deliver(envelope(b"b@mx.example", b"c@mx.example"), b"x\r\n")
            for answer in (OK, b"550 no\r\n", OK, GO)[:upTo]:
                peer.say(answer)
            peer.say(b"421 4.3.2 Closing\r\n")
            self.assertEqual(outcomes(peer)[-1], closing)
            self.assertEqual(outcomes(peer)[0].code, 550 if upTo > 1 else 421)
            self.assertIs(peer.settled[-1].scope, Scope.HOST)
            self.assertEqual(peer.events[-2:], [GaveUp(closing), Close()])

    def test_421BehindTheFinalReply(self) -> None:
        """A message that was taken is taken, though the peer closes."""
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO):
            peer.say(answer)
        peer.say(b"250 2.0.0 Taken\r\n421 4.7.0 Enough\r\n")
        self.assertEqual(outcomes(peer), [DONE])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(
            peer.events[1:], [GaveUp(reply(421, "4.7.0", b"Enough")), Close()]
        )

    def test_refusedInTheMiddleOfTheBody(self) -> None:
        """
        A server that cannot wait for the end of the data has refused the
        message; the connection is of no use then.
        """
        peer = opened(grouping())
        peer.flowing = False
        peer.deliver(envelope(), OctetsBody(b"abcdef", 3))
        self.assertEqual(peer.say(OK + OK + GO), b"abc")
        self.assertEqual(peer.say(b"552 5.3.4 Too big\r\n"), b"")
        self.assertEqual(outcomes(peer), [reply(552, "5.3.4", b"Too big")])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.events[-1], Close())
        self.assertEqual(peer.resume(), b"")

    def test_takenInTheMiddleOfTheBody(self) -> None:
        """A 250 before the end of the data is not believed."""
        peer = opened(grouping())
        peer.flowing = False
        peer.deliver(envelope(), OctetsBody(b"abcdef", 3))
        peer.say(OK + OK + GO)
        peer.say(OK)
        self.assertEqual(outcomes(peer), [BROKEN])
        self.assertIs(peer.settled[-1].scope, Scope.HOST)


class BodyTests(SynchronousTestCase):
    """The body, by DATA."""

    def sent(self, body: OctetsBody) -> bytes:
        """What goes over the wire for C{body}."""
        peer = opened()
        peer.deliver(envelope(), body)
        peer.say(OK)
        peer.say(OK)
        return peer.say(GO)

    def test_transparency(self) -> None:
        """A dot at the beginning of a line is doubled (RFC 5321 section 4.5.2)."""
        body = b".\r\n..\r\na.\r\n.b\r\n"
        wire = b"..\r\n...\r\na.\r\n..b\r\n.\r\n"
        for size in (1, 2, 3, 65_536):
            self.assertEqual(self.sent(OctetsBody(body, size)), wire)

    def test_emptyBody(self) -> None:
        """An empty message is a dot."""
        self.assertEqual(self.sent(OctetsBody(b"")), b".\r\n")

    def test_finalLineEnd(self) -> None:
        """It is added where it is missing."""
        self.assertEqual(self.sent(OctetsBody(b"x")), b"x\r\n.\r\n")

    def test_bareLineEnds(self) -> None:
        """They become CRLF, and a dot behind one is doubled."""
        self.assertEqual(
            self.sent(OctetsBody(b"a\n.\nb\r.\rc\r")),
            b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n",
        )

    def test_bareLineEndsRefused(self) -> None:
        """Or the message is refused, before anything of it was said."""
        for body in (b"a\nb\r\n", b"a\rb", b"\r\n\n", b"x\r"):
            for size in (1, 65_536):
                peer = opened(bareLines=BareLines.REFUSE)
                self.assertEqual(peer.deliver(envelope(), OctetsBody(body, size)), b"")
                self.assertEqual(
                    outcomes(peer),
                    [reply(554, "5.6.0", b"Message has a bare CR or LF")],
                )
                self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
                self.assertTrue(peer.connection.ready)
        peer = opened(bareLines=BareLines.REFUSE)
        self.assertEqual(peer.deliver(envelope(), OctetsBody(b"a\r\nb\r\n", 1)), MAIL)

    def test_piecesAndFlow(self) -> None:
        """
        Between pieces the transport is asked; the last piece and the final dot
        are one write, and so are commands that stand before the first.
        """
        peer = opened()
        peer.deliver(envelope(), OctetsBody(b"abcdef", 2))
        peer.say(OK)
        peer.say(OK)
        connection = peer.connection
        self.assertEqual(connection.feed(GO), [Write(b"ab"), Drain()])
        self.assertEqual(connection.resume(), [Write(b"cd"), Drain()])
        self.assertEqual(connection.resume(), [Write(b"ef\r\n.\r\n")])
        self.assertEqual(connection.resume(), [])

    def test_troubleInTheMiddle(self) -> None:
        """
        A body that cannot be read leaves the peer waiting for its end: only
        closing keeps it from taking half a message.
        """
        peer = opened()
        peer.deliver(envelope(), BrokenBody())
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(GO), b"abc")
        trouble = peer.troubles[0]
        self.assertEqual(trouble.owner, "core")
        self.assertIsInstance(trouble.error, OSError)
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])
        # It is not the host's fault.
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertEqual(peer.events[-2:], [GaveUp(LOCAL_ERROR), Close()])

    def test_troubleBeforeTheBeginning(self) -> None:
        """One that cannot even be looked at costs nothing but itself."""
        peer = opened(bareLines=BareLines.REFUSE)
        self.assertEqual(peer.deliver(envelope(), BrokenBody()), b"")
        self.assertEqual(outcomes(peer), [LOCAL_ERROR])
        self.assertTrue(peer.connection.ready)


class InjectionTests(SynchronousTestCase):
    """Commands hidden in what a command is made of."""

    def test_sender(self) -> None:
        """A sender with a line end in it is refused before anything is sent."""
        for octet in (b"\r", b"\n", b"\0", b"\x7f", b"\t"):
            peer = opened()
            sender = b"a@x" + octet + b"DATA"
            self.assertEqual(peer.deliver(envelope(sender=sender)), b"")
            self.assertEqual([r.status for r in outcomes(peer)], [(5, 1, 7)])
            self.assertTrue(peer.connection.ready)

    def test_recipient(self) -> None:
        """So is a recipient; the others get their message."""
        peer = opened(grouping())
        message = envelope(b"c@x>\r\nRSET\r\n<", b"b@mx.example")
        self.assertEqual(peer.deliver(message, b""), MAIL + RCPT + b"DATA\r\n")
        peer.say(OK + OK + GO)
        peer.say(b"250 2.0.0 Taken\r\n")
        self.assertEqual([r.status for r in outcomes(peer)], [(5, 1, 3), (2, 0, 0)])

    def test_nobodyLeft(self) -> None:
        """Where no recipient is left nothing is sent."""
        peer = opened()
        self.assertEqual(peer.deliver(envelope(b"a\r\n", b"b\n")), b"")
        self.assertEqual(peer.codes, [553, 553])

    def test_parameter(self) -> None:
        """A value that would end its parameter is the extension's trouble."""
        for value in (b"x DSN", b"x\r\nRSET", b"x\0"):
            peer = opened(Noted(value).extension(), keywords=(b"NOTE",))
            self.assertEqual(peer.deliver(envelope()), b"")
            self.assertEqual(outcomes(peer), [LOCAL_ERROR])
            self.assertEqual(peer.troubles[0].owner, "made")
            self.assertIsInstance(peer.troubles[0].error, ValueError)

    def test_odddButLegalPaths(self) -> None:
        """What may stand in a quoted local part is sent as it is."""
        peer = opened()
        self.assertEqual(
            peer.deliver(envelope(sender=b'"a> b"@x')), b'MAIL FROM:<"a> b"@x>\r\n'
        )


class Noted:
    """A parameter C{NOTE=} of MAIL and C{FLAG} of RCPT, for a test."""

    RAW = Grammar[bytes](lambda raw: raw or b"", lambda value: value)
    BARE = Grammar[bytes](lambda raw: b"", lambda value: None)
    OFFER = Capability[bytes](b"NOTE", RAW)

    def __init__(self, value: bytes | None) -> None:
        self.value = value

    def send(self, session: IClientSession, bearer: object) -> bytes | None:
        """What the test wants."""
        return self.value

    def extension(self) -> IClientExtension:
        """Both, as an extension."""
        mail = Parameter(b"NOTE", Where.MAIL, self.RAW, lambda s, b, v: None, self.send)
        rcpt = evolve(mail, keyword=b"FLAG", where=Where.RCPT, grammar=self.BARE)

        def register(builder: IClientBuilder) -> None:
            builder.capability(self.OFFER)
            builder.parameter(mail, self.OFFER)
            builder.parameter(rcpt, self.OFFER)

        return MadeClient(register)


class ParameterTests(SynchronousTestCase):
    """What stands behind the addresses."""

    def test_onlyWhereOffered(self) -> None:
        """
        Parameters are for peers that offered them in their last EHLO (RFC 5321
        section 4.1.1.11).
        """
        noted = Noted(b"x")
        peer = opened(noted.extension(), keywords=(b"NOTE",))
        self.assertEqual(
            peer.deliver(envelope()), b"MAIL FROM:<a@client.example> NOTE=x\r\n"
        )
        self.assertEqual(peer.say(OK), b"RCPT TO:<b@mx.example> FLAG\r\n")
        peer = opened(noted.extension(), keywords=(b"OTHER",))
        self.assertEqual(peer.deliver(envelope()), MAIL)
        self.assertEqual(peer.say(OK), RCPT)

    def test_leftOut(self) -> None:
        """An extension may leave its parameter out."""
        peer = opened(Noted(None).extension(), keywords=(b"NOTE",))
        self.assertEqual(peer.deliver(envelope()), MAIL)


class HookTests(SynchronousTestCase):
    """What extensions say to an envelope."""

    def test_admit(self) -> None:
        """The first refusal settles it, with its scope, without a word."""
        refusal = Refusal(reply(552, "5.3.4", b"Too big here"), Scope.HOST)

        def register(builder: IClientBuilder) -> None:
            builder.admit(lambda session, envelope: None)
            builder.admit(lambda session, envelope: refusal)

        peer = opened(MadeClient(register))
        self.assertEqual(peer.deliver(three()), b"")
        self.assertEqual(outcomes(peer), [refusal.reply] * 3)
        self.assertIs(peer.settled[-1].scope, Scope.HOST)
        self.assertTrue(peer.connection.ready)

    def test_transform(self) -> None:
        """Transforms change the body one after the other."""

        def register(builder: IClientBuilder) -> None:
            builder.transform(lambda s, e: None)
            builder.transform(lambda s, e: lambda body: added(body, b"1"))
            builder.transform(lambda s, e: lambda body: added(body, b"2"))

        def added(body: IBody, octets: bytes) -> IBody:
            return OctetsBody(b"".join(body.pieces()) + octets)

        peer = opened(MadeClient(register))
        peer.deliver(envelope(), b"x")
        peer.say(OK)
        peer.say(OK)
        self.assertEqual(peer.say(GO), b"x12\r\n.\r\n")

    def test_trouble(self) -> None:
        """
        An exception out of any hook settles this envelope with 451, names the
        extension, and the session goes on.
        """
        error = KeyError("boom")

        def fail(*arguments: object) -> None:
            raise error

        def failing(body: IBody) -> IBody:
            raise error

        registrations = [
            lambda builder: builder.admit(fail),
            lambda builder: builder.transform(fail),
            lambda builder: builder.transform(lambda s, e: failing),
            lambda builder: builder.carrier(fail),
            lambda builder: builder.batch(fail),
            lambda builder: builder.relax(fail),
        ]
        for register in registrations:
            peer = opened(MadeClient(register, "bad"))
            self.assertEqual(peer.deliver(envelope()), b"")
            self.assertEqual(peer.events[0], Trouble("bad", error))
            self.assertEqual(outcomes(peer), [LOCAL_ERROR])
            self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
            self.assertTrue(peer.connection.ready)

    def test_quitGoesOnWithATroubledExtension(self) -> None:
        """QUIT asks nobody."""

        def fail(session: IClientSession) -> SyncPoint:
            raise ValueError

        peer = opened(MadeClient(lambda builder: builder.relax(fail)))
        self.assertEqual(peer.quit(), b"QUIT\r\n")


class LimitTests(SynchronousTestCase):
    """How much a peer takes (RFC 9422 section 4)."""

    def limited(self, *limits: BatchLimits | None) -> ScriptedPeer:
        """A peer of whom these opinions are held."""

        def opinion(
            limit: BatchLimits | None,
        ) -> Callable[[IClientSession], BatchLimits | None]:
            return lambda session: limit

        def register(builder: IClientBuilder) -> None:
            for limit in limits:
                builder.batch(opinion(limit))

        return opened(grouping(), MadeClient(register, "limits"))

    def test_theStrictestCounts(self) -> None:
        """Of several opinions the strictest counts, for each limit."""
        peer = self.limited(None, BatchLimits(3, 5), BatchLimits(2, 9, 4))
        self.assertEqual(peer.connection.limits(), BatchLimits(2, 5, 4))
        self.assertEqual(self.limited().connection.limits(), BatchLimits())

    def test_recipients(self) -> None:
        """Those above the limit are for another transaction."""
        peer = self.limited(BatchLimits(recipients=1))
        self.assertEqual(peer.deliver(three()), MAIL + RCPT + b"DATA\r\n")
        peer.say(OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 452, 452])

    def test_domains(self) -> None:
        """Domains are counted for the whole session, without case."""
        peer = self.limited(BatchLimits(domains=2))
        first = envelope(b"b@one.example", b"c@two.example", b"d@three.example")
        peer.deliver(first)
        peer.say(OK + OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 250, 452])
        peer.deliver(envelope(b"e@ONE.example", b"postmaster"))
        peer.say(OK + OK + GO)
        peer.say(OK)
        self.assertEqual(peer.codes, [250, 452])

    def test_transactions(self) -> None:
        """Refused ones count too; what is too many is for another session."""
        peer = self.limited(BatchLimits(transactions=1))
        peer.deliver(envelope())
        peer.say(b"451 no\r\n" + b"503 no\r\n" * 2)
        self.assertEqual(peer.deliver(envelope()), b"")
        self.assertEqual(peer.codes, [452])
        self.assertIs(peer.settled[-1].scope, Scope.SESSION)
