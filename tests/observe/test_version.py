"""
Which smtpx this is.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import version
from smtpx.observe.version import ownVersion


class VersionTests(SynchronousTestCase):
    """The version that is installed."""

    def test_notInstalled(self) -> None:
        """What runs out of a checkout has no version, and runs all the same."""

        def missing(name: str) -> str:
            raise PackageNotFoundError(name)

        self.patch(version, "version", missing)
        ownVersion.cache_clear()
        self.addCleanup(ownVersion.cache_clear)
        self.assertEqual(ownVersion(), "")

    def test_installed(self) -> None:
        """Otherwise it is that of the package."""
        self.patch(version, "version", lambda name: f"{name} 1.2")
        ownVersion.cache_clear()
        self.addCleanup(ownVersion.cache_clear)
        self.assertEqual(ownVersion(), "smtpx 1.2")
