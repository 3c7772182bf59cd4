"""
Tests for L{smtpx.core.reviews}, and for what becomes of reviews.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Verdict, ask
from smtpx.core.effects import PENDING, OpenBody, TakeMessage
from smtpx.core.hooks import Stage
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.reply import reply
from smtpx.testing.server import Said, talk

from .made import Favour, MadeServer, broken, odd, pending

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
BEGIN = HELLO + MAIL + b"RCPT TO:<c@d.example>\r\n"
MESSAGE = BEGIN + b"DATA\r\nX-Watched: 1\r\n\r\nx\r\n.\r\n"
NO = reply(550, "5.7.1", b"No")
BETTER = reply(250, "2.1.0", b"Better")


def favour(session: object, recipient: object) -> Verdict:
    """A review that asks the world."""
    return None if (yield from ask(Favour())) else NO


class ReviewTests(SynchronousTestCase):
    """
    What reviews say.
    """

    def talkOf(self, *checks: Any, stage: Stage = Stage.MAIL) -> Said:
        """A client begins; checks are reviewed in order."""

        def extend(server: IServerBuilder) -> None:
            for check in checks:
                server.review(stage, check)

        script = MESSAGE if stage is Stage.MESSAGE else BEGIN
        return odd(script, extend, answers={Favour: lambda asked: True})

    def test_better(self) -> None:
        """A 2yz stands in for the usual reply; the last one does."""
        for stage in (Stage.MAIL, Stage.RCPT, Stage.MESSAGE):
            said = self.talkOf(
                lambda s, r: reply(250, "2.0.0", b"Good"),
                lambda s, r: BETTER,
                lambda s, r: None,
                stage=stage,
            )
            self.assertIn(BETTER.octets, said.octets)
            self.assertNotIn(b"Good", said.octets)

    def test_betterFinalReply(self) -> None:
        """
        A 2yz of a review of the message stands in for the final reply, unless
        that refuses.
        """

        def extend(server: IServerBuilder) -> None:
            server.review(Stage.MESSAGE, lambda session, recipient: BETTER)

        refused = odd(MESSAGE, extend, answers={TakeMessage: lambda asked: NO})
        self.assertEqual(refused.last, b"550 5.7.1 No")
        later = odd(MESSAGE, extend, answers={TakeMessage: pending})
        later.answer(reply(250, "2.0.0", b"Taken"))
        self.assertEqual(later.last, b"250 2.1.0 Better")

    def test_troubleOfAnother(self) -> None:
        """
        A review that waits, and then asks for what another extension has, is
        not blamed for the other's mistake.
        """

        def curious(session: IServerSession, recipient: object) -> Verdict:
            yield from ask(Favour())
            session.variable("number")
            return None

        said = talk(
            [
                MadeServer(lambda server: server.review(Stage.MAIL, curious), "NOSY"),
                MadeServer(lambda server: server.variable("number", broken), "ODD"),
            ],
            HELLO + MAIL,
            answers={Favour: lambda asked: True},
        )
        self.assertEqual([owner for owner, _ in said.port.troubles], ["ODD"])
        self.assertEqual(said.codes[-1], 451)

    def test_refusal(self) -> None:
        """The first refusal decides; the rest is not asked."""
        asked: list[int] = []
        said = self.talkOf(
            lambda s, r: NO, lambda s, r: asked.append(1), stage=Stage.RCPT
        )
        self.assertEqual((said.codes[-1], asked), (550, []))
        self.assertEqual(self.talkOf(lambda s, r: NO).codes[-2:], [550, 503])
        self.assertEqual(
            self.talkOf(lambda s, r: NO, stage=Stage.MESSAGE).codes[-1], 550
        )
        said = self.talkOf(lambda s, r: NO, stage=Stage.DATA)
        self.assertEqual(said.feed(b"DATA\r\n"), NO.octets)

    def test_waiting(self) -> None:
        """
        A review may wait; the others follow it in order, those that wait and
        those that do not.
        """

        def better(session: object, recipient: object) -> Verdict:
            yield from ask(Favour())
            return BETTER

        for stage in Stage:
            said = self.talkOf(favour, better, favour, lambda s, r: None, stage=stage)
            if stage in (Stage.MAIL, Stage.RCPT):
                self.assertIn(b"250 2.1.0 Better", said.replies)
            self.assertEqual(said.codes[-1], 250)
            said = self.talkOf(favour, lambda s, r: NO, stage=stage)
            if stage is Stage.DATA:
                said.feed(b"DATA\r\n")
            self.assertIn(b"550 5.7.1 No", said.replies)

    def test_refusesLater(self) -> None:
        """A review that waits may refuse, at every stage."""
        for stage in Stage:
            said = odd(
                BEGIN + b"DATA\r\n",
                lambda server, s=stage: server.review(s, favour),  # type: ignore[misc]  # a default binds it
                answers={Favour: lambda asked: False},
            )
            if stage is Stage.MESSAGE:
                said.feed(b"x\r\n.\r\n")
            self.assertIn(b"550 5.7.1 No", said.replies)

    def test_bodyOpenedLater(self) -> None:
        """A body whose beginning and end are both reviewed later is taken."""

        def extend(server: IServerBuilder) -> None:
            server.review(Stage.DATA, favour)
            server.review(Stage.MESSAGE, favour)

        said = odd(
            BEGIN,
            extend,
            answers={Favour: lambda asked: PENDING, OpenBody: lambda asked: PENDING},
        )
        said.feed(b"DATA\r\n")
        said.answer(True)
        said.answer(None)
        said.feed(b"x\r\n.\r\n")
        said.answer(True)
        self.assertEqual((said.codes[-1], said.port.bodies), (250, [b"x\r\n"]))

    def test_inputWhileWaitingForData(self) -> None:
        """What comes behind DATA while it waits is out of order."""
        said = odd(
            BEGIN + b"DATA\r\n",
            lambda server: server.review(Stage.DATA, favour),
            answers={Favour: lambda asked: PENDING},
        )
        said.feed(b"x\r\n.\r\n")
        said.answer(True)
        self.assertEqual(said.codes[-1], 554)
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.port.dropped, 1)
