"""
A line between a client and a server that can be cut where a test wants it.

Each connection is handed on by two threads, octet for octet; what was said is kept.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from attrs import define, field

#: The most octets that are handed on at a time.
_PIECE_OCTETS = 1 << 14


@define(eq=False)
class Call:
    """
    A connection.

    @ivar said: what the client has said.
    @ivar answered: what the server has said, whether the client has heard it or not.
    @ivar over: set when it has ended.
    """

    said: bytearray = field(factory=bytearray)
    answered: bytearray = field(factory=bytearray)
    over: threading.Event = field(factory=threading.Event)


class CuttingLine:
    """
    Where a client is to connect to.

    @ivar port: where, at 127.0.0.1.
    @ivar calls: all connections so far.
    @ivar cut: asked before something is handed on, in either direction, with all that
        was said by then, and that as well: is the line to be cut instead?
    """

    def __init__(self, port: int) -> None:
        """
        @param port: the server's.
        """
        self.calls: list[Call] = []
        self.cut: Callable[[Call], bool] = lambda call: False
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        # Closing alone does not wake whoever waits.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            call = Call()
            self.calls.append(call)
            for source, target, kept in (
                (client, server, call.said),
                (server, client, call.answered),
            ):
                threading.Thread(
                    target=self._carry, args=(call, source, target, kept), daemon=True
                ).start()

    def _carry(
        self, call: Call, source: socket.socket, target: socket.socket, kept: bytearray
    ) -> None:
        try:
            while octets := source.recv(_PIECE_OCTETS):
                kept += octets
                if call.over.is_set() or self.cut(call):
                    break
                target.sendall(octets)
        except OSError:
            # The other side has gone.
            pass
        finally:
            call.over.set()
            for each in (source, target):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # It was over already.
                    pass


__all__ = ["Call", "CuttingLine"]
