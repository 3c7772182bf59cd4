"""
The second example of C{doc/howto/test-a-client.rst}.
"""

from __future__ import annotations

import smtplib
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smtpx.testing import BODY, ScriptedServer, reset

reactor: Any = _reactor


class ScriptedExample(TestCase):
    """A server that resets the connection in place of the last 250."""

    # begin port
    def test_lastWordIsLost(self) -> Deferred[None]:
        """The client does not know, and the server has the message."""
        server = ScriptedServer(reset(BODY), clock=reactor)
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", port.getHost().port) as smtp:
                smtp.sendmail("me@here.example", "you@there.example", "Hello")

        def check(result: object) -> None:
            self.assertEqual(server.messages[0].body, b"Hello\r\n")

        sent = self.assertFailure(deferToThread(send), smtplib.SMTPServerDisconnected)
        return sent.addCallback(check)

    # end port
