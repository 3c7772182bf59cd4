"""
C{python twistedmail.py sink|durable PORT FOLDER}: C{twisted.mail} as its users have
it, with a file for each message, synced in a thread.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import defer, reactor, threads
from twisted.mail import smtp
from zope.interface import implementer


class Spool:
    """A file a message: written, synced, renamed, and the folder synced."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "spool")
        os.makedirs(self._folder)
        self._number = os.open(self._folder, os.O_RDONLY)
        self._count = 0

    def store(self, lines: list[bytes]) -> Any:
        """Gives a Deferred that fires when it is on the disk."""
        self._count += 1
        path = os.path.join(self._folder, f"m{self._count}")
        return threads.deferToThread(self._write, path, lines)

    def _write(self, path: str, lines: list[bytes]) -> None:
        number = os.open(path + ".t", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(number, b"\r\n".join(lines) + b"\r\n")
        os.fsync(number)
        os.close(number)
        os.rename(path + ".t", path)
        os.fsync(self._number)


@implementer(smtp.IMessage)
class Message:
    """One message."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        """See C{IMessage}."""
        if self._spool is not None:
            self._lines.append(line)

    def eomReceived(self) -> Any:
        """See C{IMessage}."""
        if self._spool is None:
            return defer.succeed(None)
        return self._spool.store(self._lines)

    def connectionLost(self) -> None:
        """See C{IMessage}."""


@implementer(smtp.IMessageDelivery)
class Delivery:
    """Takes everything."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """See C{IMessageDelivery}."""
        return b"Received: by bench"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """See C{IMessageDelivery}."""
        return origin

    def validateTo(self, user: Any) -> Any:
        """See C{IMessageDelivery}."""
        return lambda: Message(self._spool)


class Factory(smtp.SMTPFactory):
    """Makes C{ESMTP} protocols."""

    noisy = False
    spool: Spool | None = None

    def buildProtocol(self, addr: Any) -> Any:
        """A client connects."""
        protocol = smtp.ESMTP()
        protocol.delivery = Delivery(self.spool)
        protocol.factory = self
        protocol.timeout = 600
        protocol.host = b"peer.test"
        return protocol


def main(mode: str, port: str, folder: str) -> None:
    """Serve until terminated."""
    factory = Factory()
    if mode == "durable":
        factory.spool = Spool(folder)
    core: Any = reactor
    core.listenTCP(int(port), factory, backlog=1024, interface="127.0.0.1")
    core.suggestThreadPoolSize(20)
    core.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
