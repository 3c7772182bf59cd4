"""
Tests for L{smtpx.dns.router}: hosts that the operator names, and what DNSSEC proves.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from smtpx.dns.mailhosts import MailHost, MailHosts, ManualHost

from .routed import RouterTests


class ManualTests(RouterTests):
    """Hosts that the operator named."""

    def byHosts(self, *texts: str, randomly: bool = False) -> Deferred[MailHosts]:
        """The hosts that entries of the configuration lead to."""
        hosts = tuple(ManualHost.parse(text) for text in texts)
        return self.router.byHosts(hosts, randomly)

    def test_inTheirOrder(self) -> None:
        """Each is tried before the next one; their MX records do not matter."""
        found = self.byHosts("alone.test:26", "[192.0.2.7]:2525", "mx1.example.org")
        self.assertEqual(
            self.found(found),
            [
                (b"alone.test", 26, {b"192.0.2.3"}),
                (b"[192.0.2.7]", 2525, {b"192.0.2.7"}),
                (b"mx1.example.org", 25, {b"192.0.2.1", b"2001:db8::1"}),
            ],
        )
        self.assertEqual(list(self.resolver.questions("MX")), [])

    def test_randomly(self) -> None:
        """They may be equal."""
        hosts = self.byHosts("alone.test", "mx2.example.org", randomly=True)
        self.assertEqual(
            {each.preference for each in self.successResultOf(hosts).hosts}, {0}
        )

    def test_mailHostsOfADomain(self) -> None:
        """With C{/mx} they are the mail hosts of a domain, at the route's port."""
        hosts = self.successResultOf(
            self.byHosts("alone.test", "example.org:26/mx", "[192.0.2.7]")
        ).hosts
        self.assertEqual(
            [(each.name, each.port, each.preference) for each in hosts],
            [
                (b"alone.test", 25, 0),
                (b"mx1.example.org", 26, 1),
                (b"mx2.example.org", 26, 2),
                (b"[192.0.2.7]", 25, 3),
            ],
        )

    def test_nextHops(self) -> None:
        """
        Each knows what the operator named: itself, or a domain, which may be an alias.
        Those that the recipient's domain has know nothing.
        """
        hosts = self.successResultOf(
            self.byHosts("alone.test", "example.org/mx", "alias.test/mx", "[192.0.2.7]")
        ).hosts
        self.assertEqual(
            [(each.name, each.nextHop) for each in hosts],
            [
                (b"alone.test", ()),
                (b"mx1.example.org", (b"example.org", b"example.org")),
                (b"mx2.example.org", (b"example.org", b"example.org")),
                (b"mx1.example.org", (b"alias.test", b"example.org")),
                (b"mx2.example.org", (b"alias.test", b"example.org")),
                (b"[192.0.2.7]", ()),
            ],
        )
        found = self.successResultOf(self.router.byMX(b"example.org"))
        self.assertEqual({each.nextHop for each in found.hosts}, {None})

    def test_ownAddressesAreTheOperatorsToName(self) -> None:
        """What is ignored in the DNS is not ignored where the operator named it."""
        self.router = self.makeRouter([b"192.0.2.3", b"192.0.2.7"])
        self.assertEqual(len(self.found(self.byHosts("alone.test"))), 1)
        self.assertEqual(len(self.found(self.byHosts("[192.0.2.7]"))), 1)

    def test_someAreMissing(self) -> None:
        """Those without an address are passed over, whatever the reason."""
        self.resolver.fail(b"mx1.example.org", "A")
        self.resolver.fail(b"mx1.example.org", "AAAA")
        found = self.byHosts("nowhere.test", "nowhere.test/mx", "mx1.example.org")
        self.assertEqual(self.refused(found), "451 4.4.4")
        found = self.byHosts("nowhere.test", "null.test/mx", "mx2.example.org")
        self.assertEqual(self.names(found), [b"mx2.example.org"])

    def test_slipOfThePen(self) -> None:
        """A host that does not exist loses no mail: the operator can mend it."""
        for text in ("nowhere.test", "nowhere.test/mx", "null.test/mx", "nothing.test"):
            self.assertEqual(self.refused(self.byHosts(text)), "451 4.4.4", text)

    def test_loop(self) -> None:
        """We and what comes after us are left out; alone we are a slip, too."""
        self.us.ours = ((b"192.0.2.3", 2525), (b"192.0.2.7", 26))
        self.assertEqual(self.refused(self.byHosts("alone.test:2525")), "451 4.4.6")
        self.assertEqual(self.refused(self.byHosts("[192.0.2.7]:26")), "451 4.4.6")
        self.assertEqual(len(self.found(self.byHosts("[192.0.2.7]:27"))), 1)
        found = self.byHosts("mx2.example.org", "alone.test:2525", "mx1.example.org")
        self.assertEqual(self.names(found), [b"mx2.example.org"])

    def test_beyondASCII(self) -> None:
        """A name beyond ASCII is asked for by its A-labels."""
        self.add("xn--bcher-kva.example A 192.0.2.4")
        self.assertEqual(
            self.names(self.byHosts("b\u00fccher.example")), [b"xn--bcher-kva.example"]
        )


class AuthenticityTests(RouterTests):
    """What DNSSEC proves."""

    def setUp(self) -> None:
        """Everything is proven."""
        super().setUp()
        self.resolver.authentic = True

    def proven(
        self, looking: Deferred[MailHosts]
    ) -> tuple[bool, bool, tuple[bool, ...]]:
        """All of it, the names, and each host."""
        found = self.successResultOf(looking)
        hosts = tuple(each.authentic for each in found.hosts)
        return found.authentic, found.namesAuthentic, hosts

    def test_everything(self) -> None:
        """Where all answers are proven, all is; nothing of a resolver without."""
        for domain in (b"example.org", b"alias.test"):
            proven = self.proven(self.router.byMX(domain))
            self.assertEqual(proven, (True, True, (True, True)))
        self.assertEqual(
            self.proven(self.router.byMX(b"alone.test")), (True, True, (True,))
        )
        self.resolver.authentic = False
        self.assertEqual(
            self.proven(self.router.byMX(b"alone.test")), (False, False, (False,))
        )

    def test_oneHostIsNot(self) -> None:
        """The addresses of one host say nothing about those of another."""
        self.resolver.insecure(b"mx2.example.org")
        self.assertEqual(
            self.proven(self.router.byMX(b"example.org")), (False, True, (True, False))
        )

    def test_namesAreNot(self) -> None:
        """Hosts that an unproven MX names are proven to have their addresses."""
        self.resolver.insecure(b"example.org")
        self.assertEqual(
            self.proven(self.router.byMX(b"example.org")), (False, False, (True, True))
        )

    def test_eachDomainByItself(self) -> None:
        """A domain that is not proven takes nothing from one beside it that is."""
        self.resolver.insecure(b"alone.test")
        for texts, expected in (
            (
                ("example.org/mx", "alone.test/mx"),
                {b"mx1.example.org": True, b"mx2.example.org": True}
                | {b"alone.test": False},
            ),
            (("mx1.example.org",), {b"mx1.example.org": None}),
        ):
            hosts = [ManualHost.parse(text) for text in texts]
            found = self.successResultOf(self.router.byHosts(hosts)).hosts
            self.assertEqual({each.name: each.named for each in found}, expected)

    def test_noSRVHasToBeProven(self) -> None:
        """That there is no SRV record is a part of it."""
        self.assertTrue(self.proven(self.router.bySRV(b"example.org"))[1])
        self.resolver.insecure(b"_smtp._tcp.example.org")
        self.assertFalse(self.proven(self.router.bySRV(b"example.org"))[1])

    def test_oneFamilyFails(self) -> None:
        """A family that could not be looked up proves nothing."""
        self.resolver.fail(b"mx1.example.org", "AAAA")
        self.assertEqual(
            self.proven(self.router.byMX(b"example.org")), (False, True, (False, True))
        )

    def test_tooManyQuestions(self) -> None:
        """Where nobody was asked, that is known, too."""
        for put in (self.resolver.fail, self.resolver.putOff):
            put(b"mx1.example.org", "AAAA")
            found = self.successResultOf(self.router.byMX(b"example.org"))
            host = next(each for each in found.hosts if each.name == b"mx1.example.org")
            busy = put == self.resolver.putOff
            self.assertEqual((host.uncertain, host.busy), (True, busy))

    def test_manual(self) -> None:
        """Names are proven by the operator's hand, but not those of C{/mx}."""
        self.resolver.insecure(b"example.org")
        hosts = [ManualHost(b"alone.test"), ManualHost(b"[192.0.2.7]")]
        self.assertEqual(
            self.proven(self.router.byHosts(hosts)), (False, True, (True, False))
        )
        hosts = [ManualHost(b"example.org", 25, True)]
        self.assertFalse(self.proven(self.router.byHosts(hosts))[1])

    def test_valuesAreTheSame(self) -> None:
        """Two look-ups of the same make equal values."""
        one = self.successResultOf(self.router.byMX(b"alone.test"))
        self.assertEqual(one, self.successResultOf(self.router.byMX(b"alone.test")))
        self.assertEqual(
            one.hosts,
            (
                MailHost(
                    b"alone.test",
                    (b"192.0.2.3",),
                    canonical=b"alone.test",
                    authentic=True,
                ),
            ),
        )
