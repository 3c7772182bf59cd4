"""
For tests of programs that send or receive mail, and of extensions.

  - L{pair} joins a server and a client in memory, L{talk} plays a client against
    the server, L{ScriptedPeer} a server against the client;
  - L{ScriptedServer} is a server, in memory or on a port, that does wrong what it
    is told to.
"""

from .client import ScriptedPeer, client, ehlo
from .faults import (
    ANY,
    BODY,
    GREETING,
    End,
    Fault,
    answered,
    brokenTLS,
    closed,
    cut,
    delayed,
    inPieces,
    reset,
    silent,
)
from .pair import Pair, pair
from .scripted import ScriptedMessage, ScriptedServer, ScriptedSession
from .server import Said, ScriptedPort, talk

__all__ = [
    "ANY",
    "BODY",
    "GREETING",
    "End",
    "Fault",
    "Pair",
    "Said",
    "ScriptedMessage",
    "ScriptedPeer",
    "ScriptedPort",
    "ScriptedServer",
    "ScriptedSession",
    "answered",
    "brokenTLS",
    "client",
    "closed",
    "cut",
    "delayed",
    "ehlo",
    "inPieces",
    "pair",
    "reset",
    "silent",
    "talk",
]
