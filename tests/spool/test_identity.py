"""
Tests for L{smtpx.spool.identity}.
"""

from __future__ import annotations

import re

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool.identity import (
    KEYS,
    PER_SECOND,
    Identities,
    parse,
    render,
    secondOf,
    workerOf,
)

keys = st.integers(0, KEYS - 1)


class FormTests(SynchronousTestCase):
    """An id as text and as integer."""

    @settings(max_examples=100)
    @given(keys)
    def test_roundTrip(self, key: int) -> None:
        """Text and key say the same."""
        self.assertEqual(parse(render(key)), key)

    @settings(max_examples=100)
    @given(keys)
    def test_form(self, key: int) -> None:
        """The text has the form of Exim's ids, which its tools look for."""
        form = re.compile(r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}")
        self.assertIsNotNone(form.fullmatch(render(key)))

    @settings(max_examples=100)
    @given(keys, keys)
    def test_order(self, one: int, other: int) -> None:
        """Ids sort as their keys do."""
        self.assertEqual(render(one) < render(other), one < other)

    def test_noKey(self) -> None:
        """What SQLite could not hold is no key."""
        self.assertRaises(ValueError, render, -1)
        self.assertRaises(ValueError, render, KEYS)

    def test_badText(self) -> None:
        """What is not an id of ours is refused."""
        good = render(KEYS - 1)
        for bad in (
            "",
            good[:-1],
            good + "0",
            good.replace("-", "_"),
            good[:15] + "!",
            "zzzzzz" + good[6:],
            good[:7] + "zzzzzz" + good[13:],
        ):
            with self.assertRaises(ValueError):
                parse(bad)

    @settings(max_examples=100)
    @given(st.text(max_size=20))
    def test_anyText(self, text: str) -> None:
        """Whatever is read is an id or a C{ValueError}."""
        try:
            key = parse(text)
        except ValueError:
            return
        self.assertEqual(render(key), text)


class IdentitiesTests(SynchronousTestCase):
    """Ids one after the other."""

    def setUp(self) -> None:
        """A clock."""
        self.now = 1763780000.5

    def make(self, worker: int = 1, generation: int = 1, after: int = 0) -> Identities:
        """A maker of ids."""
        return Identities(worker, generation, lambda: self.now, after)

    def test_time(self) -> None:
        """An id says when it was made."""
        key, text = self.make().make()
        self.assertEqual(secondOf(key), 1763780000)
        self.assertEqual(parse(text), key)

    def test_ascending(self) -> None:
        """Each is greater than the one before, also beyond a full second."""
        ids = self.make()
        made = [ids.make() for _ in range(PER_SECOND + 10)]
        found = [key for key, _ in made]
        self.assertEqual(found, sorted(set(found)))
        self.assertEqual(secondOf(found[-1]), 1763780001)
        self.assertEqual([parse(text) for _, text in made[::997]], found[::997])

    def test_clockSetBack(self) -> None:
        """A clock that was set back makes no id twice."""
        ids = self.make()
        first = ids.make()
        self.now -= 3600
        second = ids.make()
        self.now += 3601
        third = ids.make()
        self.assertLess(first, second)
        self.assertLess(second, third)
        self.assertEqual(secondOf(third[0]), 1763780001)

    def test_after(self) -> None:
        """Ids begin after those that a former process may have given."""
        key, _ = self.make(after=1763790000).make()
        self.assertEqual(secondOf(key), 1763790001)

    def test_processes(self) -> None:
        """Two processes, and two openings, have no id in common."""
        found = {
            self.make(worker, generation).make()
            for worker in (0, 1, 255)
            for generation in (0, 1, 63)
        }
        self.assertEqual(len(found), 9)

    def test_worker(self) -> None:
        """It is known of an id whose it is, whatever else is in it."""
        for worker in (0, 1, 64, 255):
            made = self.make(worker, 63)
            keys = [made.make()[0] for _ in range(5000)]
            self.assertEqual({*map(workerOf, keys)}, {worker})

    def test_noWorker(self) -> None:
        """There are 256 workers."""
        self.assertRaises(ValueError, self.make, 256)
        self.assertRaises(ValueError, self.make, -1)
