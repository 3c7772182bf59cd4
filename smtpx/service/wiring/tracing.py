"""
Who is traced, and where the traces are.
"""

from __future__ import annotations

from ...core.addresstable import AddressTable
from ...observe.trace import TraceStore
from ...observe.tracefolder import TraceFolder
from ...observe.tracer import TraceChoice, Tracer
from ...policy.names import HostNames
from ..config import Configuration
from ..machine import Machine


def tracedRecipients(
    configuration: Configuration, name: str
) -> AddressTable[str] | None:
    """
    The recipients whose sessions are traced.

    @param name: the server's.
    @return: L{None}: nobody's are for that.
    @raise UsageError: a pattern is none.
    @raise Conflict: two patterns mean the same.
    """
    patterns = configuration.trace.recipients
    if not patterns:
        return None
    entries = [(pattern, pattern) for pattern in patterns]
    return AddressTable(entries, name.encode("ascii"))


def traceStore(configuration: Configuration) -> TraceStore:
    """Where traces go: into memory, and into their folder."""
    trace = configuration.trace
    folder = TraceFolder(configuration.traceFolder, trace.sessionsKept)
    return TraceStore(save=folder.save)


def tracer(
    machine: Machine,
    configuration: Configuration,
    name: str,
    store: TraceStore,
    names: HostNames,
) -> Tracer | None:
    """
    Who traces.

    @param name: the server's.
    @param names: looks up the names in the host list; not started yet.
    @return: L{None}: nobody is traced.
    """
    trace = configuration.trace
    if not trace.wanted:
        return None
    hosts = names.keep(trace.hosts)
    choice = TraceChoice(
        hosts.matches,
        lambda: hosts.current.needsNames,
        tracedRecipients(configuration, name),
        # What the operator allows is for all workers together.
        trace.sessionsMax,
        trace.perMinuteMax,
        trace.octetsMax,
    )
    return Tracer(choice, store, machine.reactor.seconds)
