"""
Tests for L{smtpx.service.control.values}.
"""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import HealthCheck, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.queue.interfaces import Entry, Grouping, Selection, State
from smtpx.service.control.values import (
    CHARACTERS,
    IDS,
    PATTERNS,
    entryFields,
    groupingOf,
    idOf,
    lineOf,
    messageFields,
    recipientFields,
    selectionFields,
    selectionOf,
)
from smtpx.spool.format import Fate, Outcome
from smtpx.testing.spool import memoryID
from tests.queue.doubles import messageFor

TEXTS = st.lists(st.text(max_size=9), max_size=3).map(tuple)
SECONDS = st.none() | st.floats(0, 1e9)
OCTETS = st.none() | st.integers(0, 1 << 40)
SELECTIONS = st.builds(
    Selection,
    ids=st.lists(st.integers(0, 9).map(memoryID), max_size=3),
    senders=TEXTS,
    recipients=TEXTS,
    domains=TEXTS,
    lanes=TEXTS,
    olderSeconds=SECONDS,
    youngerSeconds=SECONDS,
    until=SECONDS,
    largerOctets=OCTETS,
    smallerOctets=OCTETS,
    text=st.text(max_size=9),
    states=st.frozensets(st.sampled_from(State)),
)


class SelectionTests(SynchronousTestCase):
    """What a client means."""

    # A busy machine is no reason to fail.
    @settings(
        max_examples=100,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(SELECTIONS)
    def test_thereAndBack(self, selection: Selection) -> None:
        """A selection is the same at the other end."""
        fields = json.loads(json.dumps(selectionFields(selection)))
        self.assertEqual(selectionOf(fields), selection)

    def test_nothing(self) -> None:
        """Who says nothing means all."""
        self.assertEqual(selectionOf(None), Selection())
        self.assertEqual(selectionFields(Selection()), {})

    def test_bad(self) -> None:
        """What makes no sense is refused by its name, whatever it is."""
        cases: tuple[tuple[object, str], ...] = (
            ([], "selection: expected an object"),
            ({"domain": ["x"]}, "there is no 'domain'"),
            (
                {"domains": "x"},
                f"selection.domains: expected a list of at most {PATTERNS}",
            ),
            ({"domains": ["x"] * (PATTERNS + 1)}, "selection.domains"),
            ({"domains": [5]}, "selection.domains: expected a text"),
            ({"text": "x" * (CHARACTERS + 1)}, "selection.text"),
            ({"ids": ["x"]}, "selection.ids: 'x' is not of the form"),
            ({"ids": [memoryID(1)] * (IDS + 1)}, "selection.ids"),
            ({"older": "1h"}, "selection.older: expected a number"),
            ({"older": True}, "selection.older: expected a number"),
            ({"older": -1}, "selection.older: expected a number from 0 on"),
            ({"older": float("nan")}, "selection.older"),
            ({"larger": 1.5}, "selection.larger: expected a whole number"),
            ({"larger": -1}, "selection.larger"),
            ({"states": ["asleep"]}, "expected some of waiting, parked"),
            ({"states": [[]]}, "expected some of waiting, parked"),
        )
        self.assertEqual(selectionOf({"states": "held"}).states, {State.HELD})
        for bad, said in cases:
            error = self.assertRaises(Malformed, selectionOf, bad)
            self.assertIn(said, str(error))

    def test_empty(self) -> None:
        """Who names nobody does not mean everybody."""
        for name in ("ids", "senders", "recipients", "domains", "lanes", "states"):
            error = self.assertRaises(Malformed, selectionOf, {name: []})
            self.assertIn(f"selection.{name}: expected one at least", str(error))
        error = self.assertRaises(Malformed, selectionOf, {"text": ""})
        self.assertIn("selection.text: expected some text", str(error))

    def test_others(self) -> None:
        """So are other words of a request."""
        self.assertIs(groupingOf("sender"), Grouping.SENDER)
        oddities: tuple[object, ...] = ("size", 5, [], None)
        for bad in oddities:
            self.assertRaises(Malformed, groupingOf, bad)
        self.assertEqual(idOf("message", memoryID(5)), memoryID(5))
        for bad in ("x", 5, None):
            self.assertRaises(Malformed, idOf, "message", bad)
        self.assertEqual(lineOf("note", "why not"), "why not")
        for line in ("a\nb", "\x1b[31m", "\x7f", 5):
            self.assertRaises(Malformed, lineOf, "note", line)


class EntryTests(SynchronousTestCase):
    """What a client is told."""

    MESSAGE = evolve(
        messageFor(b"a@a.example", b"\xff@b.example", prefix=b"P: \xe4\r\n"),
        waiting=(1,),
        octets=7,
        lane=b"smtp mx",
        outcomes=(
            Outcome(0, Fate.FAILED, "no"),
            Outcome(1, Fate.WAITING, "later" * 1000),
        ),
    )

    def test_list(self) -> None:
        """A list has what is needed of a message, and not much of what is long."""
        fields = dict(entryFields(Entry(self.MESSAGE, State.PARKED)))
        self.assertEqual(len(str(fields.pop("error"))), 1000)
        self.assertEqual(
            json.loads(json.dumps(fields)),
            {
                "message": memoryID(1),
                "state": "parked",
                "held": False,
                "arrived": 1000.5,
                "octets": 7,
                "sender": "sender@example.net",
                "recipients": 2,
                "waiting": 1,
                "to": ["\\xff@b.example"],
                "attempts": 0,
                "due": None,
                "priority": 0,
                "lane": "smtp mx",
                "errors": 1,
                "note": "",
            },
        )

    def test_message(self) -> None:
        """All of it, with what became of each recipient."""
        entry = Entry(self.MESSAGE, State.PARKED)
        fields = messageFields(entry)
        self.assertEqual(fields["error"], "later" * 1000)
        self.assertEqual(fields["added"], "P: \\xe4\r\n")
        [recipients] = recipientFields(entry)
        self.assertEqual(
            [(each["address"], each["fate"]) for each in recipients],
            [("a@a.example", "failed"), ("\\xff@b.example", "waiting")],
        )

    def test_manyRecipients(self) -> None:
        """Many recipients go into several parts; those who were not tried wait."""
        message = messageFor(*[b"u%d@x.example" % n for n in range(250)])
        parts = list(recipientFields(Entry(message, State.WAITING)))
        self.assertEqual([len(each) for each in parts], [100, 100, 50])
        self.assertEqual(parts[2][49]["fate"], "waiting")
        shown = entryFields(Entry(message, State.WAITING))["to"]
        assert isinstance(shown, list)
        self.assertEqual(len(shown), 10)
