"""
Tests for L{smtpx.core.clienttransaction}: MAIL, RCPT, DATA and what becomes of
them.  Bodies are in L{tests.core.test_clientbody}, carriers other than DATA in
L{tests.core.test_clientcarrier}, more recipients than fit in
L{tests.core.test_clientrest}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Close, GaveUp, Settled
from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Scope, Stage
from smtpx.core.reply import Reply, reply
from smtpx.testing.client import OctetsBody

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
    three,
)


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
        stages = (Stage.MESSAGE, Stage.MESSAGE)
        self.assertEqual(
            peer.events,
            [Settled(message, ((first, DONE), (second, DONE)), stages=stages)],
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
            # To the message it may have meant anything.
            scope = Scope.MESSAGE if place == 3 else Scope.HOST
            self.assertIs(peer.settled[-1].scope, scope)
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

    def test_intermediateReplyToMAIL(self) -> None:
        """Nor a 3yz to MAIL, though all that is behind it looks good."""
        for answer in (b"300 go\r\n", b"399 go\r\n"):
            peer = opened(grouping())
            peer.deliver(envelope(), b"secret")
            self.assertEqual(peer.say(answer + OK + GO), b"")
            self.assertEqual(outcomes(peer), [BROKEN])

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
        """
        The next one is for the next host then, or for later: what the peer said,
        for good maybe, was not about it.
        """
        peer = opened(grouping())
        peer.deliver(envelope())
        peer.say(OK + b"550 no\r\n" + b"554 no\r\n")
        peer.deliver(envelope())
        peer.say(b"500 what?\r\n")
        self.assertEqual(outcomes(peer), [LOST])
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
                whole = upTo == len(script)
                lost = UNSURE if whole else LOST
                self.assertEqual(outcomes(peer), [first, lost, lost])
                scope = Scope.MESSAGE if whole else Scope.HOST
                self.assertIs(peer.settled[-1].scope, scope)
                self.assertIs(peer.settled[-1].unsure, whole)
                self.assertEqual(peer.events[-1], GaveUp(None))

    def test_lostBeforeMAIL(self) -> None:
        """An envelope that waits for the reset before it is lost like others."""
        peer = opened()
        peer.deliver(envelope())
        peer.say(OK)
        peer.say(b"550 no\r\n")
        peer.deliver(envelope())
        peer.lost()
        self.assertEqual(outcomes(peer), [LOST])
        self.assertIs(peer.settled[-1].scope, Scope.HOST)

    def test_lostInTheMiddleOfAReply(self) -> None:
        """
        A reply that is not whole is none; the message may have been taken, and no
        other host is to have it at once (RFC 1047).
        """
        peer = opened()
        peer.deliver(envelope(), b"x\r\n")
        for answer in (OK, OK, GO, b"250-2.0.0 Tak\r\n250 2."):
            peer.say(answer)
        peer.lost()
        self.assertEqual(outcomes(peer), [UNSURE])
        self.assertIs(peer.settled[-1].scope, Scope.MESSAGE)
        self.assertTrue(peer.settled[-1].unsure)

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


class AskingTests(SynchronousTestCase):
    """Only asking whom a peer takes mail for (a callout)."""

    def test_lockStep(self) -> None:
        """MAIL, each RCPT, and then the peer is reset; nothing is sent."""
        peer = opened()
        message = envelope(b"b@mx.example", b"c@mx.example", sender=b"")
        self.assertEqual(peer.deliver(message, None), b"MAIL FROM:<>\r\n")
        self.assertEqual(peer.say(OK), RCPT)
        self.assertEqual(peer.say(OK), b"RCPT TO:<c@mx.example>\r\n")
        self.assertEqual(peer.say(b"550 5.1.1 Unknown\r\n"), b"RSET\r\n")
        self.assertEqual(peer.codes, [250, 550])
        self.assertEqual(peer.settled[-1].stages, (Stage.RCPT, Stage.RCPT))
        self.assertFalse(peer.settled[-1].unsure)
        peer.say(OK)
        self.assertEqual(peer.deliver(envelope()), MAIL)

    def test_group(self) -> None:
        """All of it is one flight, without DATA; nobody may be there."""
        peer = opened(grouping())
        self.assertEqual(peer.deliver(envelope(), None), MAIL + RCPT)
        said = peer.say(OK + b"550 5.1.1 Unknown\r\n")
        self.assertEqual(said, b"RSET\r\n")
        self.assertEqual(peer.codes, [550])

    def test_mailRefused(self) -> None:
        """A peer that takes no such mail says nothing of the recipient."""
        peer = opened()
        peer.deliver(envelope(), None)
        peer.say(b"550 5.7.1 Not from you\r\n")
        self.assertEqual(peer.settled[-1].stages, (Stage.MAIL,))
        self.assertEqual(peer.codes, [550])
