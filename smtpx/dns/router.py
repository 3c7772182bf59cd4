"""
Finds the hosts that take mail for a domain (RFC 5321 section 5.1).

By MX records, with all that goes wrong with them in the field: a domain without any
is its own mail host; one with a null MX (RFC 7505) takes no mail; MX records that name
an alias (RFC 5321 does not allow it), an address or nothing at all are followed, or
passed over; hosts without an address are passed over.  By SRV records (RFC 2782), in
the same way.  Or as the operator says.

Whether an answer is temporary or for good is decided here: for good is only what the
DNS says, never that it says nothing.  What the operator wrote wrong himself is always
temporary, so that no mail is lost by a slip of the pen.

Where this server is among the hosts, it and all that come after it are left out, so
that mail moves towards the best host and never in circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address, ip_address

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..core.domain import checkDomain
from ..core.errors import Malformed
from ..core.reply import Reply, reply
from .idn import asciiDomain
from .interfaces import (
    MX,
    SRV,
    Answer,
    IResolver,
    LookupFailed,
    LookupPutOff,
    NoSuchDomain,
    spelledName,
)
from .mailhosts import (
    SMTP_PORT,
    IMailRouter,
    MailHost,
    MailHosts,
    ManualHost,
    Unroutable,
    addressIn,
    literalOf,
)
from .ourselves import IOurselves
from .together import together

#: What the SRV records of mail servers stand under.
SRV_PREFIX = b"_smtp._tcp."

NULL_MX = reply(556, "5.1.10", b"The domain takes no mail (null MX)")
NO_SERVICE = reply(556, "5.1.2", b"The domain takes no mail")
NO_DOMAIN = reply(550, "5.1.2", b"There is no such domain")
NO_LITERAL = reply(550, "5.1.2", b"There is no way to such an address literal")
NO_HOST = reply(550, "5.1.2", b"The domain has neither a mail host nor an address")
NO_ADDRESS = reply(550, "5.4.4", b"No mail host of the domain has an address")
LOOP = reply(554, "5.4.6", b"The mail would come back to this server")
UNKNOWN = reply(451, "4.4.3", b"The domain could not be looked up")
# What is the operator's own fault is for him to mend.
MANUAL_UNKNOWN = reply(451, "4.4.4", b"The next host could not be found")
MANUAL_LOOP = reply(451, "4.4.6", b"The mail would come back to this server")

_BROADCAST = ip_address("255.255.255.255")

#: What a mail host's addresses are asked for.
_FAMILIES = ("A", "AAAA")


@frozen
class _Candidate:
    """A host that was named, and whose addresses are not known yet."""

    name: bytes
    port: int = SMTP_PORT
    preference: int = 0
    weight: int = 0


@frozen
class _Named:
    """
    The hosts that the DNS names for a domain.

    @ivar authentic: is it proven that it is they?
    @ivar nowhere: the answer if none of them has an address.
    @ivar canonical: the name that they stand under, behind all CNAMEs; empty: they are
        not the domain's own.
    """

    candidates: list[_Candidate]
    authentic: bool
    nowhere: Reply = NO_ADDRESS
    canonical: bytes = b""


@frozen
class _Looked:
    """
    What became of a candidate.

    @ivar host: L{None}: it has no address.
    @ivar ours: is it this server?
    @ivar why: why there is no host, for the operator.
    @ivar temporary: may there be an address, later?
    """

    candidate: _Candidate
    host: MailHost | None = None
    ours: bool = False
    why: str = ""
    temporary: bool = False


def _none(address: bytes) -> bool:
    return False


@implementer(IMailRouter)
class MailRouter:
    """
    Finds mail hosts with a resolver.
    """

    def __init__(
        self,
        resolver: IResolver,
        ourselves: IOurselves,
        ignored: Callable[[bytes], bool] = _none,
        hostsMost: int = 20,
        addressesMost: int = 16,
    ) -> None:
        """
        @param ignored: is an address to be passed over that the DNS names?  Those
            that no host can have always are.
        @param hostsMost: of how many hosts of a domain, the best of them, the addresses
            are looked up.
        @param addressesMost: how many addresses of a host are taken, half of them of
            a family where there are more.
        """
        self._resolver = resolver
        self._ourselves = ourselves
        self._ignored = ignored
        self._hostsMost = hostsMost
        self._familyMost = max(1, addressesMost // len(_FAMILIES))

    def byMX(self, domain: bytes) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return Deferred.fromCoroutine(self._byDomain(domain, False))

    def bySRV(self, domain: bytes) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return Deferred.fromCoroutine(self._byDomain(domain, True))

    def byHosts(
        self, hosts: Sequence[ManualHost], randomly: bool = False
    ) -> Deferred[MailHosts]:
        """See L{IMailRouter}."""
        return Deferred.fromCoroutine(self._byHosts(hosts, randomly))

    async def _byDomain(self, domain: bytes, srv: bool) -> MailHosts:
        if domain.startswith(b"["):
            return self._byLiteral(domain)
        named = await self._candidates(_asciiName(domain), srv)
        looked = await self._look(named.candidates)
        found = _chosen(looked, named.authentic, named.nowhere, UNKNOWN, LOOP)
        return evolve(found, canonical=named.canonical)

    def _byLiteral(self, domain: bytes) -> MailHosts:
        literal = literalOf(domain)
        if literal is None:
            raise Unroutable(NO_LITERAL, f"{spelledName(domain)} is no address")
        address = addressIn(literal)
        if self._passedOver(address):
            raise Unroutable(NO_LITERAL, f"{spelledName(domain)} is to be ignored")
        if self._ourselves.hasAddress(address, SMTP_PORT):
            raise Unroutable(LOOP, f"{spelledName(domain)} is this server")
        return MailHosts((MailHost(literal, (address,)),))

    async def _candidates(self, domain: bytes, srv: bool) -> _Named:
        """
        Who is named by SRV or MX records?

        @raise Unroutable: the domain takes no mail, or nobody knows.
        """
        proven = True
        if srv:
            found, proven = await self._named(SRV_PREFIX + domain, "SRV")
            services = found.of(SRV) if found is not None else ()
            if services:
                return _Named(_ofSRV(domain, services), proven)
        found, authentic = await self._named(domain, "MX")
        if found is None:
            raise Unroutable(NO_DOMAIN, f"{spelledName(domain)} does not exist")
        authentic = authentic and proven
        exchangers = found.of(MX)
        if exchangers:
            made = _ofMX(domain, exchangers)
            return _Named(made, authentic, canonical=found.name)
        own = found.name or domain
        return _Named([_Candidate(own)], authentic, NO_HOST, own)

    async def _named(self, name: bytes, kind: str) -> tuple[Answer | None, bool]:
        """
        Ask for the names of hosts.

        @return: the answer, L{None} where the name does not exist; and is that
            authentic?
        @raise Unroutable: nobody knows.
        """
        try:
            answer = await self._resolver.lookUp(name, kind)
        except NoSuchDomain as error:
            return None, error.authentic
        except LookupFailed as error:
            raise Unroutable(UNKNOWN, str(error)) from error
        return answer, answer.authentic

    async def _byHosts(self, hosts: Sequence[ManualHost], randomly: bool) -> MailHosts:
        """
        Each host that the operator named is a rank of its own, and the mail hosts of a
        domain so many as they have preferences.
        """
        looked: list[_Looked] = []
        authentic = True
        rank = 0
        for found, proven in await together(map(self._manual, hosts)):
            authentic = authentic and proven
            ranks = sorted({one.candidate.preference for one in found})
            for one in found:
                preference = ranks.index(one.candidate.preference)
                looked.append(_ranked(one, preference + (0 if randomly else rank)))
            rank += len(ranks)
        looked.sort(key=lambda one: one.candidate.preference)
        return _chosen(looked, authentic, MANUAL_UNKNOWN, MANUAL_UNKNOWN, MANUAL_LOOP)

    async def _manual(self, host: ManualHost) -> tuple[list[_Looked], bool]:
        """What is behind one entry of the operator's, and was its name authentic?"""
        alone = _Candidate(host.name, host.port)
        if host.name.startswith(b"["):
            address = addressIn(host.name)
            ours = self._ourselves.hasAddress(address, host.port)
            found = MailHost(host.name, (address,), host.port, nextHop=())
            why = f"{spelledName(host.name)} is this server" if ours else ""
            return [_Looked(alone, found, ours, why)], True
        try:
            name = _asciiName(host.name)
            if not host.mx:
                looked = await self._look([evolve(alone, name=name)], True)
                return [_by(each, ()) for each in looked], True
            named = await self._candidates(name, False)
            hosts = [evolve(each, port=host.port) for each in named.candidates]
            looked = await self._look(hosts)
            nextHop = name, named.canonical or name
            proven = named.authentic
            return [_by(each, nextHop, proven) for each in looked], proven
        except Unroutable as error:
            return [_Looked(alone, why=str(error), temporary=True)], True

    async def _look(
        self, candidates: Iterable[_Candidate], manual: bool = False
    ) -> list[_Looked]:
        """Look up the addresses of the best candidates, all at once."""
        order = sorted(candidates, key=lambda each: (each.preference, each.name))
        best = order[: self._hostsMost]
        return await together(self._lookOne(each, manual) for each in best)

    async def _lookOne(self, candidate: _Candidate, manual: bool) -> _Looked:
        name, port = candidate.name, candidate.port
        if self._ourselves.hasName(name, port):
            return _Looked(
                candidate, ours=True, why=f"{spelledName(name)} is this server"
            )
        answers: list[Answer] = []
        failed: list[LookupFailed] = []
        for outcome in await together(self._family(name, kind) for kind in _FAMILIES):
            if isinstance(outcome, Answer):
                answers.append(outcome)
            else:
                failed.append(outcome)
        found = [
            address
            for answer in answers
            for address in answer.of(bytes)[: self._familyMost]
        ]
        if any(self._ourselves.hasAddress(address, port) for address in found):
            return _Looked(
                candidate, ours=True, why=f"{spelledName(name)} is this server"
            )
        addresses = tuple(a for a in found if manual or not self._passedOver(a))
        if not addresses:
            why = "; ".join(map(str, failed)) or f"{spelledName(name)} has no address"
            return _Looked(candidate, why=why, temporary=bool(failed))
        host = MailHost(
            name,
            addresses,
            port,
            candidate.preference,
            candidate.weight,
            next(answer.name for answer in answers if answer.records) or name,
            all(answer.authentic for answer in answers) and not failed,
            bool(failed),
            busy=any(isinstance(each, LookupPutOff) for each in failed),
        )
        return _Looked(candidate, host)

    async def _family(self, name: bytes, kind: str) -> Answer | LookupFailed:
        """One family's addresses; of a host that does not exist there are none."""
        try:
            return await self._resolver.lookUp(name, kind)
        except NoSuchDomain as error:
            return Answer((), error.authentic, error.expires)
        except LookupFailed as error:
            return error

    def _passedOver(self, address: bytes) -> bool:
        plain = ip_address(address.decode("ascii"))
        if isinstance(plain, IPv6Address) and plain.ipv4_mapped is not None:
            # It leads where the other does, C{0.0.0.0} to this machine.
            plain = plain.ipv4_mapped
        nobodys = plain.is_unspecified or plain.is_multicast
        return nobodys or plain == _BROADCAST or self._ignored(address)


def _asciiName(domain: bytes) -> bytes:
    """
    @raise Unroutable: it cannot be a domain.
    """
    try:
        return asciiDomain(domain)
    except Malformed as error:
        raise Unroutable(NO_DOMAIN, f"{spelledName(domain)}: {error}") from None


def _ofMX(domain: bytes, records: Iterable[MX]) -> list[_Candidate]:
    """
    The hosts that MX records name.

    @raise Unroutable: they say that there is none.
    """
    named = [each for each in records if each.exchange != b"."]
    if not named:
        # RFC 7505 section 3 has it with preference 0; with any other, nothing else
        # can be meant.
        raise Unroutable(NULL_MX, f"{spelledName(domain)} has a null MX")
    best: dict[bytes, _Candidate] = {}
    for each in sorted(named, key=lambda each: each.preference):
        made = _Candidate(each.exchange, SMTP_PORT, each.preference)
        best.setdefault(each.exchange, made)
    return _usable(domain, best.values())


def _ofSRV(domain: bytes, records: Iterable[SRV]) -> list[_Candidate]:
    """
    The hosts that SRV records name.

    @raise Unroutable: they say that there is none.
    """
    named = [each for each in records if each.target != b"." and each.port]
    if not named:
        text = f"{spelledName(domain)} has SRV records that name no host"
        raise Unroutable(NO_SERVICE, text)
    best: dict[tuple[bytes, int], _Candidate] = {}
    for each in sorted(named, key=lambda each: each.priority):
        made = _Candidate(each.target, each.port, each.priority, each.weight)
        best.setdefault((each.target, each.port), made)
    return _usable(domain, best.values())


def _usable(domain: bytes, found: Iterable[_Candidate]) -> list[_Candidate]:
    """
    Those that can be names of hosts; an address, which many take for one, is not.

    @raise Unroutable: none can.
    """
    usable = [each for each in found if _isHostName(each.name)]
    if not usable:
        text = f"{spelledName(domain)} has mail hosts, but none with a name"
        raise Unroutable(NO_ADDRESS, text)
    return usable


def _isHostName(name: bytes) -> bool:
    try:
        checkDomain(name.replace(b"_", b"x"))
    except Malformed:
        return False
    return not name.startswith(b"[") and not name.rpartition(b".")[2].isdigit()


def _ranked(looked: _Looked, preference: int) -> _Looked:
    """The same, with another preference."""
    host = looked.host
    return evolve(
        looked,
        candidate=evolve(looked.candidate, preference=preference),
        host=None if host is None else evolve(host, preference=preference),
    )


def _by(
    looked: _Looked, nextHop: tuple[bytes, ...], named: bool | None = None
) -> _Looked:
    """The same, with what the operator named."""
    if looked.host is None:
        return looked
    return evolve(looked, host=evolve(looked.host, nextHop=nextHop, named=named))


def _chosen(
    looked: Sequence[_Looked],
    authentic: bool,
    nowhere: Reply,
    unknown: Reply,
    loop: Reply,
) -> MailHosts:
    """
    The hosts that come before ourselves.

    @param looked: best first.
    @param nowhere: the answer where none has an address.
    @param unknown: the answer where one may have.
    @param loop: the answer where there is nobody before us.
    @raise Unroutable: there is no host.
    """
    ours = min((o.candidate.preference for o in looked if o.ours), default=None)
    before = [o for o in looked if ours is None or o.candidate.preference < ours]
    hosts = tuple(o.host for o in before if o.host is not None)
    if hosts:
        proven = authentic and all(host.authentic for host in hosts)
        partial = any(o.temporary for o in before)
        return MailHosts(hosts, proven, authentic, partial=partial)
    why = "; ".join(o.why for o in before or looked)
    if looked and not before:
        raise Unroutable(loop, why)
    if any(o.temporary for o in before):
        raise Unroutable(unknown, why)
    raise Unroutable(nowhere, why)


__all__ = ["MailRouter", "SRV_PREFIX"]
