"""
Messages that are sent through a server with milters.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .made import ACCEPT, MadeMilter, MilterServer, served

OK = b"250 2.0.0 OK\r\n"
REFUSED = b"550 5.7.1 Command rejected\r\n"
DEFERRED = b"451 4.7.1 Service unavailable - try again later\r\n"

HEADER = b"Received: from a\r\n\tby b\r\nSubject: one\r\nSubject: two\r\n"
MESSAGE = HEADER + b"\r\nHello\r\n"


class ReceivingTestCase(SynchronousTestCase):
    """Messages through a server."""

    def send(self, *milters: MadeMilter, message: bytes = MESSAGE) -> bytes:
        """Send one; gives what is said to it."""
        self.server: MilterServer = served(*milters)
        call = self.server.call()
        call.mail()
        return call.send(message)

    def changed(self, *wishes: bytes, message: bytes = MESSAGE) -> bytes:
        """A message that a milter has changed."""
        answers = {b"E": b"".join(wishes) + ACCEPT}
        self.assertEqual(self.send(MadeMilter(answers=answers), message=message), OK)
        return self.server.message
