"""
CHUNKING (RFC 3030), by a client that says odd things; never is the inside of a
chunk taken for a command.
"""

from __future__ import annotations

import contextlib

from .cases import InteropTestCase
from .running import RunningServer
from .wire import TLSWire, Wire

BODY = b"Subject: hello\r\n\r\nIt works.\r\n"

#: A chunk that would be a message of its own, were it read as commands.
TRAP = (
    b"RSET\r\nMAIL FROM:<mallory@example.com>\r\nRCPT TO:<trap@localhost>\r\n"
    b"BDAT 9 LAST\r\nsmuggled\n"
)

MAIL = b"MAIL FROM:<ann@example.com>\r\n"
RCPT = b"RCPT TO:<bob@localhost>\r\n"
NOBODY = b"RCPT TO:<eve@elsewhere.example>\r\n"


def last(body: bytes = BODY) -> bytes:
    """A body in one chunk."""
    return b"BDAT %d LAST\r\n%b" % (len(body), body)


def chunk(octets: bytes) -> bytes:
    """A chunk that is not the last."""
    return b"BDAT %d\r\n%b" % (len(octets), octets)


class ChunkingTests(InteropTestCase):
    """What is in order, and what is not."""

    def begin(self, configuration: str = "") -> Wire:
        """A session behind EHLO."""
        self.server: RunningServer = self.serve(configuration)
        return self.another()

    def another(self) -> Wire:
        """Another session with the same server."""
        wire = Wire(self.server.port)
        self.closing(wire.close)
        wire.hello()
        return wire

    def goodMessage(self, wire: Wire) -> None:
        """The session is still of use."""
        wire.send(MAIL + RCPT + last())
        self.assertEqual(wire.codes(3), [250, 250, 250])

    def only(self, *bodies: bytes) -> None:
        """These messages have arrived, and no other."""
        found = [message.octets for message in self.server.delivered(len(bodies))]
        self.assertEqual(sorted(found), sorted(bodies))
        self.assertEqual(len(self.server.accepted()), len(bodies))

    def nothing(self, wire: Wire) -> None:
        """No message was taken, in this session or another."""
        wire.close()
        self.assertEqual(self.server.accepted(), [])

    # --- in order ---------------------------------------------------------------

    def test_oneChunk(self) -> None:
        """MAIL, RCPT and one chunk (BB-40)."""
        wire = self.begin()
        self.goodMessage(wire)
        self.only(BODY)

    def test_betweenChunks(self) -> None:
        """NOOP goes between two chunks; the last may be empty (BB-41)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(BODY) + b"NOOP\r\nBDAT 0 LAST\r\n")
        self.assertEqual(wire.codes(5), [250] * 5)
        self.only(BODY)

    def test_cutInsideOfALine(self) -> None:
        """A chunk may end anywhere; the next command stands directly behind (BB-42)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(b"Sub") + chunk(b"ject: x\r") + last(b"\n\r\ny"))
        self.assertEqual(wire.codes(5), [250] * 5)
        self.only(b"Subject: x\r\n\r\ny")

    def test_reset(self) -> None:
        """RSET behind a chunk forgets it (BB-43)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(b"Subject: forgotten\r\n") + b"RSET\r\n")
        self.assertEqual(wire.codes(4), [250] * 4)
        self.goodMessage(wire)
        self.only(BODY)

    def test_emptyChunk(self) -> None:
        """An empty chunk that is not the last is as good as any (BB-45)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(BODY) + chunk(b"") + b"BDAT 0 LAST\r\n")
        self.assertEqual(wire.codes(5), [250] * 5)
        self.only(BODY)

    def test_noFinalLineEnd(self) -> None:
        """A body without a final CRLF stays so (BB-53)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + last(b"Subject: x\r\n\r\nno end"))
        self.assertEqual(wire.codes(3), [250] * 3)
        self.only(b"Subject: x\r\n\r\nno end")

    def test_dots(self) -> None:
        """Dots end nothing, and none is taken away (BB-54)."""
        body = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n.\r\n"
        wire = self.begin()
        wire.send(MAIL + RCPT + last(body) + b"QUIT\r\n")
        self.assertEqual(wire.rest(), [250, 250, 250, 221])
        self.only(body)

    def test_oddChunksThenMore(self) -> None:
        """
        Three odd chunks, and directly behind them the next transaction (BB-58):
        not an octet is lost, or a signature would no longer be good.
        """
        wire = self.begin()
        parts = [b"Subject: a\r\n\r", b"\nb", b"\r\n\r\n"]
        wire.send(MAIL + RCPT + chunk(parts[0]) + chunk(parts[1]) + last(parts[2]))
        wire.send(b"RSET\r\n" + MAIL + RCPT + last())
        self.assertEqual(wire.codes(9), [250] * 9)
        self.only(b"".join(parts), BODY)

    def test_bareLineEnds(self) -> None:
        """
        Line ends that stand alone, in the header too, are kept: a chunk has no
        lines (BB-52, BB-59a).
        """
        body = b"Subject: x\nTo: y\n\na\rb\n"
        wire = self.begin()
        wire.send(MAIL + RCPT + last(body))
        self.assertEqual(wire.codes(3), [250] * 3)
        self.only(body)

    # --- out of order -------------------------------------------------------------

    def test_tooShort(self) -> None:
        """A chunk that never comes whole is waited for so long, and no more (BB-44)."""
        wire = self.begin("[limits]\nbody_seconds = 1\n")
        wire.send(MAIL + RCPT + b"BDAT %d LAST\r\n%b" % (len(BODY) + 1, BODY))
        self.assertEqual(wire.rest(), [250, 250, 421])
        self.nothing(wire)

    def test_endInsideAChunk(self) -> None:
        """A client that ends in the middle of a chunk has sent no message."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(BODY) + b"BDAT 500 LAST\r\n" + TRAP)
        self.assertEqual(wire.codes(3), [250] * 3)
        wire.end()
        self.assertEqual(wire.rest(), [])
        self.nothing(wire)
        [line] = [each for each in self.server.mainLog() if " lost " in each]
        self.assertIn("lost while reading message data", line)

    def test_dataBehindAChunk(self) -> None:
        """DATA behind a chunk is out of order, once and again (BB-46)."""
        wire = self.begin()
        wire.send(MAIL + RCPT + chunk(BODY))
        self.assertEqual(wire.codes(3), [250] * 3)
        self.assertEqual(wire.say(b"DATA").code, 503)
        self.assertEqual(wire.say(b"DATA").code, 503)
        self.assertEqual(wire.say(b"RSET").code, 250)
        self.goodMessage(wire)
        self.only(BODY)

    def test_otherCommandsBehindAChunk(self) -> None:
        """So are MAIL, RCPT and EHLO, and the message is gone (BB-47)."""
        self.begin()
        for line in (MAIL, RCPT, b"EHLO client.example\r\n"):
            wire = self.another()
            wire.send(MAIL + RCPT + chunk(BODY))
            self.assertEqual(wire.codes(3), [250] * 3)
            self.assertEqual(wire.say(line[:-2]).code, 503)
            wire.send(b"BDAT 0 LAST\r\n")
            self.assertEqual(wire.hear().code, 503)
            self.assertEqual(wire.say(b"RSET").code, 250)
        self.nothing(wire)

    def test_nobodyToSendTo(self) -> None:
        """
        All recipients refused: each chunk is read, refused, and none of it is a
        command; more than once, and then a message goes (BB-48, BB-49).
        """
        wire = self.begin()
        refused = MAIL + NOBODY + chunk(TRAP) + last(TRAP) + b"RSET\r\nNOOP\r\n"
        for _ in range(2):
            wire.send(refused)
            codes = wire.codes(6)
            self.assertEqual([*codes[:2], *codes[4:]], [250, 550, 250, 250])
            self.assertEqual({code // 100 for code in codes[2:4]}, {5})
        self.goodMessage(wire)
        self.only(BODY)

    def test_sizesThatAreNone(self) -> None:
        """
        Where the size cannot be read the octets behind it cannot be told from
        commands: a reply, and the end (BB-50).
        """
        sizes = (b"", b" ", b" x", b" -5", b" +5", b" 5 LASTX", b" 5 LAST x", b" 0x5")
        self.begin()
        for size in (*sizes, b" " + b"9" * 30):
            wire = self.another()
            wire.mail(b"bob@localhost")
            wire.send(b"BDAT" + size + b"\r\n" + TRAP)
            self.assertEqual(wire.rest(), [501], size)
        self.nothing(wire)

    def test_hugeSize(self) -> None:
        """A size beyond any limit is refused, and what comes is read as octets."""
        wire = self.begin()
        wire.mail(b"bob@localhost")
        wire.send(b"BDAT 99999999999 LAST\r\n" + TRAP)
        self.assertTrue(wire.silence(0.5))
        self.nothing(wire)

    def test_beforeEHLO(self) -> None:
        """BDAT before EHLO and after HELO is refused, and its octets read (BB-51)."""
        server = self.server = self.serve()
        for hello, codes in ((b"", [220, 503]), (b"HELO c.example\r\n", [220, 250])):
            with Wire(server.port) as wire:
                self.assertEqual(wire.hear().code, 220)
                if hello:
                    self.assertEqual(wire.say(hello[:-2]).code, 250)
                wire.send(last(TRAP))
                self.assertEqual(wire.hear().code, 503, codes)
                self.assertEqual(wire.say(b"NOOP").code, 250)
        self.assertEqual(server.accepted(), [])

    def test_notOffered(self) -> None:
        """Where CHUNKING is switched off there is no such command (BB-51)."""
        wire = self.begin('[extensions]\ndisable = ["CHUNKING", "BINARYMIME"]\n')
        wire.mail(b"bob@localhost")
        self.assertEqual(wire.say(b"BDAT 0 LAST").code, 500)
        self.nothing(wire)

    def test_tooBig(self) -> None:
        """
        Too big in the second of three chunks: all three are read, and the next
        message goes (BB-55).
        """
        wire = self.begin("[limits]\nmessage_octets = 150\n")
        big = chunk(b"a" * 100) + chunk(TRAP) + last(TRAP)
        wire.send(MAIL + RCPT + big + b"RSET\r\n")
        codes = wire.codes(6)
        self.assertEqual([*codes[:4], codes[5]], [250, 250, 250, 552, 250])
        self.assertGreaterEqual(codes[4], 500)
        self.goodMessage(wire)
        self.only(BODY)

    def test_pipeliningWhereItIsNotOffered(self) -> None:
        """
        Two chunks in one write, though PIPELINING is not offered, are the one
        message that they would be otherwise, or none (BB-56).
        """
        wire = self.begin('[extensions]\ndisable = ["PIPELINING", "PIPECONNECT"]\n')
        wire.mail(b"bob@localhost")
        wire.send(chunk(BODY) + last(TRAP))
        codes = wire.codes(2)
        if codes == [250, 250]:
            self.only(BODY + TRAP)
        else:
            self.assertIn(554, codes)
            self.nothing(wire)

    def test_clearOctetsBehindTLS(self) -> None:
        """
        TLS that is ended inside of a chunk ends the connection; what comes behind
        it in the clear is seen by nobody (BB-59).
        """
        server = self.serve()
        with TLSWire(server.tlsPort) as wire:
            wire.hear()
            wire.send(wire.records(b"EHLO client.example\r\n"))
            wire.hear()
            wire.send(wire.records(MAIL + RCPT + b"BDAT 500 LAST\r\nSubject: x\r\n"))
            self.assertEqual(wire.codes(2), [250, 250])
            wire.send(wire.closeNotify() + b"x" * 500 + TRAP)
            self.assertEqual(wire.rest(), [])
        self.assertEqual(server.accepted(), [])

    def test_hundredThousandChunks(self) -> None:
        """
        A hundred thousand chunks of one octet each are refused at a limit, and
        take up no memory (BB-59b).
        """
        wire = self.begin()
        wire.mail(b"bob@localhost")
        before = self.server.residentOctets()
        self.server.forgetPeak()
        codes = set()
        with contextlib.suppress(EOFError, ConnectionError):
            for _ in range(100):
                wire.send(b"BDAT 1\r\nx" * 1000)
                for _ in range(1000):
                    codes.add(wire.hear().code)
        self.assertIn(552, codes)
        self.assertLess(self.server.peakOctets() - before, 8 << 20)
        self.nothing(wire)
