"""
Tests for L{smtpx.policy.dcc.extra}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.body import headerFields
from smtpx.core.errors import Malformed
from smtpx.policy.dcc.extra import EXTRA_OCTETS, extraFields


class ExtraFieldsTests(SynchronousTestCase):
    """Fields that a rule has the daemon see."""

    def test_lines(self) -> None:
        """Each has its line, however lines end."""
        for end in ("\n", "\r\n", "\\n"):
            text = end.join(["X-Virus: none", " found", "", "X-Spam: no", ""])
            self.assertEqual(
                extraFields(text), b"X-Virus: none\r\n found\r\nX-Spam: no\r\n"
            )
        self.assertEqual(extraFields(""), b"")

    def test_noField(self) -> None:
        """What is no field is told of, and is not passed on."""
        for text in (
            "body",
            " X-A: b",
            "X A: b",
            ": b",
            "X-A:",
            "X-A: b\n\0",
            "X-A: b\rX-B: c",
            "X-A: b\nbody",
            "X-A: " + "x" * EXTRA_OCTETS,
        ):
            self.assertRaises(Malformed, extraFields, text)

    @settings(max_examples=100)
    @given(st.text(max_size=60))
    def test_neverEndsTheHeader(self, text: str) -> None:
        """Whatever it is, what comes of it is fields and nothing else."""
        try:
            made = extraFields(text)
        except Malformed:
            return
        self.assertNotIn(b"\r\n\r\n", b"\r\n" + made)
        if made:
            self.assertTrue(made.endswith(b"\r\n"))
            found = [n for n, _ in headerFields(made, (b"x-a",))]
            self.assertLessEqual(len(found), made.count(b"\r\n"))
