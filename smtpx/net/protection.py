"""
How well a connection to a host has to be protected, found out before it is tried, and
whether it was.

What the route, host lists and the message want stands in the L{Way}; what domains have
published is asked for here (L{smtpx.tls.rules}), and becomes part of the way, by which
connections are kept apart.  A host that cannot be protected as is demanded is
L{Unreached}, as one is that does not answer, and the next one has its turn; but it is
not in trouble for it: for other mail it may do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..core.flaw import Flaw
from ..core.hooks import RoutePolicy, TLSLevel
from ..dns.mailhosts import MailHost, MailHosts
from ..extensions.starttls import CAPABILITY as STARTTLS
from ..spool.via import Cause, Via
from ..tls.rules import Concluded, Conclusion, Hop, Rules, Undecided, Unfit
from .sending import Unreached, Way

#: How long a host is left alone that was found not to be what was demanded, in seconds,
#: as far as mail is concerned for which the same is demanded.
BARRED_SECONDS = 60.0
_BARRED_MOST = 1000


def hopTo(
    host: MailHost,
    hosts: MailHosts,
    domains: tuple[bytes, ...] = (),
    manual: bool = False,
    expanded: tuple[bytes, ...] = (),
) -> Hop:
    """
    A host, with what the DNS said on the way there.

    Where the operator named a domain whose mail hosts take the mail, that is the
    next-hop domain of RFC 7672 and the policy domain of RFC 8461 (section 3.4), and
    those of the recipients have no say.

    @param hosts: those that it is one of.
    @param domains: the domains of the recipients.
    @param manual: did the operator name the host?
    @param expanded: see L{Hop}.
    """
    if host.nextHop is not None:
        manual = not host.nextHop
        if not manual:
            domains, expanded = host.nextHop[:1], host.nextHop[1:]
    return Hop(
        host.name,
        host.addresses,
        host.port,
        domains,
        host.canonical or host.name,
        hosts.namesAuthentic if host.named is None else host.named,
        host.authentic,
        manual,
        host.uncertain,
        expanded,
        host.busy,
    )


def _nobody(conclusion: Conclusion) -> None:
    """Nobody is told."""


@frozen
class _Barred:
    """
    A host that was found not to be what was demanded.

    @ivar until: it is left alone so long, in seconds of the clock.
    @ivar error: why.
    """

    until: float
    error: Unreached


@define(eq=False)
class Protection:
    """
    Decides how connections have to be, and tells whether they were.

    @ivar rules: those who have a say.
    @ivar seconds: a clock.
    @ivar concluded: told what came of each session, if it was new, and of each host
        that was not even tried.
    @ivar barred: what is known against hosts, by their names and ports.  Against most
        nothing is, and to see that takes no call.
    """

    rules: Rules
    seconds: Callable[[], float]
    concluded: Concluded = _nobody
    barred: dict[tuple[bytes, int], dict[RoutePolicy, _Barred]] = field(
        init=False, factory=dict
    )
    _log = Logger()

    def apart(self, domain: bytes) -> Deferred[bool]:
        """
        Is mail for C{domain} to go by itself?

        @param domain: what stands behind the C{@}.
        """
        return Deferred.fromCoroutine(self.rules.apart(domain))

    async def wayTo(self, hop: Hop, way: Way) -> Way:
        """
        How to talk to a host.

        @param way: as the route, lists of hosts and the message want it.
        @raise Unreached: it is not to be tried.
        """
        try:
            policy = await self.rules.decide(hop, way.policy)
        except Undecided as error:
            self._refuse(hop, way, error)
        known = self.barred.get((hop.host, hop.port))
        barred = None if known is None else known.get(policy)
        if barred is not None and self.seconds() < barred.until:
            raise _anew(barred.error)
        return way if policy is way.policy else evolve(way, policy=policy)

    def isSettled(self, hop: Hop, way: Way) -> bool:
        """
        Is C{way} what C{wayTo} gives, whenever it is asked, as long as nothing is known
        against the host?

        @param way: as of C{wayTo}.
        """
        return self.rules.isSettled(hop, way.policy)

    async def doubts(self, hop: Hop) -> list[tuple[str, str]]:
        """See L{Rules.doubts}."""
        return await self.rules.doubts(hop)

    def _refuse(self, hop: Hop, way: Way, error: Undecided) -> NoReturn:
        demands = error.demands if isinstance(error, Unfit) else ()
        lenient = way.policy.lenient
        self._tell(Conclusion(hop, demands, None, error.flaw, str(error), b"", lenient))
        via = Via(hop.host, hop.addresses[0], hop.port)
        said = error.reply
        # What is our own fault is tried again soon.
        cause = Cause.LOCAL if error.flaw is Flaw.BUSY else Cause.TLS
        raise Unreached(
            str(error), cause, via, said, error.flaw, final=said.permanent
        ) from error

    def reached(self, hop: Hop, way: Way, via: Via) -> None:
        """
        A session came about.

        @param way: as C{wayTo} had it.
        """
        self._unbar(hop, way)
        if via.again:
            return
        tls, policy = via.tls, way.policy
        flaw, why = (None, "") if tls is None else (tls.flaw, tls.problem or "")
        if tls is None and policy.tls is not TLSLevel.UNWANTED:
            flaw, why = Flaw.NO_TLS, "it offers no TLS"
            if STARTTLS.keyword in via.offers:
                flaw, why = Flaw.HANDSHAKE, "the TLS handshake failed"
        self._tell(
            Conclusion(
                hop,
                policy.demands,
                tls,
                flaw,
                why,
                via.address,
                policy.lenient,
                _sourceOf(via),
            )
        )

    def unreached(self, hop: Hop, way: Way, error: Unreached) -> Unreached:
        """
        No session came about.

        @param way: as C{wayTo} had it.
        @return: the same, and who demanded what was not to be had.
        """
        policy = way.policy
        if error.cause is not Cause.TLS or policy.tls < TLSLevel.ENCRYPTED:
            return error
        flaw, address = error.flaw, error.via.address
        self._tell(
            Conclusion(
                hop,
                policy.demands,
                None,
                flaw,
                error.text,
                address,
                policy.lenient,
                _sourceOf(error.via),
            )
        )
        told = Unreached(
            f"{error.text} ({because(policy)})",
            error.cause,
            error.via,
            error.reply,
            error.flaw,
            final=error.final,
        )
        self._bar(hop, policy, told)
        return told

    def _bar(self, hop: Hop, policy: RoutePolicy, error: Unreached) -> None:
        """Have a host left alone for a while."""
        now, place = self.seconds(), (hop.host, hop.port)
        known = self.barred.pop(place, {})
        if len(self.barred) >= _BARRED_MOST:
            self.barred.clear()
        left = {each: bar for each, bar in known.items() if now < bar.until}
        left[policy] = _Barred(now + BARRED_SECONDS, _anew(error))
        self.barred[place] = left

    def _unbar(self, hop: Hop, way: Way) -> None:
        """A host is what was demanded of it."""
        known = self.barred.get((hop.host, hop.port))
        if known is not None:
            known.pop(way.policy, None)
            if not known:
                del self.barred[hop.host, hop.port]

    def _tell(self, conclusion: Conclusion) -> None:
        try:
            self.concluded(conclusion)
        except Exception:
            self._log.failure("While noting how a host was protected")


def _anew(error: Unreached) -> Unreached:
    """The same, without what hangs on it from when it was raised."""
    return Unreached(
        error.text, error.cause, error.via, error.reply, error.flaw, final=error.final
    )


def _sourceOf(via: Via) -> bytes:
    """Our address; empty: nobody knows."""
    return b"" if via.source is None else via.source[0]


def because(policy: RoutePolicy) -> str:
    """Who demanded it, and why, as a sentence without its end."""
    what = "to be verified" if policy.tls is TLSLevel.VERIFIED else "to have TLS"
    # Of those who demand as much, whoever was asked last knows most; but where there
    # are TLSA records, they alone judge (RFC 8461 section 2).
    judges = [each for each in policy.demands if each.dane is not None]
    for demand in (*judges, *reversed(policy.demands)):
        if demand.level is policy.tls and demand.counts(policy):
            return f"it has {what}: {demand.why}"
    return f"it has {what}"


__all__ = ["BARRED_SECONDS", "Protection", "because", "hopTo"]
