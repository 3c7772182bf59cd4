"""
What a mail server stands on: the reactor, threads, the time, and what the system
allows.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from attrs import field, frozen
from twisted.python.threadpool import ThreadPool

from ..dns.asknow import addressesNow
from ..dns.authenticity import checksDNSSEC
from ..dns.interfaces import IResolver
from ..dns.servers import Server
from ..net.fastopen import kernelBits
from ..spool.interfaces import IOperatedSpool
from ..spool.sqlite import SQLiteSpool
from .config import Configuration, isHostName
from .foldernews import hearOf
from .memory import memoryLeft
from .workers import Shared, Worker
from .workers.joint import Columns

#: How long a server that stops waits for work in threads, in seconds.
_LEAVE_SECONDS = 5.0


class _Fleeting(Thread):
    """A thread that the end of the process does not wait for."""

    def __init__(self, *what: Any, **how: Any) -> None:
        super().__init__(*what, **how, daemon=True)


class Crew(ThreadPool):
    """
    Threads that a server can stop without: a module of PAM, or a look-up of a name,
    may hang and cannot be interrupted.
    """

    threadFactory = _Fleeting

    def stop(self) -> None:
        """Take no more work, and wait for what is under way, but not for ever."""
        working, self.threads = self.threads, []
        super().stop()
        until = time.monotonic() + _LEAVE_SECONDS
        for thread in working:
            thread.join(max(0.0, until - time.monotonic()))


#: Below this, ports may be for root alone.
_PORTS_FOR_ALL = 1024


def mayListen(address: str, port: int) -> bool:
    """
    Is this process allowed to listen at a port?  Whether there is such an address,
    and nobody who listens there already, is not looked at.
    """
    if not 0 < port < _PORTS_FOR_ALL:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as tried:
        try:
            tried.bind((address, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def machineName() -> str:
    """
    What this machine calls itself, if that can be a host name; without asking the
    DNS, which may take long.
    """
    name = socket.gethostname()
    return name if isHostName(name) else "localhost"


def processors() -> int:
    """How many processors there are for this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@frozen
class Machine:
    """
    What the house stands on.

    @ivar reactor: the reactor.
    @ivar name: the name of the machine.
    @ivar now: seconds since the epoch.
    @ivar pool: makes a pool of at most so many threads, by a name.
    @ivar spool: makes the spool.
    @ivar memory: how many octets of memory are left; L{None}: it is not known.
    @ivar mayListen: is it allowed to listen at a port of an address?
    @ivar hearOf: has something called when a file appears in a folder.
    @ivar resolver: is asked for names; L{None}: the DNS is, as configured.
    @ivar fastOpen: what the kernel does of TCP Fast Open
        (L{smtpx.net.fastopen.kernelBits}); L{None}: nobody knows.
    @ivar checksDNSSEC: does a name server check DNSSEC?  L{None}: it does not answer.
    @ivar addressesNow: waits for the addresses of a name
        (L{smtpx.dns.asknow.addressesNow}).
    @ivar processors: how many processors there are for this process.
    @ivar worker: which of the server's processes this is.
    @ivar shared: what all of its processes have in common.
    @ivar joint: what this one counts together with them; L{None}: there are no others.
    """

    reactor: Any
    name: str = field(factory=machineName)
    now: Callable[[], float] = time.time
    pool: Callable[[int, str], ThreadPool] = lambda most, name: Crew(0, most, name)
    spool: Callable[..., IOperatedSpool] = SQLiteSpool
    memory: Callable[[], int | None] = memoryLeft
    mayListen: Callable[[str, int], bool] = mayListen
    hearOf: Callable[[Any, Path, Callable[[], object]], Callable[[], object] | None] = (
        hearOf
    )
    resolver: IResolver | None = None
    fastOpen: Callable[[], int | None] = kernelBits
    checksDNSSEC: Callable[[Server], bool | None] = checksDNSSEC
    addressesNow: Callable[[Sequence[Server], bytes], tuple[bytes, ...] | None] = (
        addressesNow
    )
    processors: Callable[[], int] = processors
    worker: Worker = field(factory=Worker)
    shared: Shared = field(factory=Shared)
    joint: Columns | None = None


def usePythonPath(configuration: Configuration) -> None:
    """Look for modules in the folders that the configuration names, too."""
    for folder in reversed(configuration.pythonPath):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def connectionsMax(configuration: Configuration) -> int:
    """
    How many connections there may be: as configured, or fewer where the process
    may not have as many descriptors.
    """
    limits = configuration.limits
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limits.connectionsMax
    return max(1, min(limits.connectionsMax, descriptors - limits.descriptorsFree))
