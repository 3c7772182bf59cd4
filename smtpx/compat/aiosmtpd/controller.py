"""
Servers without a reactor of the program's own, as aiosmtpd's C{Controller} is one.

A L{Controller} listens in a thread of its own, where hooks run as well::

    from smtpx.compat.aiosmtpd import Controller
    controller = Controller(MyHandler(), hostname="127.0.0.1", port=8025)
    controller.start()
    ...
    controller.stop()

Each start makes an asyncio loop with a Twisted reactor on it, which is nobody
else's and is installed nowhere: there may be several, beside a program's own
reactor or none.  That reactor is never C{run}; only the loop is.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from attrs import evolve

from ...core.bounds import Bounds
from ...core.errors import UsageError
from ...net.apart import Listening, ServerThread
from ...net.sockets import internetSockets, localhost, unixSocket
from .factory import aiosmtpdFactory
from .journal import StandardLog
from .server import SMTP

DEFAULT_READY_TIMEOUT = 5.0

#: How long those who are connected may hold up the end, in seconds.
_FAREWELL_SECONDS = 2.0


class _Controlled(ABC):
    """
    What all controllers have.

    @ivar handler: the handler.
    @ivar loop: where everything runs.
    @ivar server: what listens; L{None}: nothing does.
    @ivar smtpd: the connection of the last client; L{None}: there was none.
    @ivar SMTP_kwargs: the parameters of L{aiosmtpdFactory}.
    """

    def __init__(
        self,
        handler: object,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        ssl_context: Any = None,
        server_hostname: str | None = None,
        server_kwargs: dict[str, Any] | None = None,
        **SMTP_parameters: Any,
    ) -> None:
        """
        @param loop: L{None}: one of its own, for each start.
        @param ssl_context: certificates for TLS from the first octet; see
            L{smtpx.compat.aiosmtpd.options.certificatesOf}.
        @param server_hostname: what the server calls itself.
        @param SMTP_parameters: those of aiosmtpd's C{SMTP}, and those of
            L{aiosmtpdFactory}.
        @raise UsageError: two kinds of TLS at once, or a subclass that has a
            C{factory}.
        """
        if hasattr(self, "factory"):
            raise UsageError(
                "smtpx asks no factory() for a server: give what it would give to"
                " SMTP(...) to the controller; new commands are extensions"
            )
        self.handler = handler
        self.loop = asyncio.new_event_loop() if loop is None else loop
        self._ownLoop = loop is None
        self.server: Listening | None = None
        self.smtpd: SMTP | None = None
        parameters = {**(server_kwargs or {}), **SMTP_parameters}
        if server_hostname:
            parameters["hostname"] = server_hostname
        if ssl_context is not None:
            if parameters.get("tls_context") is not None:
                raise UsageError("ssl_context and tls_context exclude each other")
            parameters["tls"] = ssl_context
            parameters["implicitTLS"] = True
        parameters.setdefault("journal", StandardLog())
        bounds = parameters.get("bounds") or Bounds()
        hurried = min(bounds.closeSeconds, _FAREWELL_SECONDS)
        parameters["bounds"] = evolve(bounds, closeSeconds=hurried)
        self.SMTP_kwargs = parameters

    def _note(self, server: SMTP) -> None:
        self.smtpd = server

    @abstractmethod
    def _bind(self) -> list[socket.socket]:
        """The sockets to listen on."""

    def _listen(self) -> Listening:
        if self.loop.is_closed() and self._ownLoop:
            self.loop = asyncio.new_event_loop()
        sockets = self._bind()
        self.server = server = Listening(
            self.loop,
            sockets,
            lambda reactor: aiosmtpdFactory(
                reactor, self.handler, met=self._note, **self.SMTP_kwargs
            ),
        )
        return server


class _Threaded(_Controlled):
    """A controller with a thread."""

    def __init__(
        self,
        *arguments: Any,
        ready_timeout: float = DEFAULT_READY_TIMEOUT,
        **more: Any,
    ) -> None:
        """
        @param ready_timeout: how long C{start} waits for the thread, in seconds.
        """
        super().__init__(*arguments, **more)
        self.ready_timeout = float(ready_timeout)
        self._thread: ServerThread | None = None

    def start(self) -> None:
        """
        Listen, in another thread.  When this returns, clients can connect.

        @raise OSError: the port is taken, or not ours to take.
        @raise TimeoutError: the thread did not begin in time.
        @raise UsageError: parameters that cannot go together.
        """
        assert self._thread is None, "the server is running already"
        server = self._listen()
        self._thread = ServerThread(server, self.loop)
        self._thread.start(self.ready_timeout)

    def stop(self, no_assert: bool = False) -> None:
        """
        Listen no more, send everybody away, end the thread, and wait for that.

        @param no_assert: is nothing wrong where no server runs?
        """
        assert no_assert or self._thread is not None, "no server is running"
        thread, self._thread = self._thread, None
        self.server = None
        if thread is not None:
            thread.stop()
        elif self._ownLoop:
            self.loop.close()


class _Unthreaded(_Controlled):
    """
    A controller on a loop that the program runs.

    @ivar ended: set once nothing listens any more.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.ended = threading.Event()

    def begin(self) -> None:
        """
        Listen; the loop is somebody else's to run.

        @raise OSError: the port is taken, or not ours to take.
        """
        self._listen()

    async def finalize(self) -> None:
        """Listen no more, and send everybody away."""
        self.ended.clear()
        server, self.server = self.server, None
        if server is not None:
            try:
                await server.close()
            finally:
                server.free()
        self.ended.set()

    def end(self) -> None:
        """
        Have L{finalize} done: soon, where the loop runs; else at once.
        """
        self.ended.clear()
        if self.loop.is_running():
            self._finalizing = self.loop.create_task(self.finalize())
        else:
            self.loop.run_until_complete(self.finalize())


class _Internet(_Controlled):
    """
    A controller that listens on an address.

    @ivar hostname: the address.
    @ivar port: the port; where it was 0, the one that the system chose.
    """

    def __init__(
        self,
        handler: object,
        hostname: str | None = None,
        port: int = 8025,
        loop: asyncio.AbstractEventLoop | None = None,
        **more: Any,
    ) -> None:
        """
        @param hostname: an address or the name of one, of which all are taken;
            empty: every address of this machine; L{None}: the loopback's.
        @param port: 0: the system chooses.
        """
        super().__init__(handler, loop, **more)
        self.hostname = localhost() if hostname is None else hostname
        self.port = port

    def _bind(self) -> list[socket.socket]:
        sockets = internetSockets(self.hostname, self.port)
        self.port = sockets[0].getsockname()[1]
        return sockets


class _Unix(_Controlled):
    """
    A controller that listens on a Unix socket.

    @ivar unix_socket: its path.
    """

    def __init__(
        self,
        handler: object,
        unix_socket: str | Path,
        loop: asyncio.AbstractEventLoop | None = None,
        **more: Any,
    ) -> None:
        super().__init__(handler, loop, **more)
        self.unix_socket = str(unix_socket)

    def _bind(self) -> list[socket.socket]:
        return [unixSocket(self.unix_socket)]


class Controller(_Internet, _Threaded):
    """A server on an address, in a thread of its own."""


class UnixSocketController(_Unix, _Threaded):
    """A server on a Unix socket, in a thread of its own."""


class UnthreadedController(_Internet, _Unthreaded):
    """A server on an address, on a loop that the program runs."""


class UnixSocketUnthreadedController(_Unix, _Unthreaded):
    """A server on a Unix socket, on a loop that the program runs."""
