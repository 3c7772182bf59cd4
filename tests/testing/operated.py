"""
What every spool does for the tools of an operator.  It is mixed in by
L{tests.testing.test_operatedcontract}, for each spool there is.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from smtpx.spool.format import Outcome, SpooledMessage
from smtpx.spool.interfaces import SpoolBroken
from smtpx.spool.selection import Selection, State

from ..spool.rig import NOW
from .contracts import DELIVERED, WAITING, Spooling

#: The id of no message.
NOBODY = "000000-000000-00"


#: All there is.
EVERYTHING = Selection()


class Operated(Spooling):
    """What every spool does for operators."""

    def work(self) -> None:
        """Let the spool do what there is to do."""

    def crash(self) -> None:
        """The process dies, and the next one opens the spool."""
        raise NotImplementedError

    def find(
        self, selection: Selection = EVERYTHING, after: str = "", most: int = 10
    ) -> list[tuple[str, State]]:
        """A page of what is meant."""
        page = self.wait(self.spool.find(selection, after, most))
        return [(entry.message.id, entry.state) for entry in page.entries]

    def isWaiting(self, answer: Deferred[SpooledMessage | None]) -> bool:
        """Is there no answer yet?"""
        self.work()
        return not answer.called

    # --- finding -------------------------------------------------------------------

    def test_states(self) -> None:
        """Messages are found with how they are."""
        taken, parked, tried, held = [self.put() for _ in range(4)]
        fresh = self.put()
        for message in self.ready(most=3):
            if message.id == parked:
                self.wait(self.spool.park(message, b"lane"))
            elif message.id == tried:
                later = [Outcome(0, WAITING, "later")]
                self.wait(self.spool.settle(message, later, NOW + 60))
        self.wait(self.spool.hold([held], "look"))
        every = [
            (taken, State.UNDER_WAY),
            (parked, State.PARKED),
            (tried, State.WAITING),
            (held, State.HELD),
            (fresh, State.WAITING),
        ]
        self.case.assertEqual(self.find(), every)
        for state in State:
            found = self.find(Selection(states=frozenset({state})))
            self.case.assertEqual(found, [each for each in every if each[1] is state])
        page = self.wait(self.spool.find(Selection(ids=(tried,)), "", 10))
        [entry] = page.entries
        self.case.assertEqual(entry.message.outcomes, (Outcome(0, WAITING, "later"),))
        self.case.assertEqual(
            (entry.message.content, entry.message.attempts), (None, 1)
        )

    def test_pages(self) -> None:
        """A search goes on behind an id, and says when it is at its end."""
        ids = [self.put() for _ in range(5)]
        found: list[str] = []
        after: str | None = ""
        sizes = []
        while after is not None:
            page = self.wait(self.spool.find(Selection(), after, 2))
            sizes.append(len(page.entries))
            found += [entry.message.id for entry in page.entries]
            after = page.after
        self.case.assertEqual((found, sizes), (ids, [2, 2, 1]))

    def test_byIds(self) -> None:
        """Some that are named are found, once each, if they are there."""
        ids = [self.put() for _ in range(4)]
        named = Selection(ids=(ids[2], NOBODY, ids[0], ids[2]))
        found = [id for id, _ in self.find(named)]
        self.case.assertEqual(found, [ids[0], ids[2]])
        self.case.assertEqual([id for id, _ in self.find(named, ids[0])], [ids[2]])

    def test_byPatterns(self) -> None:
        """Messages are found by those who wait for them, not by who has them."""
        one = self.put(b"a@one.example", b"b@two.example")
        two = self.put(b"c@two.example", sender=b"")
        found = self.find(Selection(domains=("two.example",)))
        self.case.assertEqual([id for id, _ in found], [one, two])
        first, _ = self.ready()
        self.wait(self.spool.settle(first, [Outcome(1, DELIVERED)], NOW))
        found = self.find(Selection(domains=("two.example",)))
        self.case.assertEqual([id for id, _ in found], [two])
        self.case.assertEqual(found, self.find(Selection(senders=("<>",))))

    # --- at once ----------------------------------------------------------------------

    def put3(self) -> tuple[str, str, str]:
        """One that is to be tried later, one that is parked, one on hold; their ids."""
        later, parked, held = (self.put() for _ in range(3))
        for message in self.ready():
            waits = [Outcome(0, WAITING, "later")]
            if message.id == later:
                self.wait(self.spool.settle(message, waits, NOW + 600))
            elif message.id == parked:
                self.wait(self.spool.park(message, b"lane"))
            else:
                self.wait(self.spool.settle(message, waits, None))
        return later, parked, held

    def test_hasten(self) -> None:
        """What waits for a time or a lane is due at once; what is on hold stays."""
        later, parked, held = self.put3()
        woken: list[str] = []
        self.spool.watch(lambda: woken.append("woken"))
        hastened = self.spool.hasten([later, parked, held, NOBODY])
        self.case.assertEqual(self.wait(hastened), 2)
        self.case.assertTrue(woken)
        self.case.assertEqual(self.lane(b"lane"), [])
        found = self.ready()
        self.case.assertEqual({one.id for one in found}, {later, parked})
        self.case.assertEqual({one.lane for one in found}, {None})
        self.case.assertEqual(sorted(one.attempts for one in found), [0, 1])

    def lane(self, lane: bytes) -> list[SpooledMessage]:
        """What is parked there."""
        return [*self.wait(self.spool.parked(lane, 10))]

    def test_hastenTwice(self) -> None:
        """What is due, or never waited, is due; nothing is the matter with that."""
        later, parked, _ = self.put3()
        fresh = self.put()
        self.case.assertEqual(self.wait(self.spool.hasten([later, fresh])), 1)
        self.case.assertEqual(self.wait(self.spool.hasten([later, fresh])), 0)
        self.case.assertEqual({one.id for one in self.ready()}, {later, fresh})
        self.case.assertEqual(self.wait(self.spool.hasten([parked])), 1)

    # --- claims -----------------------------------------------------------------------

    def settled(self, message: SpooledMessage | None, due: float | None) -> None:
        """Settle a message as tried."""
        assert message is not None
        self.wait(self.spool.settle(message, [Outcome(0, WAITING, "later")], due))

    def test_claim(self) -> None:
        """Any message can be claimed that nobody has, and then nobody else gets it."""
        later, parked, held = self.put3()
        fresh = self.put()
        for id in (later, parked, held, fresh):
            claimed = self.wait(self.spool.claim(id))
            assert claimed is not None
            self.case.assertEqual(claimed.id, id)
            body = b"".join(self.spool.body(claimed).pieces())
            self.case.assertEqual(body, b"Hi\r\n")
        self.case.assertEqual(self.ready(NOW + 9999), [])
        self.case.assertEqual({state for _, state in self.find()}, {State.UNDER_WAY})
        self.case.assertIs(self.wait(self.spool.claim(NOBODY)), None)

    def test_claimLeased(self) -> None:
        """One that somebody has is got as soon as it is given back, and first."""
        id = self.put()
        [message] = self.ready()
        one, other = self.spool.claim(id), self.spool.claim(id)
        self.case.assertTrue(self.isWaiting(one))
        self.settled(message, NOW)
        self.case.assertEqual(self.ready(NOW + 1), [])
        claimed = self.wait(one)
        assert claimed is not None
        self.case.assertEqual((claimed.id, claimed.attempts), (id, 1))
        self.case.assertTrue(self.isWaiting(other))
        self.wait(self.spool.park(claimed, b"lane"))
        self.case.assertEqual(self.lane(b"lane"), [])
        self.settled(self.wait(other), NOW)
        self.case.assertEqual(self.ids(self.ready(NOW + 1)), [id])

    def test_claimDelivered(self) -> None:
        """One that is delivered meanwhile is not there any more."""
        id = self.put()
        [message] = self.ready()
        claims = [self.spool.claim(id) for _ in range(2)]
        self.work()
        self.wait(self.spool.settle(message, [Outcome(0, DELIVERED)], None))
        self.case.assertEqual([self.wait(each) for each in claims], [None, None])
        self.case.assertIs(self.wait(self.spool.claim(id)), None)

    def test_claimWithdrawn(self) -> None:
        """Who does not want it any more is passed over."""
        id = self.put()
        [message] = self.ready()
        one, other = self.spool.claim(id), self.spool.claim(id)
        self.work()
        one.cancel()
        self.case.failureResultOf(one, CancelledError)
        self.settled(message, NOW)
        self.settled(self.wait(other), NOW)
        self.case.assertEqual(self.ids(self.ready()), [id])
        last = self.spool.claim(id)
        self.work()
        last.cancel()
        self.case.failureResultOf(last, CancelledError)
        self.settled(message, NOW)
        self.case.assertEqual(self.ids(self.ready()), [id])

    def test_claimAtTheEnd(self) -> None:
        """When the spool is closed, nobody gets it any more."""
        id = self.put()
        [message] = self.ready()
        claim = self.spool.claim(id)
        self.work()
        closed = self.spool.close()
        self.case.failureResultOf(claim, SpoolBroken)
        self.wait(closed)
        self.crash()
        self.case.assertEqual(self.ids(self.ready()), [message.id])

    def test_holdClaimed(self) -> None:
        """What is claimed and on hold stays so when it is settled."""
        id = self.put(hold=True)
        self.settled(self.wait(self.spool.claim(id)), NOW)
        self.case.assertEqual(self.find(), [(id, State.HELD)])
        self.case.assertEqual(self.told()[:2], (1, 1))
