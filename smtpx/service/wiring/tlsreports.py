"""
What domains are told of TLS with their hosts: it is counted, and reported.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from twisted.internet.defer import Deferred, fail

from ...core.envelope import Envelope
from ...core.errors import SMTPXError
from ...dns.interfaces import IResolver
from ...extensions.dsn import NOTIFY
from ...extensions.requiretls import OPTIONAL
from ...net.https import IWeb
from ...observe.deliveries import DeliveryJournal
from ...queue.submitter import Submitter
from ...queue.tlsreportfile import TLSReportFile
from ...queue.tlsreporting import TLSReporting
from ...spool.interfaces import ISpool
from ..config import Configuration
from ..machine import Machine
from .threads import threads


def tlsReporting(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    web: IWeb,
    spool: ISpool,
    told: DeliveryJournal,
    stack: AsyncExitStack,
) -> TLSReporting | None:
    """
    Counts, and reports; of several workers the leading one does that for all.

    @param name: what the server calls itself.
    @param spool: takes reports that go by mail; it is open.
    @param told: told of those.
    @param stack: ends it.
    @return: L{None}: nobody is told anything.
    """
    options = configuration.tlsReports
    if options.contact is None:
        return None
    domain = options.contact.address.rpartition("@")[2]
    reporting = TLSReporting(
        machine.reactor,
        machine.now,
        Submitter(options.organization or domain, options.contact, name),
        lambda: TLSReportFile(str(configuration.tlsReportsFile)),
        # One thread: the file is used by one at a time.
        threads(machine, 1, "tls-reports", stack),
        resolver,
        web,
        partial(spooled, spool, told, "a report on TLS"),
    )
    reporting.start(machine.worker.leads)
    stack.push_async_callback(reporting.stop)
    return reporting


def spooled(
    spool: ISpool,
    told: DeliveryJournal,
    what: str,
    envelope: Envelope,
    message: bytes,
) -> Deferred[str]:
    """
    Put a report into the spool.

    It is to arrive, whatever becomes of TLS on its way (RFC 8460 section 5.3), and
    nobody is told where it does not.

    @param what: what it is, for the log.
    @return: its id, once it is on the disk; fails with L{smtpx.core.errors.SMTPXError}.
    """
    envelope.stamps[OPTIONAL] = True
    for recipient in envelope.recipients:
        recipient.stamps[NOTIFY] = b"NEVER"
    try:
        incoming = spool.begin()
    except SMTPXError:
        return fail()
    incoming.write(message)
    envelope.octets = len(message)

    def taken(result: None) -> str:
        told.composed(incoming.id, envelope, what)
        return incoming.id

    return incoming.commit(envelope, b"", False).addCallback(taken)


__all__ = ["spooled", "tlsReporting"]
