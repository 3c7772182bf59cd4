"""
Memory: accept nobody while there is little of it.

A server that goes on accepting until the kernel has to kill somebody loses all its
connections at once.  So it looks once a second how much is left, of the machine's
memory and of what its control group may have; below the mark new clients wait in
the kernel's queue, and those that are inside are served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..net.factory import SMTPServerFactory

#: How often it is looked, in seconds.
LOOK_SECONDS = 1.0

#: How far above the mark memory has to be again; at the mark itself there would
#: be a pause each second.
_RELIEF = 1.25

#: What factories are told: one of several reasons for a pause.
_REASON = "memory"

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")


def memoryLeft(proc: Path = _PROC, groups: Path = _GROUPS) -> int | None:
    """
    How much memory there is for us.

    @param proc: where the kernel tells of processes and memory.
    @param groups: where it tells of control groups (version 2).
    @return: octets; L{None}: this system does not tell.
    """
    found = [
        left
        for left in (_machineLeft(proc), _groupLeft(proc, groups))
        if left is not None
    ]
    return min(found, default=None)


def _machineLeft(proc: Path) -> int | None:
    try:
        kibibytes = _fields((proc / "meminfo").read_text("ascii"))["MemAvailable:"]
    except (OSError, ValueError, KeyError):
        return None
    return kibibytes * 1024


def _groupLeft(proc: Path, groups: Path) -> int | None:
    """What our control group has left; L{None}: it has no limit, or is none."""
    try:
        lines = (proc / "self/cgroup").read_text("utf-8").splitlines()
        [name] = [line[3:] for line in lines if line.startswith("0::")]
        group = groups / name.lstrip("/")
        most = int((group / "memory.max").read_text("ascii"))
        used = int((group / "memory.current").read_text("ascii"))
        # Pages of files that nobody has used lately go when memory is wanted.
        cache = _fields((group / "memory.stat").read_text("ascii"))["inactive_file"]
    except (OSError, ValueError, KeyError):
        # Among them the "max" of a group without a limit.
        return None
    return max(0, most - used + cache)


def _fields(text: str) -> dict[str, int]:
    """
    Lines of a name, a number, and perhaps a unit.

    @raise ValueError: they are not.
    """
    return {
        words[0]: int(words[1])
        for words in (line.split() for line in text.splitlines())
        if len(words) > 1
    }


class MemoryWatch:
    """
    Pauses factories while memory is short, from C{start} to C{stop}.

    @ivar short: is it?
    """

    _log = Logger()

    def __init__(
        self,
        factories: Iterable[SMTPServerFactory],
        left: Callable[[], int | None],
        mark: int,
        clock: IReactorTime,
    ) -> None:
        """
        @param left: how many octets there are; L{None}: that is not known.
        @param mark: how many there have to be.
        """
        self.short = False
        self._factories = tuple(factories)
        self._left = left
        self._mark = mark
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        """Begin to look."""
        self._looking.start(LOOK_SECONDS)

    def stop(self) -> None:
        """End."""
        self._looking.stop()

    def _look(self) -> None:
        left = self._left()
        if left is None:
            return
        if not self.short and left < self._mark:
            self.short = True
            self._log.warn(
                "Only {left} octets of memory are left: nobody is let in for now",
                left=left,
            )
            for factory in self._factories:
                factory.pause(_REASON)
        elif self.short and left >= self._mark * _RELIEF:
            self.short = False
            self._log.info("There is memory again: clients are let in")
            for factory in self._factories:
                factory.resume(_REASON)
