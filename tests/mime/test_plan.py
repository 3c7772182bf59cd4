"""
Tests for L{smtpx.mime.plan}.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.interfaces import IBody
from smtpx.mime.plan import ChangedBody, Edit, Encode, Splice, changed


class ChangedTests(SynchronousTestCase):
    """A message with edits."""

    def check(self, message: bytes, edits: list[Edit], wanted: bytes) -> None:
        """It is as wanted, whatever the pieces, and grows as was foretold."""
        for cut in range(1, len(message) + 1):
            pieces = [message[at : at + cut] for at in range(0, len(message), cut)]
            self.assertEqual(b"".join(changed(pieces, edits)), wanted)
        growth = sum(edit.growth for edit in edits)
        self.assertEqual(len(message) + growth, len(wanted))

    def test_nothing(self) -> None:
        """Without edits it stays as it is."""
        self.check(b"abc", [], b"abc")
        self.assertEqual(list(changed([], [])), [])

    def test_splices(self) -> None:
        """Octets in the place of others, or of none, anywhere."""
        self.check(b"abcdef", [Splice(0, 0, b"x")], b"xabcdef")
        self.check(b"abcdef", [Splice(6, 6, b"x")], b"abcdefx")
        self.check(b"abcdef", [Splice(0, 6, b"")], b"")
        self.check(
            b"abcdef",
            [Splice(1, 3, b"xyz"), Splice(3, 3, b"-"), Splice(4, 5, b"")],
            b"axyz-df",
        )

    def test_encodings(self) -> None:
        """A body in one encoding or the other, at the end or before it."""
        quoted = Encode(2, 4, b"quoted-printable", False, 4)
        self.check(b"ab=xcd", [quoted], b"ab=3Dxcd")
        based = Encode(2, 4, b"base64", False, 4)
        self.check(b"ab=xcd", [based, Splice(4, 5, b"-")], b"abPXg=-d")
        last = Encode(1, 2, b"base64", True, 6)
        self.check(b"a=", [last], b"aPQ==\r\n")

    def test_nothingIsEncoded(self) -> None:
        """An empty body is empty in any encoding."""
        self.check(b"ab", [Encode(1, 1, b"base64", False, 0)], b"ab")

    def test_messageIsShorterThanItWas(self) -> None:
        """What is not there any more is not waited for."""
        self.assertEqual(b"".join(changed([b"ab"], [Splice(5, 9, b"x")])), b"abx")


class ChangedBodyTests(SynchronousTestCase):
    """The body that goes over the wire."""

    def test_isABody(self) -> None:
        """It can be read again, in pieces that are neither empty nor too long."""
        opened = []

        def source() -> Iterator[bytes]:
            opened.append(True)
            yield b""
            yield b"\xff" * 200_000
            yield b"x" * 100_000

        # 25 in a line, and "=" and CRLF behind all but the last.
        octets = 200_000 * 3 + (8_000 - 1) * 3
        quoted = Encode(0, 200_000, b"quoted-printable", False, octets)
        body = ChangedBody(source, [quoted], octets + 100_000)
        verifyObject(IBody, body)
        for _ in range(2):
            pieces = list(body.pieces())
            self.assertEqual(sum(map(len, pieces)), body.octets)
            self.assertTrue(all(0 < len(piece) <= 65_536 for piece in pieces))
        self.assertEqual(len(opened), 2)
