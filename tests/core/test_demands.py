"""
Tests of L{smtpx.core.demands}.
"""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.demands import Demand, Source, combined, keyOf, spoken
from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.core.stapled import StapleWish
from smtpx.core.tlsa import DANE, TLSA

MX = frozenset({b"mx.example.org"})
TWO = frozenset({b"example.org", b"example.com"})
RECORDS = DANE(b"mx.example.org", (TLSA(3, 1, 1, b"x" * 32),))

ENCRYPTED = Demand("tls", "", TLSLevel.ENCRYPTED, by=Source.OPERATOR)
VERIFIED = Demand("mta-sts", "", TLSLevel.VERIFIED, names=MX)
DANE_ASKED = Demand("dane", "", TLSLevel.VERIFIED, names=TWO, dane=RECORDS)
WATCHED = evolve(VERIFIED, enforced=False)

LENIENT = RoutePolicy(lenient=True)

_demands = st.builds(
    Demand,
    st.just("rule"),
    st.just(""),
    st.sampled_from(TLSLevel),
    by=st.sampled_from(Source),
    names=st.sampled_from([frozenset(), MX, TWO]),
    dane=st.sampled_from([None, RECORDS]),
    staple=st.sampled_from(StapleWish),
    enforced=st.booleans(),
)
_policies = st.builds(RoutePolicy, st.sampled_from(TLSLevel))


class CombinedTests(SynchronousTestCase):
    """
    Tests of L{combined}.
    """

    def test_nothingIsDemanded(self) -> None:
        """
        Without demands, all is as the route and the message want it.
        """
        policy = RoutePolicy(TLSLevel.ENCRYPTED, LookupLevel.DNSSEC)
        self.assertEqual(combined(policy, ()), policy)

    def test_spoken(self) -> None:
        """Who asked for what, in words; and what of it is only looked at."""
        self.assertEqual(spoken(RoutePolicy()), ())
        demands = (
            evolve(ENCRYPTED, why="the route says so"),
            evolve(WATCHED, why="the policy is in mode testing"),
        )
        self.assertEqual(
            spoken(combined(RoutePolicy(), demands)),
            (
                "tls: the route says so",
                "mta-sts: the policy is in mode testing, which is not insisted on",
            ),
        )

    def test_whoDemandsMoreWins(self) -> None:
        """
        The highest level counts, whoever demands it, and in whatever order.
        """
        for demands in ((ENCRYPTED, VERIFIED), (VERIFIED, ENCRYPTED)):
            policy = combined(RoutePolicy(), demands)
            self.assertIs(policy.tls, TLSLevel.VERIFIED)
            self.assertEqual(policy.demands, demands)

    @settings(max_examples=100)
    @given(_policies, st.lists(_demands, max_size=4))
    def test_nothingIsEverLowered(
        self, policy: RoutePolicy, demands: list[Demand]
    ) -> None:
        """
        Whatever is demanded, the route is not less protected than before, nor for
        more names.
        """
        for demand in demands:
            raised = combined(policy, [demand])
            self.assertGreaterEqual(raised.tls, policy.tls)
            self.assertGreaterEqual(raised.names, policy.names)
            self.assertGreaterEqual(raised.watched, policy.watched)
            self.assertGreaterEqual(raised.staple, policy.staple)
            self.assertLessEqual(raised.lenient, policy.lenient)
            if policy.dane is not None:
                self.assertIsNotNone(raised.dane)
            if demand.enforced:
                self.assertGreaterEqual(raised.tls, demand.level)
            policy = raised

    def test_stapleIsRequiredWhereItCounts(self) -> None:
        """
        Whoever requires an OCSP response has it required, if his word counts.
        """
        required = evolve(VERIFIED, staple=StapleWish.REQUIRED)
        self.assertIs(combined(RoutePolicy(), [required]).staple, StapleWish.REQUIRED)
        watched = combined(RoutePolicy(), [evolve(required, enforced=False)])
        self.assertIs(watched.staple, StapleWish.NONE)

    def test_namesOfAllThatVerifyAreWanted(self) -> None:
        """
        The certificate has to be for one name of each rule that names some.
        """
        other = evolve(VERIFIED, names=TWO)
        policy = combined(RoutePolicy(), (VERIFIED, other))
        self.assertEqual(policy.names, {MX, TWO})

    def test_namesWithoutVerificationMeanNothing(self) -> None:
        """
        Where the certificate need not be good, it need not be for anybody.
        """
        policy = combined(RoutePolicy(), [evolve(ENCRYPTED, names=MX)])
        self.assertEqual(policy.names, frozenset())

    def test_recordsJudgeByThemselves(self) -> None:
        """
        TLSA records have their own names (RFC 7672 section 3.2.2), and so do not
        change those of a trusted chain.
        """
        policy = combined(RoutePolicy(), (DANE_ASKED, VERIFIED))
        self.assertEqual(policy.dane, RECORDS)
        self.assertEqual(policy.names, {MX})

    def test_whatIsWatchedDemandsNothing(self) -> None:
        """
        A policy that is only tested is looked at, and told.
        """
        policy = combined(RoutePolicy(), [WATCHED])
        self.assertEqual(policy, RoutePolicy(watched=True))
        self.assertEqual(policy.demands, (WATCHED,))

    def test_whatDemandsNoVerificationIsNotWatched(self) -> None:
        """
        There is nothing to find out, where only TLS was wanted.
        """
        demand = evolve(ENCRYPTED, enforced=False)
        self.assertEqual(combined(RoutePolicy(), [demand]), RoutePolicy())

    def test_senderSetsAsideWhatIsPublished(self) -> None:
        """
        RFC 8689 section 4.2.2: TLS-Required: No wins against policies of the domain,
        and not against those of the operator.
        """
        policy = combined(LENIENT, [VERIFIED])
        self.assertEqual(policy, RoutePolicy(lenient=True, watched=True))
        policy = combined(LENIENT, [ENCRYPTED])
        self.assertEqual(policy, RoutePolicy(TLSLevel.ENCRYPTED))

    def test_operatorsMildWishLeavesTheSendersAlone(self) -> None:
        """
        An operator who demands no TLS does not stand in the way of TLS-Required: No.
        """
        demand = Demand("tls", "", by=Source.OPERATOR)
        self.assertTrue(combined(LENIENT, [demand]).lenient)


class KeyTests(SynchronousTestCase):
    """
    Tests of L{keyOf}.
    """

    def test_whoAskedMakesNoDifference(self) -> None:
        """
        Routes that are to be alike share connections, for whatever reason they are.
        """
        one = RoutePolicy(TLSLevel.ENCRYPTED)
        other = combined(RoutePolicy(), [ENCRYPTED])
        self.assertEqual(one, other)
        self.assertEqual(keyOf(one), keyOf(other))

    def test_allThatIsDemandedMakesADifference(self) -> None:
        """
        No two routes of which one demands something else have the same key.
        """
        more = DANE(RECORDS.base, (*RECORDS.records, TLSA(2, 0, 1, b"y" * 32)))
        named = evolve(RECORDS, names=frozenset({MX}))
        policies = [
            RoutePolicy(),
            LENIENT,
            RoutePolicy(lookup=LookupLevel.DNSSEC),
            RoutePolicy(TLSLevel.VERIFIED),
            RoutePolicy(TLSLevel.VERIFIED, staple=StapleWish.ASKED),
            RoutePolicy(TLSLevel.VERIFIED, staple=StapleWish.REQUIRED),
            RoutePolicy(TLSLevel.VERIFIED, names=frozenset({MX})),
            RoutePolicy(TLSLevel.VERIFIED, names=frozenset({TWO})),
            RoutePolicy(TLSLevel.VERIFIED, names=frozenset({MX, TWO})),
            RoutePolicy(TLSLevel.VERIFIED, dane=RECORDS),
            RoutePolicy(TLSLevel.VERIFIED, dane=evolve(RECORDS, base=b"a.example")),
            RoutePolicy(TLSLevel.VERIFIED, dane=more),
            RoutePolicy(TLSLevel.VERIFIED, dane=named),
        ]
        self.assertEqual(len({keyOf(each) for each in policies}), len(policies))

    def test_keyIsTheSameInAnotherProcess(self) -> None:
        """
        Sets have no order of their own; a key has.
        """
        policy = RoutePolicy(TLSLevel.VERIFIED, names=frozenset({TWO, MX}))
        expected = (b"3 0 0 0", b"example.com,example.org;mx.example.org")
        self.assertEqual(keyOf(policy), expected)
