"""
Tests for L{smtpx.mailauth.resultswriting}.
"""

from __future__ import annotations

import authres
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.results import AuthenticationResults, Property, Result
from smtpx.mailauth.resultsreading import parseResults
from smtpx.mailauth.resultswriting import MAX_TEXT, harmless, renderField, renderResults

from .authfields import EXAMPLES, NEARLY, OCTETS, fields


def helo(name: bytes) -> AuthenticationResults:
    """
    What is written of a client that said C{EHLO name}.
    """
    return AuthenticationResults(
        b"mx.example", (Result(b"spf", b"none", (Property(b"smtp", b"helo", name),)),)
    )


def written(name: bytes, utf8: bool = False) -> bytes:
    """
    The value of C{smtp.helo} as it is written.
    """
    field = renderResults(helo(name), utf8)
    return field.removeprefix(
        b"Authentication-Results: mx.example;\r\n\tspf=none"
    ).removesuffix(b"\r\n")


class WritingTests(SynchronousTestCase):
    """
    A field as it is written.
    """

    def test_field(self) -> None:
        """
        Each result begins a line.
        """
        results = AuthenticationResults(
            b"mx.example.org",
            (
                Result(
                    b"spf",
                    b"softfail",
                    (
                        Property(b"smtp", b"mailfrom", b"example.net"),
                        Property(b"smtp", b"helo", b"relay.example.net", (b"so",)),
                    ),
                ),
                Result(
                    b"dkim",
                    b"fail",
                    (Property(b"header", b"b", b"a/b+"),),
                    b"bad signature",
                    (b"2048-bit (rsa) key",),
                    version=2,
                ),
            ),
            comments=(b"of ours",),
        )
        self.assertEqual(
            renderResults(results),
            b"Authentication-Results: mx.example.org (of ours);\r\n"
            b"\tspf=softfail smtp.mailfrom=example.net smtp.helo=relay.example.net"
            b" (so);\r\n"
            b"\tdkim/2=fail (2048-bit \\(rsa\\) key)"
            b' reason="bad signature" header.b="a/b+"\r\n',
        )

    def test_none(self) -> None:
        """
        Where nothing was checked the field says so.
        """
        self.assertEqual(
            renderResults(AuthenticationResults(b"mx.example")),
            b"Authentication-Results: mx.example; none\r\n",
        )

    def test_version(self) -> None:
        """
        A version is written unless it is the one that need not be.
        """
        self.assertEqual(
            renderResults(AuthenticationResults(b"mx.example", version=3)),
            b"Authentication-Results: mx.example 3; none\r\n",
        )

    def test_otherField(self) -> None:
        """
        Results stand in other fields too, behind what leads them in.
        """
        self.assertEqual(
            renderField(
                b"ARC-Authentication-Results",
                b"i=1;",
                AuthenticationResults(b"mx.example"),
                False,
            ),
            b"ARC-Authentication-Results: i=1; mx.example; none\r\n",
        )

    def test_quoted(self) -> None:
        """
        A value is quoted where it has to be, and an address is written as one.
        """
        for value, expected in (
            (b"relay.example", b"relay.example"),
            (b"[192.0.2.1]", b'"[192.0.2.1]"'),
            (b"2001:db8::1", b'"2001:db8::1"'),
            (b"a@b.example", b"a@b.example"),
            (b"@b.example", b"@b.example"),
            (b'"a b"@b.example', b'"a b"@b.example'),
            (b"a b@b.example", b'"a b@b.example"'),
            (b"a@[192.0.2.1]", b'"a@[192.0.2.1]"'),
            (b'a"; dkim=pass', b'"a\\"; dkim=pass"'),
            (b"a\\", b'"a\\\\"'),
            (b"", b'""'),
        ):
            self.assertEqual(
                b"".join(written(value).split(b"\r\n")), b" smtp.helo=" + expected
            )

    def test_authservIdIsNoAddress(self) -> None:
        """
        Who made the checks is quoted if it is no token, since no address may stand
        there.
        """
        field = renderResults(AuthenticationResults(b"a@b"))
        self.assertEqual(field, b'Authentication-Results: "a@b"; none\r\n')

    def test_controlCharacters(self) -> None:
        """
        Line ends, and what is one for some program, never get into a field.
        """
        bad = "a\r\nX: \x00\x7f\x85\u2028\u202e\u00adb".encode()
        self.assertEqual(written(bad, True), b' smtp.helo="a??X: ??????b"')
        self.assertEqual(written(b"a\xffb", True), b' smtp.helo="a?b"')
        self.assertEqual(written(b"a\xffb"), b' smtp.helo="a?b"')

    def test_utf8OnlyWhereItMayBe(self) -> None:
        """
        In a message without UTF-8 a domain is written with A-labels, and what has no
        such form is not shown.
        """
        for value, utf8, ascii in (
            ("b\u00fccher.example", "b\u00fccher.example", b"xn--bcher-kva.example"),
            (
                "a@b\u00fccher.example",
                "a@b\u00fccher.example",
                b"a@xn--bcher-kva.example",
            ),
            ("\u00fc@\u00fc.example", "\u00fc@\u00fc.example", b"?@xn--tda.example"),
            ("\u00fc \u00fc", '"\u00fc \u00fc"', b'"? ?"'),
            ("\u2603.example", "\u2603.example", b'"?.example"'),
            ("a\u200cb", "a\u200cb", b'"a?b"'),
        ):
            self.assertEqual(
                written(value.encode(), True), f" smtp.helo={utf8}".encode()
            )
            self.assertEqual(written(value.encode()), b" smtp.helo=" + ascii)

    def test_longTextIsCut(self) -> None:
        """
        What is too long for a line is cut, not inside of a character, and one sees it.
        """
        self.assertEqual(harmless(b"a" * MAX_TEXT, False), b"a" * MAX_TEXT)
        cut = harmless(b"a" * (MAX_TEXT + 1), False)
        self.assertEqual(cut, b"a" * (MAX_TEXT - 3) + b"...")
        cut = harmless(b"a" * (MAX_TEXT - 4) + "\u00fc".encode() * 9, True)
        self.assertEqual(cut, b"a" * (MAX_TEXT - 4) + b"...")

    @given(fields(OCTETS))
    @settings(max_examples=100)
    def test_nothingGetsOut(self, results: AuthenticationResults) -> None:
        """
        Whatever the values are, the field is one field, of lines that are not too
        long and not empty, and says as many things as were to be said.
        """
        for utf8 in (False, True):
            field = renderResults(results, utf8)
            name, _, value = field.partition(b":")
            self.assertEqual(name, b"Authentication-Results")
            lines = field.removesuffix(b"\r\n").split(b"\r\n")
            for line in lines[1:]:
                self.assertIn(line[:1], (b" ", b"\t"))
            for line in lines:
                self.assertLessEqual(len(line), 998)
                self.assertTrue(line.strip())
                self.assertNotIn(b"\r", line)
                self.assertNotIn(b"\n", line)
                self.assertTrue(utf8 or line.isascii())
                line.decode("utf-8")
            found = parseResults(value)
            self.assertEqual(_shape(found), _shape(results))

    def test_authresReadsIt(self) -> None:
        """
        authres reads what we write, and finds the same values.  (It does not see an
        empty value.)
        """
        for _, results in EXAMPLES + NEARLY:
            values = [each.value for one in results.results for each in one.properties]
            if not all(values):
                continue
            header = authres.AuthenticationResultsHeader.parse(
                renderResults(results).decode()
            )
            self.assertEqual(header.authserv_id, results.authservId.decode())
            self.assertEqual(
                [
                    (each.type, each.name, each.value)
                    for result in header.results
                    for each in result.properties
                ],
                [
                    (each.ptype.decode(), each.name.decode(), each.value.decode())
                    for result in results.results
                    for each in result.properties
                ],
            )


def _shape(results: AuthenticationResults) -> object:
    """
    All that is not text.
    """
    return len(results.comments), [
        (
            each.method,
            each.result,
            each.version,
            each.reason is None,
            len(each.comments),
            [(one.ptype, one.name, len(one.comments)) for one in each.properties],
        )
        for each in results.results
    ]
