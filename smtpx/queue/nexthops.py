"""
Where a route sends mail: by which hosts, and how to talk to each of them.

The hosts are those of the recipient's domain, or those that the operator named
(L{NextHops.find}); how to talk is the route's L{smtpx.net.sending.Way}, but for
what host lists say of TLS (L{NextHops.wayTo}).
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, succeed

from ..core.demands import Demand, Source, combined
from ..core.hooks import RoutePolicy, TLSLevel
from ..core.hostlist import HostList
from ..core.stapled import StapleWish
from ..dns.mailhosts import SMTP_PORT, IMailRouter, MailHost, MailHosts, ManualHost
from ..net.sending import Way

#: Of so many hosts it is remembered how they are talked to.
_REMEMBERED_MOST = 1000


@frozen
class TLSHosts:
    """
    Host lists about TLS.  A host is in one by its name, or by any of its addresses.

    @ivar avoid: hosts that TLS is not begun with, where the route lets us choose.
    @ivar require: hosts that get nothing without TLS.
    @ivar verify: hosts that get nothing unless their certificate is good.
    @ivar resume: hosts whose sessions are kept and resumed.
    @ivar askOCSP: hosts that are asked for an OCSP response to their certificate.
    @ivar requireOCSP: hosts that get nothing unless that is good, and the certificate.
    """

    avoid: HostList = field(factory=HostList)
    require: HostList = field(factory=HostList)
    verify: HostList = field(factory=HostList)
    resume: HostList = field(factory=HostList)
    askOCSP: HostList = field(factory=HostList)
    requireOCSP: HostList = field(factory=HostList)

    @property
    def constant(self) -> bool:
        """Do they say the same whenever they are asked, as no look-up is in them?"""
        lists = self.avoid, self.require, self.verify, self.resume
        asking = (*lists, self.askOCSP, self.requireOCSP)
        return not any(each.lookups for each in asking)

    def raised(self, policy: RoutePolicy, host: MailHost) -> RoutePolicy:
        """
        What TLS with a host has to be, and whether sessions with it are resumed.  Who
        demands more wins.

        @param policy: what the route and the message say.
        """
        if policy.tls is TLSLevel.OPPORTUNISTIC and _has(self.avoid, host):
            policy = evolve(policy, tls=TLSLevel.UNWANTED)
            policy = combined(policy, [_listed("hosts_avoid_tls", TLSLevel.UNWANTED)])
        if _has(self.require, host):
            demand = _listed("hosts_require_tls", TLSLevel.ENCRYPTED)
            policy = combined(policy, [demand])
        if _has(self.verify, host):
            demand = _listed("tls_verify_hosts", TLSLevel.VERIFIED)
            policy = combined(policy, [demand])
        if _has(self.requireOCSP, host):
            # A certificate that is not known to be the host's may have any standing.
            demand = _listed("hosts_require_ocsp", TLSLevel.VERIFIED)
            required = evolve(demand, staple=StapleWish.REQUIRED)
            policy = combined(policy, [required])
        elif policy.staple is StapleWish.NONE and _has(self.askOCSP, host):
            policy = evolve(policy, staple=StapleWish.ASKED)
        resumes = _has(self.resume, host)
        return policy if resumes is policy.resumes else evolve(policy, resumes=resumes)


def _listed(option: str, level: TLSLevel) -> Demand:
    why = f"the list {option} names the host"
    return Demand(option, why, level, by=Source.OPERATOR)


def _has(hosts: HostList, host: MailHost) -> bool:
    if not hosts.items:
        return False
    names = (host.name,)
    return any(hosts.matches(address, names) for address in host.addresses)


@frozen
class NextHops:
    """
    Where a route sends mail.

    @ivar hosts: the hosts that the operator named; none: those of the recipient's
        domain.
    @ivar shuffle: are they equal, rather than tried in their order?
    @ivar bySRV: are a domain's hosts those of its SRV records, where it has some?
    @ivar port: the port of a domain's hosts, where the DNS says nothing of it.
    @ivar way: how to talk to them.
    @ivar tls: what host lists say of TLS.
    @ivar home: the domain of C{<postmaster>}, who may come without one.
    @ivar socket: the path of a UNIX socket to which all goes; L{None}: it goes to
        hosts.
    """

    hosts: tuple[ManualHost, ...] = ()
    shuffle: bool = False
    bySRV: bool = False
    port: int = SMTP_PORT
    way: Way = Way()
    tls: TLSHosts = TLSHosts()
    home: bytes = b"localhost"
    socket: bytes | None = None
    #: How hosts are talked to, by their names and addresses, each with what the message
    #: wants: many messages come for one host.
    _ways: dict[tuple[bytes, tuple[bytes, ...]], tuple[Way, Way]] | None = field(
        init=False, eq=False, repr=False
    )

    @_ways.default
    def _remembers(
        self,
    ) -> dict[tuple[bytes, tuple[bytes, ...]], tuple[Way, Way]] | None:
        return {} if self.tls.constant else None

    @property
    def manual(self) -> bool:
        """
        Are the hosts those that the operator named, so that nobody can say that they
        are others, as RFC 8689 section 4.2.1 wants it?  Hosts of a domain are not,
        whoever named that.
        """
        if self.socket is not None:
            return True
        return bool(self.hosts) and not any(each.mx for each in self.hosts)

    def find(self, router: IMailRouter, domain: bytes) -> Deferred[MailHosts]:
        """
        Find the hosts for the recipients at a domain.

        @param domain: what stands behind the C{@}; empty: that of C{<postmaster>}.
        @return: fails with L{smtpx.dns.mailhosts.Unroutable} where there is no way.
        """
        if self.socket is not None:
            return succeed(MailHosts((MailHost.atSocket(self.socket),)))
        if self.hosts:
            return router.byHosts(self.hosts, self.shuffle)
        domain = domain or self.home
        if self.bySRV:
            return router.bySRV(domain)
        found = router.byMX(domain)
        return found if self.port == SMTP_PORT else found.addCallback(self._ported)

    def _ported(self, found: MailHosts) -> MailHosts:
        hosts = tuple(evolve(each, port=self.port) for each in found.hosts)
        return evolve(found, hosts=hosts)

    def wayTo(self, host: MailHost, way: Way | None = None) -> Way:
        """
        How to talk to a host.

        @param way: what the message wants; L{None}: nothing but the route's.
        """
        way = way or self.way
        if host.local:
            return way
        ways, key = self._ways, (host.name, host.addresses)
        known = None if ways is None else ways.get(key)
        if known is not None and known[0] is way:
            return known[1]
        policy = self.tls.raised(way.policy, host)
        found = way if policy is way.policy else evolve(way, policy=policy)
        if ways is not None:
            if len(ways) >= _REMEMBERED_MOST:
                ways.clear()
            ways[key] = way, found
        return found


__all__ = ["NextHops", "TLSHosts"]
