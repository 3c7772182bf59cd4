"""
Named transactions (RFC 1845) and several workers: it makes no difference to which of
them a client comes, nor which of them dies, or hangs, in between.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .cases import InteropTestCase
from .running import (
    PATIENCE_SECONDS,
    RunningServer,
    removeFolder,
    unread,
    waitFor,
)

_HELLO = b"EHLO client.example\r\n"
_TEXT = b"Subject: named\r\n\r\nText\r\n"
_LINE = b"0123456789" * 7 + b"\r\n"
_LONG = b"Subject: long\r\n\r\n" + _LINE * 15_000

_HOLD = '[[route]]\nmatch = ["*"]\ntransport = "hold"\n'

#: How often a worker is killed under a flight.
_ROUNDS = 8


def _mail(number: int) -> bytes:
    """MAIL with a name, and RCPT."""
    return (
        b"MAIL FROM:<a@client.example> TRANSID=<%d.4f2a@client.example>\r\n" % number
        + b"RCPT TO:<bob@localhost>\r\n"
    )


def _flight(number: int) -> bytes:
    """A whole session but its QUIT, in one flight."""
    return _HELLO + _mail(number) + b"BDAT %d LAST\r\n%b" % (len(_TEXT), _TEXT)


def _tell(processes: Iterable[int], number: int) -> None:
    """Send a signal to those that are there still."""
    for each in processes:
        # A name of this module that is "suppress" would mean something to trial.
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


class Client:
    """A client without a mind of its own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._file = self._socket.makefile("rb")

    def send(self, octets: bytes) -> None:
        """Say something; whoever is dead by now does not hear it."""
        try:
            self._socket.sendall(octets)
        except OSError:
            return

    def reply(self) -> bytes:
        """The last line of the next reply; empty: the connection has ended."""
        try:
            while True:
                line = self._file.readline()
                if line[3:4] != b"-":
                    return line.rstrip()
        except OSError:
            return b""

    def replies(self, count: int) -> list[bytes]:
        """So many."""
        return [self.reply() for _ in range(count)]

    def close(self) -> None:
        """Go away without a word."""
        self._file.close()
        self._socket.close()


class CheckpointWorkersTests(InteropTestCase):
    """C{twistd smtpx} with two workers, and clients that come again."""

    def setUp(self) -> None:
        """A server that keeps what it gets."""
        super().setUp()
        folder = Path(tempfile.mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, folder)
        self.folder = folder
        self.server: RunningServer = self.serve(_HOLD, workers=2, folder=folder)
        waitFor(lambda: len(self.server.workers) == 2, "two workers")

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """For a moment, only one worker takes connections."""
        others = [each for each in self.server.workers if each != worker]
        _tell(others, signal.SIGSTOP)
        try:
            yield
        finally:
            _tell(others, signal.SIGCONT)

    def at(self, worker: int) -> Client:
        """A client of a worker."""
        with self.only(worker):
            client = Client(self.server.port)
            self.assertEqual(client.reply()[:3], b"220")
        return client

    def living(self, killed: set[int]) -> int:
        """How many workers there are; none: one that was killed is among them."""
        workers = set(self.server.workers)
        return 0 if workers & killed else len(workers)

    def played(self, number: int, worker: int | None = None) -> list[bytes]:
        """
        Play a flight until it is taken; what is said to RCPT and to the message.

        @param worker: to whom; L{None}: to any.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if worker is None:
                client = Client(self.server.port)
                client.reply()
            else:
                client = self.at(worker)
            try:
                client.send(_flight(number))
                _, mail, *rest = client.replies(4)
            finally:
                client.close()
            if mail[:3] in (b"250", b"355"):
                return rest
            self.assertIn(mail[:3], (b"451", b"", b"421"))
            time.sleep(0.2)
        raise AssertionError(f"{number} is never taken")

    def stored(self) -> Counter[int]:
        """Stop the server; how long each message is that it has."""
        self.server.stop()
        found: Counter[int] = Counter()
        for file in self.folder.glob("state/spool/*/spool.db"):
            connection = sqlite3.connect(file)
            try:
                rows = connection.execute("SELECT octets FROM message").fetchall()
            finally:
                connection.close()
            found.update([octets for (octets,) in rows])
        return found

    def test_toAnother(self) -> None:
        """
        What one worker has taken another answers as that did, also when that was
        killed, and when both were started anew.
        """
        one, two = self.server.workers
        first = self.played(1, one)
        self.assertEqual([each[:3] for each in first], [b"250", b"250"])
        self.assertEqual(self.played(1, two), first)
        os.kill(one, signal.SIGKILL)
        self.assertEqual(self.played(1, two), first)
        waitFor(lambda: len(set(self.server.workers) - {one}) == 2, "a successor")
        self.assertEqual(self.played(1, self.server.workers[-1]), first)
        self.server.stop()
        self.server = self.serve(_HOLD, workers=2, folder=self.folder)
        for worker in self.server.workers:
            self.assertEqual(self.played(1, worker), first)
        self.assertEqual(self.stored(), Counter([len(_TEXT)]))

    def test_atOnce(self) -> None:
        """The same flight on eight connections at once is one message."""
        for number in range(3):
            with ThreadPoolExecutor(8) as pool:
                said = list(pool.map(self.played, [number] * 8))
            self.assertEqual(said, [said[0]] * 8)
            self.assertEqual(said[0][1][:3], b"250")
        self.assertEqual(self.stored(), Counter({len(_TEXT): 3}))

    def test_goesOn(self) -> None:
        """A message that is cut short at one worker goes on at the other."""
        one, two = self.server.workers
        client = self.at(one)
        client.send(_HELLO + _mail(1) + b"BDAT %d LAST\r\n" % len(_LONG))
        client.send(_LONG[:600_000])
        client.replies(3)
        self.settled()
        client.close()
        client, said = self.offset(two)
        rest = _LONG[said:]
        client.send(b"BDAT %d LAST\r\n" % len(rest) + rest)
        self.assertEqual(client.reply()[:3], b"250")
        client.close()
        self.assertEqual(self.stored(), Counter([len(_LONG)]))
        [body] = self.folder.glob("state/spool/*/bodies/*")
        self.assertEqual(body.read_bytes(), _LONG)

    def settled(self) -> None:
        """Wait until what was said so far has been read."""
        waitFor(lambda: not unread(self.server.port), "it is read")

    def offset(self, worker: int) -> tuple[Client, int]:
        """Ask a worker where a message is; gives the client that has it now, too."""
        mail = _mail(1).partition(b"\n")[0] + b"\n"
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            client = self.at(worker)
            client.send(_HELLO + mail)
            said = client.replies(2)[-1].split()
            if said[0] == b"355" or time.monotonic() > until:
                break
            # Who had it has not noticed the end of its client.
            self.assertEqual(said[0], b"451", said)
            client.close()
        self.assertEqual(said[0], b"355", said)
        there = int(said[1])
        self.assertGreater(there, 64 << 10)
        self.assertLessEqual(there, 600_000)
        return client, there

    def test_hangs(self) -> None:
        """
        A worker that hangs with a transaction keeps it: at the other it is put off, and
        taken when the first is found dead.  What its client said last comes to nothing.
        """
        one, two = self.server.workers
        zombie = self.at(one)
        flight = _flight(1)
        zombie.send(flight[:-10])
        zombie.replies(3)
        os.kill(one, signal.SIGSTOP)
        try:
            client = Client(self.server.port)
            client.send(_flight(1))
            _, _, mail, *_ = client.replies(5)
            client.close()
        finally:
            os.kill(one, signal.SIGKILL)
        self.assertEqual(mail[:3], b"451")
        zombie.send(flight[-10:])
        first = self.played(1)
        self.assertEqual(zombie.reply(), b"")
        zombie.close()
        self.assertEqual(self.played(1), first)
        self.assertEqual(self.stored(), Counter([len(_TEXT)]))

    def test_silent(self) -> None:
        """
        A client that is silent at one worker is sent away when its transaction comes to
        the other.
        """
        one, two = self.server.workers
        zombie = self.at(one)
        flight = _flight(1)
        zombie.send(flight[:-10])
        zombie.replies(3)
        client = self.at(two)
        client.send(_flight(1))
        self.assertEqual(client.replies(2)[-1][:3], b"451")
        client.close()
        time.sleep(10)
        first = self.played(1, two)
        self.assertEqual(first[1][:3], b"250")
        self.assertEqual(zombie.reply()[:3], b"421")
        zombie.send(flight[-10:])
        self.assertEqual(zombie.reply(), b"")
        zombie.close()
        self.assertEqual(self.played(1, self.server.workers[0]), first)
        self.assertEqual(self.stored(), Counter([len(_TEXT)]))

    def test_killed(self) -> None:
        """
        A worker is killed at any moment of a flight: the other, or its successor, has
        the message once, and answers as it did if it had answered.
        """
        chance = random.Random(1845)
        # Whoever was killed is among the others until it is heard of.
        killed: set[int] = set()
        for number in range(_ROUNDS):
            waitFor(lambda: self.living(killed) == 2, "two workers")
            worker = chance.choice(self.server.workers)
            client = self.at(worker)
            client.send(_flight(number))
            heard: bytes | None = None
            if number % 3 == 0:
                # It had answered already.
                heard = client.replies(4)[-1]
            else:
                time.sleep(chance.uniform(0, 0.02))
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
            client.close()
            first = self.played(number)
            self.assertEqual(first[1][:3], b"250")
            if heard is not None:
                self.assertEqual(first[1], heard)
            self.assertEqual(self.played(number), first)
        self.assertEqual(self.stored(), Counter({len(_TEXT): _ROUNDS}))
