"""
Conditions on what a client and its transaction are; L{smtpx.policy.rules.judged} has
those on what is found out of them, and L{smtpx.policy.rules.kinds} how all of them are
written in the configuration.

Each is one small class that can be made from Python, too::

    Hosts.make(["192.0.2.0/24", "!192.0.2.1"])
    SenderDomains.make(["example.org"])

A further one is a class of the same kind (L{smtpx.policy.rules.interfaces.ICondition}).
What can be said by yes or no, an extension can bring
(C{smtpx.core.interfaces.IServerBuilder.condition}): that is known by its name, and
L{OfExtension} stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from zope.interface import implementer

from ...core.address import domainOf
from ...core.errors import Malformed
from ...core.hostlist import HostList, clientNames
from .faults import Place, bad
from .fields import fieldName, watchedFields
from .interfaces import ICondition, ILooksUp, Means, Test
from .listed import named, namedHosts, told, toldHosts
from .lists import AddressList, DomainList, TextList
from .stages import RuleStage
from .subject import Subject

_MAIL_ON = RuleStage.MAIL.onwards
_RCPT = frozenset({RuleStage.RCPT})
_MESSAGE = frozenset({RuleStage.MESSAGE})

#: Of how many clients it is remembered whether they are in a list without names.
_REMEMBERED = 1000


def _text(octets: bytes | None) -> str:
    return "" if octets is None else octets.decode("utf-8", "backslashreplace")


@implementer(ILooksUp)
@frozen
class Hosts:
    """Is the client in a host list?"""

    hosts: HostList

    name = "hosts"
    stages = RuleStage.CONNECT.onwards

    @classmethod
    def make(cls, items: Sequence[str]) -> Hosts:
        """
        @param items: as in a host list.
        @raise BadRule: an item is none.
        """
        for index, item in enumerate(items):
            try:
                HostList.parse([item])
            except Malformed as error:
                raise bad(str(error), index) from None
        return cls(HostList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return namedHosts(self.hosts)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        if self.hosts.lookups:
            asks = toldHosts(self.hosts, means)
            return lambda subject: asks(subject.session)
        verdict = means.keep(self.hosts).verdict
        if self.hosts.needsNames or self.hosts.names:

            def look(subject: Subject) -> bool | None:
                session = subject.session
                names = clientNames(session)
                return verdict(session.peer, names, session.peerNameKnown)

            return look
        known: dict[bytes, bool | None] = {}

        def remember(subject: Subject) -> bool | None:
            peer = subject.session.peer
            if peer not in known:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[peer] = verdict(peer)
            return known[peer]

        return remember

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        names = b" ".join(clientNames(subject.session))
        return " ".join(filter(None, [_text(subject.session.peer), _text(names)]))


@implementer(ILooksUp)
@frozen
class Helo:
    """Is what the client calls itself in a list?"""

    names: DomainList

    name = "helo"
    stages = RuleStage.HELO.onwards

    @classmethod
    def make(cls, items: Sequence[str]) -> Helo:
        """
        @raise BadRule: an item is no domain.
        """
        return cls(DomainList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.names)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        names = self.names
        has = told(names, names.has, names.weigh, means)
        return lambda subject: has(subject.helo or b"")

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _text(subject.helo)


@implementer(ICondition)
@frozen
class Encrypted:
    """Is the session under TLS?"""

    wanted: bool

    name = "encrypted"
    stages = RuleStage.HELO.onwards

    @classmethod
    def make(cls, wanted: bool) -> Encrypted:
        """
        @param wanted: false: is it in the clear?
        """
        return cls(wanted)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        wanted = self.wanted
        return lambda subject: (subject.session.secured is not None) is wanted

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        secured = subject.session.secured
        return "in the clear" if secured is None else secured.version


@implementer(ICondition)
@frozen
class Authenticated:
    """Has the client logged in?"""

    wanted: bool

    name = "authenticated"
    stages = _MAIL_ON

    @classmethod
    def make(cls, wanted: bool) -> Authenticated:
        """
        @param wanted: false: has it not?
        """
        return cls(wanted)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        wanted = self.wanted
        return lambda subject: (subject.session.identity is not None) is wanted

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        identity = subject.session.identity
        return "nobody has logged in" if identity is None else _text(identity)


@implementer(ILooksUp)
@frozen
class Senders:
    """Is the sender of the envelope in a list?"""

    addresses: AddressList

    name = "senders"
    stages = _MAIL_ON

    @classmethod
    def make(cls, items: Sequence[str]) -> Senders:
        """
        @raise BadRule: an item is no pattern of addresses.
        """
        return cls(AddressList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.addresses)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        addresses = self.addresses
        has = told(addresses, addresses.has, addresses.weigh, means)
        return lambda subject: has(subject.envelope.sender)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return f"<{_text(subject.envelope.sender)}>"


@implementer(ILooksUp)
@frozen
class SenderDomains:
    """Is the domain of the sender in a list?"""

    domains: DomainList

    name = "sender_domains"
    stages = _MAIL_ON

    @classmethod
    def make(cls, items: Sequence[str]) -> SenderDomains:
        """
        @raise BadRule: an item is no domain.
        """
        return cls(DomainList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.domains)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        domains = self.domains
        has = told(domains, domains.hasThatOf, domains.weighThatOf, means)
        return lambda subject: has(subject.envelope.sender)

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _text(domainOf(subject.envelope.sender)) or "there is none"


def _recipient(subject: Subject) -> bytes:
    assert subject.recipient is not None, "the stage is rcpt"
    return subject.recipient.path


@implementer(ILooksUp)
@frozen
class Recipients:
    """Is the recipient in a list?"""

    addresses: AddressList

    name = "recipients"
    stages = _RCPT

    @classmethod
    def make(cls, items: Sequence[str]) -> Recipients:
        """
        @raise BadRule: an item is no pattern of addresses.
        """
        return cls(AddressList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.addresses)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        addresses = self.addresses
        has = told(addresses, addresses.has, addresses.weigh, means)
        return lambda subject: has(_recipient(subject))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return f"<{_text(_recipient(subject))}>"


@implementer(ILooksUp)
@frozen
class Domains:
    """Is the recipient's domain in a list?"""

    domains: DomainList

    name = "domains"
    stages = _RCPT

    @classmethod
    def make(cls, items: Sequence[str]) -> Domains:
        """
        @raise BadRule: an item is no domain.
        """
        return cls(DomainList.parse(items))

    @property
    def lookups(self) -> Sequence[tuple[Place, str]]:
        """See L{ILooksUp}."""
        return named(self.domains)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        domains = self.domains
        has = told(domains, domains.hasThatOf, domains.weighThatOf, means)
        return lambda subject: has(_recipient(subject))

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return _text(domainOf(_recipient(subject)))


@implementer(ICondition)
@frozen
class SizeOver:
    """Is the message larger than this?"""

    octets: int

    name = "size_over_octets"
    stages = _MESSAGE

    @classmethod
    def make(cls, octets: int) -> SizeOver:
        """
        @param octets: the largest that it is not true of.
        """
        return cls(octets)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        limit = self.octets
        return lambda subject: subject.envelope.octets > limit

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return f"{subject.envelope.octets} octets"


@implementer(ICondition)
@frozen
class Headers:
    """
    Is there, of each of some header fields, one whose value is in a list?

    @ivar lists: the lists, by the name of the field in lower case.
    """

    lists: Mapping[bytes, TextList] = field(hash=False)

    name = "headers"
    stages = _MESSAGE

    @classmethod
    def make(cls, lists: Mapping[str, Sequence[str]]) -> Headers:
        """
        @param lists: patterns of text, by the name of the field.
        @raise BadRule: a name is none.
        """
        made: dict[bytes, TextList] = {}
        for name, items in lists.items():
            key = name.lower().encode("ascii", "replace")
            if not fieldName(name):
                raise bad("expected the name of a header field", name)
            made[key] = TextList.parse(items)
        return cls(made)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        lists = tuple(self.lists.items())

        def ask(subject: Subject) -> bool:
            found = watchedFields(subject.envelope)
            return all(each.hasAny(found.get(name, ())) for name, each in lists)

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        found = watchedFields(subject.envelope)
        told = [
            f"{_text(name)}: {value}"
            for name in self.lists
            for value in found.get(name, ())
        ]
        return "; ".join(told) or "there is no such field"


@implementer(ICondition)
@frozen
class OfExtension:
    """
    What an extension says by yes or no.

    @ivar name: what the extension calls it.
    """

    name: str
    wanted: bool = True

    stages = RuleStage.HELO.onwards

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        name, wanted = self.name, self.wanted
        return lambda subject: subject.session.holds(name) is wanted

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        return "yes" if subject.session.holds(self.name) else "no"
