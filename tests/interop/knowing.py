"""
A process that shares a file of peer knowledge, and does what it is told.

    python -m tests.interop.knowing FILE

A line on the standard input is a command, and is answered by a line: C{fail NAME
TEXT}, C{succeed NAME}, C{ask NAME} (why it failed, or C{-}), C{state} (what the
trouble is, or C{-}), C{storm} (fail all the time, until the end), C{stop}.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from smtpx.knowledge.clerk import Got
from smtpx.knowledge.hints import HostHints
from smtpx.knowledge.shared import SharedKnowledge
from smtpx.service.machine import Crew

from .running import PATIENCE_SECONDS, ROOT, waitFor


class Obedient(LineOnlyReceiver):
    """Does what it is told."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        pool = Crew(0, 1, "peers")
        pool.start()

        def work(job: Callable[[], Got]) -> Deferred[Got]:
            done: Deferred[Got] = deferToThreadPool(reactor, pool, job)
            return done

        self._knowledge = SharedKnowledge(reactor, time.time, work, path)
        self._hints = HostHints(self._knowledge, time.time)
        self._pool = pool
        self._count = 0

    def connectionMade(self) -> None:
        """Say when it begins."""
        self._knowledge.start().addCallback(lambda _: self.sendLine(b"ready"))

    def lineReceived(self, line: bytes) -> None:
        """Do what a line says."""
        command, _, rest = line.partition(b" ")
        name, _, text = rest.partition(b" ")
        answer = b"done"
        if command == b"fail":
            self._hints.failed(name, text.decode(), time.time())
        elif command == b"succeed":
            self._hints.succeeded(name)
        elif command == b"ask":
            trouble = self._hints.trouble(name)
            answer = b"-" if trouble is None else trouble.text.encode()
        elif command == b"state":
            answer = (self._knowledge.trouble or "-").encode()
        elif command == b"storm":
            self._storm()
        elif command == b"stop":
            self._knowledge.stop().addCallback(self._ended)
            return
        self.sendLine(answer)

    def _storm(self) -> None:
        """Find out a thousand things, again and again."""
        for _ in range(1000):
            self._count = (self._count + 1) % 15_000
            self._hints.failed(
                b"%d.storm.example" % self._count, "x" * 200, time.time()
            )
        self._reactor.callLater(0.1, self._storm)

    def _ended(self, _: None) -> None:
        self._pool.stop()
        self.sendLine(b"done")
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The test is over."""
        self._reactor.stop()


class Knower:
    """
    Such a process, as a test sees it.

    @ivar process: the process.
    """

    process: subprocess.Popen[bytes]

    def __init__(self, path: str, limit: int | None = None) -> None:
        """
        Start it, and wait until it has read what is known.

        @param limit: files may not grow beyond so many KiB, as on a full disk; L{None}:
            they may.
        """
        words = [sys.executable, "-m", "tests.interop.knowing", path]
        if limit is not None:
            shell = f'ulimit -f {limit}; trap "" XFSZ; exec "$@"'
            words = ["bash", "-c", shell, "bash", *words]
        self.process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._answer()

    def tell(self, command: str) -> str:
        """
        Have it do something.

        @return: its answer.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line: bytes = self.process.stdout.readline()
        assert line, "it has ended"
        return line.decode().rstrip("\r\n")

    def hears(self, name: str, text: str) -> None:
        """
        Wait until it knows why a host failed.

        @param text: C{-}: until it knows nothing.
        @raise AssertionError: it never did.
        """
        command = f"ask {name}"
        waitFor(lambda: self.tell(command) == text, f"{text!r} of {name}")

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Wait for its end."""
        self.process.wait(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def stop(self) -> None:
        """End it as it should."""
        self.tell("stop")
        self.close()


def main() -> None:
    """Run the process."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    reactor.callWhenRunning(lambda: StandardIO(Obedient(reactor, sys.argv[1])))
    reactor.run()


if __name__ == "__main__":
    main()
