"""
Clients that take their time: the server does not wait for ever, and for each
thing only so long, however little comes however often.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .cases import InteropTestCase
from .running import RunningServer
from .wire import Wire

#: One octet now and then.
TRICKLE_SECONDS = 0.1

#: A limit of one second is noticed within two, on a machine with other work
#: within these.
MOST_SECONDS = 25.0

LIMITS = """
[limits]
command_seconds = 1
body_seconds = 1
handshake_seconds = 1
close_seconds = 1
# One client is to be stopped by time, and not by what it asks for.
put_off_max = 10_000_000
"""


class SlowTests(InteropTestCase):
    """Time limits of a second, and clients that send an octet every now and then."""

    def setUp(self) -> None:
        """There is a server with short limits."""
        super().setUp()
        self.server: RunningServer = self.serve(LIMITS)

    @contextmanager
    def bounded(self, least: float = 0.9) -> Iterator[None]:
        """What is done in here ends at a time limit of a second: not earlier."""
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        self.assertGreater(seconds, least)
        self.assertLess(seconds, MOST_SECONDS)

    def trickle(self, wire: Wire, octets: bytes) -> list[int]:
        """
        Send one octet now and then, until the server has had enough.

        @return: what it says.
        """
        for octet in octets * 1000:
            try:
                wire.send(bytes([octet]))
            except ConnectionError:
                break
            if not wire.silence(TRICKLE_SECONDS):
                break
        return wire.rest()

    def test_silence(self) -> None:
        """A client that says nothing is told 421, and that is the end."""
        with self.bounded(), Wire(self.server.port) as wire:
            self.assertEqual(wire.rest(), [220, 421])

    def test_commandByOctets(self) -> None:
        """A command that comes octet by octet, and never whole, is none."""
        with self.bounded(), Wire(self.server.port) as wire:
            self.assertEqual(wire.hear().code, 220)
            self.assertEqual(self.trickle(wire, b"x"), [421])

    def test_bodyByOctets(self) -> None:
        """A body that comes octet by octet is too slow, by DATA and by BDAT."""
        for begin in (b"DATA\r\n", b"BDAT 100000 LAST\r\n"):
            with Wire(self.server.port) as wire:
                wire.hello()
                wire.mail(b"bob@localhost")
                with self.bounded():
                    wire.send(begin)
                    if begin == b"DATA\r\n":
                        self.assertEqual(wire.hear().code, 354)
                    self.assertEqual(self.trickle(wire, b"x"), [421])
        self.assertEqual(self.server.accepted(), [])

    def test_handshakeByOctets(self) -> None:
        """A TLS handshake that never ends is cut off: implicit, and STARTTLS."""
        # A ClientHello of 16 KB, that never comes whole.
        hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(1000)
        for implicit in (True, False):
            port = self.server.tlsPort if implicit else self.server.port
            with self.bounded(), Wire(port) as wire:
                if not implicit:
                    wire.hello()
                    self.assertEqual(wire.say(b"STARTTLS").code, 220)
                self.assertEqual(self.trickle(wire, hello), [])

    def test_handshakeThatNeverBegins(self) -> None:
        """Nor is there an end to wait for where it does not begin."""
        with self.bounded(), Wire(self.server.tlsPort) as wire:
            self.assertEqual(wire.rest(), [])

    def test_repliesThatAreNotTaken(self) -> None:
        """
        A client that asks and asks, and does not read the replies, is not read
        either, and is gone after a while.
        """
        with Wire(self.server.port, window=4096) as wire:
            wire.hello()
            wire.mail(b"bob@localhost")
            before = self.server.residentOctets()
            self.server.forgetPeak()
            with self.bounded(), self.assertRaises(ConnectionError):
                for _ in range(1000):
                    wire.send(b"RCPT TO:<bob@localhost>\r\n" * 1000)
            self.assertLess(self.server.peakOctets() - before, 8 << 20)

    def test_others(self) -> None:
        """Meanwhile somebody else's message goes through."""
        with Wire(self.server.port) as slow, Wire(self.server.port) as quick:
            slow.send(b"EHLO s")
            quick.hello()
            quick.mail(b"bob@localhost")
            quick.send(b"BDAT 4 LAST\r\nx\r\n\n")
            self.assertEqual(quick.hear().code, 250)
            self.assertEqual(slow.rest(), [220, 421])
