"""
Tests for L{smtpx.commands.queuetext}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.queuetext import (
    age,
    described,
    listed,
    moment,
    number,
    octets,
    several,
    shown,
    size,
)


class WordTests(SynchronousTestCase):
    """Figures in words."""

    def test_ages(self) -> None:
        """An age has at most four characters, as in exim -bp."""
        for seconds, words in (
            (-5, "0s"),
            (0, "0s"),
            (89, "89s"),
            (90, "2m"),
            (25 * 60, "25m"),
            (5399, "90m"),
            (5400, "2h"),
            (71 * 3600, "71h"),
            (72 * 3600, "3d"),
            (999 * 86400, "999d"),
            (1000 * 86400, "3y"),
            (36525 * 86400, "100y"),
        ):
            self.assertEqual(age(seconds), words)
            self.assertLessEqual(len(words), 4)

    def test_sizes(self) -> None:
        """A size has at most five characters."""
        for count, words in (
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (2970, "2.9K"),
            (10 << 10, "10K"),
            (1023 << 10, "1.0M"),
            (5 << 30, "5.0G"),
            (3 << 40, "3.0T"),
            (9999 << 40, "9999T"),
        ):
            self.assertEqual(size(count), words)
            self.assertLessEqual(len(words), 5)
        self.assertEqual((octets(1), octets(350)), ("1 octet", "350 octets"))
        self.assertEqual(octets(4096), "4.0K")

    def test_others(self) -> None:
        """Counts, moments, and what is no number."""
        self.assertEqual((several(1), several(0)), ("1 message", "0 messages"))
        self.assertEqual(number("5"), 0.0)
        self.assertEqual(moment(0, 60), "1970-01-01 00:00:00 UTC (1 min ago)")
        self.assertEqual(moment(120, 60), "1970-01-01 00:02:00 UTC (in 1 min)")
        self.assertEqual(moment(1e300, 0), "at no time")
        self.assertEqual(shown("a\x1b[2J\u202e"), "a\\x1b[2J\\u202e")

    def test_littleIsKnown(self) -> None:
        """What a server does not say is not missed."""
        message = {"message": "x", "state": "waiting"}
        self.assertEqual([*listed(message, 5.0)], ["  5s     0  x <> due now"])
        lines = [*described(message, [], 5.0)]
        self.assertEqual(lines[-1], "  recipients:")
        held = {**message, "state": "held"}
        self.assertEqual([*listed(held, 5.0)], ["  5s     0  x <> on hold"])
