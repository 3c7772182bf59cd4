"""
The fuzz target of the server, for a moment: it still runs, and it can fail.
"""

from __future__ import annotations

import os
import random
import time

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.server import ServerConnection

from .fuzz_server import inputs, once, run
from .world import REPLIES, Manner, World

#: With the same seed and as many there is the same result everywhere.
SEED, INPUTS = 20261122, 3000

#: For how long instead, if somebody has more time.
SECONDS = os.environ.get("SMTPX_FUZZ_SECONDS")

MESSAGE = (
    b"EHLO client.example\r\nMAIL FROM:<ann@example.org>\r\n"
    b"RCPT TO:<bob@example.com>\r\nBDAT 5\r\nabcdeBDAT 3 LAST\r\nfghQUIT\r\n"
)


class FuzzTests(SynchronousTestCase):
    """Senseless input gets replies, or the end."""

    slow = True

    def test_inputs(self) -> None:
        """
        Some thousand inputs; for longer with another seed each time, if
        C{SMTPX_FUZZ_SECONDS} says so.
        """
        if SECONDS is None:
            self.assertEqual(run(SEED, lambda number: number >= INPUTS), INPUTS)
        else:
            until = time.monotonic() + float(SECONDS)
            run(time.time_ns() % 1_000_000_000, lambda _: time.monotonic() > until)

    def test_sameSeed(self) -> None:
        """The same seed has the same inputs."""
        first, second = inputs(5), inputs(5)
        for _ in range(100):
            self.assertEqual(next(first), next(second))

    def test_inputsMakeSense(self) -> None:
        """Many inputs get as far as a message."""
        taken: list[int] = []
        end = World.end

        def count(world: World) -> None:
            taken.append(len(world.taken))
            end(world)

        self.patch(World, "end", count)
        run(SEED, lambda number: number >= 300)
        # Many of the dialogues that they are made of end without one.
        self.assertGreater(sum(taken), len(taken) / 8)

    def test_anything(self) -> None:
        """Octets without any sense are an input too, and so is none."""
        once(b"")
        chance = random.Random(SEED)
        for size in range(100):
            once(chance.randbytes(size))


class OracleTests(SynchronousTestCase):
    """Were the server wrong, it would be seen."""

    def whole(self) -> World:
        """A dialogue with a message."""
        world = World(Manner())
        world.start()
        world.feed(MESSAGE)
        return world

    def test_good(self) -> None:
        """What is right is not complained about, however it is cut."""
        world = self.whole()
        self.assertEqual(
            world.taken, [(b"ann@example.org", (b"bob@example.com",), b"abcdefgh")]
        )
        for bits in range(64):
            for cuts in range(5):
                once(bytes([bits, cuts, 0]) + MESSAGE)

    def test_exception(self) -> None:
        """An exception comes through."""
        self.patch(ServerConnection, "feed", lambda server, octets: 1 // 0)
        self.assertRaises(ZeroDivisionError, once, bytes(3) + MESSAGE)

    def test_trouble(self) -> None:
        """What the server caught, as it does with hooks, counts as well."""
        world = World(Manner())
        error = ZeroDivisionError()
        self.assertRaises(ZeroDivisionError, world.trouble, "SIZE", error)

    def test_lostOctets(self) -> None:
        """An octet of a body that is lost is noticed."""
        keep = World.body
        self.patch(World, "body", lambda world, octets: keep(world, octets[1:]))
        self.assertRaises(AssertionError, once, bytes(3) + MESSAGE)

    def test_lostChunk(self) -> None:
        """A body that is neither taken nor dropped is noticed."""
        self.patch(World, "dropBody", lambda world: None)
        half = MESSAGE.partition(b"BDAT 3")[0]
        self.assertRaises(AssertionError, once, bytes(3) + half)

    def test_difference(self) -> None:
        """Where it matters how the input is cut, that is noticed."""
        feed = ServerConnection.feed

        def forgetful(server: ServerConnection, octets: bytes) -> bytes:
            return feed(server, octets[1:] if len(octets) == 1 else octets)

        self.patch(ServerConnection, "feed", forgetful)
        self.assertRaises(AssertionError, once, bytes([0, 1, 0]) + MESSAGE)

    def test_replies(self) -> None:
        """Only whole replies with one code are replies."""
        for good in (
            b"",
            b"250 OK\r\n",
            b"250-a\r\n250-b\r\n250 c\r\n220 x\r\n354\r\n",
        ):
            self.assertTrue(REPLIES.match(good), good)
        for bad in (
            b"250 OK",
            b"250 OK\n",
            b"250-a\r\n",
            b"250-a\r\n251 b\r\n",
            b"250 a\rb\r\n",
            b"650 OK\r\n",
            b"\r\n",
            b"250 a\0\r\n",
        ):
            self.assertFalse(REPLIES.match(bad), bad)

    def test_bodies(self) -> None:
        """Octets of no body, and the end of none, are noticed."""
        world = self.whole()
        self.assertRaises(AssertionError, world.dropBody)
        self.assertRaises(AssertionError, world.body, b"x")
