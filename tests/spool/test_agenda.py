"""
Tests for L{smtpx.spool.agenda}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.agenda import Agenda


class AgendaTests(SynchronousTestCase):
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
        self.assertEqual(agenda.draw(9), [2])
