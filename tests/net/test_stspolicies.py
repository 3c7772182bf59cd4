"""
Tests for L{smtpx.net.stspolicies}.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.knowledge import MemoryKnowledge
from smtpx.knowledge.interfaces import Record
from smtpx.net.stspolicies import (
    NO_POLICY,
    ISTSPolicies,
    Standing,
    STSBounds,
    STSPolicies,
)
from smtpx.net.stssource import ISTSSource, STSFault, STSTrouble
from smtpx.tls.mtasts import Mode, STSPolicy, STSRecord

DOMAIN = b"example.org"
DAY = 86400.0
#: When the tests begin, in seconds since the epoch.
BEGIN = 1e9

ENFORCED = STSPolicy(Mode.ENFORCE, 10 * 86400, (b"mx.example.org",))
TESTED = STSPolicy(Mode.TESTING, 10 * 86400, (b"mx.example.org",))
REMOVED = STSPolicy(Mode.NONE, 86400, ())
GONE = STSTrouble(STSFault.FETCH, "nobody is there")


@implementer(ISTSSource)
@define(eq=False)
class Source:
    """
    What a domain publishes, in a test.

    @ivar identity: of its record; L{None}: it has none.
    @ivar served: its policy, or why there is none; a Deferred: that takes time.
    @ivar fetched: how often it was fetched.
    """

    identity: bytes | STSTrouble | None = b"1"
    served: Any = ENFORCED
    fetched: list[bytes] = field(factory=list)

    def record(self, domain: bytes) -> Deferred[STSRecord | None]:
        """See L{ISTSSource}."""
        if isinstance(self.identity, STSTrouble):
            return fail(self.identity)
        if self.identity is None:
            return succeed(None)
        return succeed(STSRecord(self.identity))

    def policy(self, domain: bytes) -> Deferred[STSPolicy]:
        """See L{ISTSSource}."""
        self.fetched.append(domain)
        if isinstance(self.served, Deferred):
            return self.served
        if isinstance(self.served, Exception):
            return fail(self.served)
        return succeed(self.served)


def busy(standing: Standing) -> bool:
    """Is it not known for want of something of ours?"""
    trouble = standing.trouble
    return trouble is not None and trouble.fault is STSFault.BUSY


class STSPoliciesTests(SynchronousTestCase):
    """What counts for a domain."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.clock.advance(BEGIN)
        self.source = Source()
        self.knowledge = MemoryKnowledge(self.clock.seconds)
        self.told: list[tuple[bytes, STSFault]] = []
        self.policies = self.made()

    def made(self, bounds: STSBounds | None = None) -> STSPolicies:
        """Policies, as after a start."""
        return STSPolicies(
            self.clock,
            self.source,
            self.knowledge,
            self.clock.seconds,
            bounds or STSBounds(),
            lambda domain, trouble: self.told.append((domain, trouble.fault)),
        )

    def found(self, domain: bytes = DOMAIN) -> Standing:
        """What counts now."""
        return self.successResultOf(self.policies.find(domain))

    def test_interface(self) -> None:
        """It is one of those."""
        self.assertTrue(verifyObject(ISTSPolicies, self.policies))

    def test_first(self) -> None:
        """The policy of a domain is fetched with the first message."""
        self.assertEqual(self.found(), Standing(ENFORCED, b"1", BEGIN))
        self.assertEqual(self.source.fetched, [DOMAIN])
        self.assertEqual(self.told, [])

    def test_kept(self) -> None:
        """It is not fetched again for the next, whatever the domain's spelling."""
        self.found()
        self.clock.advance(DAY - 1)
        for domain in (DOMAIN, b"EXAMPLE.org", b"example.org."):
            self.assertEqual(self.found(domain).policy, ENFORCED)
        self.assertEqual(self.source.fetched, [DOMAIN])

    def test_international(self) -> None:
        """A domain beyond ASCII has the policy of its A-label."""
        self.found("bücher.example".encode())
        self.assertEqual(self.source.fetched, [b"xn--bcher-kva.example"])
        self.assertEqual(self.found(b"\xff.example"), NO_POLICY)

    def test_addressLiteral(self) -> None:
        """Of an address there is no policy (RFC 8461 section 3.4)."""
        self.assertEqual(self.found(b"[192.0.2.1]"), NO_POLICY)
        self.assertEqual(self.source.fetched, [])

    def test_none(self) -> None:
        """Most domains have none, and nothing is fetched."""
        self.source.identity = None
        self.assertEqual(self.found(), NO_POLICY)
        self.assertEqual(self.source.fetched, [])
        self.assertEqual(self.told, [])

    def test_restart(self) -> None:
        """It survives a restart."""
        self.found()
        self.policies = self.made()
        self.source.identity = None
        standing = self.found()
        self.assertEqual((standing.policy, standing.identity), (ENFORCED, b"1"))
        self.assertEqual(self.policies.known(DOMAIN).policy, ENFORCED)
        self.assertEqual(self.source.fetched, [DOMAIN])

    def test_recordGone(self) -> None:
        """
        A policy that is known counts, though its record is gone, in disorder, or the
        DNS fails: that is what somebody would do who wants to get around it.
        """
        self.found()
        for identity in (None, GONE, STSTrouble(STSFault.INVALID, "2 records")):
            self.source.identity = identity
            standing = self.found()
            self.assertEqual(standing.policy, ENFORCED)
            self.assertIsNotNone(standing.trouble)

    def test_fetchFails(self) -> None:
        """Without any policy, mail goes as if there were no MTA-STS."""
        self.source.served = GONE
        self.assertEqual(self.found(), Standing(trouble=GONE))
        # What was fetched does not hang on what is remembered.
        self.assertIsNone(GONE.__traceback__)
        self.assertIsNone(GONE.__cause__)
        self.assertEqual(self.told, [(DOMAIN, STSFault.FETCH)])

    def test_fetchFailsWithOneKnown(self) -> None:
        """The policy that is known counts, though the new one cannot be fetched."""
        self.found()
        self.source.identity, self.source.served = b"2", GONE
        self.assertEqual(self.found(), Standing(ENFORCED, b"1", BEGIN, GONE))
        self.assertEqual(self.told, [(DOMAIN, STSFault.FETCH)])
        self.clock.advance(10 * DAY)
        self.assertIsNone(self.found().policy)

    def test_patience(self) -> None:
        """
        Whoever could not be fetched from is left alone for five minutes, then for
        ten, and so on (RFC 8461 section 3.3); another identity is tried at once.
        """
        self.source.served = GONE
        self.found()
        for wait in (300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0):
            count = len(self.source.fetched)
            self.clock.advance(wait - 1)
            self.assertEqual(self.found().trouble, GONE)
            self.assertEqual(len(self.source.fetched), count)
            self.clock.advance(1)
            self.found()
            self.assertEqual(len(self.source.fetched), count + 1)
        self.source.identity, self.source.served = b"2", TESTED
        self.assertEqual(self.found().policy, TESTED)

    def test_clockThatWasAhead(self) -> None:
        """What failed by a clock that was wrong is tried again once it is right."""
        self.source.served = GONE
        self.found()
        self.clock.rightNow -= 300 * DAY
        self.found()
        self.assertEqual(len(self.source.fetched), 2)

    def test_newIdentity(self) -> None:
        """Another identity in the DNS has the policy fetched before mail goes."""
        self.found()
        self.clock.advance(1)
        self.source.identity, self.source.served = b"2", TESTED
        self.assertEqual(self.found(), Standing(TESTED, b"2", BEGIN + 1))

    def test_removal(self) -> None:
        """
        A policy in mode none takes the place of what there was; that its record goes
        away later is not worth a word (RFC 8461 section 8.3).
        """
        self.found()
        self.source.identity, self.source.served = b"2", REMOVED
        self.assertEqual(self.found().policy, REMOVED)
        self.source.identity, self.source.served = None, GONE
        self.clock.advance(DAY - 1)
        self.assertEqual(self.found().policy, REMOVED)
        self.assertIsNone(self.found().trouble)
        self.clock.advance(1)
        self.assertEqual(self.found(), NO_POLICY)
        self.assertEqual(self.told, [])

    def test_expired(self) -> None:
        """What has expired counts no more."""
        self.found()
        self.source.identity, self.source.served = None, GONE
        self.clock.advance(10 * DAY - 1)
        self.assertEqual(self.found().policy, ENFORCED)
        self.clock.advance(1)
        self.assertIsNone(self.found().policy)

    def test_goodForNoTime(self) -> None:
        """One that is good for no time is not fetched for each message."""
        self.source.served = STSPolicy(Mode.ENFORCE, 0, (b"mx",))
        self.found()
        self.clock.advance(59)
        self.assertEqual(self.found().policy, self.source.served)
        self.assertEqual(len(self.source.fetched), 1)
        self.clock.advance(1)
        self.found()
        self.assertEqual(len(self.source.fetched), 2)

    def test_oldIsFetchedBeside(self) -> None:
        """
        One that is a day old is fetched again beside the message, which does not
        wait; then it is good for longer.
        """
        self.found()
        self.clock.advance(DAY)
        slow: Deferred[STSPolicy] = Deferred()
        self.source.served = slow
        self.assertEqual(self.found().fetched, BEGIN)
        self.assertEqual(self.found().fetched, BEGIN)
        self.assertEqual(len(self.source.fetched), 2)
        slow.callback(ENFORCED)
        self.assertEqual(self.found().fetched, BEGIN + DAY)

    def test_oldWithoutRecord(self) -> None:
        """So it is where the record has gone: the web server may still be there."""
        self.found()
        self.clock.advance(DAY)
        self.source.identity = None
        self.found()
        self.assertEqual(self.found().fetched, BEGIN + DAY)

    def test_recordUnknown(self) -> None:
        """
        Where the DNS fails and nothing is known, the next messages do not wait for it
        again, for a minute; a policy that is known is not forgotten over that.
        """
        self.source.identity = GONE
        self.assertEqual(self.found(), Standing(trouble=GONE))
        self.source.identity = b"1"
        self.clock.advance(59)
        self.assertEqual(self.found(), Standing(trouble=GONE))
        self.clock.advance(1)
        self.assertEqual(self.found().policy, ENFORCED)
        self.source.identity = GONE
        self.found()
        self.source.identity, self.source.served = b"2", TESTED
        self.assertEqual(self.found().policy, TESTED)
        self.assertEqual(self.told, [])

    def test_together(self) -> None:
        """Many messages at once have it fetched once; one that leaves harms nobody."""
        slow: Deferred[STSPolicy] = Deferred()
        self.source.served = slow
        first, second, third = (self.policies.find(DOMAIN) for _ in range(3))
        self.assertEqual(self.source.fetched, [DOMAIN])
        second.cancel()
        self.failureResultOf(second)
        self.assertNoResult(first)
        slow.callback(ENFORCED)
        for each in (first, third):
            self.assertEqual(self.successResultOf(each).policy, ENFORCED)

    def test_tooMany(self) -> None:
        """There is an end to how many are fetched at once, and wait for that."""
        self.policies = self.made(STSBounds(atOnce=1, waitingMost=1))
        slow: Deferred[STSPolicy] = Deferred()
        self.source.served = slow
        first = self.policies.find(b"a.example")
        second = self.policies.find(b"b.example")
        third = self.successResultOf(self.policies.find(b"c.example"))
        self.assertIsNone(third.policy)
        self.assertTrue(busy(third))
        self.assertIn("too many", str(third.trouble))
        self.assertEqual(self.source.fetched, [b"a.example"])
        self.source.served = TESTED
        slow.callback(ENFORCED)
        self.assertEqual(self.successResultOf(first).policy, ENFORCED)
        self.assertEqual(self.successResultOf(second).policy, TESTED)
        # That was not remembered, and nobody was told.
        self.assertEqual(self.found(b"c.example").policy, TESTED)
        self.assertEqual(self.told, [])

    def test_tooManyWithOneKnown(self) -> None:
        """Where a policy is known, it counts while there is too much to do."""
        self.policies = self.made(STSBounds(atOnce=1, waitingMost=1))
        self.found()
        self.source.served = Deferred()
        for domain in (b"a.example", b"b.example"):
            self.policies.find(domain)
        self.source.identity = b"2"
        standing = self.found()
        self.assertEqual(standing.policy, ENFORCED)
        self.assertTrue(busy(standing))
        self.assertEqual(self.told, [])

    def test_tooMuchToAsk(self) -> None:
        """The same where not even the record can be asked for."""
        self.source.identity = STSTrouble(STSFault.BUSY, "too many questions wait")
        standing = self.found()
        self.assertIsNone(standing.policy)
        self.assertTrue(busy(standing))
        self.source.identity = b"1"
        self.assertEqual(self.found().policy, ENFORCED)
        self.source.identity = STSTrouble(STSFault.BUSY, "too many questions wait")
        self.assertEqual(self.found().policy, ENFORCED)
        self.assertEqual(self.told, [])

    def test_tooManyFiles(self) -> None:
        """And where nothing can be fetched for want of something of ours."""
        self.source.served = STSTrouble(STSFault.BUSY, "Too many open files")
        self.assertTrue(busy(self.found()))
        self.source.served = ENFORCED
        self.assertEqual(self.found().policy, ENFORCED)
        self.assertEqual(self.told, [])

    def test_otherIdentityUnderWay(self) -> None:
        """Who waits for a fetch under another identity hears why it failed."""
        slow: Deferred[STSPolicy] = Deferred()
        self.source.served = slow
        first = self.policies.find(DOMAIN)
        self.source.identity = b"2"
        second = self.policies.find(DOMAIN)
        slow.errback(GONE)
        self.assertEqual(self.successResultOf(first), Standing(trouble=GONE))
        self.assertEqual(self.successResultOf(second), Standing(trouble=GONE))

    def test_tooMuchToAskOfOneThatHadNone(self) -> None:
        """A domain that had done with policies may have one again, for all we know."""
        self.source.served = REMOVED
        self.found()
        self.source.identity = STSTrouble(STSFault.BUSY, "too many questions wait")
        self.assertTrue(busy(self.found()))
        self.source.identity = GONE
        self.assertIsNone(self.found().trouble)

    def test_longPolicyIsNotKeptUndone(self) -> None:
        """The policy with the most hosts that are allowed is kept."""
        hosts = tuple(
            b"%d." % number + b"x" * 50 + b".example" for number in range(500)
        )
        self.source.served = STSPolicy(Mode.ENFORCE, 86400, hosts)
        self.assertEqual(self.found().policy, self.source.served)

    def test_sweep(self) -> None:
        """What is known is fetched again each day, though no mail goes there."""
        self.policies.start()
        self.addCleanup(self.policies.stop)
        self.found()
        for _ in range(3 * 144):
            self.clock.advance(600)
        self.assertIn(len(self.source.fetched), (3, 4))
        fetched = self.policies.known(DOMAIN).fetched
        self.assertGreater(fetched, BEGIN + 2 * DAY)

    def test_sweepIsNoHerd(self) -> None:
        """
        Where many have grown old, as after a day in which nothing ran, only some are
        asked about at a time.
        """
        self.policies = self.made(STSBounds(atOnce=2, waitingMost=10))
        for each in range(30):
            self.found(b"%d.example" % each)
        asked: list[bytes] = []

        def record(source: Source, domain: bytes) -> Deferred[STSRecord | None]:
            asked.append(domain)
            return Deferred()

        self.patch(Source, "record", record)
        self.clock.advance(DAY)
        self.policies.start()
        self.clock.advance(600)
        self.assertEqual(len(asked), 5)
        self.clock.advance(600)
        self.assertEqual(len(asked), 5)
        self.policies.stop()

    def test_sweepHasTurns(self) -> None:
        """Nobody has two turns before all had one, though some fail slowly."""
        self.policies = self.made(STSBounds(waitingMost=2))
        domains = [b"%d.example" % each for each in range(4)]
        for each in domains:
            # What protects is looked at behind all that does not.
            self.source.served = ENFORCED if each == domains[-1] else TESTED
            self.found(each)
        asked: list[bytes] = []

        def record(source: Source, domain: bytes) -> Deferred[STSRecord | None]:
            asked.append(domain)
            return deferLater(self.clock, 300).addCallback(lambda _: fail(GONE))

        self.patch(Source, "record", record)
        self.source.served = GONE
        self.clock.advance(DAY)
        self.policies.start()
        self.addCleanup(self.policies.stop)
        self.clock.pump([300] * 17)
        self.assertEqual([asked[:4], sorted(asked[4:])], [domains, domains])

    def test_sweepEnds(self) -> None:
        """Not for ever: after a month in which nobody asked, it may expire."""
        self.policies.start()
        self.addCleanup(self.policies.stop)
        self.found()
        for _ in range(50 * 24):
            self.clock.advance(3600)
        self.assertLess(len(self.source.fetched), 33)
        self.assertEqual(self.policies.known(DOMAIN), NO_POLICY)

    def test_sweepFindsNewIdentity(self) -> None:
        """It learns of another identity by that, too."""
        self.policies.start()
        self.addCleanup(self.policies.stop)
        self.found()
        self.source.identity, self.source.served = b"2", TESTED
        self.clock.pump([DAY, 600])
        self.assertEqual(self.policies.known(DOMAIN).identity, b"2")

    def test_sweepFails(self) -> None:
        """Where it fails, the policy stays, and the domain is told."""
        self.policies.start()
        self.addCleanup(self.policies.stop)
        self.found()
        self.source.identity, self.source.served = GONE, GONE
        self.clock.pump([DAY, 600, 600])
        self.assertEqual(self.policies.known(DOMAIN).policy, ENFORCED)
        self.assertEqual(set(self.told), {(DOMAIN, STSFault.FETCH)})

    def test_stop(self) -> None:
        """Whoever stops while something is fetched leaves nobody waiting."""
        self.policies.start()
        self.source.served = Deferred()
        waiting = self.policies.find(DOMAIN)
        self.policies.stop()
        standing = self.successResultOf(waiting)
        # Who has it may not send now as if there were none.
        self.assertTrue(busy(standing))
        self.assertIsNone(standing.policy)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unforeseen(self) -> None:
        """What nobody foresaw is logged, and mail goes on."""
        self.source.served = ZeroDivisionError()
        self.assertEqual(self.found(), NO_POLICY)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_damaged(self) -> None:
        """A record that nobody can read is as good as none."""
        self.found()
        for value in (b"{}", b"x", b'{"mode":"off"}'):
            self.knowledge.remember(
                "mta-sts", DOMAIN, Record(1, value, BEGIN, BEGIN + DAY)
            )
            self.assertEqual(self.policies.known(DOMAIN), NO_POLICY)
        self.assertEqual(self.found().policy, ENFORCED)

    def test_bounds(self) -> None:
        """Bounds are more than nothing."""
        self.assertRaises(ValueError, STSBounds, atOnce=0)
