"""Tests for L{smtpx.net.delivery}: other addresses, and what nobody foresaw."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.mailhosts import MailHost
from smtpx.testing import GREETING, answered, brokenTLS
from smtpx.testing.scripted import KEYWORDS, ScriptedServer

from .clients import HOST, codes, envelopeFor, rig
from .test_client_tls import TRUSTING, serverTLS

TWO = MailHost(b"mx.example.org", (b"192.0.2.1", b"192.0.2.2"))


class AddressTests(SynchronousTestCase):
    """A host with two addresses."""

    def test_protectedAtTheNext(self) -> None:
        """
        Where TLS broke at one address, and the session came to nothing in the clear
        as well, it is tried with TLS at the next.
        """
        tls = serverTLS(self, "mx.example.org")
        rigged = rig(tls=TRUSTING)
        servers = []
        faults = (
            brokenTLS(b"STARTTLS"),
            answered(GREETING, b"554 5.3.2 No").inSession(2),
        )
        for number, each in ((1, faults), (2, ())):
            server = ScriptedServer(*each, clock=rigged.network, tls=tls)
            rigged.network.hosts[f"192.0.2.{number}", 25] = server
            servers.append(server)
        got = rigged.send(host=TWO)
        self.assertEqual(codes(got), [250])
        self.assertEqual([len(each.sessions) for each in servers], [2, 1])
        self.assertIsNotNone(got.value.via.tls)
        self.assertTrue(servers[1].messages[0].secured)


class UnforeseenTests(SynchronousTestCase):
    """A fault of ours where a connection is to be made."""

    def failing(self, rigged: Any, after: int) -> None:
        """Only so many connections can be made."""
        dial, left = rigged.pool.dial, [after]

        def dialled(*arguments: Any) -> Deferred[Any]:
            left[0] -= 1
            return fail(ValueError("odd")) if left[0] < 0 else dial(*arguments)

        self.patch(rigged.pool, "dial", dialled)

    def test_atOnce(self) -> None:
        """It is told to whoever sends, and nothing is left."""
        rigged = rig()
        self.failing(rigged, 0)
        got = rigged.send()
        self.assertIsInstance(got.error, ValueError)
        self.assertEqual((got.fired, rigged.pool.open), (1, 0))
        self.assertEqual(rigged.troubles, [])

    def test_later(self) -> None:
        """
        Where somebody has the message by then, it is told to the operator: whoever
        sends has to hear of who has it.
        """
        rigged = rig(keywords=(*KEYWORDS, b"LIMITS MAILMAX=1 RCPTMAX=1"))
        self.failing(rigged, 1)
        got = rigged.send(envelopeFor(b"a@mx.example", b"b@mx.example"), host=HOST)
        self.assertEqual(got.fired, 1)
        self.assertEqual(codes(got), [250, 452])
        [(owner, error)] = rigged.troubles
        self.assertEqual((owner, str(error)), ("client", "odd"))
        self.assertEqual(rigged.pool.open, 0)
