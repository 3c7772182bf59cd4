"""
What commands about the queue have in common: how they reach it, what goes wrong with
that, and how they say how far they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TextIO

from attrs import define

from ..core.errors import SMTPXError
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from .address import theMachine
from .console import CommandFailed, Console
from .queuefilters import QueueCommand
from .queuegaps import WatchedQueue
from .queuereach import Fields, ReachedQueue, reachQueue
from .queuetext import number, shown
from .waiting import wait


def jsonLine(said: Fields) -> str:
    """An object, on a line."""
    return json.dumps(said, separators=(",", ":"))


@define
class Meter:
    """
    Says how far something is, on the error output.

    @ivar err: that.
    @ivar verb: what is done, such as C{removed}.
    @ivar wanted: is it to be said, also where nobody sits there?
    @ivar last: what was said last.
    """

    err: TextIO
    verb: str
    wanted: bool = False
    last: Fields | None = None
    _drawn: bool = False

    def tell(self, progress: Fields) -> None:
        """So far it is."""
        self.last = progress
        looked, of = number(progress.get("looked")), number(progress.get("of"))
        done = number(progress.get("done"))
        text = f"{looked:.0f} of {of:.0f} looked at, {done:.0f} {self.verb}"
        if self.err.isatty():
            self._drawn = True
            self.err.write(f"\r{text}\x1b[K")
            self.err.flush()
        elif self.wanted:
            print(text, file=self.err)

    def clear(self) -> None:
        """It is through: what stands there is in the way."""
        if self._drawn:
            self._drawn = False
            self.err.write("\r\x1b[K")
            self.err.flush()

    def stopped(self) -> None:
        """Somebody interrupted it: say what was done."""
        self.clear()
        done = 0.0 if self.last is None else number(self.last.get("done"))
        print(f"stopped: at least {done:.0f} {self.verb}", file=self.err)


class QueueWork(QueueCommand):
    """
    A command that asks a queue.

    @cvar now: seconds since the epoch.
    @cvar reach: reaches the queue of a configuration.
    """

    now: Callable[[], float] = staticmethod(time.time)
    reach = staticmethod(reachQueue)

    async def work(self, console: Console, queue: ReachedQueue) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or not all of it.
        """
        raise NotImplementedError

    async def _watched(self, console: Console, queue: WatchedQueue) -> None:
        """
        Do it, and say what is missing.

        @raise CommandFailed: it could not be done, or not with all.
        """
        told: list[str] = []
        try:
            await self.work(console, queue)
        except CommandFailed as error:
            told.append(str(error))
        told += map(shown, queue.gaps())
        if told:
            raise CommandFailed("\n".join(told))

    def run(self, console: Console) -> None:
        """
        Reach the queue, and do it.

        @raise CommandFailed: it could not be done.
        """
        machine, found = theMachine(), findExtensions()

        async def work() -> None:
            configuration = readConfiguration(self["config"], found)
            async with AsyncExitStack() as stack:
                queue = await self.reach(machine, configuration, found, stack)
                await self._watched(console, WatchedQueue(queue))

        try:
            wait(machine.reactor, work())
        except CommandFailed:
            raise
        except SMTPXError as error:
            raise CommandFailed(
                "\n".join(map(shown, str(error).split("\n")))
            ) from error
        except BrokenPipeError:
            # Of what reads our output; that is not for us to tell.
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise CommandFailed(f"{place}{error.strerror or error}") from error


__all__ = ["Meter", "QueueWork", "jsonLine"]
