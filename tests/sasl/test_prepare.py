"""
Tests for L{smtpx.sasl.prepare}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.sasl.prepare import prepare

try:
    from scramp.core import saslprep  # type: ignore[import-untyped]  # has no types
except ImportError:
    saslprep = None


class PrepareTests(SynchronousTestCase):
    """Names and passwords as they are compared."""

    def test_examplesOfTheRFC(self) -> None:
        """RFC 4013 section 3, whole."""
        for given_, wanted in (
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
        ):
            self.assertEqual(prepare(given_.encode()), wanted.encode())
        for bad in ("\u0007", "\u0627\u0031"):
            self.assertRaises(Malformed, prepare, bad.encode())

    def test_spacesBecomeOneKind(self) -> None:
        """A no-break space is a space."""
        self.assertEqual(prepare("a\u00a0b".encode()), b"a b")

    def test_whatIsMappedToNothingMayLeaveNothing(self) -> None:
        """A name of soft hyphens alone is empty; callers refuse it."""
        self.assertEqual(prepare("\u00ad".encode()), b"")
        self.assertEqual(prepare(b""), b"")

    def test_controlsAreRefused(self) -> None:
        """No name has a control character, NUL and DEL among them."""
        for octet in (*range(32), 127):
            self.assertRaises(Malformed, prepare, b"a%cb" % octet)

    def test_onlyUTF8(self) -> None:
        """Latin-1, surrogates and overlong forms are no UTF-8."""
        for bad in (b"\xe4", b"\xed\xa0\x80", b"\xc0\xaf", b"a\xff"):
            self.assertRaises(Malformed, prepare, bad)

    def test_directions(self) -> None:
        """Right-to-left text is that from its first to its last character."""
        hebrew = "\u05d0\u05d1"
        self.assertEqual(prepare(hebrew.encode()), hebrew.encode())
        for bad in (f"a{hebrew}", f"{hebrew}1", f"1{hebrew}", "\u05d0a\u05d0"):
            self.assertRaises(Malformed, prepare, bad.encode())

    def test_unassignedCharactersAreForQueriesOnly(self) -> None:
        """
        A character newer than Unicode 3.2 may be asked for; it is not stored.
        """
        self.assertEqual(prepare("a\u0221".encode()), "a\u0221".encode())
        self.assertRaises(Malformed, prepare, "a\u0221".encode(), stored=True)
        self.assertEqual(prepare("ä".encode(), stored=True), "ä".encode())

    @given(st.binary(max_size=24))
    @settings(max_examples=100, deadline=None)
    def test_anyOctetsArePreparedOrRefused(self, octets: bytes) -> None:
        """Whatever a peer sends: a string, or L{Malformed}."""
        try:
            prepare(octets)
        except Malformed:
            pass

    @given(st.text(max_size=12))
    @settings(max_examples=100, deadline=None)
    def test_asOthersDo(self, text: str) -> None:
        """What scramp makes of a string, we make of it."""
        if saslprep is None:
            self.skipTest("scramp is not installed")
        octets = text.encode("utf-8", "replace")
        try:
            wanted = saslprep(octets.decode("utf-8")).encode()
        except Exception:
            # It tells unassigned characters from others, as for storing.
            self.assertRaises(Malformed, prepare, octets, stored=True)
        else:
            self.assertEqual(prepare(octets, stored=True), wanted)
