"""
C{python floor.py PORT}: what Twisted itself costs.

A protocol that knows no SMTP: it answers each piece of input with as many canned
replies as the load generator waits for, straight to the socket.  No server on
Twisted in one process can be faster than this; how near ours is to it says more
than how it compares with a peer in another language.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import reactor  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402

from smtpx.net.poller import withoutLogContext  # noqa: E402


class Canned(Protocol):
    """Answers by what a piece of input ends with."""

    def connectionMade(self) -> None:
        """Greet."""
        transport = self.transport
        transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP's
        self._send = transport.getHandle().send  # type: ignore[union-attr]  # TCP's
        self._send(b"220 floor\r\n")

    def dataReceived(self, data: bytes) -> None:
        """Answer."""
        out = b""
        if data.startswith((b"EHLO", b"RCPT")):
            out = b"250 \r\n"
        elif data.startswith(b"MAIL"):
            # One command, or a group up to DATA, or up to a chunk.
            out = b"250 \r\n"
            if b"RCPT" in data[:99]:
                out += b"250 \r\n"
                out += b"354 \r\n" if data.endswith(b"DATA\r\n") else b"250 \r\n"
        elif data.startswith(b"DATA"):
            out = b"354 \r\n"
        elif data.startswith(b"QUIT"):
            out = b"221 \r\n"
        elif data.endswith(b".\r\n"):
            out = b"250 \r\n"
        self._send(out)


def main(port: str) -> None:
    """Serve until terminated."""
    withoutLogContext(reactor)
    factory = Factory.forProtocol(Canned)
    factory.noisy = False
    core: Any = reactor
    core.listenTCP(int(port), factory, backlog=1024, interface="127.0.0.1")
    core.run()


if __name__ == "__main__":
    main(sys.argv[1])
