"""
Tests for L{smtpx.service.program}: a mail server in a program.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import smtpx.service
from smtpx.service import ConfigurationError, MailService, mailService

from .made import Reactor


class MailServiceTests(SynchronousTestCase):
    """The programmatic door."""

    def test_mapping(self) -> None:
        """A mapping is a configuration."""
        made = mailService(Reactor(), {"listener": [{"port": 99}]})
        self.assertIsInstance(made, MailService)
        self.assertEqual([door.listener.port for door in made.doors], [99])

    def test_nothing(self) -> None:
        """Without one everything has its default."""
        made = mailService(Reactor())
        self.assertEqual([door.listener.port for door in made.doors], [2525, 4650])

    def test_file(self) -> None:
        """A file is one, by its path."""
        file = Path(self.mktemp())
        file.write_text("[[listener]]\nport = 98\n")
        for source in (file, str(file)):
            made = mailService(Reactor(), source)
            self.assertEqual([door.listener.port for door in made.doors], [98])

    def test_wrong(self) -> None:
        """What is wrong is an exception with all faults."""
        error = self.assertRaises(
            ConfigurationError, mailService, Reactor(), {"nam": 1, "stat": 2}
        )
        self.assertEqual(len(error.problems), 2)

    def test_workers(self) -> None:
        """A program is one process."""
        error = self.assertRaises(
            ConfigurationError, mailService, Reactor(), {"workers": 2}
        )
        self.assertEqual(
            str(error),
            "configuration: workers: a server that is a part of a program has one"
            ' worker, the program itself; "twistd smtpx" has several',
        )

    def test_exported(self) -> None:
        """Programs import it from the room."""
        self.assertEqual(
            sorted(smtpx.service.__all__),
            ["ConfigurationError", "MailService", "mailService"],
        )
