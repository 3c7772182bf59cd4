"""
The macros of SPF.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as some
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.mailauth.spfmacros import (
    EXPLAINING,
    LETTERS,
    NAME_OCTETS,
    Macro,
    Text,
    nameOf,
    parse,
    parseDomain,
)
from smtpx.mailauth.spfquery import macroValue, queryOf

FOUR = queryOf(b"192.0.2.3", b"strong-bad@email.example.com", b"mx.example.org")
SIX = queryOf(b"2001:db8::cb01", b"strong-bad@email.example.com", b"mx.example.org")

macros = some.builds(
    Macro,
    some.sampled_from(sorted(LETTERS)),
    some.integers(0, 999),
    some.booleans(),
    some.text("-.+,/_=", max_size=3),
    some.booleans(),
)
literals = some.text(
    some.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8
)


@some.composite
def texts(draw: some.DrawFn) -> Text:
    """A text as the parser makes it: no two strings side by side."""
    found: list[str | Macro] = []
    for piece in draw(some.lists(macros | literals, max_size=6)):
        if found and isinstance(piece, str) and isinstance(found[-1], str):
            continue
        found.append(piece)
    return Text(tuple(found))


class ExpansionTests(SynchronousTestCase):
    """
    What becomes of a text.
    """

    def expand(self, text: str, six: bool = False) -> str:
        """Expand a text of a record."""
        query = SIX if six else FOUR
        return parse(text, EXPLAINING, spaces=True).expand(
            lambda letter: macroValue(
                query, letter, query.domain, ("mx.example.org",), lambda: 86400.7
            ),
            1000,
        )

    def test_examplesOfTheStandard(self) -> None:
        """
        The examples of RFC 7208 section 7.4 come out as it has them.
        """
        for text, expected in (
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
                "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
            ),
            (
                "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
                "3.2.0.192.in-addr.strong.lp._spf.example.com",
            ),
            (
                "%{d2}.trusted-domains.example.net",
                "example.com.trusted-domains.example.net",
            ),
        ):
            self.assertEqual(expected, self.expand(text), text)

    def test_exampleOfTheStandardWithIPv6(self) -> None:
        """
        An IPv6 address is in nibbles; their case does not matter to the DNS, and is
        the one of the openspf suite.
        """
        self.assertEqual(
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
            ".ip6._spf.example.com",
            self.expand("%{ir}.%{v}._spf.%{d2}", six=True).lower(),
        )

    def test_lettersOfExplanations(self) -> None:
        """
        Explanations have the client readable, our name and the time in seconds too.
        """
        self.assertEqual(
            "2001:db8::cb01 at unknown, 86400, mx.example.org is mx.example.org",
            self.expand("%{c} at %{r}, %{t}, %{h} is %{p}", six=True),
        )

    def test_escapes(self) -> None:
        """
        A percent sign, a space and a space for URLs can be written, and a letter in
        upper case escapes what URLs do not have.
        """
        self.assertEqual("% %20", self.expand("%%%_%-"))
        self.assertEqual("strong-bad%40email.example.com", self.expand("%{S}"))

    def test_partsAreSplitAtAllDelimiters(self) -> None:
        """
        Each delimiter splits, and the parts are joined with dots; there may be empty
        ones.
        """
        value = "a+b=c..d"
        self.assertEqual("d..c.b.a", Macro("l", 0, True, "+=.").expand(value))
        self.assertEqual("c..d", Macro("l", 3, False, "+=.").expand(value))

    def test_textStopsWhereItIsLongEnough(self) -> None:
        """
        Nothing is expanded beyond the length that a text may have.
        """
        asked: list[str] = []

        def value(letter: str) -> str:
            """Count the questions."""
            asked.append(letter)
            return "x" * 10

        self.assertEqual("x" * 25, parse("%{l}" * 100).expand(value, 25))
        self.assertEqual(["l"] * 3, asked)

    @settings(max_examples=60, deadline=None)
    @given(texts())
    def test_writtenTextIsReadAgain(self, text: Text) -> None:
        """
        What is written of a text is the same text.
        """
        self.assertEqual(text, parse(str(text), spaces=True))


class NameTests(SynchronousTestCase):
    """
    Names that can be asked for.
    """

    def test_nameLosesLabelsOnTheLeft(self) -> None:
        """
        A name that is too long loses labels on the left until it fits (RFC 7208
        section 7.3), and no more of it is expanded than that takes.
        """
        asked: list[str] = []

        def value(letter: str) -> str:
            """Count the questions."""
            asked.append(letter)
            return "a" * 62 + "." + "b" * 62

        name = parse("%{d}." * 500 + "example.com.").expandName(value)
        assert name is not None, "the name is good"
        self.assertTrue(name.endswith(b"." + b"b" * 62 + b".example.com"))
        self.assertEqual(b"b" * 62, name.split(b".")[0])
        self.assertLessEqual(len(name), NAME_OCTETS)
        self.assertLess(len(asked), 5)

    def test_cutAgreesWithTheRule(self) -> None:
        """
        Whatever the length, the longest name of whole labels is taken that fits.
        """
        for length in range(1, 63):
            labels = ["x" * length] * (300 // (length + 1) + 1) + ["com"]
            while len(".".join(labels)) > NAME_OCTETS:
                del labels[0]
            text = ".".join(["x" * length] * 400 + ["com"])
            self.assertEqual(".".join(labels).encode(), nameOf(text))
        exact = ".".join(["x" * 62] * 4 + ["y"])
        self.assertEqual(NAME_OCTETS, len(exact))
        self.assertEqual(exact.encode(), nameOf(exact))
        self.assertEqual(exact.encode(), nameOf("a." + exact))

    def test_namesThatCannotBe(self) -> None:
        """
        Empty and overlong labels, and what is not printable ASCII, cannot be asked for.
        """
        for text in (
            "a\n.com",
            "\x00.com",
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "x" * 64 + ".com",
            "j\xfc.com",
        ):
            self.assertIsNone(nameOf(text), text)
        self.assertIsNone(nameOf("x" * 300))
        self.assertIsNone(nameOf("a." + "x" * 300))

    def test_namesAreInLowerCaseWithoutDotAtTheEnd(self) -> None:
        """
        A name is as look-ups want it.
        """
        self.assertEqual(b"example.com", nameOf("Example.COM."))


class SyntaxTests(SynchronousTestCase):
    """
    What is no text, and no domain.
    """

    def test_badMacrosAreRefused(self) -> None:
        """
        A percent sign stands before a macro, and a macro is whole.
        """
        for text in (
            "%", "%a", "%(d)", "%{", "%{d", "%{}", "%{x}", "%{d0}", "%{d00r}",
            "%{d*}", "%{dr2}", "%{c}", "%{R}", "%{t}", "a b", "\x00", "\x7f", "\xfc",
        ):  # fmt: skip
            self.assertRaises(Malformed, parse, text)

    def test_numbersOfPartsAreUnbounded(self) -> None:
        """
        Any number of digits is allowed; no value has so many parts.
        """
        self.assertEqual("b.a", self.only("%{d" + "9" * 5000 + "r}").expand("a.b"))
        self.assertEqual("b.c", self.only("%{d0002}").expand("a.b.c"))

    def only(self, text: str) -> Macro:
        """The one macro of a text."""
        (found,) = parse(text).pieces
        assert isinstance(found, Macro), found
        return found

    def test_domainEndsInTopLabelOrMacro(self) -> None:
        """
        A C{domain-spec} ends in a top label or a macro (RFC 7208 section 7.1).
        """
        for text in (
            "example.com", "example.com.", ".com", "a.%{d}", "%{d}", "a%%", "a%_",
            "a%-", "x.1-2", "x.1a", "x.a1", "x.xn--zckzah", "a:b/c.example.com",
        ):  # fmt: skip
            self.assertEqual(parse(text), parseDomain(text))
        for text in (
            "", "com", "com.", "example.123", "example.-com", "example.com-", "a.b%%c",
            "a.%%c", "example.com..", "example.c_m", "%{d}com", "example.com:80", "a.-",
            "%{l-.}com",
        ):  # fmt: skip
            self.assertRaises(Malformed, parseDomain, text)

    def test_everyCutOfADomainIsReadOrRefused(self) -> None:
        """
        Whatever is left of a text is a text, or refused in order.
        """
        whole = "a%%b.%{l2r-+}.%{D}.x%_y.example.com."
        for at in range(len(whole)):
            try:
                found = parseDomain(whole[:at])
            except Malformed:
                continue
            self.assertEqual(found, parseDomain(str(found)))
