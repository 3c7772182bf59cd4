"""Tests for L{smtpx.queue.attempting}: however a transport says what it has done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred

from smtpx.queue.interfaces import Attempt
from smtpx.queue.routes import RouteRule, Routes
from smtpx.spool.format import Fate, Outcome
from smtpx.spool.via import Cause

from .cases import DispatchCase
from .doubles import ScriptedTransport

Saying = Deferred[Sequence[Outcome]]


@define
class Promise:
    """What can be waited for, and is neither a coroutine nor a Deferred."""

    said: Saying

    def __await__(self) -> Generator[Any, Any, Sequence[Outcome]]:
        """As a Deferred."""
        return (yield from self.said.__await__())


async def _coroutine(said: Saying) -> Sequence[Outcome]:
    return await said


def _deferred(said: Saying) -> Awaitable[Sequence[Outcome]]:
    return said


#: The ways to say it.
WAYS: tuple[Callable[[Saying], Awaitable[Sequence[Outcome]]], ...] = (
    _coroutine,
    _deferred,
    Promise,
)


@define
class WayTransport(ScriptedTransport):
    """One that says it in a way of the test's."""

    way: Callable[[Saying], Awaitable[Sequence[Outcome]]] = _deferred

    def deliver(self, attempt: Attempt) -> Any:
        """Answer as the test wishes."""
        return self.way(super().deliver(attempt))


class WaysTests(DispatchCase):
    """A transport may be waited for in several ways."""

    def outcome(self, transport: WayTransport, then: Callable[[], None]) -> Outcome:
        """
        What comes of a message for one.

        @param then: what happens when it is under way.
        """
        self.routes = Routes([RouteRule("*", transport.name)], [transport])
        made = self.begin(self.message(b"x@a.example"))
        then()
        settlement = self.successResultOf(made)
        assert settlement is not None
        self.assertEqual(self.attempting.running, set())
        [outcome] = settlement.outcomes
        return outcome

    def test_atOnce(self) -> None:
        """It may know what came of it at once."""
        for way in WAYS:
            outcome = self.outcome(WayTransport("t", way=way), lambda: None)
            self.assertIs(outcome.fate, Fate.DELIVERED)

    def test_later(self) -> None:
        """It may take its time."""
        for way in WAYS:
            transport = WayTransport("t", patient=True, way=way)
            outcome = self.outcome(transport, transport.finish)
            self.assertIs(outcome.fate, Fate.DELIVERED)

    def test_broken(self) -> None:
        """It may break, then or later."""
        for way in WAYS:
            for patient in (False, True):
                transport = WayTransport(
                    "t", error=OSError("gone"), patient=patient, way=way
                )
                then = transport.finish if patient else lambda: None
                outcome = self.outcome(transport, then)
                self.assertEqual((outcome.fate, outcome.cause), BROKEN)
                self.assertEqual(outcome.text, "OSError: gone")

    def test_cutOff(self) -> None:
        """It may be cut off."""
        for way in WAYS:
            transport = WayTransport("t", patient=True, way=way)
            outcome = self.outcome(transport, lambda: self.attempting.cancel())
            self.assertEqual((outcome.fate, outcome.cause), (Fate.WAITING, Cause.LOST))

    def test_cannotBegin(self) -> None:
        """It may break before there is anything to wait for."""

        def way(said: Saying) -> Awaitable[Sequence[Outcome]]:
            raise OSError("gone")

        outcome = self.outcome(WayTransport("t", way=way), lambda: None)
        self.assertEqual((outcome.fate, outcome.cause), BROKEN)


BROKEN = Fate.WAITING, Cause.LOCAL
