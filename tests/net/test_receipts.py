"""Tests for L{smtpx.net.receipts}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Scope
from smtpx.core.reply import OK, Reply, reply
from smtpx.dns.mailhosts import Unroutable
from smtpx.net.addressing import Addressed
from smtpx.net.receipts import Findings, NotSent
from smtpx.net.sending import Sent, Unreached
from smtpx.spool.bodies import HeldBody
from smtpx.spool.via import Cause, Via

from .clients import envelopeFor

VIA = Via(b"mx.example", b"192.0.2.1")
NO = reply(550, "5.1.1", b"No such user")
LOST = reply(451, "4.4.2", b"Connection lost")


class FindingsTests(SynchronousTestCase):
    """What a program is told of its message."""

    def setUp(self) -> None:
        """A message for three."""
        self.message = Addressed(
            envelopeFor(b"a@x", b"b@x", b"c@x"), ("a", "b", "c"), HeldBody(b"x\r\n")
        )
        self.recipients = self.message.envelope.recipients
        self.findings = Findings()

    def sent(
        self, *said: Reply, cause: Cause = Cause.LOST, unsure: bool = True
    ) -> None:
        """A host said this, of each of them."""
        outcomes = tuple(zip(self.recipients, said, strict=True))
        causes = (cause,) * len(said)
        self.findings.sent(Sent(outcomes, causes, Scope.MESSAGE, VIA, unsure))

    def test_unsure(self) -> None:
        """Who may have it: nobody that has, and nobody that was refused."""
        self.sent(OK, LOST, LOST)
        receipt = self.findings.receipt(self.message)
        self.assertEqual((receipt.accepted, receipt.unsure), (("a",), ("b", "c")))

    def test_sure(self) -> None:
        """Where the message was not sent whole, nobody may have it."""
        for cause, unsure in ((Cause.LOST, False), (Cause.RECIPIENT, True)):
            self.findings = Findings()
            self.sent(OK, NO, LOST, cause=cause, unsure=unsure)
            self.assertEqual(self.findings.receipt(self.message).unsure, ())

    def test_firstReason(self) -> None:
        """Of several reasons the first is why nobody has it."""
        first = Unreached("first", Cause.CONNECT, VIA, None)
        second = Unreached("second", Cause.CONNECT, VIA, None)
        third = Unroutable(reply(550, "5.1.2", b"No such domain"), "third")
        for errors in ((first, second, third), (third, second, first)):
            self.findings = Findings()
            for error in errors:
                if isinstance(error, Unroutable):
                    self.findings.unroutable(self.recipients, error)
                else:
                    self.findings.unreached(self.recipients, error)
            error = self.assertRaises(NotSent, self.findings.receipt, self.message)
            self.assertIs(error.__cause__, errors[0])

    def test_unreached(self) -> None:
        """A host that was not reached is for later; what was said before stands."""
        self.sent(NO, LOST, OK)
        self.findings.unreached(
            self.recipients, Unreached("no way", Cause.CONNECT, VIA, None)
        )
        receipt = self.findings.receipt(self.message)
        self.assertEqual([said for _, said in receipt.outcomes], [NO, LOST, OK])
        self.findings = Findings()
        self.findings.unreached(
            self.recipients, Unreached("no way", Cause.CONNECT, VIA, None)
        )
        failed = self.assertRaises(NotSent, self.findings.receipt, self.message)
        said = {each.octets for _, each in failed.receipt.outcomes}
        self.assertEqual(said, {b"451 4.4.1 mx.example: no way\r\n"})
        self.assertFalse(failed.permanent)
