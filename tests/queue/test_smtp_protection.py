"""Tests for L{smtpx.queue.smtp}: hosts that have to be protected."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from smtpx.core.demands import Demand, Source
from smtpx.core.envelope import Envelope
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.core.queueprofile import QueueProfile
from smtpx.dns.mailhosts import MailHosts
from smtpx.knowledge.names import hostName
from smtpx.net.protection import Protection
from smtpx.net.sending import Unreached, Way
from smtpx.queue.smtp import SMTPTransport
from smtpx.spool.format import Fate
from smtpx.spool.via import Cause
from smtpx.tls.rules import Conclusion, Hop, IRule, Rules, Undecided

from .doubles import messageFor
from .pools import ONE, THREE, TWO, via
from .remotes import SMTPTransportCase

VERIFIED = Demand("dane", "there are records", TLSLevel.VERIFIED)


@implementer(IRule)
@define
class Script:
    """
    A rule of the test's own.

    @ivar said: what it demands, by host; it demands nothing of others.
    @ivar alone: the domains whose mail goes by itself.
    @ivar hops: what it was asked.
    """

    said: dict[bytes, Demand | Undecided] = field(factory=dict)
    alone: set[bytes] = field(factory=set)
    hops: list[Hop] = field(factory=list)
    name = "script"

    def apart(self, domain: bytes) -> bool:
        """See L{IRule}."""
        return domain in self.alone

    def demands(self, hop: Hop) -> Sequence[Demand] | Deferred[Sequence[Demand]]:
        """See L{IRule}."""
        self.hops.append(hop)
        found = self.said.get(hop.host)
        if isinstance(found, Undecided):
            return fail(found)
        return () if found is None else (found,)

    def unsure(self, hop: Hop) -> None:
        """See L{IRule}."""


class ProtectionTests(SMTPTransportCase):
    """What rules demand."""

    def setUp(self) -> None:
        """There is a rule, which demands nothing."""
        self.rule = Script()
        self.concluded: list[Conclusion] = []
        SMTPTransportCase.setUp(self)

    def made(self, way: Way | None = None, **options: object) -> SMTPTransport:
        """A transport with the rule."""
        protection = Protection(
            Rules((self.rule,)), self.clock.seconds, self.concluded.append
        )
        options = {"protection": protection, **options}
        return SMTPTransportCase.made(self, way, **options)

    def test_ruleIsTold(self) -> None:
        """A rule is told what the DNS said, and for which domains the mail is."""
        self.domains[b"xn--mller-kva.example"] = MailHosts(
            (THREE,), namesAuthentic=True, canonical=b"mueller.example"
        )
        self.domains["müller.example".encode()] = self.domains[b"xn--mller-kva.example"]
        self.deliver(messageFor(b"a@example.org", b"b@example.net"))
        [hop] = self.rule.hops
        self.assertEqual(hop.host, ONE.name)
        self.assertEqual(hop.domains, (b"example.org", b"example.net"))
        self.assertEqual(hop.expanded, hop.domains)
        self.deliver(messageFor("a@müller.example".encode()))
        hop = self.rule.hops[-1]
        self.assertEqual(hop.domains, (b"xn--mller-kva.example",))
        self.assertEqual(hop.expanded, (b"mueller.example",))
        self.assertTrue(hop.namesAuthentic)

    def test_demandsArePartOfTheWay(self) -> None:
        """What is demanded is demanded of the connection."""
        self.rule.said[ONE.name] = VERIFIED
        self.deliver(messageFor(b"a@example.org"))
        [way] = self.pool.ways
        self.assertEqual(way, Way(RoutePolicy(TLSLevel.VERIFIED)))

    def test_demandsAreTold(self) -> None:
        """A delivery tells who asked for what; where nobody did there is nothing."""
        for said, told in (
            ({}, ()),
            ({ONE.name: VERIFIED}, ("dane: there are records",)),
        ):
            self.rule.said = dict(said)
            [outcome] = self.deliver(messageFor(b"a@example.org"))
            assert outcome.via is not None
            self.assertEqual(outcome.via.demands, told)

    def test_domainThatGoesByItself(self) -> None:
        """Domains with the same hosts go together, unless a rule wants one apart."""
        message = messageFor(b"a@example.org", b"b@example.net", b"c@example.org")
        [leg] = self.locate(message).legs
        self.assertEqual(leg.indices, (0, 1, 2))
        self.rule.alone.add(b"example.org")
        legs = self.locate(message).legs
        self.assertEqual([each.indices for each in legs], [(0, 2), (1,)])
        self.assertEqual(legs[0].lane, legs[1].lane)

    def test_hostsThatTheOperatorNamed(self) -> None:
        """What domains publish is nothing to them."""
        self.rule.alone.add(b"example.org")
        self.transport = self.made(manual=True)
        message = messageFor(b"a@example.org", b"b@example.net", b"c@b\xe4d.example")
        self.domains[b"b\xe4d.example"] = self.domains[b"example.org"]
        [leg] = self.locate(message).legs
        self.deliver(message)
        self.assertTrue(self.rule.hops[0].manual)

    def test_hostsOfADomainThatTheOperatorNamed(self) -> None:
        """
        What the recipients' domains publish is nothing to them, either: that domain
        counts, and no mail has to go by itself.
        """
        self.rule.alone |= {b"example.org", b"example.net"}
        host = evolve(ONE, nextHop=(b"smart.example", b"smart.example"))
        for domain in (b"example.org", b"example.net"):
            self.domains[domain] = MailHosts((host,))
        message = messageFor(b"a@example.org", b"b@example.net")
        [leg] = self.locate(message).legs
        self.assertEqual(leg.indices, (0, 1))
        self.deliver(message)
        self.assertEqual(self.rule.hops[0].domains, (b"smart.example",))
        self.assertFalse(self.rule.hops[0].manual)

    def test_nextHostInsteadOfAWeakerOne(self) -> None:
        """A host of which nobody knows what it demands makes room for the next."""
        self.rule.said[ONE.name] = Undecided("SERVFAIL")
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual([name for name, _ in self.pool.tried], [TWO.name])

    def test_noHostIsLeft(self) -> None:
        """Where none is left, the message waits, and it is told why."""
        for host in (ONE, TWO):
            self.rule.said[host.name] = Undecided("SERVFAIL")
        [outcome] = self.deliver(messageFor(b"a@example.org"))
        self.assertIs(outcome.fate, Fate.WAITING)
        self.assertEqual((outcome.cause, outcome.text), (Cause.TLS, "SERVFAIL"))
        self.assertEqual(self.pool.tried, [])

    def test_hostIsNotInTroubleForIt(self) -> None:
        """
        A host that is not as a domain demands may do for others; one that is not as
        the route demands is in trouble.
        """
        name = hostName(THREE.name, THREE.addresses[0], THREE.port)
        error = Unreached("expired", Cause.TLS, via(THREE), None, Flaw.EXPIRED)
        self.pool.said[THREE.name] = error
        self.rule.said[THREE.name] = VERIFIED
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertEqual((outcome.fate, outcome.notBefore), (Fate.WAITING, 0.0))
        self.assertIsNone(self.hints.trouble(name))
        self.assertIs(self.concluded[0].flaw, Flaw.EXPIRED)
        self.transport = self.made(Way(RoutePolicy(TLSLevel.VERIFIED)))
        self.deliver(messageFor(b"a@example.com"))
        self.assertIsNotNone(self.hints.trouble(name))

    def test_sessionsAreTold(self) -> None:
        """Whoever counts sessions is told of each."""
        self.deliver(messageFor(b"a@example.com"))
        [told] = self.concluded
        self.assertEqual(told.hop.host, THREE.name)

    def proven(self, demand: Demand | None, way: Way | None = None) -> Fate:
        """What becomes of a message that wants proof of its hosts."""

        def constrain(envelope: Envelope, policy: RoutePolicy) -> RoutePolicy:
            return evolve(policy, tls=TLSLevel.VERIFIED, lookup=LookupLevel.MTASTS)

        profile = QueueProfile()
        profile.constrainers = (constrain,)
        if demand is not None:
            self.rule.said[THREE.name] = demand
        self.transport = self.made(way, profile=profile)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        return outcome.fate

    def test_proofOfHosts(self) -> None:
        """
        RFC 8689 section 4.2.1: a message that wants it goes to hosts that are proven,
        by DNSSEC or a policy, or comes back.
        """
        self.assertIs(self.proven(None), Fate.FAILED)
        vouching = evolve(VERIFIED, proven=LookupLevel.MTASTS)
        self.assertIs(self.proven(vouching), Fate.DELIVERED)
        policy = self.pool.ways[-1].policy
        self.assertEqual([each.rule for each in policy.demands], ["message", "dane"])
        self.domains[b"example.com"] = MailHosts((THREE,), namesAuthentic=True)
        self.rule.said.clear()
        self.clock.advance(3600)
        self.assertIs(self.proven(None), Fate.DELIVERED)

    def test_senderSetsAside(self) -> None:
        """
        RFC 8689 section 4.2.2: TLS-Required: No sets aside what domains demand.
        """

        def constrain(envelope: Envelope, policy: RoutePolicy) -> RoutePolicy:
            return evolve(policy, lenient=True)

        profile = QueueProfile()
        profile.constrainers = (constrain,)
        self.rule.said[THREE.name] = evolve(VERIFIED, refused="no")
        self.transport = self.made(profile=profile)
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertIs(outcome.fate, Fate.DELIVERED)
        operators = evolve(VERIFIED, refused="no", by=Source.OPERATOR)
        self.rule.said[THREE.name] = operators
        [outcome] = self.deliver(messageFor(b"a@example.com"))
        self.assertIs(outcome.fate, Fate.WAITING)
