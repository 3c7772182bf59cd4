"""
Tests for L{smtpx.commands.queuegaps}: C{smtpx queue}, where a worker cannot be asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpx.service.control.exchange import Exchange, Verb

from .queues import QueueCase

#: A worker that is not there, and one that went away in the midst.
AWAY = {"worker": 2, "why": "it does not listen", "begun": False}
GONE = {"worker": 3, "why": "it has gone away", "begun": True}

_LEFT_OUT = "worker 2 could not be asked (it does not listen): what it has is left out"
_AGAIN = "worker 3 did not answer to the end (it has gone away): do it again"


class GapsTests(QueueCase):
    """Some worker does not answer."""

    def setUp(self) -> None:
        """There is one message."""
        super().setUp()
        self.message = self.put()

    def lack(self, *unasked: Mapping[str, object]) -> None:
        """These do not."""
        for name, verb in [*self.verbs.items()]:
            self.verbs[name] = _lacking(verb, [*unasked])

    def test_nothing(self) -> None:
        """Where all do, nothing is said of it."""
        self.said("list")

    def test_list(self) -> None:
        """What is there is printed, and that something is missing is said."""
        self.lack(AWAY)
        ran = self.run_("list", "--ids")
        self.assertEqual(ran.out.split(), [self.message])
        self.assertEqual((ran.status, ran.err), (1, f"smtpx: {_LEFT_OUT}\n"))

    def test_changed(self) -> None:
        """What was done is told, and that it is to be done again."""
        self.lack(AWAY, GONE)
        ran = self.run_("hold", "--all")
        self.assertEqual(ran.out, "1 message on hold\n")
        self.assertEqual(ran.status, 1)
        self.assertEqual(
            [line.removeprefix("smtpx: ") for line in ran.err.splitlines()],
            [_LEFT_OUT, _AGAIN],
        )

    def test_missing(self) -> None:
        """A message that is not found may be there."""
        self.spool._kept.clear()
        self.lack(AWAY)
        said = self.failed("hold", self.message)
        self.assertIn(f"there is no message {self.message}", said)
        self.assertIn(_LEFT_OUT, said)


def _lacking(verb: Verb, unasked: list[Mapping[str, object]]) -> Verb:
    """The same, with somebody missing."""

    async def answer(exchange: Exchange) -> Mapping[str, object]:
        return {**await verb(exchange), "unasked": unasked}

    return answer
