"""
Servers in a thread of their own, for programs that have no reactor or another one.

L{Listening} puts a Twisted reactor on an asyncio loop and listens; the reactor is
nobody else's, is installed nowhere and is never C{run}: only the loop is.  So there
may be several in a process, and a program's own reactor, installed or not, does
not matter.  L{ServerThread} runs the loop.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from .factory import SMTPServerFactory

#: How long tasks may take to end once they are cancelled, in seconds.
_LAST_SECONDS = 1.0

#: How long those who are connected may hold up the end, in seconds.
_FAREWELL_SECONDS = 4.0


class Listening:
    """
    A server that listens, as far as C{asyncio.Server} can be seen.

    @ivar sockets: where it listens.
    @ivar factory: what makes its connections.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: list[socket.socket],
        made: Callable[[AsyncioSelectorReactor], Factory],
    ) -> None:
        """
        @param loop: where it is to run; it need not run yet.
        @param sockets: bound; they are its own from now on.
        @param made: makes the factory.
        """
        self.sockets = sockets
        self._reactor = AsyncioSelectorReactor(loop)
        self._ports: list[IListeningPort] = []
        try:
            self.factory = factory = made(self._reactor)
            for each in sockets:
                each.setblocking(False)
                port = self._reactor.adoptStreamPort(
                    each.fileno(), each.family, factory
                )
                self._ports.append(port)
                if isinstance(factory, SMTPServerFactory):
                    factory.listening(port)
        except BaseException:
            self.free()
            raise

    def is_serving(self) -> bool:
        """Does it listen?"""
        return bool(self._ports)

    async def close(self) -> None:
        """Listen no more, and send everybody away; called on the loop."""
        loop = asyncio.get_running_loop()
        ports, self._ports = self._ports, []
        for port in ports:
            stopped = port.stopListening()
            if stopped is not None:
                await stopped.asFuture(loop)
        if isinstance(self.factory, SMTPServerFactory):
            await self.factory.shutDown().asFuture(loop)

    def free(self) -> None:
        """
        Give back what the system gave, whoever is still connected; the loop is
        still there.
        """
        for each in self.sockets:
            each.close()
        self._reactor.disconnectAll()
        waker = self._reactor.waker
        self._reactor.removeReader(waker)
        waker.connectionLost(Failure(ConnectionDone()))


class ServerThread:
    """
    A thread that runs the loop of a server.
    """

    def __init__(self, server: Listening, loop: asyncio.AbstractEventLoop) -> None:
        """
        @param loop: that C{server} is on; it is closed in the end.
        """
        self._server = server
        self._loop = loop
        self._thread = threading.Thread(
            target=runLoop, args=(loop,), name="smtpx server", daemon=True
        )

    def start(self, readySeconds: float) -> None:
        """
        Begin.

        @param readySeconds: how long to wait for the thread.
        @raise TimeoutError: it did not begin within that time.
        """
        ready = threading.Event()
        self._loop.call_soon(ready.set)
        self._thread.start()
        if not ready.wait(readySeconds):
            raise TimeoutError(f"no thread within {readySeconds:g} seconds")

    def stop(self) -> None:
        """
        Listen no more, send everybody away, end the thread, and wait for that.

        @raise Exception: what went wrong meanwhile; the thread has ended.
        """
        closed: Future[None] = asyncio.run_coroutine_threadsafe(
            self._close(), self._loop
        )
        try:
            closed.result(_FAREWELL_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    async def _close(self) -> None:
        try:
            await self._server.close()
        finally:
            await cancelTasks(self._loop)
            self._server.free()


def runLoop(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, then cancel its tasks and close it."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(cancelTasks(loop))
        asyncio.set_event_loop(None)
        loop.close()


async def cancelTasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel every task of C{loop} but this one, and give them a moment."""
    tasks: set[asyncio.Task[Any]] = asyncio.all_tasks(loop)
    tasks -= {asyncio.current_task(loop)}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_LAST_SECONDS)
    await loop.shutdown_asyncgens()


__all__ = ["Listening", "ServerThread", "cancelTasks", "runLoop"]
