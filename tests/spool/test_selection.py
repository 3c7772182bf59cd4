"""
Tests for L{smtpx.spool.selection}.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.queueprofile import QUARANTINED
from smtpx.spool.format import Fate, Outcome, Row, SpooledMessage
from smtpx.spool.identity import render
from smtpx.spool.selection import Entry, Selection, State, stateOf

from .rig import NOW

_KEY = int(NOW) * (1 << 18) * 62 * 62

#: Bob has it, Carol and the one at an address do not.
MESSAGE = SpooledMessage(
    id=render(_KEY),
    arrived=NOW - 3600.0,
    envelope=Envelope(
        b"Ann@Client.Example",
        NOW - 3600.0,
        [
            Recipient(p)
            for p in (b"bob@a.example", b"carol@b.example", b"d@[192.0.2.1]")
        ],
    ),
    prefix=b"",
    waiting=(1, 2),
    outcomes=(
        Outcome(0, Fate.DELIVERED, "250 OK"),
        Outcome(1, Fate.WAITING, "Connection Refused"),
    ),
    octets=1000,
)


class SelectionTests(SynchronousTestCase):
    """Which messages fit."""

    def fits(self, message: SpooledMessage = MESSAGE, **fields: Any) -> bool:
        """Does the message fit a selection?"""
        entry = Entry(message, stateOf(message, False))
        return Selection(**fields).fits(entry, NOW)

    def test_empty(self) -> None:
        """Who says nothing means all."""
        self.assertTrue(self.fits())

    def test_ids(self) -> None:
        """One of several ids."""
        self.assertTrue(self.fits(ids=["000000-000000-00", MESSAGE.id]))
        self.assertFalse(self.fits(ids=["000000-000000-00"]))

    def test_sender(self) -> None:
        """The whole address, in small letters or capitals, or with wildcards."""
        for pattern in ("ann@client.example", "*@CLIENT.*", "?nn@*", "*"):
            self.assertTrue(self.fits(senders=[pattern]), pattern)
        for pattern in ("ann", "client.example", "", "<>", "a?n@x"):
            self.assertFalse(self.fits(senders=[pattern]), pattern)
        self.assertTrue(self.fits(senders=["x", "ann@*"]))

    def test_nullSender(self) -> None:
        """Reports are found by the null sender."""
        report = evolve(MESSAGE, envelope=Envelope(b"", NOW))
        for pattern in ("<>", "", "*"):
            self.assertTrue(self.fits(report, senders=[pattern]), pattern)
        self.assertFalse(self.fits(report, senders=["?*"]))

    def test_recipients(self) -> None:
        """Only who waits counts; a bracket is one."""
        self.assertTrue(self.fits(recipients=["carol@*"]))
        self.assertFalse(self.fits(recipients=["bob@*"]))
        self.assertTrue(self.fits(recipients=["d@[192.0.2.1]"]))
        self.assertFalse(self.fits(recipients=["d@[192.0.2.2]"]))

    def test_domains(self) -> None:
        """The domain of somebody who waits, and of the same one as the address."""
        self.assertTrue(self.fits(domains=["B.Example"]))
        self.assertTrue(self.fits(domains=["*.example"]))
        self.assertFalse(self.fits(domains=["a.example"]))
        self.assertFalse(self.fits(domains=["example"]))
        self.assertTrue(self.fits(recipients=["carol@*"], domains=["b.example"]))
        self.assertFalse(self.fits(recipients=["d@*"], domains=["b.example"]))

    def test_age(self) -> None:
        """From so old on, and younger than that."""
        self.assertTrue(self.fits(olderSeconds=3600))
        self.assertFalse(self.fits(olderSeconds=3601))
        self.assertTrue(self.fits(youngerSeconds=3601))
        self.assertFalse(self.fits(youngerSeconds=3600))
        self.assertTrue(self.fits(until=NOW - 3599))
        self.assertFalse(self.fits(until=NOW - 3600))

    def test_size(self) -> None:
        """From so large on, and smaller than that."""
        self.assertTrue(self.fits(largerOctets=1000))
        self.assertFalse(self.fits(largerOctets=1001))
        self.assertTrue(self.fits(smallerOctets=1001))
        self.assertFalse(self.fits(smallerOctets=1000))

    def test_text(self) -> None:
        """The last errors of those who wait, and why it is on hold."""
        self.assertTrue(self.fits(text="connection refused"))
        self.assertFalse(self.fits(text="250 OK"))
        note = evolve(MESSAGE, held=True, note="Look at this")
        self.assertTrue(self.fits(note, text="at this"))
        self.assertFalse(self.fits(evolve(note, held=False), text="at this"))

    def test_states(self) -> None:
        """How it is: who has it counts first, then a hold, then a lane."""
        parked = evolve(MESSAGE, lane=b"smtp mx.example")
        held = evolve(parked, held=True)
        self.assertIs(stateOf(MESSAGE, False), State.WAITING)
        self.assertIs(stateOf(parked, False), State.PARKED)
        self.assertIs(stateOf(held, False), State.HELD)
        self.assertIs(stateOf(held, True), State.UNDER_WAY)
        self.assertTrue(self.fits(held, states=[State.HELD, State.WAITING]))
        self.assertFalse(self.fits(held, states=[State.PARKED]))

    def test_quarantine(self) -> None:
        """One on hold that may do harm is not one on hold for another reason."""
        bad = evolve(MESSAGE, held=True, envelope=MESSAGE.envelope.copied())
        bad.envelope.stamps[QUARANTINED] = True
        self.assertIs(stateOf(bad, False), State.QUARANTINED)
        self.assertIs(stateOf(evolve(bad, held=False), False), State.WAITING)
        self.assertFalse(self.fits(bad, states=[State.HELD]))
        self.assertTrue(self.fits(bad, states=[State.QUARANTINED]))
        for fields, means in (
            ({}, False),
            ({"states": [State.HELD]}, False),
            ({"states": [State.QUARANTINED]}, True),
            ({"ids": [MESSAGE.id]}, True),
        ):
            self.assertIs(Selection(**fields).meansQuarantined, means)

    def test_lanes(self) -> None:
        """The lane for which it is parked."""
        parked = evolve(MESSAGE, lane=b"smtp mx.example")
        self.assertTrue(self.fits(parked, lanes=["smtp *"]))
        self.assertFalse(self.fits(parked, lanes=["lmtp *"]))
        self.assertFalse(self.fits(lanes=["*"]))

    def test_oddOctets(self) -> None:
        """An address that is no UTF-8 is compared as well."""
        odd = evolve(MESSAGE, envelope=Envelope(b"\xff@x.example", NOW))
        self.assertTrue(self.fits(odd, senders=["*@x.example"]))

    def test_oneText(self) -> None:
        """A text in the place of several is a mistake, not its letters."""
        self.assertRaises(TypeError, Selection, domains="x.example")

    def mayFit(self, leased: bool = False, **fields: Any) -> bool:
        """Is a row worth a look?"""
        row = Row(_KEY, 1000, "", 0, None, None, 0, 0, NOW, "[]", "", 0, None)
        return Selection(**fields).mayFit(row, leased, NOW)

    def test_mayFit(self) -> None:
        """What can be seen at once is: size, state, lane, and a great age."""
        self.assertTrue(self.mayFit())
        self.assertTrue(self.mayFit(largerOctets=1000, smallerOctets=1001))
        self.assertFalse(self.mayFit(largerOctets=1001))
        self.assertFalse(self.mayFit(lanes=["*"]))
        self.assertTrue(self.mayFit(states=[State.WAITING]))
        self.assertFalse(self.mayFit(states=[State.HELD]))
        self.assertTrue(self.mayFit(leased=True, states=[State.UNDER_WAY]))
        old = Row(0, 1000, "", 0, None, "no", None, None, None, None, None, None, None)
        self.assertFalse(Selection(youngerSeconds=60).mayFit(old, False, NOW))
        held = Selection(states=frozenset({State.HELD}))
        self.assertTrue(held.mayFit(old, False, NOW))
        bad = Selection(states=frozenset({State.QUARANTINED}))
        self.assertTrue(bad.mayFit(old, False, NOW))
        self.assertFalse(bad.mayFit(old, True, NOW))
