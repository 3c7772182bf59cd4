"""
What decides how well connections to other hosts are protected: the rules, joined to
what they ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial

from attrs import frozen
from twisted.internet.defer import Deferred

from ...core.flaw import Flaw
from ...core.hostlist import HostList
from ...dns.interfaces import (
    TLSA,
    Answer,
    IResolver,
    LookupFailed,
    LookupPutOff,
    NoSuchDomain,
    spelledName,
)
from ...dns.mailhosts import IMailRouter
from ...net.protection import Protection
from ...tls.danerule import DANERule, Found, Records
from ...tls.rules import Concluded, IRule, Rules, Undecided
from ..config import Configuration
from ..listening import Door
from ..machine import Machine
from .domainpolicies import DomainPolicies, freshSTS
from .resolving import mailRouter, placesOf


@frozen
class Bearings:
    """
    Where mail goes, and how well it has to be protected on the way.

    @ivar router: finds hosts.
    @ivar protection: decides how connections have to be.
    @ivar withoutSTS: the same for routes that do not do as domains ask by MTA-STS.
    @ivar resolver: asks the DNS.
    """

    router: IMailRouter
    protection: Protection
    withoutSTS: Protection
    resolver: IResolver

    def protecting(self, sts: bool) -> Protection:
        """
        What decides for a route.

        @param sts: does it do as domains ask by MTA-STS?
        """
        return self.protection if sts else self.withoutSTS


def bearings(
    machine: Machine,
    configuration: Configuration,
    name: str,
    resolver: IResolver,
    doors: Sequence[Door],
    published: DomainPolicies,
) -> Bearings:
    """
    What finds hosts, and what decides how they have to be.

    @param name: what the server calls itself.
    @param doors: by which mail comes in, so that none goes out in circles.
    @param published: what domains publish beside the DNS.
    """
    rules = tuple(_rules(configuration, resolver))
    make = partial(_protection, machine, published.concluded)
    without = make(rules)
    return Bearings(
        mailRouter(configuration, name, resolver, partial(placesOf, doors)),
        without if published.sts is None else make((*rules, published.sts)),
        without,
        resolver,
    )


def byHand(
    machine: Machine,
    configuration: Configuration,
    router: IMailRouter,
    resolver: IResolver,
    stack: AsyncExitStack,
) -> Bearings:
    """
    The same for who sends by hand: with the rules of the server, but nothing that it
    knows, so policies of MTA-STS are fetched once more; and nobody is told.

    @param stack: how it ends.
    @raise smtpx.core.errors.SMTPXError: what the configuration names is of no use.
    """
    rules = tuple(_rules(configuration, resolver))
    sts = freshSTS(machine, configuration, resolver, stack)
    without = _protection(machine, None, rules)
    kept = without if sts is None else _protection(machine, None, (*rules, sts))
    return Bearings(router, kept, without, resolver)


def _protection(
    machine: Machine, concluded: Concluded | None, rules: tuple[IRule, ...]
) -> Protection:
    """
    What decides how connections have to be.

    @param concluded: told what became of each; L{None}: nobody is.
    """
    seconds = machine.reactor.seconds
    if concluded is None:
        return Protection(Rules(rules), seconds)
    return Protection(Rules(rules), seconds, concluded)


def _rules(configuration: Configuration, resolver: IResolver) -> Iterator[IRule]:
    sending = configuration.sending
    required = sending.hostsRequireDANE
    # Without a resolver that says what is proven, there is nothing to find.
    tried = sending.hostsTryDANE if configuration.dns.trusted else HostList()
    if tried.items or required.items:
        yield DANERule(dnsRecords(resolver), tried, required)


def dnsRecords(resolver: IResolver) -> Records:
    """What DANE asks of the DNS."""
    return Records(
        lambda name: Deferred.fromCoroutine(_found(resolver, name, "TLSA", _tlsa)),
        lambda name: Deferred.fromCoroutine(_found(resolver, name, "CNAME", _alias)),
    )


async def _found(
    resolver: IResolver, name: bytes, kind: str, read: Callable[[Answer], Found]
) -> Found:
    """
    @raise Undecided: nobody knows.
    """
    try:
        return read(await resolver.lookUp(name, kind))
    except NoSuchDomain as error:
        return Found((), error.authentic)
    except LookupFailed as error:
        text = f"the {kind} records of {spelledName(name)} could not be looked up"
        flaw = Flaw.BUSY if isinstance(error, LookupPutOff) else Flaw.DNSSEC
        raise Undecided(f"{text}: {error}", flaw=flaw) from error


def _tlsa(answer: Answer) -> Found:
    return Found(answer.of(TLSA), answer.authentic)


def _alias(answer: Answer) -> Found:
    return Found((), answer.authentic, bool(answer.records))


__all__ = ["Bearings", "bearings", "byHand", "dnsRecords"]
