"""
Tests for L{smtpx.compat.twistedmail.logins}.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.cred.checkers import (
    AllowAnonymousAccess,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import CramMD5Credentials
from twisted.cred.portal import Portal
from twisted.internet.error import ConnectionDone
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from twisted.python.failure import Failure

from ...net.made import Call
from .made import (
    EHLO,
    DeliveryTestCase,
    Realm,
)


class LoginTests(DeliveryTestCase):
    """Portals."""

    CHALLENGERS = {"LOGIN": LOGINCredentials, "PLAIN": PLAINCredentials}

    def setUp(self) -> None:
        """A portal with one guest."""
        self.realm = Realm()
        self.portal = Portal(self.realm)
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser(b"guest", b"password")
        self.portal.registerChecker(checker)

    def guest(self, **more: Any) -> Call:
        """A client under TLS."""
        how = {"portal": self.portal, "challengers": self.CHALLENGERS, **more}
        return self.client(secured=True, **how)

    def test_avatars(self) -> None:
        """Who logs in has a delivery of its own, which is left when it leaves."""
        call = self.guest()
        self.assertIn(b"250 AUTH LOGIN PLAIN", self.hello)
        plain = b64encode(b"\0guest\0password")
        said = call.say(b"AUTH PLAIN " + plain + b"\r\n")
        self.assertEqual(said, b"235 2.7.0 Authentication successful.\r\n")
        self.assertEqual(call.protocol.core.identity, b"guest")
        self.assertEqual(self.send(call)[:3], b"250")
        self.assertEqual(len(self.realm.deliveries[b"guest"].messages), 1)
        self.assertEqual(self.realm.left, [])
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.realm.left, [b"guest"])

    def test_login(self) -> None:
        """LOGIN asks, in the words of Twisted's credentials."""
        call = self.guest()
        self.assertEqual(call.say(b"AUTH LOGIN\r\n"), b"334 VXNlciBOYW1lAA==\r\n")
        self.assertEqual(call.say(b"Z3Vlc3Q=\r\n"), b"334 UGFzc3dvcmQA\r\n")
        self.assertEqual(call.say(b"cGFzc3dvcmQ=\r\n")[:3], b"235")

    def test_cramMD5(self) -> None:
        """Other mechanisms of Twisted's work as they do there."""
        call = self.guest(challengers={b"CRAM-MD5": CramMD5Credentials})
        self.assertEqual(call.say(b"AUTH CRAM-MD5\r\n")[:4], b"334 ")
        self.assertEqual(call.say(b64encode(b"guest 00") + b"\r\n")[:3], b"535")

    def test_failures(self) -> None:
        """What goes wrong in an exchange is told."""
        for lines, code in (
            ((b"AUTH PLAIN " + b64encode(b"\0guest\0guess"),), b"535"),
            ((b"AUTH PLAIN " + b64encode(b"guest"),), b"501"),
            ((b"AUTH PLAIN =",), b"501"),
            ((b"AUTH PLAIN", b"!"), b"501"),
            ((b"AUTH PLAIN", b"*"), b"501"),
            ((b"AUTH PLAIN", b"A" * 20_000), b"500"),
        ):
            call = self.guest()
            said = [call.say(each + b"\r\n") for each in lines][-1]
            self.assertEqual(said[:3], code, lines)
            self.assertIsNone(call.protocol.core.identity)

    def test_portalFails(self) -> None:
        """A portal that fails lets nobody in, and says so to the log only."""

        def broken(*asked: Any) -> None:
            raise ZeroDivisionError

        self.patch(self.portal, "login", broken)
        call = self.guest()
        said = call.say(b"AUTH PLAIN " + b64encode(b"\0guest\0password") + b"\r\n")
        self.assertEqual(said[:3], b"454")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        call = self.client(portal=self.portal)
        self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:3], b"451")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_inTheClear(self) -> None:
        """Without TLS a login is offered to those only who insist."""
        how: dict[str, Any] = {
            "portal": self.portal,
            "challengers": self.CHALLENGERS,
        }
        self.client(**how)
        self.assertNotIn(b"AUTH", b"".join(self.hello))
        self.client(clearText=True, **how)
        self.assertIn(b"250 AUTH LOGIN PLAIN", self.hello)

    def test_forgotten(self) -> None:
        """
        Whoever logged in before STARTTLS is a stranger under TLS (RFC 3207 section
        4.2): the message is not that user's.
        """
        call = self.guest()
        call.say(b"AUTH PLAIN " + b64encode(b"\0guest\0password") + b"\r\n")
        self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:3], b"250")
        # What the core does once the handshake is complete.
        call.protocol.core.forget()
        call.say(EHLO)
        self.assertEqual(call.say(b"MAIL FROM:<a@b.example>\r\n")[:3], b"550")
        self.assertEqual(self.realm.left, [b"guest"])

    def test_strangers(self) -> None:
        """Nobody delivers for who has not logged in, unless anybody may."""
        call = self.client(portal=self.portal)
        self.assertEqual(
            call.say(b"MAIL FROM:<a@b.example>\r\n"),
            b"550 Cannot receive from specified address <a@b.example>:"
            b" Unauthenticated senders not allowed\r\n",
        )
        self.portal.registerChecker(AllowAnonymousAccess())
        call = self.client(portal=self.portal)
        self.assertEqual(self.send(call)[:3], b"250")
        [avatar] = self.realm.deliveries
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.realm.left, [avatar])

    def test_logoutFails(self) -> None:
        """A logout that fails is logged; the session is over all the same."""
        call = self.guest()
        call.say(b"AUTH PLAIN " + b64encode(b"\0guest\0password") + b"\r\n")
        self.realm.left = None  # type: ignore[assignment]  # to fail
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
