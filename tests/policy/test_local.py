"""Tests for L{smtpx.policy.local}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.hooks import TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.core.reply import Reply
from smtpx.core.server import ServerConnection
from smtpx.net.interfaces import IPolicy
from smtpx.policy.local import (
    MISCONFIGURED,
    NO_RELAYING,
    NO_ROUTE,
    NO_VERDICT,
    NOT_WELCOME,
    UNKNOWN,
    LocalAddresses,
    LocalPolicy,
)

from .doubles import ENVELOPE, recipientOf, sessionFrom

OURS = LocalAddresses(["example.org", "*.example.org"])
LISTED = LocalAddresses(["example.org"], ["ann@example.org"], anybody=False)


class LocalPolicyTests(SynchronousTestCase):
    """The policy of the configuration."""

    def policy(self, **options: object) -> LocalPolicy:
        """A policy for C{example.org} with a route for what is C{routed}."""
        settings: dict[str, object] = {"local": OURS, "goes": lambda path, sender: True}
        return LocalPolicy(**(settings | options))  # type: ignore[arg-type]  # by tests

    def receives(
        self,
        policy: LocalPolicy,
        path: bytes,
        session: ServerConnection | None = None,
    ) -> Reply | None:
        """What RCPT is answered."""
        asked = sessionFrom() if session is None else session
        return policy.mayReceive(asked, ENVELOPE, recipientOf(path))

    def test_isAPolicy(self) -> None:
        """The net can use it."""
        self.assertTrue(verifyObject(IPolicy, self.policy()))

    def test_forUs(self) -> None:
        """Mail for us is taken from anybody."""
        self.assertIsNone(self.receives(self.policy(), b"x@example.org"))
        self.assertIsNone(self.receives(self.policy(), b"Postmaster"))

    def test_unknownRecipient(self) -> None:
        """Mail for nobody is refused at once."""
        policy = self.policy(local=LISTED)
        self.assertEqual(self.receives(policy, b"eve@example.org"), UNKNOWN)
        self.assertEqual(UNKNOWN.octets, b"550 5.1.1 No such recipient here\r\n")

    def test_forUsWithoutARoute(self) -> None:
        """What could not be delivered is not taken; the client tries again."""
        policy = self.policy(goes=lambda path, sender: False)
        self.assertEqual(self.receives(policy, b"x@example.org"), MISCONFIGURED)

    def test_noOpenRelay(self) -> None:
        """Strangers may not send to others."""
        policy = self.policy()
        self.assertEqual(self.receives(policy, b"x@example.net"), NO_RELAYING)
        self.assertEqual(NO_RELAYING.octets, b"550 5.7.1 Relaying not permitted\r\n")

    def test_hostsMayRelay(self) -> None:
        """Clients in the list may, by address or by verified name."""
        hosts = HostList.parse(["192.0.2.7", "*.friends.example"])
        policy = self.policy(relayHosts=hosts.verdict)
        for session, expected in [
            (sessionFrom(b"192.0.2.7"), None),
            (sessionFrom(b"192.0.2.8"), NO_RELAYING),
            (sessionFrom(b"192.0.2.8", name=b"a.friends.example"), None),
            (sessionFrom(b"192.0.2.8", name=b"friends.example"), NO_RELAYING),
        ]:
            self.assertEqual(self.receives(policy, b"x@example.net", session), expected)

    def test_nobodyKnowsTheHost(self) -> None:
        """
        A client whose name cannot be looked up, and that may relay if it has the
        right one, is to come again; it may connect.
        """
        hosts = HostList.parse(["192.0.2.7", "*.friends.example"])
        policy = self.policy(relayHosts=hosts.verdict, refuseHosts=hosts.verdict)
        session = sessionFrom(b"192.0.2.8")
        session.peerNameKnown = False
        self.assertEqual(self.receives(policy, b"x@example.net", session), NO_VERDICT)
        self.assertIsNone(self.receives(policy, b"x@example.org", session))
        self.assertIsNone(policy.mayConnect(session))
        self.assertEqual(NO_VERDICT.code, 451)
        session.peer = b"192.0.2.7"
        self.assertIsNone(self.receives(policy, b"x@example.net", session))

    def test_authenticatedMayRelay(self) -> None:
        """Who logged in may, unless the operator says no."""
        session = sessionFrom(identity=b"ann")
        path = b"x@example.net"
        self.assertIsNone(self.receives(self.policy(), path, session))
        strict = self.policy(relayAuthenticated=False)
        self.assertEqual(self.receives(strict, path, session), NO_RELAYING)

    def test_certificatesMayRelay(self) -> None:
        """A listed subject may, if the certificate was verified."""
        policy = self.policy(relaySubjects=["CN=mail.example.com"])
        for secured, expected in [
            (TLSInfo(verified=True, subject="CN=mail.example.com"), None),
            (TLSInfo(verified=False, subject="CN=mail.example.com"), NO_RELAYING),
            (TLSInfo(verified=True, subject="CN=evil.example.com"), NO_RELAYING),
            (TLSInfo(verified=True), NO_RELAYING),
            (None, NO_RELAYING),
        ]:
            session = sessionFrom(secured=secured)
            self.assertEqual(self.receives(policy, b"x@example.net", session), expected)

    def test_relayingWithoutARoute(self) -> None:
        """Who may relay is told where there is no way."""
        policy = self.policy(goes=lambda path, sender: path.endswith(b".com"))
        session = sessionFrom(identity=b"ann")
        self.assertIsNone(self.receives(policy, b"x@example.com", session))
        self.assertEqual(self.receives(policy, b"x@example.net", session), NO_ROUTE)

    def test_relayedDomains(self) -> None:
        """To domains that are relayed everybody may send, if there is a way."""

        def relayed(path: bytes) -> bool:
            return path.endswith(b".branch.example")

        policy = self.policy(relayed=relayed)
        self.assertIsNone(self.receives(policy, b"x@a.branch.example"))
        self.assertEqual(self.receives(policy, b"x@example.net"), NO_RELAYING)
        policy = self.policy(relayed=relayed, goes=lambda path, sender: sender == b"x")
        self.assertEqual(self.receives(policy, b"x@a.branch.example"), MISCONFIGURED)

    def test_relayedDomainsAreNoWayToOthers(self) -> None:
        """
        Nobody sends to others by naming them in front of a domain that is relayed:
        its host may trust us, and send it on.  Who may relay may do so.
        """
        policy = self.policy(relayed=lambda path: path.endswith(b"@branch.example"))
        for local in (b"x%evil.example", b"evil.example!x", b'"x@evil.example"'):
            path = local + b"@branch.example"
            self.assertEqual(self.receives(policy, path), NO_RELAYING)
            ours = sessionFrom(identity=b"ann")
            self.assertIsNone(self.receives(policy, path, ours))

    def test_refusedHosts(self) -> None:
        """Some may not even connect."""
        hosts = HostList.parse(["192.0.2.0/24", "*.evil.example"])
        policy = self.policy(refuseHosts=hosts.verdict)
        for session, expected in [
            (sessionFrom(b"192.0.2.7"), NOT_WELCOME),
            (sessionFrom(b"198.51.100.1"), None),
            (sessionFrom(b"198.51.100.1", name=b"a.evil.example"), NOT_WELCOME),
        ]:
            self.assertEqual(policy.mayConnect(session), expected)
        self.assertIsNone(self.policy().mayConnect(sessionFrom()))

    def test_anySender(self) -> None:
        """The sender alone decides nothing."""
        self.assertIsNone(self.policy().maySend(sessionFrom(), ENVELOPE))
