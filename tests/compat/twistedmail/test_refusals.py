"""
Tests for L{smtpx.compat.twistedmail}: what exceptions are to the client.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.mail import smtp
from twisted.mail.smtp import SMTPBadSender, SMTPServerError
from twisted.python.failure import Failure

from smtpx.compat.twistedmail import deliveryFactory
from smtpx.compat.twistedmail.deliveries import replyOf
from smtpx.core.errors import UsageError

from .made import (
    BEGIN,
    TEXT,
    ConsoleDelivery,
    ConsoleMessage,
    DeliveryTestCase,
)


class RefusalTests(DeliveryTestCase):
    """What exceptions are to the client."""

    def refusals(self, error: Any) -> list[bytes]:
        """What is said where validations and messages fail with C{error}."""

        class Refusing(ConsoleDelivery):
            at = 0

            def validateFrom(self, helo: Any, origin: Any) -> Any:
                if self.at == 0:
                    raise error
                return origin

            def validateTo(self, user: Any) -> Any:
                return fail(error) if self.at == 1 else self.make

            def make(self) -> Any:
                if self.at == 2:
                    raise error
                return super().make()

        delivery = Refusing()
        said = []
        for at in range(4):
            delivery.at = at
            delivery.ends = [lambda: fail(error)]
            call = self.client(delivery)
            said.append(call.say(b"MAIL FROM:<a@b.example>\r\n"))
            if at > 0:
                said[-1] = call.say(b"RCPT TO:<console@d.example>\r\n")
            if at > 1:
                said[-1] = call.say(b"DATA\r\n")
            if at > 2:
                said[-1] = call.say(TEXT + b".\r\n")
        return said

    def test_ownCodes(self) -> None:
        """C{SMTPServerError} has the code and the words."""
        said = self.refusals(SMTPServerError(452, "4.2.2 Full\nlater"))
        self.assertEqual(said, [b"452-4.2.2 Full\r\n452 later\r\n"] * 4)
        said = self.refusals(SMTPServerError(421, b"Enough"))
        self.assertEqual(said, [b"421 Enough\r\n"] * 4)

    def test_badSender(self) -> None:
        """C{SMTPBadSender} names the address, as Twisted does."""
        error = SMTPBadSender(smtp.Address("a@b.example"), 553)
        said = self.refusals(error)[0]
        self.assertEqual(
            said,
            b"553 Cannot receive from specified address <a@b.example>:"
            b" Sender not acceptable\r\n",
        )

    def test_anythingElse(self) -> None:
        """Anything else is 451, and stands in the log."""
        said = self.refusals(ZeroDivisionError("the inside"))
        self.assertEqual(said, [b"451 4.3.0 Local error in processing\r\n"] * 4)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)

    def test_noRefusal(self) -> None:
        """An error with a code that is no refusal puts off."""
        self.assertEqual(replyOf(250, "fine").code, 451)
        self.assertEqual(replyOf(1000, "fine").code, 451)
        self.assertTrue(replyOf(421, b"bye").closes)

    def test_someCopiesFail(self) -> None:
        """
        Where some have their copy, a second attempt would give them another: the
        message is refused for good, in the words of Twisted.
        """
        delivery = ConsoleDelivery()
        delivery.ends = [lambda: fail(ZeroDivisionError()), lambda: succeed(None)]
        call = self.client(delivery)
        begin = BEGIN + b"RCPT TO:<console@e.example>\r\n"
        self.assertEqual(
            self.send(call, begin=begin),
            b"550 5.0.0 Could not send e-mail (1 failures out of 2 recipients)\r\n",
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lineRefused(self) -> None:
        """A message that dislikes a line is answered at its end."""

        class Picky(ConsoleMessage):
            def lineReceived(self, line: bytes) -> None:
                if line == b"body":
                    raise SMTPServerError(554, "No bodies")
                super().lineReceived(line)

        delivery = ConsoleDelivery()
        message = Picky()
        delivery.make = lambda: message  # type: ignore[method-assign]  # a test's
        call = self.client(delivery)
        self.assertEqual(self.send(call, TEXT + b"more\r\n"), b"554 No bodies\r\n")
        self.assertIsNone(message.lines)
        self.assertFalse(message.done)

    def test_messagesThatCannotBeGivenUp(self) -> None:
        """One that fails even at that does not keep the others."""

        class Clinging(ConsoleMessage):
            def connectionLost(self) -> None:
                raise ZeroDivisionError

        delivery = ConsoleDelivery()
        messages = [Clinging(), ConsoleMessage()]
        made = iter(messages)
        delivery.make = lambda: next(made)  # type: ignore[method-assign]  # as above
        call = self.client(delivery)
        call.say(BEGIN + b"RCPT TO:<console@e.example>\r\n")
        call.say(b"DATA\r\n")
        call.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(messages[1].lines)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_addresses(self) -> None:
        """What C{smtp.Address} cannot read is 553."""
        call = self.client(ConsoleDelivery())
        said = call.say(b'MAIL FROM:<"a b"@[192.0.2.1]>\r\n')
        self.assertIn(said[:3], (b"250", b"553"))
        call.say(b"RSET\r\nMAIL FROM:<a@b.example>\r\n")
        said = call.say(b'RCPT TO:<"a@b"@[IPv6:2001:db8::1]>\r\n')
        self.assertEqual(said[:3], b"553")

    def test_nothingValidated(self) -> None:
        """C{validateFrom} that gives nothing has accepted nobody."""

        class Nobody(ConsoleDelivery):
            def validateFrom(self, helo: Any, origin: Any) -> None:
                """Nothing."""

        said = self.client(Nobody()).say(BEGIN)
        self.assertEqual(
            said[-len(b"503 5.5.1 Bad sequence of commands\r\n") :][:3], b"503"
        )

    def test_misuse(self) -> None:
        """What cannot go together is an error at once."""
        for more in ({}, {"delivery": ConsoleDelivery(), "challengers": {"PLAIN": 1}}):
            with self.assertRaises(UsageError):
                deliveryFactory(Clock(), **more)  # type: ignore[arg-type]  # the point
