"""
Tests for L{smtpx.service.problems}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.problems import (
    ConfigurationError,
    Problem,
    closest,
    spellPath,
)


class ProblemTests(SynchronousTestCase):
    """How a fault is told."""

    def test_spelledWhole(self) -> None:
        """File, line, key, fault and suggestion stand in one line."""
        problem = Problem("a.toml", 7, ("tls", "x", 1, "k"), "is odd", meant="key")
        self.assertEqual(
            str(problem), 'a.toml:7: tls.x[1].k: is odd; did you mean "key"?'
        )

    def test_spelledBare(self) -> None:
        """What is not known is left out."""
        self.assertEqual(str(Problem("a.toml", None, (), "is odd")), "a.toml: is odd")

    def test_column(self) -> None:
        """A column stands behind its line."""
        self.assertEqual(
            str(Problem("a.toml", 3, (), "is odd", 4)), "a.toml:3:4: is odd"
        )

    def test_path(self) -> None:
        """Paths are written with dots and indices."""
        self.assertEqual(spellPath(("listener", 1, "port")), "listener[1].port")
        self.assertEqual(spellPath(()), "")

    def test_errorHasAllInOrder(self) -> None:
        """An error lists its problems by line."""
        late = Problem("a.toml", 9, (), "late")
        early = Problem("a.toml", 2, (), "early")
        error = ConfigurationError([late, early])
        self.assertEqual(error.problems, (early, late))
        self.assertEqual(str(error), "a.toml:2: early\na.toml:9: late")

    def test_closest(self) -> None:
        """A slip of the finger is recognised in any case, a new word is not."""
        known = ("message_octets", "STARTTLS")
        self.assertEqual(closest("mesage_octets", known), "message_octets")
        self.assertEqual(closest("starttls", known), "STARTTLS")
        self.assertIsNone(closest("banana", known))
