"""
Tests for the table C{[dns]}, and for L{smtpx.service.wiring.resolving}.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from attrs import define, evolve
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.dns.interfaces import Answer, LookupFailed
from smtpx.dns.mailhosts import Unroutable
from smtpx.dns.servers import Asking, Server, SystemServers
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.listening import Door
from smtpx.service.problems import ConfigurationError
from smtpx.service.tables import DNS, Listener
from smtpx.service.wiring import mailRouter, resolver, resolving
from smtpx.service.wiring.resolving import nameServers, placesOf
from smtpx.testing.dns import StaticResolver
from tests.dns.asked import ScriptedServers

from .made import FOUND, HouseTestCase, site
from .test_manual import blocks

ZONE = """
    some.test       MX 10 mx.some.test
    mx.some.test    A  192.0.2.1
    backup.test     MX 10 mx.backup.test
    mx.backup.test  A  198.51.100.7
    here.test       A  127.0.0.1
"""


def saying(checks: bool | None) -> Callable[[Server], bool | None]:
    """What a name server says when it is asked whether it checks DNSSEC."""
    return lambda server: checks


@define
class Port:
    """A port that is bound."""

    at: object

    def getHost(self) -> object:
        """Where."""
        return self.at


class TableTests(SynchronousTestCase):
    """What operators write."""

    def read(self, **options: object) -> DNS:
        """The table, read."""
        return readConfiguration({"dns": options}, FOUND).dns

    def refused(self, **options: object) -> str:
        """What is wrong with it."""
        with self.assertRaises(ConfigurationError) as raised:
            self.read(**options)
        return str(raised.exception)

    def test_everything(self) -> None:
        """All of it can be given."""
        read = self.read(
            servers=["127.0.0.1", "[::1]:5353"],
            trusted=True,
            try_seconds="2 s",
            rounds=2,
            question_seconds=10,
            at_once_max=7,
            cache_max=0,
            cache_least_seconds=0,
            cache_most_seconds="1 h",
            hosts_file="none",
            ignore_target_hosts=["127.0.0.0/8", "::1"],
            also_ours=["mail.example.org", "198.51.100.7", "2001:db8::7"],
        )
        self.assertEqual(read.servers, (Server("127.0.0.1"), Server("::1", 5353)))
        self.assertEqual((read.trySeconds, read.cacheMostSeconds), (2.0, 3600.0))
        self.assertIsNone(read.hostsFile)
        self.assertEqual(
            read.places, (b"mail.example.org", b"198.51.100.7", b"2001:db8::7")
        )

    def test_mistakes(self) -> None:
        """What is of no use is told, with its place."""
        for options, expected in (
            ({"servers": ["ns.example.org"]}, "dns.servers[0]: 'ns.example.org' is no"),
            ({"servers": ["127.0.0.1:0"]}, "there is no port '0'"),
            ({"trusted": True}, "trusted wants servers"),
            ({"ignore_target_hosts": ["*.a.test"]}, "'*.a.test' is no address"),
            ({"ignore_target_hosts": ["a.test"]}, "'a.test' is no address"),
            ({"also_ours": ["*"]}, "'*' is neither a host name nor an address"),
            ({"rounds": 0}, "dns.rounds"),
        ):
            self.assertIn(expected, self.refused(**options))


class ResolvingTests(SynchronousTestCase):
    """The resolver of a house, and its way to mail hosts."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())
        self.hosts = self.site.folder / "hosts"

    def configured(self, **options: object) -> Configuration:
        """A configuration with this table."""
        return readConfiguration({"dns": options}, FOUND)

    def servers(self, **options: object) -> Asking:
        """Who is asked."""
        return nameServers(self.site.machine, self.configured(**options).dns).now()

    def test_servers(self) -> None:
        """Servers and patience are the system's, or those of the configuration."""
        dns = self.configured(try_seconds=0.5, rounds=1).dns
        system = nameServers(self.site.machine, dns)
        self.assertIsInstance(system, SystemServers)
        self.assertEqual((system.now().trySeconds, system.now().rounds), (0.5, 1))
        self.assertEqual(
            self.servers(servers=["127.0.0.3"], rounds=2),
            Asking((Server("127.0.0.3"),), rounds=2),
        )
        self.assertEqual(self.servers(servers=["::1"], try_seconds=1).trySeconds, 1.0)

    def test_hostsFile(self) -> None:
        """The file of hosts is asked before the DNS."""
        self.hosts.write_text("192.0.2.33 smart.example\n")
        stack = AsyncExitStack()
        found = resolver(
            self.site.machine, self.configured(hosts_file=str(self.hosts)), stack
        )
        asking = found.lookUp(b"smart.example", "A")
        self.assertEqual(self.successResultOf(asking).records, (b"192.0.2.33",))
        self.close(stack)

    def test_closedWithTheHouse(self) -> None:
        """Who still waits when the house is taken down is told."""
        silent = ScriptedServers()
        silent.behave("127.0.0.1", lambda query: None)
        self.patch(resolving, "Network", lambda reactor: silent)
        stack = AsyncExitStack()
        configuration = self.configured(servers=["127.0.0.1"], at_once_max=1)
        machine = evolve(self.site.machine, resolver=None)
        found = resolver(machine, configuration, stack)
        waiting: list[Deferred[Answer]] = [
            found.lookUp(b"n%d.example" % n, "A") for n in range(2)
        ]
        self.close(stack)
        for each in waiting:
            self.failureResultOf(each, LookupFailed)
        self.assertEqual((len(silent.asked), silent.open), (2, 0))
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def close(self, stack: AsyncExitStack) -> None:
        """Take the house down."""
        self.successResultOf(Deferred.fromCoroutine(stack.aclose()))

    def routed(
        self, domain: bytes, *at: object, **options: object
    ) -> list[bytes] | str:
        """The mail hosts of a domain, for a server that listens somewhere."""
        endpoint: Any = None
        doors = [Door(Listener(25), endpoint) for _ in at]
        for door, place in zip(doors, at, strict=True):
            port: Any = None if place is None else Port(place)
            door.port = port
        configuration = self.configured(**options)
        router = mailRouter(
            configuration,
            "mx.some.test",
            StaticResolver(ZONE),
            lambda: placesOf(doors),
        )
        finding = router.byMX(domain)
        failure = finding.result if hasattr(finding, "result") else None
        if failure is not None and hasattr(failure, "check"):
            return str(self.failureResultOf(finding, Unroutable).value)
        return [each.name for each in self.successResultOf(finding).hosts]

    def test_ourselves(self) -> None:
        """We are where our doors are, at that time, by name and by address."""
        here = IPv4Address("TCP", "0.0.0.0", 25)
        self.assertEqual(self.routed(b"some.test"), [b"mx.some.test"])
        self.assertEqual(self.routed(b"some.test", None), [b"mx.some.test"])
        for domain in (b"some.test", b"here.test"):
            self.assertIn("is this server", self.routed(domain, here))
        elsewhere = (IPv4Address("TCP", "0.0.0.0", 2525), UNIXAddress("/socket"))
        self.assertEqual(self.routed(b"some.test", *elsewhere), [b"mx.some.test"])

    def test_alsoOurs(self) -> None:
        """And where the operator says that we are."""
        self.assertEqual(self.routed(b"backup.test"), [b"mx.backup.test"])
        for place in ("198.51.100.7", "mx.backup.test"):
            text = self.routed(b"backup.test", also_ours=[place])
            self.assertEqual(text, "mx.backup.test is this server")

    def test_ignoredHosts(self) -> None:
        """What is to be ignored is."""
        self.assertEqual(self.routed(b"here.test"), [b"here.test"])
        text = self.routed(b"here.test", ignore_target_hosts=["127.0.0.0/8"])
        self.assertEqual(text, "here.test has no address")

    def test_checked(self) -> None:
        """A file of hosts that is not there is found, and only one that was named."""
        self.assertEqual(check(self.site.machine, self.configured(), FOUND), [])
        configuration = self.configured(hosts_file=str(self.hosts))
        [problem] = check(self.site.machine, configuration, FOUND)
        self.assertIn("dns.hosts_file: [Errno 2]", str(problem))

    def test_manual(self) -> None:
        """The configurations of C{doc/howto/dns.rst} can be used."""
        examples = blocks("howto/dns.rst", "toml")
        self.assertEqual(len(examples), 5)
        file = self.site.folder / "x.toml"
        for example in examples:
            file.write_text(example)
            configuration = readConfiguration(file, FOUND)
            self.assertEqual(check(self.site.machine, configuration, FOUND), [])
            self.assertNotEqual(configuration.dns, DNS())

    def test_cautions(self) -> None:
        """Whoever trusts a server of another machine is told what that means."""
        configuration = self.configured(
            servers=["127.0.0.1", "192.0.2.53", "::1"], trusted=True
        )
        machine = evolve(self.site.machine, checksDNSSEC=saying(True))
        told = [str(each) for each in cautions(machine, configuration)]
        [caution] = [each for each in told if "dns" in each]
        self.assertIn("dns.servers[1]: 192.0.2.53 is trusted, but", caution)
        configuration = self.configured(servers=["192.0.2.53"])
        told = [str(each) for each in cautions(self.site.machine, configuration)]
        self.assertEqual([each for each in told if "dns" in each], [])

    def test_noDNSSEC(self) -> None:
        """Whoever trusts a server that checks nothing, or is not there, is told."""
        configuration = self.configured(servers=["127.0.0.1"], trusted=True)
        for checks, expected in (
            (False, "127.0.0.1 does not say of the root that it is authentic (AD)"),
            (None, "127.0.0.1 does not answer"),
        ):
            machine = evolve(self.site.machine, checksDNSSEC=saying(checks))
            told = [str(each) for each in cautions(machine, configuration)]
            [caution] = [each for each in told if "dns" in each]
            self.assertIn(f"dns.servers[0]: {expected}: as long as", caution)

    def test_requiredDANE(self) -> None:
        """Whoever requires DANE, and trusts no name server, is told."""
        sending = {"hosts_require_dane": ["mx.example.org"]}
        configuration = readConfiguration({"sending": sending}, FOUND)
        told = [str(each) for each in cautions(self.site.machine, configuration)]
        [caution] = [each for each in told if "dane" in each]
        self.assertIn("sending.hosts_require_dane: these hosts get no mail", caution)


class ClientNameTests(HouseTestCase):
    """Clients that may relay by their names."""

    def relay(self, host: str) -> bytes:
        """What a client is told that sends elsewhere."""
        call = self.site.call(host=host)
        call.say(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
        return call.say(b"RCPT TO:<x@elsewhere.example>\r\n")[:9]

    def test_nameOfTheClient(self) -> None:
        """
        Who has the name may; whose name cannot be looked up is to come again, and may
        when it can.
        """
        for line in (
            "7.2.0.192.in-addr.arpa PTR a.friends.example",
            "8.2.0.192.in-addr.arpa PTR a.friends.example",
            "a.friends.example A 192.0.2.7",
        ):
            self.site.resolver.add(line)
        reverse = b"9.2.0.192.in-addr.arpa"
        self.site.resolver.fail(reverse, "PTR", "no answer")
        route = {"match": ["*"], "transport": "discard"}
        self.start(relay={"hosts": ["*.friends.example"]}, route=[route])
        self.assertEqual(self.relay("192.0.2.7"), b"250 2.0.0")
        self.assertEqual(self.relay("192.0.2.8"), b"550 5.7.1")
        self.assertEqual(self.relay("192.0.2.9"), b"451 4.4.3")
        self.site.resolver.recover(reverse, "PTR")
        self.site.resolver.add("9.2.0.192.in-addr.arpa PTR b.friends.example")
        self.site.resolver.add("b.friends.example A 192.0.2.9")
        self.site.reactor.advance(30)
        self.assertEqual(self.relay("192.0.2.9"), b"250 2.0.0")

    def test_addressesOfAName(self) -> None:
        """So it is with a host whose addresses cannot be looked up."""
        for kind in ("A", "AAAA"):
            self.site.resolver.fail(b"smart.example", kind, "no answer")
        route = {"match": ["*"], "transport": "discard"}
        self.start(relay={"hosts": ["smart.example"]}, route=[route])
        self.assertEqual(self.relay("192.0.2.7"), b"451 4.4.3")
        for kind in ("A", "AAAA"):
            self.site.resolver.recover(b"smart.example", kind)
        self.site.resolver.add("smart.example A 192.0.2.7")
        self.site.reactor.advance(30)
        self.assertEqual(self.relay("192.0.2.7"), b"250 2.0.0")
        self.assertEqual(self.relay("192.0.2.8"), b"550 5.7.1")
