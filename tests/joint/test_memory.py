"""Tests for L{smtpx.joint.memory}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.joint.memory import numbers


class NumbersTests(SynchronousTestCase):
    """Memory that processes share."""

    def test_areZeroAtFirst(self) -> None:
        """There are as many as were wanted, and each is 0."""
        self.assertEqual(numbers("Q", 5).tolist(), [0] * 5)

    def test_keepWhatIsWritten(self) -> None:
        """Each kind holds the largest number that fits its octets."""
        for kind, most in (("I", (1 << 32) - 1), ("Q", (1 << 64) - 1)):
            words = numbers(kind, 3)  # type: ignore[arg-type]  # each of the two
            words[1] = most
            self.assertEqual(words.tolist(), [0, most, 0])
