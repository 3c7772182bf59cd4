"""
One run of a command: a message goes in, what it prints comes back, and it ends,
within bounds.

The message is read piece by piece, the next when the command has taken the one
before.  A command need not read it: what counts is its exit status, as with Exim and
Postfix.  But it never sees an end of its input where the message has not ended: if
the body cannot be read, or we stop, it is killed before its input is closed.

What it prints is kept at the beginning, and thrown away behind that.  A command that
prints too much, or takes too long, gets SIGTERM, and C{KILL_SECONDS} later SIGKILL;
so do all processes that it has started, but those that have gone into a session of
their own.

Whatever a command leaves running when it ends well is not waited for, and not ended.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPullProducer, IReactorTime
from zope.interface import Interface, implementer

from .exitstatus import Result

#: How long a command may take from SIGTERM on, and from SIGKILL on, in seconds.
KILL_SECONDS = 5.0

#: How long what a command has printed is waited for, where something that it left
#: running could still print, in seconds.
LINGER_SECONDS = 1.0

#: How much of what it prints is kept, in octets.
KEPT_OCTETS = 8 << 10

_STOPPED = "cut off, as we stop"


@frozen
class RunAs:
    """
    Whose rights a command has.

    @ivar uid: the user's number.
    @ivar gid: the number of the group.
    @ivar groups: the numbers of the other groups.
    """

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@frozen
class Launch:
    """
    What is run.

    @ivar words: the program and its arguments.
    @ivar environment: all that it gets.
    @ivar folder: its working folder.
    @ivar umask: which rights the files that it makes do not get.
    @ivar runAs: whose rights it has; L{None}: ours.
    """

    words: tuple[bytes, ...]
    environment: Mapping[bytes, bytes] = field(factory=dict)
    folder: str = "/"
    umask: int = 0o077
    runAs: RunAs | None = None


class IChild(Interface):
    """A command that runs, in a session of its own."""

    def feed(source: IPullProducer) -> None:
        """
        Have C{source} asked for more each time that all was taken.

        It is not asked any more once the command does not read.
        """

    def write(octets: bytes) -> None:
        """Give it some of its input."""

    def finish() -> None:
        """That was all: when it has read it, it is to see its end."""

    def signal(number: int) -> None:
        """
        Send a signal to it and to those that it has started; once it has ended
        none of them is there any more.
        """

    def release() -> None:
        """Let go of what it may still hold open."""


class IParent(Interface):
    """Is told of a command that runs."""

    def said(octets: bytes) -> None:
        """It has printed something."""

    def silent() -> None:
        """Nothing more can come."""

    def ended(status: int) -> None:
        """
        It has ended.

        @param status: its exit status; negative: minus the signal that ended it.
        """


#: Starts a command.  Raises L{OSError}, where that cannot be done.
Spawn = Callable[[Launch, IParent], IChild]


@frozen
class RunBounds:
    """
    What a command may take.

    @ivar timeLimit: how long, in seconds.
    @ivar outputOctets: how much it may print.
    """

    timeLimit: float = 3600.0
    outputOctets: int = 1 << 20


@implementer(IParent, IPullProducer)
class Run:
    """
    One run.

    @ivar done: fires with a L{Result}, when it has ended or cannot be ended.  Where
        it could not have all of the message for a reason of ours, it fails with that.
        L{wait} is what to call.
    """

    def __init__(self, clock: IReactorTime, bounds: RunBounds) -> None:
        self.done: Deferred[Result] = Deferred()
        self._clock = clock
        self._bounds = bounds
        self._child: IChild | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._timer: IDelayedCall | None = None
        self._output = b""
        self._octets = 0
        self._status: int | None = None
        self._silent = False
        self._cut = ""
        self._error: Exception | None = None

    def start(self, spawn: Spawn, launch: Launch, pieces: Iterable[bytes]) -> None:
        """
        Begin.

        @param pieces: what it is to read; none of them empty.
        @raise OSError: it cannot be started.
        """
        self._pieces = iter(pieces)
        self._child = spawn(launch, self)
        self._after(self._bounds.timeLimit, self._tooLong)
        self._child.feed(self)

    async def wait(self) -> Result:
        """
        How it ended.  Cancelled, it is ended, and that is waited for.

        @raise CancelledError: it was, and then it ended for that.
        @raise Exception: the message could not be read.
        """
        try:
            return await self.done
        except CancelledError:
            self.done = Deferred()
            self._end(_STOPPED)
            result = await self.done
        if result.cut == _STOPPED:
            raise CancelledError
        return result

    # --- its input ------------------------------------------------------------

    def resumeProducing(self) -> None:
        """Give it the next piece."""
        child = self._child
        if child is None:
            return
        try:
            piece = next(self._pieces, None)
        except Exception as error:
            # It must not take what it has for all of the message.  What is wrong is
            # told where it ends.
            self._error = error
            self._kill()
            return
        if piece is None:
            child.finish()
        else:
            child.write(piece)

    def stopProducing(self) -> None:
        """It does not read any more."""
        self._pieces = iter(())

    # --- what it does ---------------------------------------------------------

    def said(self, octets: bytes) -> None:
        """See L{IParent}."""
        self._output += octets[: KEPT_OCTETS - len(self._output)]
        self._octets += len(octets)
        if self._octets > self._bounds.outputOctets:
            self._end(
                f"the command printed more than {self._bounds.outputOctets} octets"
            )

    def silent(self) -> None:
        """See L{IParent}."""
        self._silent = True
        if self._status is not None:
            self._finish()

    def ended(self, status: int) -> None:
        """See L{IParent}."""
        self._status = status
        if self._silent or self._cut or self._error is not None:
            self._finish()
        else:
            self._after(LINGER_SECONDS, self._finish)

    # --- its end --------------------------------------------------------------

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        self._stopTimer()
        self._timer = self._clock.callLater(seconds, what)

    def _stopTimer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _tooLong(self) -> None:
        self._end(f"the command took longer than {self._bounds.timeLimit:g} seconds")

    def _end(self, why: str) -> None:
        """End it, gently at first."""
        child = self._child
        if self._cut or child is None:
            return
        if self._status is not None:
            # Only what others print is waited for.
            self._finish()
            return
        self._cut = why
        self._after(KILL_SECONDS, self._kill)
        child.signal(signal.SIGTERM)

    def _kill(self) -> None:
        """End it."""
        child = self._child
        if child is None:
            return
        # A process that hangs in the kernel ends when that lets it.
        self._after(KILL_SECONDS, self._finish)
        child.signal(signal.SIGKILL)

    def _finish(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        self._stopTimer()
        self._pieces = iter(())
        child.release()
        if self._error is not None:
            self.done.errback(self._error)
            return
        status = -signal.SIGKILL if self._status is None else self._status
        self.done.callback(Result(status, self._output, self._cut))


__all__ = [
    "KEPT_OCTETS",
    "KILL_SECONDS",
    "LINGER_SECONDS",
    "IChild",
    "IParent",
    "Launch",
    "Run",
    "RunAs",
    "RunBounds",
    "Spawn",
]
