"""
Tests for L{smtpx.net.internet}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.internet import isGlobal


class IsGlobalTests(SynchronousTestCase):
    """Which addresses are of the Internet."""

    def test_global(self) -> None:
        """Those of hosts that everybody can reach."""
        for address in (b"8.8.8.8", b"2a00:1450::1", b"64:ff9b::808:808"):
            self.assertTrue(isGlobal(address), address)

    def test_others(self) -> None:
        """No others, however they are spelled."""
        for address in (
            b"127.0.0.1",
            b"10.1.2.3",
            b"192.168.1.1",
            b"172.16.0.1",
            b"169.254.169.254",
            b"100.64.0.1",
            b"0.0.0.0",
            b"224.0.0.1",
            b"255.255.255.255",
            b"::1",
            b"::",
            b"fe80::1",
            b"fd00::1",
            b"ff02::1",
            b"::ffff:127.0.0.1",
            b"64:ff9b::7f00:1",
            b"2002:7f00:1::",
            b"64:ff9b:1::a00:1",
            b"::7f00:1",
            b"::ffff:0:127.0.0.1",
            b"fec0::1",
            b"3fff::1",
            b"5f00::1",
            b"/run/socket",
            b"",
        ):
            self.assertFalse(isGlobal(address), address)
