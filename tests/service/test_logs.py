"""
Tests for L{smtpx.service.logs}.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import events
from smtpx.service.config import readConfiguration
from smtpx.service.kinds import STANDARD_OUTPUT
from smtpx.service.logs import Logs, lineFile

from .made import FOUND


class LogsTests(SynchronousTestCase):
    """The logs of a configuration."""

    def logs(self, **log: object) -> Logs:
        """Logs in a folder of their own."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        values = {"state": self.folder, "log": log}
        made = Logs(readConfiguration(values, FOUND), Clock(), lambda: 0.0)
        self.addCleanup(made.close)
        return made

    def test_standardOutput(self) -> None:
        """Lines go to standard output, whatever that is."""
        read, write = os.pipe()
        before = os.dup(1)
        os.dup2(write, 1)
        try:
            file = lineFile(STANDARD_OUTPUT, Clock())
        finally:
            os.dup2(before, 1)
            os.close(before)
            os.close(write)
        file.write(b"a line\n")
        file.close()
        self.assertEqual(os.read(read, 100), b"a line\n")
        os.close(read)

    def test_level(self) -> None:
        """What is bad enough is in the log of twistd as well."""
        seen: list[LogEvent] = []
        observer = cast(ILogObserver, seen.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        fields: dict[str, object] = {"message": "1", "reason": "odd"}
        for level, most in (("warn", 1), ("critical", 0), ("debug", 2)):
            del seen[:]
            publisher = self.logs(level=level).publisher
            publisher.publish(events.STUCK, dict(fields))
            publisher.publish(events.HELD, dict(fields))
            self.assertEqual(len(seen), most, level)

    def test_closedTwice(self) -> None:
        """To close them again does nothing."""
        made = self.logs()
        made.close()
        made.close()
