"""
Tests for L{smtpx.spool.recent}: what was just put down need not be read.
"""

from __future__ import annotations

from unittest import mock

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.spool import recent
from smtpx.spool.bodies import INSIDE
from smtpx.spool.format import SpooledMessage, dump
from smtpx.spool.identity import render
from smtpx.spool.recent import Recent
from smtpx.spool.store import Store
from smtpx.spool.writer import Insert

from .rig import NOW, PREFIX, SHORT, Rig, SpoolTestCase, envelope, octetsOf

COLOUR = Stamp[str]("colour", str, str)
FLEETING = Stamp[str]("fleeting", None, str)


def offered(shelf: Recent, key: int, octets: int = 5) -> Insert:
    """A message that was offered and put down."""
    to = envelope()
    row = (key, octets, dump(to, PREFIX), b"x" * octets, None)
    job = Insert(row)
    shelf.offer(job, render(key), to.unstamped(), PREFIX)
    if job.spare is not None:
        shelf.keep(job)
    return job


class RecentTests(SynchronousTestCase):
    """The shelf."""

    def setUp(self) -> None:
        """Somebody wants them."""
        self.shelf = Recent()
        self.shelf.wanted = True

    def test_had(self) -> None:
        """Each is had once."""
        job = offered(self.shelf, 1)
        self.assertIs(self.shelf.take(1), job)
        self.assertIs(self.shelf.take(1), None)

    def test_unwanted(self) -> None:
        """Where nobody delivers, nothing is kept."""
        self.shelf.wanted = False
        self.assertIs(offered(self.shelf, 1).spare, None)

    def test_number(self) -> None:
        """It takes so many, and has room again for each that is taken."""
        self.patch(recent, "_MESSAGES", 2)
        for key in range(4):
            offered(self.shelf, key)
        self.assertIs(self.shelf.take(2), None)
        self.assertIsNot(self.shelf.take(1), None)
        offered(self.shelf, 5)
        self.assertIsNot(self.shelf.take(5), None)

    def test_keptTogether(self) -> None:
        """Those of one transaction are bounded too."""
        self.patch(recent, "_MESSAGES", 1)
        jobs = []
        for key in range(2):
            job = Insert((key, 1, "", b"x", None))
            self.shelf.offer(job, render(key), envelope(), PREFIX)
            jobs.append(job)
        for job in jobs:
            self.shelf.keep(job)
        self.assertIs(self.shelf.take(1), None)

    def test_octets(self) -> None:
        """It takes so many octets, texts and all."""
        one = len(dump(envelope(), PREFIX)) + 5
        self.patch(recent, "_OCTETS", 2 * one)
        self.assertIs(offered(self.shelf, 0, one + 6).spare, None)
        for key in range(3):
            offered(self.shelf, key)
        self.assertIs(self.shelf.take(2), None)
        self.shelf.clear()
        self.assertIs(self.shelf.take(1), None)
        offered(self.shelf, 2)
        self.assertIsNot(self.shelf.take(2), None)

    def test_octetsAreGivenBack(self) -> None:
        """What is taken makes just as much room as it took, however often."""
        one = len(dump(envelope(), PREFIX)) + 5
        self.patch(recent, "_OCTETS", 2 * one)
        for key in range(20):
            offered(self.shelf, key)
            self.assertIsNot(offered(self.shelf, key + 100).spare, None)
            self.assertIs(offered(self.shelf, key + 200).spare, None)
            self.shelf.take(key)
            self.shelf.take(key + 100)


class LentTests(SpoolTestCase):
    """What is given without being read."""

    def setUp(self) -> None:
        """A spool whose queue keeps pace."""
        super().setUp()
        self.r = self.rig(stamps={"colour": COLOUR})
        self.r.spool.watch(lambda: None)
        self.assertEqual(self.r.wait(self.r.spool.ready(NOW, 9)), [])

    def put(self, to: Envelope, body: bytes = SHORT) -> str:
        """Commit a message; its id."""
        incoming = self.r.spool.begin()
        incoming.write(body)
        self.r.wait(incoming.commit(to, PREFIX, False))
        return incoming.id

    def lent(self, most: int = 9) -> list[SpooledMessage]:
        """What is ready, had without looking into the file."""
        with mock.patch.object(Store, "whole", side_effect=AssertionError):
            found = self.successResultOf(self.r.spool.ready(NOW, most))
        return list(found)

    def same(self, one: SpooledMessage, other: SpooledMessage | None) -> None:
        """Are they the same?"""
        assert other is not None
        shown = [
            asdict(each, filter=lambda field, _: field.name != "envelope")
            for each in (one, other)
        ]
        self.assertEqual(*shown)
        for mine, theirs in (
            (one.envelope, other.envelope),
            *zip(one.envelope.recipients, other.envelope.recipients, strict=True),
        ):
            self.assertEqual(repr(mine), repr(theirs))
            self.assertEqual(mine.stamps, theirs.stamps)
        self.assertEqual(one.envelope.arrived, other.envelope.arrived)
        self.assertEqual(one.envelope.octets, other.envelope.octets)

    def test_asRead(self) -> None:
        """It is what would be read, stamps and all."""
        plain = envelope(b"b@x.example", b"c@x.example")
        stamped, noted = envelope(), envelope()
        stamped.stamps[COLOUR] = "green"
        stamped.stamps[FLEETING] = "gone"
        noted.recipients[0].stamps[COLOUR] = "red"
        for to in (plain, stamped, noted):
            self.put(to)
        messages = self.lent()
        self.assertEqual(len(messages), 3)
        for message in messages:
            self.same(message, self.r.wait(self.r.spool.fetch(message.id)))
            self.assertEqual(octetsOf(self.r, message), SHORT)
        self.assertIs(messages[1].envelope.stamp(FLEETING), None)
        self.assertEqual(messages[2].envelope.recipients[0].stamp(COLOUR), "red")

    def test_anyBodyInside(self) -> None:
        """The longest body that stands in a row need not be read, either."""
        body = b"x" * INSIDE
        id = self.put(envelope(), body)
        (message,) = self.lent()
        self.assertEqual(message.id, id)
        self.assertEqual(octetsOf(self.r, message), body)

    def test_notShared(self) -> None:
        """What others do to their envelope later is not seen."""
        to = envelope()
        self.put(to)
        to.sender = b"other@x.example"
        to.recipients[0].path = b"other@x.example"
        to.recipients.append(Recipient(b"another@x.example"))
        to.stamps[COLOUR] = "blue"
        [message] = self.lent()
        self.assertEqual(message.envelope.sender, b"a@client.example")
        self.assertEqual(
            [one.path for one in message.envelope.recipients], [b"b@server.example"]
        )
        self.assertIs(message.envelope.stamp(COLOUR), None)

    def test_leased(self) -> None:
        """They are leased in their order, and settled as others are."""
        ids = [self.put(envelope()) for _ in range(4)]
        messages = self.lent(3) + self.lent()
        self.assertEqual([one.id for one in messages], ids)
        self.assertEqual(self.r.wait(self.r.spool.ready(NOW, 9)), [])
        for message in messages:
            self.r.wait(self.r.spool.park(message, b"lane"))
        self.assertEqual(self.r.spool.state().parked, 4)

    def test_bounded(self) -> None:
        """The bodies of what is given at a time are bounded."""
        for _ in range(100):
            self.put(envelope(), b"x" * (15 << 10))
        found = self.lent(100)
        self.assertEqual(len(found), 69)

    def test_onHold(self) -> None:
        """One that is put on hold is not given."""
        ids = [self.put(envelope()) for _ in range(3)]
        held = self.r.spool.hold([ids[0]], "look")
        found = self.r.wait(self.r.spool.ready(NOW, 9))
        self.assertEqual([one.id for one in found], ids[1:])
        self.r.wait(held)

    def test_unknownStamp(self) -> None:
        """One that nobody may send is put on hold, as it is when it is read."""
        grave = Stamp[str]("grave", str, str, critical=True)
        to = envelope()
        to.stamps[grave] = "yes"
        self.put(to)
        good = self.put(envelope())
        [message] = self.lent()
        self.assertEqual(message.id, good)
        self.r.run()
        self.assertEqual(self.r.spool.state().held, 1)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_dueGoesToo(self) -> None:
        """What is due again has its share, though the new need not be read."""
        first = self.put(envelope())
        [message] = self.lent()
        self.r.wait(self.r.spool.settle(message, [], NOW + 5))
        new = [self.put(envelope()) for _ in range(4)]
        self.assertEqual([one.id for one in self.lent(1)], new[:1])
        found = self.r.wait(self.r.spool.ready(NOW + 5, 2))
        self.assertEqual({one.id for one in found}, {first, new[1]})

    def test_broken(self) -> None:
        """While the file is not trusted, nothing is given."""
        self.put(envelope())
        self.r.spool._desk.distrust(OSError("odd"))
        self.r.run()
        self.failureResultOf(self.r.spool.ready(NOW, 9))
        self.r.reactor.advance(1)
        self.r.run()
        self.assertEqual(len(self.r.wait(self.r.spool.ready(NOW, 9))), 1)


class WithoutQueueTests(SpoolTestCase):
    """A spool that nobody delivers from."""

    def test_nothingKept(self) -> None:
        """Nothing is kept in memory."""
        rig: Rig = self.rig()
        rig.put(SHORT)
        self.assertEqual(rig.spool._lender.recent._jobs, {})
