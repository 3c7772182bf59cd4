"""
Tests for L{smtpx.testing.mailbox}, and of L{smtpx.testing.mailFactory} without any
network.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.net.server import ServerProtocol
from smtpx.testing import Mailbox, mailFactory

from ..net.made import CLIENT, Call, Wire

EHLO = b"EHLO c.example\r\n"
BEGIN = b"MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.com>\r\n"
TEXT = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n"


class MailboxTests(SynchronousTestCase):
    """What is collected, and what is refused."""

    def client(self, mailbox: Mailbox, **more: Any) -> Call:
        """A client of a server with C{mailbox}, which has said EHLO."""
        factory = mailFactory(Clock(), mailbox, **more)
        factory.startFactory()
        protocol = factory.buildProtocol(CLIENT)
        assert isinstance(protocol, ServerProtocol)
        wire = Wire(peerAddress=CLIENT)
        protocol.makeConnection(wire)
        call = Call(protocol, wire)
        call.say(EHLO)
        return call

    def send(self, call: Call, text: bytes = TEXT) -> bytes:
        """A transaction; gives the final reply."""
        call.say(BEGIN)
        said = call.say(b"DATA\r\n")
        return call.say(text + b".\r\n") if said[:3] == b"354" else said

    def test_collected(self) -> None:
        """A message tells its envelope, who sent it, and what is in it."""
        mailbox = Mailbox()
        call = self.client(mailbox)
        self.assertEqual(self.send(call), b"250 2.0.0 Collected\r\n")
        [message] = mailbox.messages
        self.assertEqual(message.sender, "ann@example.com")
        self.assertEqual(message.recipients, ("bob@example.com",))
        self.assertEqual(message.octets, TEXT)
        self.assertEqual(message.subject, "Grüße")
        self.assertEqual(message.text, "hello\n")
        self.assertEqual(message.message["Subject"], "Grüße")
        self.assertIs(message.message, message.message)
        self.assertEqual((message.helo, message.peer), ("c.example", "192.0.2.1"))
        self.assertEqual((message.user, message.secured), (None, False))

    def test_poorMessages(self) -> None:
        """A message without Subject or text has empty ones."""
        mailbox = Mailbox()
        text = b"Content-Type: text/html\r\n\r\n<p>hello\r\n"
        self.send(self.client(mailbox), text)
        [message] = mailbox.messages
        self.assertEqual((message.subject, message.text), ("", ""))

    def test_login(self) -> None:
        """Who has logged in is told, with and without TLS."""
        mailbox = Mailbox()
        users = {"joe": "secret"}
        call = self.client(mailbox, users=users, demandsLogin=True)
        self.assertEqual(call.say(BEGIN)[:3], b"530")
        for password, code in ((b"guess", b"535"), (b"secret", b"235")):
            plain = b64encode(b"\0joe\0" + password)
            said = call.say(b"AUTH PLAIN " + plain + b"\r\n")
            self.assertEqual(said[:3], code)
        call.protocol.core.secured = TLSInfo()
        self.send(call)
        [message] = mailbox.messages
        self.assertEqual((message.user, message.secured), ("joe", True))

    def test_refusals(self) -> None:
        """Senders and recipients are refused as the test says, until it clears."""
        mailbox = Mailbox()
        mailbox.refuse("Bob@example.com", 452, "Full", "4.2.2")
        mailbox.refuse("eve@example.com")
        call = self.client(mailbox)
        said = call.say(b"MAIL FROM:<eve@example.com>\r\n")
        self.assertEqual(said, b"550 5.0.0 Refused by this test\r\n")
        said = call.say(BEGIN)
        self.assertEqual(said, b"250 2.0.0 OK\r\n452 4.2.2 Full\r\n")
        mailbox.clear()
        call.say(b"RSET\r\n")
        self.assertEqual(self.send(call)[:3], b"250")
        with self.assertRaises(ValueError):
            mailbox.refuse("bob@example.com", 250)

    def test_bounds(self) -> None:
        """A mailbox that is full puts off, and has room once it is cleared."""
        for mailbox in (
            Mailbox(messagesMax=1),
            Mailbox(octetsMax=len(TEXT)),
            Mailbox(octetsMax=len(TEXT) + 5),
        ):
            call = self.client(mailbox)
            for _ in range(2):
                self.assertEqual(self.send(call)[:3], b"250")
                self.assertEqual(self.send(call)[:3], b"452")
                call.say(b"RSET\r\n")
                self.assertEqual(len(mailbox.messages), 1)
                mailbox.clear()

    def test_abandoned(self) -> None:
        """A message that is not finished takes no room."""
        mailbox = Mailbox(octetsMax=len(TEXT))
        call = self.client(mailbox)
        call.say(BEGIN)
        call.say(b"DATA\r\n")
        call.say(TEXT)
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.send(self.client(mailbox))[:3], b"250")

    def test_messagesAreACopy(self) -> None:
        """Who asks cannot change the mailbox."""
        mailbox = Mailbox()
        self.send(self.client(mailbox))
        mailbox.messages.clear()
        self.assertEqual(len(mailbox.messages), 1)

    def test_when(self) -> None:
        """A Deferred fires with all that came, as soon as there is enough."""
        mailbox = Mailbox()
        call = self.client(mailbox)
        one, two = mailbox.when(), mailbox.when(2)
        self.assertNoResult(one)
        self.send(call)
        self.assertEqual(len(self.successResultOf(one)), 1)
        self.assertNoResult(two)
        self.send(call)
        self.assertEqual(len(self.successResultOf(two)), 2)
        self.assertEqual(len(self.successResultOf(mailbox.when(1))), 2)

    def test_wait(self) -> None:
        """What is there already is not waited for; what never comes, not forever."""
        mailbox = Mailbox()
        self.send(self.client(mailbox))
        self.assertEqual(len(mailbox.wait(1)), 1)
        error = self.assertRaises(TimeoutError, mailbox.wait, 2, 0)
        self.assertEqual(str(error), "1 of 2 messages came within 0 seconds")
