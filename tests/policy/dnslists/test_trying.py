"""Tests for L{smtpx.policy.dnslists.trying}."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.dnslists.trying import tryList

LISTED, UNLISTED = b"2.0.0.127.z.example", b"1.0.0.127.z.example"


def tried(
    said: Mapping[bytes, tuple[bytes, ...] | None], domains: bool = False
) -> str | None:
    """What is wrong with a list that says this, and else that there is nobody."""
    return tryList(b"z.example", domains, lambda name: said.get(name, ()))


class TryingTests(SynchronousTestCase):
    """Lists that work, and others."""

    def test_good(self) -> None:
        """Nothing is wrong with a list that has its test points."""
        self.assertIsNone(tried({LISTED: (b"127.0.0.2",)}))
        self.assertIsNone(tried({b"test.z.example": (b"127.0.1.2",)}, True))

    def test_dead(self) -> None:
        """A list that has nobody any more, or whose domain is somebody else's."""
        why = "it does not list 127.0.0.2, as a list does that works"
        for said in ({}, {LISTED: (b"192.0.2.80",)}):
            self.assertIn(why, str(tried(said)))
        self.assertIn("does not list test,", str(tried({}, True)))

    def test_everybody(self) -> None:
        """A list that was shut down so that people notice."""
        said = {LISTED: (b"127.0.0.2",), UNLISTED: (b"127.0.0.2",)}
        self.assertEqual(tried(said), "it lists 127.0.0.1: it would list everybody")

    def test_notForUs(self) -> None:
        """A list that does not answer public name servers."""
        self.assertEqual(
            tried({LISTED: (b"127.255.255.254",)}),
            "it answers 127.255.255.254, an error: it does not answer our name server",
        )

    def test_nobodyKnows(self) -> None:
        """No name server answers."""
        why = "no name server could tell whether it lists anybody"
        self.assertEqual(tried({LISTED: None}), why)
