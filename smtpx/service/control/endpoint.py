"""
Where the control socket is: a UNIX socket that only its own are let in to.

The file of a server that was killed is replaced; that of one that lives is not.  The
mode of the file says who may connect, and who does is asked for again
(L{smtpx.service.control.protocol.ControlFactory.admit}), so that the moment between
the making of a file and its mode does not matter.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from ...core.errors import SMTPXError

#: The longest path of a UNIX socket, in octets: C{sun_path} of unix(7), without the
#: octet at its end.
PATH_OCTETS = 107

_log = Logger()


class BadSocketPath(SMTPXError):
    """There can be no control socket at a path; the message says why."""


def checkPath(
    path: Path, remedy: str = "give a shorter one as socket in the table control"
) -> None:
    """
    @param remedy: what an operator can do about it.
    @raise BadSocketPath: it is too long for a UNIX socket.
    """
    octets = len(os.fsencode(path))
    if octets > PATH_OCTETS:
        raise BadSocketPath(
            f"{path}: a path of {octets} octets is too long for a socket, which may"
            f" have {PATH_OCTETS}; {remedy}"
        )


def isAlive(path: Path) -> bool:
    """
    Does somebody listen at a socket?

    @raise BadSocketPath: it cannot be found out.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.setblocking(False)
        try:
            tried.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            # He has not the time to let us in.
            return True
        except OSError as error:
            raise BadSocketPath(f"{path}: {error.strerror}") from error
    return True


@frozen
class ControlEndpoint:
    """
    A place for a control socket.

    @ivar group: the number of the group that is let in besides; L{None}: none is.
    @ivar backlog: how many may wait to be let in.
    """

    reactor: Any
    path: Path
    group: int | None = None
    backlog: int = 50

    def listen(self, factory: Factory) -> IListeningPort:
        """
        Listen there.

        @raise BadSocketPath: somebody else does, or that is no place for a socket.
        @raise OSError: it is not allowed.
        """
        checkPath(self.path)
        self._clear()
        mode = 0o600 if self.group is None else 0o660
        port: IListeningPort = self.reactor.listenUNIX(
            os.fspath(self.path), factory, self.backlog, mode=mode
        )
        if self.group is not None:
            try:
                os.chown(self.path, -1, self.group)
            except OSError:
                maybeDeferred(port.stopListening)
                raise
        return port

    def _clear(self) -> None:
        """
        Remove what a server left behind that was killed.

        @raise BadSocketPath: it is no such thing.
        """
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise BadSocketPath(f"{self.path}: there is a file, which is no socket")
        if isAlive(self.path):
            raise BadSocketPath(f"{self.path}: another server listens there")
        os.unlink(self.path)


async def stopListening(port: IListeningPort) -> None:
    """Let nobody in any more; the file goes, too."""
    try:
        await maybeDeferred(port.stopListening)
    except OSError as error:
        if error.errno != errno.ENOENT:
            _log.warn("The control socket stays behind: {error}", error=error)


__all__ = [
    "BadSocketPath",
    "ControlEndpoint",
    "PATH_OCTETS",
    "checkPath",
    "isAlive",
    "stopListening",
]
