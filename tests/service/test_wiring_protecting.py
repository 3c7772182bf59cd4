"""
Tests for L{smtpx.service.wiring.protecting}: what DANE asks of the DNS.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.flaw import Flaw
from smtpx.core.tlsa import TLSA
from smtpx.service.wiring.protecting import dnsRecords
from smtpx.testing.dns import StaticResolver
from smtpx.tls.danerule import Found
from smtpx.tls.rules import Undecided

NAME = b"_25._tcp.mx.example.org"
DIGEST = bytes(range(32))


class RecordsTests(SynchronousTestCase):
    """Answers, and what is none."""

    def setUp(self) -> None:
        """A host with a record that is proven."""
        self.resolver = StaticResolver(f"{NAME.decode()} TLSA 3 1 1 {DIGEST.hex()}")
        self.resolver.authentic = True
        self.records = dnsRecords(self.resolver)

    def undecided(self) -> Undecided:
        """Why it is not known."""
        error = self.failureResultOf(self.records.tlsa(NAME), Undecided).value
        assert isinstance(error, Undecided)
        self.assertIn(f"the TLSA records of {NAME.decode()} could not be", str(error))
        return error

    def test_found(self) -> None:
        """Records are told with whether they are proven, and so is that of none."""
        expected = Found((TLSA(3, 1, 1, DIGEST),), True)
        self.assertEqual(self.successResultOf(self.records.tlsa(NAME)), expected)
        missing = self.successResultOf(self.records.tlsa(b"_26._tcp.mx.example.org"))
        self.assertEqual(missing, Found((), True))

    def test_nobodyKnows(self) -> None:
        """An error of the domain's servers is told as such."""
        self.resolver.fail(NAME, "TLSA")
        self.assertIs(self.undecided().flaw, Flaw.DNSSEC)

    def test_tooMuchToDo(self) -> None:
        """One of ours is not the domain's."""
        self.resolver.putOff(NAME, "TLSA")
        self.assertIs(self.undecided().flaw, Flaw.BUSY)
