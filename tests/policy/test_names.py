"""Tests for L{smtpx.policy.names}."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.hostlist import HostList
from smtpx.net.interfaces import IPolicy
from smtpx.policy.names import (
    HostNames,
    NamingPolicy,
    PeerNames,
    addressesOf,
    confirmedName,
)
from smtpx.policy.turnstile import Turnstile

from .doubles import ENVELOPE, deferred, recipientOf, sessionFrom


@implementer(IHostResolution)
class Resolution:
    """A look-up that, as Twisted's own, cannot be cancelled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Refuse."""
        raise NotImplementedError


@implementer(IHostnameResolver)
class FakeResolver:
    """
    A resolver that knows what the test says.

    @ivar hosts: the addresses of each host; a host that is not there has none;
        L{None}: it does not answer before the test calls C{answer}.
    @ivar asked: the names that were asked for.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, list[str] | None] = {}
        self.asked: list[str] = []
        self.waiting: list[IResolutionReceiver] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Answer at once, or not."""
        resolution = Resolution(hostName)
        self.asked.append(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        addresses = self.hosts.get(hostName, [])
        if addresses is None:
            self.waiting.append(resolutionReceiver)
        else:
            for each in addresses:
                kind = IPv6Address if ":" in each else IPv4Address
                resolutionReceiver.addressResolved(kind("TCP", each, 0))
            resolutionReceiver.addressResolved(UNIXAddress("/not/an/address"))
            resolutionReceiver.resolutionComplete()
        return resolution

    def answer(self) -> None:
        """Answer what is waiting: there is no such host."""
        self.waiting.pop().resolutionComplete()


class HostNamesTests(SynchronousTestCase):
    """Names in host lists."""

    def setUp(self) -> None:
        """A resolver, and what is logged."""
        self.clock = Clock()
        self.resolver = FakeResolver()
        self.names = HostNames(self.resolver, self.clock)
        self.warnings: list[object] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event.get("log_level") is LogLevel.warn and "name" in event:
                told = event["name"], event["addresses"], event["error"]
                self.warnings.append(told)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def test_addresses(self) -> None:
        """All addresses are found, without the name of a link."""
        self.resolver.hosts["a.example"] = ["192.0.2.1", "fe80::1%eth0"]
        self.assertEqual(
            self.successResultOf(addressesOf(self.resolver, b"a.example")),
            [b"192.0.2.1", b"fe80::1"],
        )

    def test_lookedUpAtTheStart(self) -> None:
        """A list knows the addresses of its names once it is started."""
        self.resolver.hosts["a.example"] = ["192.0.2.1", "2001:db8::1"]
        live = self.names.keep(HostList.parse(["a.example"]))
        self.assertTrue(live.needsNames)
        self.assertTrue(self.names.peerNamesMatter())
        self.assertFalse(live.matches(b"192.0.2.1"))
        self.successResultOf(self.names.start())
        self.assertTrue(live.matches(b"192.0.2.1"))
        self.assertTrue(live.matches(b"2001:db8::1"))
        self.assertFalse(live.matches(b"192.0.2.2"))
        self.assertFalse(self.names.peerNamesMatter())
        self.assertEqual(self.warnings, [])

    def test_lookedUpAgain(self) -> None:
        """Every five minutes; each name once, however many lists have it."""
        self.resolver.hosts["a.example"] = ["192.0.2.1"]
        lists = [self.names.keep(HostList.parse(["a.example"])) for _ in range(2)]
        self.names.start()
        self.resolver.hosts["a.example"] = ["192.0.2.2"]
        self.clock.advance(299)
        self.assertTrue(all(live.matches(b"192.0.2.1") for live in lists))
        self.clock.advance(1)
        self.assertTrue(all(live.matches(b"192.0.2.2") for live in lists))
        self.assertFalse(any(live.matches(b"192.0.2.1") for live in lists))
        self.assertEqual(self.resolver.asked, ["a.example"] * 2)

    def test_cannotBeLookedUp(self) -> None:
        """The addresses stay, and it is told of once, not every time."""
        self.resolver.hosts["a.example"] = ["192.0.2.1"]
        live = self.names.keep(HostList.parse(["a.example", "b.example"]))
        self.names.start()
        del self.resolver.hosts["a.example"]
        self.clock.advance(300)
        self.clock.advance(300)
        self.assertTrue(live.matches(b"192.0.2.1"))
        self.assertEqual(
            self.warnings,
            [
                ("b.example", [], "it has no address"),
                ("a.example", [b"192.0.2.1"], "it has no address"),
            ],
        )
        self.resolver.hosts["a.example"] = ["192.0.2.2"]
        self.clock.advance(300)
        self.assertTrue(live.matches(b"192.0.2.2"))
        del self.resolver.hosts["a.example"]
        self.clock.advance(300)
        self.assertEqual(len(self.warnings), 3)

    def test_doesNotAnswer(self) -> None:
        """A resolver that hangs does not keep the server from starting."""
        self.resolver.hosts["a.example"] = None
        self.names.keep(HostList.parse(["a.example"]))
        started = self.names.start()
        self.clock.advance(29)
        self.assertNoResult(started)
        self.clock.advance(1)
        self.successResultOf(started)
        self.assertEqual(len(self.warnings), 1)
        self.resolver.answer()

    def test_stopped(self) -> None:
        """It leaves no timer, also where it is stopped in the middle."""
        self.names.start()
        self.names.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.resolver.hosts["a.example"] = None
        self.names.keep(HostList.parse(["a.example"]))
        started = self.names.start()
        self.names.stop()
        self.resolver.answer()
        self.successResultOf(started)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConfirmedNameTests(SynchronousTestCase):
    """The name of a client, if it leads back."""

    def confirmed(
        self,
        address: bytes,
        names: list[str],
        hosts: dict[str, list[str]],
    ) -> bytes | None:
        """Look C{address} up in a world where it has C{names}."""

        def reverse(text: str) -> tuple[str, list[str], list[str]]:
            self.asked = text
            if not names:
                raise socket.herror(1, "Unknown host")
            return names[0], names[1:], [text]

        def forward(
            name: str, port: None, type: int
        ) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
            if name not in hosts:
                raise socket.gaierror(-2, "Name or service not known")
            return [(0, type, 6, "", (each, 0)) for each in hosts[name]]

        return confirmedName(address, reverse, forward)

    def test_leadsBack(self) -> None:
        """A name that has the address is the client's."""
        hosts = {"mail.example": ["192.0.2.9", "192.0.2.1"]}
        self.assertEqual(
            self.confirmed(b"192.0.2.1", ["Mail.Example."], hosts), b"mail.example"
        )

    def test_leadsElsewhere(self) -> None:
        """Anybody can claim a name; one that does not know of it is not theirs."""
        hosts = {"bank.example": ["198.51.100.1"]}
        self.assertIsNone(self.confirmed(b"192.0.2.1", ["bank.example"], hosts))
        self.assertIsNone(self.confirmed(b"192.0.2.1", ["none.example"], hosts))

    def test_oneOfSeveral(self) -> None:
        """The first that leads back, among the first four."""
        hosts = {"e.example": ["192.0.2.1"], "c.example": ["192.0.2.1"]}
        names = [f"{letter}.example" for letter in "abde"]
        self.assertEqual(self.confirmed(b"192.0.2.1", names, hosts), b"e.example")
        names = [f"{letter}.example" for letter in "abdfe"]
        self.assertIsNone(self.confirmed(b"192.0.2.1", names, hosts))

    def test_noName(self) -> None:
        """Many hosts have none; what is no address has none either."""
        self.assertIsNone(self.confirmed(b"192.0.2.1", [], {}))
        self.assertIsNone(self.confirmed(b"", ["a.example"], {}))

    def test_notAName(self) -> None:
        """What stands there may be anything; a number would confirm itself."""
        for text in ["192.0.2.1", "[192.0.2.1]", "a b", "", "a\n", "é.example", "."]:
            self.assertIsNone(
                self.confirmed(b"192.0.2.1", [text], {text: ["192.0.2.1"]})
            )

    def test_underscore(self) -> None:
        """Names in the field have underscores."""
        hosts = {"my_host.example": ["192.0.2.1"]}
        self.assertEqual(
            self.confirmed(b"192.0.2.1", ["my_host.example"], hosts), b"my_host.example"
        )

    def test_IPv6(self) -> None:
        """Addresses are compared, not how they are written."""
        hosts = {"six.example": ["2001:db8:0::1"], "four.example": ["::ffff:192.0.2.1"]}
        self.assertEqual(
            self.confirmed(b"2001:db8::1", ["six.example"], hosts), b"six.example"
        )
        self.assertEqual(
            self.confirmed(b"::ffff:192.0.2.1", ["four.example"], hosts),
            b"four.example",
        )
        self.assertEqual(self.asked, "192.0.2.1")


class PeerNamesCase(SynchronousTestCase):
    """Has names of clients, looked up when the test wishes."""

    def setUp(self) -> None:
        """Nothing was looked up yet."""
        self.clock = Clock()
        self.looked: list[bytes] = []
        self.pending: list[tuple[Callable[[], bytes | None], Deferred[bytes | None]]]
        self.pending = []
        turnstile = Turnstile(self.clock, atOnceMax=1, waitingMax=1, seconds=5.0)

        def work(job: Callable[[], bytes | None]) -> Deferred[bytes | None]:
            done: Deferred[bytes | None] = Deferred()
            self.pending.append((job, done))
            return done

        def look(address: bytes) -> bytes | None:
            self.looked.append(address)
            return b"host-" + address

        self.names = PeerNames(
            turnstile, work, self.clock.seconds, keepSeconds=60.0, most=2, look=look
        )

    def finish(self) -> None:
        """Do the job that waits longest."""
        job, done = self.pending.pop(0)
        done.callback(job())


class PeerNamesTests(PeerNamesCase):
    """Names of clients."""

    def test_remembered(self) -> None:
        """A name is looked up once, and again when it is old."""
        found = self.names.of(b"a")
        self.assertNoResult(found)
        self.finish()
        self.assertEqual(self.successResultOf(deferred(found)), b"host-a")
        self.clock.advance(59)
        self.assertEqual(self.names.of(b"a"), b"host-a")
        self.clock.advance(1)
        self.assertNoResult(self.names.of(b"a"))
        self.finish()
        self.assertEqual(self.names.of(b"a"), b"host-a")
        self.assertEqual(self.looked, [b"a", b"a"])

    def test_tooLate(self) -> None:
        """Nobody waits for long, and nobody makes us wait twice."""
        found = self.names.of(b"a")
        self.clock.advance(5)
        self.assertIsNone(self.successResultOf(deferred(found)))
        self.assertIsNone(self.names.of(b"a"))

    def test_tooMany(self) -> None:
        """Where many wait, a client has no name; it is not held against it."""
        first, second = self.names.of(b"a"), self.names.of(b"b")
        self.assertIsNone(self.successResultOf(deferred(self.names.of(b"c"))))
        self.finish()
        self.finish()
        self.assertEqual(self.successResultOf(deferred(first)), b"host-a")
        self.assertEqual(self.successResultOf(deferred(second)), b"host-b")
        third = self.names.of(b"c")
        self.finish()
        self.assertEqual(self.successResultOf(deferred(third)), b"host-c")

    def test_lookUpFails(self) -> None:
        """An exception out of the thread is no name."""
        found = self.names.of(b"a")
        _, done = self.pending.pop()
        done.errback(OSError("no threads"))
        self.assertIsNone(self.successResultOf(deferred(found)))

    def test_bounded(self) -> None:
        """Only so many are remembered; the oldest is forgotten."""
        for address in (b"a", b"b", b"c"):
            self.names.of(address)
            self.finish()
        self.assertEqual(self.names.of(b"b"), b"host-b")
        self.assertEqual(self.names.of(b"c"), b"host-c")
        self.assertIsInstance(self.names.of(b"a"), Deferred)


class NamingPolicyTests(PeerNamesCase):
    """Names for sessions."""

    def setUp(self) -> None:
        """A policy that is wanted."""
        super().setUp()
        self.wanted = True
        self.policy = NamingPolicy(self.names, lambda: self.wanted)

    def test_hasNoObjection(self) -> None:
        """It is a policy that never refuses."""
        self.assertTrue(verifyObject(IPolicy, self.policy))
        session, recipient = sessionFrom(), recipientOf(b"a@x")
        self.policy.maySend(session, ENVELOPE)
        self.policy.mayReceive(session, ENVELOPE, recipient)

    def test_named(self) -> None:
        """The session has the name when the others are asked."""
        session = sessionFrom(b"192.0.2.1")
        answer = self.policy.mayConnect(session)
        self.assertNoResult(answer)
        self.finish()
        self.assertIsNone(self.successResultOf(deferred(answer)))
        self.assertEqual(session.peerName, b"host-192.0.2.1")
        another = sessionFrom(b"192.0.2.1")
        self.assertIsNone(self.policy.mayConnect(another))
        self.assertEqual(another.peerName, b"host-192.0.2.1")

    def test_notWanted(self) -> None:
        """Where no list wants names, nothing is looked up."""
        self.wanted = False
        session = sessionFrom(b"192.0.2.1")
        self.assertIsNone(self.policy.mayConnect(session))
        self.assertIsNone(session.peerName)
        self.assertEqual(self.pending, [])

    def test_aNameThatIsKnown(self) -> None:
        """Where a proxy has said the client's name, it is not looked up."""
        session = sessionFrom(b"192.0.2.9", name=b"spike.example")
        self.assertIsNone(self.policy.mayConnect(session))
        self.assertEqual(session.peerName, b"spike.example")
        self.assertEqual(self.pending, [])

    def test_noAddress(self) -> None:
        """Over a UNIX socket there is nothing to look up."""
        session = sessionFrom(b"")
        self.assertIsNone(self.policy.mayConnect(session))
        self.assertEqual((session.peerName, self.pending), (None, []))
