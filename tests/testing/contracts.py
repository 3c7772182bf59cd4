"""
What every spool does for those who send: reports, lanes, priorities.  It is mixed
in by L{tests.testing.test_spoolcontract}, for each spool there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Schedule
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import Fate, Outcome, Report, SpooledMessage
from smtpx.spool.interfaces import IOperatedSpool

from ..spool.rig import NOW

T = TypeVar("T")

#: Senders whose messages do not simply go at once.
PLANS = {
    b"urgent@x.example": Schedule(priority=4),
    b"slow@x.example": Schedule(priority=-12),
    b"later@x.example": Schedule(notBefore=NOW + 100),
}


def scheduleFor(envelope: Envelope) -> Schedule:
    """What an extension might say."""
    return PLANS.get(envelope.sender, Schedule())


DELIVERED, WAITING, FAILED = Fate.DELIVERED, Fate.WAITING, Fate.FAILED


class Spooling:
    """
    A spool, and how it is used.  A class that mixes it in says how a spool is had, and
    how its answers are waited for.
    """

    spool: IOperatedSpool
    case: SynchronousTestCase

    def wait(self, answer: Deferred[T]) -> T:
        """What C{answer} comes to."""
        raise NotImplementedError

    def put(
        self,
        *paths: bytes,
        body: bytes = b"Hi\r\n",
        hold: bool = False,
        sender: bytes = b"s@x.example",
    ) -> str:
        """Put a message in; its id."""
        incoming = self.spool.begin()
        incoming.write(body)
        recipients = [Recipient(path) for path in paths or (b"a@x.example",)]
        envelope = Envelope(sender, NOW, recipients, len(body))
        self.wait(incoming.commit(envelope, b"Received: x\r\n", hold))
        return incoming.id

    def ready(self, now: float = NOW, most: int = 10) -> list[SpooledMessage]:
        """What is due."""
        found = self.wait(self.spool.ready(now, most))
        return [*found]

    def ids(self, messages: Sequence[SpooledMessage]) -> list[str]:
        """Their ids."""
        return [message.id for message in messages]

    def told(self) -> tuple[int, int, int]:
        """What the spool says that there is: messages, held ones, octets."""
        state = self.spool.state()
        return state.messages, state.held, state.octets


class Sending(Spooling):
    """What every spool does for those who send."""

    # --- reports -----------------------------------------------------------

    def report(self, body: bytes = b"It failed.\r\n") -> Report:
        """A report to whoever sent it."""
        to = Envelope(b"", NOW, [Recipient(b"s@x.example")], len(body))
        return Report(to, b"Subject: it failed\r\n\r\n", body)

    def test_reports(self) -> None:
        """Reports are there with what they tell of: by id, fresh, and told."""
        gone, stays = self.put(), self.put()
        first, second = self.ready()
        woken: list[str] = []
        self.spool.watch(lambda: woken.append("woken"))
        failed = [Outcome(0, FAILED, "no")]
        reports = [self.report(), self.report(b"x")]
        one, other = self.wait(self.spool.settle(first, failed, None, reports))
        self.case.assertEqual(woken[:1], ["woken"])
        waits = [Outcome(0, WAITING, "later")]
        settled = self.spool.settle(second, waits, NOW + 9, [self.report(b"It waits")])
        third = self.wait(settled)[0]
        self.case.assertEqual(self.told(), (4, 0, 4 + 12 + 1 + 8))
        found = self.ready()
        self.case.assertEqual(self.ids(found), [one, other, third])
        self.case.assertEqual(found[0].envelope.sender, b"")
        self.case.assertEqual(found[0].prefix, b"Subject: it failed\r\n\r\n")
        body = b"".join(self.spool.body(found[2]).pieces())
        self.case.assertEqual((body, found[2].octets), (b"It waits", 8))
        self.case.assertEqual(self.ids(self.ready(NOW + 9)), [stays])
        self.case.assertIs(self.wait(self.spool.fetch(gone)), None)

    def test_noReports(self) -> None:
        """Where nothing is reported, there are no ids."""
        self.put()
        [message] = self.ready()
        ids = self.wait(self.spool.settle(message, [Outcome(0, DELIVERED)], None))
        self.case.assertEqual(ids, [])

    def test_longReport(self) -> None:
        """A report that is too long is a mistake, and changes nothing."""
        self.put()
        [message] = self.ready()
        reports = [self.report(), self.report(b"x" * (INSIDE + 1))]
        outcomes = [Outcome(0, FAILED)]
        self.case.assertRaises(
            UsageError, self.spool.settle, message, outcomes, None, reports
        )
        self.case.assertEqual(self.wait(self.spool.count()), 1)
        self.wait(self.spool.settle(message, outcomes, None, reports[:1]))

    # --- lanes -------------------------------------------------------------

    def park(self, lane: bytes, *paths: bytes, sender: bytes = b"s@x.example") -> str:
        """Put a message in, and park it; its id."""
        id = self.put(*paths, sender=sender)
        [message] = self.ready()
        self.case.assertEqual(message.id, id)
        self.wait(self.spool.park(message, lane))
        return id

    def lane(self, lane: bytes, most: int = 10) -> list[SpooledMessage]:
        """What is parked there."""
        return [*self.wait(self.spool.parked(lane, most))]

    def lanes(self, after: bytes = b"", most: int = 10) -> list[bytes]:
        """Where something is parked."""
        return [*self.wait(self.spool.lanes(after, most))]

    def test_parked(self) -> None:
        """What is parked is had from its lane only, the oldest first."""
        first = self.park(b"\x00one")
        other = self.park(b"two")
        second = self.park(b"\x00one")
        self.case.assertEqual(self.ready(NOW + 1e6), [])
        self.case.assertEqual(self.lane(b"one"), [])
        [message] = self.lane(b"\x00one", 1)
        self.case.assertEqual((message.id, message.lane), (first, b"\x00one"))
        self.case.assertEqual((message.attempts, message.due), (0, None))
        self.case.assertEqual(self.ids(self.lane(b"\x00one")), [second])
        self.case.assertEqual(self.lane(b"\x00one"), [])
        self.case.assertEqual(self.ids(self.lane(b"two")), [other])

    def test_parkedAgain(self) -> None:
        """What comes from a lane may go back to one."""
        id = self.park(b"one")
        [message] = self.lane(b"one")
        self.wait(self.spool.park(message, b"two"))
        self.case.assertEqual(self.lane(b"one"), [])
        self.case.assertEqual(self.ids(self.lane(b"two")), [id])

    def test_parkedThenTried(self) -> None:
        """An attempt ends it, whether the message is due again or gone."""
        ids = [self.park(b"one"), self.park(b"one")]
        first, second = self.lane(b"one")
        self.wait(self.spool.settle(first, [Outcome(0, WAITING)], NOW + 5))
        self.wait(self.spool.settle(second, [Outcome(0, DELIVERED)], None))
        self.case.assertEqual(self.lanes(), [])
        [message] = self.ready(NOW + 5)
        self.case.assertEqual(
            (message.id, message.lane, message.attempts), (ids[0], None, 1)
        )
        self.case.assertEqual(self.wait(self.spool.count()), 1)

    def test_parkedWithOutcomes(self) -> None:
        """What became of some is written down when the rest is parked."""
        self.put(b"a@x.example", b"b@x.example")
        [message] = self.ready()
        self.wait(self.spool.park(message, b"one", [Outcome(0, DELIVERED, "fine")]))
        [message] = self.lane(b"one")
        self.case.assertEqual((message.waiting, message.attempts), ((1,), 0))
        self.case.assertEqual(message.outcomes, (Outcome(0, DELIVERED, "fine"),))
        self.wait(self.spool.park(message, b"one"))
        [message] = self.lane(b"one")
        self.case.assertEqual(message.waiting, (1,))
        self.wait(self.spool.settle(message, [Outcome(1, DELIVERED)], None))
        self.case.assertEqual(self.wait(self.spool.count()), 0)

    def test_parkedWhatWasTried(self) -> None:
        """Of a message that was tried before, that is kept."""
        self.put()
        [message] = self.ready()
        self.wait(self.spool.settle(message, [Outcome(0, WAITING, "busy")], NOW + 5))
        [message] = self.ready(NOW + 5)
        self.wait(self.spool.park(message, b"one"))
        self.case.assertEqual(self.ready(NOW + 9), [])
        [message] = self.lane(b"one")
        self.case.assertEqual(message.attempts, 1)
        self.case.assertEqual(message.outcomes, (Outcome(0, WAITING, "busy"),))

    def test_notParked(self) -> None:
        """What cannot be parked stays leased."""
        self.put()
        [message] = self.ready()
        park = self.spool.park
        self.case.assertRaises(UsageError, park, message, b"")
        done = [Outcome(0, DELIVERED)]
        self.case.assertRaises(UsageError, park, message, b"one", done)
        self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW + 5))
        self.case.assertRaises(UsageError, park, message, b"one")

    def test_lanes(self) -> None:
        """Lanes are had by pages, each once."""
        for lane in (b"b", b"a", b"b", b"\xff", b"aa"):
            self.park(lane)
        self.case.assertEqual(self.lanes(), [b"a", b"aa", b"b", b"\xff"])
        self.case.assertEqual(self.lanes(b"a", 2), [b"aa", b"b"])
        self.lane(b"\xff")
        self.case.assertEqual(self.lanes(b"b"), [b"\xff"])
        self.case.assertEqual(self.lanes(b"\xff"), [])

    def test_unparked(self) -> None:
        """A lane is made due, now or later, and its order is kept."""
        ids = [self.park(b"one") for _ in range(4)]
        other = self.park(b"two")
        self.case.assertEqual(self.wait(self.spool.unpark(b"one", NOW + 60)), 4)
        self.case.assertEqual(self.lanes(), [b"two"])
        self.case.assertEqual(self.ready(NOW + 59), [])
        found = self.ready(NOW + 60)
        self.case.assertEqual(self.ids(found), ids)
        self.case.assertEqual({one.attempts for one in found}, {0})
        self.case.assertEqual({one.lane for one in found}, {None})
        self.case.assertEqual(self.wait(self.spool.unpark(b"three", NOW)), 0)
        woken: list[str] = []
        self.spool.watch(lambda: woken.append("woken"))
        self.case.assertEqual(self.wait(self.spool.unpark(b"two", NOW)), 1)
        self.case.assertEqual(woken, ["woken"])
        self.case.assertEqual(self.ids(self.ready()), [other])

    def parkUntil(self, lane: bytes, wake: float) -> str:
        """Put in a message and park it, for so long at most; its id."""
        id = self.put()
        [message] = self.ready()
        self.wait(self.spool.park(message, lane, (), wake))
        return id

    def test_roused(self) -> None:
        """What is parked may have a time at which it is due all the same."""
        self.park(b"one")
        late, soon = self.parkUntil(b"one", NOW + 60), self.parkUntil(b"two", NOW + 9)
        self.case.assertEqual(self.ready(NOW + 1e6), [])
        self.case.assertEqual(self.wait(self.spool.rouse(NOW + 8)), 0)
        self.case.assertEqual(self.wait(self.spool.rouse(NOW + 9)), 1)
        self.case.assertEqual(self.lanes(), [b"one"])
        [message] = self.ready(NOW + 9)
        self.case.assertEqual((message.id, message.attempts), (soon, 0))
        held = self.parkUntil(b"two", NOW + 9)
        self.wait(self.spool.hold([held], "look"))
        self.case.assertEqual(self.wait(self.spool.rouse(NOW + 99)), 1)
        self.case.assertEqual(self.ids(self.ready(NOW + 99)), [late])

    def test_unparkedAtItsTime(self) -> None:
        """A lane that is to wait for longer does not keep it."""
        other = self.park(b"one")
        soon = self.parkUntil(b"one", NOW + 9)
        self.case.assertEqual(self.wait(self.spool.unpark(b"one", NOW + 60)), 2)
        self.case.assertEqual(self.ready(NOW + 8), [])
        self.case.assertEqual(self.ids(self.ready(NOW + 9)), [soon])
        self.case.assertEqual(self.ids(self.ready(NOW + 60)), [other])

    def test_parkedForAsLongAsItTakes(self) -> None:
        """The time of one lane is not that of the next."""
        self.parkUntil(b"one", NOW + 9)
        [message] = self.lane(b"one")
        self.wait(self.spool.park(message, b"two"))
        self.case.assertEqual(self.wait(self.spool.rouse(NOW + 99)), 0)

    def test_unparkedOnHold(self) -> None:
        """What is on hold is not in its lane's way, and stays on hold."""
        id, other = self.park(b"one"), self.park(b"one")
        self.wait(self.spool.hold([id], "look"))
        self.case.assertEqual(self.spool.state().parked, 1)
        [message] = self.lane(b"one")
        self.case.assertEqual(message.id, other)
        self.wait(self.spool.park(message, b"one"))
        self.case.assertEqual(self.wait(self.spool.unpark(b"one", NOW)), 1)
        self.case.assertEqual(self.ids(self.ready()), [other])
        self.case.assertEqual(self.lanes(), [])
        self.wait(self.spool.release([id]))
        self.case.assertEqual(self.ids(self.ready()), [id])
        self.case.assertEqual(self.spool.state().parked, 0)

    def test_heldWhileItIsInALane(self) -> None:
        """A hold that comes while a message is tried stays when it is parked."""
        id = self.park(b"one")
        [message] = self.lane(b"one")
        self.wait(self.spool.hold([id], "look"))
        self.wait(self.spool.park(message, b"two"))
        self.case.assertEqual((self.lanes(), self.lane(b"two")), ([], []))
        self.case.assertEqual(self.told()[:2], (1, 1))
        fetched = self.wait(self.spool.fetch(id))
        assert fetched is not None
        self.case.assertEqual((fetched.lane, fetched.held), (b"two", True))

    def test_stateOfParked(self) -> None:
        """How many are parked is known at any time."""
        self.park(b"one")
        self.park(b"two")
        self.case.assertEqual(self.spool.state().parked, 2)
        [message] = self.lane(b"one")
        self.case.assertEqual(self.spool.state().parked, 2)
        self.wait(self.spool.settle(message, [Outcome(0, DELIVERED)], None))
        self.case.assertEqual(self.spool.state().parked, 1)
        self.wait(self.spool.unpark(b"two", NOW))
        self.case.assertEqual(self.spool.state().parked, 0)

    # --- who comes first ---------------------------------------------------

    def test_fairShare(self) -> None:
        """What is due again does not starve what is new, nor the other way."""
        again = [self.put() for _ in range(6)]
        for message in self.ready():
            self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW - 5))
        fresh = [self.put() for _ in range(6)]
        first = self.ids(self.ready(most=4))
        self.case.assertEqual(set(first), {*again[:2], *fresh[:2]})
        second = self.ids(self.ready(most=6))
        self.case.assertEqual(set(second), {*again[2:5], *fresh[2:5]})
        self.case.assertEqual(set(self.ids(self.ready())), {again[5], fresh[5]})
        self.case.assertEqual(self.ready(), [])

    def test_wholeShare(self) -> None:
        """Where there is little of the one, the other has the rest."""
        again = self.put()
        [message] = self.ready()
        self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW))
        fresh = [self.put() for _ in range(5)]
        self.case.assertEqual(set(self.ids(self.ready(most=4))), {again, *fresh[:3]})
        self.case.assertEqual(self.ids(self.ready()), fresh[3:])

    def test_priorities(self) -> None:
        """The urgent goes first, and the slow last, in lanes too."""
        slow = self.put(sender=b"slow@x.example")
        plain = self.put()
        urgent = self.put(sender=b"urgent@x.example")
        found = self.ready()
        self.case.assertEqual(self.ids(found), [urgent, plain, slow])
        self.case.assertEqual([one.priority for one in found], [4, 0, -9])
        self.case.assertEqual([one.attempts for one in found], [0, 0, 0])
        for message in found[::-1]:
            self.wait(self.spool.park(message, b"one"))
        found = self.lane(b"one")
        self.case.assertEqual(self.ids(found), [urgent, plain, slow])
        for message in found[::-1]:
            self.wait(self.spool.settle(message, [Outcome(0, WAITING)], NOW))
        self.case.assertEqual(self.ids(self.ready(most=2)), [urgent, plain])
        [last] = self.ready()
        self.case.assertEqual((last.id, last.priority), (slow, -9))

    def test_notBefore(self) -> None:
        """What is to go in the future goes then, and nobody is woken for it."""
        woken: list[str] = []
        self.spool.watch(lambda: woken.append("woken"))
        id = self.put(sender=b"later@x.example")
        self.case.assertEqual(woken, [])
        self.case.assertEqual(self.ready(NOW + 99), [])
        [message] = self.ready(NOW + 100)
        self.case.assertEqual((message.id, message.attempts), (id, 0))

    def test_heldAndPlanned(self) -> None:
        """A hold from the start goes before a schedule, and is counted once."""
        id = self.put(sender=b"urgent@x.example", hold=True)
        self.case.assertEqual(self.told()[:2], (1, 1))
        self.case.assertEqual(self.ready(), [])
        self.wait(self.spool.release([id]))
        self.case.assertEqual(self.told()[:2], (1, 0))
        [message] = self.ready()
        self.case.assertEqual((message.id, message.priority), (id, 4))
