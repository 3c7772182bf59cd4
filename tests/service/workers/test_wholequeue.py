"""
Tests for L{smtpx.service.workers.wholequeue}, and what it is made of: the queue of
three workers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.errors import Malformed, SMTPXError
from smtpx.queue.control import QueueControl
from smtpx.queue.delivery import Delivery
from smtpx.queue.routes import RouteRule, Routes
from smtpx.service.control.exchange import Exchange, Refused
from smtpx.service.control.queueverbs import QueueVerbs
from smtpx.service.control.wire import Kind
from smtpx.service.workers.interfaces import Away, IOthers, unheard, untold
from smtpx.service.workers.merging import PAGE
from smtpx.service.workers.sources import (
    PATIENCE_SECONDS,
    Here,
    Source,
    There,
)
from smtpx.service.workers.wholequeue import WholeQueue
from smtpx.testing.spool import MemorySpool
from tests.queue.doubles import (
    Doubling,
    RecordedJournal,
    ScriptedRelay,
    ScriptedReporter,
)

from .spools import NumberedSpool

Fields = Mapping[str, object]


#: What the ends of answers have the number of messages in.
_COUNTS = {
    "queue.list": "found",
    "queue.count": "found",
    "queue.summary": "messages",
    "queue.retry": "done",
}


@implementer(IOthers)
@define(eq=False)
class Colleagues:
    """
    Other workers, who are away where a test wants it.

    @ivar away: how often each is not there when it is asked; endless: -1.
    @ivar dies: whose answer breaks off, how often.
    @ivar asked: who was asked for what, in whose name.
    """

    here: dict[int, Here]
    away: dict[int, int] = field(factory=dict)
    dies: dict[int, int] = field(factory=dict)
    asked: list[tuple[int, str, str]] = field(factory=list)

    @property
    def numbers(self) -> Sequence[int]:
        """See L{IOthers}."""
        return [*self.here]

    def ask(
        self, verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """See L{IOthers}; nobody asks so here."""
        raise NotImplementedError

    def talk(
        self,
        number: int,
        verb: str,
        fields: Fields,
        asker: str,
        part: Callable[[Fields], Awaitable[None]] = unheard,
        progress: Callable[[Fields], None] = untold,
    ) -> Deferred[Fields]:
        """See L{IOthers}."""
        self.asked.append((number, verb, asker))
        left = self.away.get(number, 0)
        if left:
            self.away[number] = left - 1
            return fail(Away(number, "it does not listen"))
        # As it goes over the socket.
        there = json.loads(json.dumps(fields))

        async def talk() -> Fields:
            done = await self.here[number].ask(verb, there, asker, part, progress)
            dies = self.dies.get(number, 0)
            if dies:
                self.dies[number] = dies - 1
                raise Away(number, "it has gone away", True)
            return done

        return Deferred.fromCoroutine(talk())


class WholeCase(SynchronousTestCase):
    """Worker 1 is this one; 2 and 3 are elsewhere."""

    def setUp(self) -> None:
        """All are empty."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.spools = {number: self._spool(number) for number in (1, 2, 3)}
        self.journals = {number: RecordedJournal() for number in (1, 2, 3)}
        here = {
            number: Here(
                number,
                QueueVerbs(self._control(number), spool.count).forColleagues(),
            )
            for number, spool in self.spools.items()
        }
        first = here.pop(1)
        self.colleagues: Any = Colleagues(here)
        there = [There(each, self.colleagues, self.clock) for each in (2, 3)]
        self.sources: list[Source] = [first, *there]
        self.whole = WholeQueue(self.sources, self.clock.seconds)

    def _spool(self, number: int) -> MemorySpool:
        return NumberedSpool(number, self.clock.seconds)

    def _control(self, number: int) -> QueueControl:
        spool, journal = self.spools[number], self.journals[number]
        rules = [RouteRule(f"{each}.example", "relay") for each in "abs"]
        delivery = Delivery(
            spool,
            Routes(rules, [ScriptedRelay("relay")]),
            journal,
            self.clock,
            self.clock.seconds,
            Doubling(),
            ScriptedReporter(),
        )
        return QueueControl(spool, delivery, journal, self.clock, self.clock.seconds)

    def put(self, number: int, path: bytes = b"ann@a.example") -> str:
        """Put a message in; a second later."""
        id = self.spools[number].add(b"s@s.example", [path])
        self.clock.advance(1)
        return id

    def ask(self, do: str, **fields: object) -> tuple[list[Fields], Deferred[Fields]]:
        """Have something answered: its parts, and what its end will be."""
        parts: list[Fields] = []
        self.told: list[Fields] = []

        async def send(part: Fields) -> None:
            parts.append(json.loads(json.dumps(part)))

        exchange = Exchange(
            {"id": 1, "do": do, **fields}, "joe", send, self.told.append
        )

        async def answer() -> Fields:
            return await self.whole.verbs()[do](exchange)

        done = Deferred.fromCoroutine(answer())
        self.clock.advance(1)
        return parts, done

    def asked(self, do: str, **fields: object) -> tuple[list[Fields], Fields]:
        """Have something answered at once."""
        parts, done = self.ask(do, **fields)
        return parts, self.successResultOf(done)

    def ids(self, **fields: object) -> list[object]:
        """The ids of a list."""
        parts, _ = self.asked("queue.list", **fields)
        return [part["message"] for part in parts]


class LookingTests(WholeCase):
    """What is there."""

    def test_verbs(self) -> None:
        """What one process answers, all together do."""
        one = QueueVerbs(self._control(1), self.spools[1].count)
        self.assertEqual({*self.whole.verbs()}, {*one.verbs()})

    def test_list(self) -> None:
        """The messages of all are one list, the oldest first."""
        put = [self.put(number) for number in (2, 1, 3, 3, 1, 2)]
        self.assertEqual(self.ids(), put)
        self.assertEqual(self.told[-1], {"looked": 6, "done": 6, "of": 6})
        _, done = self.asked("queue.list")
        self.assertEqual(done, {"found": 6})

    def test_pages(self) -> None:
        """However many there are, few are in memory; each is told once."""
        put = [self.put(1 + number % 3 // 2) for number in range(3 * PAGE)]
        self.assertEqual(self.ids(), put)

    def test_selection(self) -> None:
        """It is what is meant, as elsewhere."""
        self.put(1)
        meant = [self.put(number, b"bob@b.example") for number in (3, 2)]
        found = self.ids(selection={"domains": ["b.example"]})
        self.assertEqual(found, meant)

    def test_empty(self) -> None:
        """There may be nothing."""
        self.assertEqual(self.asked("queue.list"), ([], {"found": 0}))

    def test_count(self) -> None:
        """The numbers of all are added up."""
        for number in (1, 2, 2):
            self.put(number)
        _, done = self.asked("queue.count")
        octets = sum(
            message.octets
            for spool in self.spools.values()
            for message in spool.kept.values()
        )
        self.assertEqual(done, {"found": 3, "octets": octets})

    def test_summary(self) -> None:
        """What belongs together is one group, whoever has it."""
        for number, path in ((1, b"x@a.example"), (2, b"y@a.example")):
            self.put(number, path)
        self.put(3, b"z@b.example")
        parts, done = self.asked("queue.summary", by="domain")
        names = [(part["name"], part["messages"]) for part in parts]
        self.assertEqual(names, [("a.example", 2), ("b.example", 1)])
        self.assertEqual(done, {"found": 2, "messages": 3})

    def test_show(self) -> None:
        """Who made a message is asked for it, and nobody else."""
        id = self.put(3)
        parts, done = self.asked("queue.show", message=id)
        self.assertEqual((parts[0]["message"], done), (id, {"found": 1}))
        self.assertEqual(self.colleagues.asked, [(3, "queue.show", "joe")])

    def test_takenOver(self) -> None:
        """A message that another worker took over is found there."""
        id = self.put(3)
        self.spools[1]._kept[id] = self.spools[3]._kept.pop(id)
        parts, _ = self.asked("queue.show", message=id)
        self.assertEqual(parts[0]["message"], id)
        self.assertEqual(self.colleagues.asked, [(3, "queue.show", "joe")])

    def test_read(self) -> None:
        """So is its content."""
        id = self.put(2)
        parts, done = self.asked("queue.read", message=id, what="header")
        self.assertTrue(parts)
        self.assertIn("octets", done)

    def test_missing(self) -> None:
        """What nobody has is not there."""
        id = self.put(2)
        self.spools[2]._kept.clear()
        for do in ("queue.show", "queue.read"):
            _, done = self.ask(do, message=id)
            refused = self.failureResultOf(done, Refused).value
            assert isinstance(refused, Refused)
            self.assertIs(refused.kind, Kind.MISSING)

    def test_bad(self) -> None:
        """A request that makes no sense is told so, and nobody is asked."""
        for do, fields in (
            ("queue.list", {"selection": {"domain": "x"}}),
            ("queue.list", {"what": 1}),
            ("queue.show", {"message": "x"}),
            ("queue.summary", {"by": "colour"}),
            ("queue.hold", {"selection": {}, "note": "a\nb"}),
            ("queue.remove", {}),
        ):
            _, done = self.ask(do, **fields)
            self.failureResultOf(done, Malformed)
        self.assertEqual(self.colleagues.asked, [])

    def test_badContent(self) -> None:
        """So it is where the other worker finds out."""
        id = self.put(1)
        _, done = self.ask("queue.read", message=id, what="half")
        self.failureResultOf(done, Malformed)


class DoingTests(WholeCase):
    """What changes messages."""

    def test_all(self) -> None:
        """A selection means those of all, and the numbers are added up."""
        for number in (1, 2, 3, 3):
            self.put(number)
        _, done = self.asked("queue.hold", selection={}, note="why not")
        self.assertEqual(done, {"done": 4, "later": 0, "kept": 0})
        notes = {
            message.note
            for spool in self.spools.values()
            for message in spool.kept.values()
        }
        self.assertEqual(notes, {"why not"})
        self.assertEqual(self.told[-1]["done"], 4)
        _, done = self.asked("queue.release", selection={})
        self.assertEqual(done, {"done": 4, "later": 0, "kept": 0})
        _, done = self.asked("queue.retry", selection={})
        self.assertEqual(done, {"done": 4})
        _, done = self.asked("queue.remove", selection={})
        self.assertEqual(done, {"done": 4, "later": 0, "kept": 0})
        self.assertEqual(self.ids(), [])

    def test_bounce(self) -> None:
        """The reason is told to all."""
        id = self.put(2)
        _, done = self.asked("queue.bounce", selection={}, why="moved")
        self.assertEqual(done["done"], 1)
        self.assertNotIn(id, self.spools[2].kept)

    def test_inWhoseName(self) -> None:
        """The log of each has who wanted it."""
        self.put(3)
        self.asked("queue.remove", selection={})
        self.assertIn((3, "queue.remove", "joe"), self.colleagues.asked)

    def test_named(self) -> None:
        """What is named is asked of who has it; the others are left alone."""
        id = self.put(2)
        self.put(3)
        self.colleagues.asked.clear()
        _, done = self.asked("queue.remove", selection={"ids": [id]})
        self.assertEqual(done["done"], 1)
        changed = [each for each in self.colleagues.asked if each[1] == "queue.remove"]
        self.assertEqual(changed, [(2, "queue.remove", "joe")])

    def test_comesMeanwhile(self) -> None:
        """What comes after the beginning is not meant, also where one is late."""
        self.put(2)
        self.colleagues.away[2] = 1
        _, done = self.ask("queue.remove", selection={})
        self.put(2)
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(done)["done"], 1)
        self.assertEqual(len(self.spools[2].kept), 1)


class AwayTests(WholeCase):
    """A worker is being started again."""

    def setUp(self) -> None:
        """Each has a message."""
        super().setUp()
        self.put_ = [self.put(number) for number in (1, 2, 3)]
        self.quiet = self.clock.getDelayedCalls()

    def unasked(self, done: Fields) -> list[tuple[object, object]]:
        """Who was not asked, and whether it had begun."""
        found: Any = done["unasked"]
        return [(each["worker"], each["begun"]) for each in found]

    def test_backSoon(self) -> None:
        """It is waited for."""
        self.colleagues.away[2] = 3
        parts, done = self.ask("queue.list")
        self.clock.pump([0.25] * 2)
        self.assertEqual(self.successResultOf(done), {"found": 3})
        self.assertEqual([part["message"] for part in parts], self.put_)

    def test_staysAway(self) -> None:
        """Who does not come back is told of, and the others answer."""
        self.colleagues.away[2] = -1
        for do, count in _COUNTS.items():
            _, done = self.ask(do, selection={})
            self.assertNoResult(done)
            self.clock.pump([0.25] * int(PATIENCE_SECONDS * 4))
            end = self.successResultOf(done)
            self.assertEqual(self.unasked(end), [(2, False)])
            self.assertEqual(end[count], 2)

    def test_diesWhileItIsLookedAt(self) -> None:
        """What only looks is asked again; no message is told twice."""
        self.colleagues.dies[3] = 1
        parts, done = self.ask("queue.list")
        self.assertEqual(self.successResultOf(done), {"found": 3})
        self.assertEqual([part["message"] for part in parts], self.put_)

    def test_diesWhileItWorks(self) -> None:
        """What it has done by then nobody knows; that is said."""
        self.colleagues.dies[3] = 1
        _, done = self.asked("queue.hold", selection={})
        self.assertEqual(self.unasked(done), [(3, True)])
        self.assertEqual(done["done"], 2)

    def test_namedElsewhere(self) -> None:
        """
        Who is away does not matter for messages that others have, and is not waited
        for.
        """
        self.colleagues.away[2] = -1
        for do in ("queue.list", "queue.hold"):
            for ids in ([self.put_[2]], [self.put_[2], self.put_[0], self.put_[2]]):
                before = self.clock.seconds()
                _, done = self.asked(do, selection={"ids": ids})
                self.assertEqual(done.get("found", len({*ids})), len({*ids}))
                self.assertNotIn("unasked", done)
                # It is "ask" that lets a second go by.
                self.assertEqual(self.clock.seconds(), before + 1)
                self.assertEqual(self.clock.getDelayedCalls(), self.quiet)
        parts, _ = self.asked("queue.show", message=self.put_[0])
        self.assertTrue(parts)

    def test_namedThere(self) -> None:
        """For those that nobody else has it does."""
        self.colleagues.away[2] = -1
        _, done = self.ask("queue.hold", selection={"ids": [self.put_[1]]})
        self.clock.pump([0.25] * int(PATIENCE_SECONDS * 4))
        end = self.successResultOf(done)
        self.assertEqual((end["done"], self.unasked(end)), (0, [(2, False)]))

    def test_shown(self) -> None:
        """A message that may be there is not said to be missing."""
        self.colleagues.away[2] = -1
        _, done = self.ask("queue.show", message=self.put_[1])
        self.clock.pump([0.25] * int(PATIENCE_SECONDS * 4))
        refused = self.failureResultOf(done, Refused).value
        assert isinstance(refused, Refused)
        self.assertIs(refused.kind, Kind.FAILED)
        self.assertEqual(
            str(refused),
            f"{self.put_[1]} was not found, but worker 2 could not be asked (it does"
            " not listen)",
        )

    def test_trouble(self) -> None:
        """A spool in trouble is told of like one that is away."""

        def find(*what: object) -> Deferred[object]:
            return fail(SMTPXError("the disk is gone"))

        self.patch(self.spools[1], "find", find)
        _, done = self.asked("queue.list")
        self.assertEqual(
            done,
            {
                "found": 2,
                "unasked": [{"worker": 1, "why": "the disk is gone", "begun": True}],
            },
        )
