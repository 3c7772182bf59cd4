"""
Stand-ins for threads and for the log, for tests of what checks passwords.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer


@implementer(IReactorFromThreads)
class Reactor:
    """What comes from threads is done at once."""

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """See L{IReactorFromThreads}."""
        callable(*args, **kwargs)


@define
class Pool:
    """
    A thread pool without threads.

    @ivar left: work that no thread has taken yet.
    """

    left: list[Callable[[], None]] = field(factory=list)

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, object], None],
        func: Callable[..., object],
        *args: object,
        **kw: object,
    ) -> None:
        """See L{ThreadPool}."""

        def work() -> None:
            try:
                result = func(*args, **kw)
            except Exception:
                onResult(False, Failure())
            else:
                onResult(True, result)

        self.left.append(work)

    def work(self) -> int:
        """Do all that there is to do; gives how much it was."""
        left, self.left[:] = list(self.left), []
        for each in left:
            each()
        return len(left)


@implementer(ILogObserver)
@define
class Listener:
    """
    What the room logs.

    @ivar said: level and text of each event.
    """

    said: list[tuple[LogLevel, str]] = field(factory=list)

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if event.get("log_namespace", "").startswith("smtpx.policy"):
            self.said.append((event["log_level"], formatEvent(event)))


def heard(test: SynchronousTestCase) -> list[tuple[LogLevel, str]]:
    """What the room logs from now on, while C{test} runs."""
    listener = Listener()
    globalLogPublisher.addObserver(listener)
    test.addCleanup(globalLogPublisher.removeObserver, listener)
    return listener.said
