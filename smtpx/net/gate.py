"""
The door of a server that may be shut while clients are at it.

Twisted's port accepts whoever waits, many in a row, and looks at nothing in between.
So a server that became full at one of them would have to send away the others, who had
better wait in the kernel until there is room: with several processes at one socket, it
is mostly somebody else who fills the server.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EAGAIN
from socket import socket
from typing import Any


class Gate:
    """
    A socket that listens; nobody waits there as long as it is shut.
    """

    def __init__(self, listening: socket, isShut: Callable[[], bool]) -> None:
        """
        @param listening: the socket; it does not block.
        @param isShut: asked before each client.
        """
        self._listening = listening
        self._isShut = isShut

    def accept(self) -> tuple[socket, Any]:
        """
        The next client.

        @raise OSError: there is none, or none is let in.
        """
        if self._isShut():
            raise BlockingIOError(EAGAIN, "it is shut")
        return self._listening.accept()

    def __getattr__(self, name: str) -> Any:
        """All else is the socket's."""
        return getattr(self._listening, name)


__all__ = ["Gate"]
