"""Tests for L{smtpx.policy.aliasfile}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import Mailbox
from smtpx.core.errors import Malformed
from smtpx.core.reply import Reply
from smtpx.policy.aliasentry import Entry, Left, Place, Refusal, Special, Target, leftOf
from smtpx.policy.aliasfile import parseAliases, parseEntry, renderAliases

DOMAINS = st.sampled_from(
    [b"a.example", b"B.example", b"[192.0.2.1]", "b\u00fccher.example".encode()]
)
LOCALS = st.one_of(
    st.text("abC1.+-=", min_size=1, max_size=8),
    st.text("a |/#*$\\\",:;@<>()\u00e9'", min_size=1, max_size=6),
    st.sampled_from([":fail:", ":include:/x", "|cmd", "/file", "$1", "*", "#"]),
).map(str.encode)
PATTERNS = st.text("ab*.-", min_size=1, max_size=6).map(str.encode)


def _isLocal(local: bytes) -> bool:
    try:
        Mailbox(local, b"x.example")
    except Malformed:
        return False
    return True


def _isPattern(local: bytes) -> bool:
    return b"*" in local and b".." not in local and b"." not in (local[:1], local[-1:])


def _isMeantAsSuch(target: Target) -> bool:
    """Without a domain, some names are programs, files and so on, quoted or not."""
    local = target.local or b""
    return target.domain is not None or local[:1] not in (b"|", b"/", b":")


NAMES = LOCALS.filter(_isLocal)
LEFTS = st.one_of(
    st.builds(leftOf, NAMES, st.none() | DOMAINS, st.just(False)),
    st.builds(leftOf, st.none(), DOMAINS, st.just(False)),
    st.builds(
        leftOf,
        PATTERNS.filter(_isPattern),
        st.sampled_from([None, b"a.example", b"*.example", b"*"]),
        st.just(True),
    ),
)
TARGETS = st.one_of(
    st.builds(Target, NAMES, st.none() | DOMAINS, st.booleans(), st.just(False)).filter(
        _isMeantAsSuch
    ),
    st.builds(Target, st.none(), DOMAINS, st.booleans(), st.just(False)),
)
SPECIALS = st.one_of(
    st.just(Special(Refusal.BLACKHOLE)),
    st.text('ab c#,:"1', min_size=1, max_size=10)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
    .map(lambda text: Special(Refusal.FAIL, Reply(551, (5, 1, 6), (text.encode(),)))),
)
SEVERAL = st.lists(TARGETS, min_size=1, max_size=4).map(tuple)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """An entry at line 1, for now."""
    left = draw(LEFTS)
    place = Place("f", 1)
    if draw(st.integers(0, 4)) == 0:
        return Entry(left, (), place, draw(SPECIALS))
    return Entry(left, draw(SEVERAL), place)


class GrammarTests(SynchronousTestCase):
    """The file, both ways."""

    @settings(max_examples=100)
    @given(st.lists(entries(), max_size=5))
    def test_whatIsWrittenIsReadBack(self, given: list[Entry]) -> None:
        """Entries come back as they were, each at its line."""
        octets = renderAliases(given)
        expected = [
            each._replace(place=Place("f", line)) for line, each in enumerate(given, 1)
        ]
        self.assertEqual(parseAliases(octets, "f"), (expected, []))

    @settings(max_examples=100)
    @given(st.lists(entries(), max_size=3), st.integers(0, 10_000))
    def test_cutFile(self, given: list[Entry], at: int) -> None:
        """A file that is cut has the entries before the cut, or says what is wrong."""
        octets = renderAliases(given)
        at %= len(octets) + 1
        whole = octets[:at].count(b"\n")
        found, problems = parseAliases(octets[:at], "f")
        if octets[:at].decode("utf-8", "ignore").encode() != octets[:at]:
            self.assertEqual(found, [])
            return
        lefts = [each.left for each in given[:whole]]
        self.assertEqual([each.left for each in found[:whole]], lefts)
        self.assertTrue(all(each.place.line == whole + 1 for each in problems))

    @settings(max_examples=100)
    @given(
        st.binary(max_size=60)
        | st.text(':,@"\\*$#|/ \n\tab.', max_size=30).map(str.encode)
    )
    def test_anything(self, octets: bytes) -> None:
        """Whatever stands in a file, it is read or a problem has its line."""
        found, problems = parseAliases(octets, "f")
        for each in problems:
            self.assertLessEqual(each.place.line or 0, octets.count(b"\n") + 1)
        again, more = parseAliases(renderAliases(found), "f")
        self.assertEqual(more, [])
        self.assertEqual([e[:2] for e in again], [e[:2] for e in found])

    def test_usualForms(self) -> None:
        """Names, addresses, domains, quotes; spaces, comments and long lines."""
        found, problems = parseAliases(
            b"\xef\xbb\xbf# the postmaster\r\n"
            b"postmaster :ann\r\n"
            b"\n"
            b"Sales@Example.ORG:ann, bob@example.net ,\n"
            b"  # a comment between\n"
            b'\t"Carol C."@example.org  # another\n'
            b"\n"
            b"  , dan\n"
            b"ann: \\ann, ann@[IPv6:2001:db8::1],\n"
            b"@old.example: @new.example\n"
            b'"a b": c',
            "f",
        )
        self.assertEqual(problems, [])
        self.assertEqual(
            found,
            [
                Entry(
                    Left(b"postmaster", None), (Target(b"ann", None),), Place("f", 2)
                ),
                Entry(
                    Left(b"sales", b"example.org"),
                    (
                        Target(b"ann", None),
                        Target(b"bob", b"example.net"),
                        Target(b"Carol C.", b"example.org"),
                        Target(b"dan", None),
                    ),
                    Place("f", 4),
                ),
                Entry(
                    Left(b"ann", None),
                    (
                        Target(b"ann", None, True),
                        Target(b"ann", b"[IPv6:2001:db8::1]"),
                    ),
                    Place("f", 9),
                ),
                Entry(
                    Left(None, b"old.example"),
                    (Target(None, b"new.example"),),
                    Place("f", 10),
                ),
                Entry(Left(b"a b", None), (Target(b"c", None),), Place("f", 11)),
            ],
        )

    def test_patterns(self) -> None:
        """Stars on the left, and what they stood for on the right."""
        found, problems = parseAliases(
            b'a-*@*.b.example: a+$1@$2.example, "$1"@c.example', "f"
        )
        self.assertEqual(problems, [])
        self.assertEqual(
            found,
            [
                Entry(
                    Left(b"a-*", b"*.b.example", True),
                    (
                        Target(b"a+$1", b"$2.example", captures=True),
                        Target(b"$1", b"c.example"),
                    ),
                    Place("f", 1),
                )
            ],
        )

    def test_specials(self) -> None:
        """Mail for nobody is refused in the operator's words, or thrown away."""
        found, problems = parseAliases(
            b"a: :fail:\n"
            b"b: :FAIL: Gone, # to\n"
            b"  example.net\n"
            b"c: :fail: 551 5.1.6 Gone\n"
            b"d: :defer: 452 Full\n"
            b"e: :blackhole: # nobody reads it\n",
            "f",
        )
        self.assertEqual(problems, [])
        usual = b"This address takes no mail"
        self.assertEqual(
            [entry.special for entry in found],
            [
                Special(Refusal.FAIL, Reply(550, (5, 2, 1), (usual,))),
                Special(
                    Refusal.FAIL,
                    Reply(550, (5, 2, 1), (b"Gone, # to example.net",)),
                ),
                Special(Refusal.FAIL, Reply(551, (5, 1, 6), (b"Gone",))),
                Special(Refusal.DEFER, Reply(452, (4, 2, 1), (b"Full",))),
                Special(Refusal.BLACKHOLE),
            ],
        )

    def test_notUTF8(self) -> None:
        """The line that is not UTF-8 is named, and nothing is read."""
        found, problems = parseAliases(b"a: b\nc: \xff\n", "f")
        self.assertEqual(found, [])
        self.assertEqual(list(map(str, problems)), ["f:2: not UTF-8 here"])

    def test_entryOfTheConfiguration(self) -> None:
        """What stands elsewhere than in a file is read alike."""
        place = Place("smtpx.toml", 7)
        self.assertEqual(
            parseEntry("sales", ["ann", "bob@example.net"], place),
            (
                Entry(
                    Left(b"sales", None),
                    (Target(b"ann", None), Target(b"bob", b"example.net")),
                    place,
                ),
                [],
            ),
        )
        for left, right, problem in (
            ("sales", ["a\nb: c"], "smtpx.toml:7: sales: an alias is one line"),
            ("a b", ["c"], 'smtpx.toml:7: a: "a" wants a colon behind it'),
        ):
            entry, problems = parseEntry(left, right, place)
            self.assertIsNone(entry)
            self.assertEqual(list(map(str, problems)), [problem])
