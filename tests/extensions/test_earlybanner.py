"""
Tests for L{smtpx.extensions.earlybanner}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.hostlist import HostList
from smtpx.extensions.earlybanner import EarlyBanner, EarlyBannerSettings
from smtpx.extensions.starttls import StartTLS
from smtpx.testing.server import talk

_CLIENT = b"192.0.2.1"


def _options(*items: str, name: bytes | None = None) -> TLSOptions:
    """The options of a handshake, with a host list."""
    settings = EarlyBannerSettings(HostList.parse(items))
    early = EarlyBanner().configured(settings)
    said = talk([StartTLS(), early], peer=_CLIENT, tlsReady=True)
    said.connection.peerName = name
    return said.connection.tlsOptions()


class EarlyBannerTests(SynchronousTestCase):
    """Who is greeted early."""

    def test_nobody(self) -> None:
        """
        Where nothing is set, nobody is greeted early.
        """
        self.assertFalse(_options().early)

    def test_listed(self) -> None:
        """
        Clients in the list are, and no others.
        """
        self.assertTrue(_options("192.0.2.0/24").early)
        self.assertFalse(_options("198.51.100.0/24").early)

    def test_names(self) -> None:
        """
        A client is in the list by its name where that is known.
        """
        self.assertTrue(_options("*.example", name=b"c.example").early)
        self.assertFalse(_options("*.example").early)
