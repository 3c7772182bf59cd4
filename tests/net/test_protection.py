"""
Tests of L{smtpx.net.protection}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.demands import Demand
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import RoutePolicy, TLSInfo, TLSLevel
from smtpx.core.reply import reply
from smtpx.core.tlsa import DANE, TLSA
from smtpx.dns.mailhosts import MailHost, MailHosts
from smtpx.net.protection import BARRED_SECONDS, Protection, because, hopTo
from smtpx.net.sending import Unreached, Way
from smtpx.net.stsrule import policyDomains
from smtpx.spool.via import Cause, Via
from smtpx.tls.rules import Conclusion, Hop, IRule, Rules, Undecided, Unfit

HOST = MailHost(b"mx.example.org", (b"192.0.2.1",), canonical=b"mail.example.org")
HOP = hopTo(HOST, MailHosts((HOST,), namesAuthentic=True), (b"example.org",))
VIA = Via(HOST.name, b"192.0.2.1")
DEMAND = Demand("mta-sts", "its policy says so", TLSLevel.VERIFIED)


@implementer(IRule)
@frozen
class OneRule:
    """
    A rule that always says the same.
    """

    answer: Sequence[Demand] | Exception
    name = "test"

    def apart(self, domain: bytes) -> bool:
        """See L{IRule}."""
        return domain == b"example.org"

    def demands(self, hop: Hop) -> Sequence[Demand] | Deferred[Sequence[Demand]]:
        """See L{IRule}."""
        if isinstance(self.answer, Exception):
            return fail(self.answer)
        return self.answer

    def unsure(self, hop: Hop) -> None:
        """See L{IRule}."""


RECORDS = DANE(b"mx.example.org", (TLSA(3, 1, 1, b"x" * 32),))


class ProtectionTests(SynchronousTestCase):
    """
    Tests of L{Protection}.
    """

    def setUp(self) -> None:
        """Time stands still."""
        self.clock = Clock()
        self.concluded: list[Conclusion] = []

    def made(self, answer: Sequence[Demand] | Exception) -> Protection:
        """One with a rule."""
        rules = Rules((OneRule(answer),))
        return Protection(rules, self.clock.seconds, self.concluded.append)

    def way(self, made: Protection, way: Way | None = None) -> Way:
        """How to talk to the host."""
        deciding = made.wayTo(HOP, Way() if way is None else way)
        return self.successResultOf(Deferred.fromCoroutine(deciding))

    def refused(self, made: Protection) -> Unreached:
        """Why it is not talked to."""
        deciding = Deferred.fromCoroutine(made.wayTo(HOP, Way()))
        error = self.failureResultOf(deciding, Unreached).value
        assert isinstance(error, Unreached)
        return error

    def test_hop(self) -> None:
        """All that the DNS said is told to the rules."""
        self.assertEqual(HOP.host, b"mx.example.org")
        self.assertEqual(HOP.canonical, b"mail.example.org")
        self.assertTrue(HOP.namesAuthentic)
        plain = MailHost(b"mx", (b"192.0.2.1",), authentic=True, uncertain=True)
        hop = hopTo(plain, MailHosts((plain,)), manual=True)
        self.assertEqual(hop.canonical, b"mx")
        self.assertTrue(hop.authentic and hop.uncertain and hop.manual)

    def test_domainThatTheOperatorNamed(self) -> None:
        """
        Where mail goes to the mail hosts of a domain that the operator named, that one
        counts, and not those of the recipients.
        """
        host = evolve(HOST, nextHop=(b"smart.example", b"real.example"))
        hosts = MailHosts((host,), namesAuthentic=True)
        for manual in (False, True):
            hop = hopTo(host, hosts, (b"example.org",), manual, (b"example.org",))
            self.assertEqual(hop.domains, (b"smart.example",))
            self.assertEqual(hop.expanded, (b"real.example",))
            self.assertTrue(hop.namesAuthentic)
            self.assertFalse(hop.manual)
            self.assertEqual(policyDomains(hop), (b"smart.example",))

    def test_domainBesideOneThatIsNotProven(self) -> None:
        """Of several such domains each is proven by itself, or is not."""
        for named in (True, False):
            host = evolve(HOST, nextHop=(b"smart.example",) * 2, named=named)
            hosts = MailHosts((host,), namesAuthentic=not named)
            self.assertIs(hopTo(host, hosts).namesAuthentic, named)

    def test_hostBesideSuchADomain(self) -> None:
        """A host that he named beside one stands for itself."""
        host = evolve(HOST, nextHop=())
        hop = hopTo(host, MailHosts((host,)), (b"example.org",))
        self.assertTrue(hop.manual)
        self.assertEqual(policyDomains(hop), (HOST.name,))

    def test_nothingIsDemanded(self) -> None:
        """Without demands, the way is the same."""
        way = Way()
        self.assertIs(self.way(self.made(()), way), way)

    def test_demandsArePartOfTheWay(self) -> None:
        """Connections to which more is demanded are kept apart."""
        way = self.way(self.made([DEMAND]), Way(name=b"me.example"))
        self.assertEqual(way, Way(RoutePolicy(TLSLevel.VERIFIED), name=b"me.example"))
        self.assertEqual(way.policy.demands, (DEMAND,))

    def test_apart(self) -> None:
        """Rules say whose mail goes by itself."""
        made = self.made(())
        self.assertTrue(self.successResultOf(made.apart(b"example.org")))
        self.assertFalse(self.successResultOf(made.apart(b"example.net")))

    def test_nobodyKnows(self) -> None:
        """A host of which nobody knows what it demands is not tried, for now."""
        error = self.refused(self.made(Undecided("SERVFAIL")))
        self.assertEqual(error.text, "SERVFAIL")
        self.assertIs(error.cause, Cause.TLS)
        self.assertIs(error.flaw, Flaw.DNSSEC)
        self.assertFalse(error.final)
        [told] = self.concluded
        self.assertIs(told.flaw, Flaw.DNSSEC)

    def test_tooMuchToDo(self) -> None:
        """What is our own fault is told as such, so that it is tried again soon."""
        error = self.refused(self.made(Undecided("too many", flaw=Flaw.BUSY)))
        self.assertIs(error.cause, Cause.LOCAL)
        self.assertIs(error.flaw, Flaw.BUSY)

    def test_barredForGood(self) -> None:
        """A host that will never do says so."""
        never = reply(550, "5.7.10", b"Never")
        error = self.refused(self.made(Unfit("never", never, demands=[DEMAND])))
        self.assertTrue(error.final)
        self.assertEqual(error.reply, never)
        self.assertEqual(self.concluded[0].demands, (DEMAND,))

    # --- what came of it ------------------------------------------------------------

    def test_sessionsAreTold(self) -> None:
        """Each new session is told, with what it came to, and not when used again."""
        made = self.made([DEMAND])
        way = self.way(made)
        good = evolve(VIA, tls=TLSInfo(verified=True))
        bad = evolve(VIA, tls=TLSInfo(flaw=Flaw.NAME, problem="not for it"))
        for via in (good, bad, evolve(bad, again=True)):
            made.reached(HOP, way, via)
        self.assertEqual([each.flaw for each in self.concluded], [None, Flaw.NAME])
        self.assertEqual([each.why for each in self.concluded], ["", "not for it"])
        self.assertEqual(self.concluded[0].demands, (DEMAND,))

    def test_sessionsInTheClear(self) -> None:
        """In the clear there was no TLS, or it failed; or it was unwanted."""
        made = self.made(())
        for via, way, flaw in (
            (VIA, Way(), Flaw.NO_TLS),
            (evolve(VIA, offers=frozenset({b"STARTTLS"})), Way(), Flaw.HANDSHAKE),
            (VIA, Way(RoutePolicy(TLSLevel.UNWANTED)), None),
        ):
            made.reached(HOP, way, via)
            self.assertIs(self.concluded.pop().flaw, flaw)

    def test_whoIsToldDoesNoHarm(self) -> None:
        """An exception of whoever is told is logged, and no more."""

        def broken(conclusion: Conclusion) -> None:
            raise RuntimeError("broken")

        Protection(Rules(), self.clock.seconds, broken).reached(HOP, Way(), VIA)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_nobodyIsTold(self) -> None:
        """Nobody has to be told."""
        Protection(Rules(), self.clock.seconds).reached(HOP, Way(), VIA)

    def test_hostThatIsNotAsDemandedIsLeftAlone(self) -> None:
        """
        A host that was found not to be as was demanded is left alone for a while, but
        not by mail for which something else is demanded.
        """
        made = self.made([DEMAND])
        way = self.way(made)
        error = Unreached("expired", Cause.TLS, VIA, None, Flaw.EXPIRED)
        told = made.unreached(HOP, way, error)
        self.assertEqual(
            told.text, "expired (it has to be verified: its policy says so)"
        )
        self.assertIs(self.concluded[0].flaw, Flaw.EXPIRED)
        again = [self.refused(made) for _ in range(3)]
        self.assertEqual(
            {(each.text, each.flaw) for each in again}, {(told.text, told.flaw)}
        )
        # What was raised once, with all that hangs on it, is not kept.
        self.assertEqual(len({id(each) for each in (told, *again)}), 4)
        lenient = Way(RoutePolicy(lenient=True))
        self.assertTrue(self.way(made, lenient).policy.lenient)
        self.clock.advance(BARRED_SECONDS)
        self.way(made)

    def test_hostIsGoodAgain(self) -> None:
        """Once a session came about, what was before is forgotten."""
        made = self.made([DEMAND])
        way = self.way(made)
        made.unreached(HOP, way, Unreached("expired", Cause.TLS, VIA, None))
        made.reached(HOP, way, VIA)
        self.way(made)

    def test_otherTroubleIsNoneOfOurs(self) -> None:
        """A host that does not answer, or need not be protected, is not noted."""
        made = self.made([DEMAND])
        made.unreached(HOP, self.way(made), Unreached("no", Cause.CONNECT, VIA, None))
        made.unreached(HOP, Way(), Unreached("no", Cause.TLS, VIA, None))
        self.assertEqual(self.concluded, [])
        self.way(made)

    def test_because(self) -> None:
        """Who demanded as much as it came to is told; a way may have no demands."""
        encrypted = Demand("tls", "the route says so", TLSLevel.ENCRYPTED)
        policy = RoutePolicy(TLSLevel.ENCRYPTED, demands=(encrypted,))
        self.assertEqual(because(policy), "it has to have TLS: the route says so")
        verified = RoutePolicy(TLSLevel.VERIFIED, demands=(encrypted,))
        self.assertEqual(because(verified), "it has to be verified")
        records = Demand("dane", "it has records", TLSLevel.VERIFIED, dane=RECORDS)
        published = Demand("mta-sts", "its domain says so", TLSLevel.VERIFIED)
        for demands in ((records, published), (published, records)):
            both = RoutePolicy(TLSLevel.VERIFIED, demands=demands)
            self.assertEqual(because(both), "it has to be verified: it has records")

    def test_bounded(self) -> None:
        """No more hosts are remembered than so many."""
        made = self.made([DEMAND])
        way = self.way(made)
        for number in range(2001):
            hop = evolve(HOP, host=b"%d.example" % number)
            made.unreached(hop, way, Unreached("no", Cause.TLS, VIA, None))
        self.assertEqual(len(made.barred), 1)
