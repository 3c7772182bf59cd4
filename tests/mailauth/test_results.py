"""
Tests for L{smtpx.mailauth.results}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.mailauth.results import AuthenticationResults, Property, Result


class ResultTests(SynchronousTestCase):
    """
    What a check has found out.
    """

    def test_keywordsAreLowerCase(self) -> None:
        """
        Keywords are the same in any case; values are not.
        """
        result = Result(b"SPF", b"Pass", (Property(b"SMTP", b"MailFrom", b"X"),))
        self.assertEqual(
            result, Result(b"spf", b"pass", (Property(b"smtp", b"mailfrom", b"X"),))
        )

    def test_noKeyword(self) -> None:
        """
        What is no keyword never gets into a field.
        """
        for word in (b"", b"a b", b"a=b", b"a;b", b"\xc3\xbc", b"a\n", b"x" * 65):
            self.assertRaises(UsageError, Result, word, b"pass")
            self.assertRaises(UsageError, Result, b"spf", word)
            self.assertRaises(UsageError, Property, word, b"helo", b"")
            self.assertRaises(UsageError, Property, b"smtp", word, b"")

    def test_propertiesAreFound(self) -> None:
        """
        A property is found by its whole name; the first one counts.
        """
        result = Result(
            b"dkim",
            b"pass",
            (
                Property(b"smtp", b"d", b"no"),
                Property(b"header", b"d", b"example.org"),
                Property(b"header", b"d", b"second"),
            ),
        )
        self.assertEqual(result.get(b"header", b"d"), b"example.org")
        self.assertIsNone(result.get(b"header", b"s"))

    def test_resultsOfAMethod(self) -> None:
        """
        Results of one method are found, but not in a version that means something
        else.
        """
        first, second = Result(b"dkim", b"pass"), Result(b"dkim", b"fail")
        results = AuthenticationResults(
            b"mx.example.org",
            (
                first,
                Result(b"spf", b"pass"),
                Result(b"dkim", b"pass", version=2),
                second,
            ),
        )
        self.assertEqual(list(results.by(b"dkim")), [first, second])
