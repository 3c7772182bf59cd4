"""
Tests for L{smtpx.service.control.wire}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.service.control.wire import parse, render

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
SAID = st.dictionaries(
    st.text(), st.recursive(LEAVES, lambda inner: st.lists(inner), max_leaves=9)
)


class WireTests(SynchronousTestCase):
    """Lines."""

    @settings(max_examples=100, deadline=None)
    @given(SAID)
    def test_thereAndBack(self, said: dict[str, object]) -> None:
        """What is said is one line of ASCII, and the same at the other end."""
        line = render(said)
        self.assertTrue(line.isascii())
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(parse(line), said)

    def test_bad(self) -> None:
        """Whatever is no object is refused."""
        for line in (b"", b"x", b"[]", b"5", b'{"a": ', b"\xff", b"[" * 100_000):
            self.assertRaises(Malformed, parse, line)
