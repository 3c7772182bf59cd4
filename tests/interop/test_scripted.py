"""
A scripted server (L{smtpx.testing.scripted}) on a port, and the standard library's
client: what that makes of each fault.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smtpx.testing.faults import (
    BODY,
    GREETING,
    Fault,
    answered,
    brokenTLS,
    cut,
    inPieces,
    reset,
)
from smtpx.testing.scripted import ScriptedServer
from smtpx.tls.authority import ensureCertificate
from smtpx.tls.contexts import ServerTLS
from tests.tls.joined import NOW

SECONDS = 20


class ScriptedServerTests(TestCase):
    """The faults, as a client of another maker sees them."""

    async def talk(
        self,
        work: Callable[[smtplib.SMTP], object],
        *faults: Fault,
        tls: ServerTLS | None = None,
    ) -> object:
        """
        Have C{work} done with a client that has connected.

        @return: what came of it, or the exception.
        """
        self.server = ScriptedServer(*faults, clock=reactor, tls=tls)
        listening: Any = reactor
        port = listening.listenTCP(0, self.server, interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))

        def client() -> object:
            try:
                with smtplib.SMTP(
                    "127.0.0.1", port.getHost().port, "c.example", SECONDS
                ) as smtp:
                    return work(smtp)
            except (OSError, smtplib.SMTPException) as error:
                return error

        return await deferToThread(client)

    def send(self, smtp: smtplib.SMTP) -> object:
        """Send a message to two."""
        return smtp.sendmail("a@b.example", ["c@d.example", "e@d.example"], "x\r\n")

    def test_good(self) -> Deferred[None]:
        """Without faults a message is taken, even if it all comes in pieces."""

        async def run() -> None:
            pieces = [inPieces(verb) for verb in (GREETING, b"EHLO", b"MAIL", BODY)]
            self.assertEqual(await self.talk(self.send, *pieces), {})
            [message] = self.server.messages
            self.assertEqual(message.body, b"x\r\n")

        return Deferred.fromCoroutine(run())

    def test_refused(self) -> Deferred[None]:
        """One recipient is put off."""

        async def run() -> None:
            fault = answered(b"RCPT", b"451 4.2.0 Later", nth=2)
            self.assertEqual(
                await self.talk(self.send, fault),
                {"e@d.example": (451, b"4.2.0 Later")},
            )

        return Deferred.fromCoroutine(run())

    def test_ended(self) -> Deferred[None]:
        """Cut or reset: the client hears that the connection is gone."""

        async def run() -> None:
            for fault in (cut(b"EHLO", 7), reset(BODY), reset(b"RCPT")):
                error = await self.talk(self.send, fault)
                self.assertIsInstance(error, smtplib.SMTPServerDisconnected)

        return Deferred.fromCoroutine(run())

    def test_tls(self) -> Deferred[None]:
        """STARTTLS works where there is a certificate, and can be broken."""
        folder = Path(self.mktemp())
        files = ensureCertificate(folder, ["localhost"], NOW.timestamp(), ())
        tls = ServerTLS([files], clock=reactor)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

        def secured(smtp: smtplib.SMTP) -> object:
            smtp.starttls(context=context)
            return self.send(smtp)

        async def run() -> None:
            self.assertEqual(await self.talk(secured, tls=tls), {})
            self.assertTrue(self.server.messages[0].secured)
            broken = await self.talk(secured, brokenTLS(b"STARTTLS"), tls=tls)
            self.assertIsInstance(broken, ssl.SSLError)

        return Deferred.fromCoroutine(run())
