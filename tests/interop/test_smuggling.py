"""
SMTP smuggling: only CRLF, dot, CRLF ends a message (RFC 5321 section 4.1.1.4).

Whatever else is in it, what stands behind is never a second message.
"""

from __future__ import annotations

import re

from .cases import InteropTestCase
from .running import RunningServer
from .wire import Wire, pieces

#: What some server took for the end of a message, or some client let through.
ENDS = (
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\n\r",
    b"\n\n.\r\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\r\n\x85.\x85\r\n",
    "\u2028.\u2028".encode(),
)

#: The commands that somebody wants to smuggle in, by DATA and by BDAT.
SMUGGLED = (
    b"MAIL FROM:<mallory@example.com>\r\nRCPT TO:<trap@localhost>\r\n"
    b"BDAT 21 LAST\r\nSubject: smuggled\r\n\r\n"
    b"MAIL FROM:<mallory@example.com>\r\nRCPT TO:<trap@localhost>\r\n"
    b"DATA\r\nSubject: smuggled\r\n\r\nx"
)


class SmugglingTests(InteropTestCase):
    """Each sequence in one flight, and cut at odd places."""

    def attack(self, server: RunningServer, end: bytes, size: int) -> int:
        """
        Send a message with C{end} in it, and commands behind that.

        @param size: of the pieces in which it is sent.
        @return: the one reply to it.
        """
        with Wire(server.port) as wire:
            wire.hello()
            wire.mail(b"bob@localhost")
            self.assertEqual(wire.say(b"DATA").code, 354)
            body = b"Subject: good\r\n\r\nx" + end + SMUGGLED + b"\r\n.\r\n"
            # The true end may stand in what was to look like one.
            whole = body[: body.index(b"\r\n.\r\n") + 5]
            wire.sendPieces(pieces(whole, size))
            code = wire.hear().code
            self.assertTrue(wire.silence(0.02), end)
            wire.send(b"QUIT\r\n")
            self.assertEqual(wire.rest(), [221], end)
            return code

    def noneIsSmuggled(self, server: RunningServer, taken: int) -> None:
        """
        As many messages are there as were answered with 250, all from the one
        client that there was.
        """
        messages = server.delivered(taken) if taken else []
        self.assertEqual({m.sender for m in messages} - {b"ann@example.com"}, set())
        self.assertEqual({m.recipient for m in messages} - {b"bob@localhost"}, set())
        lines = server.accepted()
        self.assertEqual(len(lines), taken)
        self.assertNotIn("mallory", "".join(lines))

    def test_refused(self) -> None:
        """Where a CR or LF stands alone the message is refused, once."""
        server = self.serve()
        taken = 0
        for end in ENDS:
            for size in (1 << 20, 1, 3):
                code = self.attack(server, end, size)
                alone = re.search(rb"\r(?!\n)|(?<!\r)\n", end)
                self.assertEqual(code, 550 if alone else 250, end)
                taken += code == 250
        self.noneIsSmuggled(server, taken)

    def test_normalised(self) -> None:
        """
        Where the operator wants them made whole, they are, and end nothing either.
        """
        server = self.serve('[limits]\nbare_lines = "normalise"\n')
        for end in ENDS:
            for size in (1 << 20, 1, 3):
                self.assertEqual(self.attack(server, end, size), 250, end)
        self.noneIsSmuggled(server, 3 * len(ENDS))
        for message in server.messages():
            self.assertIsNone(re.search(rb"\r(?!\n)|(?<!\r)\n", message.octets))

    def test_linesOfBdatInData(self) -> None:
        """BDAT inside of DATA is text (BB-60)."""
        server = self.serve()
        body = b"Subject: x\r\n\r\nBDAT 5 LAST\r\nQUIT\r\n..\r\n"
        with Wire(server.port) as wire:
            wire.hello()
            wire.mail(b"bob@localhost")
            self.assertEqual(wire.say(b"DATA").code, 354)
            wire.send(body + b".\r\nQUIT\r\n")
            self.assertEqual(wire.rest(), [250, 221])
        [message] = server.delivered(1)
        self.assertEqual(message.octets, body.replace(b"..", b"."))

    def test_bareLineEndsInCommands(self) -> None:
        """A LF or CR alone ends no command; nothing on such a line is one."""
        server = self.serve()
        for line in (
            b"NOOP\nMAIL FROM:<mallory@example.com>\r\n",
            b"NOOP\rMAIL FROM:<mallory@example.com>\r\n",
            b"RCPT TO:<trap@localhost>\nDATA\r\n",
            b"RCPT TO:<trap\r@localhost>\r\n",
            b"RCPT TO:<trap\0@localhost>\r\n",
        ):
            with Wire(server.port) as wire:
                wire.hello()
                wire.mail(b"bob@localhost")
                wire.send(line)
                codes = wire.codes(1)
                wire.send(b"QUIT\r\n")
                self.assertEqual({*codes, *wire.rest()} - {500, 501}, {221}, line)
        self.assertEqual(server.accepted(), [])

    def test_beforeSTARTTLS(self) -> None:
        """What was sent in the clear behind STARTTLS is never carried into TLS."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.hello()
            wire.send(b"STARTTLS\r\n" + SMUGGLED)
            self.assertEqual(wire.rest(), [554])
        self.assertEqual(server.accepted(), [])

    def test_browsers(self) -> None:
        """A browser that was led here gets no second line in."""
        server = self.serve()
        post = b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO c\r\n" + SMUGGLED + b"\r\n.\r\n"
        with Wire(server.port) as wire:
            self.assertEqual(wire.hear().code, 220)
            wire.send(post)
            codes = wire.rest()
            self.assertEqual([code // 100 > 3 for code in codes], [True], codes)
        self.assertEqual(server.accepted(), [])
