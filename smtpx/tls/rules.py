"""
What decides how well a connection to a host has to be protected: rules, asked one after
the other before a host is tried, and what comes of it.

A rule (L{IRule}) knows one source of demands: TLSA records (L{smtpx.tls.danerule}),
MTA-STS policies.  It is told all that the DNS said on the way to
the host (L{Hop}), and answers at once or later.  L{Rules.decide} asks all of them and
adds up what they demand (L{smtpx.core.demands}).  A rule that should know and cannot
tell makes the host of no use for now (L{Undecided}); a host that is not to be used at
all is L{Unfit}.  In neither case is it tried with less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..core.demands import Demand, combined
from ..core.errors import SMTPXError
from ..core.flaw import Flaw
from ..core.hooks import LookupLevel, RoutePolicy, TLSInfo, TLSLevel
from ..core.reply import Reply, reply

_UNPROVEN = reply(550, "5.7.10", b"It is not known surely enough where this is to go")
_UNFIT = reply(450, "4.7.5", b"The host is not one that the domain's policy allows")
_UNDECIDED = reply(450, "4.7.5", b"It is not known how the host is to be protected")


@frozen
class Hop:
    """
    A host that mail is about to be sent to, with what the DNS said on the way there.

    @ivar host: its name, in lower case, as an MX record or the operator has it; an
        address literal (C{[192.0.2.1]}) where it has none.
    @ivar addresses: its addresses.
    @ivar port: the TCP port.
    @ivar domains: the domains of the recipients, or the one whose mail hosts the
        operator has take the mail instead, in lower case, without a dot at the end; the
        next-hop domains of RFC 7672, unless C{manual}.
    @ivar canonical: the name that the addresses stand under, behind all CNAMEs; the
        same as C{host} where there are none.
    @ivar namesAuthentic: is it proven by DNSSEC that C{domains} have this host?  It is
        where the operator named it.
    @ivar authentic: are its addresses, CNAMEs on the way included, proven by DNSSEC?
    @ivar manual: did the operator name the host?  Then nobody else did.
    @ivar uncertain: could some of its addresses not be looked up?
    @ivar busy: was that because we have too much to do?
    @ivar expanded: the names that C{domains} are aliases of, in their order, or the
        same; empty: not known.
    """

    host: bytes
    addresses: tuple[bytes, ...] = ()
    port: int = 25
    domains: tuple[bytes, ...] = ()
    canonical: bytes = b""
    namesAuthentic: bool = False
    authentic: bool = False
    manual: bool = False
    uncertain: bool = False
    expanded: tuple[bytes, ...] = ()
    busy: bool = False


class Undecided(SMTPXError):
    """
    A rule cannot tell what it demands, for now, so the host is not to be tried.  The
    message is for the operator.

    @ivar reply: what becomes of the recipient.
    @ivar flaw: what that is.
    """

    def __init__(
        self, why: str, reply: Reply = _UNDECIDED, flaw: Flaw = Flaw.DNSSEC
    ) -> None:
        SMTPXError.__init__(self, why)
        self.reply = reply
        self.flaw = flaw


class Unfit(Undecided):
    """
    What is demanded bars the host.

    @ivar demands: all that was demanded, the one that bars it among them.
    """

    def __init__(
        self,
        why: str,
        reply: Reply = _UNFIT,
        flaw: Flaw = Flaw.BARRED,
        demands: Sequence[Demand] = (),
    ) -> None:
        Undecided.__init__(self, why, reply, flaw)
        self.demands = tuple(demands)


@frozen
class Conclusion:
    """
    What came of a host that was to be tried, as far as TLS is concerned: for reports
    (RFC 8460) and statistics.

    @ivar hop: the host.
    @ivar demands: what was demanded, and by whom; of L{Undecided}: nothing, for it
        is not known.
    @ivar tls: the handshake; L{None}: there was none, or it failed.
    @ivar flaw: in what the connection was not as it had to be, or not as it would have
        had to be where C{Demand.enforced} is false; L{None}: in nothing.
    @ivar why: the same, for people; empty: nothing.
    @ivar address: where it was tried; empty: nowhere.
    @ivar lenient: was the sender's wish that it be delivered all the same?
    @ivar source: our address; empty: nobody knows.
    """

    hop: Hop
    demands: tuple[Demand, ...] = ()
    tls: TLSInfo | None = None
    flaw: Flaw | None = None
    why: str = ""
    address: bytes = b""
    lenient: bool = False
    source: bytes = b""


#: Told of each session that came about, or did not for want of protection; must not
#: raise.
Concluded = Callable[[Conclusion], None]


class IRule(Interface):
    """
    One source of demands on the connections to hosts.  It is not asked where the
    operator wants no TLS with the host.
    """

    name: str = Attribute("In one word, as C{Demand.rule} has it.")

    def apart(domain: bytes) -> bool | Deferred[bool]:
        """
        Is mail for a domain to go by itself, because what this rule demands may be
        something else for another domain with the same hosts?

        Asked when it is found out where mail goes, once for each domain of a message.

        @param domain: in lower case; never an address literal.
        @return: never fails.
        """

    def demands(hop: Hop) -> Sequence[Demand] | Deferred[Sequence[Demand]]:
        """
        What is demanded of the connection to a host.  Asked before each delivery, so
        whatever takes long is to be remembered.

        @return: none: this rule has no say.  Fails with L{Undecided} where the rule
            should have one, and it cannot be found out for now.
        """

    def unsure(hop: Hop) -> str | None | Deferred[str | None]:
        """
        Might this rule show that the host is the domain's, if what cannot be had for
        now could be had?  Asked behind C{demands}, where nothing shows it.

        @return: what cannot be had, for the operator; L{None}: nothing.  Never fails.
        """


@frozen
class Rules:
    """
    All rules about what domains publish.  What the operator and the message want is
    known without asking, and stands in the policy from the beginning.

    @ivar published: the rules.
    """

    published: tuple[IRule, ...] = ()

    async def apart(self, domain: bytes) -> bool:
        """
        Is mail for C{domain} to go by itself?

        @param domain: what stands behind the C{@}.
        """
        if domain.startswith(b"["):
            return False
        for rule in self.published:
            apart = rule.apart(domain)
            if await apart if isinstance(apart, Deferred) else apart:
                return True
        return False

    async def decide(self, hop: Hop, wanted: RoutePolicy) -> RoutePolicy:
        """
        What the connection to a host has to be.

        @param wanted: what the route, host lists and the message want.
        @raise Undecided: that is not known, so the host is not to be tried; L{Unfit}:
            it is not to be tried because it is.
        """
        policy = wanted
        if wanted.tls is not TLSLevel.UNWANTED:
            policy = combined(wanted, await self._ask(hop, wanted))
        bar = _barIn(policy)
        if bar is not None:
            raise Unfit(str(bar.refused), flaw=bar.flaw, demands=policy.demands)
        if not _isKnown(hop, policy):
            await self._doubt(hop)
            why = "it is not proven that the host is the domain's"
            raise Unfit(why, _UNPROVEN, demands=policy.demands)
        return policy

    def isSettled(self, hop: Hop, wanted: RoutePolicy) -> bool:
        """
        Is C{wanted} what C{decide} gives, whenever it is asked, as no rule has a say?

        @param wanted: as of C{decide}.
        """
        if self.published and wanted.tls is not TLSLevel.UNWANTED:
            return False
        return _barIn(wanted) is None and _isKnown(hop, wanted)

    async def _doubt(self, hop: Hop) -> None:
        """
        @raise Undecided: it may yet be proven that the host is the domain's.
        """
        for _, why in await self.doubts(hop):
            raise Undecided(f"it is not proven that the host is the domain's: {why}")

    async def doubts(self, hop: Hop) -> list[tuple[str, str]]:
        """
        What might be demanded besides, had it been possible to find out.

        @return: names of rules, and what each of them cannot have, for the operator.
        """
        found = []
        for rule in self.published:
            unsure = rule.unsure(hop)
            why = await unsure if isinstance(unsure, Deferred) else unsure
            if why is not None:
                found.append((rule.name, why))
        return found

    async def _ask(self, hop: Hop, policy: RoutePolicy) -> Sequence[Demand]:
        """What is demanded by what domains publish."""
        found: list[Demand] = []
        for rule in self.published:
            demands = rule.demands(hop)
            try:
                found += await demands if isinstance(demands, Deferred) else demands
            except Undecided:
                # RFC 8689 section 4.2.2: what was published does not matter, so it
                # does not matter that it cannot be had.
                if not policy.lenient:
                    raise
        return found


def _barIn(policy: RoutePolicy) -> Demand | None:
    """What bars the host; L{None}: nothing."""
    # Where there are TLSA records that count, the host is proven to be the domain's
    # by DNSSEC, and no other policy has a say in it (RFC 8461 section 2).
    for demand in policy.demands if policy.dane is None else ():
        if demand.refused is not None and demand.counts(policy):
            return demand
    return None


def _isKnown(hop: Hop, policy: RoutePolicy) -> bool:
    """Is it known as well as it has to be that the host is the domains'?"""
    return policy.lenient or _proven(hop, policy) >= policy.lookup


def _proven(hop: Hop, policy: RoutePolicy) -> LookupLevel:
    """How well it is known that the host is the domains'."""
    if hop.manual or hop.namesAuthentic:
        return LookupLevel.DNSSEC
    if hop.domains and all(each == hop.host for each in hop.domains):
        # There is no MX record, or none that matters: nobody has said that another
        # host is the domain's, and the certificate is for the domain itself (RFC 8689
        # section 4.2.1).
        return LookupLevel.MTASTS
    levels = (demand.proven for demand in policy.demands)
    return max(levels, default=LookupLevel.PLAIN)


__all__ = ["Concluded", "Conclusion", "Hop", "IRule", "Rules", "Undecided", "Unfit"]
