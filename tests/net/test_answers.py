"""
Tests for L{smtpx.net.answers}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import MaySend
from smtpx.core.errors import UsageError
from smtpx.core.reply import reply
from smtpx.net.answers import answererFor
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
