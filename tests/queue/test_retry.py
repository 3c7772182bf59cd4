"""Tests for L{smtpx.queue.retry}."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Conflict, UsageError
from smtpx.core.hooks import Schedule
from smtpx.core.reply import reply
from smtpx.queue.errorkind import ErrorKind
from smtpx.queue.pauses import Pauses, Stretch
from smtpx.queue.retry import (
    DEFAULTS,
    SPREAD,
    USUAL,
    Lifetimes,
    RetryRule,
    RetryRules,
)
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause
from smtpx.testing.spool import memoryID

from .doubles import messageFor

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

ONE = Pauses((Stretch(1.0),))
TWO = Pauses((Stretch(2.0),))
THREE = Pauses((Stretch(3.0),))


def failed(cause: Cause = Cause.CONNECT, index: int = 0) -> Outcome:
    """A recipient who is to be tried again."""
    return Outcome(index, Fate.WAITING, "", cause=cause)


class RuleTests(SynchronousTestCase):
    """Which rule is whose."""

    def test_withoutRules(self) -> None:
        """Exim's for most errors, and others for some."""
        rules = RetryRules()
        for kind in ErrorKind:
            expected = DEFAULTS.get(kind, USUAL)
            self.assertEqual(rules.pauses(b"a@b.example", kind), expected)
        self.assertNotIn(ErrorKind.CONNECT, DEFAULTS)
        self.assertEqual(DEFAULTS[ErrorKind.LOCAL].after(0.0, 0), MINUTE)
        self.assertEqual(DEFAULTS[ErrorKind.GREYLISTED].after(0.0, 0), 5 * MINUTE)

    def test_narrowestPattern(self) -> None:
        """An address before its domain, that before all."""
        rules = RetryRules(
            [
                RetryRule(ONE),
                RetryRule(TWO, ("b.example", "*.c.example")),
                RetryRule(THREE, ("A@b.example",)),
            ]
        )
        for path, expected in (
            (b"a@b.example", THREE),
            (b"x@B.example", TWO),
            (b"x@d.c.example", TWO),
            (b"x@c.example", ONE),
            (b"postmaster", ONE),
        ):
            self.assertEqual(rules.pauses(path, ErrorKind.LOCAL), expected)

    def test_theErrorIsNarrowerThanNone(self) -> None:
        """Of rules for one pattern, the one that names the error decides."""
        rules = RetryRules(
            [
                RetryRule(ONE),
                RetryRule(TWO, errors=(ErrorKind.DNS, ErrorKind.TLS)),
                RetryRule(THREE, ("b.example",)),
            ]
        )
        self.assertEqual(rules.pauses(b"a@x.example", ErrorKind.TLS), TWO)
        self.assertEqual(rules.pauses(b"a@x.example", ErrorKind.LOST), ONE)
        self.assertEqual(rules.pauses(b"a@b.example", ErrorKind.TLS), THREE)

    def test_anErrorWithoutRule(self) -> None:
        """What rules do not speak of stays as it is."""
        rules = RetryRules([RetryRule(ONE, errors=(ErrorKind.TLS,))])
        self.assertEqual(
            rules.pauses(b"a@x.example", ErrorKind.DNS), DEFAULTS[ErrorKind.DNS]
        )
        rules = RetryRules([RetryRule(ONE, ("b.example",))])
        self.assertEqual(
            rules.pauses(b"a@x.example", ErrorKind.LOST), DEFAULTS[ErrorKind.LOST]
        )

    def test_tags(self) -> None:
        """A rule for an address is for its tags too, where there are tags."""
        rule = RetryRule(ONE, ("a@b.example",))
        rules = RetryRules([rule], separators=b"+")
        self.assertEqual(rules.pauses(b"a+t@b.example", ErrorKind.TLS), ONE)
        rules = RetryRules([rule])
        self.assertEqual(rules.pauses(b"a+t@b.example", ErrorKind.TLS), USUAL)

    def test_twoForTheSame(self) -> None:
        """Two rules of one pattern for one error are an error of the operator."""
        for errors in ((), (ErrorKind.DNS,)):
            pair = [RetryRule(ONE, ("b.example", "*"), errors) for _ in range(2)]
            error = self.assertRaises(Conflict, RetryRules, pair)
            self.assertEqual(str(error), 'two retry rules are for "b.example"')

    def test_nobodyToMatch(self) -> None:
        """A rule for nobody is an error, and so is a pattern that is none."""
        self.assertRaises(UsageError, RetryRules, [RetryRule(ONE, ())])
        self.assertRaises(UsageError, RetryRules, [RetryRule(ONE, ("no domain",))])


class HostTests(SynchronousTestCase):
    """How long a host is left alone."""

    def test_asMessages(self) -> None:
        """By the same rules, from when the host began to fail."""
        slow = Pauses((Stretch(60.0, untilSeconds=600.0), Stretch(3600.0)))
        rules = RetryRules([RetryRule(slow, ("b.example",))])
        for seconds, failures, pause in (
            (0.0, 0, 60.0),
            (300.0, 4, 60.0),
            (700.0, 11, 3600.0),
        ):
            found = rules.pause(b"a@b.example", failed(), seconds, failures)
            self.assertEqual(found, pause)
        self.assertEqual(rules.pause(b"a@c.example", failed(), 0.0, 0), 15 * MINUTE)


class DueTests(SynchronousTestCase):
    """When a message is tried again."""

    def setUp(self) -> None:
        """Rules that add nothing to a pause."""
        self.rules = RetryRules(spread=0.0)
        self.message = messageFor(b"a@b.example", b"c@d.example", arrived=1000.0)

    def test_afterThePause(self) -> None:
        """Once the pause is over."""
        due = self.rules.due(self.message, failed(), 1000.0)
        self.assertEqual(due, 1000.0 + 15 * MINUTE)
        due = self.rules.due(self.message, failed(Cause.LOCAL), 1000.0)
        self.assertEqual(due, 1000.0 + MINUTE)

    def test_pausesByAge(self) -> None:
        """What is older has the longer pauses, counted from when it came."""
        plan = Pauses((Stretch(MINUTE, untilSeconds=HOUR), Stretch(HOUR)))
        rules = RetryRules([RetryRule(plan)], spread=0.0)
        for age, pause in ((0.0, MINUTE), (HOUR / 2, MINUTE), (2 * HOUR, HOUR)):
            message = messageFor(b"a@b.example", arrived=1000.0, attempts=100)
            now = 1000.0 + age
            self.assertEqual(rules.due(message, failed(), now), now + pause)

    def test_byRecipientAndError(self) -> None:
        """It is the recipient's rule, and the one of what went wrong."""
        rules = RetryRules(
            [
                RetryRule(ONE, ("d.example",)),
                RetryRule(TWO, ("b.example",), (ErrorKind.GREYLISTED,)),
            ],
            spread=0.0,
        )
        self.assertEqual(rules.due(self.message, failed(index=1), 1000.0), 1001.0)
        grey = Outcome(
            0,
            Fate.WAITING,
            reply=reply(450, "4.7.1", b"Later"),
            cause=Cause.RECIPIENT,
        )
        self.assertEqual(rules.due(self.message, grey, 1000.0), 1002.0)

    def test_givenUp(self) -> None:
        """After five days, with a last attempt just then; not before."""
        end = 1000.0 + 5 * DAY
        last = messageFor(b"a@b.example", arrived=1000.0, attempts=50)
        self.assertEqual(self.rules.due(last, failed(), end - 1), end)
        self.assertIsNone(self.rules.due(last, failed(), end))

    def test_bouncesLiveShorter(self) -> None:
        """What nobody sent is given up after two days."""
        bounce = messageFor(b"a@b.example", sender=b"", arrived=1000.0, attempts=50)
        end = 1000.0 + 2 * DAY
        self.assertEqual(self.rules.due(bounce, failed(), end - 1), end)
        self.assertIsNone(self.rules.due(bounce, failed(), end))

    def test_lifetimesAreOptions(self) -> None:
        """Both can be set."""
        rules = RetryRules(lifetimes=Lifetimes(100.0, 10.0), spread=0.0)
        bounce = messageFor(b"a@b.example", sender=b"", arrived=1000.0)
        self.assertEqual(rules.due(self.message, failed(), 1000.0), 1100.0)
        self.assertEqual(rules.due(bounce, failed(), 1000.0), 1010.0)

    def test_aRuleMayGiveUpEarlier(self) -> None:
        """Where its pauses have an end."""
        rule = RetryRule(Pauses((Stretch(60.0, untilSeconds=90.0),)), ("b.example",))
        rules = RetryRules([rule], spread=0.0)
        self.assertEqual(rules.due(self.message, failed(), 1000.0), 1060.0)
        self.assertEqual(rules.due(self.message, failed(), 1060.0), 1090.0)
        self.assertIsNone(rules.due(self.message, failed(), 1090.0))

    def test_deadline(self) -> None:
        """An envelope may have a deadline of its own, which is only ever earlier."""
        plan = Schedule(deadline=1010.0)
        self.assertEqual(self.rules.due(self.message, failed(), 1000.0, plan), 1010.0)
        self.assertIsNone(self.rules.due(self.message, failed(), 1010.0, plan))
        plan = Schedule(deadline=1000.0 + 90 * DAY)
        self.assertIsNone(
            self.rules.due(self.message, failed(), 1000.0 + 5 * DAY, plan)
        )

    def test_waitingOnPurposeIsNoAge(self) -> None:
        """A message that was to wait is as old as the time when it might go."""
        release = 1000.0 + 30 * DAY
        plan = Schedule(notBefore=release)
        due = self.rules.due(self.message, failed(), release, plan)
        self.assertEqual(due, release + 15 * MINUTE)
        self.assertIsNone(
            self.rules.due(self.message, failed(), release + 5 * DAY, plan)
        )

    def test_onHoldForLong(self) -> None:
        """Who releases an old message has it tried, and hears that it is too old."""
        self.assertIsNone(self.rules.due(self.message, failed(), 1000.0 + 6 * DAY))

    def test_notAllAtOnce(self) -> None:
        """Up to a tenth is added, by the id, the same each time it is asked for."""
        rules = RetryRules()
        pauses = set()
        for number in range(50):
            message = evolve(self.message, id=memoryID(number))
            due = rules.due(message, failed(), 1000.0)
            self.assertEqual(due, rules.due(message, failed(), 1000.0))
            assert due is not None
            pauses.add(due - 1000.0)
        self.assertGreater(len(pauses), 40)
        self.assertGreaterEqual(min(pauses), 15 * MINUTE)
        self.assertLess(max(pauses), 15 * MINUTE * (1 + SPREAD))

    @settings(max_examples=100)
    @given(
        st.sampled_from(Cause),
        st.floats(0, 10 * DAY),
        st.integers(0, 1000),
        st.booleans(),
    )
    def test_alwaysLaterOrNever(
        self, cause: Cause, age: float, attempts: int, bounce: bool
    ) -> None:
        """It is always later than now and not beyond the end, or never."""
        sender = b"" if bounce else b"s@x.example"
        message = messageFor(
            b"a@b.example", sender=sender, arrived=1000.0, attempts=attempts
        )
        now = 1000.0 + age
        due = RetryRules().due(message, failed(cause), now)
        end = 1000.0 + (2 if bounce else 5) * DAY
        if now >= end:
            self.assertIsNone(due)
        else:
            assert due is not None
            self.assertGreater(due, now)
            self.assertLessEqual(due, end)
