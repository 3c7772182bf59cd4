"""
Tests for L{smtpx.policy.bmi.optin}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.bmi.optin import features


class FeaturesTests(SynchronousTestCase):
    """The features of a recipient."""

    def test_separators(self) -> None:
        """Commas or colons, as in Exim's manual, and blanks around them."""
        self.assertEqual(features("spam,virus: Strict mode,,spam"), FOUND)
        self.assertEqual(features(" "), ())

    def test_bounds(self) -> None:
        """What is too long or too much is left out."""
        self.assertEqual(features("x" * 201), ())
        self.assertEqual(len(features(",".join(map(str, range(500))))), 100)


FOUND = ("spam", "virus", "Strict mode")
