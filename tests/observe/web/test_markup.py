"""
HTML, made of elements.
"""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.web.markup import Markup, join, tag


class _Texts(HTMLParser):
    """Keeps text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See L{HTMLParser}."""
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        """See L{HTMLParser}."""
        self.text += data


class MarkupTests(SynchronousTestCase):
    """Whatever is not made here is text."""

    def test_elements(self) -> None:
        """Elements in elements, several or none."""
        self.assertEqual(
            tag("p", "a & b", None, [tag("b", "c"), [" <d>"]], class_="x", id=None),
            '<p class="x">a &amp; b<b>c</b> &lt;d&gt;</p>',
        )

    def test_attributes(self) -> None:
        """Names as Python can have them; numbers with two places at most."""
        self.assertEqual(
            tag("line", x1=0.0, x2=1 / 3, y1=100.0, aria_hidden="true", title='"<'),
            '<line x1="0" x2="0.33" y1="100" aria-hidden="true"'
            ' title="&quot;&lt;"></line>',
        )

    def test_void(self) -> None:
        """Some have no end."""
        self.assertEqual(tag("meta", charset="utf-8"), '<meta charset="utf-8">')

    def test_join(self) -> None:
        """Markup stays, text is escaped."""
        self.assertEqual(join([Markup("<b>"), "<b>"]), "<b>&lt;b&gt;")

    @settings(max_examples=100, deadline=None)
    @given(st.text(), st.text())
    def test_nobodyGetsOut(self, text: str, value: str) -> None:
        """Whatever text and attributes are, a browser finds them, and no more."""
        found = _Texts()
        found.feed(tag("p", text, title=value))
        found.close()
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        self.assertEqual(found.text.replace("\r\n", "\n").replace("\r", "\n"), plain)
        self.assertEqual(found.found, [("p", [("title", value)])])
