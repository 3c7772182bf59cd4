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
    if isinstance(place, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
    else:
        connection = socket.create_connection(place, seconds)
    with connection:
        if isinstance(place, str):
            connection.connect(place)
        conversation = Conversation({})
        connection.sendall(conversation.open())
        while conversation.agreed is None:
            data = connection.recv(_OCTETS)
            if not data:
                raise Malformed("it ends the connection")
            list(conversation.feed(data))
        connection.sendall(conversation.say(QUIT))
        return conversation.agreed


__all__ = ["tryMilter"]
