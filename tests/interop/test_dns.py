"""
The resolver against a real unbound, which checks DNSSEC.
"""

from __future__ import annotations

import os
import smtplib
import socket
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.trial.unittest import TestCase

from smtpx.dns.authenticity import checksDNSSEC
from smtpx.dns.cache import CacheBounds
from smtpx.dns.exchange import Network
from smtpx.dns.interfaces import MX, TLSA, Answer, LookupFailed, NoSuchDomain
from smtpx.dns.mailhosts import MailHosts, Unroutable
from smtpx.dns.ourselves import Ourselves
from smtpx.dns.records import reverseName
from smtpx.dns.resolver import Resolver, ResolverBounds
from smtpx.dns.router import MailRouter
from smtpx.dns.servers import Asking, NamedServers, Server

from .cases import InteropTestCase
from .running import RunningServer, freePort, waitFor
from .unbound import RunningUnbound

#: A resolver that forgets at once that nobody knew.
FORGETFUL = ResolverBounds(cache=CacheBounds(failureSeconds=0.0))


def openSockets() -> set[str]:
    """The sockets that this process has."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            place = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            # It was that of the listing itself.
            continue
        if place.startswith("socket:"):
            found.add(place)
    return found


class UnboundTests(TestCase):
    """
    Questions over real sockets.

    @ivar slow: these take longer than a quarter of a second.
    """

    slow = True
    timeout = 300

    def setUp(self) -> None:
        """Start unbound."""
        self.unbound = self.start()
        self.sockets = openSockets()
        self.resolver = self.ask("127.0.0.1")

    def tearDown(self) -> None:
        """It ends well."""
        self.unbound.stop()

    def start(self, port: int | None = None) -> RunningUnbound:
        """Start another one."""
        unbound = RunningUnbound(port)
        self.addCleanup(unbound.remove)
        self.addCleanup(unbound.kill)
        return unbound

    def ask(
        self,
        *addresses: str,
        trusted: bool = True,
        bounds: ResolverBounds = FORGETFUL,
    ) -> Resolver:
        """A resolver that asks unbound at these addresses."""
        servers = tuple(Server(each, self.unbound.port) for each in addresses)
        return self.asking(*servers, trusted=trusted, bounds=bounds)

    def asking(
        self,
        *servers: Server,
        trusted: bool = True,
        bounds: ResolverBounds = FORGETFUL,
    ) -> Resolver:
        """A resolver that asks these servers."""
        named = NamedServers(Asking(servers, 20.0, 2))
        clock: Any = reactor
        return Resolver(Network(reactor), named, clock, trusted, bounds)

    async def failed(self, name: bytes, kind: str) -> str:
        """Why nobody knows."""
        try:
            answer = await self.resolver.lookUp(name, kind)
        except LookupFailed as error:
            return str(error)
        return self.fail(f"there is {answer}")

    async def test_answers(self) -> None:
        """Records of all kinds, over IPv4 and IPv6."""
        for address in ("127.0.0.1", "::1"):
            self.resolver = self.ask(address)
            found = await self.resolver.lookUp(b"Plain.Example", "MX")
            self.assertEqual(
                set(found.of(MX)),
                {MX(10, b"mx1.plain.example"), MX(20, b"mx2.plain.example")},
            )
            self.assertEqual(found.name, b"plain.example")
            found = await self.resolver.lookUp(b"mx1.plain.example", "AAAA")
            self.assertEqual(found.records, (b"2001:db8::1",))
            found = await self.resolver.lookUp(b"any.wild.plain.example", "A")
            self.assertEqual(found.records, (b"192.0.2.7",))
            found = await self.resolver.lookUp(reverseName(b"192.0.2.1"), "PTR")
            self.assertEqual(found.records, (b"mx1.plain.example",))

    async def test_nothing(self) -> None:
        """A name without such records, and none at all."""
        found = await self.resolver.lookUp(b"mx2.plain.example", "AAAA")
        self.assertEqual(found, Answer((), name=b"mx2.plain.example"))
        for name in (b"no.plain.example", b"elsewhere.example"):
            try:
                await self.resolver.lookUp(name, "A")
            except NoSuchDomain as error:
                self.assertEqual(error.name, name)
            else:
                self.fail("it does exist")

    async def test_aliases(self) -> None:
        """Aliases that unbound follows, and one that it leaves to us."""
        for name, expected in (
            (b"www.plain.example", b"mx2.plain.example"),
            (b"alone.example", b"mx1.plain.example"),
        ):
            found = await self.resolver.lookUp(name, "A")
            self.assertEqual(found.name, expected)
            self.assertEqual(len(found.records), 1)

    async def test_tcp(self) -> None:
        """An answer that does not fit into a datagram comes over TCP, whole."""
        found = await self.resolver.lookUp(b"long.plain.example", "TXT")
        [text] = found.of(bytes)
        self.assertEqual(len(text), 4000)

    async def test_authentic(self) -> None:
        """What is signed is authentic; so is that there is nothing, or no name."""
        for name, kind, expected in (
            (b"secure.example", "MX", True),
            (b"alias.secure.example", "A", True),
            (b"mx.secure.example", "AAAA", True),
            (b"out.secure.example", "A", False),
            (b"plain.example", "MX", False),
        ):
            found = await self.resolver.lookUp(name, kind)
            self.assertIs(found.authentic, expected, name)
        for name, expected in (
            (b"no.secure.example", True),
            (b"no.plain.example", False),
        ):
            try:
                await self.resolver.lookUp(name, "A")
            except NoSuchDomain as error:
                self.assertIs(error.authentic, expected, name)
            else:
                self.fail("it does exist")
        found = await self.resolver.lookUp(b"_25._tcp.mx.secure.example", "TLSA")
        self.assertEqual(found.of(TLSA), (TLSA(3, 1, 1, b"\xab" * 32),))
        self.assertTrue(found.authentic)

    async def test_untrusted(self) -> None:
        """Of a server that nobody trusts, nothing is authentic."""
        self.resolver = self.ask("127.0.0.1", trusted=False)
        found = await self.resolver.lookUp(b"secure.example", "MX")
        self.assertEqual((len(found.records), found.authentic), (1, False))

    async def test_checksDNSSEC(self) -> None:
        """It is found out whether a server checks DNSSEC, or is not there."""
        server = Server("127.0.0.1", self.unbound.port)
        self.assertIs(checksDNSSEC(server, "secure.example"), True)
        self.assertIs(checksDNSSEC(server, "plain.example"), False)
        nobody = Server("127.0.0.1", freePort())
        self.assertIsNone(checksDNSSEC(nobody, seconds=0.2))

    async def test_bogus(self) -> None:
        """What was changed behind the signatures is nobody's answer, and told so."""
        text = await self.failed(b"mx.bogus.example", "A")
        self.assertIn("SERVFAIL", text)
        self.assertIn("DNSSEC Bogus", text)

    async def test_nobodyThere(self) -> None:
        """A server that is not there costs no time: the system says so at once."""
        closed = Server("127.0.0.1", freePort())
        self.resolver = self.asking(closed, Server("127.0.0.1", self.unbound.port))
        began = time.monotonic()
        found = await self.resolver.lookUp(b"mx2.plain.example", "A")
        self.assertEqual(len(found.records), 1)
        self.assertLess(time.monotonic() - began, 18)
        self.resolver = self.asking(closed)
        self.assertIn(
            "Connection refused", await self.failed(b"mx2.plain.example", "A")
        )

    async def test_killed(self) -> None:
        """When unbound is gone nobody knows; when it is there again, it is asked."""
        self.unbound.kill()
        text = await self.failed(b"plain.example", "MX")
        self.assertIn("Connection refused", text)
        self.unbound = self.start(self.unbound.port)
        found = await self.resolver.lookUp(b"plain.example", "MX")
        self.assertEqual(len(found.records), 2)

    async def test_manyAtOnce(self) -> None:
        """Hundreds of questions, a few at once, and no socket stays open."""
        self.resolver = self.ask(
            "127.0.0.1", bounds=ResolverBounds(atOnceMost=20, questionSeconds=50.0)
        )
        names = [b"n%d.wild.plain.example" % (n % 300) for n in range(600)]
        found = await gatherResults([self.resolver.lookUp(n, "A") for n in names])
        self.assertEqual({each.records for each in found}, {(b"192.0.2.7",)})
        self.assertEqual(self.resolver.underWay, 0)
        self.assertEqual(openSockets(), self.sockets)

    async def test_cancelled(self) -> None:
        """Questions that are given up leave nothing open."""
        asking = [
            self.resolver.lookUp(b"c%d.wild.plain.example" % n, "A") for n in range(50)
        ]
        self.assertGreater(len(openSockets()), len(self.sockets))
        for each in asking:
            each.cancel()
            await self.assertFailure(each, CancelledError)
        self.assertEqual(openSockets(), self.sockets)

    async def test_mailHosts(self) -> None:
        """The ways of mail, from real answers."""
        router = MailRouter(self.resolver, Ourselves([], lambda: ()))

        async def names(finding: Any) -> list[tuple[bytes, int]]:
            hosts: MailHosts = await finding
            return [(each.name, each.port) for each in hosts.hosts]

        mx1, mx2 = (b"mx1.plain.example", 25), (b"mx2.plain.example", 25)
        self.assertEqual(await names(router.byMX(b"plain.example")), [mx1, mx2])
        self.assertEqual(
            await names(router.byMX(b"alone.example")), [(b"mx1.plain.example", 25)]
        )
        self.assertEqual(
            await names(router.bySRV(b"service.plain.example")),
            [(b"www.plain.example", 2525)],
        )
        found = await router.byMX(b"secure.example")
        self.assertEqual((found.authentic, found.hosts[0].authentic), (True, True))
        found = await router.byMX(b"plain.example")
        self.assertEqual((found.authentic, found.hosts[0].authentic), (False, False))
        for domain, expected in (
            (b"null.plain.example", 556),
            (b"no.plain.example", 550),
            (b"long.plain.example", 550),
            (b"mx.bogus.example", 451),
        ):
            try:
                await router.byMX(domain)
            except Unroutable as error:
                self.assertEqual(error.reply.code, expected, domain)
            else:
                self.fail(f"there is a way to {domain!r}")


class ServerTests(InteropTestCase):
    """A server whose clients may relay by their names."""

    def relay(self, server: RunningServer) -> tuple[int, bytes]:
        """What a client of 127.0.0.1 is told that sends elsewhere."""
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.ehlo("c.example")
            client.mail("a@b.example")
            return client.rcpt("x@elsewhere.example")

    def test_namesOfClients(self) -> None:
        """
        A client with the right name may, and one of another is refused; while the
        name server is silent, the client is to come again.
        """
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        unbound = RunningUnbound()
        self.addCleanup(unbound.remove)
        self.running(unbound)
        configuration = """
            [dns]
            servers = ["127.0.0.1:{}"]
            hosts_file = "none"
            try_seconds = {}
            rounds = 1
            [relay]
            hosts = ["*.{}"]
            [[route]]
            match = ["*"]
            transport = "discard"
        """
        for name, port, seconds, expected in (
            ("plain.example", unbound.port, 20, 250),
            ("secure.example", unbound.port, 20, 550),
            ("plain.example", silent.getsockname()[1], 0.2, 451),
        ):
            server = self.serve(configuration.format(port, seconds, name))
            code, text = self.relay(server)
            self.assertEqual(code, expected, text)

    def test_bySRV(self) -> None:
        """
        Mail goes where SRV records say, though their target is an alias; none goes
        where nobody takes it, or back to its sender.
        """
        last = self.serve('[local]\ndomains = ["shop.more.example"]')
        first = freePort()
        unbound = RunningUnbound(
            more=[
                f"_smtp._tcp.shop.more.example. 60 SRV 0 0 {last.port} a.more.example.",
                f"_smtp._tcp.back.more.example. 60 SRV 0 0 {first} a.more.example.",
                "a.more.example. 60 CNAME b.more.example.",
                "b.more.example. 60 CNAME client.plain.example.",
            ]
        )
        self.addCleanup(unbound.remove)
        self.running(unbound)
        server = self.serve(
            f"""
            [[listener]]
            port = {first}
            address = "127.0.0.1"
            [dns]
            servers = ["127.0.0.1:{unbound.port}"]
            [relay]
            hosts = ["127.0.0.1"]
            [[route]]
            match = ["*"]
            transport = "smtp"
            lookup = "srv"
            """
        )
        recipients = [
            f"x@{domain}"
            for domain in (
                "shop.more.example",
                "back.more.example",
                "null.plain.example",
            )
        ]
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("a@b.example", recipients, "Subject: x\r\n\r\nhello\r\n")
        [delivered] = last.delivered(1)
        self.assertEqual(delivered.recipient, b"x@shop.more.example")

        def failed() -> str:
            return "\n".join(line for line in server.mainLog() if " ** " in line)

        # The third is the report: its recipient's domain does not exist.
        waitFor(lambda: failed().count("\n") == 2, "three failures in the log")
        for text in (
            "x@back.more.example R=* T=smtp: a.more.example is this server",
            "x@null.plain.example R=* T=smtp: null.plain.example has a null MX",
            "a@b.example R=* T=smtp: b.example does not exist",
        ):
            self.assertIn(f" ** {text}", failed())
