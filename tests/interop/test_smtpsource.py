"""
Postfix's load generator, C{smtp-source}.
"""

from __future__ import annotations

from .cases import InteropTestCase, findPeer

MESSAGES, SESSIONS = 200, 10


class SMTPSourceTests(InteropTestCase):
    """C{smtp-source} sends a burst."""

    def burst(self, *options: str) -> None:
        """All messages of a burst are there afterwards."""
        program = findPeer("smtp-source", "postfix")
        server = self.serve()
        words = [program, "-m", str(MESSAGES), "-s", str(SESSIONS), "-l", "2000"]
        words += ["-f", "ann@client.example", "-t", "user@localhost", "-N", *options]
        self.run_([*words, f"127.0.0.1:{server.port}"])
        # -N puts a number before each recipient.
        recipients = {message.recipient for message in server.delivered(MESSAGES)}
        self.assertEqual(len(recipients), MESSAGES)
        self.assertEqual(len(server.accepted()), MESSAGES)

    def test_connectionForEach(self) -> None:
        """A connection for each message."""
        self.burst()

    def test_connectionsKept(self) -> None:
        """Ten connections, each for many messages."""
        self.burst("-d")
