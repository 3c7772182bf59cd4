"""
What takes in messages of other mail servers, from where they lie in files.
"""

from __future__ import annotations

import grp
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ...core.envelope import Envelope
from ...core.errors import SMTPXError
from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...observe.importing import ImportJournal
from ...policy.aliastable import Reach
from ...policy.redirect import Redirection
from ...queue.routes import Routes
from ...spool.interfaces import IOperatedSpool
from ...spool.parcelbook import BookUnusable, ParcelBook
from ...spool.taking import Taking
from ..config import Configuration
from ..control.exchange import Verb
from ..control.importverbs import ImportVerbs
from ..imports import Acceptance, Importer
from ..logs import Logs
from ..machine import Machine
from ..tables import ImportFolder
from ..watchedfolder import WatchedFolder
from .addresses import localAddresses
from .aliases import aliases
from .doors import Hall
from .intake import Intake
from .sending import Ways

T = TypeVar("T")

_log = Logger()


class NoSuchGroup(SMTPXError):
    """A folder is for a group that there is not."""


@frozen
class _Thread:
    """One thread, so that no two jobs are done at once."""

    machine: Machine
    pool: ThreadPool

    def __call__(self, job: Callable[[], T], /) -> Deferred[T]:
        """See L{smtpx.spool.taking.Work}."""
        return deferToThreadPool(self.machine.reactor, self.pool, job)


@define(eq=False)
class Imports:
    """
    What takes messages in, made when it is first wanted.

    @ivar make: makes it; what has to be ended with it stands on the stack.
    @ivar journal: told of what is taken.
    """

    make: Callable[[ExitStack], Importer]
    journal: ImportJournal
    _made: Importer | None = field(default=None, init=False)
    _lock: DeferredLock = field(factory=DeferredLock, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)

    async def importer(self) -> Importer:
        """
        What takes them; it has gone on where a process died.

        @raise smtpx.core.errors.SMTPXError: it cannot be kept which messages were
            taken, or what the configuration names is of no use.
        """
        async with self._lock:
            if self._made is None:
                with ExitStack() as stack:
                    made = self.make(stack)
                    await resume(made, self.journal)
                    self._stack = stack.pop_all()
                self._made = made
            return self._made

    def close(self) -> None:
        """It is not wanted any more."""
        self._stack.close()


def importer(
    machine: Machine,
    configuration: Configuration,
    name: str,
    spool: IOperatedSpool,
    holds: Callable[[Envelope], bool],
    redirection: Redirection | None,
    stack: ExitStack,
) -> Importer:
    """
    What takes messages in.

    @param name: what the server calls itself.
    @param spool: where they go; it is open.
    @param holds: is a message to be put on hold as it arrives?
    @param redirection: the aliases; L{None}: there are none.
    @raise BookUnusable: it cannot be kept which messages were taken.
    """
    path = str(configuration.importsFile)
    try:
        book = ParcelBook(path)
    except (OSError, sqlite3.Error) as error:
        raise BookUnusable(f"{path}: {error}") from error
    stack.callback(book.close)
    pool = machine.pool(1, "import")
    pool.start()
    stack.callback(pool.stop)
    work = _Thread(machine, pool)
    acceptance = Acceptance(name, machine.now, holds, redirection)
    return Importer(Taking(spool, book, acceptance, work), work)


async def openImports(
    hall: Hall,
    spool: IOperatedSpool,
    ways: Ways,
    taken: Intake,
    logs: Logs,
    stack: AsyncExitStack,
) -> Mapping[str, Verb]:
    """
    Go on where a process died, and take what comes into folders from now on; of several
    workers the leading one does.

    @param spool: where messages go; it is open.
    @param ways: how they leave it.
    @param taken: whom mail is taken for.
    @return: what answers commands that want messages taken in.
    @raise BookUnusable: it cannot be kept which messages were taken.
    @raise NoSuchGroup: a folder is for one.
    """
    machine, configuration = hall.machine, hall.configuration
    if not machine.worker.leads:
        return {}
    holds, redirection = ways.routes.holds, taken.redirection
    made = Imports(
        partial(importer, machine, configuration, hall.name, spool, holds, redirection),
        ImportJournal(logs.publisher),
    )
    stack.callback(made.close)
    wanted = configuration.imports or configuration.importsFile.exists()
    if wanted and machine.worker.leads:
        found = await made.importer()
        for entry in configuration.imports:
            watch(machine, entry, found, made.journal, stack)
    return ImportVerbs(made.importer, made.journal).verbs()


def watch(
    machine: Machine,
    entry: ImportFolder,
    made: Importer,
    journal: ImportJournal,
    stack: AsyncExitStack,
) -> None:
    """
    Take what comes into a folder from now on.

    @raise NoSuchGroup: it is for one.
    """
    group = None if entry.group is None else groupNumber(entry.group)
    watched = WatchedFolder(
        machine.reactor,
        machine.now,
        made,
        entry.folder,
        journal,
        entry.lookSeconds,
        group,
    )
    stack.push_async_callback(watched.stop)
    end = machine.hearOf(machine.reactor, entry.folder, watched.wake)
    if end is not None:
        stack.callback(end)
    watched.start()


async def resume(made: Importer, journal: ImportJournal) -> None:
    """Go on where a process died that took messages in."""
    took, unsure = await made.recover()
    for each in took:
        if each.error is None:
            journal.taken(each)
    for id in unsure:
        _log.error(
            "{message}: on hold, as somebody else may have taken it from where it was",
            message=id,
        )


def groupNumber(name: str) -> int:
    """
    The number of a group.

    @raise NoSuchGroup: there is none of this name.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise NoSuchGroup(f'there is no group "{name}"') from None


def idleImports(
    machine: Machine,
    configuration: Configuration,
    extensions: Sequence[IExtension],
    spool: IOperatedSpool,
    routes: Routes,
    logs: Logs,
    stack: AsyncExitStack,
) -> Mapping[str, Verb]:
    """
    What answers commands that want messages taken in, where no server runs.

    @param spool: where they go; it is open.
    @param routes: how they leave it, one day.
    """
    name = configuration.name or machine.name

    def make(stack: ExitStack) -> Importer:
        reach = Reach(localAddresses(configuration, name), routes.goes)
        found = aliases(configuration, reach, logs.publisher.publish)
        redirected = None
        if found is not None:
            redirected = Redirection(found, QueueProfile().load(extensions))
        holds = routes.holds
        return importer(machine, configuration, name, spool, holds, redirected, stack)

    made = Imports(make, ImportJournal(logs.publisher))
    stack.callback(made.close)
    return ImportVerbs(made.importer, made.journal).verbs()


__all__ = [
    "Imports",
    "NoSuchGroup",
    "groupNumber",
    "idleImports",
    "importer",
    "openImports",
    "resume",
]
