"""
Tests for L{smtpx.core.server} and L{smtpx.core.verbs}.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.effects import (
    MayConnect,
    TakeMessage,
    Waiting,
)
from smtpx.core.hooks import TLSInfo
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.standard import standard
from smtpx.testing.server import ScriptedPort, talk

from .made import pending

HELLO = b"EHLO c.example\r\n"
BEGIN = HELLO + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
NO = reply(550, "5.7.1", b"No")
LATER = reply(450, "4.7.1", b"Later")


class CommandTests(SynchronousTestCase):
    """
    Commands and their replies, without extensions.
    """

    def test_greeting(self) -> None:
        """
        What stands behind the name in the greeting is whoever's who runs it.
        """
        profile = ServerProfile(name=b"mx.example.org", greeting=b"Hello there")
        connection = ServerConnection(profile, ScriptedPort())
        self.assertEqual(connection.start(), b"220 mx.example.org Hello there\r\n")

    def test_wholeSession(self) -> None:
        """
        A client that speaks plain SMTP gets its message through, byte for byte.
        """
        said = talk(
            [],
            b"HELO c.example\r\nMAIL FROM:<a@b.example>\r\n"
            b"RCPT TO:<c@d.example>\r\nDATA\r\nSubject: x\r\n\r\n..y\r\n.\r\nQUIT\r\n",
        )
        self.assertEqual(
            said.replies,
            [
                b"220 mx.example.org ESMTP",
                b"250 mx.example.org",
                b"250 2.0.0 OK",
                b"250 2.0.0 OK",
                b"354 End data with <CR><LF>.<CR><LF>",
                b"250 2.0.0 Taken",
                b"221 2.0.0 Bye",
            ],
        )
        self.assertEqual(said.port.bodies, [b"Subject: x\r\n\r\n.y\r\n"])
        (envelope,) = said.port.taken
        self.assertEqual(
            (envelope.sender, [r.path for r in envelope.recipients], envelope.octets),
            (b"a@b.example", [b"c@d.example"], 18),
        )
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.port.dropped, 0)

    def test_order(self) -> None:
        """
        Commands out of order are 503, and what was said before stands.
        """
        said = talk(
            [],
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n"
            + HELLO
            + b"DATA\r\nRCPT TO:<a@b.example>\r\nMAIL FROM:<a@b.example>\r\n"
            b"MAIL FROM:<a@b.example>\r\nDATA\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
        )
        self.assertEqual(
            said.codes,
            [220, 503, 503, 503, 250, 503, 503, 250, 503, 554, 250, 354],
        )

    def test_badArguments(self) -> None:
        """
        Bad arguments are 501, unknown parameters 555, unknown verbs 500.
        """
        said = talk(
            [],
            b"EHLO\r\nHELO \r\nEHLO a b\r\n"
            + HELLO
            + b"MAIL\r\nMAIL FROM:a\r\nMAIL FROM:<a@b.example> SIZE=1\r\n"
            b"RSET x\r\nQUIT x\r\nDATA x\r\nFOO\r\nVRFY\r\nEXPN x\r\n",
        )
        self.assertEqual(
            said.codes,
            [220, 501, 501, 501, 250, 501, 501, 555, 501, 501, 501, 500, 501, 502],
        )

    def test_aRefusedDataKeepsTheArgumentOut(self) -> None:
        """
        A parameter after HELO is refused: it promised no extensions.
        """
        said = talk(standard(), b"HELO c.example\r\nMAIL FROM:<a@b.example> SIZE=1\r\n")
        self.assertEqual(said.codes[-1], 555)

    def test_failedHelloLeavesTheStateAlone(self) -> None:
        """
        A bad EHLO does not end a transaction (RFC 5321 section 4.1.4); a good
        one does.
        """
        said = talk([], BEGIN + b"EHLO \x01\r\nRCPT TO:<e@f.example>\r\n")
        self.assertEqual(said.codes[-2:], [501, 250])
        said.feed(HELLO)
        said.feed(b"RCPT TO:<e@f.example>\r\n")
        self.assertEqual(said.codes[-1], 503)

    def test_help(self) -> None:
        """
        HELP lists the commands, or has the syntax of one.
        """
        said = talk([], b"HELP\r\nHELP mail\r\nHELP foo\r\n")
        self.assertIn(b"MAIL NOOP QUIT RCPT", said.octets)
        self.assertEqual(
            said.replies[-2:],
            [
                b"214 2.0.0 MAIL FROM:<sender> [parameters]",
                b"504 5.5.4 No help on that",
            ],
        )

    def test_vrfy(self) -> None:
        """
        VRFY never tells; it wants ASCII unless SMTPUTF8 is said.
        """
        said = talk(
            standard(),
            HELLO + b"VRFY a\r\nVRFY \xc3\xa9\r\nVRFY \xc3\xa9 SMTPUTF8\r\n",
        )
        self.assertEqual(said.codes[-3:], [252, 550, 252])

    def test_utf8(self) -> None:
        """
        Addresses that are not ASCII need SMTPUTF8, in this very transaction.
        """
        said = talk(
            standard(),
            HELLO + b"MAIL FROM:<\xc3\xa9@b.example>\r\n"
            b"MAIL FROM:<\xc3\xa9@b.example> SMTPUTF8\r\n"
            b"RCPT TO:<\xc3\xa9@b.example>\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n"
            b"RCPT TO:<\xc3\xa9@b.example>\r\n",
        )
        self.assertEqual(said.codes[-6:], [550, 250, 250, 250, 250, 553])

    def test_trailingSpace(self) -> None:
        """
        White space before the end of a command is tolerated (RFC 5321 section
        4.1.1).
        """
        said = talk([], HELLO + b"MAIL FROM:<a@b.example> \t\r\nRSET \r\n")
        self.assertEqual(said.codes[-2:], [250, 250])

    def test_browser(self) -> None:
        """
        A browser that was led here is sent away at once.
        """
        said = talk([], b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", whole=True)
        self.assertEqual(said.codes, [220, 421])
        self.assertTrue(said.connection.closed)


class LineTests(SynchronousTestCase):
    """
    What is a line, and what is not.
    """

    def test_bareLineFeedIsNoCommand(self) -> None:
        """
        A command with a bare LF is an error, and what stands behind the LF is
        not looked at: it may be what somebody put into another's command.
        """
        script = b"NOOP\nMAIL FROM:<a@b.example>\r\nNOOP\r\n"
        for cut in range(len(script) + 1):
            said = talk([])
            for piece in (script[:cut], script[cut:]):
                if piece:
                    said.feed(piece)
            self.assertEqual(said.codes, [220, 500, 250], cut)

    def test_controls(self) -> None:
        """
        NUL and bare CR are no part of a command.
        """
        said = talk([], b"NOOP \x00\r\nNOOP \rx\r\n")
        self.assertEqual(said.codes, [220, 500, 500])

    def test_longLine(self) -> None:
        """
        A line that is too long is one error, however it comes, and the session
        goes on behind it; the limit itself is allowed.
        """
        bounds = Bounds(commandOctets=20)
        script = b"NOOP " + b"x" * 14 + b"\r\nNOOP " + b"x" * 13 + b"\r\n"
        for cut in range(len(script) + 1):
            said = talk([], bounds=bounds)
            for piece in (script[:cut], script[cut:]):
                if piece:
                    said.feed(piece)
            self.assertEqual(said.codes, [220, 500, 250], cut)
        said = talk([], bounds=bounds)
        for octet in script:
            said.feed(bytes([octet]))
        self.assertEqual(said.codes, [220, 500, 250])

    def test_nothingIsHeldOfAnEndlessLine(self) -> None:
        """
        Of a line without an end no more is kept than the limit.
        """
        said = talk([], bounds=Bounds(commandOctets=100))
        for _ in range(100):
            said.feed(b"x" * 90)
            self.assertLessEqual(said.connection.held, 190)


class SynchronisationTests(SynchronousTestCase):
    """
    Where the client has to wait.
    """

    def assertOutOfSync(self, octets: bytes, **more: Any) -> None:
        """The flight ends the connection with one 554."""
        said = talk([], octets, whole=True, **more)
        self.assertEqual(said.last, b"554 5.5.0 SMTP synchronisation error")
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.feed(b"NOOP\r\n"), b"")

    def test_beforeTheGreeting(self) -> None:
        """
        A client that talks before the greeting is sent away instead of it.
        """
        said = talk([], early=HELLO)
        self.assertEqual(said.codes, [554])

    def test_withoutLeave(self) -> None:
        """
        Nothing may stand behind EHLO, DATA, or any command without PIPELINING.
        """
        self.assertOutOfSync(HELLO + b"NOOP\r\n")
        said = talk([], HELLO)
        said.feed(b"NOOP\r\nNOOP\r\n")
        self.assertEqual(said.codes[-1], 554)

    def test_behindData(self) -> None:
        """
        Nothing may stand behind DATA before the 354, whoever asks.
        """
        said = talk(standard(), BEGIN)
        said.feed(b"DATA\r\nx\r\n.\r\n")
        self.assertEqual(said.codes[-1], 554)
        self.assertEqual(said.port.taken, [])

    def test_pipelined(self) -> None:
        """
        With PIPELINING a group comes at once, and the end of a message may be
        followed by the next; each flight is answered by one write.
        """
        said = talk(standard(), HELLO)
        out = said.feed(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        self.assertEqual(out.count(b"\r\n"), 3)
        out = said.feed(b"x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        self.assertEqual(out.count(b"\r\n"), 4)
        said.feed(b"y\r\n.\r\n")
        self.assertEqual(said.port.bodies, [b"x\r\n", b"y\r\n"])

    def test_helo(self) -> None:
        """
        HELO gives no leave to pipeline, neither behind it nor later.
        """
        said = talk(standard(), b"HELO c.example\r\n")
        said.feed(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
        self.assertEqual(said.codes, [220, 250, 554])
        said = talk(standard(), b"HELO c.example\r\nNOOP\r\n", whole=True)
        self.assertEqual(said.codes, [220, 554])

    def test_earlyOctetsAreBounded(self) -> None:
        """
        What comes before the greeting is kept only up to a limit.
        """
        profile = ServerProfile(bounds=Bounds(earlyOctets=10)).load(standard())
        connection = ServerConnection(profile, ScriptedPort())
        self.assertEqual(connection.feed(b"x" * 10), b"")
        self.assertEqual(connection.feed(b"x")[:3], b"554")
        self.assertTrue(connection.closed)


class EndTests(SynchronousTestCase):
    """
    How a connection ends.
    """

    def test_expire(self) -> None:
        """
        A client that takes too long gets 421, and its body is dropped.
        """
        said = talk([], BEGIN + b"DATA\r\nx\r\n")
        self.assertIs(said.connection.waiting, Waiting.BODY)
        self.assertEqual(said.connection.expire(), b"421 4.4.2 Timeout; closing\r\n")
        self.assertEqual(said.connection.expire(), b"")
        self.assertEqual(said.port.dropped, 1)

    def test_shutDown(self) -> None:
        """
        A server that stops says so.
        """
        said = talk([], HELLO)
        self.assertEqual(said.connection.shutDown()[:9], b"421 4.3.2")
        self.assertEqual(said.connection.answer(None), b"")
        self.assertEqual(said.connection.fail(ValueError()), b"")

    def test_lost(self) -> None:
        """
        When the client is gone everything is let go of, also a dialogue that
        waits.
        """
        said = talk([], answers={MayConnect: pending})
        said.connection.lost()
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.answer(None), b"")

    def test_messageInWorkIsNotDropped(self) -> None:
        """
        A message that is being committed when the client leaves is the
        spool's; it is not dropped.
        """
        said = talk([], BEGIN + b"DATA\r\nx\r\n.\r\n", answers={TakeMessage: pending})
        said.connection.lost()
        self.assertEqual(said.port.dropped, 0)

    def test_facts(self) -> None:
        """
        A session has an id of its own, a name, and knows its limits.
        """
        one, two = talk([], HELLO).connection, talk([]).connection
        self.assertNotEqual(one.id, two.id)
        self.assertEqual(one.id, one.id)
        self.assertEqual(one.name, b"mx.example.org")
        self.assertEqual(one.now(), 1000.0)
        self.assertFalse(one.tlsReady)
        self.assertEqual(
            (one.messageOctets, one.recipientsMax, one.transactionsMax, one.chunksMax),
            (52_428_800, 1000, None, 10_000),
        )
        self.assertFalse(one.stamps)
        self.assertIs(one.waiting, Waiting.COMMAND)
        fresh = ServerConnection(ServerProfile(), ScriptedPort())
        self.assertIs(fresh.waiting, Waiting.GREETING)


class TLSTests(SynchronousTestCase):
    """
    What a handshake changes.
    """

    def test_factsAreKept(self) -> None:
        """
        After implicit TLS the session is secured from the first command on.
        """
        info = TLSInfo(cipher="TLS_AES_128_GCM_SHA256")
        said = talk([], HELLO, secured=info)
        self.assertIs(said.connection.secured, info)
        self.assertEqual(evolve(info), info)
