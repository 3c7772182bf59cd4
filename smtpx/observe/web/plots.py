"""
Plots of the last hour and day, as SVG in the page.

A drawing has no text of its own: it is stretched to the width that there is, and
letters would be, too.  So captions and axes are HTML, and what it shows is said in
words for those who do not see it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import frozen

from ..history import Stretch
from .layout import amount
from .markup import Markup, tag

_WIDTH = 600.0
_HEIGHT = 100.0


@frozen
class Line:
    """
    One row of numbers of a plot.

    @ivar what: in words: C{accepted}.
    @ivar colour: a class of the style sheet: C{one}, C{two} or C{bad}.
    """

    what: str
    colour: str
    stretch: Stretch


def ceiling(value: float) -> float:
    """
    A round number that is not below C{value}, for the top of a plot.

    @return: 1, 2 or 5 times a power of ten; at least 1.
    """
    top = 1.0
    while True:
        for factor in (1, 2, 5):
            if value <= top * factor:
                return top * factor
        top *= 10


def clock(seconds: float) -> str:
    """A time of the day, in UTC: C{07:15}."""
    return time.strftime("%H:%M", time.gmtime(seconds))


def plot(title: str, unit: str, lines: Sequence[Line], peaks: bool = False) -> Markup:
    """
    A figure: the first row as columns, the others as lines over it.

    @param title: what stands above it.
    @param unit: what one column is, in words: C{a minute}.
    @param peaks: are the numbers peaks, so that a sum says nothing?
    """
    top = ceiling(max(max(line.stretch.values) for line in lines))
    first = lines[0]
    drawn = [_columns(first, top)]
    drawn += [_line(line, top) for line in lines[1:]]
    stretch = first.stretch
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("span", title),
            tag("span", "up to ", amount(top), f" {unit}"),
        ),
        tag(
            "svg",
            tag("title", _words(title, unit, lines, peaks)),
            _rules(),
            drawn,
            class_="plot",
            viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
            preserveAspectRatio="none",
            role="img",
        ),
        tag(
            "div",
            tag("span", clock(stretch.begins)),
            tag("span", clock(stretch.begins + stretch.step * len(stretch.values) / 2)),
            tag("span", "now"),
            class_="axis",
            aria_hidden="true",
        ),
    )


def _rules() -> list[Markup]:
    return [
        tag("line", x1=0.0, x2=_WIDTH, y1=y, y2=y, class_="rule", stroke_width="1")
        for y in (0.0, _HEIGHT / 2, _HEIGHT)
    ]


def _columns(line: Line, top: float) -> Markup:
    """A column for each number; those that are pointed at say what it is."""
    stretch = line.stretch
    width = _WIDTH / len(stretch.values)
    # A gap between columns that are a hair wide would be all that is seen.
    gap = width * (0.2 if len(stretch.values) <= 60 else 0)
    columns = []
    for place, value in enumerate(stretch.values):
        if value > 0:
            # What there was at all is to be seen.
            height = max(_HEIGHT * value / top, 1.0)
            at = clock(stretch.begins + stretch.step * place)
            column = tag(
                "rect",
                tag("title", f"{at}: {amount(value)} {line.what}"),
                x=place * width + gap / 2,
                y=_HEIGHT - height,
                width=width - gap,
                height=height,
            )
            columns.append(column)
    return tag("g", columns, class_=line.colour)


def _line(line: Line, top: float) -> Markup:
    values = line.stretch.values
    width = _WIDTH / len(values)
    points = [
        f"{(place + 0.5) * width:.2f} {_HEIGHT * (1 - value / top):.2f}"
        for place, value in enumerate(values)
    ]
    return tag(
        "path",
        d="M" + "L".join(points),
        class_=line.colour + "stroke",
        stroke_width="2",
        stroke_linejoin="round",
    )


def _words(title: str, unit: str, lines: Sequence[Line], peaks: bool) -> str:
    """What a plot shows, said."""
    said = []
    for line in lines:
        stretch = line.stretch
        most = max(stretch.values)
        if most <= 0:
            said.append(f"{line.what}: none")
            continue
        when = stretch.begins + stretch.step * stretch.values.index(most)
        words = f"at most {amount(most)} {unit}, at {clock(when)}"
        if not peaks:
            words = f"{amount(sum(stretch.values))} in all, {words}"
        said.append(f"{line.what}: {words}")
    return f"{title}. {'; '.join(said)}."


def bar(value: float, most: float, colour: str) -> Markup:
    """A bar for a table; the number stands beside it, so it says nothing itself."""
    width = 100 * value / most if most > 0 else 0.0
    return tag(
        "svg",
        tag("rect", x="0", y="0", width="100", height="6", rx="1", class_="soft"),
        tag("rect", x="0", y="0", width=width, height="6", rx="1", class_=colour),
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
