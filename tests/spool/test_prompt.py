"""
Tests for L{smtpx.spool.prompt}.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, strategies as st
from twisted.internet import defer
from twisted.internet.defer import AlreadyCalledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.spool import prompt
from smtpx.spool.prompt import Prompt

#: What a callback may do.
STEPS = st.sampled_from(
    [
        "nothing",
        "value",
        "raises",
        "failure",
        "fired",
        "failed",
        "later",
        "adds",
        "pauses",
        "again",
        "arguments",
    ]
)


class Trace:
    """
    One Deferred, and what comes of it.

    @ivar seen: all that its callbacks saw, and how it stood then.
    """

    def __init__(self, made: Deferred[Any], steps: list[str]) -> None:
        self.made = made
        self.seen: list[object] = []
        self.later: list[Deferred[Any]] = []
        for step in steps:
            self.add(step)

    def add(self, step: str, *more: object) -> None:
        """Another callback."""
        self.made.addCallbacks(self.good(step), self.bad)
        if step == "arguments":
            self.made.addCallback(lambda value, more: self.note(value, more), "more")

    def note(self, *what: object) -> None:
        """Something was seen."""
        made = self.made
        self.seen.append((*what, made.called, len(made._callbacks)))

    def bad(self, failure: Failure) -> object:
        """An error has come."""
        self.note("bad", str(failure.value))
        return "mended"

    def good(self, step: str) -> Callable[[object], object]:
        """A callback."""

        def call(value: object) -> object:
            self.note(step, value, self.made.result is value)
            if step == "raises":
                raise ValueError(step)
            if step == "adds":
                self.add("value")
            elif step == "pauses":
                self.made.pause()
            elif step == "again":
                try:
                    self.made.callback("again")
                except AlreadyCalledError:
                    self.note("refused")
            return self.gives(step)

        return call

    def gives(self, step: str) -> object:
        """What a callback returns."""
        if step == "value":
            return 7
        if step == "failure":
            return Failure(KeyError(step))
        if step == "fired":
            return defer.succeed("fired")
        if step == "failed":
            return defer.fail(KeyError(step))
        if step == "later":
            self.later.append(Deferred())
            return self.later[-1]
        return None

    def end(self) -> None:
        """Whatever was waited for comes."""
        while self.later or self.made.paused:
            if self.later:
                self.later.pop().callback("late")
            else:
                self.made.unpause()
        self.made.addBoth(
            lambda last: self.note("end", str(getattr(last, "value", last)))
        )


class PromptTests(SynchronousTestCase):
    """
    Deferreds that cost less.
    """

    def trace(
        self, kind: type[Deferred[Any]], before: list[str], behind: list[str], how: str
    ) -> list[object]:
        """What comes of a Deferred."""
        cancelled: list[object] = []
        made: Deferred[Any] = kind(cancelled.append)
        trace = Trace(made, before)
        if how == "paused":
            made.pause()
        if how == "cancelled":
            made.cancel()
        elif how == "failed":
            made.callback(Failure(KeyError("at once")))
        else:
            made.callback("first")
        for step in behind:
            trace.add(step)
        trace.end()
        made.cancel()
        return [*trace.seen, len(cancelled)]

    @given(
        st.lists(STEPS, max_size=4),
        st.lists(STEPS, max_size=2),
        st.sampled_from(["usual", "usual", "paused", "cancelled", "failed"]),
    )
    @example(["nothing"], [], "usual")
    @example(["value", "nothing"], ["value"], "usual")
    def test_same(self, before: list[str], behind: list[str], how: str) -> None:
        """
        Whatever its callbacks do: it is as with any other Deferred.
        """
        usual = self.trace(Deferred, before, behind, how)
        self.assertEqual(self.trace(Prompt, before, behind, how), usual)

    def test_awaited(self) -> None:
        """
        A coroutine can wait for it, and other Deferreds can.
        """
        made: Prompt[int] = Prompt()

        async def wait() -> int:
            return await made + 1

        waiting = Deferred.fromCoroutine(wait())
        made.callback(3)
        self.assertEqual(self.successResultOf(waiting), 4)
        inner: Prompt[int] = Prompt()
        outer = defer.succeed(None).addCallback(lambda _: inner)
        inner.callback(5)
        self.assertEqual(self.successResultOf(outer), 5)

    def test_unhandled(self) -> None:
        """
        An error that nobody takes is in the log.
        """
        made: Prompt[int] = Prompt()
        made.addCallback(lambda value: value // 0)
        made.callback(3)
        del made
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_manyKinds(self) -> None:
        """
        Of however many kinds results are, few are remembered.
        """
        for number in range(300):
            kind = type(f"Kind{number}", (), {})
            made: Prompt[Any] = Prompt()
            made.addCallback(lambda make: make())
            made.addCallback(lambda result: result)
            made.callback(kind)
            self.assertIsInstance(self.successResultOf(made), kind)
        self.assertLess(len(prompt._plain), 200)

    def test_unknownInside(self) -> None:
        """
        Where Deferreds are not what we know, they do it themselves.
        """
        self.patch(prompt, "_KNOWN", False)
        made: Prompt[int] = Prompt()
        made.callback(3)
        self.assertEqual(self.successResultOf(made), 3)
