"""
Tests for L{smtpx.mailauth.bodyhash}.
"""

from __future__ import annotations

import tracemalloc
from hashlib import sha1, sha256

from twisted.trial.unittest import SynchronousTestCase

from smtpx.mailauth.bodyhash import BodyHash, BodyHashes, Digest
from smtpx.mailauth.canonical import Form

_SIMPLE, _RELAXED = BodyHash(Form.SIMPLE), BodyHash(Form.RELAXED)


class BodyHashesTests(SynchronousTestCase):
    """The hashes of a body."""

    def test_eachIsOfWhatWasWanted(self) -> None:
        """By its form, its length and its hash."""
        wanted = [
            _SIMPLE,
            _RELAXED,
            _SIMPLE,
            BodyHash(Form.SIMPLE, 3),
            BodyHash(Form.SIMPLE, 0),
            BodyHash(Form.RELAXED, 99),
            BodyHash(Form.SIMPLE, None, "sha1"),
        ]
        hashes = BodyHashes(wanted)
        for piece in (b"a", b"  b", b"\r", b"\n\r\n"):
            hashes.write(piece)
        hashes.end()
        simple, relaxed = b"a  b\r\n", b"a b\r\n"
        for want, digest in (
            (_SIMPLE, Digest(sha256(simple).digest(), 6)),
            (_RELAXED, Digest(sha256(relaxed).digest(), 5)),
            (wanted[3], Digest(sha256(b"a  ").digest(), 6)),
            (wanted[4], Digest(sha256(b"").digest(), 6)),
            (wanted[5], Digest(sha256(relaxed).digest(), 5)),
            (wanted[6], Digest(sha1(simple).digest(), 6)),
        ):
            self.assertEqual(hashes.digest(want), digest)

    def test_nothingIsKept(self) -> None:
        """Of some megabytes in pieces as from the wire, whatever they are of."""
        for piece in (
            b"some words of text \r\n" * 3000,
            b"\r\n" * 32000,
            b" " * 64000,
            b"ab  " * 16000,
        ):
            hashes = BodyHashes([_SIMPLE, _RELAXED])
            tracemalloc.start()
            for _ in range(3_000_000 // len(piece)):
                hashes.write(piece)
            hashes.write(b"x")
            hashes.end()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertLess(peak, 1_500_000)
