"""
Tests for L{smtpx.service.inherited}; sockets that are there are in
C{tests/interop}.
"""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.inherited import BadSocket, NotHandedOver, inheritedEndpoint


class InheritedTests(SynchronousTestCase):
    """Nobody has handed a socket to the tests."""

    def refused(self, description: str, kind: type[Exception]) -> str:
        """What is wrong with a description."""
        reactor = MemoryReactorClock()
        error = self.assertRaises(kind, inheritedEndpoint, reactor, description)
        return str(error)

    def test_missing(self) -> None:
        """A socket that is not there is called as the description does."""
        for rest, text in (
            ("domain=INET:index=0", "index 0"),
            ("domain=INET6:name=smtp", "name smtp"),
            ("UNIX:2", "index 2"),
        ):
            self.assertEqual(
                self.refused(f"systemd:{rest}", NotHandedOver),
                f"no socket with {text} was handed over: is this started by systemd?",
            )

    def test_domain(self) -> None:
        """There are three kinds of sockets."""
        for rest in ("", "domain=INET9:index=0", "index=0", "domain=inet:index=0"):
            self.assertEqual(
                self.refused(f"systemd:{rest}", BadSocket),
                'expected "systemd:domain=" and one of INET, INET6, UNIX',
            )

    def test_which(self) -> None:
        """Either the number or the name is wanted, and a number is one."""
        for rest in ("INET", "domain=INET:index=0:name=x", "domain=INET:index=x"):
            self.refused(f"systemd:{rest}", ValueError)
