"""
In whose name a message is.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.authordomain import FIELD_OCTETS, NoAuthor, authorDomain


class AuthorTests(SynchronousTestCase):
    """
    The domain of C{From}.
    """

    def test_usualFieldsHaveADomain(self) -> None:
        """
        All forms of a mailbox, and several of one domain.
        """
        for text in (
            b" a@example.org\r\n",
            b"<a@example.org>",
            b"A. N. Other <a.n.other@Example.ORG>",
            b'"b@example.net" <a@example.org>',
            b"b@example.net <a@example.org>",
            b'"quoted \\" <x@y>"@example.org',
            b'a."b c".d@example.org',
            b"a (it's (me) \\) x) @ (there) example . org (now)",
            b"=?utf-8?q?a=40b?= <a@example.org>",
            b"\xc3\xa4 <\xc3\xa4@example.org>",
            b"<@relay.example,@b.example:a@example.org>",
            b"a@example.org, B <b@example.org>,, ",
            b"Us: a@example.org, <b@example.org>; (all of us)",
            b"A\r\n\t<a@example.org>",
        ):
            with self.subTest(text=text):
                self.assertEqual(b"example.org", authorDomain([text]))

    def test_labelsBeyondASCIIAreTurned(self) -> None:
        """
        A U-label is an A-label from then on (RFC 9989 section 5.3.1).
        """
        self.assertEqual(
            b"xn--mnchen-3ya.example",
            authorDomain(["<a@M\u00fcnchen.example>".encode()]),
        )

    def test_severalOrNoFieldsAreNobodys(self) -> None:
        """
        There has to be exactly one field.
        """
        self.assertRaises(NoAuthor, authorDomain, [])
        self.assertRaises(NoAuthor, authorDomain, [b"a@b.example", b"a@b.example"])

    def test_severalDomainsAreNobodys(self) -> None:
        """
        Who sees only one of them would be deceived.
        """
        for text in (
            b"a@example.org, a@example.net",
            b"<a@example.org>, <a@sub.example.org>",
            b"Us: a@example.org; a@example.net",
        ):
            with self.subTest(text=text):
                self.assertRaises(NoAuthor, authorDomain, [text])

    def test_whatIsNotInTheGrammarIsNobodys(self) -> None:
        """
        Others might read it otherwise.
        """
        for text in (
            b"",
            b"nobody",
            b"Undisclosed:;",
            b"a@",
            b"@example.org",
            b"a@b@example.org",
            b"a@example.org b@example.net",
            b"a@example.org <b@example.net> c",
            b"<a@example.org> b@example.net",
            b"<a@example.org><b@example.net>",
            b"<a@example.org",
            b"a@example.org>",
            b"<<a@example.org>>",
            b"a@example..org",
            b"a@.example.org",
            b"a b@example.org",
            b'a@"example.org"',
            b"a@[192.0.2.1]",
            b"a@[192.0.2.1].example.org",
            b"a@exam!ple.org",
            b'"a@example.org',
            b"(a@example.org",
            b"(((((((((((((((((((((((((((a@example.org",
            b"a\\@example.org",
            b"(a\\",
            b"a: b: c@example.org;",
            b": c@example.org;",
            b"a: c@example.org",
            b"c@example.org;",
            b"<@x:@y:c@example.org>",
            b"<@x c@example.org>",
            b"a@xn--mnchen-3ya\xc3.example",
            b"a@" + b"x" * 64 + b".example",
            b"a]@example.org",
        ):
            with self.subTest(text=text):
                self.assertRaises(NoAuthor, authorDomain, [text])

    def test_whatMayBeReadInTwoWaysIsNobodys(self) -> None:
        """
        What ends a field for some, or is an address to some.
        """
        for text in (
            b"ceo@bank.example\x00 <a@example.org>",
            b"A (\nFrom: ceo@bank.example\n) <a@example.org>",
            b"A (\rFrom: ceo@bank.example) <a@example.org>",
            b"A (\r\nceo@bank.example) <a@example.org>\r\n",
            b"ceo@bank.example: a@example.org;",
        ):
            with self.subTest(text=text):
                self.assertRaises(NoAuthor, authorDomain, [text])

    def test_underscoresAreLetThrough(self) -> None:
        """
        They are in no host's name, and in the domains of some.
        """
        self.assertEqual(b"a_b.example", authorDomain([b"x@a_b.example"]))

    def test_longFieldIsNobodys(self) -> None:
        """
        There is an end to what is read.
        """
        self.assertRaises(
            NoAuthor, authorDomain, [b"a@b.example" + b" " * FIELD_OCTETS]
        )

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(list(b'a@.<>,:;()"\\[] ')), max_size=40))
    def test_anythingIsReadOrNobodys(self, octets: list[int]) -> None:
        """
        There is a domain, or there is none, and nothing else happens.
        """
        try:
            self.assertNotIn(b"@", authorDomain([bytes(octets)]))
        except NoAuthor:
            pass
