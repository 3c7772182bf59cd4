"""
The choice of what the main log shows.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.observe.selectors import (
    DEFAULT_SELECTORS,
    NOT_HERE,
    Selector,
    parseSelectors,
)

PAGE = Path(smtpx.__file__).parent.parent / "doc" / "reference" / "logs.rst"


class SelectorTests(SynchronousTestCase):
    """The choice of what is shown."""

    def test_choices(self) -> None:
        """As in Exim: added, taken away, all, none."""
        self.assertEqual(parseSelectors([]), DEFAULT_SELECTORS)
        self.assertEqual(
            parseSelectors(["millisec", "+tls_sni", "-msg_id"]),
            (DEFAULT_SELECTORS | {Selector.MILLISEC, Selector.TLS_SNI})
            - {Selector.MSG_ID},
        )
        self.assertEqual(parseSelectors(["all"]), frozenset(Selector))
        self.assertEqual(parseSelectors(["-all"]), frozenset())

    def test_anUnknownOneIsNamed(self) -> None:
        """The error says which."""
        error = self.assertRaises(ValueError, parseSelectors, ["+tls_colour"])
        self.assertIn("tls_colour", str(error))

    def test_oneOfEximsThatIsNotHereSaysWhy(self) -> None:
        """Who comes from Exim is told that we know it, and why it shows nothing."""
        error = self.assertRaises(ValueError, parseSelectors, ["+rejected_header"])
        self.assertEqual(
            str(error),
            "Exim's selector \"rejected_header\": there is no log of refused messages'"
            " headers",
        )

    def test_noneIsBothHereAndNot(self) -> None:
        """A selector is ours, or it is known as one that is not."""
        ours = {each.value for each in Selector}
        self.assertEqual(ours & set(NOT_HERE), set())


class PageTests(SynchronousTestCase):
    """The manual's page on logs."""

    def test_itHasEachSelector(self) -> None:
        """Each of ours with whether it is on, and each that is not here with why."""
        page = PAGE.read_text("utf-8")
        for each in Selector:
            on = "on" if each in DEFAULT_SELECTORS else "off"
            self.assertIn(f"   * - ``{each.value}``\n     - {on}\n     - ", page)
        for name, why in NOT_HERE.items():
            self.assertIn(f"   * - ``{name}``\n     - {why}\n", page)
