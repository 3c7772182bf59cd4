"""
Tests for L{smtpx.sasl.trusted}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.hostlist import HostList
from smtpx.sasl import Trusted, checkUsers
from smtpx.testing.server import talk


class TrustedTests(SynchronousTestCase):
    """Those whom an operator trusts."""

    def test_includes(self) -> None:
        """Clients on the list, and users by their names, or any."""
        here = HostList.parse(["192.0.2.1"])
        for hosts, users, user, included in (
            ([], [], None, False),
            ([], [], b"ann", False),
            ([], ["ann"], b"ann", True),
            ([], ["ann"], b"bob", False),
            ([], ["ann"], None, False),
            ([], ["*"], b"bob", True),
            ([], ["*"], None, False),
            ([], ["\u2168"], b"IX", True),
            (["192.0.2.1"], [], None, True),
            (["192.0.2.1"], ["ann"], b"bob", True),
            (["192.0.2.2"], ["ann"], b"bob", False),
        ):
            trusted = Trusted(HostList.parse(hosts), users)
            session = talk([], peer=b"192.0.2.1").connection
            session.identity = user
            self.assertIs(trusted.includes(session), included, (hosts, users, user))
            self.assertIs(trusted.nobody, not hosts and not users)
        self.assertFalse(Trusted(here).nobody)

    def test_names(self) -> None:
        """What cannot be a name is none."""
        checkUsers(None, None, ("ann", "*"))
        self.assertRaises(Malformed, checkUsers, None, None, ("ann", "\u0000"))
