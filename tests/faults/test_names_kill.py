"""
C{kill -9} of workers, at any moment: what a client has named and repeats to another
worker is there once, and is answered alike.
"""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from .processes import ROOT

#: How many transactions there are.
_ROUNDS = 24

_WORKERS = 2

_LINE = b"0123456789" * 7 + b"\r\n"

#: How often a client comes again, a tenth of a second after it was put off.
_PATIENCE = 600


class Client:
    """
    A connection to one worker.

    @ivar taken: what was said of a message that was taken.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._file = self._socket.makefile("rb")
        self.taken = b""

    def send(self, octets: bytes) -> None:
        """Say something; whoever is dead by now does not hear it."""
        try:
            self._socket.sendall(octets)
        except OSError:
            return

    def reply(self) -> bytes:
        """The last line of the next reply; empty: it has ended."""
        try:
            line = b"-" * 9
            while line[3:4] == b"-":
                line = self._file.readline()
        except OSError:
            line = b""
        if b" OK id=" in line and line.endswith(b"\r\n"):
            self.taken = line
        return line

    def close(self) -> None:
        """Go away without a word."""
        self._file.close()
        self._socket.close()


class NamesKillTests(SynchronousTestCase):
    """Two workers of one spool, and clients that come to either."""

    slow = True

    def setUp(self) -> None:
        """Start them."""
        self.folder = os.path.abspath(self.mktemp())
        self.chance = random.Random(1845)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.ports: dict[int, int] = {}
        self.addCleanup(self.end)
        for number in range(1, _WORKERS + 1):
            self.begin(number)

    def begin(self, number: int) -> None:
        """Start a worker."""
        program = [sys.executable, "-m", "tests.faults.namer", self.folder]
        process = subprocess.Popen(
            [*program, str(number), str(_WORKERS)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        self.processes[number] = process
        assert process.stdout is not None
        self.ports[number] = int(process.stdout.readline())

    def kill(self, number: int) -> None:
        """Kill a worker."""
        process = self.processes.pop(number)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def end(self) -> None:
        """Kill all."""
        for number in list(self.processes):
            self.kill(number)

    def body(self, number: int) -> bytes:
        """A message whose length tells which it is."""
        lines = 4000 if number % 3 == 0 else 3
        return b"Subject: x\r\n\r\n" + _LINE * lines + b"x" * (number + 1) + b"\r\n"

    def opening(self, number: int) -> bytes:
        """What is said before RCPT."""
        mail = b"MAIL FROM:<a@client.example> TRANSID=<%d@client.example>\r\n"
        return b"EHLO client.example\r\n" + mail % number

    def flight(self, number: int) -> bytes:
        """All of a session but its end."""
        body = self.body(number)
        bdat = b"RCPT TO:<b@box.example>\r\nBDAT %d LAST\r\n%b"
        return self.opening(number) + bdat % (len(body), body)

    def test_onceEach(self) -> None:
        """Each is taken once, whichever worker dies when."""
        wentOn = unheard = 0
        for number in range(_ROUNDS):
            first = self.chance.choice(list(self.ports))
            other = 3 - first
            told = {self.begun(number, first)} - {b""}
            unheard += not told
            if self.chance.random() < 0.3:
                self.kill(other)
            for each in self.ports:
                # Nothing is told before all are there again.
                if each not in self.processes:
                    self.begin(each)
            answer, offset = self.untilTaken(number, other)
            wentOn += 0 < offset < len(self.body(number))
            told.add(answer)
            told.add(self.untilTaken(number, first)[0])
            self.assertEqual(len(told), 1, told)
        self.assertGreater(wentOn, 0)
        self.assertGreater(unheard, _ROUNDS // 4)
        self.end()
        self.assertEqual(
            self.stored(), Counter(len(self.body(each)) for each in range(_ROUNDS))
        )

    def begun(self, number: int, worker: int) -> bytes:
        """
        Say it to a worker that is killed at some moment, or whose line is cut.

        @return: what it has said of the message; empty: nothing.
        """
        client = Client(self.ports[worker])
        try:
            flight = self.flight(number)
            cut = number % 3 == 0
            client.send(flight[: len(flight) // 2] if cut else flight)
            if cut and self.chance.random() < 0.7:
                # Half of it is there.
                for _ in range(4):
                    client.reply()
                time.sleep(0.1)
                return b""
            if self.chance.random() < 0.3 and not cut:
                for _ in range(5):
                    client.reply()
            time.sleep(self.chance.uniform(0, 0.03))
            self.kill(worker)
            # What it had said may have come all the same.
            while client.reply():
                pass
            return client.taken
        finally:
            client.close()

    def untilTaken(self, number: int, worker: int) -> tuple[bytes, int]:
        """
        Say it to a worker again and again, until it says that it was taken.

        @return: what it says; and where it went on the last time.
        """
        for _ in range(_PATIENCE):
            client = Client(self.ports[worker])
            try:
                offset = self.said(client, number)
                if client.taken:
                    return client.taken, offset
            finally:
                client.close()
            time.sleep(0.1)
        raise AssertionError(f"{number} is never taken")

    def said(self, client: Client, number: int) -> int:
        """Ask where it is, and say the rest; where that was."""
        if number % 2:
            client.send(self.flight(number))
            for _ in range(5):
                client.reply()
            return 0
        client.send(self.opening(number))
        mail = [client.reply() for _ in range(3)][-1]
        body = self.body(number)
        offset = int(mail.split()[1]) if mail.startswith(b"355 ") else 0
        if mail.startswith(b"250 "):
            client.send(b"RCPT TO:<b@box.example>\r\n")
            client.reply()
        elif not mail.startswith(b"355 "):
            return 0
        client.send(b"BDAT %d LAST\r\n%b" % (len(body) - offset, body[offset:]))
        client.reply()
        return offset

    def stored(self) -> Counter[int]:
        """How often there is a message of each length."""
        found: Counter[int] = Counter()
        for number in range(1, _WORKERS + 1):
            path = os.path.join(self.folder, str(number), "spool.db")
            connection = sqlite3.connect(path)
            try:
                rows = connection.execute("SELECT octets FROM message").fetchall()
            finally:
                connection.close()
            found.update([octets for (octets,) in rows])
        return found
