"""
Tests for L{smtpx.policy.dcc.answer}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.dcc.answer import (
    ANSWER_OCTETS,
    FIELD_OCTETS,
    DCCAnswer,
    DCCResult,
    parseAnswer,
)

A, R, S, G, T = (DCCResult(each) for each in "ARSGT")

FIELD = "X-DCC-example-Metrics: mx.example.org 1234; bulk Body=many Fuz1=many"
WHOLE = f"S\nAR\n{FIELD}\n\n".encode()


class AnswerTests(SynchronousTestCase):
    """What the daemon says."""

    def test_each(self) -> None:
        """Each letter, with and without a header field."""
        for said, count, found in (
            (b"A\nA\n", 1, DCCAnswer(A, (A,))),
            (b"A\nAR\n", 2, DCCAnswer(A, (A, R))),
            (b"R\nRR\n\n", 2, DCCAnswer(R, (R, R))),
            (b"G\nG\n\n", 1, DCCAnswer(G, (G,))),
            (WHOLE, 2, DCCAnswer(S, (A, R), FIELD)),
            (WHOLE.replace(b"\n", b"\r\n"), 2, DCCAnswer(S, (A, R), FIELD)),
            (b"A\n\n", 0, DCCAnswer(A, ())),
        ):
            self.assertEqual(parseAnswer(said, count), found)

    def test_temporary(self) -> None:
        """A daemon that could not find out knows nothing of recipients."""
        for said in (b"T\n", b"T\nAA\n", b"T\nAAAA\n\n"):
            self.assertEqual(parseAnswer(said, 2), DCCAnswer(T, ()))

    def test_folded(self) -> None:
        """A field that was folded is one line."""
        said = b"A\nA\nX-DCC-a-Metrics: mx 1;\r\n\tbulk Body=1\r\n  Fuz1=2\r\n\r\n"
        found = "X-DCC-a-Metrics: mx 1; bulk Body=1 Fuz1=2"
        self.assertEqual(parseAnswer(said, 1).field, found)

    def test_cut(self) -> None:
        """Of an answer that was cut short nothing is believed that was not said."""
        for cut in range(len(WHOLE)):
            try:
                found = parseAnswer(WHOLE[:cut], 2)
            except Malformed:
                continue
            self.assertEqual((found.overall, found.each), (S, (A, R)))
            self.assertIn(found.field, ("", FIELD))

    def test_nonsense(self) -> None:
        """What is no answer is none."""
        for said in (
            b"",
            b"A",
            b"\n",
            b"B\nA\n",
            b"AA\nA\n",
            b"A\n",
            b"A\nA",
            b"A\nAA\n",
            b"A\nS\n",
            b"A\na\n",
            b"A\nA\nSubject: you have won\n\n",
            b"A\nA\nX-DCC-a: b\nBcc: c\n\n",
            b"A\nA\nX-DCC-a: \xff\n\n",
            b"A\nA\nX-DCC-a: " + b"x" * FIELD_OCTETS + b"\n\n",
            b"A\nA\n" + b"\n" * ANSWER_OCTETS,
            b"HTTP/1.0 400 Bad request\r\n\r\n",
        ):
            self.assertRaises(Malformed, parseAnswer, said, 1)

    @settings(max_examples=100)
    @given(st.binary(max_size=200), st.integers(0, 3))
    def test_anything(self, said: bytes, count: int) -> None:
        """Whatever it says, it is an answer or it is none."""
        try:
            found = parseAnswer(said, count)
        except Malformed:
            return
        self.assertIn(len(found.each), (0, count))

    def test_words(self) -> None:
        """People are told in words."""
        words = [each.word for each in DCCResult]
        self.assertEqual(len(set(words)), len(DCCResult))
