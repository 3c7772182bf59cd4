"""
Tests for L{smtpx.policy.sealers}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.mailauth.dkimsignature import Algorithm
from smtpx.policy.sealers import Sealers
from tests.mailauth.arcmail import TERMS
from tests.mailauth.dkimmail import ED25519_PEM, RSA_PEM

from .test_signingkeys import keyFile


class SealersTests(SynchronousTestCase):
    """All sealers of a server."""

    def setUp(self) -> None:
        """Two of one key."""
        self.clock = Clock()
        self.path = keyFile(self, RSA_PEM)
        self.sealers = Sealers({b"a": (self.path, TERMS), b"b": (self.path, TERMS)})

        def work(job: Callable[[], bool]) -> Deferred[bool]:
            return maybeDeferred(job)

        self.sealers.start(self.clock, work)
        self.addCleanup(self.sealers.stop)

    def algorithm(self, name: bytes) -> Algorithm | None:
        """Of whose key."""
        sealer = self.sealers.sealer(name)
        return None if sealer is None else sealer.key.algorithm

    def test_byName(self) -> None:
        """Each is known by its name."""
        self.assertIs(self.algorithm(b"a"), Algorithm.RSA)
        self.assertIs(self.algorithm(b"b"), Algorithm.RSA)
        self.assertIs(self.algorithm(b"c"), None)

    def test_aNewKey(self) -> None:
        """A file that changes is read again; one of no use leaves the old key."""
        with capturedLogs() as told:
            self.path.write_bytes(ED25519_PEM)
            self.clock.pump([1, 1])
            self.assertIs(self.algorithm(b"a"), Algorithm.ED25519)
            self.path.write_bytes(b"")
            self.clock.pump([1, 1])
            self.assertIs(self.algorithm(b"a"), Algorithm.ED25519)
        levels = [each["log_level"] for each in told]
        self.assertEqual(levels, [LogLevel.info, LogLevel.error])

    def test_unsealed(self) -> None:
        """The operator is told of what could not be sealed."""
        with capturedLogs() as told:
            why = "its chain has 50 sets"
            self.sealers.unsealed(Envelope(b"a@b.example", 0.0), why)
        self.assertEqual([each["log_level"] for each in told], [LogLevel.warn])
