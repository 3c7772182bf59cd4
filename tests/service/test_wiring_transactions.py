"""
Tests for L{smtpx.service.wiring.transactions}: a server that remembers what its clients
have named.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from smtpx.net.factory import Silence
from smtpx.net.interfaces import IReceiver
from smtpx.observe.journal import Journal
from smtpx.observe.publisher import Publisher
from smtpx.service.receiving import SpoolReceiver
from smtpx.service.transactions import EXPIRE_SECONDS, Transactions
from smtpx.service.wiring.transactions import (
    openTransactions,
    remembering,
    transactions,
)
from smtpx.service.workers.answers import Answers
from smtpx.service.workers.worker import Worker
from smtpx.spool import store
from smtpx.spool.interfaces import IOperatedSpool
from smtpx.spool.nametable import Name
from smtpx.testing.spool import MemorySpool
from tests.net.made import Call

from ..spool.rig import Rig
from .made import MESSAGE, NOW, HouseTestCase

#: What is said before a message, and the message.
_MAIL = b"MAIL FROM:<a@b.example> TRANSID=<1@client.example>\r\n"
_RCPT = b"RCPT TO:<x@localhost>\r\n"


class MemoryTests(HouseTestCase):
    """The memory alone."""

    def setUp(self) -> None:
        """No large logs, which take their time to make."""
        super().setUp()
        self.patch(store, "LOG_OCTETS", 64 << 10)
        self.stack = AsyncExitStack()

    def made(self, **settings: object) -> Transactions:
        """A memory as it is configured."""
        configuration = self.site.read({"extensions": {"CHECKPOINT": settings}})
        journal = Journal(Publisher(clock=lambda: NOW))
        self.answers = Answers()
        return transactions(self.site.machine, configuration, journal, self.answers)

    def leave(self) -> None:
        """Take the house down."""
        closed = Deferred.fromCoroutine(self.stack.aclose())
        self.successResultOf(closed)

    def test_options(self) -> None:
        """It is as the configuration says."""
        options = self.made(names_max=7, keep_seconds="3 d").options
        self.assertEqual((options.namesMax, options.keepSeconds), (7, 3 * 86400))

    def test_worker(self) -> None:
        """
        One of several workers remembers its part, and answers the others; what is over
        is looked for no more when the house is left.
        """
        self.site.machine = evolve(self.site.machine, worker=Worker(2, 3))
        memory = self.made(names_max=8, client_names_max=2)
        options = memory.options
        self.assertEqual((options.namesMax, options.clientNamesMax), (3, 1))
        self.assertEqual(sorted(self.answers.verbs), ["names.forget", "names.yield"])
        rig = Rig(self.mktemp(), number=2, workers=3).open()
        self.addCleanup(rig.close)
        openTransactions(memory, rig.spool, [], self.stack)
        memory._sweepSoon()
        self.leave()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_noNames(self) -> None:
        """With a spool that has no names nothing is remembered."""
        memory = self.made()
        openTransactions(memory, MemorySpool(lambda: NOW), [], self.stack)
        self.assertIsNone(memory.names)
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])
        self.leave()

    def test_tidies(self) -> None:
        """As long as the house stands, what is too old is forgotten now and then."""
        rig = Rig(self.mktemp()).open()
        self.addCleanup(rig.close)
        memory = self.made()
        openTransactions(memory, rig.spool, [], self.stack)
        self.assertIs(memory.names, rig.spool.names)
        for key, until in ((b"old", NOW + 60), (b"new", NOW + 9999)):
            rig.wait(rig.spool.names.put(Name(key, b"c", until, 1, None, "")))
        rig.run()
        self.assertEqual(rig.spool.names.count(None), 2)
        self.site.reactor.advance(EXPIRE_SECONDS)
        rig.run()
        self.assertEqual(rig.spool.names.count(None), 1)
        self.leave()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_leavesInTheMidst(self) -> None:
        """A house may be left while that is under way."""
        rig = Rig(self.mktemp()).open()
        self.addCleanup(rig.close)
        openTransactions(self.made(), rig.spool, [], self.stack)
        self.leave()
        rig.run()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_receiver(self) -> None:
        """What takes messages once only is a receiver."""
        spool = MemorySpool(lambda: NOW)
        receiver = SpoolReceiver(spool, Silence(), lambda envelope: False)
        self.assertTrue(verifyObject(IReceiver, remembering(self.made(), receiver)))


class HouseTests(HouseTestCase):
    """A whole server, with a spool that has names, or none."""

    def setUp(self) -> None:
        """Such a server is not there yet."""
        super().setUp()
        self.patch(store, "LOG_OCTETS", 64 << 10)

    def open(self, **values: object) -> None:
        """Start a server whose spool does everything when L{say} says so."""

        def spool(reactor: object, folder: str, **options: Any) -> IOperatedSpool:
            self.rig = Rig(folder, stamps=options["queueProfileStamps"])
            return self.rig.spool

        self.site.machine = evolve(self.site.machine, spool=spool)
        (self.site.folder / "state").mkdir(exist_ok=True)
        self.service = self.site.build(values)
        opened = self.service.whenOpen()
        self.service.privilegedStartService()
        self.service.startService()
        self.rig.run()
        self.successResultOf(opened)
        self.addCleanup(self.shut)

    def shut(self) -> None:
        """Stop the server, if it runs."""
        if self.service.running:
            stopped = self.service.stopService()
            self.site.hangUp()
            for _ in range(3):
                self.rig.run()
                self.site.reactor.advance(1)
            self.successResultOf(stopped)

    def say(self, call: Call, octets: bytes) -> bytes:
        """Say something; what is answered when all is done."""
        said: bytes = call.say(octets)
        for _ in range(3):
            self.rig.run()
            self.site.reactor.advance(0.03)
        return said + call.wire.said()

    def test_notOffered(self) -> None:
        """A server that cannot remember names does not say that it could."""
        self.start()
        said = self.site.call().say(b"EHLO client.example\r\n")
        self.assertIn(b"PIPELINING", said)
        self.assertNotIn(b"CHECKPOINT", said)

    def test_takenOnce(self) -> None:
        """A message is taken once, also if the server was started anew in between."""
        flight = _MAIL + _RCPT + b"BDAT %d LAST\r\n%b" % (len(MESSAGE), MESSAGE)
        said: list[list[bytes]] = []
        for again in (False, False, True):
            if again:
                self.shut()
            if again or not said:
                self.open()
            call = self.site.call(-2)
            self.assertIn(b"CHECKPOINT", self.say(call, b"EHLO client.example\r\n"))
            said.append(self.say(call, flight).split(b"\r\n")[:-1])
        first, *rest = said
        self.assertEqual([each[:3] for each in first], [b"250"] * 3)
        known = b"355 %d is the transaction offset for 1 recipient" % len(MESSAGE)
        self.assertEqual(rest, [[known, *first[1:]]] * 2)
        self.assertEqual(len(self.site.inboxes()), 1)
