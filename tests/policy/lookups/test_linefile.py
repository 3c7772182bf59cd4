"""Tests for L{smtpx.policy.lookups.linefile}."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.lookups.interfaces import KEY_MOST, VALUE_MOST
from smtpx.policy.lookups.linefile import Entry, TooLong, parse, render, unescaped

#: The example of the module's page, and then some.
FILE = b"""\
example.org:     yes
# A comment, which does not end what stands above it.
example.net      a value that goes on
\t                 in the next line

   # this is a continuation, no comment
"a key with: colon and \\" quote":  yes
alone
spaced   :   out\x20\x20
twice:: colon
:nobody
"open end: value
"""

KEYS = st.binary(max_size=40)
VALUES = st.binary(max_size=40).map(lambda each: each.replace(b"\n", b"").strip())


def pairs(octets: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and values of a file."""
    return [(e.key, e.value) for e in parse(octets) if isinstance(e, Entry)]


class FormTests(SynchronousTestCase):
    """Exim's form of files with keys."""

    def test_entries(self) -> None:
        """Keys end at a colon or white space, values go on behind white space."""
        self.assertEqual(
            pairs(FILE),
            [
                (b"example.org", b"yes"),
                (
                    b"example.net",
                    b"a value that goes on in the next line"
                    b" # this is a continuation, no comment",
                ),
                (b'a key with: colon and " quote', b"yes"),
                (b"alone", b""),
                (b"spaced", b"out"),
                (b"twice", b": colon"),
                (b"", b"nobody"),
                (b"open end: value", b""),
            ],
        )

    def test_linesAreNumbered(self) -> None:
        """An entry knows the line that it begins in."""
        found = [each.line for each in parse(FILE)]
        self.assertEqual(found, [1, 3, 7, 8, 9, 10, 11, 12])

    def test_lineEndsOfOtherSystems(self) -> None:
        """A carriage return before the end of a line is white space."""
        self.assertEqual(pairs(b"a: b\r\n  c\r\nd: e"), [(b"a", b"b c"), (b"d", b"e")])

    def test_continuationOfNothing(self) -> None:
        """What goes on where nothing has begun is nothing."""
        self.assertEqual(pairs(b"   nothing\na: b\n"), [(b"a", b"b")])

    def test_escapesInQuotedKeys(self) -> None:
        """In quotes there are the escapes of Exim's strings, and only there."""
        self.assertEqual(
            pairs(rb'"\x41\102\t\q\\": x' + b"\n" + rb"\x41: y"),
            [(b"AB\tq\\", b"x"), (rb"\x41", b"y")],
        )

    def test_escapes(self) -> None:
        """Octal, hexadecimal, those with a letter, and any other character."""
        for escaped, meant in (
            (rb"\7\77\777", b"\x07\x3f\xff"),
            (rb"\x\x4\x4a1", b"\x00\x04J1"),
            (rb"\b\f\n\r\t\v", b"\b\f\n\r\t\v"),
            (rb"\8\N\$", b"8N$"),
            (b"\\\n", b"\n"),
            (b"end\\", b"end\\"),
        ):
            self.assertEqual(unescaped(escaped), meant, escaped)

    def test_tooLongIsToldWithItsLine(self) -> None:
        """A key or a value that is too long is none, and the rest is read."""
        octets = b"a: b\n%s: c\nd: %s\ne: f\n" % (
            b"k" * (KEY_MOST + 1),
            b"v" * (VALUE_MOST + 1),
        )
        self.assertEqual(
            list(parse(octets)),
            [
                Entry(1, b"a", b"b"),
                TooLong(2, "a key has at most 1024 octets"),
                TooLong(3, "a value has at most 65536 octets"),
                Entry(4, b"e", b"f"),
            ],
        )

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(KEYS, VALUES)))
    def test_renderedIsRead(self, entries: list[tuple[bytes, bytes]]) -> None:
        """What is written is read as it was, whatever is in a key."""
        self.assertEqual(pairs(render(entries)), entries)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300))
    def test_anythingIsRead(self, octets: bytes) -> None:
        """Nothing in a file makes the reader fail."""
        for each in parse(octets):
            self.assertIsInstance(each, Entry)

    def test_cutAnywhere(self) -> None:
        """What stands before a cut is read as it was, but for the last entry."""
        whole = pairs(FILE)
        for at in range(len(FILE)):
            found = pairs(FILE[:at])
            self.assertEqual(found[:-1], whole[: max(0, len(found) - 1)])
