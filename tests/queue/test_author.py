"""Tests for L{smtpx.queue.author}."""

from __future__ import annotations

from collections.abc import Sequence
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.author import Author, parseAuthor, usualAuthor


class AuthorTests(SynchronousTestCase):
    """Whom reports are from."""

    def addresses(self, author: Author) -> Sequence[Address]:
        """As a program reads them."""
        message = EmailMessage()
        message["From"] = author.field.decode("ascii")
        field = message["From"]
        assert isinstance(field, AddressHeader)
        return list(field.addresses)

    def test_forms(self) -> None:
        """With a name, in quotes or not, or without."""
        for text, author in (
            ("postmaster@example.org", Author("", "postmaster@example.org")),
            ("<p@example.org>", Author("", "p@example.org")),
            ("The Post <p@example.org>", Author("The Post", "p@example.org")),
            (
                '"Post, \\"the\\"" <p@example.org>',
                Author('Post, "the"', "p@example.org"),
            ),
            ("P\xf6st <p@example.org>", Author("P\xf6st", "p@example.org")),
        ):
            self.assertEqual(parseAuthor(text), author)
            self.assertEqual(parseAuthor(str(author)), author)

    def test_errors(self) -> None:
        """Each says what is wanted."""
        for text in ("", "postmaster", "a b@example.org", "x <y", "<p@ex\xe4mple.org>"):
            error = self.assertRaises(ValueError, parseAuthor, text)
            self.assertIn('such as "Postmaster <postmaster@example.org>"', str(error))
        for name in ("a\nb", "a\x1bb", "x" * 101):
            error = self.assertRaises(ValueError, parseAuthor, f"{name} <a@b.example>")
            self.assertIn("printable", str(error))

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=100).filter(str.isprintable))
    def test_field(self, name: str) -> None:
        """Programs read the name as it was, and the address, in ASCII."""
        author = Author(name, "p@example.org")
        [address] = self.addresses(author)
        self.assertEqual(address.addr_spec, "p@example.org")

    def test_beyondASCII(self) -> None:
        """A name in any script arrives."""
        author = Author("P\xf6st, die", "p@example.org")
        [address] = self.addresses(author)
        self.assertEqual(address.display_name, "P\xf6st, die")

    def test_usual(self) -> None:
        """The mail server itself."""
        self.assertEqual(
            usualAuthor("mx.example").field,
            b"Mail Delivery System <MAILER-DAEMON@mx.example>",
        )
