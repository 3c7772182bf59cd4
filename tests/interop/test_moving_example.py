"""
The examples of C{doc/howto/from-aiosmtpd.rst}.
"""

# Handlers are written as programs have them: without types.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False

from __future__ import annotations

import contextlib
import io
import smtplib
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

SECONDS = 20.0
TEXT = b"Subject: hello\r\n\r\nIt works.\r\n"


class MovingTests(TestCase):
    """What the guide shows is what works."""

    slow = True

    def test_controller(self) -> None:
        """A program with a controller."""
        # begin controller
        from smtpx.compat.aiosmtpd import Controller  # was: aiosmtpd.controller

        class ExampleHandler:
            async def handle_RCPT(
                self, server, session, envelope, address, rcpt_options
            ):
                if not address.endswith("@example.com"):
                    return "550 not relaying to that domain"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                print("Message from", envelope.mail_from)
                print("Message for", envelope.rcpt_tos)
                return "250 Message accepted for delivery"

        controller = Controller(ExampleHandler(), hostname="127.0.0.1", port=0)
        controller.start()
        # end controller
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                self.send(controller.port)
        finally:
            controller.stop()
        self.assertEqual(
            printed.getvalue(),
            "Message from ann@example.com\nMessage for ['bob@example.com']\n",
        )

    def test_factory(self) -> Deferred[Any]:
        """A program with a reactor."""
        taken: list[str] = []

        class MyHandler:
            async def handle_DATA(
                self, server: Any, session: Any, envelope: Any
            ) -> str:
                taken.extend(envelope.rcpt_tos)
                return "250 taken"

        # begin factory
        from twisted.internet import endpoints

        from smtpx.compat.aiosmtpd import aiosmtpdFactory

        factory = aiosmtpdFactory(reactor, MyHandler(), hostname="mx.example.org")
        endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        listening = endpoint.listen(factory)
        # end factory

        def sent(port: Any) -> Deferred[Any]:
            self.addCleanup(port.stopListening)
            return deferToThread(self.send, port.getHost().port)

        def check(result: None) -> Deferred[None]:
            self.assertEqual(taken, ["bob@example.com"])
            return factory.shutDown()

        checked: Deferred[Any] = listening.addCallback(sent).addCallback(check)
        return checked

    def test_streaming(self) -> Deferred[Any]:
        """A handler that leaves messages to a receiver."""
        taken: list[bytes] = []

        class MyHandler:
            """Without handle_DATA."""

        # begin streaming
        from smtpx.compat.aiosmtpd import aiosmtpdFactory

        def take(envelope, body):
            taken.append(body.read())

        factory = aiosmtpdFactory(reactor, MyHandler(), receiver=take)
        # end streaming
        listening: Any = reactor
        port = listening.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)

        def check(result: None) -> Deferred[None]:
            self.assertEqual(taken, [TEXT])
            return factory.shutDown()

        return deferToThread(self.send, port.getHost().port).addCallback(check)

    def send(self, port: int) -> None:
        """Send a message."""
        with smtplib.SMTP("127.0.0.1", port, "c.example", SECONDS) as client:
            client.sendmail("ann@example.com", "bob@example.com", TEXT)
