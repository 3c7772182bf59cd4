"""
The public suffix list.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth import publicsuffix
from smtpx.mailauth.publicsuffix import FILE_OCTETS, PublicSuffixes

LIST = """\ufeff// a comment
com
uk  // what stands behind white space is none of the rule
co.uk\r
jp
*.kobe.jp
!city.kobe.jp

*.ck
!www.ck
\u516c\u53f8.cn
cn
"""

SUFFIXES = PublicSuffixes.parse(LIST.encode())


class SuffixTests(SynchronousTestCase):
    """
    What is a suffix, and what is below one.
    """

    def test_suffixesAreFound(self) -> None:
        """
        Rules, wildcards, exceptions, and domains that no rule is for, as the tests of
        publicsuffix.org have them.
        """
        for domain, suffix, organization in (
            (b"com", b"com", b"com"),
            (b"example.com", b"com", b"example.com"),
            (b"a.b.example.com", b"com", b"example.com"),
            (b"co.uk", b"co.uk", b"co.uk"),
            (b"example.co.uk", b"co.uk", b"example.co.uk"),
            (b"example.uk", b"uk", b"example.uk"),
            (b"c.kobe.jp", b"c.kobe.jp", b"c.kobe.jp"),
            (b"b.c.kobe.jp", b"c.kobe.jp", b"b.c.kobe.jp"),
            (b"a.b.c.kobe.jp", b"c.kobe.jp", b"b.c.kobe.jp"),
            (b"city.kobe.jp", b"kobe.jp", b"city.kobe.jp"),
            (b"www.city.kobe.jp", b"kobe.jp", b"city.kobe.jp"),
            (b"www.www.ck", b"ck", b"www.ck"),
            (b"test.ck", b"test.ck", b"test.ck"),
            (b"b.test.ck", b"test.ck", b"b.test.ck"),
            (
                b"xn--85x722f.xn--55qx5d.cn",
                b"xn--55qx5d.cn",
                b"xn--85x722f.xn--55qx5d.cn",
            ),
            (b"a.b.unlisted", b"unlisted", b"b.unlisted"),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(suffix, SUFFIXES.suffix(domain))
                self.assertEqual(organization, SUFFIXES.organization(domain))

    def test_rulesAreCounted(self) -> None:
        """
        Comments and empty lines are none.
        """
        self.assertEqual(10, SUFFIXES.rules)

    def test_badRuleIsNamedWithItsLine(self) -> None:
        """
        A file of another form is refused.
        """
        for text in (b"com\n<html>", b"com\na..b", b"com\n[1.2.3.4]", b"com\n\xff.x"):
            with self.subTest(text=text):
                with self.assertRaisesRegex(Malformed, "line 2"):
                    PublicSuffixes.parse(text)

    def test_listIsBounded(self) -> None:
        """
        In octets, and in rules.
        """
        self.assertRaises(Malformed, PublicSuffixes.parse, b" " * (FILE_OCTETS + 1))
        self.patch(publicsuffix, "RULES_MOST", 3)
        self.assertRaises(Malformed, PublicSuffixes.parse, b"a\nb\nc\nd\n")
