"""
A folder that is watched for messages in Exim's spool format: each that comes there is
taken in, exactly once (L{smtpx.spool.taking}).

Whoever can put files there can send mail from anybody to anybody, past everything
that a client is asked.  So the folder has to belong to root or to us, and nobody else
may write there but a group that the operator has named; otherwise nothing is taken
from it, and the log has an error.

What is of no use is put aside, into the folder C{bad} there, with a line in the log.
What only ends too soon may still be written, as not everybody writes elsewhere and
renames then: it has a minute after the last octet came.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..observe.importing import ImportJournal
from ..spool.bodies import syncFolder
from ..spool.eximfiles import BadPair, EximPair, Unfinished
from ..spool.eximspool import FilePart
from ..spool.interfaces import SpoolBroken, SpoolFull
from ..spool.parcels import Busy, Gone
from ..spool.taking import Took
from .imports import Importer

#: How long nothing has to have been written to files that end too soon, in seconds,
#: until they are bad.
PATIENCE_SECONDS = 60.0

#: When something is tried again that could not be taken for a reason of ours, or
#: could not be removed or put aside, in seconds.
AGAIN_SECONDS = 60.0
HARDLY_SECONDS = 4 * 3600.0

#: How many are taken in one look; with more, the next one comes at once.
_MOST = 512

#: How many are remembered that are to be tried later.
_LATER_MOST = 10_000

#: What a pair is not worth a word for: it is somebody else's, or not ready.
_PATIENT = (Busy, Gone)


def untrusted(folder: Path, group: int | None) -> str | None:
    """
    Why a folder is not to be trusted; it blocks.

    @param group: the number of the group that may write there; L{None}: none may.
    @return: L{None}: it is.
    """
    try:
        found = os.lstat(folder)
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(found.st_mode):
        return "it is no folder, or a symbolic link"
    if found.st_uid not in (0, os.geteuid()):
        return f"it belongs to the user {found.st_uid}, neither to root nor to us"
    if found.st_mode & stat.S_IWOTH:
        return "everybody may write there"
    if found.st_mode & stat.S_IWGRP and found.st_gid != group:
        return f"the group {found.st_gid} may write there, and is not named"
    return None


def putAside(pair: EximPair) -> None:
    """
    Move the files of a pair into the folder C{bad}; what is there under their names
    stays.

    @raise OSError: that cannot be done.
    """
    bad = pair.folder / "bad"
    with suppress(FileExistsError):
        os.mkdir(bad, 0o700)
    for part in (FilePart.HEADER, FilePart.DATA, FilePart.JOURNAL):
        name = part.nameOf(pair.id)
        with suppress(FileNotFoundError):
            # Unlike a rename, a link takes nobody's place.
            os.link(pair.folder / name, bad / name, follow_symlinks=False)
            os.unlink(pair.folder / name)
    syncFolder(str(bad))
    syncFolder(str(pair.folder))


class WatchedFolder:
    """
    Has what comes into a folder taken.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        now: Callable[[], float],
        importer: Importer,
        folder: Path,
        journal: ImportJournal,
        lookSeconds: float,
        group: int | None = None,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param importer: takes it.
        @param journal: told of what is taken, and of what is not.
        @param lookSeconds: how often to look.
        @param group: see L{untrusted}.
        """
        self._reactor = reactor
        self._now = now
        self._importer = importer
        self._folder = folder
        self._journal = journal
        self._lookSeconds = lookSeconds
        self._group = group
        #: When to try again what could not be taken, by place.
        self._later: dict[str, float] = {}
        #: What was said of what stays, by its path.
        self._said: dict[str, str] = {}
        #: Why nothing is taken at all, as it was told.
        self._told: str | None = None
        self._next: IDelayedCall | None = None
        self._looking: Deferred[None] = succeed(None)
        self._stopped = False

    def start(self) -> None:
        """Look now, and from now on."""
        self._look()

    def wake(self) -> None:
        """There is something new."""
        if self._next is not None and not self._stopped:
            self._next.reset(0.0)

    def stop(self) -> Deferred[None]:
        """
        Look no more.

        @return: fires when what is under way is done.
        """
        self._stopped = True
        pending, self._next = self._next, None
        if pending is not None:
            pending.cancel()
        return self._looking

    def _look(self) -> None:
        self._next = None
        self._looking = Deferred.fromCoroutine(self._lookThrough())
        self._looking.addErrback(
            lambda failure: self._log.failure(
                "{folder}: not looked through", failure, folder=str(self._folder)
            )
        )

    async def _lookThrough(self) -> None:
        again = self._lookSeconds
        try:
            work, folder = self._importer.work, self._folder
            why = await work(lambda: untrusted(folder, self._group))
            if why is None:
                seen = await self._takeAll()
                again = 0.0 if seen == _MOST else again
            self._tell(why)
        except OSError as error:
            self._tell(error.strerror or str(error))
        finally:
            if not self._stopped:
                self._next = self._reactor.callLater(again, self._look)

    def _tell(self, why: str | None) -> None:
        """Tell once why nothing is taken from here."""
        if why is not None and why != self._told:
            self._journal.refused(str(self._folder), why)
        self._told = why

    async def _takeAll(self) -> int:
        """
        Take what there is.

        @return: how many were tried.
        """
        now = self._now()
        self._later = {place: at for place, at in self._later.items() if at > now}
        seen = 0
        async for took in self._importer.take(
            self._folder, lambda pair: pair.place not in self._later, _MOST
        ):
            seen += 1
            await self._took(took)
            if self._stopped or isinstance(took.error, SpoolFull | SpoolBroken):
                # The spool has told, and the next look is soon enough.
                break
        return seen

    async def _took(self, took: Took) -> None:
        pair, error = took.parcel, took.error
        assert isinstance(pair, EximPair), "this is what the importer takes here"
        if error is None:
            self._journal.taken(took)
            if took.stuck is not None:
                self._refuse(pair, f"taken, but not removed: {took.stuck}")
                self._wait(pair, HARDLY_SECONDS)
        elif isinstance(error, Unfinished) and await self._isYoung(pair):
            return
        elif isinstance(error, BadPair):
            await self._putAside(pair, str(error))
        elif not isinstance(error, (SpoolFull, SpoolBroken, *_PATIENT)):
            self._refuse(pair, f"{error}; it is tried again")
            self._wait(pair, AGAIN_SECONDS)

    async def _isYoung(self, pair: EximPair) -> bool:
        now = self._now()
        age = await self._importer.work(lambda: pair.age(now))
        return age < PATIENCE_SECONDS

    async def _putAside(self, pair: EximPair, why: str) -> None:
        try:
            await self._importer.work(lambda: putAside(pair))
        except OSError as error:
            why = f"{why}; and it cannot be put aside: {error}"
            self._wait(pair, HARDLY_SECONDS)
        self._refuse(pair, why)

    def _refuse(self, pair: EximPair, why: str) -> None:
        """Tell once why it is not taken, or not gone."""
        source = str(pair.folder / pair.id)
        if self._said.get(source) != why:
            if len(self._said) >= _LATER_MOST:
                self._said.clear()
            self._said[source] = why
            self._journal.refused(source, why)

    def _wait(self, pair: EximPair, seconds: float) -> None:
        if len(self._later) < _LATER_MOST:
            self._later[pair.place] = self._now() + seconds


__all__ = [
    "AGAIN_SECONDS",
    "HARDLY_SECONDS",
    "PATIENCE_SECONDS",
    "WatchedFolder",
    "putAside",
    "untrusted",
]
