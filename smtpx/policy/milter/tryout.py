"""
Trying a milter, without a reactor.
"""

from __future__ import annotations

import socket

from ...core.errors import Malformed
from .commands import QUIT
from .conversation import Conversation
from .negotiation import Agreed

#: How many octets are read at once.
_OCTETS = 4096


def tryMilter(place: str | tuple[str, int], seconds: float) -> Agreed:
    """
    See whether there is a milter, and what it agrees to; waits for it.

    @param place: the path of its UNIX socket, or a host and a port.
    @param seconds: how long each step may take.
    @raise OSError: it cannot be connected to, or says nothing.
    @raise Malformed: it is no milter.
    """
    with _connected(place, seconds) as connection:
        conversation = Conversation({})
        connection.sendall(conversation.open())
        while conversation.agreed is None:
            data = connection.recv(_OCTETS)
            if not data:
                raise Malformed("it ends the connection")
            list(conversation.feed(data))
        connection.sendall(conversation.say(QUIT))
        return conversation.agreed


def _connected(place: str | tuple[str, int], seconds: float) -> socket.socket:
    """
    @raise OSError: it cannot be connected to.
    """
    if not isinstance(place, str):
        return socket.create_connection(place, seconds)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(place)
    except OSError:
        connection.close()
        raise
    return connection


__all__ = ["tryMilter"]
