"""
What rules ask of the TLS of a connection, and how that adds up.

A I{rule} is anything that has a say in how well a connection has to be protected: what
the operator wrote for the route, a list of hosts, the message itself, or what the
recipient's domain has published (DANE, MTA-STS).  Each gives L{Demand}s, with a
sentence that says why; L{combined} adds them up into one L{RoutePolicy}, by which
connections are kept apart, sessions are stored, and the log is written.

A demand raises what was demanded before, and never lowers it.  Three things are settled
here, and nowhere else:

  - Where the TLSA records of a host can be used, they alone judge its certificate (RFC
    7672 section 2.2).  That is as good as a trusted chain, so it satisfies whoever
    wants a verified connection; a chain that is trusted never makes up for records that
    do not match (RFC 8461 section 2).
  - A sender who would rather have his message delivered than protected (C{TLS-Required:
    No}, RFC 8689 section 4.2.2) sets aside what domains have published, not what the
    operator demands.
  - What is only to be watched (MTA-STS in mode C{testing}) is looked at and told, and
    demands nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import evolve, field, frozen

from .flaw import Flaw
from .hooks import LookupLevel, RoutePolicy, TLSLevel
from .stapled import StapleWish
from .tlsa import DANE


class Source(Enum):
    """
    Who has a say.

    @cvar OPERATOR: whoever runs this server.
    @cvar SENDER: the message.
    @cvar DOMAIN: the domain that the mail is for, or its hosts, by what they have
        published.
    """

    OPERATOR = "operator"
    SENDER = "sender"
    DOMAIN = "domain"


@frozen
class Demand:
    """
    What one rule asks of the connection to a host.

    @ivar rule: the rule, in one word, as the configuration or the log has it: C{tls},
        C{hosts_require_tls}, C{message}, C{dane}, C{mta-sts}.
    @ivar why: what it says and where that stands, as half a sentence for people, to be
        followed by what it asks: C{the list hosts_require_tls names the host}.
    @ivar level: how well the connection has to be protected.
    @ivar by: who asks.
    @ivar names: the certificate has to be for one of these, where it has to be good;
        empty: for the host's name.
    @ivar dane: what TLSA records ask of the certificate; L{None}: nothing.
    @ivar staple: what it asks of an OCSP response.
    @ivar proven: how well this shows that the host is the domain's.
    @ivar enforced: C{False}: nothing is demanded, but it is found out whether it would
        have been met.
    @ivar refused: why the host is not to be used at all, for the operator; L{None}: it
        may be.
    @ivar flaw: what that is called.
    """

    rule: str
    why: str
    level: TLSLevel = TLSLevel.OPPORTUNISTIC
    by: Source = field(default=Source.DOMAIN, kw_only=True)
    names: frozenset[bytes] = field(default=frozenset(), kw_only=True)
    dane: DANE | None = field(default=None, kw_only=True)
    staple: StapleWish = field(default=StapleWish.NONE, kw_only=True)
    proven: LookupLevel = field(default=LookupLevel.PLAIN, kw_only=True)
    enforced: bool = field(default=True, kw_only=True)
    refused: str | None = field(default=None, kw_only=True)
    flaw: Flaw = field(default=Flaw.BARRED, kw_only=True)

    def counts(self, policy: RoutePolicy) -> bool:
        """Is it more than a wish, for a message that wants C{policy}?"""
        setAside = policy.lenient and self.by is Source.DOMAIN
        return self.enforced and not setAside


def combined(policy: RoutePolicy, demands: Iterable[Demand]) -> RoutePolicy:
    """
    What is asked of a connection in all.

    @param policy: what was asked before.
    @param demands: what is asked besides.
    """
    for demand in demands:
        policy = _raised(policy, demand)
    return policy


def _raised(policy: RoutePolicy, demand: Demand) -> RoutePolicy:
    told = (*policy.demands, demand)
    if not demand.counts(policy):
        watched = policy.watched or demand.level is TLSLevel.VERIFIED
        return evolve(policy, demands=told, watched=watched)
    names = policy.names
    if demand.names and demand.level is TLSLevel.VERIFIED and demand.dane is None:
        names |= {demand.names}
    lenient = policy.lenient and demand.level < TLSLevel.ENCRYPTED
    return evolve(
        policy,
        tls=max(policy.tls, demand.level),
        lenient=lenient,
        names=names,
        dane=demand.dane or policy.dane,
        staple=max(policy.staple, demand.staple),
        demands=told,
    )


def spoken(policy: RoutePolicy) -> tuple[str, ...]:
    """Who asked for what a connection had to be, and why, each in words."""
    return tuple(
        f"{each.rule}: {each.why}"
        + ("" if each.counts(policy) else ", which is not insisted on")
        for each in policy.demands
    )


def keyOf(policy: RoutePolicy) -> tuple[bytes, ...]:
    """
    All of C{policy} by which a connection, or a session of TLS, that will do for one
    route will not do for another, as octets; they are the same in another process.
    """
    levels = policy.tls, policy.lookup, policy.lenient, policy.staple
    parts = [b"%d %d %d %d" % levels]
    parts.append(_spelled(policy.names))
    if policy.dane is not None:
        parts += [policy.dane.base, _spelled(policy.dane.names)]
        parts += [
            b"%d %d %d " % (each.usage, each.selector, each.matching) + each.association
            for each in policy.dane.records
        ]
    return tuple(parts)


def _spelled(names: frozenset[frozenset[bytes]]) -> bytes:
    """Sets of names in one order, whatever theirs is."""
    return b";".join(sorted(b",".join(sorted(each)) for each in names))


__all__ = ["Demand", "Source", "combined", "keyOf", "spoken"]
