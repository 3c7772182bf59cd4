"""
Tests for L{smtpx.core.server}: how a session ended, and how the client talked, for
the logs.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import MayConnect
from smtpx.core.hooks import Ending
from smtpx.core.reply import reply
from smtpx.extensions.standard import standard
from smtpx.testing.server import Said, talk

HELLO = b"EHLO c.example\r\n"
BEGIN = HELLO + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"


class EndingTests(SynchronousTestCase):
    """
    How it ended.
    """

    def ending(self, said: Said) -> Ending | None:
        """What is said of it once the connection is gone."""
        said.connection.lost()
        return said.connection.ending

    def test_whileItLastsThereIsNone(self) -> None:
        """A session that goes on has not ended in any way."""
        self.assertIsNone(talk([], HELLO).connection.ending)

    def test_theClientGoes(self) -> None:
        """It says so, or it does not, and perhaps in the middle of a message."""
        self.assertIs(self.ending(talk([], b"QUIT\r\n")), Ending.QUIT)
        self.assertIs(self.ending(talk([], HELLO)), Ending.LOST)
        named = talk([], BEGIN)
        self.assertIs(self.ending(named), Ending.LOST_IN_TRANSACTION)
        body = talk([], BEGIN + b"DATA\r\nx")
        self.assertIs(self.ending(body), Ending.LOST_IN_BODY)
        chunk = talk(standard(), BEGIN + b"BDAT 5\r\nx")
        self.assertIs(self.ending(chunk), Ending.LOST_IN_BODY)

    def test_theHandshakeFails(self) -> None:
        """Whether it was asked for by STARTTLS, or came with the connection."""
        said = talk(standard(), HELLO + b"STARTTLS\r\n", tlsReady=True)
        self.assertIs(self.ending(said), Ending.HANDSHAKE)
        other = talk([])
        other.connection.lost(securing=True)
        self.assertIs(other.connection.ending, Ending.HANDSHAKE)

    def test_theClientIsTooSlow(self) -> None:
        """With a command, or with a message; what comes later changes nothing."""
        for octets, ending in (
            (HELLO, Ending.TIMEOUT),
            (BEGIN + b"DATA\r\nx", Ending.TIMEOUT_IN_BODY),
        ):
            said = talk([], octets)
            said.connection.expire()
            self.assertIs(said.connection.ending, ending)
            self.assertIs(self.ending(said), ending)

    def test_theServerStops(self) -> None:
        """It is nobody's fault."""
        said = talk([], HELLO)
        said.connection.shutDown()
        self.assertIs(self.ending(said), Ending.SHUTDOWN)

    def test_theClientIsSentAway(self) -> None:
        """At once, or later for what it does."""
        no = reply(554, "5.7.1", b"No")
        self.assertIs(
            self.ending(talk([], answers={MayConnect: lambda question: no})),
            Ending.REFUSED,
        )
        self.assertIs(self.ending(talk([], b"GET / HTTP/1.1\r\n")), Ending.REFUSED)


class ManneredTests(SynchronousTestCase):
    """
    How the client talked.
    """

    def test_commandByCommand(self) -> None:
        """A client that waits has not pipelined, though it knows that it may."""
        connection = talk(standard(), HELLO).connection
        self.assertTrue(connection.pipelined)
        self.assertTrue(connection.earlyHello)
        self.assertFalse(connection.batched)
        self.assertFalse(connection.early)

    def test_batches(self) -> None:
        """One that sends two commands at once has."""
        said = talk(standard(), HELLO)
        said.feed(b"RSET\r\nRSET\r\n")
        self.assertTrue(said.connection.batched)
        self.assertFalse(said.connection.early)

    def test_theOctetsOfAChunkAreNoBatch(self) -> None:
        """What stands behind BDAT is its own."""
        said = talk(standard(), HELLO)
        for line in BEGIN.splitlines(True)[1:]:
            said.feed(line)
        said.feed(b"BDAT 5 LAST\r\nhello")
        self.assertEqual(said.codes[-1], 250)
        self.assertFalse(said.connection.batched)

    def test_beforeTheGreeting(self) -> None:
        """One that does not wait to be greeted."""
        said = talk(standard(), early=HELLO)
        self.assertEqual(said.codes, [220, 250])
        self.assertTrue(said.connection.early)
