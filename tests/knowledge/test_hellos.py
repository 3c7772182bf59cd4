"""Tests for L{smtpx.knowledge.hellos}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Forecast, Hello, RoutePolicy, Scope, Target, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.extensions.pipeconnect import (
    IHelloMemory,
    PipeConnect,
    PipeConnectSettings,
)
from smtpx.extensions.pipelining import Pipelining
from smtpx.knowledge import hellos
from smtpx.knowledge.hellos import HelloMemory
from smtpx.knowledge.interfaces import Record
from smtpx.knowledge.kinds import EHLO, HelloHistory, Shelf
from smtpx.knowledge.memory import MemoryKnowledge
from smtpx.testing.pair import pair

_TARGET = Target(b"mx.example.org", b"192.0.2.1")
_CLEAR = Hello(b"mx.example.org", ((b"PIPECONNECT", None), (b"STARTTLS", None)))
_SECURED = Hello(b"mx.example.org", ((b"PIPECONNECT", None), (b"SIZE", b"1000")))
_HOUR, _DAY = 3600.0, 86400.0


class HelloMemoryTests(SynchronousTestCase):
    """What hosts answered to EHLO."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.knowledge = MemoryKnowledge(self.clock.seconds)
        self.memory = HelloMemory(self.knowledge, self.clock.seconds)

    def remember(self, hello: Hello = _CLEAR, secured: bool = False) -> None:
        """The host answers."""
        self.memory.remember(_TARGET, secured, hello, False)

    def forget(self, *ways: bool) -> None:
        """
        The host does not take to it.

        @param ways: under TLS?  None: neither in the clear nor so.
        """
        for secured in ways or (False, True):
            self.memory.forget(_TARGET, secured)

    def test_provides(self) -> None:
        """It is what PIPECONNECT wants."""
        verifyObject(IHelloMemory, self.memory)

    def test_unknown(self) -> None:
        """Of a host that was never met, nothing is forecast."""
        self.assertIsNone(self.memory.recall(_TARGET))
        self.forget()
        self.assertEqual(len(self.knowledge), 0)

    def test_clear(self) -> None:
        """A host is expected to answer what it did."""
        self.remember()
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))

    def test_bothWays(self) -> None:
        """In clear and under TLS, it answers otherwise."""
        self.remember()
        self.remember(_SECURED, True)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, _SECURED))

    def test_securedAlone(self) -> None:
        """What it says under TLS is of no use without what it says before."""
        self.remember(_SECURED, True)
        self.assertIsNone(self.memory.recall(_TARGET))

    def test_implicit(self) -> None:
        """Where TLS comes first there is nothing in clear."""
        target = Target(b"mx.example.org", b"192.0.2.1", 465, True)
        self.assertIsNone(self.memory.recall(target))
        self.memory.remember(target, True, _SECURED, False)
        self.assertEqual(self.memory.recall(target), Forecast(None, _SECURED))
        self.memory.forget(target, True)
        self.assertIsNone(self.memory.recall(target))

    def test_others(self) -> None:
        """Another name, address or port is another host."""
        self.remember()
        for other in (
            Target(b"mx2.example.org", b"192.0.2.1"),
            Target(b"mx.example.org", b"192.0.2.2"),
            Target(b"mx.example.org", b"192.0.2.1", 587),
            Target(b"mx.example.org", b"192.0.2.1", 25, True),
        ):
            self.assertIsNone(self.memory.recall(other))

    def test_whereWeComeFrom(self) -> None:
        """To whom we come from another address, we are somebody else."""
        self.remember()
        other = evolve(_TARGET, source=b"192.0.2.9")
        self.assertIsNone(self.memory.recall(other))
        self.memory.remember(other, False, _SECURED, False)
        self.assertEqual(self.memory.recall(other), Forecast(_SECURED, None))
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))

    def test_expires(self) -> None:
        """An answer counts for C{retry_data_expire} from the last time."""
        self.remember()
        self.clock.advance(6 * _DAY)
        self.remember()
        self.clock.advance(6 * _DAY)
        self.assertIsNotNone(self.memory.recall(_TARGET))
        self.clock.advance(1 * _DAY)
        self.assertIsNone(self.memory.recall(_TARGET))

    def test_sameAnswerIsSeldomWritten(self) -> None:
        """A host that is met all the time is written down once an hour."""
        self.remember()
        written: list[bytes] = []

        def remember(kind: str, name: bytes, record: Record) -> None:
            written.append(name)

        self.patch(self.knowledge, "remember", remember)
        self.clock.advance(3599)
        self.remember()
        self.assertEqual(written, [])
        self.clock.advance(1)
        self.remember()
        self.assertEqual(written, [b"mx.example.org [192.0.2.1]:25 clear"])

    def test_changedOnce(self) -> None:
        """A host that answers something else is expected to go on with that."""
        self.remember()
        self.remember(_SECURED)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_SECURED, None))

    def test_changedTwice(self) -> None:
        """Several servers behind one address are left alone for a day."""
        for hello in (_CLEAR, _SECURED, _CLEAR):
            self.remember(hello)
        self.assertIsNone(self.memory.recall(_TARGET))
        self.clock.advance(_DAY)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))
        self.remember(_SECURED)
        self.assertIsNone(self.memory.recall(_TARGET))

    def test_changedNotInARow(self) -> None:
        """Changes that are not in a row do not count together."""
        for hello in (_CLEAR, _SECURED, _SECURED, _CLEAR):
            self.remember(hello)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))

    def test_forgotten(self) -> None:
        """What a host no longer offers is not forecast."""
        self.remember()
        self.remember(_SECURED, True)
        self.forget()
        self.assertIsNone(self.memory.recall(_TARGET))

    def test_forgottenUnderTLS(self) -> None:
        """That counts as well where only the answer under TLS was known."""
        self.remember(_SECURED, True)
        self.forget()
        self.remember()
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))

    def test_forgottenTwice(self) -> None:
        """What is forgotten already does not count as another failure."""
        self.remember()
        for _ in range(5):
            self.forget()
        self.remember()
        self.clock.advance(_HOUR)
        self.assertIsNotNone(self.memory.recall(_TARGET))

    def test_failuresInARow(self) -> None:
        """The pause doubles with each failure, up to C{retry_data_expire}."""
        pauses = []
        self.remember()
        for _ in range(10):
            self.forget()
            # It goes on offering it; that is known by now, and no reason.
            self.remember()
            self.remember()
            began = self.clock.seconds()
            while self.memory.recall(_TARGET) is None:
                self.clock.advance(0.5 * _HOUR)
                if self.clock.seconds() - began > 6.9 * _DAY:
                    break
            pauses.append((self.clock.seconds() - began) / _HOUR)
        self.assertEqual(pauses[:8], [1, 2, 4, 8, 16, 32, 64, 128])
        self.assertGreater(pauses[8], 6.9 * 24)

    def test_goodAgain(self) -> None:
        """A success after the pause makes up for the failures."""
        self.remember()
        self.forget()
        self.remember()
        self.clock.advance(_HOUR)
        self.remember()
        self.forget()
        self.remember()
        self.clock.advance(_HOUR)
        self.assertIsNotNone(self.memory.recall(_TARGET))

    def history(self, way: bytes = b"clear") -> HelloHistory:
        """What is written down of the host."""
        shelf = Shelf(self.knowledge, EHLO)
        found = shelf.recall(b"mx.example.org [192.0.2.1]:25 " + way)
        assert found is not None
        return found

    def test_expiryIsTheReaders(self) -> None:
        """What was kept for longer by another setting has expired all the same."""
        self.remember()
        shorter = HelloMemory(self.knowledge, self.clock.seconds, _HOUR)
        self.clock.advance(_HOUR - 1)
        self.assertIsNotNone(shorter.recall(_TARGET))
        self.clock.advance(1)
        self.assertIsNone(shorter.recall(_TARGET))
        self.assertIsNotNone(self.memory.recall(_TARGET))
        shorter.forget(_TARGET, False)
        shorter.remember(_TARGET, False, _CLEAR, False)
        self.assertEqual(self.history().first, self.clock.seconds())

    def test_counts(self) -> None:
        """
        How often it was right is written down with the first time, and then once an
        hour.
        """
        began = self.clock.seconds()
        counts = []
        for seconds in (0, 10, 10, 10, _HOUR):
            self.clock.advance(seconds)
            self.memory.remember(_TARGET, False, _CLEAR, seconds > 0)
            counts.append(self.history().successes)
        self.assertEqual(counts, [0, 1, 1, 1, 4])
        found = self.history()
        self.assertEqual((found.first, found.since), (began, began))
        self.assertEqual(found.last, began + 30 + _HOUR)
        self.memory.remember(_TARGET, False, _CLEAR, True)
        self.forget(False)
        found = self.history()
        self.assertEqual((found.successes, found.misses, found.failures), (5, 1, 1))

    def test_countsAreBounded(self) -> None:
        """Of many hosts at once, some are not counted."""
        self.patch(hellos, "_COUNTED_MOST", 2)
        for number in range(5):
            target = evolve(_TARGET, port=number)
            self.memory.remember(target, False, _CLEAR, False)
            for _ in range(2):
                self.memory.remember(target, False, _CLEAR, True)
            self.assertLessEqual(len(self.memory._right), 2)

    def test_namesDoNotMatter(self) -> None:
        """Servers behind one address that offer the same are as good as one."""
        for number in range(6):
            hello = Hello(b"mx%d.example.org" % number, _CLEAR.keywords[::-1])
            self.remember(hello)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(hello, None))
        self.assertEqual(self.history().changes, 0)

    def test_eachWayForItself(self) -> None:
        """A failure under TLS leaves what comes before it as it was."""
        self.remember()
        self.remember(_SECURED, True)
        self.forget(True)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, None))
        self.remember(_SECURED, True)
        self.clock.advance(_HOUR)
        self.assertEqual(self.memory.recall(_TARGET), Forecast(_CLEAR, _SECURED))


class PipeConnectTests(SynchronousTestCase):
    """What PIPECONNECT makes of it."""

    def setUp(self) -> None:
        """A client that asks, and a server that offers."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        knowledge = MemoryKnowledge(self.clock.seconds)
        self.memory = HelloMemory(knowledge, self.clock.seconds)

    def connect(self, *server: IExtension) -> tuple[bool, list[Scope]]:
        """
        Connect, and send a message if that can be done before the greeting.

        @param server: what the server has.
        @return: could it, and how it ended.
        """
        options = PipeConnectSettings(hostsPipeConnect=HostList.parse(["*"]))
        client = [Pipelining(), PipeConnect(options, memory=self.memory)]
        joined = pair(
            list(server), client, policy=RoutePolicy(TLSLevel.UNWANTED), tlsReady=True
        )
        joined.start()
        early = joined.client.ready
        if early:
            joined.deliver(Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")]))
        joined.greet()
        return early, [settled.scope for settled in joined.settled]

    def test_met(self) -> None:
        """A host that was met is talked to early, until it has expired."""
        offering = (Pipelining(), PipeConnect())
        self.assertEqual(self.connect(*offering), (False, []))
        self.assertEqual(self.connect(*offering), (True, [Scope.MESSAGE]))
        self.clock.advance(7 * _DAY)
        self.assertEqual(self.connect(*offering), (False, []))

    def test_disappointed(self) -> None:
        """A host that stopped offering it is not talked to early for an hour."""
        offering = (Pipelining(), PipeConnect())
        self.connect(*offering)
        self.assertEqual(self.connect(Pipelining()), (True, [Scope.SESSION]))
        self.assertEqual(self.connect(*offering), (False, []))
        self.assertEqual(self.connect(*offering), (False, []))
        self.clock.advance(_HOUR)
        self.assertEqual(self.connect(*offering), (True, [Scope.MESSAGE]))
