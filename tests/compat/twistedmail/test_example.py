"""
The examples of C{doc/howto/from-twisted-mail.rst}.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.net.factory import SMTPServerFactory

from ...net.made import CLIENT, Wire
from ...net.test_tls import Certificates
from .made import BEGIN, EHLO, TEXT, ConsoleDelivery, Realm


class ExampleTests(SynchronousTestCase):
    """What the guide shows is what works."""

    def client(self, factory: SMTPServerFactory) -> tuple[Any, Wire]:
        """A client that is connected."""
        factory.startFactory()
        protocol: Any = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
        wire = Wire(peerAddress=CLIENT)
        protocol.makeConnection(wire)
        return protocol, wire

    def test_delivery(self) -> None:
        """A delivery alone."""
        reactor = Clock()
        delivery = ConsoleDelivery()

        def ConsoleMessageDelivery() -> ConsoleDelivery:
            """As Twisted's own example calls it."""
            return delivery

        # begin delivery
        from smtpx.compat.twistedmail import deliveryFactory

        factory = deliveryFactory(
            reactor, ConsoleMessageDelivery(), name=b"mx.example.org"
        )
        # end delivery
        protocol, wire = self.client(factory)
        protocol.dataReceived(EHLO)
        protocol.dataReceived(BEGIN)
        protocol.dataReceived(b"DATA\r\n")
        protocol.dataReceived(TEXT + b".\r\n")
        self.assertTrue(delivery.messages[0].done)

    def test_portal(self) -> None:
        """Logins at a portal."""
        reactor = Clock()
        portal = Portal(Realm())
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser(b"guest", b"password")
        portal.registerChecker(checker)
        certificates = Certificates()
        # begin portal
        from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials

        from smtpx.compat.twistedmail import deliveryFactory

        factory = deliveryFactory(
            reactor,
            portal=portal,
            challengers={b"LOGIN": LOGINCredentials, b"PLAIN": PLAINCredentials},
            name=b"mx.example.org",
            tls=certificates,
        )
        # end portal
        protocol, wire = self.client(factory)
        protocol.core.secured = TLSInfo()
        protocol.dataReceived(EHLO)
        wire.clear()
        protocol.dataReceived(b"AUTH PLAIN %b\r\n" % b64encode(b"\0guest\0password"))
        self.assertEqual(wire.said()[:3], b"235")
