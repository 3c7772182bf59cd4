"""
A delivery of C{twisted.mail} behind smtpx, with the clients of C{smtplib} and of
Twisted itself.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import CramMD5Credentials
from twisted.cred.portal import Portal
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from twisted.mail.smtp import SMTPDeliveryError, sendmail
from twisted.trial.unittest import TestCase

from smtpx.compat.twistedmail import deliveryFactory

from ..compat.twistedmail.made import ConsoleDelivery, Realm

reactor: Any = _reactor

SECONDS = 20.0
FROM, TO = "ann@example.com", "console@example.com"
TEXT = b"Subject: hello\r\n\r\nIt works.\r\n"


class DeliveryTests(TestCase):
    """Deliveries, on a port."""

    slow = True

    def serve(self, delivery: object = None, **more: Any) -> int:
        """A server with C{delivery}; gives its port."""
        factory = deliveryFactory(reactor, delivery, name=b"mx.example.org", **more)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(factory.shutDown)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def talk(
        self, port: int, work: Callable[[smtplib.SMTP], object]
    ) -> Deferred[object]:
        """Have something done with a client of the standard library."""

        def client() -> object:
            with smtplib.SMTP("127.0.0.1", port, "c.example", SECONDS) as smtp:
                return work(smtp)

        return deferToThread(client)

    def test_smtplib(self) -> Deferred[None]:
        """C{smtplib} delivers to who is known, and is told who is not."""
        delivery = ConsoleDelivery()
        said = self.talk(
            self.serve(delivery), lambda smtp: smtp.sendmail(FROM, [TO, FROM], TEXT)
        )

        def check(refused: object) -> None:
            answer = (550, b"Cannot receive for specified address")
            self.assertEqual(refused, {FROM: answer})
            lines = delivery.messages[0].lines
            assert lines is not None
            self.assertEqual(b"\r\n".join([*lines[1:], b""]), TEXT)

        return said.addCallback(check)

    def test_logins(self) -> Deferred[None]:
        """
        PLAIN, LOGIN and CRAM-MD5 log in at a portal by Twisted's own credentials; a
        wrong password does not.
        """
        realm = Realm()
        portal = Portal(realm)
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser(b"guest", b"password")
        portal.registerChecker(checker)
        port = self.serve(
            portal=portal,
            challengers={
                "PLAIN": PLAINCredentials,
                "LOGIN": LOGINCredentials,
                "CRAM-MD5": CramMD5Credentials,
            },
            clearText=True,
        )

        def work(smtp: smtplib.SMTP) -> None:
            smtp.ehlo()
            smtp.user, smtp.password = "guest", "guess"
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                smtp.auth("PLAIN", smtp.auth_plain)
            smtp.password = "password"
            for name, method in (
                ("PLAIN", smtp.auth_plain),
                ("LOGIN", smtp.auth_login),
                ("CRAM-MD5", smtp.auth_cram_md5),
            ):
                with smtplib.SMTP("127.0.0.1", port, "c.example", SECONDS) as other:
                    other.ehlo()
                    other.user, other.password = smtp.user, smtp.password
                    mine = getattr(other, method.__name__)
                    self.assertEqual(other.auth(name, mine)[0], 235)
                    other.sendmail(FROM, TO, TEXT)

        def check(result: object) -> None:
            [delivery] = realm.deliveries.values()
            self.assertEqual(len(delivery.messages), 3)

        return self.talk(port, work).addCallback(check)

    def test_twistedsClient(self) -> Deferred[None]:
        """C{twisted.mail.smtp.sendmail} delivers, and fails where it should."""
        delivery = ConsoleDelivery()
        port = self.serve(delivery)
        # It makes CRLF of each LF, and where there was one already a bare CR.
        text = TEXT.replace(b"\r\n", b"\n")
        sent: Deferred[Any] = sendmail("127.0.0.1", FROM, [TO], text, port=port)

        def again(result: object) -> Deferred[Any]:
            self.assertTrue(delivery.messages[0].done)
            refused = sendmail("127.0.0.1", FROM, [FROM], text, port=port)
            return self.assertFailure(refused, SMTPDeliveryError)

        return sent.addCallback(again).addCallback(lambda error: None)
