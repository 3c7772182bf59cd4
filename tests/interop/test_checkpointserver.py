"""
Named transactions (RFC 1845) over real sockets: one message, whatever becomes of the
connection and of the server.
"""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ..faults.servers import Server, waitFor
from .running import unread

_HELLO = b"EHLO client.example\r\n"
_TEXT = b"Subject: named\r\n\r\nText\r\n"
_LINE = b"0123456789" * 7 + b"\r\n"
_LONG = b"Subject: long\r\n\r\n" + _LINE * 15_000

#: How often a server is killed under a repeated flight.
_ROUNDS = 12


def _mail(number: int = 1) -> bytes:
    """MAIL with a name, and RCPT."""
    return (
        b"MAIL FROM:<a@client.example> TRANSID=<%d.4f2a@client.example>\r\n" % number
        + b"RCPT TO:<bob@box.example>\r\n"
    )


def _flight(number: int = 1) -> bytes:
    """A whole session but its QUIT, in one flight."""
    return _HELLO + _mail(number) + b"BDAT %d LAST\r\n%b" % (len(_TEXT), _TEXT)


class Client:
    """A client without a mind of its own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._file = self._socket.makefile("rb")

    def send(self, octets: bytes) -> None:
        """Say something."""
        self._socket.sendall(octets)

    def reply(self) -> bytes:
        """The last line of the next reply; empty: the connection has ended."""
        while True:
            line = self._file.readline()
            if line[3:4] != b"-":
                return line.rstrip()

    def replies(self, count: int) -> list[bytes]:
        """So many."""
        return [self.reply() for _ in range(count)]

    def close(self) -> None:
        """Go away without a word."""
        self._file.close()
        self._socket.close()


class CheckpointTests(SynchronousTestCase):
    """C{twistd smtpx}, and clients that come again."""

    slow = True

    def setUp(self) -> None:
        """A server that keeps what it gets."""
        self.server = Server(self.mktemp(), 'transport = "hold"')
        self.addCleanup(self.server.kill)
        self.server.start()

    def played(self, number: int = 1) -> list[bytes]:
        """Play the flight; what is said to RCPT and to the message."""
        client = Client(self.server.port)
        try:
            client.send(_flight(number))
            greeting, hello, mail, *rest = client.replies(5)
            self.assertIn(mail[:3], (b"250", b"355"))
            return rest
        finally:
            client.close()

    def stored(self) -> list[int]:
        """Stop the server; how long each message is that it has."""
        self.server.stop()
        path = os.path.join(self.server.spool, "spool.db")
        connection = sqlite3.connect(path)
        try:
            return [n for (n,) in connection.execute("SELECT octets FROM message")]
        finally:
            connection.close()

    def test_inTurnAtOnceAndLater(self) -> None:
        """
        The same flight twice, then on four connections at once, then after a restart:
        one message, and the same answer every time.
        """
        first = self.played()
        self.assertEqual([each[:3] for each in first], [b"250", b"250"])
        self.assertEqual(self.played(), first)
        with ThreadPoolExecutor(4) as pool:
            self.assertEqual(list(pool.map(self.played, [1] * 4)), [first] * 4)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.played(), first)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.played(), first)
        self.assertEqual(self.stored(), [len(_TEXT)])

    def test_atOnce(self) -> None:
        """Four at once that nobody has seen before: one message, answered alike."""
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(self.played, [1] * 4))
        self.assertEqual(said, [said[0]] * 4)
        self.assertEqual(said[0][1][:3], b"250")
        self.assertEqual(self.stored(), [len(_TEXT)])

    def test_goesOn(self) -> None:
        """A message of a megabyte that is cut short goes on at its offset."""
        client = Client(self.server.port)
        client.send(_HELLO + _mail() + b"BDAT %d LAST\r\n" % len(_LONG))
        client.send(_LONG[:600_000])
        client.replies(4)
        # All that was said is read.
        waitFor(lambda: not unread(self.server.port), "the first half")
        client.close()
        self.server.stop()
        self.server.start()
        client = Client(self.server.port)
        mail = _mail().partition(b"\n")[0] + b"\n"
        client.send(_HELLO + mail)
        said = client.replies(3)[-1].split()
        self.assertEqual(said[0], b"355")
        there = int(said[1])
        self.assertGreater(there, 64 << 10)
        self.assertLessEqual(there, 600_000)
        rest = _LONG[there:]
        client.send(b"BDAT %d LAST\r\n" % len(rest) + rest)
        self.assertEqual(client.reply()[:3], b"250")
        client.close()
        self.assertEqual(self.stored(), [len(_LONG)])
        [body] = Path(self.server.spool, "bodies").iterdir()
        self.assertEqual(body.read_bytes(), _LONG)

    def test_killed(self) -> None:
        """
        Killed at any moment of a flight, the server has its message once when the
        flight was played again, and answers it as it did if it had answered.
        """
        chance = random.Random(1845)
        for number in range(_ROUNDS):
            client = Client(self.server.port)
            client.send(_flight(number))
            heard: bytes | None = None
            if number % 3 == 0:
                # It had answered already.
                heard = client.replies(5)[-1]
            else:
                time.sleep(chance.uniform(0, 0.02))
            self.server.kill()
            client.close()
            self.server.start()
            first = self.played(number)
            self.assertEqual(first[1][:3], b"250")
            if heard is not None:
                self.assertEqual(first[1], heard)
            self.assertEqual(self.played(number), first)
        self.assertEqual(self.stored(), [len(_TEXT)] * _ROUNDS)
