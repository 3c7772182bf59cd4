"""
Tests for L{smtpx.policy.claimed}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.resultsclaims import OurNames
from smtpx.policy.claimed import withoutClaims

_OURS = OurNames.of([b"mx.example.net"])


class ClaimedTests(SynchronousTestCase):
    """What pretends to be ours is taken out."""

    def rest(self, header: bytes) -> tuple[bytes, int]:
        """What is left of a header."""
        return withoutClaims(header, _OURS)

    def test_nothingToDo(self) -> None:
        """A header without such a field stays the very same."""
        header = b"From: a\r\nTo: b\r\n"
        self.assertIs(header, self.rest(header)[0])
        others = b"Authentication-Results: mx.example.org; none\r\n" + header
        self.assertEqual((others, 0), self.rest(others))
        # What speaks of it is none.
        spoken = b"Subject: Authentication-Results: mx.example.net; none\r\n"
        self.assertEqual((spoken, 0), self.rest(spoken))
        chained = b"ARC-Authentication-Results: i=1; mx.example.net; none\r\n"
        self.assertEqual((chained, 0), self.rest(chained))

    def test_ours(self) -> None:
        """However our name is written, the field goes, with all its lines."""
        for name in (b"mx.example.net", b"MX.Example.NET", b'"mx.example.net"'):
            for field in (
                b"Authentication-Results: %b; spf=pass\r\n",
                b"authentication-RESULTS : %b;\r\n\tspf=pass\r\n",
                b"Authentication-Results:\r\n (so) %b\r\n\t1; none\r\n",
            ):
                header = b"A: x\r\n" + field % name + b"B: y\r\n z\r\n"
                self.assertEqual((b"A: x\r\nB: y\r\n z\r\n", 1), self.rest(header))

    def test_otherVersions(self) -> None:
        """What is of an unknown version, or cannot be read, goes as well."""
        for value in (b"mx.example.org 2; none", b"", b";;", b'"'):
            header = b"Authentication-Results: %b\r\nA: x\r\n" % value
            self.assertEqual((b"A: x\r\n", 1), self.rest(header))

    def test_allOfThem(self) -> None:
        """Even if nothing is left."""
        header = b"Authentication-Results: mx.example.net; none\r\n" * 3
        self.assertEqual((b"", 3), self.rest(header))

    def test_behindALineThatIsNoField(self) -> None:
        """Others may read on where we have stopped."""
        field = b"Authentication-Results: mx.example.net; none\r\n"
        header = b"A: x\r\nno field\r\n" + field
        self.assertEqual((b"A: x\r\nno field\r\n", 1), self.rest(header))

    def test_behindABareEnd(self) -> None:
        """They may also see a line where we see none."""
        for end in (b"\n", b"\r"):
            field = b"Authentication-Results: mx.example.net; none"
            header = b"A: x" + end + field + end + b"B: y\r\n"
            self.assertEqual((b"A: x" + end + b"B: y\r\n", 1), self.rest(header))
