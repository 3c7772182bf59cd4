"""
Tests for L{smtpx.core.server}: questions to the world, and bounds.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import BareLines, Bounds
from smtpx.core.effects import (
    MayConnect,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
    Waiting,
)
from smtpx.core.reply import reply
from smtpx.extensions.standard import standard
from smtpx.testing.server import talk

from .made import pending

HELLO = b"EHLO c.example\r\n"
BEGIN = HELLO + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
NO = reply(550, "5.7.1", b"No")
LATER = reply(450, "4.7.1", b"Later")


class PolicyTests(SynchronousTestCase):
    """
    Questions to the world, answered at once and later.
    """

    def test_heldBehindCommand(self) -> None:
        """
        What waits behind a command in work is counted; the beginning of a line is not.
        """
        said = talk(standard(), HELLO + b"MAIL FROM", answers={MaySend: pending})
        self.assertFalse(said.connection.holdsMore(0))
        said.connection.feed(b":<a@b.example>\r\nNOOP\r\n")
        self.assertTrue(said.connection.holdsMore(5))
        self.assertFalse(said.connection.holdsMore(6))

    def test_refusedConnection(self) -> None:
        """
        A refused client gets one reply instead of the greeting, and the end.
        """
        no = reply(554, "5.7.1", b"No")
        said = talk([], HELLO, answers={MayConnect: lambda asked: no})
        self.assertEqual(said.replies, [b"554 5.7.1 No"])

    def test_refusedSender(self) -> None:
        """
        A refused MAIL leaves no transaction.
        """
        said = talk([], BEGIN, answers={MaySend: lambda asked: NO})
        self.assertEqual(said.codes[-2:], [550, 503])

    def test_refusedRecipient(self) -> None:
        """
        A refused recipient is not in the envelope; with none left DATA is 554.
        """
        said = talk([], BEGIN + b"DATA\r\n", answers={MayReceive: lambda asked: NO})
        self.assertEqual(said.codes[-2:], [550, 554])
        self.assertEqual(said.port.refusals[0], (b"RCPT TO:<c@d.example>", NO))

    def test_betterReply(self) -> None:
        """
        A policy may have a better 2yz than the usual one.
        """
        forward = reply(251, "2.1.5", b"Will forward")
        said = talk([], BEGIN, answers={MayReceive: lambda asked: forward})
        self.assertEqual(said.last, b"251 2.1.5 Will forward")
        self.assertEqual(len(said.connection.envelope.recipients), 1)  # type: ignore[union-attr]  # begun

    def test_noRoom(self) -> None:
        """
        A body for which there is no room is refused before it comes.
        """
        full = reply(452, "4.3.1", b"No room")
        said = talk([], BEGIN + b"DATA\r\n", answers={OpenBody: lambda asked: full})
        self.assertEqual(said.codes[-1], 452)

    def test_answersLater(self) -> None:
        """
        While an answer is open, commands wait, and replies keep their order.
        """
        answers = dict.fromkeys(
            (MayConnect, MaySend, MayReceive, OpenBody, TakeMessage), pending
        )
        said = talk(standard(), answers=answers)
        self.assertEqual(said.octets, b"")
        self.assertIs(said.connection.waiting, Waiting.ANSWER)
        self.assertFalse(said.connection.idle)
        said.answer(None)
        said.feed(HELLO)
        said.feed(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        self.assertEqual(said.codes, [220, 250])
        for codes in ([250], [250], [354]):
            said.answer(None)
            self.assertEqual(said.codes[-1:], codes)
        said.feed(b"x\r\n.\r\nQUIT\r\n")
        self.assertEqual(said.codes[-1], 354)
        said.answer(reply(250, "2.0.0", b"On the disk"))
        self.assertEqual(
            said.replies[-2:], [b"250 2.0.0 On the disk", b"221 2.0.0 Bye"]
        )

    def test_refusedLater(self) -> None:
        """
        Refusals that come later refuse just the same.
        """
        said = talk([], HELLO, answers={MaySend: pending, MayReceive: pending})
        said.feed(b"MAIL FROM:<a@b.example>\r\n")
        said.answer(LATER)
        self.assertIsNone(said.connection.envelope)
        said.feed(b"MAIL FROM:<a@b.example>\r\n")
        said.answer(None)
        said.feed(b"RCPT TO:<c@d.example>\r\n")
        said.answer(LATER)
        said.feed(b"DATA\r\n")
        self.assertEqual(said.codes[-4:], [450, 250, 450, 554])

    def test_refusedBodyLater(self) -> None:
        """
        A body may be refused later, at its beginning and at its end.
        """
        said = talk([], BEGIN, answers={OpenBody: pending, TakeMessage: pending})
        said.feed(b"DATA\r\n")
        said.answer(LATER)
        self.assertEqual(said.codes[-1], 450)
        said.feed(b"DATA\r\n")
        said.answer(None)
        said.feed(b"x\r\n.\r\n")
        said.answer(NO)
        self.assertEqual(said.codes[-2:], [354, 550])
        self.assertIsNone(said.connection.envelope)

    def test_exceptionOfTheWorld(self) -> None:
        """
        An exception from the world is 451; the transaction is gone, the session
        goes on.
        """

        def broken(asked: object) -> object:
            raise ZeroDivisionError

        for kind in (MaySend, MayReceive, OpenBody, TakeMessage):
            said = talk(
                [], BEGIN + b"DATA\r\nx\r\n.\r\nRSET\r\n", answers={kind: broken}
            )
            self.assertIn(b"451 4.3.0 Local error in processing", said.replies)
            ((owner, error),) = said.port.troubles[:1]
            self.assertEqual((owner, type(error)), ("core", ZeroDivisionError))
            self.assertEqual(said.port.taken, [])
            self.assertFalse(said.connection.closed)
            self.assertIsNone(said.connection.envelope)


class BoundTests(SynchronousTestCase):
    """
    What a peer can send is bounded.
    """

    def test_errors(self) -> None:
        """
        After so many errors the connection ends.
        """
        said = talk([], b"FOO\r\n" * 9, bounds=Bounds(errorsMax=3))
        self.assertEqual(said.codes, [220, 500, 500, 500, 500, 421])
        self.assertTrue(said.connection.closed)

    def test_refusedRecipients(self) -> None:
        """
        A client that tries one address after the other is sent away.
        """
        said = talk(
            [],
            HELLO + b"MAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<c@d.example>\r\n" * 9,
            bounds=Bounds(refusalsMax=3),
            answers={MayReceive: lambda asked: NO},
        )
        self.assertEqual(said.codes[-5:], [550, 550, 550, 550, 421])

    def test_idleCommands(self) -> None:
        """
        Only so many commands that bring no mail forward are taken; a message
        sets the count back.
        """
        message = b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n"
        noops = b"NOOP\r\n" * 3
        said = talk(
            [],
            HELLO + noops + message + noops + b"NOOP\r\n" * 3,
            bounds=Bounds(idleCommandsMax=4),
        )
        self.assertEqual(said.codes[-6:], [250, 250, 250, 250, 250, 421][-6:])

    def test_recipients(self) -> None:
        """
        Too many recipients are 452, never 552 (RFC 5321 section 4.5.3.1.10).
        """
        said = talk(
            [], BEGIN + b"RCPT TO:<c@d.example>\r\n", bounds=Bounds(recipientsMax=1)
        )
        self.assertEqual(said.last, b"452 4.5.3 Too many recipients")

    def test_recipientsPutOff(self) -> None:
        """
        A client that goes on and on beyond the limit is sent away.
        """
        rcpt = b"RCPT TO:<c@d.example>\r\n"
        bounds = Bounds(recipientsMax=2, putOffMax=2)
        said = talk([], BEGIN + rcpt * 9, bounds=bounds)
        self.assertEqual(said.codes[-5:], [250, 452, 452, 452, 421])
        self.assertTrue(said.connection.closed)

    def test_transactions(self) -> None:
        """
        MAIL commands are counted, those that failed too (RFC 9422 section 4.1).
        """
        said = talk(
            [],
            HELLO + b"MAIL FROM:<\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n",
            bounds=Bounds(transactionsMax=2),
        )
        self.assertEqual(said.codes[-4:], [501, 250, 250, 451])

    def test_size(self) -> None:
        """
        A message above the limit is read to its end, kept nowhere, and 552.
        """
        said = talk(
            [],
            BEGIN + b"DATA\r\n" + b"x" * 20 + b"\r\ny\r\n.\r\nNOOP\r\n",
            bounds=Bounds(messageOctets=10),
        )
        self.assertEqual(said.codes[-2:], [552, 250])
        self.assertEqual((said.port.taken, said.port.dropped), ([], 1))

    def test_bareLineEnds(self) -> None:
        """
        A message with a bare CR or LF is refused, or set right where the
        operator wants it so; a line of a dot stays one.
        """
        script = BEGIN + b"DATA\r\na\n.\nb\rc\r\n.\r\nNOOP\r\n"
        said = talk([], script)
        self.assertEqual(said.codes[-2:], [550, 250])
        self.assertEqual((said.port.taken, said.port.dropped), ([], 1))
        said = talk([], script, bounds=Bounds(bareLines=BareLines.NORMALISE))
        self.assertEqual(said.codes[-2:], [250, 250])
        self.assertEqual(said.port.bodies, [b"a\r\n.\r\nb\r\nc\r\n"])

    def test_textLines(self) -> None:
        """
        Lines of a message are of any length unless the operator bounds them.
        """
        script = BEGIN + b"DATA\r\n" + b"x" * 2000 + b"\r\n.\r\n"
        self.assertEqual(talk([], script).codes[-1], 250)
        bounded = talk([], script, bounds=Bounds(textLineOctets=1000))
        self.assertEqual(bounded.last, b"550 5.6.0 Message has a line that is too long")
        self.assertEqual(
            talk([], script, bounds=Bounds(textLineOctets=2002)).codes[-1], 250
        )
