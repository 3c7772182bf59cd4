"""
What was sent is what lies in the Maildir, octet for octet.

Above it are the Return-Path, the Delivered-To and the Received field that we
add; all else is as it came.
"""

from __future__ import annotations

from .bodies import LINES, OCTETS
from .cases import InteropTestCase
from .running import RunningServer
from .wire import Wire, chunks, pieces, stuffed

#: Sizes of chunks and of segments; the small ones only for small bodies.
ODD_SIZES = (1, 2, 3, 7, 64, 997, 4096, 65_535, 1_000_000)

#: How many chunks or segments a message is cut into at most.
MOST_PIECES = 5000


def sizesFor(octets: int) -> list[int]:
    """The sizes in which a body of so many octets is sent."""
    return [size for size in ODD_SIZES if octets / size <= MOST_PIECES]


class ExactnessTests(InteropTestCase):
    """A corpus of messages, sent in every way that there is."""

    def setUp(self) -> None:
        """There is a server, and nothing was sent yet."""
        super().setUp()
        self.server: RunningServer = self.serve()
        self.sent: dict[bytes, tuple[str, bytes]] = {}

    def recipient(self, name: str, body: bytes) -> bytes:
        """Somebody who gets this message and no other."""
        path = b"user%04d@localhost" % len(self.sent)
        self.sent[path] = (name, body)
        return path

    def compare(self) -> None:
        """All has arrived as it was sent."""
        for message in self.server.delivered(len(self.sent)):
            name, body = self.sent.pop(message.recipient)
            if message.octets != body:
                found, wanted = message.octets[:500], body[:500]
                self.fail(f"{name}: {found!r} is not {wanted!r}")
        self.assertEqual(self.sent, {})

    def data(self, wire: Wire, name: str, body: bytes, size: int) -> None:
        """Send by DATA, in segments."""
        wire.mail(self.recipient(name, body), b" BODY=8BITMIME")
        self.assertEqual(wire.say(b"DATA").code, 354)
        wire.sendPieces(pieces(stuffed(body), size))
        self.assertEqual(wire.hear().code, 250, name)

    def bdat(self, wire: Wire, name: str, body: bytes, size: int) -> None:
        """Send by BDAT, in chunks, all of them at once."""
        wire.mail(self.recipient(name, body), b" BODY=BINARYMIME")
        wire.send(chunks(body, size))
        count = max(1, -(-len(body) // size))
        self.assertEqual(set(wire.codes(count)), {250}, name)

    def test_data(self) -> None:
        """By DATA, in segments of many sizes, so that dots come at their borders."""
        with Wire(self.server.port) as wire:
            wire.hello()
            for name, body in LINES.items():
                for size in sizesFor(len(body)):
                    self.data(wire, f"{name}, segments of {size}", body, size)
        self.compare()

    def test_bdat(self) -> None:
        """By BDAT, in chunks of many sizes, so that CRLFs lie across their borders."""
        with Wire(self.server.port) as wire:
            wire.hello()
            for name, body in (LINES | OCTETS).items():
                for size in sizesFor(len(body)):
                    self.bdat(wire, f"{name}, chunks of {size}", body, size)
        self.compare()

    def test_bdatInSegments(self) -> None:
        """By BDAT, where the command, too, comes octet by octet."""
        with Wire(self.server.port) as wire:
            wire.hello()
            for name, body in (LINES | OCTETS).items():
                if len(body) < 2000:
                    wire.mail(self.recipient(name, body), b" BODY=BINARYMIME")
                    wire.sendPieces(pieces(chunks(body, 500), 1))
                    count = max(1, -(-len(body) // 500))
                    self.assertEqual(set(wire.codes(count)), {250}, name)
        self.compare()

    def test_underTLS(self) -> None:
        """All of them once more, under TLS."""
        with Wire(self.server.port) as wire:
            wire.hello()
            wire.startTLS(self.server.authority)
            for size in (16_384, 65_537):
                for name, body in LINES.items():
                    self.data(wire, f"{name}, segments of {size}", body, size)
                for name, body in (LINES | OCTETS).items():
                    self.bdat(wire, f"{name}, chunks of {size}", body, size)
        self.compare()

    def test_manyRecipients(self) -> None:
        """Each recipient of a message has the same, and its own name above it."""
        body = LINES["nested multiparts"]
        with Wire(self.server.port) as wire:
            wire.hello()
            wire.mail(b"user00@localhost")
            for number in range(1, 50):
                wire.say(b"RCPT TO:<user%02d@localhost>" % number)
            wire.send(chunks(body, 1000))
            while wire.hear().lines[0].startswith(b"2.0.0 1000"):
                pass
        messages = self.server.delivered(50)
        self.assertEqual({message.octets for message in messages}, {body})
        recipients = [message.recipient for message in messages]
        self.assertEqual(recipients, [b"user%02d@localhost" % n for n in range(50)])
        # Who else got it is nobody's business.
        self.assertNotIn(b"user", messages[0].received)
