"""
Tests for L{smtpx.service.workers.answers}.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.service.control.exchange import Exchange
from smtpx.service.workers.answers import Answers


async def unsent(part: Mapping[str, object]) -> None:
    """Nothing is sent."""


async def echo(exchange: Exchange) -> Mapping[str, object]:
    """Answers with who asks for what."""
    return {**exchange.fields, "by": exchange.by}


class AnswersTests(SynchronousTestCase):
    """What is answered to other workers."""

    def answered(self, **fields: object) -> Mapping[str, object]:
        """What C{echo} answers."""
        answers = Answers()
        answers.add({"echo": echo})

        async def answer() -> Mapping[str, object]:
            return await answers.verbs["echo"](Exchange(fields, "smtpx", unsent))

        return self.successResultOf(Deferred.fromCoroutine(answer()))

    def test_asker(self) -> None:
        """Another worker asks in somebody's name, or in its own."""
        self.assertEqual(self.answered(asker="joe", x=1), {"by": "joe", "x": 1})
        self.assertEqual(self.answered(x=1), {"by": "smtpx", "x": 1})
        self.assertEqual(self.answered(asker=""), {"by": "smtpx"})

    def test_twice(self) -> None:
        """One verb has one who answers."""
        answers = Answers()
        answers.add({"echo": echo})
        with self.assertRaises(UsageError):
            answers.add({"echo": echo})

    def test_whenOpen(self) -> None:
        """Who has something to tell the others is called when they can ask."""
        answers = Answers()
        called: list[int] = []
        for number in (1, 2):
            answers.whenOpen(lambda number=number: called.append(number))  # type: ignore[misc]  # it takes nothing
        self.assertEqual(called, [])
        answers.opened()
        self.assertEqual(called, [1, 2])
