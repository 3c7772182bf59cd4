"""Tests for L{smtpx.dns.router}: which of several hosts count, and why none does."""

from __future__ import annotations

from smtpx.dns.mailhosts import MailHosts, ManualHost, Unroutable

from .routed import RouterTests


class RankTests(RouterTests):
    """Hosts of several preferences."""

    def test_weTwice(self) -> None:
        """The better one of two preferences that this server has counts."""
        self.add(
            "some.test MX 10 us.example.org",
            "some.test MX 20 mx1.example.org",
            "some.test MX 30 again.test",
            "again.test A 192.0.2.99",
        )
        self.assertEqual(self.refused(self.router.byMX(b"some.test")), "554 5.4.6")

    def test_randomlyByRank(self) -> None:
        """
        Where entries are equal, the mail hosts of all of them stand in the order of
        their preferences.
        """
        self.add(
            "other.test MX 1 mx3.example.org",
            "other.test MX 2 mx4.example.org",
            "mx3.example.org A 192.0.2.33",
            "mx4.example.org A 192.0.2.34",
        )
        hosts = tuple(map(ManualHost.parse, ("example.org/mx", "other.test/mx")))
        found = self.successResultOf(self.router.byHosts(hosts, True))
        self.assertEqual([each.preference for each in found.hosts], [0, 0, 1, 1])
        self.assertEqual(
            [each.name for each in found.hosts[2:]],
            [b"mx2.example.org", b"mx4.example.org"],
        )

    def test_servicesWithoutHost(self) -> None:
        """A target that is none, or has no port, is passed over among others."""
        self.add(
            "_smtp._tcp.s.test SRV 0 0 25 .",
            "_smtp._tcp.s.test SRV 1 0 0 mx2.example.org",
            "_smtp._tcp.s.test SRV 2 0 26 mx1.example.org",
        )
        self.assertEqual(
            [found[:2] for found in self.found(self.router.bySRV(b"s.test"))],
            [(b"mx1.example.org", 26)],
        )

    def test_namesThatAreNone(self) -> None:
        """What cannot be the name of a host is passed over, and not asked for."""
        self.add(
            "some.test MX 5 -bad-.test",
            "some.test MX 6 mx_1.example.org",
            "mx_1.example.org A 192.0.2.44",
        )
        self.assertEqual(
            self.names(self.router.byMX(b"some.test")), [b"mx_1.example.org"]
        )
        self.assertNotIn(b"-bad-.test", list(self.resolver.questions("A")))


class ReasonTests(RouterTests):
    """What operators read where there is no way."""

    def why(self, domain: bytes) -> str:
        """Why there is no way to a domain."""
        return str(self.failureResultOf(self.router.byMX(domain), Unroutable).value)

    def test_nobodyKnows(self) -> None:
        """What the servers said of the addresses."""
        self.add("some.test MX 5 mx3.example.org")
        self.resolver.fail(b"mx3.example.org", "A", "192.0.2.53: SERVFAIL")
        self.resolver.fail(b"mx3.example.org", "AAAA", "192.0.2.53: REFUSED")
        self.assertEqual(
            sorted(self.why(b"some.test").split("; ")),
            ["192.0.2.53: REFUSED", "192.0.2.53: SERVFAIL"],
        )

    def test_noAddress(self) -> None:
        """Which hosts have none."""
        self.add("some.test MX 5 gone.example.org", "some.test MX 6 nothing.test")
        self.assertEqual(
            self.why(b"some.test"),
            "gone.example.org has no address; nothing.test has no address",
        )

    def test_beforeUs(self) -> None:
        """Of hosts behind this server nothing is said, if there are any before it."""
        self.add(
            "some.test MX 5 gone.example.org",
            "some.test MX 10 us.example.org",
            "some.test MX 20 mx1.example.org",
        )
        self.assertEqual(self.why(b"some.test"), "gone.example.org has no address")

    def test_loop(self) -> None:
        """Where this server is the best, that is told of all."""
        self.add("some.test MX 5 us.example.org", "some.test MX 9 gone.example.org")
        self.assertIn("us.example.org is this server", self.why(b"some.test"))


class ProofTests(RouterTests):
    """What DNSSEC proves of hosts that the operator named."""

    def found_(self, *texts: str) -> MailHosts:
        """The hosts that entries of the configuration lead to."""
        hosts = tuple(map(ManualHost.parse, texts))
        return self.successResultOf(self.router.byHosts(hosts))

    def test_allNames(self) -> None:
        """Names of hosts are proven where all of them are, wherever they stand."""
        for texts, proven in (
            (("[192.0.2.7]", "[192.0.2.8]"), True),
            (("[192.0.2.7]", "example.org/mx"), False),
            (("example.org/mx", "[192.0.2.7]"), False),
        ):
            self.assertEqual(self.found_(*texts).namesAuthentic, proven, texts)
