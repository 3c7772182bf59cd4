"""
Tests for L{tests.faults.sink}: it notices what it is there to notice.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from twisted.trial.unittest import SynchronousTestCase

from .clients import WAYS, Client, Message, Refused
from .servers import waitFor
from .sink import Sink

#: A client in a process of its own that sends something, reads so many replies, and
#: waits to be killed.
_PROGRAM = """
import socket, sys, time
port, replies = int(sys.argv[1]), int(sys.argv[2])
octets = sys.stdin.buffer.read()
connection = socket.create_connection(("127.0.0.1", port))
connection.sendall(octets)
lines = connection.makefile("rb", buffering=0)
found = 0
while found < replies:
    found += lines.readline()[3:4] == b" "
print("read", flush=True)
time.sleep(60)
"""


class SinkTests(SynchronousTestCase):
    """What the sink knows of its clients."""

    slow = True

    def setUp(self) -> None:
        """It listens."""
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.message = Message.make("1", 3000)

    def test_takes(self) -> None:
        """It takes messages in all ways, and knows them."""
        sent = []
        for number, way in enumerate(WAYS):
            client = Client(self.sink.port)
            some = [Message.make(f"{number}-{each}", 100_000) for each in range(3)]
            sent += [each.number for each in some]
            list(way(client, *some))
            client.tell(b"QUIT\r\n", b"221")
            client.close()
        waitFor(self.sink.isQuiet, "the end of all connections")
        self.assertEqual([take.number for take in self.sink.takes], sent)
        self.assertEqual(self.sink.troubles, [])
        for visit in self.sink.visits:
            self.assertTrue(visit.quit)
            self.assertFalse(visit.unread)
            self.assertEqual([each.last for each in visit.takes], [False, False, True])

    def test_nobody(self) -> None:
        """It takes nothing for somebody it does not know, in no way."""
        for way in WAYS:
            client = Client(self.sink.port)
            message = Message.make("1", 1000, b"nobody@example.org")
            self.assertRaises(Refused, list, way(client, message))
            client.close()
        waitFor(self.sink.isQuiet, "the end of all connections")
        self.assertEqual((self.sink.takes, self.sink.troubles), ([], []))

    def test_report(self) -> None:
        """It knows which message a report is about."""
        report = (
            b"Message-ID: <x@mx.example.org>\r\n"
            b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        )
        whole = Message("report", report + self.message.octets + b"--b--\r\n")
        client = Client(self.sink.port)
        list(client.chunks(whole))
        client.close()
        waitFor(self.sink.isQuiet, "the end of the connection")
        self.assertEqual(self.sink.copies(), {})
        [[take]] = self.sink.reports()["1"].values()
        self.assertEqual(take.report, b"<x@mx.example.org>")

    def killed(self, octets: bytes, replies: int) -> None:
        """
        A client sends something, reads some of the replies, and is killed.

        @param replies: how many it reads.
        """
        words = [sys.executable, "-c", _PROGRAM, str(self.sink.port), str(replies)]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client:
            assert client.stdin is not None and client.stdout is not None
            client.stdin.write(octets)
            client.stdin.close()
            self.assertEqual(client.stdout.readline(), b"read\n")
            waitFor(lambda: len(self.sink.takes) == 1, "a message")
            # The reply, too.
            time.sleep(0.05)
            os.kill(client.pid, signal.SIGKILL)
        waitFor(self.sink.isQuiet, "the end of the connection")

    def session(self) -> bytes:
        """A message in one flight; there are five replies with the greeting."""
        octets = self.message.octets
        return (
            b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n"
            b"RCPT TO:<ann@example.org>\r\nBDAT %d LAST\r\n%b" % (len(octets), octets)
        )

    def test_readAll(self) -> None:
        """A client that has read the last reply is known to have read it."""
        self.killed(self.session(), 5)
        [take] = self.sink.takes
        self.assertTrue(take.last)
        self.assertFalse(take.visit.unread)

    def test_unread(self) -> None:
        """One that has not is known not to have."""
        self.killed(self.session(), 4)
        [take] = self.sink.takes
        self.assertTrue(take.visit.unread)

    def test_goneBefore(self) -> None:
        """So is one that was gone before the reply came."""
        client = socket.create_connection(("127.0.0.1", self.sink.port))
        client.sendall(self.session())
        client.shutdown(socket.SHUT_WR)
        waitFor(lambda: bool(self.sink.takes), "a message")
        client.close()
        waitFor(self.sink.isQuiet, "the end of the connection")
        self.assertTrue(self.sink.takes[0].visit.unread)

    def test_halfAMessage(self) -> None:
        """Of a message that breaks off, nothing is taken."""
        for octets in (self.session()[:-1], b"EHLO x\r\nMAIL FRO"):
            client = socket.create_connection(("127.0.0.1", self.sink.port))
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
            client.close()
        waitFor(lambda: len(self.sink.visits) == 2, "both connections")
        waitFor(self.sink.isQuiet, "their ends")
        self.assertEqual((self.sink.takes, self.sink.troubles), ([], []))
