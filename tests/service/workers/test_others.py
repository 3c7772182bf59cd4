"""
Tests for L{smtpx.service.workers.others} and L{smtpx.service.workers.conversation}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.service.control.exchange import Exchange, Refused
from smtpx.service.control.protocol import ControlFactory
from smtpx.service.control.wire import PROTOCOL, Kind
from smtpx.service.workers import IOthers, others as module
from smtpx.service.workers.answers import Answers
from smtpx.service.workers.conversation import Conversation
from smtpx.service.workers.interfaces import Away, unheard
from smtpx.service.workers.others import AT_ONCE, CONNECT_SECONDS, Others
from smtpx.service.workers.pulse import Pulses
from smtpx.service.workers.sockets import socketOf

from ..control.made import Pipe
from .made import SocketReactor, Switchboard

FOLDER = Path("/state/workers")

Fields = Mapping[str, object]


class OthersCase(SynchronousTestCase):
    """Workers 2 and 3 answer; worker 1 asks."""

    def setUp(self) -> None:
        """All are there."""
        self.board = Switchboard()
        self.reactor = SocketReactor(self.board)
        self.others = Others(self.reactor, FOLDER, 1, 3)
        self.exchanges: list[Exchange] = []
        self.held: list[Deferred[None]] = []
        self.cancelled = 0
        self.factories = {number: self.listen(number) for number in (2, 3)}

    def listen(self, number: int) -> ControlFactory:
        """A worker answers."""

        async def who(exchange: Exchange) -> Fields:
            self.exchanges.append(exchange)
            await exchange.send({"some": number})
            return {"number": number, "by": exchange.by}

        answers = Answers()
        answers.add({"who": who, "slow": self.slow, "much": self.much})
        factory = ControlFactory(answers.verbs, Clock(), "mx", clientsMost=100)
        self.board.listening[str(socketOf(FOLDER, number))] = factory
        return factory

    async def slow(self, exchange: Exchange) -> Fields:
        """Answers when the test wants it."""

        def cancel(_: Deferred[None]) -> None:
            self.cancelled += 1

        exchange.progress({"looked": 1})
        self.held.append(Deferred(cancel))
        await self.held[-1]
        return {}

    async def much(self, exchange: Exchange) -> Fields:
        """Answers at length."""
        for _ in range(150):
            await exchange.send({"text": "x" * 10_000})
        return {}

    def kill(self, number: int) -> None:
        """A worker dies."""
        self.board.kill(str(socketOf(FOLDER, number)))


class AskTests(OthersCase):
    """Asking all."""

    def ask(self, verb: str, **fields: object) -> Any:
        """Ask; what was answered by now."""
        asked = self.others.ask(verb, fields, 2.0)
        self.board.flush()
        return self.successResultOf(asked)

    def test_all(self) -> None:
        """Each answers, by its number; the end comes last."""
        verifyObject(IOthers, self.others)
        found = self.ask("who", what="x")
        us = found[2][-1]["by"]
        self.assertEqual(
            found,
            {
                2: [{"some": 2}, {"number": 2, "by": us}],
                3: [{"some": 3}, {"number": 3, "by": us}],
            },
        )
        self.assertEqual(self.exchanges[0].fields["what"], "x")
        self.assertNotIn("asker", self.exchanges[0].fields)

    def test_away(self) -> None:
        """Who is away is not in it."""
        self.kill(2)
        self.assertEqual([*self.ask("who")], [3])

    def test_diesMeanwhile(self) -> None:
        """Who dies while it answers is not in it, and the others are."""
        asked = self.others.ask("slow", {}, 2.0)
        self.board.flush()
        self.kill(3)
        self.held[0].callback(None)
        self.board.flush()
        self.assertEqual(self.successResultOf(asked), {2: [{}]})

    def test_unknown(self) -> None:
        """Who does not know what it is asked is not in it."""
        self.assertEqual(self.ask("nonsense"), {})

    def test_tooSlow(self) -> None:
        """Who takes too long is not in it, and is not waited for."""
        asked = self.others.ask("slow", {}, 2.0)
        self.board.flush()
        self.held[1].callback(None)
        self.board.flush()
        self.assertNoResult(asked)
        self.reactor.advance(2.0)
        self.assertEqual(self.successResultOf(asked), {3: [{}]})
        self.board.flush()
        self.assertEqual(self.cancelled, 1)

    def test_tooMuch(self) -> None:
        """Who says more than is good is not in it."""
        self.assertEqual(len(self.ask("much")[2]), 151)
        self.patch(module, "MOST_OCTETS", 1_000_000)
        self.assertEqual(self.ask("much"), {})

    def test_turns(self) -> None:
        """Only so many are asked at once; the rest has its turn then."""
        asked = [self.others.ask("slow", {}, 9.0) for _ in range(AT_ONCE + 1)]
        self.board.flush()
        self.assertEqual(len(self.held), 2 * AT_ONCE)
        for each in [*self.held]:
            each.callback(None)
        self.board.flush()
        self.assertEqual(len(self.held), 2 * AT_ONCE + 2)
        self.reactor.advance(9.0)
        self.assertEqual(self.successResultOf(asked[0]), {2: [{}], 3: [{}]})
        self.assertEqual(self.successResultOf(asked[-1]), {})

    def test_turnsAreGivenBack(self) -> None:
        """Who waited for its turn in vain takes nobody else's."""
        for _ in range(AT_ONCE + 5):
            self.others.ask("slow", {}, 1.0)
        self.reactor.advance(1.0)
        self.board.flush()
        self.assertEqual(len(self.ask("who")), 2)


class TalkTests(OthersCase):
    """Asking one."""

    def test_asked(self) -> None:
        """It is told in whose name; parts and progress are heard."""
        parts: list[Fields] = []
        told: list[Fields] = []

        async def part(said: Fields) -> None:
            parts.append(said)

        talk = self.others.talk(2, "who", {}, "joe", part, told.append)
        self.board.flush()
        self.assertEqual(self.successResultOf(talk), {"number": 2, "by": "joe"})
        self.assertEqual((parts, told), ([{"some": 2}], []))

    def test_away(self) -> None:
        """It is not there: that is said, and that nothing was asked."""
        self.kill(2)
        away = self.failureResultOf(self.others.talk(2, "who", {}, "joe"), Away).value
        assert isinstance(away, Away)
        self.assertEqual((away.number, away.begun), (2, False))
        self.assertEqual(str(away), "worker 2 cannot be asked: it does not listen")

    def test_hangs(self) -> None:
        """It lets us in and says nothing: it is not waited for."""
        self.board.listening[str(socketOf(FOLDER, 2))] = Factory.forProtocol(Protocol)
        talk = self.others.talk(2, "who", {}, "joe")
        self.board.flush()
        self.assertNoResult(talk)
        self.reactor.advance(CONNECT_SECONDS)
        self.board.flush()
        away = self.failureResultOf(talk, Away).value
        assert isinstance(away, Away)
        self.assertEqual((away.why, away.begun), ("it does not answer", False))

    def test_takesItsTime(self) -> None:
        """Who has said who it is may take as long as it likes."""
        talk = self.others.talk(2, "slow", {}, "joe")
        self.board.flush()
        self.reactor.advance(3600.0)
        self.board.flush()
        self.held[0].callback(None)
        self.board.flush()
        self.assertEqual(self.successResultOf(talk), {})
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_movesNoMore(self) -> None:
        """
        Who has said who it is, and then hangs, is not waited for: nobody knows what it
        has done.
        """
        pulses = Pulses(3, 80.0)
        self.others = Others(self.reactor, FOLDER, 1, 3, pulses)
        talk = self.others.talk(2, "slow", {}, "joe")
        self.board.flush()
        for _ in range(10):
            pulses.beat(2)
            self.reactor.advance(20.0)
            self.board.flush()
        self.assertNoResult(talk)
        self.reactor.advance(20.0)
        self.board.flush()
        away = self.failureResultOf(talk, Away).value
        assert isinstance(away, Away)
        self.assertEqual((away.why, away.begun), ("it does not answer", True))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_diesMeanwhile(self) -> None:
        """It goes away in the midst: nobody knows what it has done."""
        talk = self.others.talk(2, "slow", {}, "joe")
        self.board.flush()
        self.kill(2)
        away = self.failureResultOf(talk, Away).value
        assert isinstance(away, Away)
        self.assertTrue(away.begun)

    def test_refused(self) -> None:
        """What it refuses is refused."""
        talk = self.others.talk(2, "nonsense", {}, "joe")
        self.board.flush()
        refused = self.failureResultOf(talk, Refused).value
        assert isinstance(refused, Refused)
        self.assertIs(refused.kind, Kind.UNKNOWN)

    def test_cancelled(self) -> None:
        """Cancelled, it leaves off, there as well."""
        talk = self.others.talk(2, "slow", {}, "joe")
        self.board.flush()
        talk.addErrback(lambda _: None)
        talk.cancel()
        self.board.flush()
        self.assertEqual((self.cancelled, self.factories[2].clients), (1, 0))

    def test_patience(self) -> None:
        """Who takes its parts slowly is waited for, and the rest is not held here."""
        waiting: list[Deferred[None]] = []
        octets = 0

        async def part(said: Fields) -> None:
            nonlocal octets
            octets += len(str(said["text"]))
            waiting.append(Deferred())
            await waiting[-1]

        talk = self.others.talk(2, "much", {}, "joe", part)
        self.board.flush()
        owners = [
            getattr(each.owner, "_wrappedProtocol", None) for each in self.board.ends
        ]
        [conversation] = [each for each in owners if isinstance(each, Conversation)]
        most = 0
        while not talk.called:
            most = max(most, conversation._held)
            waiting[-1].callback(None)
            self.board.flush()
        self.assertEqual(self.successResultOf(talk), {})
        self.assertEqual(octets, 1_500_000)
        self.assertLess(most, 1 << 18)


class ConversationTests(SynchronousTestCase):
    """What may come over a connection."""

    def setUp(self) -> None:
        """A connection."""
        self.transport = Pipe()
        self.conversation = Conversation(2)
        self.conversation.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's
        self.asked = Deferred.fromCoroutine(
            self.conversation.ask("who", {"x": 1}, "joe", unheard)
        )

    def say(self, **said: object) -> None:
        """The other worker says something."""
        line = json.dumps(said).encode() + b"\n"
        self.conversation.dataReceived(line)  # type: ignore[no-untyped-call]  # Twisted's

    def test_greeted(self) -> None:
        """It is asked once it has said who it is."""
        self.assertEqual(self.transport.value(), b"")
        self.say(protocol=PROTOCOL)
        self.assertEqual(
            json.loads(self.transport.value()),
            {"id": 1, "do": "who", "asker": "joe", "x": 1},
        )
        self.say(id=1, new={"what": "is not known"})
        self.say(id=1, done={"y": 2})
        self.assertEqual(self.successResultOf(self.asked), {"y": 2})

    def test_cut(self) -> None:
        """However an answer is cut on its way, it is the same."""
        lines = b""
        said: list[Fields] = [{"protocol": PROTOCOL}, {"part": {}}, {"done": {"y": 2}}]
        for line in said:
            lines += json.dumps(line).encode() + b"\n"
        for at in range(len(lines) + 1):
            self.setUp()
            for some in (lines[:at], lines[at:]):
                self.conversation.dataReceived(some)  # type: ignore[no-untyped-call]  # Twisted's
            self.assertEqual(self.successResultOf(self.asked), {"y": 2})

    def test_otherVersion(self) -> None:
        """Who speaks otherwise is not asked."""
        self.say(protocol=PROTOCOL + 1)
        self.failureResultOf(self.asked, Away)
        self.assertEqual(self.transport.value(), b"")

    def test_busy(self) -> None:
        """Who lets nobody in says so."""
        self.say(protocol=PROTOCOL, error={"kind": "busy", "text": "later"})
        self.assertEqual(str(self.failureResultOf(self.asked, Refused).value), "later")

    def test_nonsense(self) -> None:
        """Who talks nonsense is as good as away."""
        self.conversation.dataReceived(b"[1]\n")  # type: ignore[no-untyped-call]  # Twisted's
        self.failureResultOf(self.asked, Away)

    def test_unknownKind(self) -> None:
        """A refusal of a kind that is not known is one all the same."""
        self.say(protocol=PROTOCOL)
        self.say(error={"kind": "new"})
        refused = self.failureResultOf(self.asked, Refused).value
        assert isinstance(refused, Refused)
        self.assertIs(refused.kind, Kind.FAILED)

    def test_endless(self) -> None:
        """A line without an end is not waited for."""
        self.conversation.MAX_LENGTH = 100
        self.conversation.dataReceived(b"x" * 101)  # type: ignore[no-untyped-call]  # Twisted's
        self.assertTrue(self.transport.aborted)
        self.conversation.connectionLost()
        self.failureResultOf(self.asked, Away)
