"""
What the processes of a server tell each other: values of JSON over a pair of sockets.

The sockets are of the kind SOCK_SEQPACKET: a message is whole or not there at all, so
that several processes write to one end without mixing, and the other end sees the end
when the last of them is gone.  A pipe mixes what is longer than 4096 octets, and a
datagram socket has room for ten messages.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

#: A message: what it is called, and its fields, which are values of JSON.
Message = Mapping[str, Any]

#: The longest message, in octets.
LARGEST = 65_536

#: So much may wait while the other side is busy, in octets, if the system allows it.
_WAITING = 1 << 20

#: So many messages are heard before others have a turn.
_AT_ONCE = 64


class TooLong(ValueError):
    """A message is longer than L{LARGEST}."""


def pair() -> tuple[socket.socket, socket.socket]:
    """
    Two ends of a channel.  Neither waits, nor is inherited by accident.

    @raise OSError: there are no descriptors left.
    """
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WAITING)
    return ends


def tell(end: socket.socket, message: Message) -> bool:
    """
    Say something, without waiting.

    @return: L{False}: there is no room, or nobody hears it; it is lost.
    @raise TooLong: it can never be said.
    """
    octets = json.dumps(message).encode("ascii")
    if len(octets) > LARGEST:
        raise TooLong(f"{len(octets)} octets")
    try:
        end.send(octets, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:
        return False
    return True


def hear(end: socket.socket) -> Message | None:
    """
    Hear a message.

    @return: L{None}: nobody is left who could say anything.
    @raise BlockingIOError: nothing was said.
    @raise ValueError: what was said is no JSON.
    """
    octets = end.recv(LARGEST)
    if not octets:
        return None
    message: Message = json.loads(octets)
    return message


@implementer(IReadDescriptor)
@define(eq=False)
class Hearing:
    """
    Hears what is said at one end of a channel, by the reactor.

    @ivar end: the end, which is closed when nobody is left.
    @ivar heard: told each message.
    @ivar ended: told once that nobody is left.
    """

    _reactor: Any
    end: socket.socket
    heard: Callable[[Message], object]
    ended: Callable[[], object]

    def begin(self) -> None:
        """Hear, from now on."""
        self._reactor.addReader(self)

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self.end.fileno()

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "channel"

    def doRead(self) -> None:
        """See L{IReadDescriptor}."""
        for _ in range(_AT_ONCE):
            try:
                message = hear(self.end)
            except BlockingIOError:
                return
            except ValueError:
                continue
            except OSError:
                message = None
            if message is None:
                self._finish()
                return
            self.heard(message)

    def connectionLost(self, reason: Failure) -> None:
        """See L{IReadDescriptor}."""
        self._finish()

    def _finish(self) -> None:
        if self.end.fileno() < 0:
            return
        self._reactor.removeReader(self)
        self.end.close()
        self.ended()


__all__ = ["LARGEST", "Hearing", "Message", "TooLong", "hear", "pair", "tell"]
