"""
A message is a stream: a gigabyte goes through a server that has no room for it.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from .cases import InteropTestCase
from .running import RunningProgram
from .wire import Wire

GIGABYTE = 1 << 30

#: As much of the body as is made at once: lines, some with a dot in front.
BLOCK = (b"x" * 76 + b"\r\n" + b"." + b"y" * 75 + b"\r\n") * 1680
BLOCKS = -(-GIGABYTE // len(BLOCK))

#: How fast the slow one takes it, in octets a second, and for how long.
RATE = 1_000_000
SLOW_SECONDS = 6.0

#: What the server may need besides what it needs when idle.
ROOM_OCTETS = 16 << 20

#: What the sender's kernel keeps, and what the whole way may keep at most, though
#: a system may let a receiving kernel keep more.
WINDOW_OCTETS = 65_536
KEPT_OCTETS = 12 << 20

#: How long a disk may take for a gigabyte.
DISK_SECONDS = 300.0


def blocks(chunked: bool) -> Iterator[bytes]:
    """
    The body in pieces, as they are sent.

    @param chunked: by BDAT; else by DATA, with dots stuffed.
    """
    stuffed = BLOCK.replace(b"\r\n.", b"\r\n..")
    for number in range(BLOCKS):
        if chunked:
            last = b" LAST" if number == BLOCKS - 1 else b""
            yield b"BDAT %d%b\r\n%b" % (len(BLOCK), last, BLOCK)
        else:
            yield stuffed
    if not chunked:
        yield b".\r\n"


class StreamTests(InteropTestCase):
    """A gigabyte in one message."""

    def throttled(self) -> tuple[RunningProgram, int]:
        """
        A server that takes C{RATE} for a while.

        @return: it, and its port.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        words = [sys.executable, "-m", "tests.interop.throttled"]
        words += ["--rate", str(RATE), "--seconds", str(SLOW_SECONDS)]
        program = RunningProgram(folder, words)
        self.running(program)
        listening = re.compile(r"Listening on port (\d+)")
        program.await_(listening)
        found = listening.search(program.said())
        assert found is not None
        return program, int(found[1])

    def send(self, program: RunningProgram, port: int, chunked: bool) -> list[float]:
        """
        Send a gigabyte; the server's memory stays as it was.

        @return: for each block, when it had been sent, in seconds from the first.
        """
        with Wire(port, WINDOW_OCTETS, DISK_SECONDS) as wire:
            wire.hello()
            # What there is after the first message stays; it counts as idle.
            wire.mail(b"bob@localhost")
            wire.send(b"BDAT 200000 LAST\r\n" + b"x\r\n" * 66_666 + b"\r\n")
            self.assertEqual(wire.hear().code, 250)
            before = program.residentOctets()
            program.forgetPeak()
            wire.mail(b"bob@localhost")
            # Not later than the taker's own clock begins.
            begun = time.monotonic()
            if not chunked:
                self.assertEqual(wire.say(b"DATA").code, 354)
            times = []
            answers = BLOCKS if chunked else 1
            codes: list[int] = []
            reading = threading.Thread(target=lambda: codes.extend(wire.codes(answers)))
            reading.start()
            try:
                for block in blocks(chunked):
                    wire.send(block)
                    times.append(time.monotonic() - begun)
            finally:
                reading.join()
            self.assertEqual(codes, [250] * answers)
            self.assertLess(program.peakOctets() - before, ROOM_OCTETS)
        return times

    def stalls(self, chunked: bool) -> None:
        """
        While the taker is slow so is the sender: at first it fills what the
        kernel and the server have for it, and then it is held to the rate.
        """
        program, port = self.throttled()
        times = self.send(program, port, chunked)
        halfway = SLOW_SECONDS / 2
        early = sum(when < halfway for when in times) * len(BLOCK)
        late = sum(halfway <= when < SLOW_SECONDS - 0.5 for when in times) * len(BLOCK)
        self.assertLess(early, RATE * halfway + KEPT_OCTETS)
        self.assertLess(late, 2 * RATE * halfway)
        self.assertGreater(late, RATE * halfway / 4)

    def test_slowTakerByData(self) -> None:
        """By DATA, to somebody who takes a megabyte a second at first."""
        self.stalls(False)

    def test_slowTakerByBdat(self) -> None:
        """By BDAT, all chunks pipelined."""
        self.stalls(True)

    def test_spool(self) -> None:
        """Into the real spool, where the disk is what does not keep up."""
        server = self.serve(
            '[limits]\nmessage_octets = "unlimited"\n'
            '[[route]]\nmatch = ["*"]\ntransport = "discard"\n'
        )
        self.send(server, server.port, True)
        [_, line] = server.accepted()
        self.assertIn(f" S={BLOCKS * len(BLOCK)} ", line + " ")
