"""
Tests for L{smtpx.service.remembering}: a client that is lost while its message is
judged.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from smtpx.net.interfaces import IReceiver

from .named import BDAT, MAIL, RCPT, NamedTestCase


class SlowArrival:
    """A message that is judged for some time."""

    def __init__(self, arrival: Any, judged: Deferred[None]) -> None:
        self._arrival = arrival
        self._judged = judged

    def finish(self, session: Any, envelope: Any) -> Any:
        """It is taken when it was judged."""
        arrival = self._arrival
        return self._judged.addCallback(lambda _: arrival.finish(session, envelope))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arrival, name)


class LostTests(NamedTestCase):
    """One that is lost then."""

    def test_lostWhileItIsJudged(self) -> None:
        """
        A client may be lost while its message is being judged: it is not taken, and
        who comes again waits for that, and has it taken.
        """
        judging: Deferred[None] = Deferred()

        @implementer(IReceiver)
        class Slow:
            """Lets messages through when the test says so."""

            def __init__(self, receiver: IReceiver) -> None:
                self.receiver = receiver

            def begin(self, session: Any, envelope: Any) -> Any:
                """Hold up what comes at the end."""
                arrival = self.receiver.begin(session, envelope)
                return SlowArrival(arrival, judging)

        server = self.server(around=Slow)
        one, two = server.client(), server.client()
        one.talk(MAIL, RCPT, BDAT)
        one.lose()
        two.send(MAIL, RCPT, BDAT)
        server.wait(1)
        self.assertEqual(two.said, [])
        judging.callback(None)
        server.wait(1)
        self.assertEqual(two.codes, ["250", "250", "250"])
        self.assertEqual(len(server.messages()), 1)
        self.assertEqual(server.rig.threads.submitted, deque())
