"""
A command as a process of the system, with pipes that the reactor reads and writes.

C{reactor.spawnProcess} has neither sessions nor file rights, and tells of a program
that cannot be run only by what its child prints.  So the process is made by
L{subprocess}, which has all that and knows at once; the pipes and the end of the
process are Twisted's again.

The session is what makes it possible to end all that a command has started: signals
go to its process group.  The number of that is the command's own, and stays its own
until somebody has asked the system how it ended.  So that is asked for in two steps:
that it has ended, then what is left of the group is killed, if it is to be, and only
then how.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.process import (
    ProcessReader,
    ProcessWriter,
    registerReapProcessHandler,
    unregisterReapProcessHandler,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from .commandrun import IChild, IParent, Launch, Spawn

_INPUT, _OUTPUT = 0, 1


def processSpawner(reactor: Any) -> Spawn:
    """
    What starts commands as processes.

    @param reactor: has to run for them to go on.
    """
    return partial(Child, reactor)


@implementer(IChild)
class Child:
    """
    A process, which has been started.

    @ivar pid: its number, and that of its session and its process group.
    """

    def __init__(self, reactor: Any, launch: Launch, parent: IParent) -> None:
        """
        @raise OSError: it cannot be started.
        """
        self._parent = parent
        self._reaped = False
        self._condemned = False
        theirInput, ourInput = os.pipe()
        try:
            ourOutput, theirOutput = os.pipe()
        except BaseException:
            # Where there are no more descriptors, not even these are to be lost.
            os.close(theirInput)
            os.close(ourInput)
            raise
        try:
            self._process = _started(launch, theirInput, theirOutput)
        except BaseException:
            os.close(ourInput)
            os.close(ourOutput)
            raise
        finally:
            os.close(theirInput)
            os.close(theirOutput)
        self.pid = self._process.pid
        self._input = ProcessWriter(reactor, self, _INPUT, ourInput, forceReadHack=True)
        self._output = ProcessReader(reactor, self, _OUTPUT, ourOutput)
        self._open = {_INPUT: ourInput, _OUTPUT: ourOutput}
        # Not now: it may have ended, and whoever starts it does not have it yet.
        reactor.callLater(0, registerReapProcessHandler, self.pid, self)

    # --- L{IChild} --------------------------------------------------------------

    def feed(self, source: IPullProducer) -> None:
        """See L{IChild}."""
        self._input.registerProducer(source, False)

    def write(self, octets: bytes) -> None:
        """See L{IChild}."""
        self._input.write(octets)

    def finish(self) -> None:
        """See L{IChild}."""
        self._input.unregisterProducer()
        self._input.loseConnection()

    def signal(self, number: int) -> None:
        """See L{IChild}."""
        self._condemned = True
        if not self._reaped:
            self._signalAll(number)

    def release(self) -> None:
        """See L{IChild}."""
        why = Failure(_Released())
        if _INPUT in self._open:
            self._input.connectionLost(why)
        if _OUTPUT in self._open:
            self._output.connectionLost(why)

    def _signalAll(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    # --- what Twisted calls -----------------------------------------------------

    def childDataReceived(self, name: int, octets: bytes) -> None:
        """It has printed something."""
        self._parent.said(octets)

    def childConnectionLost(self, name: int, reason: Failure) -> None:
        """A pipe has been closed at one of its ends."""
        os.close(self._open.pop(name))
        if name == _OUTPUT:
            self._parent.silent()

    def reapProcess(self) -> None:
        """Has it ended?  Called whenever some process has."""
        ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.pid, ended) is None:
            return
        if self._condemned:
            self._signalAll(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        unregisterReapProcessHandler(self.pid, self)
        self.processEnded(status)

    def processEnded(self, status: int) -> None:
        """
        It has ended, and its number may be another's from now on.

        @param status: as the system has it.
        """
        self._reaped = True
        code = os.waitstatus_to_exitcode(status)
        # Or it would think that nobody has asked.
        self._process.returncode = code
        self._parent.ended(code)


class _Released(Exception):
    """We do not want the rest."""


def _started(launch: Launch, reads: int, prints: int) -> subprocess.Popen[bytes]:
    """
    Start a process that has no more of ours than two pipes.

    @raise OSError: that cannot be done.
    """
    account = launch.runAs
    return subprocess.Popen(
        launch.words,
        stdin=reads,
        stdout=prints,
        stderr=prints,
        close_fds=True,
        cwd=launch.folder,
        env=launch.environment,
        start_new_session=True,
        umask=launch.umask,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else account.groups,
    )


__all__ = ["Child", "processSpawner"]
