"""
The first example of C{doc/howto/test-a-client.rst}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.testing import ScriptedServer, answered, delayed


class ScriptedExample(SynchronousTestCase):
    """A server with two faults."""

    # begin memory
    def test_secondRecipientLater(self) -> None:
        """The second recipient is put off, and the final reply is late."""
        clock = Clock()
        server = ScriptedServer(
            answered(b"RCPT", b"451 4.2.0 Later", nth=2),
            delayed(b"QUIT", seconds=30),
            clock=clock,
        )
        protocol, wire = server.buildProtocol(None), StringTransport()
        protocol.makeConnection(wire)  # type: ignore[no-untyped-call]  # Twisted's
        protocol.dataReceived(b"EHLO me\r\nMAIL FROM:<>\r\n")
        wire.clear()
        protocol.dataReceived(b"RCPT TO:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
        self.assertEqual(wire.value(), b"250 2.1.5 OK\r\n451 4.2.0 Later\r\n")
        wire.clear()
        protocol.dataReceived(b"QUIT\r\n")
        self.assertEqual(wire.value(), b"")
        clock.advance(30)
        self.assertEqual(wire.value(), b"221 2.0.0 Bye\r\n")

    # end memory
