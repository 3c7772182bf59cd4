"""Tests for L{smtpx.testing.dns}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.dns.interfaces import MX, Answer, IResolver, LookupFailed, NoSuchDomain
from smtpx.dns.system import systemRouter
from smtpx.testing.dns import StaticResolver

ZONE = """
    example.org       MX     10 mx1.example.org
    example.org       MX     20 mx2.example.org.
    mx1.example.org   A      192.0.2.1
    alias.example.org CNAME  other.example.org
    other.example.org CNAME  mx1.example.org
    loop.example.org  CNAME  pool.example.org
    pool.example.org  CNAME  loop.example.org
"""


class StaticResolverTests(SynchronousTestCase):
    """A DNS for tests."""

    def setUp(self) -> None:
        """Make one."""
        self.resolver = StaticResolver(ZONE)

    def ask(self, name: bytes, kind: str) -> Answer:
        """What it says at once."""
        return self.successResultOf(self.resolver.lookUp(name, kind))

    def test_interface(self) -> None:
        """It is a resolver."""
        verifyObject(IResolver, self.resolver)

    def test_answers(self) -> None:
        """It says what was written down, and remembers what was asked."""
        self.assertEqual(
            self.ask(b"Example.org.", "MX"),
            Answer(
                (MX(10, b"mx1.example.org"), MX(20, b"mx2.example.org")),
                name=b"example.org",
            ),
        )
        self.assertEqual(self.ask(b"example.org", "A").records, ())
        self.assertEqual(
            self.resolver.asked, [(b"example.org", "MX"), (b"example.org", "A")]
        )
        self.assertEqual(list(self.resolver.questions("A")), [b"example.org"])

    def test_aliases(self) -> None:
        """CNAMEs are followed; a loop is a failure."""
        found = self.ask(b"alias.example.org", "A")
        self.assertEqual(found, Answer((b"192.0.2.1",), name=b"mx1.example.org"))
        self.assertEqual(
            self.ask(b"other.example.org", "CNAME").records, (b"mx1.example.org",)
        )
        self.failureResultOf(
            self.resolver.lookUp(b"loop.example.org", "A"), LookupFailed
        )

    def test_noSuchName(self) -> None:
        """What nothing is written below does not exist; what is above names does."""
        self.failureResultOf(
            self.resolver.lookUp(b"mx9.example.org", "A"), NoSuchDomain
        )
        self.failureResultOf(self.resolver.lookUp(b"no..name", "A"), NoSuchDomain)
        self.assertEqual(self.ask(b"org", "A").records, ())

    def test_failing(self) -> None:
        """A question fails until it does no more."""
        self.resolver.fail(b"example.org", "MX")
        self.failureResultOf(self.resolver.lookUp(b"example.org", "MX"), LookupFailed)
        self.resolver.recover(b"example.org", "MX")
        self.assertEqual(len(self.ask(b"example.org", "MX").records), 2)

    def test_held(self) -> None:
        """A question waits for its answer, and may be cancelled meanwhile."""
        self.resolver.hold(b"example.org", "MX")
        first = self.resolver.lookUp(b"example.org", "MX")
        second = self.resolver.lookUp(b"example.org", "MX")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.resolver.release(b"example.org", "MX")
        self.assertEqual(len(self.successResultOf(second).records), 2)
        self.assertEqual(len(self.ask(b"example.org", "MX").records), 2)

    def test_authentic(self) -> None:
        """All is proven, but for the names that a test takes out."""
        self.resolver.authentic = True
        self.assertTrue(self.ask(b"alias.example.org", "A").authentic)
        self.resolver.insecure(b"other.example.org")
        self.assertFalse(self.ask(b"alias.example.org", "A").authentic)
        self.assertTrue(self.ask(b"mx1.example.org", "A").authentic)

    def test_changes(self) -> None:
        """Records come and go."""
        self.resolver.add("new.example.org A 192.0.2.7")
        self.assertEqual(self.ask(b"new.example.org", "A").records, (b"192.0.2.7",))
        self.resolver.remove(b"new.example.org", "A")
        self.assertEqual(self.ask(b"new.example.org", "A").records, ())

    def test_badLines(self) -> None:
        """A line that is no record is a mistake of the test's."""
        for line in ("example.org MX", "example.org HINFO a b"):
            with self.assertRaises(ValueError):
                StaticResolver(line)
        with self.assertRaises(UsageError):
            self.resolver.lookUp(b"example.org", "ANY")

    def test_example(self) -> None:
        """The example of the manual."""
        # begin resolver
        resolver = StaticResolver("""
            example.org      MX    10 mx1.example.org
            example.org      MX    20 mx2.example.org
            mx1.example.org  A     192.0.2.1
            mx2.example.org  CNAME mx1.example.org
        """)
        resolver.fail(b"mx1.example.org", "AAAA", "SERVFAIL")
        router = systemRouter(MemoryReactorClock(), resolver)

        found = self.successResultOf(router.byMX(b"example.org"))

        self.assertEqual(found.key, b"mx1.example.org;mx2.example.org")
        self.assertEqual(found.hosts[1].canonical, b"mx1.example.org")
        self.assertEqual(resolver.asked[0], (b"example.org", "MX"))
        # end resolver
