"""
Tests for L{smtpx.extensions.checkpointnames}.
"""

from __future__ import annotations

import re

from hypothesis import example, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.extensions.checkpointnames import CAPABILITY, TRANSID, TRANSID_OCTETS

#: What an atom may have: US-ASCII without SPACE, CTLs, tspecials and the dot.
ATOM = "".join(
    chr(octet) for octet in range(33, 127) if chr(octet) not in '()<>@,;:\\"/[]?=.'
)

_TOKENS = st.lists(st.text(ATOM, min_size=1, max_size=6), min_size=1, max_size=5).map(
    ".".join
)
_NAMES = st.tuples(_TOKENS, _TOKENS).map("@".join).map(str.encode)


class NameTests(SynchronousTestCase):
    """C{transid-value} (RFC 1845 section 2)."""

    @settings(max_examples=100)
    @given(_NAMES)
    @example(b"12345@claremont.edu")
    def test_isItsOwnInverse(self, name: bytes) -> None:
        """What is written is read as it was, also the RFC's own (section 5)."""
        self.assertEqual(TRANSID.parse(TRANSID.render(name)), name)

    def test_caseMatters(self) -> None:
        """Section 3: it is opaque."""
        self.assertNotEqual(TRANSID.parse(b"<a@b>"), TRANSID.parse(b"<A@b>"))

    def test_longest(self) -> None:
        """80 characters, not one more."""
        name = b"a" * (TRANSID_OCTETS - 4) + b"@b"
        self.assertEqual(TRANSID.parse(b"<%b>" % name), name)
        self.assertRaises(Malformed, TRANSID.parse, b"<a%b>" % name)

    @settings(max_examples=100)
    @given(st.binary(max_size=90))
    @example(b"")
    @example(b"<>")
    @example(b"a@b")
    @example(b"<a@b> ")
    @example(b"<a@b>\n")
    @example(b"<@b>")
    @example(b"<a@>")
    @example(b"<a.@b>")
    @example(b"<a..c@b>")
    @example(b"<a@b@c>")
    @example(b"<\xe9@b>")
    def test_othersAreRefused(self, octets: bytes) -> None:
        """Whatever is no name is none, and whatever is read is written as it was."""
        try:
            name = TRANSID.parse(octets)
        except Malformed:
            return
        self.assertEqual(TRANSID.render(name), octets)
        self.assertIsNotNone(re.fullmatch(rb"<[!-~]+@[!-~]+>", octets))

    def test_missing(self) -> None:
        """The parameter without a value names nothing."""
        self.assertRaises(Malformed, TRANSID.parse, None)

    def test_cut(self) -> None:
        """No beginning of a name is one."""
        whole = b"<4f2a.17@mx1.client.example>"
        self.assertEqual(TRANSID.parse(whole), whole[1:-1])
        for end in range(len(whole)):
            self.assertRaises(Malformed, TRANSID.parse, whole[:end])

    def test_keyword(self) -> None:
        """Section 2: no parameter is used with it; a peer's are ignored."""
        self.assertEqual(CAPABILITY.keyword, b"CHECKPOINT")
        self.assertTrue(CAPABILITY.grammar.parse(b"1 2"))
