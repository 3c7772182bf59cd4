"""
For tests of programs that send or receive mail, and of extensions.

  - L{pair} joins a server and a client in memory, L{talk} plays a client against
    the server, L{ScriptedPeer} a server against the client;
  - L{MailServer} is a server in a thread of its own that collects messages, and
    L{collectMail} one for trial; a L{Mailbox} is where they are;
  - L{ScriptedServer} is a server, in memory or on a port, that does wrong what it
    is told to, and L{FaultyServer} the same in a thread of its own;
  - L{StaticResolver} is a DNS that knows what the test wrote down.

Fixtures for pytest are in L{smtpx.testing.fixtures}.
"""

from .client import ScriptedPeer, client, ehlo
from .dns import StaticResolver
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
from .mailbox import CollectedMessage, Mailbox
from .mailserver import Collecting, FaultyServer, MailServer, collectMail, mailFactory
from .pair import Pair, pair
from .scripted import ScriptedMessage, ScriptedServer, ScriptedSession
from .server import Said, ScriptedPort, talk

__all__ = [
    "ANY",
    "BODY",
    "GREETING",
    "CollectedMessage",
    "Collecting",
    "End",
    "Fault",
    "FaultyServer",
    "MailServer",
    "Mailbox",
    "Pair",
    "Said",
    "ScriptedMessage",
    "ScriptedPeer",
    "ScriptedPort",
    "ScriptedServer",
    "ScriptedSession",
    "StaticResolver",
    "answered",
    "brokenTLS",
    "client",
    "closed",
    "collectMail",
    "cut",
    "delayed",
    "ehlo",
    "inPieces",
    "mailFactory",
    "pair",
    "reset",
    "silent",
    "talk",
]
