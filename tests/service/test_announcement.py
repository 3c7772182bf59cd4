"""
Tests for L{smtpx.service.announcement}.
"""

from __future__ import annotations

import shlex

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.announcement import announce, lines
from smtpx.service.config import FIRST_LISTENERS, readConfiguration
from smtpx.service.listening import Door
from smtpx.service.tables import Listener, ListenerTLS

from .made import FOUND
from .test_listening import FakeEndpoint, FakePort


class AnnouncementTests(SynchronousTestCase):
    """What a server says when it has started."""

    def door(self, listener: Listener, host: IAddress) -> Door:
        """A door that is bound."""
        door = Door(listener, FakeEndpoint(FakePort(host)))
        self.successResultOf(Deferred.fromCoroutine(door.bind()))
        return door

    def test_firstStart(self) -> None:
        """It says where it listens, where mail goes, and how to send some."""
        configuration = readConfiguration(None, FOUND)
        doors = [
            self.door(each, IPv4Address("TCP", "127.0.0.1", each.port or 0))
            for each in FIRST_LISTENERS
        ]
        said = list(lines(configuration, doors))
        self.assertEqual(
            said[:4],
            [
                "Listening on 127.0.0.1:2525 (STARTTLS)",
                "Listening on 127.0.0.1:4650 (implicit TLS)",
                f"State is in {configuration.state}",
                "Mail for localhost and this machine goes into"
                f" {configuration.maildir}",
            ],
        )
        start, command = said[4].split(": ", 1)
        self.assertEqual(start, "Send a first message")
        python, option, program = shlex.split(command)
        self.assertEqual((python, option), ("python3", "-c"))
        compile(program, "first message", "exec")
        self.assertIn("SMTP('127.0.0.1', 2525)", program)

    def test_submission(self) -> None:
        """A port for people is called so, and who may come there is told."""
        configuration = readConfiguration(
            {
                "listener": [{"port": 587, "role": "submission"}],
                "state": self.mktemp(),
            },
            FOUND,
        )
        [listener] = configuration.listeners
        door = self.door(listener, IPv4Address("TCP", "192.0.2.25", 587))
        self.assertEqual(
            next(lines(configuration, [door])),
            "Listening on 192.0.2.25:587 (STARTTLS, submission)",
        )
        with capturedLogs() as logs:
            announce(configuration, [door])
        self.assertIn("nobody can log in yet", logs[-1]["caution"])

    def test_configured(self) -> None:
        """Who has configured it knows the rest."""
        configuration = readConfiguration({"name": "mx.example.org"}, FOUND)
        door = self.door(Listener(25), IPv4Address("TCP", "0.0.0.0", 25))  # noqa: S104  # only said
        self.assertEqual(
            list(lines(configuration, [door])),
            [
                "Listening on 0.0.0.0:25 (STARTTLS)",
                f"State is in {configuration.state}",
            ],
        )

    def test_noWayToSend(self) -> None:
        """Where plain Python could not send, there is no command."""
        configuration = readConfiguration(None, FOUND)
        doors = [
            self.door(
                Listener(1, tls=ListenerTLS.IMPLICIT), IPv4Address("TCP", "::1", 1)
            ),
            self.door(Listener(endpoint="unix:x"), UNIXAddress("x")),
        ]
        said = list(lines(configuration, doors))
        self.assertEqual(said[1], "Listening on unix:x (STARTTLS)")
        self.assertEqual(len(said), 4)
