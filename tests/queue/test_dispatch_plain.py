"""Tests for L{smtpx.queue.dispatch}: the straight way of what is plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from attrs import define, evolve
from hypothesis import given, settings, strategies as st
from twisted.internet.defer import Deferred, succeed

from smtpx.core.envelope import Envelope, Stamp, dumpFlag, loadFlag
from smtpx.core.hooks import Action, Schedule
from smtpx.core.queueprofile import DISCARDED, EXPANDED, REFUSED, QueueProfile
from smtpx.queue.dispatch import Dispatch
from smtpx.queue.interfaces import Attempt, Leg, Located, Route
from smtpx.queue.routes import RouteRule, Routes
from smtpx.queue.settlement import Settlement
from smtpx.queue.tried import Tried
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Cause, Via

from .cases import DispatchCase
from .doubles import RecordedJournal, ScriptedRelay, ScriptedReporter

DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED

#: A stamp that makes no difference, and one that makes an envelope wait.
USUAL = Stamp("usual", dumpFlag, loadFlag)
LATER = Stamp("later", dumpFlag, loadFlag)

ONE, TWO = Via(b"mx.a", b"192.0.2.1"), Via(b"mx.a", b"192.0.2.1")


@define
class AnsweringRelay(ScriptedRelay):
    """
    Says of recipients what a test has it say.

    @ivar noted: what it says before its answer.
    @ivar answers: what it says at last.
    @ivar failure: fails with that; L{None}: does not fail.
    """

    noted: Sequence[Outcome] = ()
    answers: Sequence[Outcome] = ()
    failure: Exception | None = None

    async def _say(self, attempt: Attempt) -> Sequence[Outcome]:
        await succeed(None)
        attempt.note(self.noted)
        if self.failure is not None:
            raise self.failure
        return self.answers

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Answer as the test wishes."""
        self.attempts.append(attempt)
        said: Any = self._say(attempt)
        return said  # type: ignore[no-any-return]  # a coroutine is as good


@define
class RememberingRelay(AnsweringRelay):
    """
    The same, and it says at once where mail goes.

    @ivar remembered: how often it did.
    @ivar instead: what it says in place of that, or fails with; L{None}: nothing.
    """

    remembered: int = 0
    instead: object = None

    def locate(self, message: SpooledMessage, indices: Sequence[int]) -> Any:
        """Without being waited for."""
        self.remembered += 1
        if isinstance(self.instead, Exception):
            raise self.instead
        if self.instead is not None:
            return self.instead
        found: list[Located] = []
        super().locate(message, indices).addCallback(found.append)
        return found[0]


class BrokenJournal(RecordedJournal):
    """One that breaks its promise."""

    def delivered(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
        first: bool,
    ) -> None:
        """It cannot."""
        raise OSError("disk full")


def _later(envelope: Envelope, plan: Schedule) -> Schedule:
    return evolve(plan, notBefore=5000.0) if envelope.stamp(LATER) else plan


@define
class Scenario:
    """
    A message, and what becomes of it.

    @ivar domains: those of its recipients.
    @ivar stamps: what is noted of each.
    @ivar unknown: who has a stamp that nobody knows; -1: the envelope.
    @ivar later: is it to wait?
    @ivar before: what became of it before.
    @ivar released: was it on hold?
    @ivar wanted: what its sender wants to hear.
    @ivar noted: see L{AnsweringRelay}.
    @ivar answers: likewise.
    @ivar failure: likewise.
    @ivar broken: is the journal?
    @ivar share: how many the lane may have that has its share; L{None}: it has not.
    @ivar parked: has the spool more for a lane?
    """

    domains: list[bytes]
    stamps: list[Stamp[Any] | None]
    unknown: tuple[int, str] | None
    later: bool
    before: list[Outcome]
    released: bool
    wanted: tuple[Action, ...]
    noted: list[Outcome]
    answers: list[Outcome] | None
    failure: Exception | None
    broken: bool
    share: int | None
    parked: bytes | None


def _outcomes(most: int) -> st.SearchStrategy[list[Outcome]]:
    return st.lists(
        st.builds(
            Outcome,
            st.integers(0, most),
            st.sampled_from([DELIVERED, DELIVERED, WAITING, FAILED]),
            st.sampled_from(["this", "that"]),
            via=st.sampled_from([None, ONE, TWO]),
            cause=st.sampled_from([Cause.OTHER, Cause.CONNECT]),
        ),
        max_size=4,
    )


_STAMPS = st.sampled_from([None] * 6 + [USUAL, DISCARDED, EXPANDED, REFUSED])
_DOMAINS = st.sampled_from([b"a.example"] * 5 + [b"b.example", b"h.example", b"no"])


def _mostly(usual: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 4).flatmap(lambda n: others if n == 0 else st.just(usual))


_SCENARIOS = st.builds(
    Scenario,
    domains=st.lists(_DOMAINS, min_size=1, max_size=3),
    stamps=st.lists(_STAMPS, min_size=3, max_size=3),
    unknown=_mostly(
        None, st.tuples(st.integers(-1, 2), st.sampled_from(["odd", "!odd"]))
    ),
    later=_mostly(False, st.booleans()),
    before=_mostly(
        [],
        st.lists(
            st.builds(
                Outcome,
                st.just(0),
                st.sampled_from([DELIVERED, WAITING]),
                untold=st.just(True),
            ),
            max_size=1,
        ),
    ),
    released=_mostly(False, st.booleans()),
    wanted=st.sampled_from([(), (Action.FAILED,), (Action.RELAYED, Action.FAILED)]),
    noted=_mostly([], _outcomes(3)),
    answers=_mostly(None, _outcomes(3)),
    failure=_mostly(None, st.sampled_from([OSError("gone"), None])),
    broken=_mostly(False, st.booleans()),
    share=_mostly(None, st.sampled_from([0, 2])),
    parked=_mostly(None, st.sampled_from([b"a.example", b"relay ?a.example", b"z"])),
)


class PlainTests(DispatchCase):
    """What is plain goes a straight way, and all is as if it had not."""

    def tried(self, relay: AnsweringRelay, scenario: Scenario) -> list[object]:
        """All that comes of it, as somebody sees who cannot see the way."""
        self.setUp()
        self.reporter = ScriptedReporter(wanted=scenario.wanted)
        self.profile = QueueProfile()
        self.profile.schedule(_later, of=(LATER,))
        self.routes = Routes(
            [
                RouteRule("a.example", "relay"),
                RouteRule("b.example", "one"),
                RouteRule("h.example", "hold"),
            ],
            [relay, *self.routes.transports.values()],
        )
        if scenario.broken:
            self.journal = BrokenJournal()
        dispatch = self.dispatch()
        paths = [b"x%d@%b" % each for each in enumerate(scenario.domains)]
        message = self.leased(scenario, paths)
        indices = range(len(paths))
        relay.noted, relay.failure = scenario.noted, scenario.failure
        relay.answers = [Outcome(i, DELIVERED, "good", via=ONE) for i in indices]
        if scenario.answers is not None:
            relay.answers = scenario.answers
        if scenario.share is not None:
            share = scenario.share
            self.lanes.lane(b"a.example", 9).capped = True
            dispatch.share = lambda: share
        if scenario.parked is not None:
            self.lanes.parked(scenario.parked)
        self.clock.advance(1.0)
        made = self.begin(message, dispatch=dispatch)
        self.assertEqual(
            (self.lanes.active, self.lanes.waiting, self.attempting.running),
            (0, 0, set()),
        )
        settlement = self.successResultOf(made)
        self.spool.close()
        return [
            self.written(settlement),
            self.journal.told,
            self.journal.firsts,
            self.journal.took,
            [(each.indices, each.again, each.where) for each in relay.attempts],
            [each.outcomes for each in self.spool.recovered],
            self.lanes.destinations(),
            self.refilled,
        ]

    def leased(self, scenario: Scenario, paths: list[bytes]) -> SpooledMessage:
        """The message, which is being delivered."""
        id = self.spool.add(b"s@x", paths)
        self.successResultOf(self.spool.ready(self.clock.seconds(), 1))
        message = evolve(
            self.spool.kept[id],
            outcomes=tuple(scenario.before),
            released=scenario.released,
        )
        envelope = message.envelope
        for recipient, stamp in zip(envelope.recipients, scenario.stamps, strict=False):
            if stamp is REFUSED:
                recipient.stamps[REFUSED] = b"550 no\r\n"
            elif stamp is not None:
                recipient.stamps[stamp] = True
        if scenario.unknown is not None:
            who, name = scenario.unknown
            bearers = [*envelope.recipients, *[envelope] * 3]
            bearers[who].stamps.unknown[name] = "text"
        if scenario.later:
            envelope.stamps[LATER] = True
        return message

    def written(self, settlement: Settlement | None) -> object:
        """What is to be written down, without the message itself."""
        assert settlement is not None
        return (
            settlement.outcomes,
            settlement.due,
            settlement.held,
            settlement.wished,
            len(settlement.reports),
            settlement.lane,
            settlement.told,
        )

    @given(_SCENARIOS)
    @settings(max_examples=300, deadline=None)
    def test_theSame(self, scenario: Scenario) -> None:
        """Whatever a message is like, all ways come to the same."""
        with patch.object(Dispatch, "_plain", lambda *_: None):
            long = self.tried(AnsweringRelay("relay"), scenario)
        self.assertEqual(self.tried(AnsweringRelay("relay"), scenario), long)
        self.assertEqual(self.tried(RememberingRelay("relay"), scenario), long)

    def plain(self, **others: Any) -> Scenario:
        """What is as plain as can be."""
        usual: dict[str, Any] = {
            "domains": [b"a.example"] * 3,
            "stamps": [None, USUAL, None],
            "unknown": None,
            "later": False,
            "before": [],
            "released": False,
            "wanted": (Action.FAILED,),
            "noted": [],
            "answers": None,
            "failure": None,
            "broken": False,
            "share": None,
            "parked": None,
        }
        return Scenario(**usual | others)

    def test_straight(self) -> None:
        """What is plain does go that way: it is not looked at one by one."""
        self.patch(Dispatch, "_sort", None)
        relay = RememberingRelay("relay")
        self.tried(relay, self.plain())
        self.assertEqual(relay.remembered, 1)
        [attempt] = relay.attempts
        self.assertEqual(attempt.indices, (0, 1, 2))

    def test_askedOnce(self) -> None:
        """A relay that has said that a message goes several ways is not asked anew."""
        relay = RememberingRelay("relay")
        self.tried(relay, self.plain(domains=[b"a.example", b"A.example"]))
        self.assertEqual(relay.remembered, 1)
        self.assertEqual([each.indices for each in relay.attempts], [(0,), (1,)])

    def test_notStraight(self) -> None:
        """What is not goes the other way."""
        sorted = Dispatch._sort
        seen: list[SpooledMessage] = []

        def sort(
            self: Dispatch, message: SpooledMessage, tried: list[Tried]
        ) -> dict[Route, list[int]]:
            seen.append(message)
            return sorted(self, message, tried)

        self.patch(Dispatch, "_sort", sort)
        for others in (
            {"domains": [b"a.example", b"no"]},
            {"stamps": [DISCARDED, None, None]},
            {"unknown": (0, "odd")},
            {"before": [Outcome(0, WAITING)]},
            {"released": True},
            {"parked": b"z"},
        ):
            seen.clear()
            self.tried(RememberingRelay("relay"), self.plain(**others))
            self.assertEqual(len(seen), 1, others)

    def test_oddAnswers(self) -> None:
        """A relay that does not keep its promise has them tried later."""
        for lane, indices in (
            (b"", (0, 1, 2)),
            (b"a", (0, 1)),
            (b"a" * 256, (0, 1, 2)),
        ):
            relay = RememberingRelay("relay")
            relay.instead = Located((Leg(lane, indices),))
            settlement, *_ = self.tried(relay, self.plain())
            assert isinstance(settlement, tuple)
            self.assertEqual([each.fate for each in settlement[0]], [WAITING] * 3)
            self.assertEqual(relay.attempts, [])

    def test_broken(self) -> None:
        """So has one that breaks, and the journal hears of it once."""
        relay = RememberingRelay("relay", instead=OSError("gone"))
        _, told, *_ = self.tried(relay, self.plain())
        assert isinstance(told, list)
        self.assertEqual([each[0] for each in told], ["trouble", *["deferred"] * 3])
