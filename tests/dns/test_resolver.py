"""Tests for L{smtpx.dns.resolver}: what it asks, and whom."""

from __future__ import annotations

from dns.message import Message
from dns.rcode import Rcode
from twisted.logger import formatEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.dns.cache import CacheBounds
from smtpx.dns.interfaces import MX, Answer, IResolver, NoSuchDomain
from smtpx.dns.resolver import ResolverBounds
from smtpx.dns.wire import Query

from .answers import AD, RA, SOA, TC, answer, failure
from .asked import (
    ONE,
    TWO,
    Asked,
    ResolverTests,
    confused,
    known,
    provenWithout,
    silent,
    without,
)
from .told import Told


class OneServerTests(ResolverTests):
    """A resolver with one server."""

    def test_interface(self) -> None:
        """It is a resolver; what nobody can ask for is refused at once."""
        verifyObject(IResolver, self.resolver)
        with self.assertRaises(UsageError):
            self.ask(kind="ANY")

    def test_answer(self) -> None:
        """What the server says is the answer."""
        self.network.behave(
            ONE, lambda query: answer(query, "a.test. 60 MX 10 mx.a.test.")
        )
        found = self.found(b"A.Test.", "MX")
        self.assertEqual(found, Answer((MX(10, b"mx.a.test"),), name=b"a.test"))
        self.assertEqual(found.expires, 60)
        self.assertEqual(self.network.asked, [Asked(ONE, b"a.test", "MX")])

    def test_nothing(self) -> None:
        """A name may have nothing of the kind, or not exist."""
        self.network.behave(ONE, lambda query: answer(query, authority=(SOA,)))
        found = self.found(b"www.example.org")
        self.assertEqual(found, Answer((), name=b"www.example.org"))
        self.assertEqual(found.expires, 300)
        self.network.behave(ONE, without)
        error = self.failureResultOf(self.ask(b"b.example.org"), NoSuchDomain).value
        self.assertEqual((error.name, error.expires), (b"b.example.org", 300))

    def test_noName(self) -> None:
        """What cannot be a name does not exist; nobody is asked."""
        self.failureResultOf(self.ask(b"a..b"), NoSuchDomain)
        self.assertEqual(self.network.asked, [])

    def test_kept(self) -> None:
        """It is asked once, until the answer has expired."""
        self.network.behave(ONE, known)
        self.found(b"a.test")
        self.clock.advance(59)
        self.found(b"A.TEST.")
        self.assertEqual(len(self.network.asked), 1)
        self.clock.advance(1)
        self.found(b"a.test")
        self.assertEqual(len(self.network.asked), 2)

    def test_nothingIsKept(self) -> None:
        """So it is where there is no such name, for everybody who asks."""
        self.network.behave(ONE, without)
        first = self.failureResultOf(self.ask(b"x.example.org"), NoSuchDomain).value
        second = self.failureResultOf(self.ask(b"x.example.org"), NoSuchDomain).value
        self.assertIsNot(first, second)
        self.assertEqual(first.expires, second.expires)
        self.assertEqual(len(self.network.asked), 1)

    def test_nothingIsKeptForLess(self) -> None:
        """What has nothing of a kind is asked for again sooner than what has some."""
        self.resolver = self.makeResolver(
            bounds=ResolverBounds(cache=CacheBounds(nothingSeconds=20.0))
        )
        self.network.behave(ONE, known)
        self.assertEqual(self.found(b"a.test").expires, 60)
        self.network.behave(ONE, lambda query: answer(query, authority=(SOA,)))
        self.assertEqual(self.found(b"b.test").expires, 20)

    def test_longAnswersAreNotKept(self) -> None:
        """An answer that would fill what is kept is asked for each time."""
        self.resolver = self.makeResolver(
            bounds=ResolverBounds(cache=CacheBounds(most=2))
        )
        lines = [f"long.test. 60 TXT {'x' * 200}{number}" for number in range(6)]
        self.network.behave(ONE, lambda query: answer(query, *lines))
        for _ in range(2):
            self.found(b"long.test", "TXT")
        self.assertEqual(len(self.network.asked), 2)

    def test_failureIsKept(self) -> None:
        """Nobody is asked again for some seconds what nobody knew (RFC 9520)."""
        self.network.behave(ONE, confused)
        text = self.failed(self.ask())
        self.assertEqual(
            text, "A of a.test: 192.0.2.1: SERVFAIL (6 (DNSSEC Bogus): bad key)"
        )
        self.assertEqual(self.failed(self.ask()), text)
        self.assertEqual(len(self.network.asked), 1)
        self.clock.advance(5)
        self.network.behave(ONE, known)
        self.found()

    def test_tcp(self) -> None:
        """What does not fit into a datagram is asked for over a connection."""
        self.network.behave(ONE, lambda query: answer(query, flags=RA | TC), known)
        self.found()
        self.assertEqual(
            self.network.asked,
            [Asked(ONE, b"a.test", "A"), Asked(ONE, b"a.test", "A", True)],
        )

    def test_withoutEDNS(self) -> None:
        """A server that does not know EDNS is asked without, for a while."""

        def old(query: Query) -> Message:
            return failure(query, Rcode.FORMERR) if query.edns else known(query)

        self.network.behave(ONE, old)
        self.found(b"a.test")
        self.found(b"b.test")
        self.assertEqual(
            [asked.edns for asked in self.network.asked], [True, False, False]
        )
        self.clock.advance(900)
        self.found(b"c.test")
        self.assertEqual(
            [asked.edns for asked in self.network.asked[3:]], [True, False]
        )

    def test_alwaysFormatError(self) -> None:
        """A server that understands nothing at all does not help."""
        self.network.behave(ONE, lambda query: failure(query, Rcode.FORMERR))
        self.assertIn("FORMERR", self.failed(self.ask()))
        self.assertEqual(len(self.network.asked), 2)

    def test_noAnswer(self) -> None:
        """A server that is silent is asked again, with more patience."""
        self.network.behave(ONE, silent)
        asking = self.ask()
        self.clock.advance(2.9)
        self.assertEqual(len(self.network.asked), 1)
        self.clock.advance(0.2)
        self.assertEqual(len(self.network.asked), 2)
        self.clock.advance(5.8)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        self.assertEqual(self.failed(asking), "A of a.test: 192.0.2.1: no answer")
        self.assertEqual((self.network.open, self.clock.getDelayedCalls()), (0, []))

    def test_lateAnswer(self) -> None:
        """A server that answers the second time is good."""
        self.network.behave(ONE, silent)
        asking = self.ask()
        self.network.behave(ONE, known)
        self.clock.advance(3)
        self.assertEqual(self.successResultOf(asking).records, (b"192.0.2.80",))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silentOverTCP(self) -> None:
        """One that is silent on the connection is, too."""
        self.network.behave(ONE, lambda query: answer(query, flags=RA | TC), silent)
        asking = self.ask()
        self.clock.pump([3.0, 6.0])
        self.assertIn("no answer", self.failed(asking))
        self.assertEqual(self.network.open, 0)

    def test_inAllSoLong(self) -> None:
        """No question takes longer than its limit, whatever servers do."""
        self.resolver = self.makeResolver(bounds=ResolverBounds(questionSeconds=4.0))
        self.network.behave(ONE, silent)
        asking = self.ask()
        self.clock.pump([3.0, 1.0])
        self.failed(asking)

    def test_unreachable(self) -> None:
        """What the system says of the network is told."""
        self.network.behave(ONE, lambda query: OSError(101, "Network is unreachable"))
        self.assertIn("192.0.2.1: Network is unreachable", self.failed(self.ask()))
        self.network.behave(ONE, lambda query: ConnectionRefusedError("nobody there"))
        self.assertIn("192.0.2.1: nobody there", self.failed(self.ask(b"b.test")))

    def test_shorterThanBounds(self) -> None:
        """An answer without a time to live is kept for a moment all the same."""
        cache = CacheBounds(minSeconds=2.0)
        self.resolver = self.makeResolver(bounds=ResolverBounds(cache=cache))
        self.network.behave(ONE, lambda query: answer(query, "a.test. 0 A 192.0.2.8"))
        self.assertEqual(self.found().expires, 2.0)

    def test_brokenCode(self) -> None:
        """An error of ours does not leave anybody waiting."""
        self.network.behave(ONE, lambda query: ZeroDivisionError("broken"))
        self.assertIn("there was an error", self.failed(self.ask()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.resolver.underWay, 0)


class AliasTests(ResolverTests):
    """CNAMEs whose target the server does not look up."""

    def aliases(self, **targets: str) -> None:
        """Let each name be an alias of another; others have an address."""

        def said(query: Query) -> Message:
            name = query.name.to_text(omit_final_dot=True).partition(".")[0]
            if name not in targets:
                return answer(query, f"{query.name} 20 A 192.0.2.80", flags=RA | AD)
            flags = RA if name == "forged" else RA | AD
            return answer(query, f"{query.name} 60 CNAME {targets[name]}.", flags=flags)

        self.network.behave(ONE, said)

    def test_followed(self) -> None:
        """They are followed; the shortest time to live counts."""
        self.aliases(a="b.test", b="c.test")
        found = self.found()
        self.assertEqual(found, Answer((b"192.0.2.80",), name=b"c.test"))
        self.assertEqual(found.expires, 20)
        self.assertEqual(len(self.network.asked), 3)

    def test_loop(self) -> None:
        """But not in circles."""
        self.aliases(a="b.test", b="a.test")
        self.assertIn("loop of aliases", self.failed(self.ask()))
        self.assertEqual(len(self.network.asked), 2)

    def test_tooLong(self) -> None:
        """Nor for ever."""
        self.aliases(**{f"n{n}": f"n{n + 1}.test" for n in range(40)})
        self.assertIn("too many", self.failed(self.ask(b"n0.test")))
        self.assertEqual(len(self.network.asked), 17)

    def test_toNowhere(self) -> None:
        """An alias of what does not exist does not exist."""
        self.network.behave(
            ONE,
            lambda query: (
                answer(query, "a.test. 60 CNAME b.test.")
                if query.name.to_text() == "a.test."
                else without(query)
            ),
        )
        error = self.failureResultOf(self.ask(), NoSuchDomain).value
        self.assertEqual(error.name, b"b.test")

    def test_authentic(self) -> None:
        """All of the chain has to be."""
        self.resolver = self.makeResolver(trusted=True)
        self.aliases(a="b.test", forged="b.test", x="forged.test")
        self.assertTrue(self.found(b"a.test").authentic)
        self.assertFalse(self.found(b"forged.test").authentic)
        self.assertFalse(self.found(b"x.test").authentic)


class TrustTests(ResolverTests):
    """Whose word is taken for DNSSEC."""

    def test_untrusted(self) -> None:
        """A server that nobody trusts is not asked for its word, and not believed."""
        self.network.behave(
            ONE, lambda query: answer(query, "a.test. 6 A 192.0.2.8", flags=RA | AD)
        )
        self.assertFalse(self.found().authentic)
        self.assertFalse(self.network.queries[0].proven)

    def test_trusted(self) -> None:
        """One that the operator trusts is, about what does not exist as well."""
        self.resolver = self.makeResolver(trusted=True)
        self.network.behave(
            ONE, lambda query: answer(query, "a.test. 6 A 192.0.2.8", flags=RA | AD)
        )
        self.assertTrue(self.found().authentic)
        self.assertTrue(self.network.queries[0].proven)
        self.network.behave(
            ONE, lambda query: answer(query, authority=(SOA,), flags=RA | AD)
        )
        self.assertTrue(self.found(b"c.example.org").authentic)
        self.network.behave(ONE, provenWithout)
        error = self.failureResultOf(self.ask(b"b.example.org"), NoSuchDomain)
        self.assertTrue(error.value.authentic)


class TwoServersTests(ResolverTests):
    """A resolver with more than one server."""

    servers = (ONE, TWO)

    def askedServers(self) -> list[str]:
        """Who was asked, in this order, since this was called."""
        asked = [each.server for each in self.network.asked]
        self.network.asked.clear()
        return asked

    def test_firstServerIsEnough(self) -> None:
        """Who knows is the only one that is asked."""
        self.network.behave(ONE, known)
        self.found()
        self.assertEqual(self.askedServers(), [ONE])

    def test_secondServer(self) -> None:
        """If the first is silent, or does not know, the second is asked."""
        for behaviour in (silent, confused):
            self.network.behave(ONE, behaviour)
            self.network.behave(TWO, known)
            asking = self.ask(behaviour.__name__.encode())
            self.clock.advance(3)
            self.successResultOf(asking)
            self.clock.advance(100)

    def test_noSuchNameIsAnAnswer(self) -> None:
        """That there is no such name is not asked of the second."""
        self.network.behave(ONE, without)
        self.failureResultOf(self.ask(b"x.example.org"), NoSuchDomain)
        self.assertEqual(self.askedServers(), [ONE])

    def test_silentServerIsAskedLast(self) -> None:
        """Who is silent again and again is asked last for a while, and then first."""
        self.network.behave(ONE, silent)
        self.network.behave(TWO, known)
        asking = [self.ask(name) for name in (b"a.test", b"b.test")]
        self.clock.advance(3)
        for each in asking:
            self.successResultOf(each)
        last = self.ask(b"c.test")
        self.clock.advance(3)
        self.successResultOf(last)
        self.askedServers()
        self.found(b"d.test")
        self.assertEqual(self.askedServers(), [TWO])
        self.clock.advance(30)
        self.network.behave(ONE, known)
        self.found(b"e.test")
        self.assertEqual(self.askedServers(), [ONE])

    def test_lateNowAndThen(self) -> None:
        """Who is late for some names, and answers for others, is asked first."""
        self.network.behave(TWO, known)
        for name in (b"a.test", b"b.test", b"c.test"):
            self.network.behave(ONE, silent)
            asking = self.ask(name)
            self.clock.advance(3)
            self.successResultOf(asking)
            self.network.behave(ONE, confused)
            self.found(b"x." + name)
        self.askedServers()
        self.found(b"d.test")
        self.assertEqual(self.askedServers(), [ONE, TWO])

    def test_unreachableServerIsAskedLast(self) -> None:
        """Who cannot be reached at all is asked last at once; the log says so, once."""
        told = Told()
        globalLogPublisher.addObserver(told)
        self.addCleanup(globalLogPublisher.removeObserver, told)
        self.network.behave(ONE, lambda query: OSError(111, "Connection refused"))
        self.network.behave(TWO, known)
        self.found(b"a.test")
        self.found(b"b.test")
        self.assertEqual(self.askedServers(), [ONE, TWO, TWO])
        self.clock.advance(30)
        self.found(b"c.test")
        self.network.behave(ONE, known)
        self.clock.advance(30)
        self.found(b"d.test")
        self.assertEqual(
            [formatEvent(event) for event in told.events],
            [
                "The name server 192.0.2.1 does not answer: Connection refused",
                "The name server 192.0.2.1 answers again",
            ],
        )

    def test_silentServersAreAskedAllTheSame(self) -> None:
        """If all were silent, all are asked; who answers again is good at once."""
        for server in (ONE, TWO):
            self.network.behave(server, silent)
        asking = [self.ask(b"a.test"), self.ask(b"b.test")]
        self.clock.pump([3.0, 3.0, 6.0, 6.0])
        self.assertEqual(
            self.failed(asking[0]),
            "A of a.test: 192.0.2.1: no answer; 192.0.2.2: no answer",
        )
        self.failed(asking[1])
        self.network.behave(ONE, known)
        self.askedServers()
        self.found(b"c.test")
        self.found(b"d.test")
        self.assertEqual(self.askedServers(), [ONE, ONE])

    def test_notAskedTwiceWhatItDoesNotKnow(self) -> None:
        """Who has said that he does not know is not asked once more."""
        self.network.behave(ONE, confused)
        self.network.behave(TWO, silent)
        asking = self.ask()
        self.clock.pump([3.0, 6.0])
        self.assertIn("SERVFAIL", self.failed(asking))
        self.assertEqual(self.askedServers(), [ONE, TWO, TWO])

    def test_rotate(self) -> None:
        """The load can be shared."""
        self.resolver = self.makeResolver(rotate=True)
        for server in (ONE, TWO):
            self.network.behave(server, known)
        for name in (b"a", b"b", b"c", b"d"):
            self.found(name)
        self.assertEqual(self.askedServers(), [TWO, ONE, TWO, ONE])
