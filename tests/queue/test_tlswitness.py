"""
Tests for L{smtpx.queue.tlswitness}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.demands import Demand
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import TLSInfo, TLSLevel
from smtpx.core.tlsa import DANE, TLSA
from smtpx.net.stspolicies import Standing
from smtpx.net.stssource import STSFault, STSTrouble
from smtpx.queue.tlscounts import Applied, Event, Failed
from smtpx.queue.tlswitness import TLSWitness
from smtpx.tls.mtasts import Mode, STSPolicy
from smtpx.tls.rules import Conclusion, Hop
from smtpx.tls.tlsrpt import ResultType

HOP = Hop(b"mx.example.org", (b"192.0.2.1",), domains=(b"example.org",))
GOOD = Conclusion(HOP, tls=TLSInfo(), address=b"192.0.2.1", source=b"198.51.100.1")
NOTHING = Applied("no-policy-found", "example.org")
POLICY = STSPolicy(Mode.TESTING, 86400, (b"*.example.org",))
STS = Applied("sts", "example.org", POLICY.lines, ("*.example.org",))
#: What the rule of MTA-STS demands.
DEMAND = Demand("mta-sts", "", TLSLevel.VERIFIED)


class TLSWitnessTests(SynchronousTestCase):
    """What is counted."""

    def setUp(self) -> None:
        """The tenth day."""
        self.events: list[Event] = []
        self.standing = Standing(POLICY)
        self.witness = TLSWitness(
            self.events.append, lambda: 10 * 86400.0, lambda domain: self.standing
        )

    def counted(self, conclusion: Conclusion) -> list[Event]:
        """What is counted of that."""
        self.events.clear()
        self.witness.concluded(conclusion)
        return self.events

    def failed(self, flaw: Flaw, why: str = "") -> Failed | None:
        """How a failure is counted."""
        [event] = self.counted(evolve(GOOD, tls=None, flaw=flaw, why=why))
        return event.failed

    def test_good(self) -> None:
        """A session under TLS is a success, whatever the certificate."""
        self.assertEqual(self.counted(GOOD), [Event(10, "example.org", NOTHING)])

    def test_policy(self) -> None:
        """It is one under the policy of the domain, if there is one."""
        conclusion = evolve(GOOD, demands=(DEMAND,))
        self.assertEqual(self.counted(conclusion), [Event(10, "example.org", STS)])

    def test_dane(self) -> None:
        """Where the host has TLSA records, they are the policy that counts."""
        dane = DANE(b"mx.example.org", (TLSA(3, 1, 1, b"\x0a\xbc"),))
        demand = Demand("dane", "", TLSLevel.VERIFIED, dane=dane)
        [event] = self.counted(evolve(GOOD, demands=(DEMAND, demand)))
        tlsa = Applied("tlsa", "mx.example.org", ("3 1 1 0ABC",), ("mx.example.org",))
        self.assertEqual(event, Event(10, "example.org", tlsa))

    def test_daneUnknown(self) -> None:
        """Where nobody could tell which there are, there is no more to say."""
        for flaw in (Flaw.DNSSEC, Flaw.NO_DANE):
            [event] = self.counted(evolve(GOOD, tls=None, flaw=flaw))
            self.assertEqual(event.policy, Applied("tlsa", "mx.example.org"))

    def test_ownTrouble(self) -> None:
        """That we have too much to do is nobody else's business."""
        self.assertEqual(self.counted(evolve(GOOD, tls=None, flaw=Flaw.BUSY)), [])

    def test_failures(self) -> None:
        """Each flaw has its result (RFC 8460 section 4.3); some want words."""
        for flaw, result in (
            (Flaw.NO_TLS, ResultType.NO_STARTTLS),
            (Flaw.NAME, ResultType.HOST_MISMATCH),
            (Flaw.EXPIRED, ResultType.EXPIRED),
            (Flaw.TLSA, ResultType.TLSA_INVALID),
            (Flaw.DNSSEC, ResultType.DNSSEC_INVALID),
            (Flaw.NO_DANE, ResultType.DANE_REQUIRED),
        ):
            self.assertEqual(
                self.failed(flaw, "because"),
                Failed(result, "198.51.100.1", "mx.example.org", "192.0.2.1"),
            )
        for flaw, result in (
            (Flaw.HANDSHAKE, ResultType.FAILURE),
            (Flaw.UNTRUSTED, ResultType.NOT_TRUSTED),
            (Flaw.REVOKED, ResultType.NOT_TRUSTED),
            (Flaw.STAPLE, ResultType.FAILURE),
            (Flaw.BARRED, ResultType.FAILURE),
        ):
            self.assertEqual(
                self.failed(flaw, "because"),
                Failed(
                    result, "198.51.100.1", "mx.example.org", "192.0.2.1", "because"
                ),
            )

    def test_hostOutsideOfATestedPolicy(self) -> None:
        """
        A host that a policy would not allow, were it enforced, is a failure; but not
        where TLSA records have the word.
        """
        demand = evolve(DEMAND, enforced=False, refused="it is not allowed")
        [event] = self.counted(evolve(GOOD, demands=(demand,)))
        self.assertEqual(event.policy, STS)
        assert event.failed is not None
        self.assertEqual(event.failed.result, ResultType.FAILURE)
        self.assertEqual(event.failed.reason, "it is not allowed")
        dane = DANE(b"mx.example.org", (TLSA(3, 1, 1, b"x"),))
        other = Demand("dane", "", TLSLevel.VERIFIED, dane=dane)
        [event] = self.counted(evolve(GOOD, demands=(demand, other)))
        self.assertIsNone(event.failed)

    def test_everyFlaw(self) -> None:
        """None is forgotten that is the domain's."""
        for flaw in set(Flaw) - {Flaw.BUSY}:
            self.assertIsNotNone(self.failed(flaw))

    def test_severalDomains(self) -> None:
        """A session is counted for each domain that its message is for."""
        hop = evolve(HOP, domains=(b"example.org", "b\u00fccher.example".encode()))
        self.assertEqual(
            [each.domain for each in self.counted(evolve(GOOD, hop=hop))],
            ["example.org", "xn--bcher-kva.example"],
        )

    def test_smartHost(self) -> None:
        """Of a host that the operator named, the host is told."""
        hop = evolve(HOP, manual=True)
        [event] = self.counted(evolve(GOOD, hop=hop))
        self.assertEqual(event.domain, "mx.example.org")

    def test_nobody(self) -> None:
        """Addresses have no reports, and what is no domain has none."""
        hop = evolve(HOP, domains=(b"[192.0.2.1]", b"\xff.example"))
        self.assertEqual(self.counted(evolve(GOOD, hop=hop)), [])

    def test_notCounted(self) -> None:
        """
        Reports themselves are not counted (RFC 8460 section 5.3), nor is what goes
        without TLS because the operator says so.
        """
        self.assertEqual(self.counted(evolve(GOOD, lenient=True)), [])
        self.assertEqual(self.counted(evolve(GOOD, tls=None)), [])

    def test_missed(self) -> None:
        """A policy that cannot be fetched is a failure by itself."""
        trouble = STSTrouble(STSFault.WEBPKI, "the certificate is for others")
        self.witness.missed(b"example.org", trouble)
        failed = Failed(ResultType.STS_WEBPKI)
        self.assertEqual(self.events, [Event(10, "example.org", STS, failed)])
        self.events.clear()
        self.standing = Standing()
        self.witness.missed(b"example.org", trouble)
        empty = Applied("sts", "example.org")
        self.assertEqual(self.events, [Event(10, "example.org", empty, failed)])
        self.witness.missed(b"[192.0.2.1]", trouble)
        self.assertEqual(len(self.events), 1)
