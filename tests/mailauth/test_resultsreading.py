"""
Tests for L{smtpx.mailauth.resultsreading}.
"""

from __future__ import annotations

from time import process_time

import authres
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.results import AuthenticationResults, Result
from smtpx.mailauth.resultsreading import MAX_OCTETS, parseResults
from smtpx.mailauth.resultswriting import renderResults

from .authfields import BAD, EXAMPLES, NEARLY, TEXTS, fields


class ReadingTests(SynchronousTestCase):
    """
    Fields are read without loss.
    """

    def test_examplesOfTheRFC(self) -> None:
        """
        The examples of RFC 8601 say what they say, comments in all places included.
        """
        for value, expected in EXAMPLES:
            self.assertEqual(parseResults(value), expected, value)

    def test_nearly(self) -> None:
        """
        What programs write that did not read the grammar to its end is understood.
        """
        for value, expected in NEARLY:
            self.assertEqual(parseResults(value), expected, value)

    def test_bad(self) -> None:
        """
        What cannot be understood for sure is refused as a whole.
        """
        for value in BAD:
            self.assertRaises(Malformed, parseResults, value)

    def test_quotedPairs(self) -> None:
        """
        Quotation marks, brackets and backslashes are what they quote.
        """
        found = parseResults(
            b'"a\\"b" (x (y\\)) z); spf=fail reason="\\\\" smtp.mailfrom="c d"@e'
        )
        self.assertEqual(found.authservId, b'a"b')
        self.assertEqual(found.comments, (b"x (y)) z",))
        self.assertEqual(found.results[0].reason, b"\\")
        self.assertEqual(found.results[0].get(b"smtp", b"mailfrom"), b'"c d"@e')

    def test_unknownIsKept(self) -> None:
        """
        Methods, results and ptypes that nobody registered are kept.
        """
        value = b" x; x-own=so-so dns.sec=yes vendor.policy=a"
        (result,) = parseResults(value).results
        self.assertEqual(result.get(b"dns", b"sec"), b"yes")
        self.assertEqual(result.get(b"vendor", b"policy"), b"a")
        self.assertEqual((result.method, result.result), (b"x-own", b"so-so"))

    def test_utf8(self) -> None:
        """
        UTF-8 may stand wherever a value does (RFC 8601 section 1.5.2).
        """
        value = "b\u00fccher.example; spf=pass (\u00fc) smtp.mailfrom=\u00fc@b\u00fc"
        found = parseResults(value.encode())
        self.assertEqual(found.authservId, "b\u00fccher.example".encode())
        self.assertEqual(
            found.results[0].get(b"smtp", b"mailfrom"), "\u00fc@b\u00fc".encode()
        )

    def test_cutAnywhere(self) -> None:
        """
        A field that was cut is read as far as it goes, or refused; never is anything
        in it that was not there.
        """
        for value, whole in EXAMPLES + NEARLY:
            for offset in range(len(value)):
                try:
                    found = parseResults(value[:offset])
                except Malformed:
                    continue
                self.assertTrue(whole.authservId.startswith(found.authservId))
                self.assertLessEqual(len(found.results), len(whole.results))
                for one, other in zip(found.results[:-1], whole.results, strict=False):
                    self.assertEqual(one, other)

    @given(fields(TEXTS))
    @settings(max_examples=100)
    def test_roundTrip(self, results: AuthenticationResults) -> None:
        """
        What was written is read again.
        """
        value = renderResults(results, utf8=True).partition(b":")[2]
        self.assertEqual(parseResults(value), results)

    def test_tooLong(self) -> None:
        """
        A field of a megabyte is refused before it is read.
        """
        self.assertRaises(Malformed, parseResults, b"x; none " + b"(a)" * MAX_OCTETS)

    def test_worstCases(self) -> None:
        """
        What is made to take long takes time in proportion to its length: some fields
        that are as long as one may be take less than three seconds together.
        """
        began = process_time()
        for part in (
            b"(",
            b"\\",
            b"(\\",
            b'"',
            b'"\\"',
            b'a"b',
            b"; spf=pass",
            b" a.b=",
            b" \r\n",
            b"()",
            b"(())",
        ):
            for lead in (
                b"",
                b"x; spf=pass smtp.helo=",
                b"x (",
                b'x; spf=pass reason="',
            ):
                value = lead + part * ((MAX_OCTETS - len(lead)) // len(part))
                try:
                    parseResults(value)
                except Malformed:
                    pass
        # It is minutes where time grows with the square of the length.
        self.assertLess(process_time() - began, 15)


class OracleTests(SynchronousTestCase):
    """
    authres sees the same.
    """

    def test_sameResults(self) -> None:
        """
        Methods, results, reasons and properties are those that authres finds, where
        it is right: it loses comments, knows no values but those of the grammar, and
        refuses a comment behind a method's version, as the last example has it.
        """
        for value, found in EXAMPLES[:-1]:
            header = authres.AuthenticationResultsHeader.parse(
                "Authentication-Results:" + value.decode()
            )
            self.assertEqual(header.authserv_id, found.authservId.decode())
            self.assertEqual(
                [(each.method, each.result, each.reason) for each in header.results],
                [_asText(each) for each in found.results],
            )
            for one, other in zip(header.results, found.results, strict=True):
                self.assertEqual(
                    [(each.type, each.name, each.value) for each in one.properties],
                    [
                        (each.ptype.decode(), each.name.decode(), each.value.decode())
                        for each in other.properties
                    ],
                )


def _asText(result: Result) -> tuple[str, str, str | None]:
    reason = None if result.reason is None else result.reason.decode()
    return result.method.decode(), result.result.decode(), reason
