"""
Several processes that are one server: its bounds hold for all of them together.
"""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .cases import CLIENT_SECONDS, InteropTestCase
from .running import RunningServer, freePort, removeFolder, waitFor

MESSAGE = "Subject: {}\r\n\r\nIt works.\r\n"

#: All clients come from here; connections from the machine itself are not bounded.
_PROXIED = b"PROXY TCP4 192.0.2.%d 192.0.2.250 40000 25\r\n"

_DOOR = """
[[listener]]
address = "127.0.0.1"
port = {port}
tls = "none"
proxy_hosts = ["127.0.0.1"]
[limits]
connections_per_address = 3
"""

_NARROW = """
[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]"]
port = {port}
tls = "unwanted"
connections = 1
"""


def connected(port: int, host: int = 1) -> tuple[socket.socket, bytes]:
    """
    A client that has connected, and the code that it was greeted with; of many at once,
    some are not told why they are not let in.
    """
    client = socket.create_connection(("127.0.0.1", port), CLIENT_SECONDS)
    client.sendall(_PROXIED % host)
    try:
        with client.makefile("rb") as lines:
            return client, lines.readline()[:3] or b"421"
    except ConnectionResetError:
        return client, b"421"


class NarrowHost:
    """
    A host that allows one connection at a time.

    @ivar most: how many there were at a time.
    @ivar connections: how many there were.
    @ivar messages: how many it has taken.
    """

    def __init__(self, port: int) -> None:
        self.most = self.connections = self.messages = self._now = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", port), backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            with closing(client), client.makefile("rwb", 0) as wire:
                try:
                    goodbye = self._talk(wire.readline, wire.write)
                finally:
                    # Before it is said: who hears it may come again at once.
                    self._left()
                wire.write(goodbye)
        except OSError:
            return

    def _left(self) -> None:
        with self._lock:
            self._now -= 1

    def _talk(
        self, read: Callable[[], bytes], write: Callable[[bytes], object]
    ) -> bytes:
        """Take messages; gives what is said last."""
        write(b"220 narrow.example ESMTP\r\n")
        while line := read():
            verb = line.upper().split(None, 1)[0] if line.strip() else b""
            if verb == b"DATA":
                write(b"354 go on\r\n")
                while read() not in (b".\r\n", b""):
                    pass
                # As long as others might want to come.
                time.sleep(0.05)
                with self._lock:
                    self.messages += 1
            if verb == b"QUIT":
                return b"221 bye\r\n"
            write(b"250 fine\r\n")
        return b""


class WorkersBoundsTests(InteropTestCase):
    """Two workers."""

    def several(self, configuration: str) -> RunningServer:
        """A server of two, where paths of sockets are short."""
        folder = Path(tempfile.mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, folder)
        return self.serve(configuration, workers=2, folder=folder)

    def crowd(self, port: int, count: int, host: int = 1) -> list[socket.socket]:
        """
        So many clients come at once.

        @return: those that were let in.
        """
        inside: list[socket.socket] = []
        codes: list[bytes] = []
        together = threading.Barrier(count)

        def come() -> None:
            together.wait(CLIENT_SECONDS)
            client, code = connected(port, host)
            codes.append(code)
            if code == b"220":
                inside.append(client)
            else:
                client.close()

        threads = [threading.Thread(target=come) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(CLIENT_SECONDS)
        self.assertEqual(
            sorted(codes), [b"220"] * len(inside) + [b"421"] * (count - len(inside))
        )
        for client in inside:
            self.addCleanup(client.close)
        return inside

    def test_connectionsOfAClient(self) -> None:
        """
        However many connections a client makes at once, it has three, at whichever
        workers; and three again when those are gone.
        """
        port = freePort()
        self.several(_DOOR.format(port=port))
        for turn in range(4):
            inside = self.crowd(port, 30, host=turn % 2 + 1)
            self.assertLessEqual(len(inside), 3)
            while len(inside) < 3:
                # Two of them can have been in each other's way; there is room.
                more, code = connected(port, turn % 2 + 1)
                self.assertEqual(code, b"220")
                inside.append(more)
            refused, code = connected(port, turn % 2 + 1)
            refused.close()
            self.assertEqual(code, b"421")
            for client in inside:
                client.close()

            def gone(host: int = turn % 2 + 1) -> bool:
                client, code = connected(port, host)
                client.close()
                return code == b"220"

            waitFor(gone, "the server has seen that they left")
            time.sleep(0.5)

    def test_workerKilled(self) -> None:
        """
        When a worker is killed, what its clients had is free again, and what the other
        has is not.
        """
        port = freePort()
        server = self.several(_DOOR.format(port=port))
        for _ in range(3):
            inside = self.crowd(port, 10)
            os.kill(server.workers[0], signal.SIGKILL)
            waitFor(lambda: len(server.workers) == 2, "two workers")
            alive = [each for each in inside if self.isOpen(each)]

            def full(alive: list[socket.socket] = alive) -> bool:
                client, code = connected(port)
                if code == b"220":
                    alive.append(client)
                    self.addCleanup(client.close)
                else:
                    client.close()
                return len(alive) == 3 and code == b"421"

            waitFor(full, "there are three again")
            self.assertEqual(len([each for each in alive if self.isOpen(each)]), 3)
            for client in alive:
                client.close()
            time.sleep(0.5)

    def isOpen(self, client: socket.socket) -> bool:
        """Is there still somebody at the other end?"""
        try:
            client.sendall(b"NOOP\r\n")
            return client.recv(100).startswith(b"250")
        except OSError:
            return False

    def test_oneConnectionToADestination(self) -> None:
        """
        Where a host is to have one connection, it never has two, though both workers
        have mail for it; and both get rid of theirs.
        """
        port = freePort()
        host = NarrowHost(port)
        self.addCleanup(host.close)
        server = self.several(_NARROW.format(port=port))
        clients = [
            smtplib.SMTP("127.0.0.1", server.port, "c.example", CLIENT_SECONDS)
            for _ in range(8)
        ]
        for number in range(10):
            for client in clients:
                text = MESSAGE.format(number)
                client.sendmail("bob@c.example", "ann@localhost", text)
        for client in clients:
            client.quit()
        waitFor(lambda: host.messages == 80, "all messages are there")
        self.assertEqual(host.most, 1)
        self.assertGreater(host.connections, 1)
