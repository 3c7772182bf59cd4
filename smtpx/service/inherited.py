"""
Sockets that are handed to the process: socket activation, as systemd does it
(sd_listen_fds(3)).

An endpoint C{systemd:domain=INET:index=0}, or with C{name=smtp} in place of the
index, stands for one of them.  The description is Twisted's, and so is most of what
is done with it; but a descriptor that is not there, or is not what the description
says, is told in plain words here, and a UNIX socket's file stays systemd's.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from twisted.internet import unix
from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from ..core.errors import UsageError

#: What such an endpoint begins with.
PREFIX = "systemd:"

_DOMAIN = re.compile(r"systemd:(?:domain=)?([^:=]*)(?::|$)")
_WHICH = re.compile(r":(?:(index|name)=)?([^:=]*)$")

_FAMILIES = {
    "INET": socket.AF_INET,
    "INET6": socket.AF_INET6,
    "UNIX": socket.AF_UNIX,
}


class BadSocket(UsageError, ValueError):
    """A description is none, or the process was given another kind of thing."""


class NotHandedOver(BadSocket):
    """The process was not given such a descriptor."""


def inheritedEndpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    The endpoint of a socket that was handed to this process.

    @param description: C{systemd:domain=...:index=...}, or with C{name=...}.
    @raise NotHandedOver: there is no such socket.
    @raise BadSocket: there is one, which is another kind of thing; or the
        description is none.
    """
    found = _DOMAIN.match(description)
    if found is None or found[1] not in _FAMILIES:
        raise BadSocket('expected "systemd:domain=" and one of INET, INET6, UNIX')
    try:
        endpoint = serverFromString(reactor, description)
    except (IndexError, KeyError):
        which = _WHICH.search(description)
        text = f"{which[1] or 'index'} {which[2]}" if which else description
        raise NotHandedOver(
            f"no socket with {text} was handed over: is this started by systemd?"
        ) from None
    assert isinstance(endpoint, AdoptedStreamServerEndpoint)
    _examine(endpoint.fileno, _FAMILIES[found[1]])
    if endpoint.addressFamily == socket.AF_UNIX:
        return InheritedUNIXEndpoint(reactor, endpoint.fileno)
    return endpoint


def _examine(number: int, family: socket.AddressFamily) -> None:
    """
    See whether a descriptor is a socket that listens.

    @raise BadSocket: it is not.
    """
    try:
        looked = socket.socket(fileno=os.dup(number))
    except OSError as error:
        raise NotHandedOver(f"descriptor {number}: {error.strerror}") from None
    with looked:
        if looked.family != family:
            is_ = looked.family.name.removeprefix("AF_")
            wanted = family.name.removeprefix("AF_")
            raise BadSocket(
                f"the socket that was handed over is one of {is_}, not {wanted}"
            )
        if not looked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BadSocket(
                "the socket that was handed over does not listen; it wants"
                ' "ListenStream" and "Accept=no"'
            )


@implementer(IStreamServerEndpoint)
class InheritedUNIXEndpoint:
    """
    A UNIX socket that somebody else has made, and who will go on to use it.

    Twisted's own endpoint changes the mode of its file, which need not be
    allowed, and removes the file at the end: the next connection would start
    nobody.
    """

    def __init__(self, reactor: Any, number: int) -> None:
        """
        @param number: the descriptor, which is taken over.
        """
        self._reactor = reactor
        self._number = number

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        os.set_blocking(self._number, False)
        # There is no public way to have a port without a file of its own.
        port: Any = unix.Port._fromListeningDescriptor(
            self._reactor, self._number, factory
        )
        # As for a name in the abstract namespace, which has no file.
        port._bindPath = b"\0" + port._bindPath
        port._shouldShutdown = False
        # What Twisted says at the end has an octet of zero in it, then; and it is not
        # the socket that is closed.
        port._logConnectionLostMsg = lambda: None
        # It has the socket listen again: no fewer may wait than before.
        port.backlog = socket.SOMAXCONN
        port.startListening()
        os.close(self._number)
        listening: IListeningPort = port
        return listening


__all__ = [
    "PREFIX",
    "BadSocket",
    "InheritedUNIXEndpoint",
    "NotHandedOver",
    "inheritedEndpoint",
]
