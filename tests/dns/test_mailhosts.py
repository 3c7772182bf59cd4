"""Tests for L{smtpx.dns.mailhosts}."""

from __future__ import annotations

from collections import Counter
from random import Random

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.dns.mailhosts import (
    KEY_OCTETS,
    MailHost,
    MailHosts,
    ManualHost,
    addressIn,
    literalOf,
)


def host(name: bytes, preference: int = 0, weight: int = 0, port: int = 25) -> MailHost:
    """A host with an address."""
    return MailHost(name, (b"192.0.2.1",), port, preference, weight)


def namesOf(hosts: MailHosts) -> list[bytes]:
    """The names of hosts, in their order."""
    return [each.name for each in hosts.hosts]


class MailHostTests(SynchronousTestCase):
    """When two hosts are the same."""

    def test_orderOfAddressesMakesNoDifference(self) -> None:
        """The DNS turns addresses round; it is the same host all the same."""
        one = MailHost(b"mx.example.org", (b"192.0.2.1", b"2001:db8::1"))
        other = MailHost(b"mx.example.org", (b"2001:db8::1", b"192.0.2.1"))
        self.assertEqual(one, other)
        self.assertEqual(hash(one), hash(other))
        self.assertNotEqual(one, evolve(one, addresses=(b"192.0.2.1",)))

    def test_preferenceMakesNoDifference(self) -> None:
        """Domains that prefer a host differently share connections to it."""
        self.assertEqual(host(b"mx.example.org", 10), host(b"mx.example.org", 20, 5))
        self.assertNotEqual(host(b"mx.example.org"), host(b"mx.example.org", port=26))

    def test_spelledWithPort(self) -> None:
        """A host is written as in a manual route."""
        self.assertEqual(host(b"mx.example.org", port=26).spelled, b"mx.example.org:26")


class SocketTests(SynchronousTestCase):
    """What is at a UNIX socket."""

    def test_path(self) -> None:
        """Its path is all that there is to know of it."""
        host = MailHost.atSocket(b"/run/lmtp")
        self.assertEqual(host, MailHost(b"/run/lmtp", (b"/run/lmtp",), 0))
        self.assertTrue(host.local)
        self.assertEqual(host.spelled, b"/run/lmtp")
        self.assertEqual(MailHosts((host,)).key, b"/run/lmtp")
        self.assertFalse(MailHost(b"mx.example.org", (b"192.0.2.1",)).local)


class KeyTests(SynchronousTestCase):
    """What domains with the same hosts have in common."""

    def test_sameHostsSameKey(self) -> None:
        """Neither the order among equals nor the figures of preferences matter."""
        one = MailHosts((host(b"a.test", 10), host(b"b.test", 10), host(b"c.test", 20)))
        other = MailHosts(
            (host(b"b.test", 5), host(b"a.test", 5), host(b"c.test", 50)), True, True
        )
        self.assertEqual(one.key, b"a.test,b.test;c.test")
        self.assertEqual(one.key, other.key)

    def test_otherHostsOtherKey(self) -> None:
        """Order of preferences, ports and weights do."""
        keys = {
            MailHosts(hosts).key
            for hosts in (
                (host(b"a.test"), host(b"b.test")),
                (host(b"a.test"), host(b"b.test", 1)),
                (host(b"b.test"), host(b"a.test", 1)),
                (host(b"a.test", port=26), host(b"b.test")),
                (host(b"a.test", weight=3), host(b"b.test")),
                (host(b"a.test"),),
            )
        }
        self.assertEqual(len(keys), 6)

    def test_longKeyIsCut(self) -> None:
        """Many long names make a key of bounded length that is still their own."""
        hosts = tuple(host(b"%d.%b.test" % (n, b"x" * 60)) for n in range(20))
        key = MailHosts(hosts).key
        self.assertEqual(len(key), KEY_OCTETS)
        self.assertNotEqual(key, MailHosts(hosts[:-1]).key)
        self.assertTrue(key.startswith(b"0.xxx"))


class ShuffledTests(SynchronousTestCase):
    """Hosts of equal preference share the load."""

    def test_preferenceIsKept(self) -> None:
        """The order of preferences stays; among equals each comes first some time."""
        hosts = MailHosts(
            (host(b"a", 1), host(b"b", 1), host(b"c", 1), host(b"d", 2), host(b"e", 3))
        )
        random = Random(1)
        seen = Counter(tuple(namesOf(hosts.shuffled(random))) for _ in range(600))
        self.assertEqual(len(seen), 6)
        self.assertTrue(all(order[3:] == (b"d", b"e") for order in seen))
        self.assertGreater(min(seen.values()), 60)

    def test_nothingElseChanges(self) -> None:
        """Key and all else stay as they were."""
        hosts = MailHosts((host(b"a"), host(b"b")), True, True)
        shuffled = hosts.shuffled(Random(5))
        self.assertEqual(
            (shuffled.key, shuffled.authentic, shuffled.namesAuthentic),
            (hosts.key, True, True),
        )

    def test_weightsCount(self) -> None:
        """A host of three times the weight comes first three times as often."""
        hosts = MailHosts((host(b"one", 0, 10), host(b"three", 0, 30)))
        random = Random(2)
        first = Counter(namesOf(hosts.shuffled(random))[0] for _ in range(1000))
        self.assertTrue(690 < first[b"three"] < 810, first)

    def test_byTheLeastChance(self) -> None:
        """A host without a weight is first where chance could not be smaller."""

        class Least(Random):
            def shuffle(self, x: object) -> None:
                """Leave them as they are."""

            def randint(self, a: int, b: int) -> int:
                """The least."""
                return a

        hosts = MailHosts((host(b"a", 5, 10), host(b"b", 5, 0), host(b"c", 5, 1)))
        self.assertEqual(namesOf(hosts.shuffled(Least())), [b"b", b"a", b"c"])

    def test_weightlessHostIsSeldomFirst(self) -> None:
        """Beside hosts with weights, one without has a very small chance."""
        hosts = MailHosts((host(b"none"), host(b"much", 0, 100)))
        random = Random(3)
        first = Counter(namesOf(hosts.shuffled(random))[0] for _ in range(2000))
        self.assertLess(first[b"none"], 60)
        self.assertGreater(first[b"none"], 0)

    @given(st.lists(st.integers(0, 65535), max_size=12), st.randoms())
    @settings(max_examples=50)
    def test_noHostIsLost(self, weights: list[int], random: Random) -> None:
        """Whatever the weights, each host is there once."""
        hosts = tuple(host(b"%d" % n, 0, w) for n, w in enumerate(weights))
        shuffled = MailHosts(hosts).shuffled(random)
        self.assertEqual(sorted(namesOf(shuffled)), sorted(h.name for h in hosts))


class ManualHostTests(SynchronousTestCase):
    """Hosts as operators write them."""

    def test_forms(self) -> None:
        """Names, ports, address literals, and domains whose mail hosts are meant."""
        for text, expected in (
            ("mx.example.org", ManualHost(b"mx.example.org")),
            ("MX.Example.org:2525", ManualHost(b"mx.example.org", 2525)),
            ("[192.0.2.1]", ManualHost(b"[192.0.2.1]")),
            ("[192.0.2.1]:26", ManualHost(b"[192.0.2.1]", 26)),
            ("[2001:DB8::1]:26", ManualHost(b"[IPv6:2001:db8::1]", 26)),
            ("[IPv6:2001:db8::1]", ManualHost(b"[IPv6:2001:db8::1]")),
            ("example.org/mx", ManualHost(b"example.org", 25, True)),
            ("example.org:26/MX", ManualHost(b"example.org", 26, True)),
            (" smart_host ", ManualHost(b"smart_host")),
            ("b\u00fccher.example", ManualHost("b\u00fccher.example".encode())),
        ):
            self.assertEqual(ManualHost.parse(text), expected, text)

    def test_anotherPort(self) -> None:
        """Where no port is given, it is the one of the route."""
        self.assertEqual(ManualHost.parse("a.test", 587).port, 587)
        self.assertEqual(ManualHost.parse("a.test:25", 587).port, 25)

    def test_refused(self) -> None:
        """What is no host is told, as it was written."""
        for text in (
            "",
            "a b",
            "192.0.2.1",
            "2001:db8::1",
            "[mx.example.org]",
            "[192.0.2.1]/mx",
            "a.test:0",
            "a.test:65536",
            "a.test:smtp",
            "a..test",
            "-a.test",
            "a.test/ms",
        ):
            with self.assertRaises(Malformed, msg=text):
                ManualHost.parse(text)

    def test_bareAddressIsExplained(self) -> None:
        """An address without brackets is taken for what it is meant to be."""
        for text in ("192.0.2.1:26", "2001:db8::1"):
            with self.assertRaises(Malformed) as raised:
                ManualHost.parse(text)
            self.assertIn("wants [] around an address", str(raised.exception))

    @given(
        st.sampled_from([b"mx.example.org", b"[192.0.2.1]", b"[IPv6:2001:db8::1]"]),
        st.integers(1, 65535),
        st.booleans(),
    )
    @settings(max_examples=50)
    def test_rendered(self, name: bytes, port: int, mx: bool) -> None:
        """What was written is read as it was."""
        made = ManualHost(name, port, mx and not name.startswith(b"["))
        self.assertEqual(ManualHost.parse(made.render()), made)


class LiteralTests(SynchronousTestCase):
    """Address literals have one normal form (RFC 5321 section 4.1.3)."""

    def test_normalForm(self) -> None:
        """Leading zeros, case and the long form of IPv6 make no difference."""
        for domain, expected in (
            (b"[192.0.2.1]", b"[192.0.2.1]"),
            (b"[192.000.002.010]", b"[192.0.2.10]"),
            (b"[IPv6:2001:DB8:0:0::1]", b"[IPv6:2001:db8::1]"),
            (b"[ipv6:2001:db8::1]", b"[IPv6:2001:db8::1]"),
            (b"[2001:db8::1]", b"[IPv6:2001:db8::1]"),
            (b"[IPv6:::ffff:192.0.2.1]", b"[192.0.2.1]"),
        ):
            self.assertEqual(literalOf(domain), expected, domain)

    def test_noLiteral(self) -> None:
        """Domains, other kinds of literals and bad addresses are none."""
        for domain in (
            b"example.org",
            b"",
            b"[",
            b"[]",
            b"[256.0.0.1]",
            b"[192.0.2]",
            b"[192.0.2.1.1]",
            b"[x400:something]",
            b"[IPv6:2001:db8::1%eth0]",
            b"[IPv6:192.0.2.1]",
            b"[\xb2.0.2.1]",
        ):
            self.assertIsNone(literalOf(domain), domain)

    def test_address(self) -> None:
        """The address is what stands in the brackets."""
        self.assertEqual(addressIn(b"[192.0.2.1]"), b"192.0.2.1")
        self.assertEqual(addressIn(b"[IPv6:2001:db8::1]"), b"2001:db8::1")
