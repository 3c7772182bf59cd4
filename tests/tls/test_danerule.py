"""
Tests of L{smtpx.tls.danerule}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.demands import Demand, Source
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.tlsa import TLSA
from smtpx.tls.danerule import DANERule, Found, Records
from smtpx.tls.rules import Hop, IRule, Undecided

HOP = Hop(
    b"mx.example.org",
    (b"192.0.2.1",),
    domains=(b"example.org",),
    canonical=b"mx.example.org",
    namesAuthentic=True,
    authentic=True,
)
ALIAS = evolve(HOP, canonical=b"mail.example.net")

OWN = TLSA(3, 1, 1, b"x" * 32)
AUTHORITY = TLSA(2, 0, 1, b"y" * 32)
PKIX = TLSA(1, 1, 1, b"z" * 32)

ALL, NONE = HostList.parse(["*"]), HostList()


@define
class Zone:
    """
    What the DNS has.

    @ivar asked: the names that were asked for, with C{?} before those of aliases.
    """

    names: dict[bytes, Found | str] = field(factory=dict)
    asked: list[bytes] = field(factory=list)

    def tlsa(self, name: bytes) -> Deferred[Found]:
        """Ask for TLSA records."""
        self.asked.append(name)
        return self._answer(name)

    def alias(self, name: bytes) -> Deferred[Found]:
        """Ask for an alias."""
        self.asked.append(b"?" + name)
        return self._answer(b"?" + name)

    def _answer(self, name: bytes) -> Deferred[Found]:
        found = self.names.get(name, Found((), True))
        return fail(Undecided(found)) if isinstance(found, str) else succeed(found)


class DANERuleTests(SynchronousTestCase):
    """
    Tests of L{DANERule}.
    """

    def setUp(self) -> None:
        """C{mx.example.org} has a record."""
        self.zone = Zone({b"_25._tcp.mx.example.org": Found((OWN,), True)})

    def rule(self, tried: HostList = ALL, required: HostList = NONE) -> DANERule:
        """The rule."""
        return DANERule(Records(self.zone.tlsa, self.zone.alias), tried, required)

    def demands(self, hop: Hop = HOP, rule: DANERule | None = None) -> Sequence[Demand]:
        """What it demands."""
        found = (rule or self.rule()).demands(hop)
        return self.successResultOf(found) if isinstance(found, Deferred) else found

    def refused(self, hop: Hop) -> tuple[str, Flaw]:
        """Why a host that has to have DANE has none."""
        [demand] = self.demands(hop, self.rule(required=ALL))
        assert demand.refused is not None
        self.assertIs(demand.by, Source.OPERATOR)
        self.assertIs(demand.level, TLSLevel.VERIFIED)
        return demand.refused, demand.flaw

    def undecided(self, hop: Hop = HOP) -> str:
        """Why it cannot tell."""
        found = self.rule().demands(hop)
        assert isinstance(found, Deferred)
        return str(self.failureResultOf(found, Undecided).value)

    def test_interface(self) -> None:
        """It is a rule, and does not part domains."""
        rule = self.rule()
        verifyObject(IRule, rule)
        self.assertFalse(rule.apart(b"example.org"))

    def test_recordsThatCanBeUsed(self) -> None:
        """
        RFC 7672 section 2.2: records that are signed and usable have to be matched.
        """
        [demand] = self.demands()
        self.assertIs(demand.level, TLSLevel.VERIFIED)
        self.assertIs(demand.by, Source.DOMAIN)
        assert demand.dane is not None
        self.assertEqual(demand.dane.base, b"mx.example.org")
        self.assertEqual(demand.dane.records, (OWN,))
        self.assertEqual(
            demand.why,
            "there are TLSA records at _25._tcp.mx.example.org: 3 1 1 7878787878787878"
            "...",
        )

    def test_realPortIsAsked(self) -> None:
        """RFC 7672 section 2.2.3: records stand under the port that is connected to."""
        self.assertEqual(self.demands(evolve(HOP, port=2525)), ())
        self.assertEqual(self.zone.asked, [b"_2525._tcp.mx.example.org"])

    def test_recordsThatCannotBeUsed(self) -> None:
        """RFC 7672 section 2.2: with such records, TLS is a must, and no more."""
        self.zone.names[b"_25._tcp.mx.example.org"] = Found((PKIX,), True)
        [demand] = self.demands()
        self.assertIs(demand.level, TLSLevel.ENCRYPTED)
        self.assertIsNone(demand.dane)
        self.assertIsNone(demand.refused)

    def test_recordsThatAreNotSigned(self) -> None:
        """Records that anybody may have made up demand nothing."""
        self.zone.names[b"_25._tcp.mx.example.org"] = Found((OWN,), False)
        self.assertEqual(self.demands(), ())

    def test_noRecords(self) -> None:
        """That there are none, signed or not, demands nothing."""
        for authentic in (True, False):
            self.zone.names[b"_25._tcp.mx.example.org"] = Found((), authentic)
            self.assertEqual(self.demands(), ())

    def test_lookUpThatFails(self) -> None:
        """
        RFC 7672 section 2.2: whatever goes wrong with the look-up, the host is left
        alone; it never gets mail with less protection.
        """
        self.zone.names[b"_25._tcp.mx.example.org"] = "SERVFAIL"
        self.assertEqual(self.undecided(), "SERVFAIL")

    def test_addressesThatCouldNotBeLookedUp(self) -> None:
        """
        RFC 7672 section 2.2.2: where only some addresses could be looked up, nobody
        knows whether the host is in a signed zone: no answer is no way around DANE.
        """
        hop = evolve(HOP, authentic=False, uncertain=True)
        self.assertIn("could not all be looked up", self.undecided(hop))
        self.assertEqual(self.zone.asked, [])
        self.assertIs(self.refused(hop)[1], Flaw.DNSSEC)

    def test_tooMuchToDo(self) -> None:
        """That nobody was asked, for want of time, is no fault of the domain's."""
        hop = evolve(HOP, authentic=False, uncertain=True, busy=True)
        self.assertIn("could not all be looked up", self.undecided(hop))
        self.assertIs(self.refused(hop)[1], Flaw.BUSY)

    def test_unsignedZonesAreLeftAlone(self) -> None:
        """
        Nothing is asked about a host of a domain that is not signed (RFC 7672 section
        2.2.1), with addresses that are not (section 2.2.2), or without a name.
        """
        for hop in (
            evolve(HOP, namesAuthentic=False),
            evolve(HOP, authentic=False),
            evolve(HOP, host=b"[192.0.2.1]"),
        ):
            self.assertEqual(self.demands(hop), ())
        self.assertEqual(self.zone.asked, [])

    def test_hostsThatTheOperatorNames(self) -> None:
        """A host that the operator named needs no MX records (section 2.2.2)."""
        hop = evolve(HOP, namesAuthentic=False, manual=True)
        self.assertEqual(len(self.demands(hop)), 1)

    def test_onlyListedHosts(self) -> None:
        """The operator says which hosts are asked about, by name or address."""
        for listed, count in ((["mx.example.org"], 1), (["192.0.2.1"], 1), (["!*"], 0)):
            rule = self.rule(HostList.parse(listed))
            self.assertEqual(len(self.demands(HOP, rule)), count)

    # --- aliases --------------------------------------------------------------------

    def test_aliasIsFollowedFirst(self) -> None:
        """
        RFC 7672 section 2.2.3: where the host is an alias, the name at its end comes
        first, and then the one at its beginning.
        """
        self.zone.names[b"_25._tcp.mail.example.net"] = Found((AUTHORITY,), True)
        [demand] = self.demands(ALIAS)
        assert demand.dane is not None
        self.assertEqual(demand.dane.base, b"mail.example.net")
        self.assertEqual(self.zone.asked, [b"_25._tcp.mail.example.net"])

    def test_aliasWithoutRecords(self) -> None:
        """Where its end has none that are signed, its beginning has a say."""
        for found in (Found((), True), Found((AUTHORITY,), False)):
            self.zone.names[b"_25._tcp.mail.example.net"] = found
            [demand] = self.demands(ALIAS)
            assert demand.dane is not None
            self.assertEqual(demand.dane.base, b"mx.example.org")

    def test_aliasThatFails(self) -> None:
        """An error at its end is none of nothing being there."""
        self.zone.names[b"_25._tcp.mail.example.net"] = "timeout"
        self.assertEqual(self.undecided(ALIAS), "timeout")

    def test_aliasThatLeadsOut(self) -> None:
        """
        RFC 7672 section 2.2.2: where an alias leads to a zone that is not signed, but
        is signed itself, its own name has a say; otherwise nobody has.
        """
        hop = evolve(ALIAS, authentic=False)
        self.zone.names[b"?mx.example.org"] = Found((), True, alias=True)
        self.assertEqual(len(self.demands(hop)), 1)
        asked = [b"?mx.example.org", b"_25._tcp.mx.example.org"]
        self.assertEqual(self.zone.asked, asked)
        for found in (Found((), False, alias=True), Found((), True)):
            self.zone.names[b"?mx.example.org"] = found
            self.assertEqual(self.demands(hop), ())
        self.zone.names[b"?mx.example.org"] = "SERVFAIL"
        self.assertEqual(self.undecided(hop), "SERVFAIL")

    # --- names ----------------------------------------------------------------------

    def names(self, hop: Hop) -> frozenset[frozenset[bytes]]:
        """For whom the certificate may be, where an authority is published."""
        self.zone.names[b"_25._tcp.mx.example.org"] = Found((AUTHORITY,), True)
        [demand] = self.demands(hop)
        assert demand.dane is not None
        return demand.dane.names

    def test_namesOfAuthoritiesRecords(self) -> None:
        """
        RFC 7672 section 3.2.2: the host, the domain, and what the domain is an alias
        of; of several domains, all.
        """
        host = b"mx.example.org"
        both = evolve(
            HOP,
            domains=(b"example.org", b"example.com"),
            expanded=(b"example.org", b"example.net"),
        )
        self.assertEqual(
            self.names(both),
            {
                frozenset({host, b"example.org"}),
                frozenset({host, b"example.com", b"example.net"}),
            },
        )
        self.assertEqual(self.names(HOP), {frozenset({host, b"example.org"})})

    def test_namesOfHostsThatTheOperatorNames(self) -> None:
        """The recipient's domain is none of a host's that the operator named."""
        self.assertEqual(self.names(evolve(HOP, manual=True)), {frozenset({HOP.host})})
        self.assertEqual(self.names(evolve(HOP, domains=())), {frozenset({HOP.host})})

    def test_namesDoNotMatterWithoutAuthorities(self) -> None:
        """
        RFC 7672 section 3.1.1: connections are shared by domains, where names do not
        count.
        """
        [demand] = self.demands()
        assert demand.dane is not None
        self.assertEqual(demand.dane.names, frozenset())

    # --- hosts that have to have it -------------------------------------------------

    def test_requiredAndThere(self) -> None:
        """What the operator requires is his own demand."""
        [demand] = self.demands(HOP, self.rule(HostList(), ALL))
        self.assertIsNone(demand.refused)
        self.assertIs(demand.by, Source.OPERATOR)

    def test_requiredAndMissing(self) -> None:
        """
        RFC 7672 section 6: without records that can be used, such a host gets nothing.
        """
        for hop, found, why, flaw in (
            (HOP, Found((), True), "it has no TLSA records", Flaw.NO_DANE),
            (HOP, Found((OWN,), False), "it has no TLSA records", Flaw.NO_DANE),
            (HOP, Found((PKIX,), True), "no TLSA record of", Flaw.NO_DANE),
            (HOP, "SERVFAIL", "SERVFAIL", Flaw.DNSSEC),
            (evolve(HOP, namesAuthentic=False), "", "not proven", Flaw.NO_DANE),
            (evolve(HOP, authentic=False), "", "no TLSA records", Flaw.NO_DANE),
            (evolve(HOP, host=b"[192.0.2.1]"), "", "its address", Flaw.NO_DANE),
        ):
            self.zone.names[b"_25._tcp.mx.example.org"] = found
            told, kind = self.refused(hop)
            self.assertIn(why, told)
            self.assertIs(kind, flaw)
