"""Tests for L{smtpx.policy.recipientcache}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.policy.recipientcache import CacheBounds, RecipientCache
from smtpx.policy.recipients import Finding, IRecipientCheck, Standing

from .doubles import deferred
from .test_recipients import FINDINGS, ScriptedCheck

KNOWN, UNKNOWN, UNSURE = (FINDINGS[each] for each in Standing)


class RecipientCacheTests(SynchronousTestCase):
    """What is remembered, and how often the same is asked."""

    def setUp(self) -> None:
        """Nothing is remembered."""
        self.clock = Clock()
        self.check = ScriptedCheck()
        bounds = CacheBounds(100.0, 10.0, 1.0, 3)
        self.cache = RecipientCache(self.check, self.clock, bounds)

    def look(self, path: bytes = b"a@b.example") -> Finding | Deferred[Finding]:
        """Ask the cache."""
        return self.cache.look(path, b"192.0.2.1")

    def test_isCheck(self) -> None:
        """It stands in for what it asks."""
        verifyObject(IRecipientCheck, self.cache)

    def test_remembered(self) -> None:
        """Who is there is remembered longest, that nobody can tell a moment."""
        for finding, seconds in ((KNOWN, 100.0), (UNKNOWN, 10.0), (UNSURE, 1.0)):
            path = finding.standing.value.encode() + b"@b.example"
            self.check.answers[path] = finding
            self.assertIs(self.look(path), finding)
            self.check.asked.clear()
            self.clock.advance(seconds - 0.5)
            self.assertIs(self.look(path), finding)
            self.assertEqual(self.check.asked, [])
            self.clock.advance(1.0)
            self.assertIs(self.look(path), finding)
            self.assertEqual(self.check.asked, [(path, b"192.0.2.1")])

    def test_whichAreTheSame(self) -> None:
        """Domains are compared as the DNS does, local parts letter by letter."""
        for path in (b"a@b.example", b"a@B.Example", b"A@b.example"):
            self.look(path)
        asked = [path for path, _ in self.check.asked]
        self.assertEqual(asked, [b"a@b.example", b"A@b.example"])

    def test_oldestIsForgotten(self) -> None:
        """So many are remembered, and no more."""
        for path in (b"a@x.example", b"b@x.example", b"c@x.example", b"d@x.example"):
            self.look(path)
        self.check.asked.clear()
        self.look(b"b@x.example")
        self.assertEqual(self.check.asked, [])
        self.look(b"a@x.example")
        self.assertEqual(len(self.check.asked), 1)

    def test_askedOnce(self) -> None:
        """Many who want to know the same wait for one answer."""
        answer: Deferred[Finding] = Deferred()
        self.check.answers[b"a@b.example"] = answer
        waiting = [deferred(self.look()) for _ in range(3)]
        self.assertEqual(len(self.check.asked), 1)
        answer.callback(KNOWN)
        for each in waiting:
            self.assertIs(self.successResultOf(each), KNOWN)
        self.assertIs(self.look(), KNOWN)
        self.assertEqual(len(self.check.asked), 1)

    def test_leaving(self) -> None:
        """One who leaves does not keep the others from knowing."""
        answer: Deferred[Finding] = Deferred()
        self.check.answers[b"a@b.example"] = answer
        gone, stays = deferred(self.look()), deferred(self.look())
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        answer.callback(UNKNOWN)
        self.assertIs(self.successResultOf(stays), UNKNOWN)

    def test_allLeave(self) -> None:
        """What nobody waits for is not gone on with, nor remembered."""
        ended: list[object] = []
        answer: Deferred[Finding] = Deferred(ended.append)
        self.check.answers[b"a@b.example"] = answer
        waiting = [deferred(self.look()) for _ in range(2)]
        for each in waiting:
            self.assertEqual(ended, [])
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual(ended, [answer])
        self.check.answers[b"a@b.example"] = KNOWN
        self.assertIs(self.look(), KNOWN)

    def test_failing(self) -> None:
        """A check that fails could not tell."""
        answer: Deferred[Finding] = Deferred()
        self.check.answers[b"a@b.example"] = answer
        waiting = deferred(self.look())
        answer.errback(ValueError("odd"))
        found = self.successResultOf(waiting)
        self.assertEqual(found, Finding(Standing.UNSURE, "ValueError: odd"))
        self.assertEqual(self.look(), found)
