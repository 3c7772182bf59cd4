"""
Tests for L{smtpx.policy.signingkeys}.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.dkimsign import SignTerms
from smtpx.mailauth.dkimsignature import Algorithm, KeyName
from smtpx.policy.signingkeys import KeyEntry, SigningKeys, readKeyFile
from smtpx.policy.watchedfile import BadList
from tests.mailauth.dkimmail import ED25519_PEM, RSA_PEM

_HEADER, _ = fieldsOf(b"From: a@example.org\r\n")


def keyFile(case: SynchronousTestCase, octets: bytes, mode: int = 0o600) -> Path:
    """A file with a key."""
    path = Path(case.mktemp())
    path.write_bytes(octets)
    path.chmod(mode)
    return path


class ReadTests(SynchronousTestCase):
    """One file."""

    def test_keyIsRead(self) -> None:
        """Of whatever kind, also where a group may read it."""
        path = keyFile(self, RSA_PEM, 0o640)
        self.assertIs(readKeyFile(path).algorithm, Algorithm.RSA)

    def test_whatIsOfNoUse(self) -> None:
        """Is told with the file."""
        there = keyFile(self, b"x" * 70_000)
        for path, why in (
            (Path("nowhere"), "nowhere: cannot be read: No such file or directory"),
            (there, f"{there}: it is too large for a key"),
        ):
            error = self.assertRaises(BadList, readKeyFile, path)
            self.assertEqual(str(error), why)
        empty = keyFile(self, b"")
        error = self.assertRaises(BadList, readKeyFile, empty)
        self.assertEqual(str(error), f"{empty}: there is no private key in PEM")

    def test_keyThatEverybodyMayRead(self) -> None:
        """May be everybody's by now."""
        path = keyFile(self, RSA_PEM, 0o644)
        error = self.assertRaises(BadList, readKeyFile, path)
        self.assertIn("everybody may read it; chmod 600", str(error))


class SigningKeysTests(SynchronousTestCase):
    """All files."""

    def setUp(self) -> None:
        """One key."""
        self.clock = Clock()
        self.path = keyFile(self, RSA_PEM)
        terms = SignTerms(KeyName(b"example.org", b"s"))
        twice = SignTerms(KeyName(b"example.org", b"t"))
        self.keys = SigningKeys(
            [KeyEntry(self.path, terms), KeyEntry(self.path, twice)]
        )

        def work(job: Callable[[], bool]) -> Deferred[bool]:
            return maybeDeferred(job)

        self.keys.start(self.clock, work)
        self.addCleanup(self.keys.stop)

    def algorithms(self) -> list[Algorithm]:
        """By what a message is signed."""
        return [each.key.algorithm for each in self.keys.forHeader(_HEADER)]

    def change(self, octets: bytes) -> None:
        """Write another key, and let it be seen."""
        there = self.path.with_suffix(".new")
        there.write_bytes(octets)
        there.chmod(0o600)
        os.replace(there, self.path)
        self.clock.pump([1.0] * 3)

    def test_changeIsSeen(self) -> None:
        """Without a restart."""
        self.assertEqual(self.algorithms(), [Algorithm.RSA] * 2)
        self.change(ED25519_PEM)
        self.assertEqual(self.algorithms(), [Algorithm.ED25519] * 2)

    def test_mistakeChangesNothing(self) -> None:
        """It goes on signing with what it had."""
        self.change(b"no key")
        self.assertEqual(self.algorithms(), [Algorithm.RSA] * 2)

    def test_badKeyAtTheStart(self) -> None:
        """There is none without its keys."""
        entry = KeyEntry(Path("nowhere"), SignTerms(KeyName(b"example.org", b"s")))
        self.assertRaises(BadList, SigningKeys, [entry])
