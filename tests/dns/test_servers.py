"""Tests for L{smtpx.dns.servers}."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed
from smtpx.dns.servers import (
    Asking,
    IServers,
    NamedServers,
    Server,
    SystemServers,
    patient,
    readSystem,
)
from smtpx.dns.watched import WatchedFile


class ServerTests(SynchronousTestCase):
    """Servers as the configuration has them."""

    def test_forms(self) -> None:
        """Addresses, with or without a port; what was read is written so."""
        for text, expected, written in (
            ("192.0.2.53", Server("192.0.2.53"), "192.0.2.53"),
            ("192.0.2.53:53", Server("192.0.2.53"), "192.0.2.53"),
            (" 127.0.0.1:5353 ", Server("127.0.0.1", 5353), "127.0.0.1:5353"),
            ("2001:DB8::35", Server("2001:db8::35"), "2001:db8::35"),
            ("[2001:db8::35]", Server("2001:db8::35"), "2001:db8::35"),
            ("[::1]:5353", Server("::1", 5353), "[::1]:5353"),
            ("fe80::1%eth0", Server("fe80::1%eth0"), "fe80::1%eth0"),
        ):
            self.assertEqual(Server.parse(text), expected, text)
            self.assertEqual(str(expected), written)
            self.assertEqual(Server.parse(written), expected)

    def test_refused(self) -> None:
        """Names are none: somebody would have to look them up."""
        for text in (
            "",
            "ns.example.org",
            "192.0.2.53:",
            "192.0.2.53:0",
            "192.0.2.53:65536",
            "192.0.2.53:dns",
            "[::1",
            "[::1]5353",
            "[::1]:",
            "192.0.2.300",
        ):
            with self.assertRaises(Malformed, msg=text) as raised:
                Server.parse(text)
            self.assertIn(repr(text), str(raised.exception))


class SystemFileTests(SynchronousTestCase):
    """What C{resolv.conf} says."""

    def test_servers(self) -> None:
        """Servers in their order; comments and what is no address are passed over."""
        text = (
            "# made by somebody\n; nameserver 192.0.2.9\n\nsearch example.org\n"
            "nameserver 192.0.2.1 \nnameserver\nnameserver ns.example.org\n"
            "nameserver fe80::1%eth0\n"
        )
        self.assertEqual(
            readSystem(text).servers, (Server("192.0.2.1"), Server("fe80::1%eth0"))
        )

    def test_without(self) -> None:
        """Without a server, this machine has one."""
        self.assertEqual(readSystem("").servers, (Server("127.0.0.1"),))

    def test_many(self) -> None:
        """So many are enough."""
        text = "".join(f"nameserver 192.0.2.{n}\n" for n in range(20))
        self.assertEqual(len(readSystem(text).servers), 8)

    def test_options(self) -> None:
        """Patience is the system's, within bounds; other options do not matter."""
        made = readSystem("options edns0 timeout:7 attempts:2\noptions rotate trust-ad")
        self.assertEqual((made.trySeconds, made.rounds, made.rotate), (7.0, 2, True))
        made = readSystem("options timeout:999 attempts:999")
        self.assertEqual((made.trySeconds, made.rounds), (30.0, 5))
        self.assertEqual(
            readSystem("options timeout:0 attempts:x timeout:-1 attempts:99999999"),
            Asking(),
        )


class SystemServersTests(SynchronousTestCase):
    """The servers of the system, as they are now."""

    def test_interfaces(self) -> None:
        """They may stand where servers are named."""
        clock = Clock()
        system = SystemServers(WatchedFile(Path(self.mktemp()), clock.seconds))
        verifyObject(IServers, system)
        self.assertEqual(system.now().servers, (Server("127.0.0.1"),))
        named = NamedServers(Asking((Server("192.0.2.7"),)))
        verifyObject(IServers, named)
        self.assertEqual(named.now().servers, (Server("192.0.2.7"),))

    def test_readAgain(self) -> None:
        """A file that changes is read again; nothing of the old one stays."""
        clock = Clock()
        path = Path(self.mktemp())
        path.write_text("nameserver 192.0.2.1\noptions attempts:5\n")
        system = SystemServers(WatchedFile(path, clock.seconds))
        first = system.now()
        self.assertEqual((first.servers, first.rounds), ((Server("192.0.2.1"),), 5))
        path.write_text("nameserver 192.0.2.22\n")
        clock.advance(5)
        self.assertEqual(system.now(), Asking((Server("192.0.2.22"),)))

    def test_ownPatience(self) -> None:
        """Whoever asks may have other patience than the system."""
        path = Path(self.mktemp())
        path.write_text("options attempts:5 timeout:9\n")
        system = SystemServers(WatchedFile(path, Clock().seconds), 0.5, 1)
        self.assertEqual((system.now().trySeconds, system.now().rounds), (0.5, 1))


class PatienceTests(SynchronousTestCase):
    """Other patience than the system's."""

    def test_patient(self) -> None:
        """What is not said stays as it is."""
        asking = Asking(trySeconds=4.0, rounds=2)
        for seconds, rounds, expected in (
            (None, None, (4.0, 2)),
            (1.5, None, (1.5, 2)),
            (None, 5, (4.0, 5)),
            (1.5, 5, (1.5, 5)),
        ):
            found = patient(asking, seconds, rounds)
            self.assertEqual((found.trySeconds, found.rounds), expected)

    def test_comments(self) -> None:
        """Comments and lines that cannot be understood are passed over."""
        found = readSystem(
            "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n\n"
            "nameserver\nnameserver nonsense\nnameserver 192.0.2.3 # one\n"
            "options attempts:99999 timeout:100000 rotate:1 ndots:4\n"
        )
        self.assertEqual(found.servers, (Server("192.0.2.3"),))
        self.assertEqual((found.rounds, found.trySeconds), (5, Asking().trySeconds))
        self.assertEqual(readSystem("options ndots:1\n").rounds, Asking().rounds)
