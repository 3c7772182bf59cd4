"""
Tests for L{smtpx.spool.agenda}.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool import agenda as module
from smtpx.spool.agenda import Agenda, Due, Look, Sight, choose
from smtpx.spool.identity import secondOf

#: How much a key grows in a second.
SECOND = (1 << 18) * 3844


class FreshTests(SynchronousTestCase):
    """Fresh messages and leases."""

    def test_draw(self) -> None:
        """They come in order, each once, and are leased."""
        agenda = Agenda()
        agenda.add([1, 2, 3])
        self.assertEqual(agenda.draw(2), [1, 2])
        self.assertEqual(agenda.leased, {1, 2})
        self.assertEqual(agenda.draw(2), [3])
        self.assertEqual(agenda.draw(2), [])

    def test_putBack(self) -> None:
        """Those that were put back come first, in their order."""
        agenda = Agenda()
        agenda.add([1, 2, 3])
        agenda.putBack(agenda.draw(2))
        self.assertEqual(agenda.leased, set())
        self.assertEqual(agenda.draw(9), [1, 2, 3])

    def test_leasedOtherwise(self) -> None:
        """One that is leased already is not drawn."""
        agenda = Agenda()
        agenda.add([1, 2])
        agenda.leased.add(1)
        self.assertEqual(agenda.head(), 2)
        self.assertEqual(agenda.draw(9), [2])
        self.assertIs(agenda.head(), None)

    def test_bounded(self) -> None:
        """What is too many to remember is left to the file."""
        self.patch(module, "FRESH", 3)
        agenda = Agenda()
        agenda.add([10, 11, 13, 14, 15])
        self.assertIs(agenda.look(0.0, 0).backlog, 13)
        # Begun before the others, and put down behind them.
        agenda.add([12, 16])
        self.assertEqual(agenda.draw(9), [10, 11, 13, 12])

    def test_recovered(self) -> None:
        """After a failure nothing is known but the leases."""
        agenda = Agenda()
        agenda.add([1, 2])
        agenda.draw(1)
        agenda.recovered()
        self.assertEqual((agenda.draw(9), agenda.leased), ([], {1}))
        self.assertEqual(agenda.look(0.0, 0).backlog, -1)


class LookTests(SynchronousTestCase):
    """Where the file is looked into."""

    def setUp(self) -> None:
        """An agenda."""
        self.agenda = Agenda()

    def end(
        self,
        look: Look,
        due: Sequence[Due] = (),
        seen: Sequence[int] = (),
        found: Sequence[int] = (),
        backlog: int | None = None,
        later: float = inf,
    ) -> None:
        """What was found; somebody leases what was seen."""
        self.agenda.saw(look, Sight(found, backlog, due, later, seen))
        self.agenda.leased.update(seen)

    def passed(self) -> dict[int, tuple[float, int]]:
        """Where the next look begins."""
        look = self.agenda.look(0.0, 0)
        self.agenda.missed(look)
        return look.passed

    def test_passed(self) -> None:
        """What was seen is passed, by priority; the rest is looked at again."""
        look = self.agenda.look(9.0, 3)
        due = [Due(1, 5.0, 7), Due(0, 3.0, 8), Due(0, 4.0, 2), Due(0, 4.0, 3)]
        self.end(look, due, [7, 8, 2])
        self.assertEqual(self.passed(), {1: (5.0, 7), 0: (4.0, 2)})
        self.assertFalse(self.agenda.quiet(0.0))

    def test_quiet(self) -> None:
        """It is known until when nothing is due, or until something is made so."""
        self.assertFalse(self.agenda.quiet(0.0))
        self.end(self.agenda.look(9.0, 3), [Due(0, 5.0, 7)], [7], later=12.0)
        self.assertTrue(self.agenda.quiet(11.9))
        self.assertFalse(self.agenda.quiet(12.0))
        self.agenda.made(10.0)
        self.assertFalse(self.agenda.quiet(10.0))
        self.assertTrue(self.agenda.quiet(9.9))

    def test_back(self) -> None:
        """It goes back for what was made due before the place where it is."""
        self.end(self.agenda.look(9.0, 3), [Due(0, 5.0, 7), Due(1, 2.0, 8)], [7, 8])
        self.agenda.made(5.1)
        self.assertEqual(self.passed(), {0: (5.0, 7), 1: (2.0, 8)})
        self.agenda.made(5.0)
        self.assertEqual(self.passed(), {0: (5.0, -1), 1: (2.0, 8)})

    def test_madeMeanwhile(self) -> None:
        """What was made due during a look may have been overlooked by it."""
        look = self.agenda.look(9.0, 3)
        self.agenda.made(4.0)
        self.end(look, [Due(0, 3.0, 7), Due(0, 5.0, 8)], [7, 8], later=12.0)
        self.assertEqual(self.passed(), {0: (3.0, 7)})
        self.assertFalse(self.agenda.quiet(4.0))

    def test_twoLooks(self) -> None:
        """Of two at a time, none takes back what the other has passed."""
        one, other = self.agenda.look(9.0, 2), self.agenda.look(9.0, 1)
        self.end(one, [Due(0, 3.0, 7), Due(0, 5.0, 8)], [7, 8], backlog=None)
        self.end(other, [Due(0, 3.0, 7)], [7])
        self.assertEqual(self.passed(), {0: (5.0, 8)})

    def test_missed(self) -> None:
        """A look that failed leaves all as it was."""
        self.agenda.add([1, 2])
        self.agenda.missed(self.agenda.look(9.0, 1))
        self.assertEqual((self.agenda.leased, self.passed()), (set(), {}))
        self.assertEqual(self.agenda.draw(9), [1, 2])

    def test_unseenFresh(self) -> None:
        """Fresh ones that had to wait come first the next time."""
        self.agenda.add([1, 2, 3, 4])
        look = self.agenda.look(9.0, 3)
        self.assertEqual(look.fresh, [1, 2, 3])
        self.end(look, seen=[1])
        self.assertEqual(self.agenda.leased, {1})
        self.assertEqual(self.agenda.draw(9), [2, 3, 4])

    def test_backlog(self) -> None:
        """The file's fresh ones are had stretch by stretch, each once."""
        self.agenda.recovered()
        self.agenda.add([50])
        look = self.agenda.look(9.0, 2)
        self.assertEqual((look.fresh, look.backlog), ([], -1))
        self.end(look, seen=[1, 2], found=[1, 2, 3], backlog=4)
        look = self.agenda.look(9.0, 2)
        self.assertEqual((look.fresh, look.backlog), ([3], 4))
        # Put down behind the walk, which has passed there; and before it.
        self.agenda.add([4, 51])
        self.end(look, seen=[3, 50], found=[50, 51], backlog=None)
        self.agenda.add([52])
        self.assertEqual(self.agenda.draw(9), [4, 51, 52])

    def test_twoWalks(self) -> None:
        """Two looks that found the same stretch do not open it again."""
        self.agenda.recovered()
        one, other = self.agenda.look(9.0, 2), self.agenda.look(9.0, 2)
        self.end(one, seen=[1], found=[1], backlog=8)
        self.end(self.agenda.look(9.0, 2), found=[9], backlog=None)
        self.end(other, found=[1], backlog=8)
        self.assertIs(self.agenda.look(0.0, 0).backlog, None)
        self.assertEqual(self.agenda.draw(9), [9])


class ChoiceTests(SynchronousTestCase):
    """Who goes first."""

    def test_shares(self) -> None:
        """Both kinds get half, unless one of them has fewer."""
        fresh = [key * SECOND for key in range(10, 20)]
        again = [Due(0, float(since), since) for since in range(10)]
        self.assertEqual(choose(fresh, again, 4), [0, 1, *fresh[:2]])
        self.assertEqual(choose(fresh, again, 5), [0, 1, *fresh[:3]])
        self.assertEqual(choose(fresh, again[:1], 4), [0, *fresh[:3]])
        self.assertEqual(choose(fresh[:1], again, 4), [0, 1, 2, fresh[0]])
        self.assertEqual(choose([], again, 2), [0, 1])
        self.assertEqual(choose(fresh, [], 2), fresh[:2])
        self.assertEqual(choose([], [], 2), [])

    def test_priorities(self) -> None:
        """The urgent before all, the slow when there is room."""
        fresh = [key * SECOND for key in range(4)]
        due = [Due(3, 9.0, 7), Due(0, 2.5, 8), Due(-1, 0.0, 9)]
        self.assertEqual(secondOf(fresh[3]), 3)
        self.assertEqual(choose(fresh, due, 9), [7, *fresh[:3], 8, fresh[3], 9])
        self.assertEqual(choose(fresh, due, 3), [7, fresh[0], 8])
        self.assertEqual(choose(fresh, due, 1), [7])
