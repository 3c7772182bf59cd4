"""
Tests for L{smtpx.observe.lookups}.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.dns.interfaces import Answer, IResolver, LookupFailed, NoSuchDomain
from smtpx.observe.lookups import CountedResolver

FOUND = Answer((b"192.0.2.1",), False, 60.0, b"mx.example.com")
NOTHING = Answer((), False, 60.0, b"mx.example.com")


@implementer(IResolver)
class Asked:
    """Answers as the test says, when it says so."""

    def __init__(self) -> None:
        self.answer: Deferred[Answer] = Deferred()
        self.asked: list[tuple[bytes, str]] = []

    def lookUp(self, name: bytes, kind: str) -> Deferred[Answer]:
        """See L{IResolver}."""
        self.asked.append((name, kind))
        return self.answer


class CountedResolverTests(SynchronousTestCase):
    """Questions, and how long they took."""

    def setUp(self) -> None:
        """A resolver that counts."""
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.asked = Asked()
        self.resolver = CountedResolver(self.asked, self.registry, self.clock.seconds)
        verifyObject(IResolver, self.resolver)

    def ask(self) -> Deferred[Answer]:
        """Ask, and let a second pass."""
        answer = self.resolver.lookUp(b"mx.example.com", "A")
        self.assertEqual(self.asked.asked, [(b"mx.example.com", "A")])
        self.clock.advance(1.5)
        return answer

    def seconds(self) -> tuple[float | None, float | None]:
        """How many took how long."""
        name = "smtpx_dns_duration_seconds"
        value = self.registry.get_sample_value
        return value(f"{name}_count"), value(f"{name}_sum")

    def test_answers(self) -> None:
        """They are passed on, and there is something in them or not."""
        for given, outcome in ((FOUND, "answered"), (NOTHING, "nothing")):
            self.setUp()
            answer = self.ask()
            self.asked.answer.callback(given)
            self.assertIs(self.successResultOf(answer), given)
            self.assertEqual(self.resolver.questions.counts(), {("A", outcome): 1})
            self.assertEqual(self.seconds(), (1.0, 1.5))

    def test_noAnswers(self) -> None:
        """There is no such name, or nobody knows."""
        for error, outcome in (
            (NoSuchDomain(b"no.example"), "nothing"),
            (LookupFailed("late"), "failed"),
        ):
            self.setUp()
            answer = self.ask()
            self.asked.answer.errback(error)
            self.assertIs(self.failureResultOf(answer).value, error)
            self.assertEqual(self.resolver.questions.counts(), {("A", outcome): 1})
            self.assertEqual(self.seconds(), (1.0, 1.5))

    def test_whatWasKnownAlready(self) -> None:
        """It took no time, which would hide how long the others take."""
        self.asked.answer = succeed(FOUND)
        self.assertIs(self.successResultOf(self.ask()), FOUND)
        self.assertEqual(self.resolver.questions.counts(), {("A", "kept"): 1})
        self.assertEqual(self.seconds(), (0.0, 0.0))
