"""
What the queue goes by: when messages are tried again, what their senders are told,
how much is done at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger

from ...core.interfaces import IExtension
from ...core.queueprofile import QueueProfile
from ...queue.delivery import Bounds
from ...queue.laneplaces import ILanePlaces, LanePlaces
from ...queue.report import Manner, Reporter
from ...queue.retry import Lifetimes, RetryRule, RetryRules
from ...queue.wordings import Flaw, Wordings, wordings
from ..config import Configuration
from ..machine import Machine
from .addresses import tagSeparators

_log = Logger()


def retryRules(configuration: Configuration, name: str) -> RetryRules:
    """
    When messages are tried again, and given up.

    @param name: the server's.
    @raise UsageError: two rules are for the same.
    """
    queue = configuration.queue
    return RetryRules(
        [
            RetryRule(each.pauses, each.match, each.errors)
            for each in configuration.retries
        ],
        Lifetimes(queue.queueLifetime, queue.bounceLifetime),
        name.encode("ascii"),
        tagSeparators(configuration),
    )


def reportWordings(configuration: Configuration) -> tuple[Wordings, list[Flaw]]:
    """
    In which languages reports are, and what is wrong with their templates.

    @raise UsageError: something is no pattern of senders.
    """
    reports = configuration.reports
    return wordings(reports.templates, reports.language, reports.languages)


@frozen
class QueueRules:
    """
    What the queue goes by.

    @ivar retries: when messages are tried again.
    @ivar reporter: who tells senders what became of their messages.
    @ivar profile: what extensions say of messages.
    @ivar bounds: how much is delivered at once.
    @ivar delays: at which ages of a message its sender is told of a delay, in
        seconds.
    @ivar places: connections to destinations, shared with other workers; L{None}: there
        are none.
    """

    retries: RetryRules
    reporter: Reporter
    profile: QueueProfile
    bounds: Bounds
    delays: tuple[float, ...]
    places: ILanePlaces | None = None


def lanePlaces(machine: Machine, configuration: Configuration) -> ILanePlaces | None:
    """Connections to destinations that workers share; L{None}: there is only one."""
    if machine.joint is None:
        return None
    keep = configuration.sending.idleSeconds
    return LanePlaces(machine.joint.places, machine.reactor, keep)


def queueRules(
    machine: Machine,
    configuration: Configuration,
    name: str,
    extensions: Sequence[IExtension],
    warn: bool = True,
) -> QueueRules:
    """
    What the queue goes by.

    @param name: the server's.
    @param warn: of templates that cannot be used?  A command that only looks at the
        queue of a server says nothing of its reports.
    @raise UsageError: two rules are for the same.
    """
    queue, reports = configuration.queue, configuration.reports
    profile = QueueProfile().load(extensions)
    words, flaws = reportWordings(configuration)
    for flaw in flaws if warn else ():
        _log.warn("Reports are in English there: {flaw}", flaw=str(flaw))
    manner = Manner(
        reports.returned,
        reports.returnedOctets,
        reports.aliases,
        reports.diagnostic,
        reports.dsnFrom,
        words,
    )
    return QueueRules(
        retries=retryRules(configuration, name),
        reporter=Reporter(name, profile, machine.now, manner),
        profile=profile,
        bounds=Bounds(
            messages=queue.messagesMax,
            octets=queue.messagesOctets,
            attempts=queue.deliveriesMax,
        ),
        delays=reports.delayAfter,
        places=lanePlaces(machine, configuration),
    )


__all__ = ["QueueRules", "queueRules", "reportWordings", "retryRules"]
