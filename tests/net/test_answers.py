"""
Tests for L{smtpx.net.answers}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import MayDeliver, MaySend
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.reply import reply
from smtpx.net.answers import answererFor, judgeOf
from smtpx.net.factory import Open

HELLO = b"EHLO c.example\r\n"
GROUP = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
NO = reply(550, "5.7.1", b"No")


class AnswerTests(SynchronousTestCase):
    """
    Tests for L{smtpx.net.answers}.
    """

    def test_nobodyAnswers(self) -> None:
        """
        A question that nobody answers is a mistake of the program.
        """
        answer = answererFor(Open(), {})
        self.assertRaises(UsageError, answer, object())

    def test_others(self) -> None:
        """
        Extensions' questions go to those who were given for them.
        """
        answer = answererFor(Open(), {MaySend: lambda asked: NO})
        self.assertIs(answer(MaySend(None, None)), NO)  # type: ignore[arg-type]  # not looked at


class Judging(Open):
    """
    A policy that has a say for each recipient, once the message is there.

    @ivar asked: of whom it was asked.
    """

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)
        self.asked: list[bytes] = []

    def mayDeliver(self, session: object, envelope: Envelope, who: Recipient) -> Any:
        """Answer."""
        self.asked.append(who.path)
        return next(self._answers)


class DeliveryTests(SynchronousTestCase):
    """Verdicts for each recipient."""

    def ask(self, *answers: Any) -> Any:
        """Ask somebody who answers so, for three recipients."""
        recipients = [Recipient(each) for each in (b"a@e", b"b@e", b"c@e")]
        envelope = Envelope(b"", 0.0, recipients)
        self.policy = Judging(*answers)
        answer = answererFor(self.policy, {})
        return answer(MayDeliver(None, envelope))  # type: ignore[arg-type]  # not looked at

    def test_nobody(self) -> None:
        """Most policies have nothing to say."""
        self.assertIsNone(judgeOf(Open()))
        answer = answererFor(Open(), {})
        envelope = Envelope(b"", 0.0)
        with self.assertRaises(UsageError):
            answer(MayDeliver(None, envelope))  # type: ignore[arg-type]  # not looked at

    def test_atOnce(self) -> None:
        """Who answers at once is heard at once."""
        self.assertEqual(self.ask(None, NO, None), (None, NO, None))
        self.assertEqual(self.policy.asked, [b"a@e", b"b@e", b"c@e"])

    def test_later(self) -> None:
        """Some answers may take their time; the next is asked for then."""
        waiting: Deferred[Any] = Deferred()
        answer = self.ask(None, waiting, succeed(NO))
        self.assertEqual(self.policy.asked, [b"a@e", b"b@e"])
        waiting.callback(NO)
        self.assertEqual(self.successResultOf(answer), (None, NO, NO))
        answer = self.ask(succeed(NO), None, NO)
        self.assertEqual(self.successResultOf(answer), (NO, None, NO))

    def test_failure(self) -> None:
        """What fails is for the server to deal with."""
        waiting: Deferred[Any] = Deferred()
        answer = self.ask(waiting)
        waiting.errback(ValueError("broken"))
        self.failureResultOf(answer, ValueError)
