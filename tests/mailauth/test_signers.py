"""
Tests for L{smtpx.mailauth.signers}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.dkimsignature import KeyName
from smtpx.mailauth.signers import Signer, Signers

from .dkimmail import ED25519, RSA


def signer(domain: bytes, *domains: bytes, selector: bytes = b"s") -> Signer:
    """One of a domain, for domains."""
    return Signer(SignTerms(KeyName(domain, selector)), RSA, domains)


ORG, OTHER = signer(b"example.org"), signer(b"example.org", selector=b"t")
BELOW = signer(b"example.net", b"example.net", b"*.example.net")
NARROW = signer(b"a.example.net", b"*.a.example.net")
UMLAUT = signer(b"xn--bcher-kva.example")


class SignersTests(SynchronousTestCase):
    """Who signs what."""

    def setUp(self) -> None:
        """Some keys."""
        self.signers = Signers([ORG, OTHER, BELOW, NARROW, UMLAUT])

    def chosen(self, header: bytes) -> list[Signer]:
        """Those that sign a message."""
        return list(self.signers.forHeader(fieldsOf(header)[0]))

    def test_byDomain(self) -> None:
        """All keys of it, and none of another."""
        for domain, wanted in (
            (b"example.org", [ORG, OTHER]),
            (b"a.example.org", []),
            (b"example.net", [BELOW]),
            (b"b.example.net", [BELOW]),
            (b"c.b.example.net", [BELOW]),
            (b"a.example.net", [BELOW]),
            (b"b.a.example.net", [NARROW]),
            (b"xexample.net", []),
            (b"net", []),
        ):
            self.assertEqual(list(self.signers.forDomain(domain)), wanted, domain)

    def test_byAuthor(self) -> None:
        """Whatever From looks like, and nobody but From."""
        for header, wanted in (
            (b'From: "a@x" <joe@Example.ORG>\r\n', [ORG, OTHER]),
            (b"From: joe@example.net, ann@example.org\r\n", [BELOW, ORG, OTHER]),
            (b"From: joe\r\n", []),
            (b"From: <x@" + b"\xff" * 3 + b">\r\n", []),
            ("From: joe@Bücher.example\r\n".encode(), [UMLAUT]),
            (b"Sender: joe@example.org\r\nFrom: x@y.example\r\n", []),
            (b"", []),
        ):
            self.assertEqual(self.chosen(header), wanted, header)

    def test_manyAuthors(self) -> None:
        """Only the first are looked at."""
        many = b", ".join(b"x@a%d.example" % number for number in range(10))
        self.assertEqual(self.chosen(b"From: " + many + b", x@example.org\r\n"), [])

    def test_keysAreToldApart(self) -> None:
        """Two keys of one name are two."""
        twin = Signer(ORG.terms, ED25519)
        found = Signers([ORG, twin]).forHeader(fieldsOf(b"From: a@example.org\r\n")[0])
        self.assertEqual(len(found), 2)
