"""Tests for L{smtpx.dns.router}: hosts that the DNS names."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from smtpx.dns.mailhosts import IMailRouter, Unroutable
from smtpx.dns.router import MailRouter

from .routed import RouterTests


class MXTests(RouterTests):
    """Hosts by MX records (RFC 5321 section 5.1)."""

    def test_interface(self) -> None:
        """It is a router."""
        verifyObject(IMailRouter, self.router)

    def test_best(self) -> None:
        """Hosts stand in the order of their preferences, with all addresses."""
        self.assertEqual(
            self.found(self.router.byMX(b"Example.ORG")),
            [
                (b"mx1.example.org", 25, {b"192.0.2.1", b"2001:db8::1"}),
                (b"mx2.example.org", 25, {b"192.0.2.2"}),
            ],
        )

    def test_implicit(self) -> None:
        """A domain without MX records is its own mail host."""
        self.assertEqual(
            self.found(self.router.byMX(b"alone.test")),
            [(b"alone.test", 25, {b"192.0.2.3"})],
        )

    def test_aliasOfADomain(self) -> None:
        """An alias is treated as what it stands for."""
        self.assertEqual(
            self.names(self.router.byMX(b"alias.test")),
            [b"mx1.example.org", b"mx2.example.org"],
        )
        self.assertEqual(self.names(self.router.byMX(b"lonely.test")), [b"alone.test"])

    def test_sameHostsSameKey(self) -> None:
        """What waits for one domain waits for the same hosts as for the other."""
        one = self.successResultOf(self.router.byMX(b"alias.test"))
        other = self.successResultOf(self.router.byMX(b"example.org"))
        self.assertEqual(one.key, other.key)
        self.assertEqual(one.key, b"mx1.example.org;mx2.example.org")

    def test_nullMX(self) -> None:
        """A domain with a null MX takes no mail (RFC 7505)."""
        self.assertEqual(self.refused(self.router.byMX(b"null.test")), "556 5.1.10")

    def test_nullMXAmongOthers(self) -> None:
        """A null MX beside others is a mistake, and passed over."""
        self.add("mixed.test MX 0 .", "mixed.test MX 10 mx1.example.org")
        self.assertEqual(
            self.names(self.router.byMX(b"mixed.test")), [b"mx1.example.org"]
        )

    def test_noSuchDomain(self) -> None:
        """A domain that does not exist is a failure for good, and so is no name."""
        for domain in (
            b"nowhere.test",
            b"a..test",
            b"\xff.test",
            "\u2603.test".encode(),
        ):
            self.assertEqual(
                self.refused(self.router.byMX(domain)), "550 5.1.2", domain
            )

    def test_neitherHostNorAddress(self) -> None:
        """So is one without MX records and addresses, and its addresses are asked."""
        self.assertEqual(self.refused(self.router.byMX(b"nothing.test")), "550 5.1.2")
        self.assertIn((b"nothing.test", "AAAA"), self.resolver.asked)

    def test_lookUpFails(self) -> None:
        """Where nobody knows, it is tried again; no address is asked for."""
        self.resolver.fail(b"alone.test", "MX", "192.0.2.53: SERVFAIL")
        failing = self.router.byMX(b"alone.test")
        error = self.failureResultOf(failing, Unroutable).value
        self.assertEqual(str(error), "192.0.2.53: SERVFAIL")
        self.assertEqual(error.reply.octets[:9], b"451 4.4.3")
        self.assertNotIn(b"192.0.2.53", error.reply.octets)
        self.assertEqual(self.resolver.asked, [(b"alone.test", "MX")])

    def test_hostWithoutAddress(self) -> None:
        """A host without an address is passed over."""
        self.add("some.test MX 5 gone.example.org", "some.test MX 10 mx2.example.org")
        self.assertEqual(
            self.names(self.router.byMX(b"some.test")), [b"mx2.example.org"]
        )

    def test_noHostHasAnAddress(self) -> None:
        """If none has one, it is a failure for good; the domain's own is not used."""
        self.add(
            "some.test MX 5 gone.example.org",
            "some.test MX 5 nothing.test",
            "some.test A 192.0.2.7",
        )
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "550 5.4.4")

    def test_hostThatNobodyKnows(self) -> None:
        """If one of them may have one, it is tried again."""
        self.add("some.test MX 5 gone.example.org", "some.test MX 6 mx2.example.org")
        self.resolver.fail(b"mx2.example.org", "AAAA")
        self.resolver.remove(b"mx2.example.org", "A")
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "451 4.4.3")

    def test_oneHostThatNobodyKnows(self) -> None:
        """The others will do, and it is told that there is one more."""
        self.add("some.test MX 5 mx1.example.org", "some.test MX 6 mx2.example.org")
        hosts = self.successResultOf(self.router.byMX(b"some.test"))
        self.assertFalse(hosts.partial)
        for kind in ("A", "AAAA"):
            self.resolver.fail(b"mx2.example.org", kind)
        hosts = self.successResultOf(self.router.byMX(b"some.test"))
        self.assertEqual([each.name for each in hosts.hosts], [b"mx1.example.org"])
        self.assertTrue(hosts.partial)

    def test_oneFamilyFails(self) -> None:
        """The addresses of the other family will do."""
        self.resolver.fail(b"mx1.example.org", "AAAA")
        self.assertEqual(
            self.found(self.router.byMX(b"example.org"))[0],
            (b"mx1.example.org", 25, {b"192.0.2.1"}),
        )

    def test_hostIsAnAlias(self) -> None:
        """RFC 5321 forbids an MX that names an alias; it is followed all the same."""
        self.add("some.test MX 5 m.some.test", "m.some.test CNAME mx1.example.org")
        host = self.successResultOf(self.router.byMX(b"some.test")).hosts[0]
        self.assertEqual(
            (host.name, host.canonical), (b"m.some.test", b"mx1.example.org")
        )
        self.assertIn(b"192.0.2.1", host.addresses)

    def test_hostIsAnAddress(self) -> None:
        """An MX that names an address is passed over, and nobody is asked."""
        self.add("some.test MX 5 192.0.2.1", "some.test MX 9 mx2.example.org")
        self.assertEqual(
            self.names(self.router.byMX(b"some.test")), [b"mx2.example.org"]
        )
        self.assertNotIn(b"192.0.2.1", list(self.resolver.questions("A")))
        self.add("other.test MX 5 192.0.2.1", "other.test MX 7 -bad-.test")
        self.assertEqual(self.refused(self.router.byMX(b"other.test")), "550 5.4.4")

    def test_sameHostTwice(self) -> None:
        """A host that is named twice counts once, where it is best."""
        self.add("some.test MX 9 mx1.example.org", "some.test MX 5 mx1.example.org")
        hosts = self.successResultOf(self.router.byMX(b"some.test")).hosts
        self.assertEqual([each.preference for each in hosts], [5])

    def test_manyHosts(self) -> None:
        """Only the best hosts are looked up, and so many addresses of each."""
        for n in range(50):
            self.add(f"many.test MX {50 - n} h{n}.many.test")
            self.add(f"h{n}.many.test A 198.51.100.{n}")
            self.add(f"h49.many.test A 203.0.113.{n}")
            self.add(f"h49.many.test AAAA 2001:db8::{n:x}")
        hosts = self.successResultOf(self.router.byMX(b"many.test")).hosts
        self.assertEqual(
            [each.name for each in hosts],
            [b"h%d.many.test" % n for n in range(49, 29, -1)],
        )
        self.assertEqual(len(hosts[0].addresses), 16)
        self.assertEqual(sum(b":" in address for address in hosts[0].addresses), 8)
        self.assertEqual(len(self.resolver.asked), 1 + 2 * 20)

    def test_beyondASCII(self) -> None:
        """A domain with U-labels is asked for by its A-labels (RFC 6531)."""
        self.add("xn--bcher-kva.example MX 1 mx1.example.org")
        self.assertEqual(
            self.names(self.router.byMX("b\u00fccher.example".encode())),
            [b"mx1.example.org"],
        )

    def test_nobodysAddresses(self) -> None:
        """Addresses that no host can have are passed over."""
        self.add(
            "some.test MX 1 a.some.test",
            "some.test MX 2 mx2.example.org",
            "a.some.test A 0.0.0.0",
            "a.some.test A 255.255.255.255",
            "a.some.test A 224.0.0.1",
            "a.some.test AAAA ::",
            "a.some.test AAAA ::ffff:0.0.0.0",
            "a.some.test AAAA ::ffff:255.255.255.255",
        )
        self.assertEqual(
            self.names(self.router.byMX(b"some.test")), [b"mx2.example.org"]
        )

    def test_ignoredAddresses(self) -> None:
        """And those that the operator wants ignored; without a word, none."""
        plain = MailRouter(self.resolver, self.us)
        self.assertEqual(len(self.found(plain.byMX(b"example.org"))), 2)
        router = self.makeRouter([b"192.0.2.1", b"192.0.2.3"])
        self.assertEqual(
            self.found(router.byMX(b"example.org"))[0],
            (b"mx1.example.org", 25, {b"2001:db8::1"}),
        )
        self.assertEqual(self.refused(router.byMX(b"alone.test")), "550 5.1.2")

    def test_cancelled(self) -> None:
        """Whoever does not want to know any more ends all questions."""
        for name, kind in ((b"example.org", "MX"), (b"mx1.example.org", "A")):
            self.resolver.hold(name, kind)
            looking = self.router.byMX(b"example.org")
            self.assertNoResult(looking)
            looking.cancel()
            self.failureResultOf(looking, CancelledError)
            self.resolver.release(name, kind)


class LiteralTests(RouterTests):
    """Recipients at an address."""

    def test_addresses(self) -> None:
        """The host is the address; nobody is asked."""
        self.assertEqual(
            self.found(self.router.byMX(b"[192.0.2.7]")),
            [(b"[192.0.2.7]", 25, {b"192.0.2.7"})],
        )
        self.assertEqual(
            self.found(self.router.bySRV(b"[IPv6:2001:DB8::7]")),
            [(b"[IPv6:2001:db8::7]", 25, {b"2001:db8::7"})],
        )
        self.assertEqual(self.resolver.asked, [])

    def test_refused(self) -> None:
        """Other literals, nobody's and our own addresses lead nowhere."""
        for domain, expected in (
            (b"[x400:a]", "550 5.1.2"),
            (b"[0.0.0.0]", "550 5.1.2"),
            (b"[192.0.2.99]", "554 5.4.6"),
        ):
            self.assertEqual(self.refused(self.router.byMX(domain)), expected, domain)

    def test_ignored(self) -> None:
        """So do those that the operator wants ignored."""
        router = self.makeRouter([b"192.0.2.7"])
        self.assertEqual(self.refused(router.byMX(b"[192.0.2.7]")), "550 5.1.2")


class LoopTests(RouterTests):
    """Where this server is among the hosts (RFC 5321 section 5.1)."""

    def test_weAreTheBest(self) -> None:
        """If we are the best, mail would come back: it is refused."""
        self.add("some.test MX 5 us.example.org", "some.test MX 10 mx1.example.org")
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "554 5.4.6")

    def test_backup(self) -> None:
        """Where others are better, only those are taken."""
        self.add(
            "some.test MX 5 mx1.example.org",
            "some.test MX 10 us.example.org",
            "some.test MX 10 mx2.example.org",
            "some.test MX 20 mx2.example.org",
        )
        self.assertEqual(
            self.names(self.router.byMX(b"some.test")), [b"mx1.example.org"]
        )

    def test_byAddress(self) -> None:
        """We are known by our address, whatever the name."""
        self.add("sneaky.test A 192.0.2.99", "sneaky.test AAAA 2001:db8::7")
        self.assertEqual(self.refused(self.router.byMX(b"sneaky.test")), "554 5.4.6")

    def test_backupOfAHostThatNobodyKnows(self) -> None:
        """A backup waits while the better hosts cannot be looked up."""
        self.add("some.test MX 5 gone.some.test", "some.test MX 10 us.example.org")
        self.resolver.fail(b"gone.some.test", "A")
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "451 4.4.3")
        self.resolver.recover(b"gone.some.test", "A")
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "550 5.4.4")


class SRVTests(RouterTests):
    """Hosts by SRV records (RFC 2782)."""

    def test_records(self) -> None:
        """Priority, weight and port are those of the records."""
        self.add(
            "_smtp._tcp.s.test SRV 20 0 25 mx2.example.org",
            "_smtp._tcp.s.test SRV 10 7 2525 mx1.example.org",
        )
        hosts = self.successResultOf(self.router.bySRV(b"s.test"))
        self.assertEqual(
            [(h.name, h.port, h.preference, h.weight) for h in hosts.hosts],
            [(b"mx1.example.org", 2525, 10, 7), (b"mx2.example.org", 25, 20, 0)],
        )
        self.assertEqual(hosts.key, b"mx1.example.org:2525*7;mx2.example.org")

    def test_targetIsAnAlias(self) -> None:
        """A target that is an alias, which RFC 2782 forbids, is followed."""
        self.add(
            "_smtp._tcp.s.test SRV 0 0 26 alias.s.test",
            "alias.s.test CNAME real.s.test",
            "real.s.test A 192.0.2.8",
        )
        self.assertEqual(
            self.found(self.router.bySRV(b"s.test")),
            [(b"alias.s.test", 26, {b"192.0.2.8"})],
        )

    def test_recordsUnderAnAlias(self) -> None:
        """So is an alias in place of the SRV records."""
        self.add(
            "_smtp._tcp.s.test CNAME _smtp._tcp.r.test",
            "_smtp._tcp.r.test SRV 0 0 26 mx2.example.org",
        )
        self.assertEqual(self.names(self.router.bySRV(b"s.test")), [b"mx2.example.org"])

    def test_aliasToNowhere(self) -> None:
        """An alias of SRV records that leads nowhere is as none: MX counts."""
        self.add(
            "_smtp._tcp.example.org CNAME gone.example.org",
            "_smtp._tcp.alone.test CNAME alone.test",
        )
        self.assertEqual(
            self.names(self.router.bySRV(b"example.org")),
            [b"mx1.example.org", b"mx2.example.org"],
        )
        self.assertEqual(self.names(self.router.bySRV(b"alone.test")), [b"alone.test"])

    def test_noService(self) -> None:
        """The target C{.} says that there is no such service."""
        self.add("_smtp._tcp.example.org SRV 0 0 0 .")
        self.assertEqual(self.refused(self.router.bySRV(b"example.org")), "556 5.1.2")

    def test_withoutRecords(self) -> None:
        """A domain without SRV records has its MX records."""
        self.assertEqual(
            self.names(self.router.bySRV(b"example.org")),
            [b"mx1.example.org", b"mx2.example.org"],
        )
        self.assertEqual(self.refused(self.router.bySRV(b"nowhere.test")), "550 5.1.2")

    def test_lookUpFails(self) -> None:
        """Where nobody knows, MX records are no way round."""
        self.resolver.fail(b"_smtp._tcp.example.org", "SRV")
        self.assertEqual(self.refused(self.router.bySRV(b"example.org")), "451 4.4.3")

    def test_loop(self) -> None:
        """We know ourselves by address and port here as well."""
        self.add("_smtp._tcp.s.test SRV 0 0 25 a.s.test", "a.s.test A 192.0.2.99")
        self.assertEqual(self.refused(self.router.bySRV(b"s.test")), "554 5.4.6")
