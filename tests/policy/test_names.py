"""Tests for L{smtpx.policy.names}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.hostlist import HostList
from smtpx.dns.interfaces import LookupFailed
from smtpx.dns.records import reverseName
from smtpx.net.interfaces import IPolicy
from smtpx.policy.names import (
    HostNames,
    NamingPolicy,
    PeerName,
    PeerNames,
    addressesOf,
    confirmedName,
)
from smtpx.policy.turnstile import Turnstile
from smtpx.testing.dns import StaticResolver

from .doubles import ENVELOPE, deferred, recipientOf, sessionFrom


class HostNamesTests(SynchronousTestCase):
    """Names in host lists."""

    def setUp(self) -> None:
        """A resolver, and what is logged."""
        self.clock = Clock()
        self.resolver = StaticResolver("a.example A 192.0.2.1")
        self.names = HostNames(self.resolver, self.clock)
        self.warnings: list[object] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event.get("log_level") is LogLevel.warn and "name" in event:
                told = event["name"], event["addresses"], event["error"]
                self.warnings.append(told)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def has(self, *addresses: str) -> None:
        """Let a.example have these addresses and no others."""
        for kind in ("A", "AAAA"):
            self.resolver.remove(b"a.example", kind)
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self.resolver.add(f"a.example {kind} {address}")

    def test_addresses(self) -> None:
        """All addresses are found, of both families."""
        self.has("192.0.2.1", "2001:db8::1")
        for name, expected in (
            (b"a.example", [b"192.0.2.1", b"2001:db8::1"]),
            (b"b.example", []),
        ):
            found = addressesOf(self.resolver, name)
            self.assertEqual(self.successResultOf(found), expected)

    def test_oneFamilyFails(self) -> None:
        """The addresses of one family will do; without any, nobody knows."""
        self.resolver.fail(b"a.example", "AAAA", "no answer")
        found = addressesOf(self.resolver, b"a.example")
        self.assertEqual(self.successResultOf(found), [b"192.0.2.1"])
        self.has()
        self.failureResultOf(addressesOf(self.resolver, b"a.example"), LookupFailed)

    def test_lookedUpAtTheStart(self) -> None:
        """A list knows the addresses of its names once it is started."""
        self.has("192.0.2.1", "2001:db8::1")
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
        lists = [self.names.keep(HostList.parse(["a.example"])) for _ in range(2)]
        self.names.start()
        self.has("192.0.2.2")
        self.clock.advance(299)
        self.assertTrue(all(live.matches(b"192.0.2.1") for live in lists))
        self.clock.advance(1)
        self.assertTrue(all(live.matches(b"192.0.2.2") for live in lists))
        self.assertFalse(any(live.matches(b"192.0.2.1") for live in lists))
        self.assertEqual(list(self.resolver.questions("A")), [b"a.example"] * 2)

    def test_hasNoAddress(self) -> None:
        """The addresses stay, and it is told of once, not every time."""
        live = self.names.keep(HostList.parse(["a.example", "b.example"]))
        self.names.start()
        self.has()
        self.clock.advance(300)
        self.clock.advance(300)
        self.assertTrue(live.matches(b"192.0.2.1"))
        self.assertIs(live.verdict(b"192.0.2.7"), False)
        self.assertEqual(
            self.warnings,
            [
                ("b.example", [], "it has no address"),
                ("a.example", [b"192.0.2.1"], "it has no address"),
            ],
        )
        self.has("192.0.2.2")
        self.clock.advance(300)
        self.assertTrue(live.matches(b"192.0.2.2"))
        self.has()
        self.clock.advance(300)
        self.assertEqual(len(self.warnings), 3)

    def test_nobodyKnows(self) -> None:
        """
        While the addresses of a name could never be looked up there is a doubt, and
        it is looked up again soon; addresses that it had leave none.
        """
        for kind in ("A", "AAAA"):
            self.resolver.fail(b"a.example", kind, "no answer")
        live = self.names.keep(HostList.parse(["a.example"]))
        self.names.start()
        self.assertIsNone(live.verdict(b"192.0.2.1"))
        self.assertFalse(live.matches(b"192.0.2.1"))
        self.assertEqual(self.warnings, [("a.example", [], "no answer")])
        for kind in ("A", "AAAA"):
            self.resolver.recover(b"a.example", kind)
        self.clock.advance(30)
        self.assertIs(live.verdict(b"192.0.2.1"), True)
        for kind in ("A", "AAAA"):
            self.resolver.fail(b"a.example", kind, "no answer")
        self.clock.advance(300)
        self.assertEqual(len(self.warnings), 2)
        self.assertIs(live.verdict(b"192.0.2.1"), True)
        self.assertIs(live.verdict(b"192.0.2.7"), False)

    def test_doesNotAnswer(self) -> None:
        """A resolver that hangs does not keep the server from starting."""
        self.resolver.hold(b"a.example", "A")
        self.names.keep(HostList.parse(["a.example"]))
        started = self.names.start()
        self.clock.advance(29)
        self.assertNoResult(started)
        self.clock.advance(1)
        self.successResultOf(started)
        self.assertEqual(len(self.warnings), 1)

    def test_stopped(self) -> None:
        """It leaves no timer, also where it is stopped in the middle."""
        self.names.start()
        self.names.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.resolver.hold(b"a.example", "A")
        self.names.keep(HostList.parse(["a.example"]))
        started = self.names.start()
        self.names.stop()
        self.resolver.release(b"a.example", "A")
        self.successResultOf(started)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConfirmedNameTests(SynchronousTestCase):
    """The name of a client, if it leads back."""

    def world(self, address: bytes, names: list[str], *hosts: str) -> StaticResolver:
        """A world where an address has names, and hosts have addresses."""
        resolver = StaticResolver("\n".join(hosts))
        for name in names:
            resolver.add(f"{reverseName(address).decode()} PTR {name}")
        return resolver

    def confirmed(self, address: bytes, names: list[str], *hosts: str) -> bytes | None:
        """The name of an address in such a world."""
        resolver = self.world(address, names, *hosts)
        return self.successResultOf(confirmedName(resolver, address))

    def test_leadsBack(self) -> None:
        """A name that has the address is the client's."""
        self.assertEqual(
            self.confirmed(
                b"192.0.2.1",
                ["Mail.Example."],
                "mail.example A 192.0.2.9",
                "mail.example A 192.0.2.1",
            ),
            b"mail.example",
        )

    def test_leadsElsewhere(self) -> None:
        """Anybody can claim a name; one that does not know of it is not theirs."""
        host = "bank.example A 198.51.100.1"
        self.assertIsNone(self.confirmed(b"192.0.2.1", ["bank.example"], host))
        self.assertIsNone(self.confirmed(b"192.0.2.1", ["none.example"], host))

    def test_oneOfSeveral(self) -> None:
        """The first that leads back, among the first four."""
        hosts = ("e.example A 192.0.2.1", "c.example A 192.0.2.1")
        names = [f"{letter}.example" for letter in "abde"]
        self.assertEqual(self.confirmed(b"192.0.2.1", names, *hosts), b"e.example")
        names = [f"{letter}.example" for letter in "abdfe"]
        self.assertIsNone(self.confirmed(b"192.0.2.1", names, *hosts))

    def test_noName(self) -> None:
        """Many hosts have none; what is no address has none either."""
        self.assertIsNone(self.confirmed(b"192.0.2.1", []))
        for address in (b"", b"unknown"):
            found = confirmedName(StaticResolver(), address)
            self.assertIsNone(self.successResultOf(found))

    def test_notAName(self) -> None:
        """What stands there may be anything; a number would confirm itself."""
        for text in ("192.0.2.1", "[192.0.2.1]", r"a\032b", r"a\010", r"\233.example"):
            self.assertIsNone(self.confirmed(b"192.0.2.1", [text]))

    def test_underscore(self) -> None:
        """Names in the field have underscores."""
        host = "my_host.example A 192.0.2.1"
        self.assertEqual(
            self.confirmed(b"192.0.2.1", ["my_host.example"], host), b"my_host.example"
        )

    def test_IPv6(self) -> None:
        """Addresses are compared, not how they are written."""
        host = "six.example AAAA 2001:db8:0::1"
        self.assertEqual(
            self.confirmed(b"2001:db8::1", ["six.example"], host), b"six.example"
        )
        resolver = self.world(
            b"192.0.2.1", ["four.example"], "four.example A 192.0.2.1"
        )
        found = confirmedName(resolver, b"::ffff:192.0.2.1")
        self.assertEqual(self.successResultOf(found), b"four.example")

    def test_nobodyKnows(self) -> None:
        """
        Where the name, or whether it leads back, cannot be looked up, nobody knows; a
        name that does lead back is enough.
        """
        resolver = self.world(b"192.0.2.1", ["a.example", "b.example"])
        resolver.fail(b"a.example", "A", "no answer")
        found = confirmedName(resolver, b"192.0.2.1")
        self.failureResultOf(found, LookupFailed)
        resolver.add("b.example A 192.0.2.1")
        found = confirmedName(resolver, b"192.0.2.1")
        self.assertEqual(self.successResultOf(found), b"b.example")
        resolver.fail(reverseName(b"192.0.2.1"), "PTR", "no answer")
        found = confirmedName(resolver, b"192.0.2.1")
        self.failureResultOf(found, LookupFailed)


class PeerNamesCase(SynchronousTestCase):
    """Has names of clients, looked up when the test wishes."""

    def setUp(self) -> None:
        """Nothing was looked up yet."""
        self.clock = Clock()
        self.looked: list[bytes] = []
        self.pending: list[tuple[bytes, Deferred[bytes | None]]] = []
        self.cancelled: list[bytes] = []
        turnstile = Turnstile(self.clock, atOnceMax=1, waitingMax=1, seconds=5.0)

        def look(address: bytes) -> Deferred[bytes | None]:
            self.looked.append(address)
            done: Deferred[bytes | None] = Deferred(
                lambda _: self.cancelled.append(address)
            )
            self.pending.append((address, done))
            return done

        self.names = PeerNames(
            turnstile,
            look,
            self.clock.seconds,
            keepSeconds=60.0,
            doubtSeconds=10.0,
            most=2,
        )

    def finish(self) -> None:
        """Find the one that waits longest."""
        address, done = self.pending.pop(0)
        done.callback(b"host-" + address)


class PeerNamesTests(PeerNamesCase):
    """Names of clients."""

    def known(self, name: PeerName | Deferred[PeerName]) -> PeerName:
        """What is known at once."""
        return self.successResultOf(deferred(name))

    def test_remembered(self) -> None:
        """A name is looked up once, and again when it is old."""
        found = self.names.of(b"a")
        self.assertNoResult(found)
        self.finish()
        self.assertEqual(self.known(found), PeerName(b"host-a"))
        self.clock.advance(59)
        self.assertEqual(self.names.of(b"a"), PeerName(b"host-a"))
        self.clock.advance(1)
        self.assertNoResult(self.names.of(b"a"))
        self.finish()
        self.assertEqual(self.names.of(b"a"), PeerName(b"host-a"))
        self.assertEqual(self.looked, [b"a", b"a"])

    def test_tooLate(self) -> None:
        """Nobody waits for long, and for a while nobody makes us wait twice."""
        found = self.names.of(b"a")
        self.clock.advance(5)
        self.assertEqual(self.known(found), PeerName(None, False))
        self.assertEqual(self.cancelled, [b"a"])
        self.assertEqual(self.names.of(b"a"), PeerName(None, False))
        self.clock.advance(10)
        self.assertIsInstance(self.names.of(b"a"), Deferred)

    def test_tooMany(self) -> None:
        """Where many wait, a name is not known; it is not held against the client."""
        first, second = self.names.of(b"a"), self.names.of(b"b")
        self.assertEqual(self.known(self.names.of(b"c")), PeerName(None, False))
        self.finish()
        self.finish()
        self.assertEqual(self.known(first), PeerName(b"host-a"))
        self.assertEqual(self.known(second), PeerName(b"host-b"))
        third = self.names.of(b"c")
        self.finish()
        self.assertEqual(self.known(third), PeerName(b"host-c"))

    def test_lookUpFails(self) -> None:
        """Where nobody knows, that is not the same as no name."""
        found = self.names.of(b"a")
        _, done = self.pending.pop()
        done.errback(LookupFailed("no answer"))
        self.assertEqual(self.known(found), PeerName(None, False))
        self.clock.advance(10)
        found = self.names.of(b"a")
        _, done = self.pending.pop()
        done.callback(None)
        self.assertEqual(self.known(found), PeerName(None))

    def test_bounded(self) -> None:
        """Only so many are remembered; the oldest is forgotten."""
        for address in (b"a", b"b", b"c"):
            self.names.of(address)
            self.finish()
        self.assertEqual(self.names.of(b"b"), PeerName(b"host-b"))
        self.assertEqual(self.names.of(b"c"), PeerName(b"host-c"))
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

    def test_cannotBeLookedUp(self) -> None:
        """A session whose name could not be looked up says so, until a proxy knows."""
        session = sessionFrom(b"192.0.2.1")
        answer = self.policy.mayConnect(session)
        self.pending.pop()[1].errback(LookupFailed("no answer"))
        self.assertIsNone(self.successResultOf(deferred(answer)))
        self.assertEqual((session.peerName, session.peerNameKnown), (None, False))
        session.peerName = b"spike.example"
        self.assertIsNone(self.policy.mayConnect(session))
        self.assertTrue(session.peerNameKnown)
