"""Tests for L{smtpx.queue.summary}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.interfaces import Group, Grouping
from smtpx.queue.summary import Summary
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.selection import Entry, State

from .doubles import messageFor

A = evolve(
    messageFor(b"a@one.example", b"b@one.example", b"c@Two.example", arrived=100.0),
    octets=10,
    outcomes=(
        Outcome(0, Fate.WAITING, "RCPT TO:<a@one.example>: 451 later"),
        Outcome(1, Fate.WAITING, "RCPT TO:<b@one.example>: 451 later"),
        Outcome(2, Fate.DELIVERED, "250 OK"),
    ),
    waiting=(0, 1),
)
B = evolve(messageFor(b"d@two.example", sender=b"", arrived=50.0), octets=5)


class SummaryTests(SynchronousTestCase):
    """What is counted, and how."""

    def groups(
        self, by: Grouping, *messages: SpooledMessage, most: int = 10
    ) -> list[Group]:
        """Count these."""
        summary = Summary(by, most)
        for message in messages:
            state = State.HELD if message.held else State.WAITING
            summary.add(Entry(message, state))
        return [*summary.groups()]

    def test_domains(self) -> None:
        """By where they are to go: who has it does not count."""
        found = self.groups(Grouping.DOMAIN, A, B, evolve(A, arrived=300.0))
        self.assertEqual(
            found,
            [
                Group("one.example", 2, 4, 20, 100.0, 300.0),
                Group("two.example", 1, 1, 5, 50.0, 50.0),
            ],
        )

    def test_senders(self) -> None:
        """By the domain of their sender; reports have none."""
        found = self.groups(Grouping.SENDER, A, B)
        self.assertEqual(
            [(each.name, each.messages, each.recipients) for each in found],
            [("", 1, 1), ("example.net", 1, 2)],
        )

    def test_errors(self) -> None:
        """By what went wrong, with whomever; a note is one where nothing did."""
        held = evolve(B, held=True, note="look at it")
        lost = evolve(B, waiting=(), note="cannot be read")
        found = self.groups(Grouping.ERROR, A, B, held, lost)
        self.assertEqual(
            [(each.name, each.messages, each.recipients) for each in found],
            [
                ("", 1, 1),
                ("RCPT TO:<...>: 451 later", 1, 2),
                ("cannot be read", 1, 0),
                ("look at it", 1, 1),
            ],
        )

    def test_states(self) -> None:
        """By how they are."""
        found = self.groups(Grouping.STATE, A, B, evolve(B, held=True))
        self.assertEqual(
            [(each.name, each.messages) for each in found],
            [("waiting", 2), ("held", 1)],
        )

    def test_tooMany(self) -> None:
        """What there is no room for is counted together, each message once."""
        messages = [messageFor(b"a@x%d.example" % n) for n in range(3)]
        wide = messageFor(b"a@x0.example", b"a@y1.example", b"a@y2.example")
        found = self.groups(Grouping.DOMAIN, *messages, wide, most=2)
        self.assertEqual(
            [(each.name, each.messages, each.recipients) for each in found],
            [(None, 2, 3), ("x0.example", 2, 2), ("x1.example", 1, 1)],
        )
