"""
Clients that talk before they are greeted (PIPECONNECT), on real sockets: those that
may, those that may not, and those that are refused.
"""

from __future__ import annotations

import contextlib
import re

from .cases import InteropTestCase
from .running import RunningServer, waitFor
from .wire import TLSWire, Wire

HELLO = b"EHLO client.example\r\n"
MAIL = b"MAIL FROM:<ann@client.example>\r\n"
RCPT = b"RCPT TO:<bob@localhost>\r\n"
BODY = b"Subject: early\r\n\r\nIt works.\r\n"
CHUNK = b"BDAT %d LAST\r\n%b" % (len(BODY), BODY)

_LOGGED = '[log]\nselectors = ["+pipelining", "+smtp_connection"]\n'
_NOBODY = """\
[extensions.PIPECONNECT]
pipelining_connect_advertise_hosts = []
"""

#: A policy that thinks for a second.
_THINKING = '[policy]\npython = ["tests.interop.hesitant:{name}"]\n' + _LOGGED


class EarlyTestCase(InteropTestCase):
    """A server of ours, and clients that do not wait."""

    def early(self, server: RunningServer, octets: bytes, tls: bool = False) -> Wire:
        """
        A client that says this at once.

        It is there before the server can have greeted: under TLS it comes with the
        end of the handshake.
        """
        if tls:
            secured = TLSWire(server.tlsPort, octets)
            self.closing(secured.close)
            return secured
        with server.halted():
            wire = Wire(server.port)
            self.closing(wire.close)
            wire.send(octets)
        return wire

    def logged(self, server: RunningServer, pattern: str) -> None:
        """Wait until the main log has a line."""
        found = re.compile(pattern)
        waitFor(
            lambda: any(found.search(line) for line in server.mainLog()),
            f"{pattern!r} in the main log",
        )


class AllowedTests(EarlyTestCase):
    """Those that may."""

    def test_whole(self) -> None:
        """
        A whole session in one write, in the clear and under TLS: all replies, in
        order, and C{L*} in the log.
        """
        server = self.serve(_LOGGED)
        for tls in (False, True):
            wire = self.early(server, HELLO + MAIL + RCPT + CHUNK + b"QUIT\r\n", tls)
            self.assertEqual(wire.rest(), [220, 250, 250, 250, 250, 221])
        self.assertEqual({each.octets for each in server.delivered(2)}, {BODY})
        for line in server.accepted():
            self.assertRegex(line, r" P=esmtp(?: L\*|s L\* X=\S+ CV=no) K S=")

    def test_data(self) -> None:
        """The same by DATA, whose body waits for the 354."""
        server = self.serve(_LOGGED)
        wire = self.early(server, HELLO + MAIL + RCPT + b"DATA\r\n")
        self.assertEqual(wire.codes(5), [220, 250, 250, 250, 354])
        wire.send(BODY + b".\r\n")
        self.assertEqual(wire.codes(1), [250])
        self.assertIn(" P=esmtp L* ", server.accepted()[0])

    def test_startTLS(self) -> None:
        """EHLO and STARTTLS at once; under TLS it may go on so."""
        server = self.serve(_LOGGED)
        wire = self.early(server, HELLO + b"STARTTLS\r\n")
        self.assertEqual(wire.codes(3), [220, 250, 220])
        wire.secure(server.authority)
        wire.send(HELLO + MAIL + RCPT + CHUNK)
        hello = wire.hear()
        self.assertIn(b"PIPECONNECT", hello.lines)
        self.assertEqual(wire.codes(3), [250, 250, 250])
        self.assertIn(" P=esmtps L* ", server.accepted()[0])

    def test_injected(self) -> None:
        """Nothing behind STARTTLS is done, neither in the clear nor under TLS."""
        server = self.serve()
        wire = self.early(server, HELLO + b"STARTTLS\r\n" + MAIL)
        self.assertEqual(wire.rest(), [220, 250, 554])

    def test_thinking(self) -> None:
        """While the policy thinks, what was sent waits; then all replies come."""
        server = self.serve(_THINKING.format(name="WELCOMING"))
        wire = self.early(server, HELLO + MAIL + RCPT + CHUNK)
        self.assertTrue(wire.silence(0.5))
        self.assertEqual(wire.hear().code, 220)
        self.assertIn(b"PIPECONNECT", wire.hear().lines)
        self.assertEqual(wire.codes(3), [250, 250, 250])

    def test_strangers(self) -> None:
        """Who was never offered it is told apart in the log of events."""
        server = self.serve('[log]\njson = "events.json"\n')
        for _ in range(2):
            wire = self.early(server, HELLO + b"QUIT\r\n")
            self.assertEqual(wire.rest(), [220, 250, 221])
        path = server.folder / "events.json"
        waitFor(lambda: path.read_text().count('"session.closed"') >= 2, "two ends")
        said = re.findall(r'"early":\s*"(\w+)"', path.read_text())
        self.assertEqual(said, ["stranger", "offered"])


class ForbiddenTests(EarlyTestCase):
    """Those that may not."""

    def test_notListed(self) -> None:
        """554 in place of the greeting, and the log shows what came."""
        server = self.serve(_LOGGED + _NOBODY)
        wire = self.early(server, HELLO + MAIL + b"AUTH PLAIN AGZyZWQAcGFzcw==\r\n")
        self.assertEqual(wire.rest(), [554])
        self.logged(
            server,
            r"SMTP protocol synchronization error \(input sent without waiting for"
            r" greeting\): rejected connection from H=.*\[127\.0\.0\.1\]"
            r' input="EHLO client\.example"$',
        )
        self.assertNotIn("AGZy", "".join(server.mainLog()))
        with Wire(server.port) as patient:
            self.assertEqual(patient.hear().code, 220)
            patient.send(HELLO)
            hello = patient.hear()
        self.assertIn(b"PIPELINING", hello.lines)
        self.assertNotIn(b"PIPECONNECT", hello.lines)

    def test_junk(self) -> None:
        """A megabyte of junk is not read to its end, nor kept."""
        server = self.serve(_LOGGED)
        with Wire(server.port) as wire:
            wire.hear()
        before = server.residentOctets()
        server.forgetPeak()
        for junk in (b"x", b"GET / HTTP/1.1\r\n"):
            wire = self.early(server, junk * (100_000 // len(junk)))
            with contextlib.suppress(ConnectionError):
                # It may be closed while there is more to be read.
                self.assertEqual(wire.rest(), [554])
                wire.send(junk * (1 << 16))
        self.assertLess(server.peakOctets() - before, 1 << 20)

    def test_junkWhileThinking(self) -> None:
        """Nor while the policy thinks: the kernel has to keep it."""
        server = self.serve(_THINKING.format(name="WELCOMING"))
        before = server.residentOctets()
        server.forgetPeak()
        wire = self.early(server, HELLO)
        wire.send(b"x" * (64 << 20))
        self.assertEqual(wire.codes(2), [220, 250])
        self.assertLess(server.peakOctets() - before, 8 << 20)

    def test_refused(self) -> None:
        """A refused client gets that one reply, whatever it sent."""
        server = self.serve(_THINKING.format(name="REFUSING"))
        wire = self.early(server, HELLO + MAIL + RCPT + CHUNK + b"QUIT\r\n")
        self.assertEqual(wire.rest(), [550])
        listed = self.serve('[policy]\nrefuse_hosts = ["127.0.0.1"]\n')
        for tls in (False, True):
            wire = self.early(listed, HELLO + MAIL + RCPT + CHUNK, tls)
            self.assertEqual(wire.rest(), [554])

    def test_gone(self) -> None:
        """One that is gone at once leaves a line, and nothing is amiss."""
        server = self.serve(_LOGGED)
        wire = Wire(server.port)
        wire.close()
        self.logged(server, r"SMTP connection from .* lost")
        self.assertNotIn("Traceback", server.said())

    def test_theSecondMessage(self) -> None:
        """Behind a message the keyword is gone, and with it the leave."""
        server = self.serve()
        wire = self.early(server, HELLO + MAIL + RCPT + CHUNK)
        self.assertEqual(wire.codes(5), [220, 250, 250, 250, 250])
        wire.send(HELLO)
        self.assertNotIn(b"PIPECONNECT", wire.hear().lines)
        wire.send(HELLO + MAIL)
        self.assertEqual(wire.rest(), [554])
