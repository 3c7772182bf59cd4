"""Tests for L{smtpx.queue.nexthops}."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hooks import LookupLevel, RoutePolicy, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.reply import reply
from smtpx.core.stapled import StapleWish
from smtpx.dns.mailhosts import (
    IMailRouter,
    MailHost,
    MailHosts,
    ManualHost,
    Unroutable,
)
from smtpx.net.sending import Way
from smtpx.queue.nexthops import NextHops, TLSHosts

HOST = MailHost(b"mx.example.net", (b"192.0.2.1", b"2001:db8::1"))
FOUND = MailHosts((HOST, evolve(HOST, name=b"mx2.example.net", preference=10)))


@implementer(IMailRouter)
@define
class Router:
    """
    A router that finds the same hosts always.

    @ivar asked: what it was asked.
    @ivar answer: what it finds; or what it fails with.
    """

    answer: MailHosts | Exception = FOUND
    asked: list[object] = field(factory=list)

    def _answer(self, *question: object) -> Deferred[MailHosts]:
        self.asked.append(question)
        if isinstance(self.answer, MailHosts):
            return succeed(self.answer)
        return fail(self.answer)

    def byMX(self, domain: bytes) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return self._answer("mx", domain)

    def bySRV(self, domain: bytes) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return self._answer("srv", domain)

    def byHosts(
        self, hosts: Sequence[ManualHost], randomly: bool = False
    ) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return self._answer("hosts", tuple(hosts), randomly)


class FindTests(SynchronousTestCase):
    """Which hosts take a recipient's mail."""

    def found(self, hops: NextHops, domain: bytes = b"b.example") -> MailHosts:
        """What is found; the question stays in C{asked}."""
        router = Router()
        hosts = self.successResultOf(hops.find(router, domain))
        self.asked = router.asked
        return hosts

    def test_domain(self) -> None:
        """The DNS is asked for the hosts of the recipient's domain."""
        self.assertEqual(self.found(NextHops()), FOUND)
        self.assertEqual(self.asked, [("mx", b"b.example")])
        self.found(NextHops(bySRV=True))
        self.assertEqual(self.asked, [("srv", b"b.example")])

    def test_postmaster(self) -> None:
        """Who has no domain is at home."""
        self.found(NextHops(home=b"home.example"), b"")
        self.assertEqual(self.asked, [("mx", b"home.example")])

    def test_port(self) -> None:
        """Hosts of a domain may be at another port; SRV records say so themselves."""
        ports = [each.port for each in self.found(NextHops(port=2525)).hosts]
        self.assertEqual(ports, [2525, 2525])
        self.assertEqual(self.found(NextHops(port=2525, bySRV=True)), FOUND)

    def test_noWay(self) -> None:
        """Why there is no way is the router's to say."""
        error = Unroutable(reply(556, "5.1.10", b"Takes no mail"), "null MX")
        for hops in (NextHops(), NextHops(port=2525)):
            failed = hops.find(Router(error), b"b.example")
            self.assertIs(self.failureResultOf(failed).value, error)

    def test_named(self) -> None:
        """Hosts that the operator named are all that is asked for."""
        hosts = (ManualHost(b"a.example"), ManualHost(b"b.example"))
        self.found(NextHops(hosts, shuffle=True))
        self.assertEqual(self.asked, [("hosts", hosts, True)])

    def test_manual(self) -> None:
        """What comes from the DNS was not named by the operator."""
        host = ManualHost(b"a.example")
        self.assertTrue(NextHops((host,)).manual)
        self.assertFalse(NextHops((host, evolve(host, mx=True))).manual)
        self.assertFalse(NextHops().manual)


class ResumingTests(SynchronousTestCase):
    """Which hosts' sessions are resumed."""

    def test_listed(self) -> None:
        """Those in the list, by name or by address; and the level stays."""
        for item, resumes in (
            ("mx.example.net", True),
            ("192.0.2.1", True),
            ("other.example", False),
        ):
            hops = NextHops(tls=TLSHosts(resume=HostList.parse([item])))
            self.assertEqual(hops.wayTo(HOST).policy, RoutePolicy(resumes=resumes))
        verify = HostList.parse(["*"])
        hops = NextHops(tls=TLSHosts(verify=verify, resume=verify))
        self.assertEqual(
            hops.wayTo(HOST).policy, RoutePolicy(TLSLevel.VERIFIED, resumes=True)
        )


class OCSPTests(SynchronousTestCase):
    """Which hosts are asked for an OCSP response."""

    def policy(self, level: TLSLevel, **lists: Sequence[str]) -> RoutePolicy:
        """What the connection has to be."""
        hosts = {name: HostList.parse(each) for name, each in lists.items()}
        way = Way(policy=RoutePolicy(level))
        return NextHops(way=way, tls=TLSHosts(**hosts)).wayTo(HOST).policy

    def test_asked(self) -> None:
        """Those in the list; the level stays, and nobody demands anything."""
        for level in TLSLevel:
            policy = self.policy(level, askOCSP=["*.example.net"])
            self.assertEqual(policy, RoutePolicy(level, staple=StapleWish.ASKED))
            self.assertEqual(policy.demands, ())
        policy = self.policy(TLSLevel.VERIFIED, askOCSP=["other.example"])
        self.assertIs(policy.staple, StapleWish.NONE)

    def test_required(self) -> None:
        """A host that has to have one has to have a good certificate, too."""
        for level in TLSLevel:
            for more in ({}, {"askOCSP": ["*"]}, {"avoid": ["*"]}):
                policy = self.policy(level, requireOCSP=["192.0.2.1"], **more)
                expected = RoutePolicy(TLSLevel.VERIFIED, staple=StapleWish.REQUIRED)
                self.assertEqual(policy, expected)
                self.assertEqual(policy.demands[-1].rule, "hosts_require_ocsp")
        policy = self.policy(TLSLevel.ENCRYPTED, requireOCSP=["192.0.2.9"])
        self.assertEqual(policy, RoutePolicy(TLSLevel.ENCRYPTED))

    def test_lenient(self) -> None:
        """C{TLS-Required: No} does not set it aside (RFC 8689 section 4.2.2)."""
        hops = NextHops(tls=TLSHosts(requireOCSP=HostList.parse(["*"])))
        policy = hops.wayTo(HOST, Way(policy=RoutePolicy(lenient=True))).policy
        self.assertFalse(policy.lenient)
        self.assertIs(policy.staple, StapleWish.REQUIRED)


class WayTests(SynchronousTestCase):
    """How to talk to a host."""

    def level(self, level: TLSLevel, **lists: Sequence[str]) -> TLSLevel:
        """What TLS has to be."""
        hosts = {name: HostList.parse(each) for name, each in lists.items()}
        way = Way(policy=RoutePolicy(level, LookupLevel.MTASTS), name=b"x.example")
        made = NextHops(way=way, tls=TLSHosts(**hosts)).wayTo(HOST)
        policy = evolve(made.policy, tls=level)
        self.assertEqual(evolve(made, policy=policy), way)
        return made.policy.tls

    def test_asTheRouteSays(self) -> None:
        """Without lists the route decides."""
        for level in TLSLevel:
            self.assertIs(self.level(level, avoid=["other.example"]), level)

    def test_avoided(self) -> None:
        """TLS is avoided where the route leaves it to us, and nobody requires it."""
        for level in TLSLevel:
            expected = level
            if level is TLSLevel.OPPORTUNISTIC:
                expected = TLSLevel.UNWANTED
            self.assertIs(self.level(level, avoid=["*.example.net"]), expected)
        both = {"avoid": ["*"], "require": ["192.0.2.1"]}
        self.assertIs(self.level(TLSLevel.OPPORTUNISTIC, **both), TLSLevel.ENCRYPTED)

    def test_whatTheMessageWants(self) -> None:
        """A message that wants more is not sent with less."""
        hops = NextHops(tls=TLSHosts(avoid=HostList.parse(["*"])))
        way = Way(policy=RoutePolicy(TLSLevel.VERIFIED))
        self.assertIs(hops.wayTo(HOST, way), way)
        self.assertIs(hops.wayTo(HOST).policy.tls, TLSLevel.UNWANTED)

    def test_required(self) -> None:
        """A listed host gets nothing without TLS, whatever the route says."""
        for level in TLSLevel:
            made = self.level(level, require=["MX.example.net"])
            self.assertIs(made, max(level, TLSLevel.ENCRYPTED))
            made = self.level(level, verify=["2001:db8::/32"])
            self.assertIs(made, TLSLevel.VERIFIED)

    def test_remembered(self) -> None:
        """Many messages that want the same go the very same way."""
        hops = NextHops(tls=TLSHosts(avoid=HostList.parse(["*"])))
        found = hops.wayTo(HOST)
        self.assertIs(hops.wayTo(HOST), found)
        # What another message wants is found out anew, and so is another host's.
        more = hops.wayTo(HOST, Way(policy=RoutePolicy(TLSLevel.VERIFIED)))
        self.assertIs(more.policy.tls, TLSLevel.VERIFIED)
        self.assertEqual(hops.wayTo(HOST), found)
        for number in range(1100):
            hops.wayTo(evolve(HOST, name=b"mx%d.example" % number))
        self.assertEqual(hops.wayTo(HOST), found)

    def test_lookUps(self) -> None:
        """A list with a look-up in it is asked each time."""
        listed: list[bytes] = []
        avoid = HostList.parse(["lookup:clear"]).asking(
            {"clear": lambda key: key in listed}
        )
        hops = NextHops(tls=TLSHosts(avoid=avoid))
        self.assertIs(hops.wayTo(HOST).policy.tls, TLSLevel.OPPORTUNISTIC)
        listed.append(HOST.name)
        self.assertIs(hops.wayTo(HOST).policy.tls, TLSLevel.UNWANTED)
