"""
Tests for L{smtpx.core.server}: which command a refusal is reported of.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.extensions.standard import standard
from smtpx.testing.server import Said, talk

BEGIN = b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"


class BlameTests(SynchronousTestCase):
    """
    What ends a session, or is no command, is not reported as the refusal of the
    command before.
    """

    def refused(self, said: Said) -> list[tuple[bytes, int]]:
        """The command and the code of each refusal that was reported."""
        return [(command, answer.code) for command, answer in said.port.refusals]

    def test_shutDownBetweenCommands(self) -> None:
        """A session that is ended while it was idle is no refused command."""
        said = talk(standard(), BEGIN)
        said.connection.shutDown()
        self.assertEqual(self.refused(said), [(b"", 421)])

    def test_timeoutBetweenCommands(self) -> None:
        """Nor is one whose next command never came."""
        said = talk(standard(), BEGIN)
        said.connection.expire()
        self.assertEqual(self.refused(said), [(b"", 421)])

    def test_timeoutInsideOfABody(self) -> None:
        """A body that never came whole is one: its command was not done."""
        said = talk(standard(), BEGIN + b"DATA\r\nSubject: x\r\n")
        said.connection.expire()
        self.assertEqual(self.refused(said), [(b"DATA", 421)])

    def test_linesThatAreNoCommands(self) -> None:
        """Lines too long or with characters that may not be have no command."""
        for line in (b"NOOP " + b"x" * 5000, b"NO\0OP", b"NO\nOP"):
            said = talk(standard(), BEGIN + line + b"\r\n")
            self.assertEqual(self.refused(said), [(b"", 500)], line[:10])

    def test_lineWithoutItsEnd(self) -> None:
        """Nor has one that ends with a bare LF."""
        said = talk(standard(), BEGIN)
        said.feed(b"NOOP\n")
        self.assertEqual(self.refused(said), [(b"", 500)])
