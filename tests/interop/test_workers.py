"""
Several processes that are one server: C{workers = 2}.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from smtpx.spool.identity import parse

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import RunningServer, freePort, removeFolder, runs, waitFor

MESSAGE = "Subject: {}\r\n\r\nIt works.\r\n"

#: Where the id of a message has the number of the worker that took it.
_WORKER_BITS, _GENERATION_BITS = 0xFF, 6

#: How often clients are shared out at most.
_SHARINGS = 8

_TAKEN = re.compile(r" ([0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}) <= ")

#: What goes to a host that is not there: it stays in the spool.
_STUCK = """
[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]"]
port = {port}
tls = "unwanted"

[[retry]]
pauses = ["1 s"]
"""


def takers(lines: Iterable[str]) -> dict[int, int]:
    """How many messages each worker has taken, by the lines of the main log."""
    found: dict[int, int] = {}
    for line in lines:
        taken = _TAKEN.search(line)
        if taken is not None:
            maker = parse(taken[1]) // 62**2
            number = maker >> _GENERATION_BITS & _WORKER_BITS
            found[number] = found.get(number, 0) + 1
    return found


def has(files: list[Path], pid: int) -> bool:
    """Has a process any of these open?"""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        # Meanwhile it may have been closed.
        with contextlib.suppress(FileNotFoundError):
            found.add(descriptor.readlink())
    return not found.isdisjoint(files)


def send(port: int, count: int = 1, recipient: str = "ann@localhost") -> None:
    """Send some messages, a connection each."""
    for number in range(count):
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            text = MESSAGE.format(number)
            client.sendmail("bob@c.example", recipient, text)


class WorkersTests(InteropTestCase):
    """Two workers that take mail."""

    def several(self, configuration: str = "", workers: int = 2) -> RunningServer:
        """A server of several, where paths of sockets are short."""
        folder = Path(tempfile.mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, folder)
        return self.serve(configuration, workers=workers, folder=folder)

    def sendToAll(self, server: RunningServer) -> int:
        """
        Send messages, over several connections at a time, until all workers have taken
        some.

        @return: how many.
        """
        count = sum(takers(server.mainLog()).values())
        before = count
        wanted = len(server.workers)
        until = time.monotonic() + CLIENT_SECONDS
        while len(takers(server.mainLog())) != wanted or count == before:
            self.assertLess(time.monotonic(), until, "all take mail")
            clients = [
                smtplib.SMTP("127.0.0.1", server.port, "c.example", CLIENT_SECONDS)
                for _ in range(8)
            ]
            for client in clients:
                client.sendmail("bob@c.example", "ann@localhost", MESSAGE.format(count))
                count += 1
            for client in clients:
                client.quit()
            self.counted(server, count)
        return count - before

    def test_both(self) -> None:
        """Both take mail, at ports and over TLS, and all of it is delivered."""
        server = self.several()
        count = self.sendToAll(server)
        swaks = findPeer("swaks", "swaks")
        options = [
            "--server",
            f"127.0.0.1:{server.port}",
            "--tls",
            "--to",
            "x@localhost",
        ]
        for _ in range(4):
            self.run_([swaks, *options, "--from", "y@c.example"])
        messages = server.delivered(count + 4)
        self.assertEqual(len({message.octets for message in messages}), count + 4)
        self.assertIn("2 workers take mail", server.said())

    def test_share(self) -> None:
        """
        Clients that stay are shared between the workers, however they come.  On a
        machine with other work a worker may not be awake for its share, so the best of
        several times counts.
        """
        server = self.several()
        smaller: list[int] = []
        before = dict.fromkeys((1, 2), 0)
        while max(smaller, default=0) < 4 and len(smaller) < _SHARINGS:
            clients = [
                smtplib.SMTP("127.0.0.1", server.port, "c.example", CLIENT_SECONDS)
                for _ in range(12)
            ]
            for number, client in enumerate(clients):
                text = MESSAGE.format(number)
                client.sendmail("bob@c.example", "ann@localhost", text)
            count = 12 * (len(smaller) + 1)
            self.counted(server, count)
            found = takers(server.mainLog())
            smaller.append(min(found.get(each, 0) - before[each] for each in before))
            before.update(found)
            for client in clients:
                client.quit()
            self.assertEqual(len(server.delivered(count)), count)
        self.assertGreater(max(smaller), 3)

    def counted(self, server: RunningServer, count: int) -> None:
        """Wait until so many messages are in the main log."""
        waitFor(
            lambda: sum(takers(server.mainLog()).values()) == count,
            f"{count} in the main log",
        )

    def test_newLogs(self) -> None:
        """At SIGHUP, all go on in new log files; their lines never mix."""
        server = self.several('[log]\njson = "log.json"\n')
        count = self.sendToAll(server)
        logs = [server.folder / "state" / "main.log", server.folder / "log.json"]
        old = [path.rename(path.with_suffix(".1")) for path in logs]
        os.kill(server.pid, signal.SIGHUP)
        waitFor(lambda: all(path.exists() for path in logs), "new files")
        processes = [server.pid, *server.workers]
        waitFor(lambda: not any(map(partial(has, old), processes)), "all have them")
        lines = old[0].read_text().splitlines()
        sizes = [path.stat().st_size for path in old]
        more = self.sendToAll(server)
        self.assertEqual([path.stat().st_size for path in old], sizes)
        lines += server.mainLog()
        self.assertEqual(len([each for each in lines if " <= " in each]), count + more)
        for line in lines:
            self.assertRegex(line, r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
        for path in (logs[1], old[1]):
            events = [json.loads(line) for line in path.read_text().splitlines()]
            self.assertGreater(len(events), 1)

    def test_standardOutput(self) -> None:
        """The main log can be on standard output."""
        server = self.several('[log]\nmain = "-"\n')
        send(server.port, 8)
        waitFor(lambda: server.said().count(" <= ") == 8, "8 messages in the log")
        server.stop()
        for line in server.said().splitlines():
            self.assertRegex(line, r"\A\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")

    def test_end(self) -> None:
        """At SIGTERM, who is there is told 421, by whichever worker it was."""
        server = self.several()
        clients = [
            smtplib.SMTP("127.0.0.1", server.port, "c.example", CLIENT_SECONDS)
            for _ in range(8)
        ]
        for client in clients:
            client.ehlo()
        processes = [server.pid, server.zygote, *server.workers]
        server.stop()
        for client in clients:
            assert client.sock is not None
            with client.sock, client.sock.makefile("rb") as lines:
                self.assertTrue(lines.read().startswith(b"421 "))
        self.assertFalse(any(runs(pid) for pid in processes))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), 5)

    def test_workerKilled(self) -> None:
        """A worker that is killed is followed by another; nobody is refused."""
        server = self.several()
        killed: set[int] = set()
        for number in range(4):
            victim = server.workers[number % 2]
            os.kill(victim, signal.SIGKILL)
            send(server.port, 3)
            # It is among them until the zygote has heard of its end.
            killed.add(victim)
            waitFor(lambda: len({*server.workers} - killed) == 2, "two workers")
        self.assertEqual(len(server.delivered(12)), 12)
        self.assertIn("has ended by SIGKILL; another begins", server.said())

    def test_zygoteKilled(self) -> None:
        """If the zygote is killed, all workers begin anew; nobody is refused."""
        server = self.several()
        first = server.zygote
        processes = server.workers
        os.kill(first, signal.SIGKILL)
        waitFor(lambda: not any(runs(pid) for pid in processes), "all end")
        send(server.port, 4)
        self.assertEqual(len(server.delivered(4)), 4)
        waitFor(lambda: server.said().count(" takes mail (process") == 2, "both again")
        self.assertNotEqual(server.zygote, first)
        self.assertFalse(any(runs(pid) for pid in processes))

    def test_supervisorKilled(self) -> None:
        """
        If the supervisor is killed, all end, and soon; the next server delivers what
        they had.
        """
        server = self.several(_STUCK.format(port=freePort()))
        count = self.sendToAll(server)
        processes = [server.zygote, *server.workers]
        server.kill()
        waitFor(lambda: not any(runs(pid) for pid in processes), "all end", 30)
        following = self.serve(workers=2, folder=server.folder)
        messages = following.delivered(count)
        self.assertEqual(len({message.octets for message in messages}), count)

    def test_fewer(self) -> None:
        """With fewer workers than before, what the others had is delivered, too."""
        server = self.several(_STUCK.format(port=freePort()), 4)
        count = self.sendToAll(server)
        server.stop()
        following = self.serve(workers=2, folder=server.folder)
        messages = following.delivered(count)
        self.assertEqual(len({message.octets for message in messages}), count)
        following.stop()
        alone = self.serve(folder=server.folder)
        send(alone.port)
        self.assertEqual(len(alone.delivered(count + 1)), count + 1)
