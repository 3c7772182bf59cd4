"""
Plots.
"""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.history import Stretch
from smtpx.observe.web.layout import amount
from smtpx.observe.web.plots import Line, bar, ceiling, plot

#: 2026-11-22 03:00 UTC.
T0 = 1_795_316_400.0


def line(*values: float, what: str = "accepted", colour: str = "one") -> Line:
    """A row of numbers, a minute each."""
    return Line(what, colour, Stretch(T0, 60, values))


class PlotTests(SynchronousTestCase):
    """What a plot shows."""

    def test_ceiling(self) -> None:
        """The top is a round number that nothing exceeds."""
        for value, top in ((0, 1), (1, 1), (1.5, 2), (3, 5), (5, 5), (6, 10), (10, 10)):
            self.assertEqual(ceiling(value), top)
        for value, top in ((11, 20), (49, 50), (51, 100), (1_000_001, 2_000_000)):
            self.assertEqual(ceiling(value), top)

    def test_amount(self) -> None:
        """Thousands are set apart."""
        self.assertEqual(amount(1234567), "1,234,567")
        self.assertEqual(amount(0.4), "0")

    def test_columns(self) -> None:
        """A column for each number that is not 0, as high as it is."""
        figure = ElementTree.fromstring(plot("Hour", "a minute", [line(0, 5, 10)]))
        columns = [each.attrib for each in figure.iter("rect")]
        self.assertEqual(
            [(each["x"], each["y"], each["height"]) for each in columns],
            [("220", "50", "50"), ("420", "0", "100")],
        )
        titles = [each.text for each in figure.findall(".//rect/title")]
        self.assertEqual(titles, ["03:01: 5 accepted", "03:02: 10 accepted"])

    def test_littleIsSeen(self) -> None:
        """One among many thousands is not nothing."""
        drawn = plot("Hour", "a minute", [line(1, 100_000)])
        self.assertIn('y="99" width="240" height="1"', drawn)

    def test_lines(self) -> None:
        """What stands over the columns is a line, to the same scale."""
        figure = plot(
            "Hour",
            "a minute",
            [line(1, 1), line(0, 10, what="delivered", colour="two")],
        )
        self.assertIn('d="M150.00 100.00L450.00 0.00" class="twostroke"', figure)
        self.assertIn("up to 10 a minute", figure)

    def test_words(self) -> None:
        """Who does not see it is told the same."""
        figure = plot(
            "Last hour",
            "a minute",
            [line(1, 7, 2), line(0, 0, 0, what="delivered", colour="two")],
        )
        self.assertIn(
            "<title>Last hour. accepted: 10 in all, at most 7 a minute, at 03:01;"
            " delivered: none.</title>",
            figure,
        )
        self.assertIn('role="img"', figure)

    def test_peaks(self) -> None:
        """Of peaks there is no sum."""
        figure = plot("Last hour", "at once", [line(1, 7, 2)], peaks=True)
        self.assertIn("accepted: at most 7 at once, at 03:01.", figure)

    def test_axis(self) -> None:
        """It says when it begins and where its middle is."""
        figure = plot("Last hour", "a minute", [line(*[0.0] * 60)])
        self.assertIn("<span>03:00</span><span>03:30</span><span>now</span>", figure)

    def test_bar(self) -> None:
        """A bar is as long as its share; of nothing, it is empty."""
        self.assertIn('width="25"', bar(1, 4, "one"))
        self.assertIn('width="0"', bar(0, 0, "one"))
