"""
Tests for L{smtpx.service.elsewhere}: what workers say to each other of named
transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface.verify import verifyObject

from smtpx.service.control.exchange import Exchange, Refused
from smtpx.service.control.wire import Kind
from smtpx.service.elsewhere import FORGET, YIELD, Elsewhere, answersOf
from smtpx.service.workers.interfaces import Fields
from smtpx.service.workers.worker import Alone
from smtpx.service.yielding import Held, IElsewhere
from smtpx.spool.nametable import Name

from .named import BDAT, MAIL, RCPT, NamedTestCase, Server


@define(eq=False)
class Answering(Alone):
    """
    Others that answer something.

    @ivar answers: what; L{None}: it takes its time.
    @ivar asked: what they were asked.
    """

    answers: Mapping[int, Sequence[Fields]] | None = field(factory=dict)
    asked: list[tuple[str, Fields]] = field(factory=list)

    def ask(
        self, verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """Answer."""
        self.asked.append((verb, fields))
        return Deferred() if self.answers is None else succeed(self.answers)


async def nobody(part: Mapping[str, object]) -> None:
    """Nobody listens."""


class ElsewhereTests(NamedTestCase):
    """What is asked."""

    def held(self, answers: Mapping[int, Sequence[Fields]]) -> Held:
        """What is made of answers."""
        others = Answering(answers)
        found = self.successResultOf(Elsewhere(others).yields(b"\1\xff"))
        self.assertEqual(others.asked, [("names.yield", {"key": "01ff"})])
        return found

    def test_interface(self) -> None:
        """It is elsewhere."""
        self.assertTrue(verifyObject(IElsewhere, Elsewhere(Alone())))

    def test_yields(self) -> None:
        """Whoever has it says so; nothing is known of who does not answer."""
        free, sending = {"held": "free"}, {"held": "sending"}
        self.assertIs(self.held({2: [free], 3: [sending]}), Held.SENDING)
        self.assertIs(self.held({2: [{"held": "busy"}], 3: [free]}), Held.BUSY)
        self.assertIs(self.held({2: [free]}), Held.FREE)
        self.assertIs(self.held({}), Held.FREE)
        self.assertIs(self.held({2: [{}], 3: [], 4: [{"held": 9}]}), Held.FREE)

    def test_tooMany(self) -> None:
        """With many questions under way one more is not asked."""
        others = Answering(None)
        elsewhere = Elsewhere(others)
        for _ in range(50):
            self.assertNoResult(elsewhere.yields(b"k"))
        self.assertIs(self.successResultOf(elsewhere.yields(b"k")), Held.BUSY)
        self.assertEqual(len(others.asked), 50)

    def test_forget(self) -> None:
        """All are asked to forget a name."""
        others = Answering()
        self.successResultOf(Elsewhere(others).forget(b"k", b"c"))
        self.assertEqual(
            others.asked, [("names.forget", {"key": "6b", "client": "63"})]
        )


class AnswersTests(NamedTestCase):
    """What is answered."""

    def ask(self, server: Server, verb: str, **fields: object) -> Mapping[str, object]:
        """Ask a worker."""
        exchange = Exchange(fields, "root", nobody)
        coroutine = answersOf(server.memory)[verb](exchange)

        async def answered() -> Mapping[str, object]:
            return await coroutine

        return server.rig.wait(Deferred.fromCoroutine(answered()))

    def test_yields(self) -> None:
        """It says what holds up a transaction."""
        server = self.server()
        client = server.client()
        client.talk(MAIL)
        [key] = server.memory._running
        self.assertEqual(self.ask(server, YIELD, key=key.hex()), {"held": "sending"})
        client.talk(RCPT, BDAT)
        self.assertEqual(self.ask(server, YIELD, key=key.hex()), {"held": "free"})
        self.assertEqual(server.memory._running, {})

    def test_forgets(self) -> None:
        """It forgets a name."""
        server = self.server()
        names = server.rig.spool.names
        server.rig.wait(names.put(Name(b"k", b"c", 9e9, 1, None, "")))
        self.assertEqual(self.ask(server, FORGET, key="6b", client="63"), {})
        self.assertIsNone(server.rig.wait(names.recall(b"k")))

    def test_notOpen(self) -> None:
        """Before the spool is open there is nothing to be forgotten."""
        server = self.server()
        server.memory.names = None
        self.assertEqual(self.ask(server, FORGET, key="6b", client="63"), {})

    def test_broken(self) -> None:
        """A spool that is closed cannot forget."""
        server = self.server()
        server.rig.close()
        error = self.assertRaises(
            Refused, self.ask, server, FORGET, key="6b", client="63"
        )
        self.assertIs(error.kind, Kind.FAILED)

    def test_nonsense(self) -> None:
        """What makes no sense is refused."""
        for fields in ({}, {"key": "x"}, {"key": 7.5}):
            error = self.assertRaises(Refused, self.ask, self.server(), YIELD, **fields)
            self.assertIs(error.kind, Kind.REQUEST)
            self.folder = self.mktemp()
