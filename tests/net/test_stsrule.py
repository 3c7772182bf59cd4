"""
Tests for L{smtpx.net.stsrule}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.demands import Demand
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.core.tlsa import DANE, TLSA
from smtpx.net.stspolicies import ISTSPolicies, Standing
from smtpx.net.stsrule import STSRule
from smtpx.net.stssource import STSFault, STSTrouble
from smtpx.tls.mtasts import Mode, STSPolicy
from smtpx.tls.rules import Hop, IRule, Rules, Undecided, Unfit

DOMAIN = b"example.org"
HOP = Hop(b"mx.example.org", (b"192.0.2.1",), domains=(DOMAIN,))
ENFORCED = STSPolicy(Mode.ENFORCE, 86400, (b"mx.example.org",))
DEMAND = Demand(
    "mta-sts",
    "the MTA-STS policy of example.org is in mode enforce",
    TLSLevel.VERIFIED,
    names=frozenset((b"mx.example.org",)),
    proven=LookupLevel.MTASTS,
)


@implementer(ISTSPolicies)
@define
class Known:
    """
    Policies that are known.

    @ivar asked: whose were asked for.
    @ivar trouble: what is the matter with all of them.
    """

    policies: dict[bytes, STSPolicy]
    asked: list[bytes] = field(factory=list)
    trouble: STSTrouble | None = None

    def find(self, domain: bytes) -> Deferred[Standing]:
        """See L{ISTSPolicies}."""
        self.asked.append(domain)
        return succeed(Standing(self.policies.get(domain), trouble=self.trouble))


@implementer(IRule)
@frozen
class Always:
    """A rule that always demands the same."""

    demand: Demand
    name: str = "dane"

    def apart(self, domain: bytes) -> bool:
        """See L{IRule}."""
        return False

    def demands(self, hop: Hop) -> Sequence[Demand]:
        """See L{IRule}."""
        return [self.demand]

    def unsure(self, hop: Hop) -> None:
        """See L{IRule}."""


class STSRuleTests(SynchronousTestCase):
    """What is demanded."""

    def setUp(self) -> None:
        """A policy that is enforced."""
        self.known = Known({DOMAIN: ENFORCED})
        self.rule = STSRule(self.known)

    def test_unsure(self) -> None:
        """
        A policy that cannot be had might have shown something; one that is there, or
        that nobody has, is sure.
        """
        other = evolve(HOP, domains=(b"example.net",))
        self.assertEqual(self.successResultOf(self.rule.unsure(other)), None)
        self.known.trouble = STSTrouble(STSFault.FETCH, "it took too long")
        found = self.successResultOf(self.rule.unsure(other))
        self.assertEqual(found, "it took too long")
        self.assertEqual(self.successResultOf(self.rule.unsure(HOP)), None)

    def test_tooMuchToDo(self) -> None:
        """
        Where we have too much to do to find out what is demanded, nothing is sent; mail
        for the domain waits by itself.
        """
        self.known.trouble = STSTrouble(STSFault.BUSY, "too many")
        other = evolve(HOP, domains=(b"example.net",))
        error = self.failureResultOf(self.rule.demands(other), Undecided).value
        self.assertIs(error.flaw, Flaw.BUSY)
        text = "the MTA-STS policy of example.net is not known yet: too many"
        self.assertEqual(str(error), text)
        self.assertTrue(self.successResultOf(self.rule.apart(b"example.net")))
        # One that is known counts.
        self.assertEqual(self.demanded(), [DEMAND])

    def test_tooMuchToDoForANewerOne(self) -> None:
        """
        Where a newer policy could not be fetched for that, one that is known counts if
        it protects; where it does not, the newer one might, and the mail waits.
        """
        self.known.trouble = STSTrouble(STSFault.BUSY, "too many")
        for mode in (Mode.TESTING, Mode.NONE):
            self.known.policies[DOMAIN] = evolve(ENFORCED, mode=mode)
            error = self.failureResultOf(self.rule.demands(HOP), Undecided).value
            self.assertIs(error.flaw, Flaw.BUSY)
            self.assertTrue(self.successResultOf(self.rule.apart(DOMAIN)))

    def demanded(self, hop: Hop = HOP) -> list[Demand]:
        """What is demanded of a host."""
        found: Deferred[Sequence[Demand]] = self.rule.demands(hop)
        return [*self.successResultOf(found)]

    def decided(self, wanted: RoutePolicy, hop: Hop = HOP) -> RoutePolicy:
        """What the connection has to be."""
        rules = Rules(published=(self.rule,))
        return self.successResultOf(Deferred.fromCoroutine(rules.decide(hop, wanted)))

    def test_interface(self) -> None:
        """It is a rule."""
        self.assertTrue(verifyObject(IRule, self.rule))

    def test_enforced(self) -> None:
        """A host of the policy has to have a certificate for its name."""
        self.assertEqual(self.demanded(), [DEMAND])
        policy = self.decided(RoutePolicy())
        self.assertEqual(policy.tls, TLSLevel.VERIFIED)
        self.assertEqual(policy.names, {frozenset((b"mx.example.org",))})

    def test_otherHost(self) -> None:
        """Any other is not to be used."""
        hop = evolve(HOP, host=b"evil.example")
        (demand,) = self.demanded(hop)
        text = "the MTA-STS policy of example.org does not allow evil.example"
        self.assertEqual(demand.refused, text)
        self.assertEqual(demand.proven, LookupLevel.PLAIN)
        rules = Rules(published=(self.rule,))
        deciding = Deferred.fromCoroutine(rules.decide(hop, RoutePolicy()))
        self.assertEqual(str(self.failureResultOf(deciding, Unfit).value), text)

    def test_testing(self) -> None:
        """In mode testing it is only found out."""
        self.known.policies[DOMAIN] = evolve(ENFORCED, mode=Mode.TESTING)
        (demand,) = self.demanded()
        self.assertFalse(demand.enforced)
        self.assertEqual(demand.proven, LookupLevel.PLAIN)
        for hop in (HOP, evolve(HOP, host=b"evil.example")):
            policy = self.decided(RoutePolicy(), hop)
            self.assertEqual(policy.tls, TLSLevel.OPPORTUNISTIC)
            self.assertTrue(policy.watched)
            self.assertEqual(policy.names, frozenset())

    def test_none(self) -> None:
        """In mode none, and without a policy, nothing is demanded."""
        self.known.policies[DOMAIN] = evolve(ENFORCED, mode=Mode.NONE)
        self.assertEqual(self.demanded(), [])
        self.assertFalse(self.successResultOf(self.rule.apart(DOMAIN)))
        self.known.policies.clear()
        self.assertEqual(self.demanded(), [])
        self.assertFalse(self.successResultOf(self.rule.apart(DOMAIN)))

    def test_apart(self) -> None:
        """Mail for a domain with a policy goes by itself."""
        self.assertTrue(self.successResultOf(self.rule.apart(DOMAIN)))

    def test_severalDomains(self) -> None:
        """Where mail for several goes together, all their policies count."""
        other = STSPolicy(Mode.ENFORCE, 60, (b"*.example.org",))
        self.known.policies[b"b.example"] = other
        hop = evolve(HOP, domains=(b"a.example", b"b.example", DOMAIN))
        self.assertEqual(len(self.demanded(hop)), 2)

    def test_smartHost(self) -> None:
        """
        Of a host that the operator named its own policy counts, and no recipient's
        (RFC 8461 section 3.4).
        """
        hop = evolve(HOP, manual=True)
        self.assertEqual(self.demanded(hop), [])
        self.assertEqual(self.known.asked, [b"mx.example.org"])

    def test_withDANE(self) -> None:
        """
        Where TLSA records count, they alone do: a host outside of the policy gets its
        mail, but a certificate that only the policy would take does not do (RFC 8461
        section 2).
        """
        dane = DANE(b"other.example", (TLSA(3, 1, 1, b"x"),))
        demand = Demand("dane", "", TLSLevel.VERIFIED, dane=dane)
        rules = Rules((Always(demand), self.rule))
        hop = evolve(HOP, host=b"other.example")
        deciding = Deferred.fromCoroutine(rules.decide(hop, RoutePolicy()))
        policy = self.successResultOf(deciding)
        self.assertEqual((policy.tls, policy.dane), (TLSLevel.VERIFIED, dane))

    def test_notSetAside(self) -> None:
        """A route that wants more gets more, and one that wants less does not."""
        policy = self.decided(RoutePolicy(TLSLevel.ENCRYPTED))
        self.assertEqual(policy.tls, TLSLevel.VERIFIED)

    def test_lenient(self) -> None:
        """A sender who wants it delivered all the same sets it aside (RFC 8689)."""
        hop = evolve(HOP, host=b"evil.example")
        policy = self.decided(RoutePolicy(lenient=True), hop)
        self.assertEqual(policy.tls, TLSLevel.OPPORTUNISTIC)
