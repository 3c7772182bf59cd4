"""
Tests for L{smtpx.compat.twistedmail}: what a delivery is asked, and deliveries
that come with Twisted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.mail import mail, smtp
from twisted.mail.protocols import ESMTPDomainDelivery
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.compat.twistedmail.deliveries import Transport
from smtpx.compat.twistedmail.receiving import LineArrival

from ...net.made import CLIENT
from .made import (
    BEGIN,
    TEXT,
    ConsoleDelivery,
    ConsoleMessage,
    DeliveryTestCase,
)


class DeliveryTests(DeliveryTestCase):
    """What a delivery is asked, and what becomes of its answers."""

    def test_console(self) -> None:
        """
        A delivery gets sender, recipients, who the client is, and the message line
        by line below its Received field.
        """
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        self.assertEqual(
            call.say(BEGIN + b"RCPT TO:<joe@d.example>\r\n"),
            b"250 2.0.0 OK\r\n250 2.0.0 OK\r\n"
            b"550 Cannot receive for specified address\r\n",
        )
        call.say(b"DATA\r\n")
        said = call.say(TEXT + b"..\r\n.\r\n")
        self.assertEqual(said, b"250 2.0.0 Delivery in progress\r\n")
        [message] = delivery.messages
        header = b"Received: ConsoleMessageDelivery"
        self.assertEqual(message.lines, [header, b"Subject: x", b"", b"body", b"."])
        self.assertTrue(message.done)
        helo = (b"c.example", b"192.0.2.1")
        self.assertEqual(
            delivery.asked,
            [
                (helo, "a@b.example"),
                (helo, "a@b.example", ["console@d.example"]),
            ],
        )
        [user] = delivery.users
        self.assertEqual((user.helo, bytes(user.orig)), (helo, b"a@b.example"))
        self.assertEqual(user.protocol.transport.getPeer(), CLIENT)
        self.assertEqual(user.protocol.host, b"mx.example.org")
        self.assertEqual(user.protocol.helo, helo)

    def test_offer(self) -> None:
        """What a delivery cannot keep is not offered."""
        self.client(ConsoleDelivery())
        words = [line[4:].split(b" ")[0] for line in self.hello[:-1]]
        self.assertEqual(
            words,
            [
                b"mx.example.org",
                b"SIZE",
                b"LIMITS",
                b"8BITMIME",
                b"PIPELINING",
                b"CHUNKING",
            ],
        )

    def test_nullSenderAndLocalNames(self) -> None:
        """The null sender is an empty address; a bare Postmaster is ours."""
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        call.say(b"MAIL FROM:<>\r\n")
        self.assertEqual(delivery.asked[0][1], "")
        self.assertEqual(call.say(b"RCPT TO:<Postmaster>\r\n")[:3], b"550")

    def test_cuts(self) -> None:
        """Lines are whole however they arrive."""
        delivery = ConsoleDelivery()
        delivery.header = b""
        call = self.client(delivery)
        for size in (1, 2, 5):
            call.say(BEGIN)
            call.say(b"DATA\r\n")
            wire = TEXT + b".\r\n"
            for start in range(0, len(wire), size):
                call.protocol.dataReceived(wire[start : start + size])
            self.assertEqual(call.wire.said()[:3], b"250")
            lines = [b"Subject: x", b"", b"body"]
            self.assertEqual(delivery.messages[-1].lines, lines)

    def test_chunks(self) -> None:
        """By BDAT a message may lack the end of its last line."""
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        call.say(BEGIN)
        self.assertEqual(call.say(b"BDAT 4 LAST\r\na: b")[:3], b"250")
        lines = delivery.messages[0].lines
        assert lines is not None
        self.assertEqual(lines[1:], [b"a: b"])

    def test_lineOfManyPieces(self) -> None:
        """
        By BDAT a line may be as long as the message: its pieces are kept as they
        come, for to put them together each time would take a server's whole time.
        """
        message = ConsoleMessage()
        arrival = LineArrival([message])
        pieces = [b"a: ", *[b"%07d\n" % each for each in range(50)], b"end\r"]
        for piece in pieces:
            arrival.write(piece)
        self.assertEqual(arrival.held, pieces)
        arrival.write(b"\nlast")
        whole = b"".join(pieces).removesuffix(b"\r")
        self.assertEqual((message.lines, arrival.held), ([whole], [b"last"]))

    def test_withoutHeader(self) -> None:
        """A message without a header is kept apart from the field above it."""
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        self.send(call, b"hello\r\nx: y\r\n")
        lines = delivery.messages[0].lines
        assert lines is not None
        self.assertEqual(lines[1:], [b"", b"hello", b"x: y"])
        self.send(call, b"\r\nhello\r\n")
        lines = delivery.messages[1].lines
        assert lines is not None
        self.assertEqual(lines[1:], [b"", b"hello"])

    def test_factoryOfDeliveries(self) -> None:
        """An C{IMessageDeliveryFactory} is asked once a message."""
        made: list[ConsoleDelivery] = []

        @implementer(smtp.IMessageDeliveryFactory)
        class Maker:
            def getMessageDelivery(self) -> ConsoleDelivery:
                made.append(ConsoleDelivery())
                return made[-1]

        call = self.client(Maker())
        for _ in range(2):
            self.assertEqual(self.send(call)[:3], b"250")
        self.assertEqual([len(each.messages) for each in made], [1, 1])

    def test_later(self) -> None:
        """Every answer may be a Deferred."""
        waiting: list[Deferred[Any]] = []

        class Later(ConsoleDelivery):
            def validateFrom(self, helo: Any, origin: Any) -> Deferred[Any]:
                return self.later(origin)

            def validateTo(self, user: Any) -> Deferred[Any]:
                return self.later(self.make)

            def later(self, value: Any) -> Deferred[Any]:
                answer: Deferred[Any] = Deferred()
                waiting.append(answer)
                return answer.addCallback(lambda _: value)

        delivery = Later()
        delivery.ends = [lambda: delivery.later(None)]
        call = self.client(delivery)
        self.assertEqual(call.say(BEGIN), b"")
        for answer in (b"250 2.0.0 OK\r\n", b"250 2.0.0 OK\r\n"):
            waiting.pop().callback(None)
            self.assertEqual(call.wire.said(), answer)
        call.say(b"DATA\r\n")
        self.assertEqual(call.say(TEXT + b".\r\n"), b"")
        waiting.pop().callback(None)
        self.assertEqual(call.wire.said()[:3], b"250")

    def test_timeLimit(self) -> None:
        """A validation that does not come back is cancelled, and put off."""
        cancelled: list[object] = []

        class Never(ConsoleDelivery):
            def validateFrom(self, helo: Any, origin: Any) -> Deferred[Any]:
                return Deferred(cancelled.append)

        call = self.client(Never())
        call.say(BEGIN)
        for _ in range(303):
            self.clock.advance(1)
        self.assertEqual(call.wire.said()[:3], b"451")
        self.assertEqual(len(cancelled), 1)
        self.flushLoggedErrors()

    def test_abandoned(self) -> None:
        """A client that leaves in the middle leaves no message behind."""
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        call.say(BEGIN)
        call.say(b"DATA\r\n")
        call.say(b"Subject: x\r\n")
        call.protocol.connectionLost(Failure(ConnectionDone()))
        [message] = delivery.messages
        self.assertIsNone(message.lines)
        self.assertFalse(message.done)

    def test_longLine(self) -> None:
        """A line that is too long refuses the message, and is not gathered."""
        delivery = ConsoleDelivery()
        call = self.client(delivery)
        self.assertEqual(self.send(call, b"x" * 20_000 + b"\r\n")[:3], b"550")
        self.assertIsNone(delivery.messages[0].lines)


class TransportTests(SynchronousTestCase):
    """What deliveries see of the connection."""

    def test_addresses(self) -> None:
        """Addresses are of the kind that Twisted has for them."""

        class Session:
            peer, peerPort = b"2001:db8::1", 25
            local, localPort = b"", 0

        session: Any = Session()
        transport = Transport(session)
        self.assertEqual(transport.getPeer(), IPv6Address("TCP", "2001:db8::1", 25))
        self.assertEqual(transport.getHost(), UNIXAddress(None))


class TwistedMailTests(DeliveryTestCase):
    """What comes with C{twisted.mail}."""

    def test_mailService(self) -> None:
        """
        C{ESMTPDomainDelivery} of a C{MailService} finds the domains, delivers into
        a C{FileMessage}, and its C{BounceDomain} refuses.
        """
        service = mail.MailService()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        paths = str(folder / "partial"), str(folder / "final")

        class Domain:
            def exists(self, user: Any) -> Callable[[], Any]:
                return lambda: mail.FileMessage(open(paths[0], "wb"), *paths)

        domain: Any = Domain()
        service.domains.setDefaultDomain(domain)
        service.domains[b"closed.example"] = mail.BounceDomain()
        delivery = ESMTPDomainDelivery(service, None, b"mx.example.org")
        call = self.client(delivery)
        said = call.say(BEGIN + b"RCPT TO:<eve@closed.example>\r\n").split(b"\r\n")
        self.assertEqual([line[:3] for line in said[:-1]], [b"250", b"250", b"550"])
        call.say(b"DATA\r\n")
        self.assertEqual(call.say(TEXT + b".\r\n")[:3], b"250")
        octets = (folder / "final").read_bytes()
        self.assertIn(b"Received: from c.example ([192.0.2.1] helo=c.example", octets)
        self.assertTrue(octets.endswith(b"Subject: x\n\nbody\n"), octets)
        call.say(BEGIN + b"DATA\r\n")
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse((folder / "partial").exists())
