"""
What all pages are made of: the frame, parts, tables, and how numbers and peers' words
are said.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from ..harmless import visible
from .markup import Content, Markup, join, tag
from .style import STYLE

#: An envelope, and a pulse.
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
    "<rect width='32' height='32' rx='7' fill='#2c6e91'/>"
    "<path d='M6 10h20v13H6zM6 10l10 8 10-8' fill='none' stroke='#fff'"
    " stroke-width='2.4' stroke-linejoin='round'/></svg>"
)


def document(title: str, body: Content, refresh: int = 0, root: str = "") -> Markup:
    """
    A whole page.

    @param refresh: load it again after so many seconds; 0: never.
    @param root: the way to the page's root: C{../}; empty: this is there.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="refresh", content=str(refresh)) if refresh else None,
        # Otherwise browsers ask for an icon that there is not.
        tag("link", rel="icon", href=f"data:image/svg+xml,{quote(_ICON)}"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    return join(
        [Markup("<!DOCTYPE html>\n"), tag("html", head, tag("body", body), lang="en")]
    )


def said(octets: bytes | None) -> Content:
    """What a peer said.  Letters that go from right to left stay in their place."""
    return None if octets is None else tag("bdi", visible(octets))


def moment(seconds: float) -> Markup:
    """A time, in UTC."""
    at = time.gmtime(seconds)
    return tag(
        "time",
        time.strftime("%Y-%m-%d %H:%M:%S UTC", at),
        datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", at),
    )


def amount(value: float) -> str:
    """A number for people: C{1,234}; with a thin space it would break on lines."""
    return f"{value:,.0f}"


def lasting(seconds: float) -> str:
    """A length of time: its first two units."""
    left = max(0, int(seconds))
    words: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or words:
            words.append(f"{count} {unit}")
        if len(words) == 2:
            break
    return " ".join(words) or "0 s"


def octets(count: float) -> str:
    """A number of octets: C{12.3 MiB}."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    place = 0
    while count >= 1024 and place < len(units) - 1:
        count /= 1024
        place += 1
    return f"{count:.{1 if place else 0}f} {units[place]}"


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Content]]
) -> Markup:
    """
    A table whose first column names the rows.

    @param heads: of columns; a C{#} before one: its column has numbers.
    """
    numbers = [head.startswith("#") for head in heads]
    classes = ["number" if number else None for number in numbers]
    head = [
        tag("th", name.lstrip("#"), scope="col", class_=class_)
        for name, class_ in zip(heads, classes, strict=True)
    ]
    body = []
    for row in rows:
        first, *rest = row
        cells = [tag("th", first, scope="row", class_="said")]
        for cell, class_ in zip(rest, classes[1:], strict=True):
            drawn = isinstance(cell, Markup) and cell.startswith("<svg")
            cells.append(tag("td", cell, class_="bar" if drawn else class_))
        body.append(tag("tr", cells))
    made = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", head)),
        tag("tbody", body),
    )
    # On a narrow screen the table is pushed, not the page; by the keyboard, too.
    return tag(
        "div",
        made,
        class_="scroll",
        tabindex="0",
        role="group",
        aria_label=caption or "table",
    )


def section(title: str, content: Content, wide: bool = False) -> Markup:
    """A part of the page."""
    return tag("section", tag("h2", title), content, class_="wide" if wide else None)


def nothing(words: str) -> Markup:
    """What stands where there is nothing to be shown."""
    return tag("p", words, class_="none")
