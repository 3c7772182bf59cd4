"""
Tests for L{smtpx.net.clientfactory}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.net.clientfactory import SMTPClientFactory, SMTPClientProtocol
from smtpx.net.receipts import NotSent
from smtpx.net.sending import Unreached
from smtpx.testing import GREETING, answered
from smtpx.testing.scripted import KEYWORDS

from .network import watched
from .worlds import HELLO, ME, World, world


class FactoryTests(SynchronousTestCase):
    """
    Programs with endpoints of their own.
    """

    def connected(self, *faults: Any, **more: Any) -> tuple[World, SMTPClientProtocol]:
        """A connection that was made."""
        there = world()
        there.host("192.0.2.25", *faults, **more)
        factory = SMTPClientFactory(
            there.network, "mail.example", options=there.options()
        )
        built: list[SMTPClientProtocol] = []

        class Noting:
            """An endpoint."""

            def buildProtocol(self, addr: Any) -> SMTPClientProtocol:
                """See the factory."""
                built.append(factory.buildProtocol(addr))
                return built[0]

        there.network.connectTCP("192.0.2.25", 25, Noting())
        there.network.advance(0)
        return there, built[0]

    def test_messages(self) -> None:
        """One after the other, before it is ready or after."""
        there, client = self.connected()
        for _ in range(2):
            got = watched(client.sendMessage(ME, "a@x.example", HELLO))
            there.network.run()
            self.assertEqual(got.value.accepted, ("a@x.example",))
        client.quit()
        there.network.run()
        commands = there.servers[0].sessions[0].commands
        self.assertEqual(commands[-1], b"QUIT")
        self.assertEqual(there.network.getDelayedCalls(), [])

    def test_manyRecipients(self) -> None:
        """In as many transactions as the host wants."""
        there, client = self.connected(keywords=(*KEYWORDS, b"LIMITS RCPTMAX=2"))
        names = [f"{n}@x.example" for n in range(5)]
        got = watched(client.sendMessage(ME, names, HELLO))
        there.network.run()
        self.assertEqual(got.value.accepted, tuple(names))
        self.assertEqual(len(there.servers[0].messages), 3)

    def test_refused(self) -> None:
        """As with everything that sends."""
        there, client = self.connected(answered(b"RCPT", b"550 5.1.1 No"))
        got = watched(client.sendMessage(ME, "a@x.example", HELLO))
        there.network.run()
        self.assertIsInstance(got.error, NotSent)

    def test_noSession(self) -> None:
        """There is no other connection here to try."""
        there, client = self.connected(answered(GREETING, b"554 No"))
        got = watched(client.sendMessage(ME, "a@x.example", HELLO))
        there.network.run()
        self.assertIsInstance(got.error, Unreached)
        got = watched(client.sendMessage(ME, "a@x.example", HELLO))
        self.assertIsInstance(got.error, Unreached)

    def test_oneAfterTheOther(self) -> None:
        """What is given to it at once goes in order; what is left fails with it."""
        for early in (True, False):
            there, client = self.connected(answered(b"MAIL", b"421 4.3.2 Bye", nth=3))
            if not early:
                there.network.run()
            all_ = [
                watched(client.sendMessage(f"{n}@x.example", "a@x.example", HELLO))
                for n in range(4)
            ]
            there.network.run()
            senders = [message.sender[:1] for message in there.servers[0].messages]
            self.assertEqual(senders, [b"0", b"1"])
            self.assertEqual([got.fired for got in all_], [1] * 4)
            self.assertIsInstance(all_[2].error, NotSent)
            self.assertIsInstance(all_[3].error, Unreached)

    def test_defaults(self) -> None:
        """It needs a reactor and a name."""
        factory = SMTPClientFactory(world().network, "mail.example")
        self.assertIsInstance(factory.buildProtocol(None), SMTPClientProtocol)

    def test_exported(self) -> None:
        """Programs find all of it at the top."""
        for name in ("sendMessage", "SMTPClient", "SMTPClientFactory", "NotSent"):
            self.assertIn(name, smtpx.__all__)
            self.assertTrue(hasattr(smtpx, name))
