"""
Tests for L{smtpx.core.queueprofile}: what extensions register with the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.errors import Conflict, HookTrouble
from smtpx.core.hooks import (
    Action,
    LookupLevel,
    News,
    ReportWish,
    RoutePolicy,
    Schedule,
    TLSLevel,
)
from smtpx.core.interfaces import IQueueBuilder
from smtpx.core.queueprofile import (
    DISCARDED,
    EXPANDED,
    ORIGIN,
    QUARANTINED,
    REFUSED,
    QueueProfile,
)

from .made import MadeQueue, MadeServer


def boom(*arguments: object) -> Any:
    """Make trouble."""
    raise ZeroDivisionError


class QueueProfileTests(SynchronousTestCase):
    """The queue's hooks."""

    OATH = Stamp[str]("oath", str, str)

    def loaded(self, *registrations: Callable[[IQueueBuilder], object]) -> QueueProfile:
        """A profile with extensions E0, E1 and so on."""
        return QueueProfile().load(
            MadeQueue(register, f"E{index}")
            for index, register in enumerate(registrations)
        )

    def wish(self, *opinions: ReportWish | None) -> ReportWish:
        """What comes of these opinions."""

        def register(opinion: ReportWish | None) -> Callable[[IQueueBuilder], None]:
            return lambda b: b.report(lambda e, r, a: opinion)

        profile = self.loaded(*[register(opinion) for opinion in opinions])
        return profile.wishFor(
            Envelope(b"", 0.0), Recipient(b"a@x"), News(Action.FAILED)
        )

    def test_interface(self) -> None:
        """It is the builder that extensions are promised."""
        self.assertTrue(verifyObject(IQueueBuilder, QueueProfile()))

    def test_onlyQueueSides(self) -> None:
        """An extension without a queue side is let be."""
        self.assertEqual(QueueProfile().load([MadeServer(boom)]).explain(), [])

    def test_stamps(self) -> None:
        """Each name has one owner."""
        profile = self.loaded(lambda b: b.stamp(self.OATH))
        self.assertIs(profile.stamps["oath"], self.OATH)
        conflict = self.assertRaises(
            Conflict,
            self.loaded,
            lambda b: b.stamp(self.OATH),
            lambda b: b.stamp(Stamp[int]("oath", str, int)),
        )
        self.assertEqual(str(conflict), "E0 and E1 both claim stamp oath")

    def test_stampsOfTheHouse(self) -> None:
        """What the house leaves word by can always be read, and is nobody else's."""
        self.assertEqual(
            self.loaded().stamps,
            {
                "origin": ORIGIN,
                "expanded": EXPANDED,
                "discarded": DISCARDED,
                "refused": REFUSED,
                "quarantined": QUARANTINED,
            },
        )
        conflict = self.assertRaises(
            Conflict, self.loaded, lambda b: b.stamp(Stamp[str]("origin", str, str))
        )
        self.assertEqual(str(conflict), "core and E0 both claim stamp origin")

    def test_redirected(self) -> None:
        """Another recipient has the stamps of the one in whose place it is."""
        seen: list[tuple[bytes, bytes, bool]] = []

        def redirect(one: Recipient, other: Recipient, several: bool) -> None:
            seen.append((one.path, other.path, several))
            del other.stamps[self.OATH]

        profile = self.loaded(lambda b: b.redirect(redirect))
        recipient = Recipient(b"info@a.example")
        recipient.stamps[self.OATH] = "never"
        recipient.stamps[DISCARDED] = True
        other = profile.redirected(recipient, b"ann@b.example", True)
        self.assertEqual(seen, [(b"info@a.example", b"ann@b.example", True)])
        self.assertEqual(other.path, b"ann@b.example")
        self.assertEqual(
            other.dumpedStamps(), {"origin": "info@a.example", "discarded": "yes"}
        )
        self.assertEqual(recipient.stamps[self.OATH], "never")

    def test_redirectedToItself(self) -> None:
        """Whom an alias has among others is who was asked for, not from elsewhere."""
        recipient = Recipient(b"info@a.example")
        other = QueueProfile().redirected(recipient, b"info@a.example", True)
        self.assertEqual(other.dumpedStamps(), {})

    def test_policy(self) -> None:
        """Each adds to what those before it wanted."""
        profile = self.loaded(
            lambda b: b.constrain(lambda e, p: evolve(p, tls=TLSLevel.VERIFIED)),
            lambda b: b.constrain(lambda e, p: evolve(p, lookup=LookupLevel.MTASTS)),
        )
        envelope = Envelope(b"", 0.0)
        self.assertEqual(
            profile.policyFor(envelope),
            RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS),
        )
        self.assertEqual(self.loaded().policyFor(envelope), RoutePolicy())

    def test_schedule(self) -> None:
        """So with when it is to go."""
        profile = self.loaded(
            lambda b: b.schedule(lambda e, plan: evolve(plan, priority=3)),
            lambda b: b.schedule(lambda e, plan: evolve(plan, deadline=9.0)),
        )
        envelope = Envelope(b"", 0.0)
        self.assertEqual(
            profile.scheduleFor(envelope), Schedule(priority=3, deadline=9.0)
        )

    def test_hooksOfStamps(self) -> None:
        """A hook that is about stamps is asked only where one of them is."""
        asked: list[str] = []

        def constrain(envelope: Envelope, policy: RoutePolicy) -> RoutePolicy:
            asked.append("constrain")
            return policy

        def schedule(envelope: Envelope, plan: Schedule) -> Schedule:
            asked.append("schedule")
            return plan

        def wish(envelope: Envelope, recipient: Recipient, news: News) -> None:
            asked.append("report")

        profile = self.loaded(
            lambda b: b.constrain(constrain, of=(self.OATH,)),
            lambda b: b.schedule(schedule, of=(self.OATH,)),
            lambda b: b.report(wish, of=(self.OATH,)),
        )
        news = News(Action.FAILED)

        def ask(envelope: Envelope, recipient: Recipient) -> list[str]:
            asked.clear()
            profile.policyFor(envelope)
            profile.scheduleFor(envelope)
            profile.wishFor(envelope, recipient, news)
            return list(asked)

        plain, recipient = Envelope(b"", 0.0), Recipient(b"a@b.example")
        self.assertEqual(ask(plain, recipient), [])
        plain.stamps[REFUSED] = b"no"
        self.assertEqual(ask(plain, recipient), [])
        recipient.stamps[self.OATH] = "never"
        self.assertEqual(ask(plain, recipient), ["report"])
        plain.stamps[self.OATH] = "never"
        self.assertEqual(ask(plain, recipient), ["constrain", "schedule", "report"])

    def test_timely(self) -> None:
        """Without which stamps an envelope goes at once, if that can be said."""
        profile = QueueProfile()
        one, two = Stamp("one", None, str), Stamp("two", None, str)
        self.assertEqual(profile.timely(), frozenset())
        profile.schedule(lambda envelope, plan: plan, of=(one,))
        profile.schedule(lambda envelope, plan: plan, of=(two,))
        self.assertEqual(profile.timely(), {one, two})
        profile.schedule(lambda envelope, plan: plan)
        profile.schedule(lambda envelope, plan: plan, of=(two,))
        self.assertIsNone(profile.timely())

    def test_wishes(self) -> None:
        """False beats True beats no opinion."""

        def one(envelope: Envelope) -> None:
            """Stamp nothing."""

        self.assertEqual(self.wish(), ReportWish())
        self.assertEqual(self.wish(None, ReportWish()), ReportWish())
        self.assertEqual(
            self.wish(ReportWish(send=True), ReportWish(full=True)),
            ReportWish(send=True, full=True),
        )
        self.assertEqual(
            self.wish(ReportWish(send=True, full=False), ReportWish(False, True), None),
            ReportWish(send=False, full=False),
        )
        self.assertEqual(
            self.wish(
                ReportWish(stampers=(one,)), ReportWish(stampers=(one,))
            ).stampers,
            (one, one),
        )

    def test_fields(self) -> None:
        """Fields for the report, in the order of loading."""
        profile = self.loaded(
            lambda b: b.fields(lambda e, r: [("A", "1")]),
            lambda b: b.fields(lambda e, r: [("B", "2")]),
        )
        envelope = Envelope(b"", 0.0)
        self.assertEqual(
            [list(make(envelope, None)) for make in profile.fieldMakers],
            [[("A", "1")], [("B", "2")]],
        )
        self.assertEqual(profile.fieldsFor(envelope, None), (("A", "1"), ("B", "2")))

    def test_mayWish(self) -> None:
        """
        It is known when nobody could wish for a report: who says only how one is, or
        has nothing to say without a stamp that is not there.
        """
        envelope = Envelope(b"s@x", 0.0, [Recipient(b"a@x"), Recipient(b"b@x")])
        wish = ReportWish(send=True)
        stamped = self.loaded(lambda b: b.report(lambda e, r, n: wish, of=(self.OATH,)))
        manner = self.loaded(lambda b: b.report(lambda e, r, n: wish, sends=False))
        always = self.loaded(lambda b: b.report(lambda e, r, n: wish))
        profiles = QueueProfile(), stamped, manner, always
        may = [each.mayWish(envelope) for each in profiles]
        self.assertEqual(may, [False, False, False, True])
        envelope.recipients[1].stamps[self.OATH] = "x"
        may = [each.mayWish(envelope) for each in profiles]
        self.assertEqual(may, [False, True, False, True])
        del envelope.recipients[1].stamps[self.OATH]
        envelope.stamps[self.OATH] = "x"
        self.assertTrue(stamped.mayWish(envelope))
        self.assertFalse(manner.mayWish(envelope))

    def test_hooksNameTheirOwner(self) -> None:
        """Whichever hook makes trouble, the extension is named."""

        def register(builder: IQueueBuilder) -> None:
            builder.constrain(boom)
            builder.schedule(boom)
            builder.redirect(boom)
            builder.report(boom)
            builder.fields(boom)

        profile = self.loaded(register)
        hooks: list[Callable[..., Any]] = [
            profile.constrainers[0],
            profile.schedulers[0],
            profile.redirectors[0],
            profile.wishes[0],
            profile.fieldMakers[0],
        ]
        for hook in hooks:
            self.assertEqual(self.assertRaises(HookTrouble, hook).owner, "E0")

    def test_explain(self) -> None:
        """Owner, hook, and what of it."""
        profile = self.loaded(
            lambda b: b.stamp(self.OATH),
            lambda b: b.report(lambda e, r, a: None),
        )
        self.assertEqual(
            profile.explain(), [("E0", "stamp", "oath"), ("E1", "report", "")]
        )
