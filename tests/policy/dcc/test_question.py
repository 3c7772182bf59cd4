"""
Tests for L{smtpx.policy.dcc.question}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.dcc.question import (
    OPTIONS,
    DCCQuestion,
    readClient,
    readOptions,
)

QUESTION = DCCQuestion(
    b"192.0.2.1",
    b"mail.example.net",
    b"helo.example.net",
    b"sender@example.net",
    [b"ann@example.org", b"bob@example.org"],
)


class QuestionTests(SynchronousTestCase):
    """What the daemon is told."""

    def test_lines(self) -> None:
        """A line for each thing, and one for each recipient."""
        self.assertEqual(
            QUESTION.render(),
            b"header\n"
            b"192.0.2.1\rmail.example.net\n"
            b"helo.example.net\n"
            b"sender@example.net\n"
            b"ann@example.org\n"
            b"bob@example.org\n"
            b"\n",
        )

    def test_unknown(self) -> None:
        """A client may have no name, or none at all; the sender may be nobody."""
        asked = DCCQuestion(b"", None, None, b"", [b"ann@example.org"], ())
        self.assertEqual(asked.render(), b"\n127.0.0.1\n\n<>\nann@example.org\n\n")

    def test_sixes(self) -> None:
        """A client of IPv6 is told as such."""
        asked = DCCQuestion(b"2001:db8::25", None, b"h", b"s@x.example", [b"r"])
        self.assertEqual(asked.render().split(b"\n")[1], b"2001:db8::25")

    @settings(max_examples=100)
    @given(
        st.binary(max_size=20),
        st.binary(max_size=20),
        st.binary(max_size=20),
        st.lists(st.binary(max_size=20), min_size=1, max_size=4),
    )
    def test_nothingGetsOutOfItsLine(
        self, name: bytes, helo: bytes, sender: bytes, recipients: list[bytes]
    ) -> None:
        """Whatever a client says, there are as many lines as there ought to be."""
        asked = DCCQuestion(b"192.0.2.1", name, helo, sender, recipients)
        lines = asked.render().split(b"\n")
        self.assertEqual(len(lines), 4 + len(recipients) + 2)
        self.assertEqual(lines[-2:], [b"", b""])
        self.assertNotIn(b"", lines[3:-2])
        self.assertNotIn(b"\r", b"".join(lines[2:]))


class ClientTests(SynchronousTestCase):
    """Addresses of clients."""

    def test_forms(self) -> None:
        """Each address has one form."""
        for text, told in (
            ("192.0.2.1", b"192.0.2.1"),
            (" 192.0.2.1 ", b"192.0.2.1"),
            ("::ffff:192.0.2.1", b"192.0.2.1"),
            ("2001:DB8:0::1", b"2001:db8::1"),
            ("fe80::1%eth0", b"fe80::1"),
        ):
            self.assertEqual(readClient(text), told)

    def test_noAddress(self) -> None:
        """A name is none."""
        for text in ("", "mail.example.net", "192.0.2", "192.0.2.1 x", "[::1]"):
            self.assertIsNone(readClient(text))


class OptionsTests(SynchronousTestCase):
    """The words of C{dccifd_options}."""

    def test_words(self) -> None:
        """They are the daemon's."""
        self.assertEqual(readOptions(" header  Grey-Off "), ("header", "grey-off"))
        self.assertEqual(readOptions(""), ())
        for each in OPTIONS:
            self.assertEqual(readOptions(each), (each,))

    def test_wrong(self) -> None:
        """What the daemon would hang up for is found before."""
        for text, why in (
            ("headers", "expected words of"),
            ("header body", "more than is read here"),
            ("cksums", "more than is read here"),
            ("spam query", "which"),
        ):
            error = self.assertRaises(ValueError, readOptions, text)
            self.assertIn(why, str(error))
