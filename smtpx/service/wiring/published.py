"""
What a domain has published about TLS, asked for now: for an operator who wants to see
it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from attrs import define

from ...core.errors import Malformed
from ...dns.interfaces import IResolver, LookupFailed, NoSuchDomain
from ...dns.mailhosts import Unroutable
from ...net.stssource import STSSource, STSTrouble
from ...tls.mtasts import STSPolicy, STSRecord
from ...tls.tlsrpt import RECORD_PREFIX, ReportRecord
from ..config import Configuration
from ..machine import Machine
from .mtasts import secureWeb
from .resolving import mailRouter, resolver


@define
class Published:
    """
    What a domain has published.

    @ivar domain: in A-labels.
    @ivar record: of MTA-STS in the DNS; L{None}: there is none, or see
        C{recordTrouble}.
    @ivar recordTrouble: why it is not known, or none; empty: it is.
    @ivar policy: what its web server has; L{None}: nothing, or see C{policyTrouble}.
    @ivar policyTrouble: the same of that.
    @ivar hosts: its mail hosts, best first.
    @ivar hostsTrouble: why they are not known; empty: they are.
    @ivar reports: where it wants reports on TLS; L{None}: nowhere.
    @ivar reportsTrouble: why that is not known; empty: it is.
    """

    domain: bytes
    record: STSRecord | None = None
    recordTrouble: str = ""
    policy: STSPolicy | None = None
    policyTrouble: str = ""
    hosts: tuple[bytes, ...] = ()
    hostsTrouble: str = ""
    reports: ReportRecord | None = None
    reportsTrouble: str = ""


async def published(
    machine: Machine, configuration: Configuration, domain: bytes
) -> Published:
    """
    Ask what a domain has published.

    @param domain: in A-labels.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    found = Published(domain)
    async with AsyncExitStack() as stack:
        asking = resolver(machine, configuration, stack)
        source = STSSource(asking, secureWeb(machine, configuration, asking))
        try:
            found.record = await source.record(domain)
        except STSTrouble as error:
            found.recordTrouble = str(error)
        try:
            found.policy = await source.policy(domain)
        except STSTrouble as error:
            found.policyTrouble = str(error)
        name = configuration.name or machine.name
        router = mailRouter(configuration, name, asking, lambda: ())
        try:
            hosts = await router.byMX(domain)
            found.hosts = tuple(each.name for each in hosts.hosts)
        except Unroutable as error:
            found.hostsTrouble = str(error)
        await _reports(asking, found)
    return found


async def _reports(asking: IResolver, found: Published) -> None:
    """Where it wants reports."""
    try:
        answer = await asking.lookUp(RECORD_PREFIX + found.domain, "TXT")
        found.reports = ReportRecord.among(answer.of(bytes))
    except NoSuchDomain:
        return
    except (LookupFailed, Malformed) as error:
        found.reportsTrouble = str(error)


__all__ = ["Published", "published"]
