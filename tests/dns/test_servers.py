"""Tests for L{smtpx.dns.servers}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed
from smtpx.dns.servers import (
    Asking,
    IServers,
    NamedServers,
    Server,
    SystemServers,
    readSystem,
)


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


@implementer(ILogObserver)
class Told:
    """
    What went into the log.

    @ivar events: its entries.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """Take an entry."""
        self.events.append(event)


class SystemServersTests(SynchronousTestCase):
    """The servers of the system, as they are now."""

    def setUp(self) -> None:
        """A file."""
        self.clock = Clock()
        self.path = Path(self.mktemp())
        self.path.write_text("nameserver 192.0.2.1\n")
        self.servers = SystemServers(self.clock.seconds, self.path)

    def now(self) -> list[str]:
        """The servers that are asked now."""
        return [each.address for each in self.servers.now().servers]

    def test_interfaces(self) -> None:
        """It may stand where servers are named."""
        verifyObject(IServers, self.servers)
        named = NamedServers(Asking((Server("192.0.2.7"),)))
        verifyObject(IServers, named)
        self.assertEqual(named.now().servers, (Server("192.0.2.7"),))

    def test_readAgain(self) -> None:
        """A file that changes is read again, after some seconds."""
        self.assertEqual(self.now(), ["192.0.2.1"])
        self.path.write_text("nameserver 192.0.2.22\n")
        self.assertEqual(self.now(), ["192.0.2.1"])
        self.clock.advance(5)
        self.assertEqual(self.now(), ["192.0.2.22"])
        self.clock.advance(5)
        self.assertEqual(self.now(), ["192.0.2.22"])

    def test_missing(self) -> None:
        """Without the file it is this machine, until there is one."""
        self.path.unlink()
        self.assertEqual(self.now(), ["127.0.0.1"])
        self.path.write_text("nameserver 192.0.2.3\n")
        self.clock.advance(5)
        self.assertEqual(self.now(), ["192.0.2.3"])

    def test_unreadable(self) -> None:
        """What cannot be read changes nothing; the log says so, once."""
        self.assertEqual(self.now(), ["192.0.2.1"])
        told = Told()
        globalLogPublisher.addObserver(told)
        self.addCleanup(globalLogPublisher.removeObserver, told)
        self.path.unlink()
        os.mkdir(self.path)
        for _ in range(3):
            self.clock.advance(5)
            self.assertEqual(self.now(), ["192.0.2.1"])
        self.assertEqual(len(told.events), 1)
