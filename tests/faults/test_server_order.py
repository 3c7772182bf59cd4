"""
250 means "on the disk", of the whole server: seen in what the process asks of the
kernel while clients of all kinds send to it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .clients import LARGE, SMALL, WAYS, Client, Message
from .servers import Server
from .syncorder import OPTIONS, Findings, check, parse

TOLD = re.compile(rb"^250 2\.0\.0 OK id=(?P<id>\S+)\r\n", re.MULTILINE)


class ServerOrderTests(SynchronousTestCase):
    """C{twistd} under strace."""

    slow = True

    def setUp(self) -> None:
        """strace has to be there, and has to be allowed."""
        strace = shutil.which("strace")
        if strace is None:
            raise SkipTest("strace is not installed")
        tried = subprocess.run([strace, "true"], capture_output=True, check=False)
        if tried.returncode:
            raise SkipTest("strace may not trace processes here")
        self.strace = strace

    def trace(self, rounds: int, weakness: str | None = None) -> Findings:
        """
        Have two clients for each way of sending send to a server that is traced.

        @param rounds: how often each sends a small message, a large one, and two
            small ones at once.
        @param weakness: what L{tests.faults.weakened} does to the server; L{None}:
            it is as it is.
        @return: what is found in the trace.
        """
        server = Server(self.mktemp(), 'transport = "hold"')
        self.addCleanup(server.kill)
        program = ["-m", "tests.faults.weakened", weakness] if weakness else []
        trace = server.folder / "trace"
        server.start(
            [self.strace, *OPTIONS, "-o", str(trace)],
            [sys.executable, *program] if program else (),
        )
        self.told: list[str] = []
        threads = [
            threading.Thread(target=self.send, args=(server.port, way, name, rounds))
            for way in range(len(WAYS))
            for name in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.stop()
        with trace.open("rb") as lines:
            found = check(parse(lines), TOLD, server.spool)
        # All ways, sizes and clients got through, and the trace has all of it.
        self.assertEqual(len(self.told), len(threads) * rounds * 4)
        self.assertEqual(len(set(self.told)), len(self.told))
        self.assertEqual(found.acknowledged, len(self.told))
        self.assertEqual(found.filed, len(threads) * rounds)
        return found

    def send(self, port: int, way: int, name: str, rounds: int) -> None:
        """Be one client, in a thread."""
        client = Client(port)
        try:
            for number in range(rounds):
                for sizes in ([SMALL], [LARGE], [SMALL, SMALL]):
                    messages = [
                        Message.make(f"{way}{name}-{number}-{size}-{index}", size)
                        for index, size in enumerate(sizes)
                    ]
                    self.told += WAYS[way](client, *messages)
        finally:
            client.close()

    def test_eachAcknowledgement(self) -> None:
        """
        For each 250 the spool file was synced after the message was written to
        it; for a large one the body's file and folder before that, as well.
        """
        self.assertEqual(self.trace(5).problems, ())

    def test_weakSpool(self) -> None:
        """The same test fails with C{synchronous=OFF} and with C{NORMAL}."""
        for weakness in ("OFF", "NORMAL"):
            found = self.trace(2, weakness)
            early = [each for each in found.problems if "log was not" in each]
            # A checkpoint syncs the log now and then even so.
            self.assertGreater(len(early), found.acknowledged // 2, weakness)

    def test_weakFiles(self) -> None:
        """It fails as well where files and folder of bodies are not synced."""
        found = self.trace(2, "FILES")
        for what in ("file was not", "folder was not"):
            early = [each for each in found.problems if what in each]
            self.assertEqual(len(early), found.filed, what)
        self.assertEqual(len(found.problems), 2 * found.filed)
