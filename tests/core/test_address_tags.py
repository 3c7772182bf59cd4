"""Tests for tags in L{smtpx.core.address}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import withoutTag


class TagTests(SynchronousTestCase):
    """Local parts with tags (RFC 5233)."""

    def test_withoutTag(self) -> None:
        """The first separator that has something before it ends the user's part."""
        for local, separators, user in (
            (b"ann+lists", b"+", b"ann"),
            (b"ann+lists+x", b"+", b"ann"),
            (b"ann-x+y", b"+-", b"ann"),
            (b"ann+y-x", b"+-", b"ann"),
            (b"ann", b"+", b"ann"),
            (b"ann+", b"+", b"ann"),
            (b"+ann", b"+", b"+ann"),
            (b"+ann+x", b"+", b"+ann"),
            (b"ann+lists", b"", b"ann+lists"),
            (b"", b"+", b""),
        ):
            self.assertEqual(withoutTag(local, separators), user, local)
