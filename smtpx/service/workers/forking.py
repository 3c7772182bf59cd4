"""
A zygote that is forked off the supervisor, rather than a fresh interpreter.

To import everything takes most of a start, and C{twistd}'s process has done it already
when the first zygote begins.  At that moment it is nearly as fresh as a new
interpreter: its reactor does not run yet, it has one thread and no database, and what
the configuration names in Python was imported by a child only, which has ended
(L{smtpx.service.privileges.asAccount}).  What it does have is put aside in the child:
descriptors, the reactor, and the log.  A zygote that begins later, since the first one
has died, is a fresh interpreter all the same; so is the first, where the supervisor has
imported other people's extensions.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from attrs import define, field
from twisted import internet
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.process import (
    registerReapProcessHandler,
    unregisterReapProcessHandler,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.interfaces import IExtension
from .kinship import threads
from .numbers import ERRORS
from .relayedlog import forgetLog

#: Where our own extensions are.
_OURS = "smtpx.extensions."

#: So many octets of what a crash has to say are read at once.
_AT_ONCE = 65_536

#: What nobody may destroy in a child: it would close descriptors by numbers that are
#: somebody else's by then.
_kept: list[object] = []

#: Becomes the zygote, and never returns: given its descriptors by the numbers by which
#: it knows them (L{smtpx.service.workers.numbers}).
Become = Callable[[Mapping[int, int]], NoReturn]


def mayFork(reactor: Any, found: Mapping[str, IExtension]) -> bool:
    """
    Is this process as fresh as a zygote wants it?

    @param reactor: of this process.
    @param found: the extensions that were imported, by name.
    """
    return (
        type(reactor) is EPollReactor
        and not reactor.running
        and all(type(each).__module__.startswith(_OURS) for each in found.values())
        and threads() == 1
    )


def forked(
    reactor: Any,
    become: Become,
    protocol: ProcessProtocol,
    handed: Mapping[int, int | str],
) -> Forked:
    """
    Fork a zygote.

    @param reactor: what the child has to say is heard by it.
    @param protocol: told of that, and of its end.
    @param handed: the descriptors of the child, by its numbers, as
        C{IReactorProcess.spawnProcess} takes them.
    @raise OSError: it is not to be had.
    """
    said, errors = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(said, False)
    sys.stdout.flush()
    sys.stderr.flush()
    # Neither process looks again for garbage among what both have: to look is to write.
    gc.collect()
    gc.freeze()
    try:
        pid = os.fork()
    except OSError:
        os.close(said)
        os.close(errors)
        raise
    if not pid:
        _beChild(handed, errors, become)
    os.close(errors)
    child = Forked(reactor, pid, said, protocol)
    child.begin()
    return child


@implementer(IReadDescriptor)
@define(eq=False)
class Forked:
    """
    A process that was forked, as C{IProcessTransport} has one that was spawned.
    """

    _reactor: Any
    _pid: int
    _said: int
    _protocol: ProcessProtocol
    _ended: bool = field(default=False, init=False)

    def begin(self) -> None:
        """Hear what it has to say, and of its end."""
        self._reactor.addReader(self)
        registerReapProcessHandler(self._pid, self)

    def signalProcess(self, name: str) -> None:
        """
        Send it a signal, by its name without C{SIG}.

        @raise ProcessExitedAlready: it has ended.
        """
        if self._ended:
            raise ProcessExitedAlready
        os.kill(self._pid, signal.Signals[f"SIG{name}"])

    # --- its end ---------------------------------------------------------------------

    def reapProcess(self) -> None:
        """Some child has ended, perhaps this one."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            unregisterReapProcessHandler(self._pid, self)
            self.processEnded(status)

    def processEnded(self, status: int) -> None:
        """It has ended, with that status of C{waitpid}."""
        self._ended = True
        code = os.waitstatus_to_exitcode(status)
        ended = (
            ProcessTerminated(code, None, status)
            if code >= 0
            else ProcessTerminated(None, -code, status)
        )
        self._protocol.processExited(Failure(ended))

    # --- what it says: IReadDescriptor -----------------------------------------------

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self._said

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "zygote"

    def doRead(self) -> None:
        """See L{IReadDescriptor}."""
        try:
            octets = os.read(self._said, _AT_ONCE)
        except BlockingIOError:
            return
        if octets:
            self._protocol.errReceived(octets)
        else:
            self._finish()

    def connectionLost(self, reason: Failure) -> None:
        """See L{IReadDescriptor}."""
        self._finish()

    def _finish(self) -> None:
        """Neither it nor any of its workers says anything any more."""
        if self._said >= 0:
            self._reactor.removeReader(self)
            os.close(self._said)
            self._said = -1


def _beChild(handed: Mapping[int, int | str], errors: int, become: Become) -> NoReturn:
    """Be the zygote, in the child, and then no more."""
    try:
        become(_putAside(handed, errors))
    except BaseException:
        # The last border of this process: what is above is the supervisor's own stack.
        traceback.print_exc()
    finally:
        try:
            sys.stderr.flush()
        finally:
            os._exit(1)


def _putAside(handed: Mapping[int, int | str], errors: int) -> dict[int, int]:
    """
    Keep what was handed over, and put aside all else that the supervisor has.

    Objects of the supervisor still know their descriptors by number.  So these numbers
    stay taken, by C{/dev/null}: whatever such an object does when it is destroyed, it
    does to that.

    @return: what was handed over above C{ERRORS}, by new numbers.
    """
    own: dict[int, int] = {}
    for number, each in handed.items():
        if isinstance(each, int) and number > ERRORS:
            own[number] = fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, ERRORS + 1)
    os.dup2(errors, ERRORS)
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    kept = {0, 1, ERRORS, nothing, *own.values()}
    for number in [int(each) for each in os.listdir("/proc/self/fd")]:
        if number not in kept:
            # One that is not to be had is a debugger's, or was for the list itself.
            with suppress(OSError):
                os.dup2(nothing, number, inheritable=False)
    for name in ("stdout", "stderr"):
        _kept.append(getattr(sys, name))
        setattr(sys, name, getattr(sys, f"__{name}__"))
    # A worker makes its own.
    _kept.append(sys.modules.pop("twisted.internet.reactor", None))
    vars(internet).pop("reactor", None)
    _kept.extend(forgetLog())
    return own


__all__ = ["Become", "Forked", "forked", "mayFork"]
