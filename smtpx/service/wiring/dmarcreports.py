"""
What owners of domains are told of mail in their name: it is counted, and reported once
a day (RFC 9990).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from ...dns.interfaces import IResolver
from ...mailauth.publicsuffix import PublicSuffixes
from ...observe.deliveries import DeliveryJournal
from ...queue.dmarcreportfile import DMARCReportFile
from ...queue.dmarcreporting import DMARCReporting
from ...queue.submitter import Submitter
from ...spool.interfaces import ISpool
from ..config import Configuration
from ..machine import Machine
from .threads import threads
from .tlsreports import spooled


def aggregateReporting(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    spool: ISpool,
    told: DeliveryJournal,
    known: Callable[[], PublicSuffixes | None],
    stack: AsyncExitStack,
) -> DMARCReporting | None:
    """
    Counts, and reports; of several workers the leading one does that for all.

    @param name: what the server calls itself.
    @param spool: takes reports; it is open.
    @param told: told of those.
    @param known: gives the public suffix list that DMARC goes by, if any.
    @param stack: ends it.
    @return: L{None}: nobody is told anything.
    """
    options = configuration.dmarc
    sender = options.aggregateSender
    if sender is None:
        return None
    domain = sender.address.rpartition("@")[2]
    reporting = DMARCReporting(
        machine.reactor,
        machine.now,
        Submitter(options.aggregateOrganization or domain, sender, name),
        lambda: DMARCReportFile(str(configuration.dmarcReportsFile)),
        # One thread: the file is used by one at a time.
        threads(machine, 1, "dmarc-reports", stack),
        resolver,
        partial(spooled, spool, told, "a DMARC report"),
        known,
    )
    reporting.start(machine.worker.leads)
    stack.push_async_callback(reporting.stop)
    return reporting


__all__ = ["aggregateReporting"]
