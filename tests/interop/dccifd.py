"""
What a test has in the place of C{dccifd(8)}: a script that speaks the daemon's side of
its protocol over a real socket, as the daemon's manual has it.

It is in no distribution, and asks servers elsewhere; so no real one was ever there.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from pathlib import Path

from attrs import define, field

#: The field that it gives.
FIELD = b"X-DCC-test-Metrics: mx.example.org 1170; bulk Body=many Fuz1=many\n"


@define(eq=False)
class Asked:
    """
    One question.

    @ivar lines: the lines before the message.
    @ivar message: the message.
    """

    lines: list[bytes]
    message: bytes


class _Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    server: _Server

    def handle(self) -> None:
        """Read the question, and answer it."""
        lines: list[bytes] = []
        while not (len(lines) > 4 and lines[-1] == b""):
            line = self.rfile.readline()
            if not line.endswith(b"\n"):
                return
            lines.append(line.removesuffix(b"\n"))
        message = self.rfile.read()
        self.server.daemon.asked.append(Asked(lines[:-1], message))
        answer = self.server.daemon.answer(lines[4:-1], message)
        if answer is None:
            # It hangs, or dies: the test says how long.
            time.sleep(self.server.daemon.hangs)
            return
        # In pieces: nobody may count on getting it at once.
        for at in range(0, len(answer), 3):
            self.wfile.write(answer[at : at + 3])
            self.wfile.flush()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Takes connections."""

    daemon_threads = True
    allow_reuse_address = True
    daemon: FakeDaemon


class _UnixServer(_Server):
    address_family = socket.AF_UNIX


@define(eq=False)
class FakeDaemon:
    """
    The daemon.  What it says of a message stands in its field C{X-Say}: the overall
    letter, which is each recipient's as well; but whose local part begins with C{no-}
    is refused by it, whatever it says of others.  C{?} is nonsense, and C{-} no answer.

    @ivar hangs: how long it says nothing where it gives no answer, in seconds.
    @ivar asked: what it was asked.
    """

    hangs: float = 0.0
    asked: list[Asked] = field(factory=list)
    _server: _Server | None = field(default=None, init=False)

    def start(self, path: Path | None = None) -> str:
        """
        Listen.

        @param path: of a UNIX socket; L{None}: on a port of the loopback.
        @return: the address, as the configuration has it.
        """
        if path is None:
            server = _Server(("127.0.0.1", 0), _Conversation)
            host, port = server.server_address[:2]
            where = f"{host!s} {port}"
        else:
            server = _UnixServer(str(path), _Conversation)  # type: ignore[arg-type]  # of that family
            where = str(path)
        server.daemon = self
        self._server = server
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return where

    def stop(self) -> None:
        """Listen no more."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, recipients: list[bytes], message: bytes) -> bytes | None:
        """What it says; L{None}: nothing."""
        _, _, rest = message.partition(b"X-Say: ")
        letter = rest[:1] or b"A"
        if letter == b"-":
            return None
        if letter == b"?":
            return b"550 no such command\r\n"
        usual = b"A" if letter in b"AST" else letter
        each = (b"R" if r.startswith(b"no-") else usual for r in recipients)
        return letter + b"\n" + b"".join(each) + b"\n" + FIELD + b"\n"


__all__ = ["FIELD", "Asked", "FakeDaemon"]
