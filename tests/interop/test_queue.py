"""
C{smtpx queue} as it is installed, beside a server that runs, and without one.
"""

from __future__ import annotations

import json
import os
import re
import smtplib
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.trial.unittest import SkipTest

from smtpx.service.control import ControlClient, NoServer
from smtpx.service.control.wire import render

from ..shortpaths import shortFolder
from .cases import CLIENT_SECONDS, InteropTestCase
from .running import ROOT, RunningServer, waitFor

PROGRAM = str(Path(sys.executable).with_name("smtpx"))

#: A user who may nothing.
NOBODY = 65534

_HOLD = '[[route]]\nmatch = ["*"]\ntransport = "hold"\n[relay]\nhosts = ["127.0.0.1"]\n'


class Sink:
    """
    A host that takes its time.

    @ivar port: where it listens.
    @ivar subjects: of what it has taken.
    """

    def __init__(self) -> None:
        """Listen."""
        self.subjects: list[bytes] = []
        subjects = self.subjects

        class Session(socketserver.StreamRequestHandler):
            """One connection."""

            def handle(self) -> None:
                """Take messages, and be slow about it."""
                self.wfile.write(b"220 sink.example\r\n")
                while line := self.rfile.readline():
                    if line[:4] == b"DATA":
                        self.wfile.write(b"354 Go on\r\n")
                        lines = iter(self.rfile.readline, b".\r\n")
                        found = [each for each in lines if each[:8] == b"Subject:"]
                        time.sleep(0.01)
                        subjects.extend(found)
                    self.wfile.write(b"250 OK\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class QueueCase(InteropTestCase):
    """A server whose control socket has a short path."""

    def setUp(self) -> None:
        """A folder for the socket."""
        super().setUp()
        self.socket = shortFolder(self) / "c"
        self.server: RunningServer

    def begin(self, configuration: str = _HOLD) -> None:
        """Start it."""
        control = f'[control]\nsocket = "{self.socket}"\n'
        self.server = self.serve(f"{configuration}{control}")

    def send(self, count: int, sender: str = "ann@a.example") -> None:
        """Send it messages."""
        with smtplib.SMTP("127.0.0.1", self.server.port) as client:
            for number in range(count):
                text = f"Subject: number {number}\r\n\r\nHello\r\n"
                client.sendmail(sender, [f"bob{number}@b{number % 3}.example"], text)

    def queue(
        self,
        *words: str,
        status: int = 0,
        preexec: Callable[[], object] | None = None,
        input: bytes = b"",
    ) -> str:
        """Run the command; what it says, on both outputs."""
        done = subprocess.run(
            [PROGRAM, "queue", words[0], "-c", "smtpx.toml", *words[1:]],
            cwd=self.server.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=input,
            timeout=CLIENT_SECONDS,
            preexec_fn=preexec,
            check=False,
        )
        said = done.stdout.decode("utf-8")
        self.assertEqual(done.returncode, status, said)
        return said

    def ids(self, *words: str) -> list[str]:
        """The ids of some messages."""
        return self.queue("list", "--ids", *words).split()


class BesideTests(QueueCase):
    """Beside a server that runs."""

    def test_commands(self) -> None:
        """All of it, one after the other, as an operator would."""
        self.begin()
        self.send(9)
        ids = self.ids()
        self.assertEqual(len(ids), 9)
        waitFor(lambda: len(self.ids("--state", "held")) == 9, "all are on hold")
        self.assertIn("3 messages\n", self.queue("list", "--domain", "b1.example"))
        [entry, *_] = self.queue("list", "--json").splitlines()
        self.assertEqual(json.loads(entry)["sender"], "ann@a.example")
        shown = self.queue("show", ids[0])
        self.assertIn("    bob0@b0.example: waiting\n", shown)
        self.assertIn("  state: on hold: held since it arrived\n", shown)
        self.assertIn("Subject: number 0\r\n", self.queue("show", "--whole", ids[0]))
        summary = self.queue("summary")
        self.assertIn("       3          3     84", summary)
        self.assertTrue(summary.endswith("9 messages in all\n"))
        bounced = self.queue("bounce", ids[0], "--why", "moved away")
        self.assertEqual(bounced, "1 message returned\n")
        [report] = self.ids("--sender", "<>")
        self.assertIn("moved away", self.queue("show", "--body", report))
        asked = self.queue("remove", "--domain", "b1.example", status=1)
        self.assertIn("would be removed: say so with --yes", asked)
        removed = self.queue("remove", "--domain", "b1.example", "--yes")
        self.assertEqual(removed, "3 messages removed\n")
        self.assertEqual(len(self.ids()), 6)

        def removals() -> int:
            return sum(" removed by " in line for line in self.server.mainLog())

        waitFor(lambda: removals() == 3, "the log has them")
        log = "\n".join(self.server.mainLog())
        self.assertIn(f"{ids[0]} cancelled by ", log)
        self.assertRegex(log, f"{ids[0]} \\*\\* bob0@b0.example: given up by the op")

    def test_withoutAServer(self) -> None:
        """The same on the spool itself; the next server goes on with that."""
        self.begin()
        self.send(6)
        before = self.ids()
        self.server.stop()
        self.assertFalse(self.socket.exists())
        self.assertEqual(self.ids(), before)
        self.assertIn("2 messages returned", self.queue("bounce", *before[:2]))
        self.assertIn("1 message removed", self.queue("remove", before[2]))
        self.queue("release", "--all")
        said = self.queue("retry", "--all")
        self.assertIn("when the server starts", said)
        self.assertEqual(len(self.ids()), 5)
        log = "\n".join(self.server.mainLog())
        self.assertIn(f"{before[2]} removed by ", log)

    def test_whileItDelivers(self) -> None:
        """
        Messages are retried and removed while they are delivered: each is delivered
        once or removed, and none is both or neither.
        """
        sink = Sink()
        self.addCleanup(sink.close)
        route = f'[[route]]\nmatch = ["*"]\ntransport = "smtp"\nport = {sink.port}\n'
        relay = '[relay]\nhosts = ["127.0.0.1"]\n'
        self.begin(f'{route}hosts = ["[127.0.0.1]"]\ntls = "unwanted"\n{relay}')
        sending = threading.Thread(target=self.send, args=(400,))
        sending.start()
        client = ControlClient(self.socket)
        meant = {"selection": {"domains": ["b1.example"]}}
        removed = 0
        while sending.is_alive() or client.ask("queue.count", {})["found"]:
            removed += cast(int, client.ask("queue.remove", meant)["done"])
            client.ask("queue.retry", {"selection": {}})
        sending.join()
        client.close()
        self.server.stop()
        log = "\n".join(self.server.mainLog())
        gone = set(re.findall(r"(\S{16}) removed by ", log))
        delivered = re.findall(r"(\S{16}) => ", log)
        self.assertEqual(len(sink.subjects), len(set(sink.subjects)))
        self.assertEqual(len(delivered), len(sink.subjects))
        self.assertEqual(gone & set(delivered), set())
        self.assertEqual(len(gone) + len(delivered), 400)
        self.assertGreaterEqual(len(gone), removed)
        self.assertGreater(removed, 0)
        self.assertGreater(len(delivered), 200)

    def test_twoAtOnce(self) -> None:
        """Two operators at the same messages: each is one's."""
        self.begin()
        self.send(300)
        waitFor(lambda: len(self.ids("--state", "held")) == 300, "all are on hold")
        found: list[int] = []

        def remove() -> None:
            """One of them."""
            said = self.queue("remove", "--all", "--yes", "--json")
            found.append(json.loads(said)["done"])

        tools = [threading.Thread(target=remove) for _ in range(3)]
        for each in tools:
            each.start()
        for each in tools:
            each.join()
        self.assertEqual((len(found), sum(found)), (3, 300))
        self.assertEqual(self.ids(), [])

    def test_rights(self) -> None:
        """Somebody else may not, and hears who may."""
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        self.begin()
        self.server.folder.chmod(0o755)
        for parent in (self.socket.parent, *self.server.folder.parents[:4]):
            parent.chmod(0o755)

        def become() -> None:
            """Be nobody."""
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        said = self.queue("list", status=1, preexec=become)
        self.assertIn("you may not; be root\n", said)
        self.server.stop()
        said = self.queue("list", status=1, preexec=become)
        self.assertIn("you may not; be root\n", said)

    def test_otherVersion(self) -> None:
        """A server of another version: both versions are said."""
        self.begin()
        self.server.stop()
        hello: dict[str, Any] = {"smtpx": "99.0", "protocol": 99, "name": "mx"}
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.socket))
            listening.listen()

            def answer() -> None:
                """Greet."""
                client, _ = listening.accept()
                with client:
                    client.sendall(render(hello))
                    client.recv(1000)

            thread = threading.Thread(target=answer)
            thread.start()
            said = self.queue("list", status=1)
            thread.join()
        self.assertIn("the server is smtpx 99.0 and speaks version 99", said)
        self.assertRegex(said, "this is smtpx .*, which speaks version 1\n")

    def test_leftBehind(self) -> None:
        """The socket of a killed server is replaced, and in no command's way."""
        self.begin()
        self.send(1)
        self.server.kill()
        self.assertTrue(self.socket.exists())
        self.assertEqual(len(self.ids()), 1)
        self.assertRaises(NoServer, ControlClient, self.socket)
        self.begin()
        self.assertEqual(self.queue("list"), "0 messages\n")
        mode = self.socket.stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)

    def test_busy(self) -> None:
        """A server that has the spool and no socket: it is said that it has."""
        self.server = self.serve(f"{_HOLD}[control]\nenabled = false\n")
        said = self.queue("list", status=1)
        self.assertIn("in use by process", said)
        self.assertIn("control.enabled is false", said)

    def test_slowClient(self) -> None:
        """A client that does not read holds up nobody."""
        self.begin()
        self.send(300)
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(self.socket))
            for _ in range(10):
                slow.sendall(b'{"do": "queue.list"}\n')
            self.assertEqual(len(self.ids()), 300)
            self.send(1)
            self.assertEqual(len(self.ids()), 301)
