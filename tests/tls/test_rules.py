"""
Tests of L{smtpx.tls.rules}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.demands import Demand, Source
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.tls.rules import Hop, IRule, Rules, Undecided, Unfit

HOP = Hop(b"mx.example.org", (b"192.0.2.1",), domains=(b"example.org",))
OPERATORS = Demand("hosts_require_tls", "", TLSLevel.ENCRYPTED, by=Source.OPERATOR)
DOMAINS = Demand("mta-sts", "", TLSLevel.VERIFIED, proven=LookupLevel.MTASTS)
ANYTHING = RoutePolicy()
LENIENT = RoutePolicy(lenient=True)


@implementer(IRule)
@frozen
class OneRule:
    """
    A rule that always says the same.

    @ivar answer: what it demands.
    @ivar alone: is mail to go apart?
    @ivar doubt: what it cannot have for now.
    """

    answer: Sequence[Demand] | Deferred[Sequence[Demand]] = ()
    alone: bool | Deferred[bool] = False
    doubt: str | None | Deferred[str | None] = None
    name = "test"

    def apart(self, domain: bytes) -> bool | Deferred[bool]:
        """See L{IRule}."""
        return self.alone

    def demands(self, hop: Hop) -> Sequence[Demand] | Deferred[Sequence[Demand]]:
        """See L{IRule}."""
        return self.answer

    def unsure(self, hop: Hop) -> str | None | Deferred[str | None]:
        """See L{IRule}."""
        return self.doubt


class DecideTests(SynchronousTestCase):
    """
    Tests of C{Rules.decide}.
    """

    def decided(
        self, rules: Rules, wanted: RoutePolicy = ANYTHING, hop: Hop = HOP
    ) -> RoutePolicy:
        """What comes of it, which is known at once."""
        return self.successResultOf(Deferred.fromCoroutine(rules.decide(hop, wanted)))

    def refused(
        self, rules: Rules, wanted: RoutePolicy = ANYTHING, hop: Hop = HOP
    ) -> Undecided:
        """Why the host is not to be tried."""
        deciding = Deferred.fromCoroutine(rules.decide(hop, wanted))
        failure = self.failureResultOf(deciding, Undecided)
        assert isinstance(failure.value, Undecided)
        return failure.value

    def test_nobodyHasASay(self) -> None:
        """
        Without rules the route and the message decide.
        """
        wanted = RoutePolicy(TLSLevel.ENCRYPTED)
        self.assertEqual(self.decided(Rules(), wanted), wanted)

    def test_allAreAsked(self) -> None:
        """
        Rules answer at once or later, and what they demand is added up.
        """
        rules = Rules((OneRule((OPERATORS,)), OneRule(succeed((DOMAINS,)))))
        policy = self.decided(rules)
        self.assertIs(policy.tls, TLSLevel.VERIFIED)
        self.assertEqual(policy.demands, (OPERATORS, DOMAINS))

    def test_operatorWhoWantsNoTLSHasItHisWay(self) -> None:
        """
        What domains publish is not asked for where the operator wants no TLS.
        """
        wanted = RoutePolicy(TLSLevel.UNWANTED)
        self.assertEqual(self.decided(Rules((OneRule((DOMAINS,)),)), wanted), wanted)

    def test_ruleThatCannotTellMakesTheHostUseless(self) -> None:
        """
        A rule that should know and does not never makes a connection weaker.
        """
        rule = OneRule(fail(Undecided("SERVFAIL")))
        error = self.refused(Rules((rule,)))
        self.assertEqual(str(error), "SERVFAIL")
        self.assertEqual(error.reply.code, 450)
        self.assertIs(error.flaw, Flaw.DNSSEC)

    def test_lenientMessageNeedsNoAnswer(self) -> None:
        """
        RFC 8689 section 4.2.2: what was published does not matter then, nor that it
        cannot be had.
        """
        rule = OneRule(fail(Undecided("SERVFAIL")))
        self.assertEqual(self.decided(Rules((rule,)), LENIENT), LENIENT)

    def test_hostIsBarred(self) -> None:
        """
        A rule may bar a host; for a lenient message it does so only on the operator's
        account.
        """
        barred = evolve(DOMAINS, refused="it is none of its hosts", flaw=Flaw.NO_DANE)
        rules = Rules((OneRule((barred,)),))
        error = self.refused(rules)
        assert isinstance(error, Unfit)
        self.assertEqual(str(error), "it is none of its hosts")
        self.assertIs(error.flaw, Flaw.NO_DANE)
        self.assertEqual(error.demands, (barred,))
        self.assertTrue(self.decided(rules, LENIENT).lenient)
        strict = Rules((OneRule((evolve(barred, by=Source.OPERATOR),)),))
        self.refused(strict, LENIENT)

    def test_whatIsOnlyWatchedBarsNothing(self) -> None:
        """
        A policy that is tested only bars no host.
        """
        watched = evolve(DOMAINS, refused="it is none of its hosts", enforced=False)
        policy = self.decided(Rules((OneRule((watched,)),)))
        self.assertIs(policy.tls, TLSLevel.OPPORTUNISTIC)

    def test_hostHasToBeProven(self) -> None:
        """
        RFC 8689 section 4.2.1: a message that wants it goes only to hosts that are the
        domain's by DNSSEC, by a policy, or because the operator says so.
        """
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)
        error = self.refused(Rules(), wanted)
        self.assertEqual(error.reply.code, 550)
        self.decided(Rules(), wanted, evolve(HOP, namesAuthentic=True))
        self.decided(Rules(), wanted, evolve(HOP, manual=True))
        self.decided(Rules((OneRule((DOMAINS,)),)), wanted)
        self.decided(Rules(), evolve(wanted, lenient=True))

    def test_hostMayYetBeProven(self) -> None:
        """
        Where what would show it cannot be had for now, the message waits.
        """
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)
        doubts: tuple[str | Deferred[str | None], ...] = (
            "it took too long",
            succeed("it took too long"),
        )
        for doubt in doubts:
            error = self.refused(Rules((OneRule(doubt=doubt),)), wanted)
            self.assertEqual(error.reply.code, 450)
            self.assertIn("it took too long", str(error))
        self.decided(Rules((OneRule((DOMAINS,), doubt="but it is"),)), wanted)
        self.decided(Rules((OneRule(doubt="nobody asks"),)))

    def test_domainThatIsItsOwnHost(self) -> None:
        """
        RFC 8689 section 4.2.1: where no MX record has named another host, there is
        nothing to prove; but of one domain only.
        """
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)
        alone = evolve(HOP, host=b"example.org")
        self.assertEqual(self.decided(Rules(), wanted, alone), wanted)
        for domains in ((b"example.org", b"example.net"), ()):
            self.refused(Rules(), wanted, evolve(alone, domains=domains))

    def test_policyDoesNotStandInForDNSSEC(self) -> None:
        """
        Where DNSSEC is wanted, MTA-STS is not enough.
        """
        wanted = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.DNSSEC)
        self.refused(Rules((OneRule((DOMAINS,)),)), wanted)


class ApartTests(SynchronousTestCase):
    """
    Tests of C{Rules.apart}.
    """

    def apart(self, *rules: OneRule, domain: bytes = b"example.org") -> bool:
        """What comes of it."""
        return self.successResultOf(Deferred.fromCoroutine(Rules(rules).apart(domain)))

    def test_oneRuleSuffices(self) -> None:
        """
        Mail goes apart where any rule wants that.
        """
        self.assertFalse(self.apart())
        self.assertFalse(self.apart(OneRule(), OneRule(alone=succeed(False))))
        self.assertTrue(self.apart(OneRule(), OneRule(alone=succeed(True))))
        self.assertTrue(self.apart(OneRule(alone=True)))

    def test_literalHasNoPolicy(self) -> None:
        """
        An address in the place of a domain has published nothing.
        """
        self.assertFalse(self.apart(OneRule(alone=True), domain=b"[192.0.2.1]"))
