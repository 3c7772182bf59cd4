"""
Tests for L{smtpx.core.server}: which command a refusal is reported of.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.effects import TakeMessage
from smtpx.core.hooks import Stage
from smtpx.core.interfaces import IServerBuilder, IServerExtension
from smtpx.core.reply import Reply, reply
from smtpx.extensions.standard import standard
from smtpx.testing.server import Said, ScriptedPort, talk

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


class TurnedDownTests(SynchronousTestCase):
    """Of a message that is refused after its body, it is still known whose it was."""

    def ended(self, *flights: bytes, final: Reply | None = None) -> list[bytes | None]:
        """The sender of what had just ended, at each refusal."""
        senders: list[bytes | None] = []
        said = talk(
            standard(),
            BEGIN,
            answers={TakeMessage: lambda question: final},
        )
        connection = said.connection

        def refused(port: ScriptedPort, command: bytes, answer: Reply) -> None:
            envelope = connection.ended
            senders.append(None if envelope is None else envelope.sender)
            self.assertIsNone(connection.envelope)

        self.patch(ScriptedPort, "refused", refused)
        for flight in flights:
            said.feed(flight)
        self.assertIsNone(connection.ended)
        return senders

    def test_spoiled(self) -> None:
        """By ourselves, for what is in it; the next refusal is not about it."""
        self.assertEqual(
            self.ended(b"DATA\r\n", b"\n.\r\n.\r\nRCPT TO:<c@d.example>\r\n"),
            [b"a@b.example", None],
        )

    def test_byTheReceiver(self) -> None:
        """By whoever takes it, by DATA and by BDAT."""
        full = reply(452, "4.3.1", b"Full")
        for body in ((b"DATA\r\n", b".\r\n"), (b"BDAT 2 LAST\r\n\r\n",)):
            self.assertEqual(self.ended(*body, final=full), [b"a@b.example"])

    def test_byAReview(self) -> None:
        """By an extension that looks at whole messages."""

        class Never:
            name, requires, settings = "NEVER", (), None

            def configured(self, settings: object) -> Never:
                """It has no settings."""
                return self

            def extendServer(self, server: IServerBuilder) -> None:
                """Refuse each message."""
                server.review(
                    Stage.MESSAGE, lambda session, recipient: reply(550, "5.7.1", b"No")
                )

        said = talk([implementer(IServerExtension)(Never)()], BEGIN)
        seen: list[object] = []
        self.patch(
            ScriptedPort, "refused", lambda *told: seen.append(said.connection.ended)
        )
        said.feed(b"DATA\r\n")
        said.feed(b".\r\n")
        self.assertEqual([each is not None for each in seen], [True])
