"""
The port of the site, which a worker that was started again may have to wait for.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.logger import Logger

#: How often it is tried again, in seconds.
AGAIN_SECONDS = 10.0


class SitePort:
    """
    Listens, now or later.

    At its first start a server whose site has no port is wrong, and does not start.  A
    worker that is started again while somebody else has taken the port goes on with
    mail without a site, and tries again.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        listen: Callable[[], Deferred[IListeningPort]],
        opened: Callable[[IListeningPort], object],
    ) -> None:
        """
        @param listen: begins to listen.
        @param opened: told of the port.
        """
        self._clock = clock
        self._listen = listen
        self._opened = opened
        self._port: IListeningPort | None = None
        self._call: IDelayedCall | None = None

    async def open(self, mustBe: bool) -> None:
        """
        Begin.

        @param mustBe: is it wrong if it cannot be now?
        @raise CannotListenError: it is wrong, and cannot be.
        """
        self._call = None
        try:
            self._port = await self._listen()
        except CannotListenError as error:
            if mustBe:
                raise
            self._log.error(
                "There is no status page for now: {error}; in {seconds:g} s it is"
                " tried again",
                error=error,
                seconds=AGAIN_SECONDS,
            )
            self._call = self._clock.callLater(AGAIN_SECONDS, self._again)
        else:
            self._opened(self._port)

    def _again(self) -> None:
        Deferred.fromCoroutine(self.open(False)).addErrback(
            lambda why: self._log.failure("The status page cannot be opened", why)
        )

    async def close(self) -> None:
        """End."""
        if self._call is not None:
            self._call.cancel()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)


__all__ = ["AGAIN_SECONDS", "SitePort"]
