"""
What is done of what domains ask for by DMARC: the public suffix list, the history file,
and reports.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from twisted.logger import Logger

from ...dns.interfaces import IResolver
from ...mailauth.dmarchistory import block
from ...mailauth.dmarcseen import Seen
from ...mailauth.publicsuffix import PublicSuffixes
from ...observe.deliveries import DeliveryJournal
from ...policy.dmarcwitness import DMARCWitness, Told, ToldWhole
from ...policy.historyfile import HistoryFile
from ...policy.suffixfile import readSuffixes
from ...policy.verdicts import IWitness
from ...policy.watchedfile import WatchedFile
from ...queue.author import usualAuthor
from ...queue.dmarcfailing import FailureBounds, FailureReporting
from ...spool.interfaces import ISpool
from ..config import Configuration
from ..machine import Machine
from ..tables.dmarc import Boundaries
from .dmarcreports import aggregateReporting
from .threads import threads
from .tlsreports import spooled

_log = Logger()


class Suffixes:
    """
    The public suffix list that DMARC goes by, as it is now.
    """

    def __init__(self, file: WatchedFile[PublicSuffixes] | None) -> None:
        """
        @param file: L{None}: it goes by none.
        """
        self._file = file

    def __call__(self) -> PublicSuffixes | None:
        """The list; L{None}: there is none."""
        return None if self._file is None else self._file.content


def suffixes(
    machine: Machine, configuration: Configuration, stack: AsyncExitStack
) -> Suffixes:
    """
    The list, which is read again when its file changes.

    @raise smtpx.policy.watchedfile.BadList: it cannot be used.
    """
    options = configuration.dmarc
    wanted = "dmarc" in configuration.authentication.checks
    if not wanted or options.boundaries is Boundaries.WALK:
        return Suffixes(None)

    def told(problem: str | None) -> None:
        if problem is None:
            _log.info("{path} was read again", path=str(options.suffixFile))
        else:
            _log.error("{problem}; the list stays as it was", problem=problem)

    read = partial(readSuffixes, options.suffixFile)
    file = WatchedFile(options.suffixFile, read, told)
    file.start(machine.reactor, threads(machine, 1, "suffixes", stack))
    stack.callback(file.stop)
    return Suffixes(file)


def dmarcWitnesses(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    spool: ISpool,
    told: DeliveryJournal,
    known: Suffixes,
    stack: AsyncExitStack,
) -> list[IWitness]:
    """
    Those who are told what DMARC has found out.

    @param name: what the server calls itself.
    @param spool: takes reports; it is open.
    @param told: told of those.
    """
    if "dmarc" not in configuration.authentication.checks:
        return []
    listeners: list[Told] = []
    options = configuration.dmarc
    if options.historyFile is not None:
        path = str(options.historyFile)
        # One thread: blocks are written one after the other.
        history = HistoryFile(path, threads(machine, 1, "dmarc-history", stack))
        stack.push_async_callback(history.stop)

        def write(seen: Seen) -> None:
            history.add(block(seen, name))

        listeners.append(write)
    aggregate = aggregateReporting(
        machine, configuration, name, resolver, spool, told, known, stack
    )
    if aggregate is not None:
        listeners.append(aggregate.tell)
    whole = [
        _failures(machine, configuration, name, resolver, spool, told, known, stack)
    ]
    return [DMARCWitness(tuple(listeners), tuple(whole))]


def _failures(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    spool: ISpool,
    told: DeliveryJournal,
    known: Suffixes,
    stack: AsyncExitStack,
) -> ToldWhole:
    """Sends reports on single messages."""
    options = configuration.dmarc
    sender = options.forensicSender
    failing = FailureReporting(
        machine.now,
        sender or configuration.reports.dsnFrom or usualAuthor(name),
        b"" if sender is None else sender.address.encode("ascii"),
        name,
        resolver,
        partial(spooled, spool, told, "a DMARC failure report"),
        known,
        failureBounds(machine, configuration),
    )
    stack.push_async_callback(failing.stop)
    return failing.tell


def failureBounds(machine: Machine, configuration: Configuration) -> FailureBounds:
    """
    How many reports on single messages this worker sends, so that all together send no
    more than they may.
    """
    share, all_ = machine.worker.share, FailureBounds().allPerHour
    return FailureBounds(share(configuration.dmarc.forensicPerHour), share(all_))


__all__ = ["Suffixes", "dmarcWitnesses", "failureBounds", "suffixes"]
