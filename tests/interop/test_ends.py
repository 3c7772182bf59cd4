"""
How connections end: by the client's half first, by the server's end, by neither.
"""

from __future__ import annotations

import time

from .cases import InteropTestCase
from .wire import TLSWire, Wire, chunks, stuffed

BODY = b"Subject: hello\r\n\r\nIt works.\r\n.\r\n"
MAIL = b"MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@localhost>\r\n"

#: What a server may take to end though there are clients.
SOON_SECONDS = 20.0


class HalfCloseTests(InteropTestCase):
    """A client that says FIN directly behind its last word gets every reply."""

    def test_dataAndQuit(self) -> None:
        """Body, QUIT and FIN at once, after DATA."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.hello()
            wire.mail(b"bob@localhost")
            self.assertEqual(wire.say(b"DATA").code, 354)
            wire.send(stuffed(BODY) + b"QUIT\r\n")
            wire.end()
            self.assertEqual(wire.rest(), [250, 221])
        [message] = server.delivered(1)
        self.assertEqual(message.octets, BODY)

    def test_oneFlight(self) -> None:
        """All of a transaction, by BDAT, with QUIT and FIN."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.hello()
            wire.send(MAIL + chunks(BODY, 10) + b"QUIT\r\n")
            wire.end()
            count = len(range(0, len(BODY), 10))
            self.assertEqual(wire.rest(), [250, 250] + [250] * count + [221])
        server.delivered(1)

    def test_beforeTheGreeting(self) -> None:
        """All of a session with its FIN, before the greeting."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.send(b"EHLO client.example\r\n" + MAIL)
            wire.send(chunks(BODY, 1000) + b"QUIT\r\n")
            wire.end()
            self.assertEqual(wire.rest(), [220, 250, 250, 250, 250, 221])
        server.delivered(1)

    def test_withoutQuit(self) -> None:
        """FIN in place of QUIT: the final reply comes, and then the end."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.hello()
            wire.send(MAIL + chunks(BODY, 1000))
            wire.end()
            self.assertEqual(wire.rest(), [250, 250, 250])
        server.delivered(1)

    def test_insideABody(self) -> None:
        """FIN inside of a body: half a message is none."""
        server = self.serve()
        for begin in (b"DATA\r\nSubject: half\r\n", b"BDAT 1000 LAST\r\nSubject: half"):
            with Wire(server.port) as wire:
                wire.hello()
                wire.mail(b"bob@localhost")
                wire.send(begin)
                wire.end()
                self.assertNotIn(250, wire.rest())
        self.assertEqual(server.accepted(), [])

    def test_underTLS(self) -> None:
        """
        Under TLS a client can end its half as well (RFC 8446 section 6.1).  Twisted
        then ends ours too, so the replies are lost; the message is not.
        """
        server = self.serve()
        with TLSWire(server.tlsPort) as wire:
            wire.hear()
            wire.send(wire.records(b"EHLO client.example\r\n"))
            wire.hear()
            flight = wire.records(MAIL + chunks(BODY, 1000) + b"QUIT\r\n")
            wire.send(flight + wire.closeNotify())
            wire.end()
            wire.rest()
        [message] = server.delivered(1)
        self.assertEqual(message.octets, BODY)


class StopTests(InteropTestCase):
    """The server is stopped while clients are there."""

    def test_idleClients(self) -> None:
        """
        Clients that have nothing to say, in the clear and under TLS, are told 421,
        and the server ends soon, though none of them closes.
        """
        server = self.serve()
        with Wire(server.port) as clear, TLSWire(server.tlsPort) as secured:
            clear.hello()
            secured.hear()
            begun = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - begun, SOON_SECONDS)
            self.assertEqual(clear.rest(), [421])
            self.assertEqual(secured.rest(), [421])

    def test_nothingOfItIsARefusal(self) -> None:
        """The main log does not call it the refusal of a command of before."""
        server = self.serve()
        with Wire(server.port) as wire:
            wire.hello()
            wire.mail(b"bob@localhost")
            server.stop()
            self.assertEqual(wire.rest(), [421])
        self.assertNotIn("rejected RCPT", "\n".join(server.mainLog()))
