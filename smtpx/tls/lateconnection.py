"""
A server's side of TLS that waits for the ClientHello before it chooses its context.

pyOpenSSL looks into a ClientHello only when the context is settled long ago, and
Twisted makes the connection before an octet has come.  So a L{LateConnection} is what
Twisted gets: until the ClientHello is there (L{smtpx.tls.clienthello}) it holds back
what comes, and has nothing to say; then it becomes the connection that it should be,
and reads everything again.

In return, a client that connects and says nothing costs a few hundred octets here,
where OpenSSL needs 17 kB.  How long a handshake may take is for whoever has the
connection to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

from .clienthello import Scan, Wishes
from .earlybanner import SpeaksFirst, Words

#: Makes the beginning of a handshake: with what the client wants, chooses the context.
Choose = Callable[[Wishes], SSL.Context]


class LateConnection(SSL.Connection):
    """
    A connection whose context is not known yet.

    What Twisted calls before the ClientHello is answered here; whatever else is asked
    of it ends the waiting.
    """

    # The parent's initialiser is called when the context is known.
    def __init__(
        self,
        choose: Choose,
        prepare: Callable[[SSL.Connection], None],
        words: Words | None = None,
    ) -> None:
        """
        @param choose: chooses the context.
        @param prepare: does what there is to do once the connection is there.
        @param words: has something said early; L{None}: nothing is.
        """
        self._scan = Scan()
        self._choose = choose
        self._prepare = prepare
        self._early = words
        self._appData: object = None
        self._socket = None

    def set_accept_state(self) -> None:
        """It is a server's side in any case."""

    def set_app_data(self, data: object) -> None:
        """Twisted's own."""
        self._appData = data

    def get_app_data(self) -> object:
        """The same."""
        return self._appData

    def do_handshake(self) -> None:
        """There is nothing to be done yet."""
        raise SSL.WantReadError()

    def bio_read(self, bufsiz: int) -> bytes:
        """There is nothing to be said yet."""
        raise SSL.WantReadError()

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """There is nothing to be read yet."""
        raise SSL.WantReadError()

    def send(self, buf: Any, flags: int = 0) -> int:
        """It is too early; Twisted keeps it and tries again."""
        raise SSL.WantReadError()

    def bio_write(self, buf: Any) -> int:
        """Octets have come."""
        if self._scan.feed(bytes(buf)):
            self._settle()
        return len(buf)

    def shutdown(self) -> bool:
        """Nothing was said, so there is no goodbye."""
        return False

    def bio_shutdown(self) -> None:
        """Nothing more will come; OpenSSL is to judge what did."""
        if self._scan.raw:
            self._settle()
            self.bio_shutdown()

    def client_random(self) -> bytes | None:
        """There is no session yet."""
        return None

    def __getattr__(self, name: str) -> Any:
        """Asked for what only a real connection has: it is to be one now."""
        if name.startswith("__") or type(self) is not LateConnection:
            raise AttributeError(name)
        self._settle()
        return getattr(self, name)

    def _settle(self) -> None:
        """Become what it should be."""
        scan, prepare, appData = self._scan, self._prepare, self._appData
        context = self._choose(scan.wishes or Wishes())
        words = self._early
        del self._scan, self._prepare, self._choose, self._appData, self._early
        # From now on its methods are others', which cost nothing more.
        if words is None:
            self.__class__ = SSL.Connection  # type: ignore[assignment]  # it is one
            SSL.Connection.__init__(self, context, None)
        else:
            self.__class__ = SpeaksFirst  # type: ignore[assignment]  # it is to be one
            SpeaksFirst.__init__(self, context, words)  # type: ignore[arg-type]
        SSL.Connection.set_accept_state(self)
        SSL.Connection.set_app_data(self, appData)
        prepare(self)
        if scan.raw:
            SSL.Connection.bio_write(self, bytes(scan.raw))


__all__ = ["Choose", "LateConnection"]
