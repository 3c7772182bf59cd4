"""
Tests for L{smtpx.core.client}: what a client calls itself.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Question
from smtpx.core.effects import Pose
from smtpx.core.hooks import Forecast, Hello, RoutePolicy, TLSLevel
from smtpx.testing.client import ScriptedPeer, client

from .peers import GREETING, HELLO


class Naming(Question[bytes | None]):
    """Who am I?"""


class NamingTests(SynchronousTestCase):
    """A client that asks."""

    def peer(self, answer: bytes | None, forecast: Forecast | None = None) -> bytes:
        """What it says first, where this is the answer."""
        policy = RoutePolicy(TLSLevel.UNWANTED)
        connection = client(policy=policy, forecast=forecast)
        naming = connection.naming = Naming()
        self.scripted = ScriptedPeer(connection, {Naming: lambda asked: answer})
        said = self.scripted.start()
        if forecast is None:
            self.assertEqual(said, b"")
            said = self.scripted.say(GREETING)
        self.assertIn(Pose(naming), self.scripted.events)
        return said

    def test_answer(self) -> None:
        """It is the answer; before the greeting, too."""
        hello = Hello(b"mx.example.org")
        for forecast in (None, Forecast(hello)):
            said = self.peer(b"nine.example.org", forecast)
            self.assertEqual(said, b"EHLO nine.example.org\r\n")
            self.assertEqual(self.scripted.connection.name, b"nine.example.org")

    def test_oldPeer(self) -> None:
        """In HELO it is the same; nobody is asked twice."""
        self.peer(b"nine.example.org")
        said = self.scripted.say(b"502 What?\r\n")
        self.assertEqual(said, b"HELO nine.example.org\r\n")
        self.assertEqual(len([e for e in self.scripted.events if type(e) is Pose]), 1)

    def test_noAnswer(self) -> None:
        """Without one, or with one that cannot be said, it is the usual name."""
        for answer in (None, b"", b"two words", b"a\r\nQUIT", b"\x7f"):
            self.assertEqual(self.peer(answer), HELLO)
