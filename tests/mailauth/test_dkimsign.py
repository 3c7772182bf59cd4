"""
Tests for L{smtpx.mailauth.dkimsign}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.bodyhash import BodyHash
from smtpx.mailauth.canonical import Form
from smtpx.mailauth.dkimsign import SignTerms, quoted, signedNames
from smtpx.mailauth.dkimsignature import (
    Algorithm,
    readDKIMSignature,
    tagsOf,
)

from .dkimmail import (
    ED25519,
    ED25519_NAME,
    HEADER,
    NOW,
    RSA,
    RSA_NAME,
    results,
    signature,
    verified,
)

#: Headers whose every field is odd but well-formed.
headers = st.lists(
    st.tuples(
        st.sampled_from([b"Subject", b"To", b"x-other ", b"Received", b"subJECT"]),
        st.from_regex(rb"\A[ \t]?[!-~]{0,9}([ \t]{1,3}[!-~\x80-\xff]{1,5}){0,3}\Z"),
        st.sampled_from([b"", b"\r\n folded", b" \t"]),
    ),
    max_size=8,
).map(lambda fields: b"".join(b"%b:%b%b\r\n" % each for each in fields))

#: Bodies as they come by DATA.
bodies = st.lists(
    st.sampled_from([b"\r\n", b" ", b"\t", b"word", b".", b"\xc3\xa9"]), max_size=20
).map(lambda words: b"".join(words) + b"\r\n")

forms = st.sampled_from(Form)


def names(header: bytes, terms: SignTerms) -> bytes:
    """What of a header is signed."""
    return b":".join(signedNames(fieldsOf(header)[0], terms))


class SignTests(SynchronousTestCase):
    """Signatures that are made."""

    def test_fieldSaysHowItWasMade(self) -> None:
        """All of it."""
        terms = SignTerms(
            RSA_NAME,
            (b"from", b"to"),
            (b"from",),
            Form.SIMPLE,
            Form.RELAXED,
            b"joe;doe@football.example.com",
            60,
        )
        made = signature(terms)
        found = readDKIMSignature(tagsOf(made))
        self.assertEqual(
            (found.algorithm, found.key, found.wanted, found.headerForm),
            (Algorithm.RSA, RSA_NAME, BodyHash(Form.RELAXED), Form.SIMPLE),
        )
        self.assertEqual(found.names, (b"from", b"from", b"to"))
        self.assertEqual((found.signed, found.until), (NOW, NOW + 60))
        self.assertEqual(found.identity, b"joe;doe@football.example.com")
        self.assertTrue(all(len(line) <= 78 for line in made.split(b"\r\n")))

    def test_eachFieldIsSignedAsOftenAsItIsThere(self) -> None:
        """And shut where it is over-signed; From is signed in any case."""
        header = b"To: a\r\nSubject: b\r\nTo: c\r\nFrom: d\r\nX: y\r\n"
        terms = SignTerms(RSA_NAME, (b"to", b"date"), (b"subject", b"cc"))
        self.assertEqual(names(header, terms), b"from:to:to:subject:subject:cc")
        self.assertEqual(names(b"", terms), b"from:subject:cc")
        self.assertEqual(names(b"", SignTerms(RSA_NAME, (), (b"from",))), b"from")

    def test_quoting(self) -> None:
        """Of what cannot stand in a tag."""
        self.assertEqual(quoted(b"a;b=c d|\xff"), b"a=3Bb=3Dc=20d=7C=FF")

    @settings(max_examples=100, deadline=None)
    @given(headers, bodies, forms, forms)
    def test_whatWeSignWeVerify(
        self, header: bytes, body: bytes, headerForm: Form, bodyForm: Form
    ) -> None:
        """With either key, in each form."""
        header = b"From: a@b\r\n" + header
        both = b""
        for name, key in ((RSA_NAME, RSA), (ED25519_NAME, ED25519)):
            terms = SignTerms(name, headerForm=headerForm, bodyForm=bodyForm)
            both += signature(terms, key, header, body)
        self.assertEqual(results(both + header, body), [("pass", "")] * 2)

    def test_identityIsTheDomainUnlessSaid(self) -> None:
        """RFC 6376 section 3.5."""
        self.assertNotIn(b"i=", signature())
        (found,) = verified(signature() + HEADER)
        self.assertEqual(found.identity, b"@football.example.com")
