"""
Tests for L{smtpx.spool.format}.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import (
    Envelope,
    Recipient,
    Stamp,
    dumpFlag,
    dumpOctets,
    loadFlag,
    loadOctets,
)
from smtpx.spool.format import (
    VERSION,
    Damaged,
    Fate,
    Outcome,
    Row,
    UnknownVersion,
    critical,
    dump,
    dumpOutcomes,
    load,
    loadOutcomes,
    merged,
    message,
    unreadable,
    waiting,
)
from smtpx.spool.identity import render

FLAG: Stamp[bool] = Stamp("test.flag", dumpFlag, loadFlag)
TEXT: Stamp[bytes] = Stamp("test.text", dumpOctets, loadOctets, critical=True)
BRIEF: Stamp[int] = Stamp("test.brief", None, int)
KNOWN: dict[str, Stamp[Any]] = {one.name: one for one in (FLAG, TEXT)}

KEY = 1763780000 * (1 << 18) * 3844


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Any envelope, with any stamps of ours."""

    def stamped(bearer: Any) -> Any:
        if draw(st.booleans()):
            bearer.stamps[FLAG] = draw(st.booleans())
        if draw(st.booleans()):
            bearer.stamps[TEXT] = draw(st.binary(max_size=20))
        return bearer

    paths = draw(st.lists(st.binary(max_size=40), max_size=4))
    arrived = draw(st.floats(0, 2**33))
    octets = draw(st.integers(0, 2**40))
    sender = draw(st.binary(max_size=40))
    recipients = [stamped(Recipient(path)) for path in paths]
    envelope: Envelope = stamped(Envelope(sender, arrived, recipients, octets))
    return envelope


def values(envelope: Envelope) -> object:
    """All there is of an envelope, to compare."""
    return (
        envelope.sender,
        envelope.arrived,
        envelope.octets,
        envelope.stamps,
        [(one.path, one.stamps) for one in envelope.recipients],
    )


def simple(*paths: bytes) -> Envelope:
    """An envelope without stamps."""
    return Envelope(b"a@b.example", 5.0, [Recipient(path) for path in paths], 7)


class EnvelopeTests(SynchronousTestCase):
    """The envelope as text."""

    @settings(max_examples=100)
    @given(envelopes(), st.binary(max_size=200))
    def test_roundTrip(self, envelope: Envelope, prefix: bytes) -> None:
        """What is written is what is read, whatever the octets are."""
        text = dump(envelope, prefix)
        found, foundPrefix = load(text, KNOWN)
        self.assertEqual(values(found), values(envelope))
        self.assertEqual(foundPrefix, prefix)
        self.assertTrue(text.isascii())

    def test_readable(self) -> None:
        """An operator finds in it what is meant."""
        envelope = simple(b"c@d.example", "ü@d.example".encode())
        envelope.stamps[FLAG] = True
        envelope.recipients[1].stamps[TEXT] = b"x"
        found = json.loads(dump(envelope, b"Received: x\r\n"))
        self.assertEqual(
            found,
            {
                "v": 1,
                "arrived": 5.0,
                "from": "a@b.example",
                "octets": 7,
                "stamps": {"test.flag": "yes"},
                "to": [
                    "c@d.example",
                    {"path": "ü@d.example", "stamps": {"!test.text": "x"}},
                ],
                "prefix": "Received: x\r\n",
            },
        )

    def test_briefStamp(self) -> None:
        """A stamp that ends with the transaction is not written."""
        envelope = simple(b"c@d.example")
        envelope.stamps[BRIEF] = 5
        found, _ = load(dump(envelope, b""), KNOWN)
        self.assertFalse(found.stamps)

    def test_unknownStamps(self) -> None:
        """Stamps that no extension knows go through unchanged."""
        envelope = simple(b"c@d.example")
        envelope.stamps[FLAG] = True
        envelope.recipients[0].stamps[TEXT] = b"x"
        text = dump(envelope, b"")
        stranger, prefix = load(text, {})
        self.assertEqual(stranger.stamps.unknown, {"test.flag": "yes"})
        self.assertEqual(dump(stranger, prefix), text)

    def test_newerVersion(self) -> None:
        """Text of a newer version is refused, and the versions are named."""
        text = dump(simple(), b"").replace('"v":1', '"v":2')
        error = self.assertRaises(UnknownVersion, load, text, {})
        self.assertEqual(
            str(error),
            "written in version 2 of the format; this smtpx reads up to version 1",
        )
        self.assertEqual(VERSION, 1)

    def test_damaged(self) -> None:
        """Whatever else is wrong is told as damage, never as a bare KeyError."""
        good = json.loads(dump(simple(b"c@d.example"), b""))
        for name, bad in [
            ("v", "1"),
            ("v", -1),
            ("v", True),
            ("arrived", "today"),
            ("arrived", None),
            ("from", 5),
            ("from", "\ud800"),
            ("octets", 1.5),
            ("stamps", []),
            ("stamps", {"x": 1}),
            ("to", "c@d.example"),
            ("to", [5]),
            ("to", [{"path": "x"}]),
            ("to", [{"stamps": {}}]),
            ("prefix", None),
        ]:
            text = json.dumps(good | {name: bad})
            self.assertRaises(Damaged, load, text, {})
            del good[name]
            self.assertRaises(Damaged, load, json.dumps(good), {})
            good[name] = json.loads(dump(simple(b"c@d.example"), b""))[name]

    def test_cut(self) -> None:
        """Text that was cut anywhere is damaged."""
        text = dump(simple(b"c@d.example"), b"Received: x\r\n")
        for end in range(len(text)):
            self.assertRaises(Damaged, load, text[:end], {})

    def test_deep(self) -> None:
        """Text that nests without end is damaged."""
        self.assertRaises(Damaged, load, "[" * 100_000, {})


class OutcomeTests(SynchronousTestCase):
    """What became of recipients."""

    @settings(max_examples=50)
    @given(
        st.lists(
            st.builds(
                Outcome,
                index=st.integers(0, 1000),
                fate=st.sampled_from(Fate),
                text=st.text(max_size=20),
                untold=st.booleans(),
            )
        )
    )
    def test_roundTrip(self, outcomes: list[Outcome]) -> None:
        """What is written is what is read."""
        self.assertEqual(loadOutcomes(dumpOutcomes(outcomes)), tuple(outcomes))

    def test_damaged(self) -> None:
        """What is no list of outcomes is damaged."""
        for bad in (
            "",
            "{}",
            "[1]",
            '[[0,"failed"]]',
            '[[0,"lost",""]]',
            '[[0,"failed",1]]',
            '[["0","failed",""]]',
            '[[-1,"failed",""]]',
            '[[0,"delivered","","told"]]',
            '[[0,"delivered","","untold",1]]',
        ):
            self.assertRaises(Damaged, loadOutcomes, bad)

    def test_merged(self) -> None:
        """The last outcome of each recipient counts."""
        first = [Outcome(1, Fate.WAITING, "a"), Outcome(0, Fate.FAILED, "b")]
        second = [Outcome(1, Fate.DELIVERED)]
        known = merged(first, second)
        self.assertEqual(
            known, (Outcome(0, Fate.FAILED, "b"), Outcome(1, Fate.DELIVERED))
        )
        self.assertEqual(waiting(3, known), (2,))
        self.assertEqual(waiting(2, first), (1,))

    def test_untoldIsNotFinishedWith(self) -> None:
        """Who has it waits all the same, until the sender was told."""
        had = Outcome(0, Fate.DELIVERED, untold=True)
        self.assertEqual(waiting(2, [had, Outcome(1, Fate.DELIVERED)]), (0,))

    def test_readableUntold(self) -> None:
        """What older versions wrote is as it was, and the word is one for people."""
        text = dumpOutcomes(
            [Outcome(0, Fate.WAITING, "a"), Outcome(1, Fate.DELIVERED, "", untold=True)]
        )
        self.assertEqual(text, '[[0,"waiting","a"],[1,"delivered","","untold"]]')


class MessageTests(SynchronousTestCase):
    """A row as a message."""

    def row(self, text: str, outcomes: str | None = None) -> Row:
        """A row of the spool file."""
        attempts = 1 if outcomes else None
        return Row(
            KEY, 3, text, 0, b"abc", None, attempts, 0, 9.0, outcomes, "", 0, None
        )

    def test_fresh(self) -> None:
        """A message that was never tried waits for all its recipients."""
        found = message(self.row(dump(simple(b"c", b"d"), b"P")), {})
        self.assertEqual(found.id, render(KEY))
        self.assertEqual(found.arrived, 5.0)
        self.assertEqual(found.prefix, b"P")
        self.assertEqual(found.waiting, (0, 1))
        self.assertEqual(found.attempts, 0)
        self.assertFalse(found.held)
        self.assertEqual(found.content, b"abc")

    def test_tried(self) -> None:
        """One that was tried waits for those that are left, and says why."""
        outcomes = (Outcome(0, Fate.DELIVERED), Outcome(1, Fate.WAITING, "busy"))
        row = self.row(dump(simple(b"c", b"d"), b"P"), dumpOutcomes(outcomes))
        found = message(row, {})
        self.assertEqual(found.waiting, (1,))
        self.assertEqual(found.attempts, 1)
        self.assertEqual(found.outcomes, outcomes)

    def test_unreadable(self) -> None:
        """One that cannot be read can be listed."""
        found = unreadable(self.row("{"), Damaged("no JSON"))
        self.assertEqual(found.id, render(KEY))
        self.assertEqual(found.note, "cannot be read: no JSON")
        self.assertEqual(found.arrived, 1763780000.0)
        self.assertEqual(found.waiting, ())

    def test_critical(self) -> None:
        """Critical stamps that nobody knows are named, those of the waiting."""
        envelope = simple(b"c", b"d")
        self.assertEqual(critical(message(self.row(dump(envelope, b"")), {})), "")
        envelope.stamps[FLAG] = True
        envelope.recipients[0].stamps[TEXT] = b"x"
        text = dump(envelope, b"")
        self.assertEqual(critical(message(self.row(text), {})), "!test.text")
        self.assertEqual(critical(message(self.row(text), KNOWN)), "")
        done = dumpOutcomes([Outcome(0, Fate.DELIVERED)])
        self.assertEqual(critical(message(self.row(text, done), {})), "")
        envelope.stamps[TEXT] = b"y"
        text = dump(envelope, b"")
        self.assertEqual(critical(message(self.row(text, done), {})), "!test.text")
