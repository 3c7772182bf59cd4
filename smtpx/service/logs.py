"""
The logs that a configuration asks for, open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import (
    ILogObserver,
    LogLevel,
    globalLogPublisher,
)

from ..observe.files import LineFile
from ..observe.jsonlines import JSONLines
from ..observe.mainlog import MainLog
from ..observe.publisher import Publisher, important
from ..observe.selectors import Selector, parseSelectors
from .config import Configuration
from .kinds import StandardOutput


def lineFile(target: Path | StandardOutput, clock: IReactorTime) -> LineFile:
    """
    A file of lines.

    @raise OSError: it cannot be opened.
    """
    if isinstance(target, StandardOutput):
        # It may be a pipe or a socket (as under systemd), which cannot be opened
        # by a name.
        return LineFile("standard output", clock, opener=lambda _: os.dup(1))
    return LineFile(str(target), clock)


class Logs:
    """
    The logs of a server.

    @ivar publisher: has them told of events.
    @ivar subjects: are they to show the subjects of messages?
    """

    def __init__(
        self,
        configuration: Configuration,
        clock: IReactorTime,
        now: Callable[[], float],
        others: Iterable[ILogObserver] = (),
    ) -> None:
        """
        Open them.

        @param clock: for what is kept back a while.
        @param now: seconds since the epoch.
        @param others: who else is told of events.
        @raise OSError: one cannot be opened.
        """
        log = configuration.log
        self._files: list[LineFile] = []
        level = LogLevel.lookupByName(log.level.value)
        selectors = parseSelectors(log.selectors)
        self.subjects = Selector.SUBJECT in selectors
        try:
            file = self._open(configuration.mainLog, clock)
            observers: list[ILogObserver] = [MainLog(file, selectors)]
            if log.json is not None:
                observers.append(JSONLines(self._open(log.json, clock)))
        except OSError:
            self.close()
            raise
        observers.append(important(globalLogPublisher, level))
        observers += others
        self.publisher = Publisher(observers, now)

    def _open(self, target: Path | StandardOutput, clock: IReactorTime) -> LineFile:
        file = lineFile(target, clock)
        self._files.append(file)
        return file

    def reopen(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        for file in self._files:
            file.reopen()

    def close(self) -> None:
        """Write what was kept back, and close."""
        files, self._files = self._files, []
        for file in files:
            file.close()
