"""Tests for L{smtpx.policy.dnslists.values}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.dnslists.values import OPERATORS, Values

ONE, TWO, FOUR = b"127.0.0.1", b"127.0.0.2", b"127.0.0.4"


def asked(operator: str, values: str, *answers: bytes) -> bool:
    """Are these answers meant?"""
    return Values.parse(operator, values).match(answers)


class ValuesTests(SynchronousTestCase):
    """Which answers of a list are meant."""

    def test_oneOfThem(self) -> None:
        """With C{=} one answer has to be one of the values."""
        self.assertTrue(asked("=", "127.0.0.1, 127.0.0.4", TWO, FOUR))
        self.assertFalse(asked("=", "127.0.0.1", TWO, FOUR))
        self.assertFalse(asked("!=", "127.0.0.2", TWO, FOUR))
        self.assertTrue(asked("!=", "127.0.0.1", TWO, FOUR))

    def test_allOfThem(self) -> None:
        """With C{==} each answer has to be."""
        self.assertFalse(asked("==", "127.0.0.2", TWO, FOUR))
        self.assertTrue(asked("==", "127.0.0.2,127.0.0.4", TWO, FOUR))
        self.assertTrue(asked("!==", "127.0.0.2", TWO, FOUR))
        self.assertFalse(asked("!==", "127.0.0.2", TWO))

    def test_bits(self) -> None:
        """With C{&} all bits of a value have to be set in an answer."""
        self.assertTrue(asked("&", "0.0.0.4", TWO, FOUR))
        self.assertFalse(asked("&", "0.0.0.6", TWO, FOUR))
        self.assertTrue(asked("&", "0.0.0.6", b"127.0.0.7"))
        self.assertTrue(asked("&", "0.0.0.1,0.0.0.2", TWO))
        self.assertFalse(asked("=&", "0.0.0.4", TWO, FOUR))
        self.assertTrue(asked("=&", "0.0.0.4", FOUR, b"127.0.0.12"))
        self.assertFalse(asked("!&", "0.0.0.4", FOUR))
        self.assertTrue(asked("!=&", "0.0.0.4", TWO, FOUR))

    def test_ranges(self) -> None:
        """As Postfix writes them."""
        for answer, held in (
            (b"127.0.5.1", True),
            (b"127.0.5.3", True),
            (b"127.0.5.7", True),
            (b"127.0.5.4", False),
            (b"127.1.5.1", False),
        ):
            said = asked("=", "127.0.[0..255].[1..3;7]", answer)
            self.assertIs(said, held, answer)

    def test_nobodyIsListed(self) -> None:
        """Who is not in the list is not there with other values either."""
        for operator in OPERATORS:
            self.assertFalse(asked(operator, "127.0.0.2"), operator)

    def test_whatIsNoValue(self) -> None:
        """What could never match is an error at start."""
        for operator, text, why in (
            ("=", "10.0.0.1", "all values of lists are in 127.0.0.0/8"),
            ("=", "127.0.0", "no value of a list"),
            ("=", "127.0.0.1.", "no value of a list"),
            ("=", "127.0.0.1,", "no value of a list"),
            ("=", "127.0.0.1.2", "no value of a list"),
            ("=", "127.0.0.256", '"256" is not in 0 to 255'),
            ("=", "127.0.0.[3..1]", '"[3..1]" is not in 0 to 255'),
            ("=", "127.0.0.[]", '"[]" is no part of an address'),
            ("=", "127.0.0.[1,2]", "no value of a list"),
            ("&", "0.0.0.[1..2]", "there are no ranges of bits"),
        ):
            error = self.assertRaises(Malformed, Values.parse, operator, text)
            self.assertIn(why, str(error))

    @settings(max_examples=100, deadline=None)
    @given(
        st.sampled_from(OPERATORS),
        st.lists(st.integers(0, 0xFFFFFF), min_size=1, max_size=4),
    )
    def test_roundTrip(self, operator: str, numbers: list[int]) -> None:
        """What is read is written alike, and has its own values."""
        texts = [f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in numbers]
        values = Values.parse(operator, ",".join(texts))
        self.assertEqual(values.render(), operator + ",".join(texts))
        held = values.match([each.encode() for each in texts[:1]])
        self.assertIs(held, not operator.startswith("!"))
