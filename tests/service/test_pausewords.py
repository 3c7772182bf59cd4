"""Tests for L{smtpx.service.pausewords}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.pauses import Pauses, Stretch
from smtpx.service.config import readConfiguration
from smtpx.service.pausewords import (
    PausesKind,
    parseStretch,
    renderPauses,
    renderStretch,
)
from smtpx.service.problems import ConfigurationError

from .made import FOUND

PLAN = Pauses(
    (Stretch(900.0, 1.0, 7200.0), Stretch(3600.0, 1.5, 57600.0), Stretch(21600.0))
)
WORDS = ["15 min until 2 h", "1 h * 1.5 until 16 h", "6 h"]


class StretchTests(SynchronousTestCase):
    """One stretch in words."""

    def test_read(self) -> None:
        """Each part, with and without blanks."""
        for text, expected in (
            ("6 h", Stretch(21600.0)),
            ("1 h 30 min", Stretch(5400.0)),
            ("15 min until 2 h", Stretch(900.0, 1.0, 7200.0)),
            ("1h*1.5 until 16h", Stretch(3600.0, 1.5, 57600.0)),
            (" 1 h  *  2  until  1 d 12 h ", Stretch(3600.0, 2.0, 129600.0)),
            ("1 min * 2", Stretch(60.0, 2.0)),
        ):
            self.assertEqual(parseStretch(text), expected, text)

    @settings(max_examples=100)
    @given(
        st.integers(1, 10**6),
        st.sampled_from([1.0, 1.5, 2.0, 1.25, 10.0]),
        st.none() | st.integers(1, 10**6),
    )
    def test_inverse(self, pause: int, factor: float, until: int | None) -> None:
        """What is written can be read."""
        stretch = Stretch(pause, factor, until)
        self.assertEqual(parseStretch(renderStretch(stretch)), stretch)

    def test_wrong(self) -> None:
        """What is none says what is wanted."""
        examples = '"15 min until 2 h", "1 h * 1.5 until 16 h" or "6 h"'
        for text in (
            "",
            "15",
            "15 minutes",
            "15 min until",
            "until 2 h",
            "15 min till 2 h",
            "15 min * until 2 h",
            "15 min * x",
            "15 min * 2 * 2",
            "15 min until 2 h until 3 h",
        ):
            error = self.assertRaises(ValueError, parseStretch, text)
            self.assertTrue(
                str(error).startswith(
                    f'expected pauses such as {examples}, got "{text}"'
                ),
                error,
            )
        error = self.assertRaises(ValueError, parseStretch, "1 h * 0.5")
        self.assertEqual(
            str(error), 'pauses grow by a factor from 1 to 100, got "1 h * 0.5"'
        )


class PlanTests(SynchronousTestCase):
    """A plan in a configuration."""

    def plan(self, pauses: object) -> Pauses:
        """The plan of a rule."""
        made = readConfiguration({"retry": [{"pauses": pauses}]}, FOUND)
        return made.retries[0].pauses

    def test_read(self) -> None:
        """A list of stretches, one alone, or a plan that a program made."""
        self.assertEqual(self.plan(WORDS), PLAN)
        self.assertEqual(self.plan("6 h"), Pauses((Stretch(21600.0),)))
        self.assertEqual(self.plan(PLAN), PLAN)

    def test_write(self) -> None:
        """As it stands in a file."""
        self.assertEqual(renderPauses(PLAN), WORDS)
        self.assertEqual(
            PausesKind().spell(PLAN),
            '["15 min until 2 h", "1 h * 1.5 until 16 h", "6 h"]',
        )

    def test_wrong(self) -> None:
        """Each fault with its place."""
        for pauses, text in (
            (5, "retry[0].pauses: expected a list of pauses"),
            ([5], "retry[0].pauses[0]: expected a string"),
            (["6 h", "x"], "retry[0].pauses[1]: expected pauses such as"),
            ("x", "retry[0].pauses: expected pauses such as"),
            ([], "retry[0].pauses: there has to be a pause"),
            (["6 h", "7 h"], "retry[0].pauses: only the last of several pauses"),
        ):
            error = self.assertRaises(ConfigurationError, self.plan, pauses)
            self.assertIn(text, str(error))
