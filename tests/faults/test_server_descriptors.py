"""
More connections than the process may have file descriptors: the server neither
spins nor dies, takes mail from those who are in, and lets others in when some
have gone.
"""

from __future__ import annotations

import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from .clients import LARGE, SMALL, Client, Message, Refused
from .servers import Server, waitFor

#: How much of a second an idle server may compute, in seconds.
IDLE_SECONDS = 0.2

#: How often in a row, each a hundredth of a second after the other, a server is asleep
#: that has nothing to do: it looks again every tenth of a second.
_QUIET = 50


class ServerDescriptorsTests(SynchronousTestCase):
    """C{twistd} under C{ulimit -n}."""

    slow = True

    def start(self, descriptors: int, limits: str) -> Server:
        """Start a server that may have so many descriptors."""
        server = Server(
            self.mktemp(),
            'transport = "hold"',
            f"connections_per_address = 100000\n{limits}",
        )
        self.addCleanup(server.kill)
        limited = f'ulimit -n {descriptors}; exec "$@"'
        server.start(["/bin/sh", "-c", limited, "sh"])
        self.server = server
        return server

    def connect(self, server: Server, count: int) -> list[socket.socket]:
        """So many connections."""
        made = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", server.port), 60)
            self.addCleanup(one.close)
            made.append(one)
        return made

    def settle(self) -> None:
        """Wait until the server has had nothing to do for a while."""
        quiet = 0

        def still() -> bool:
            nonlocal quiet
            quiet = quiet + 1 if self.server.isAsleep() else 0
            return quiet >= _QUIET

        waitFor(still, "the server has nothing to do")

    def sort(self, connections: list[socket.socket]) -> dict[str, list[socket.socket]]:
        """Connections by what they were told: a code, C{closed}, or C{nothing}."""
        self.settle()
        found: dict[str, list[socket.socket]] = {}
        for one in connections:
            one.setblocking(False)
            try:
                said = one.recv(3, socket.MSG_PEEK).decode("ascii") or "closed"
            except BlockingIOError:
                said = "nothing"
            except ConnectionError:
                said = "closed"
            found.setdefault(said, []).append(one)
        return found

    def assertIdle(self, server: Server) -> None:
        """The server runs, and has nothing to do."""
        before = server.cpuSeconds()
        time.sleep(1)
        self.assertTrue(server.runs(), server.said())
        self.assertLess(server.cpuSeconds() - before, IDLE_SECONDS)

    def client(self, server: Server) -> Client:
        """A client that was let in."""
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def take(self, client: Client, *sizes: int) -> None:
        """Send messages, which are taken."""
        for index, size in enumerate(sizes):
            self.assertTrue(list(client.data(Message.make(str(index), size))))

    def isLetIn(self, server: Server) -> bool:
        """Is a client let in, and its mail taken?  Not before others are out."""
        try:
            client = self.client(server)
        except (Refused, ConnectionError):
            return False
        self.take(client, SMALL, LARGE)
        return True

    def test_limited(self) -> None:
        """
        As many connections are let in as leave descriptors for files; of the
        others some are told to come later, some are closed, and the rest wait
        outside.
        """
        server = self.start(110, "")
        client = self.client(server)
        connections = self.connect(server, 300)
        found = self.sort(connections)
        # 64 stay free, and one is the client's.
        self.assertEqual(len(found["220"]), 110 - 64 - 1)
        self.assertTrue(found["nothing"])
        self.assertEqual(set(found) - {"220", "421", "closed", "nothing"}, set())
        self.assertIdle(server)
        self.take(client, SMALL, LARGE)
        for one in found["220"]:
            one.close()
        self.assertTrue(self.sort(found["nothing"])["220"])
        for one in found["nothing"]:
            one.close()
        waitFor(lambda: self.isLetIn(server), "clients are let in again")
        self.assertNotIn("EMFILE", server.said())
        server.stop()

    def test_noneLeft(self) -> None:
        """
        Where an operator reserves none, connections use up all descriptors: then
        what needs no file is still taken, and everything when some have gone.
        """
        server = self.start(60, "descriptors_free = 0")
        client = self.client(server)
        connections = self.connect(server, 100)
        found = self.sort(connections)
        self.assertEqual(set(found), {"220", "closed"})
        self.assertIdle(server)
        self.take(client, SMALL)
        with self.assertRaises(Refused) as refused:
            self.take(client, LARGE)
        self.assertTrue(str(refused.exception).startswith("451 4.3.0 "))
        self.take(client, SMALL)
        for one in connections:
            one.close()
        waitFor(lambda: self.isLetIn(server), "clients are let in again")
        self.take(client, SMALL, LARGE)
        server.stop()
