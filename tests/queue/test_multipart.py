"""Tests for L{smtpx.queue.multipart}."""

from __future__ import annotations

import email
import quopri

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue import multipart
from smtpx.queue.multipart import Part, fits, joined, plain, quoted, text

ANYTHING = st.binary() | st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"=", b"\xff", b"x" * 70])
).map(b"".join)


class QuotedTests(SynchronousTestCase):
    """Quoted-printable."""

    @settings(max_examples=100)
    @given(ANYTHING)
    def test_canBeReadBack(self, octets: bytes) -> None:
        """Whatever goes in comes out, in short lines of ASCII."""
        made = quoted(octets)
        self.assertTrue(made.isascii())
        self.assertTrue(fits(made))
        for line in made.split(b"\r\n"):
            self.assertLessEqual(len(line), 76)
            self.assertFalse(line.endswith((b" ", b"\t")))
        self.assertEqual(
            quopri.decodestring(made.replace(b"\r\n", b"\n")),
            octets.replace(b"\r\n", b"\n"),
        )

    def test_anOctetIsNotTornApart(self) -> None:
        """A line is not cut within the three characters of an octet."""
        for length in range(70, 80):
            line = b"x" * length + b"\xff\xff"
            for piece in quoted(line).split(b"=\r\n"):
                self.assertNotIn(b"=", piece[-2:].replace(b"=FF", b""))


class PartTests(SynchronousTestCase):
    """One part."""

    def test_asItIs(self) -> None:
        """ASCII with lines of a good length stays as it is."""
        part = plain(b"text/x", b"a\r\nb\r\n", b"What")
        self.assertEqual(part, Part(b"text/x", b"a\r\nb\r\n", b"7bit", b"What"))
        self.assertEqual(
            part.octets,
            b"Content-Description: What\r\nContent-Type: text/x\r\n"
            b"Content-Transfer-Encoding: 7bit\r\n\r\na\r\nb\r\n",
        )

    def test_eightBits(self) -> None:
        """Octets above 127 stay where they may, and are encoded elsewhere."""
        part = plain(b"text/x", b"\xc3\xbc", b"What", eight=True)
        self.assertEqual((part.content, part.encoding), (b"\xc3\xbc", b"8bit"))
        part = plain(b"text/x", b"\xc3\xbc", b"What")
        self.assertEqual(
            (part.content, part.encoding), (b"=C3=BC", b"quoted-printable")
        )

    def test_whatDoesNotFit(self) -> None:
        """NUL, lone CR or LF, and lines over 998 octets do not go as they are."""
        for octets in (b"\0", b"a\rb", b"a\nb", b"\n", b"\r", b"x" * 999):
            self.assertFalse(fits(octets), octets)
            part = plain(b"text/x", octets, b"What", eight=True)
            self.assertEqual(part.encoding, b"quoted-printable")
        self.assertTrue(fits(b"x" * 998 + b"\r\n" + b"y" * 998))

    def test_text(self) -> None:
        """A text for people says in which charset it is."""
        self.assertEqual(text("a\nb\n", b"").content, b"a\r\nb\r\n")
        self.assertEqual(text("a", b"").type, b"text/plain; charset=us-ascii")
        self.assertEqual(text("\xfc", b"").type, b"text/plain; charset=utf-8")


class JoinedTests(SynchronousTestCase):
    """Several parts."""

    @settings(max_examples=100)
    @given(st.lists(st.binary().map(lambda each: each.replace(b"\r", b"")), min_size=1))
    def test_canBeTakenApart(self, contents: list[bytes]) -> None:
        """Each part comes out as it went in."""
        parts = [plain(b"text/plain", each, b"What") for each in contents]
        boundary, body = joined(parts)
        head = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % boundary
        message = email.message_from_bytes(head + body)
        found = message.get_payload()
        assert isinstance(found, list)
        self.assertEqual(
            [each.get_payload(decode=True) for each in found],  # type: ignore[union-attr]
            contents,
        )

    def test_boundaryIsInNoPart(self) -> None:
        """Where a part has the boundary in it, there is another."""
        self.patch(multipart, "sha256", _Digest)
        inside = b"=_" + b"0" * 24
        boundary, _ = joined([Part(b"text/x", inside, b"7bit", b"")])
        self.assertEqual(boundary, b"=_" + b"1" * 24)


#: By the number that a body is tried with.
_DIGESTS = {b"0": "0" * 64, b"1": "1" * 64}


class _Digest:
    def __init__(self, octets: bytes) -> None:
        self._digest = _DIGESTS[octets[-1:]]

    def hexdigest(self) -> str:
        """As that of C{hashlib}."""
        return self._digest
