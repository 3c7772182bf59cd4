"""
What is remembered of clients: who was here before, and who does how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

from attrs import frozen
from twisted.logger import Logger

from ...core.envelope import Envelope, Recipient
from ...net.interfaces import IPolicy
from ...observe.alerting import ALERTED
from ...observe.deliveries import DeliveryJournal
from ...observe.policycounters import PolicyCounters
from ...policy.rules import Greylisted, ICondition
from ...policy.rules.rated import Rate
from ...policy.strangers import (
    AWAY_ACCEPTS,
    AWAY_DEFERS,
    Greylist,
    GreylistTerms,
)
from ...policy.strangers.alerts import TOLD_MOST, Alert, Alerts
from ...policy.strangers.networks import Prefixes
from ...policy.strangers.notes import count
from ...policy.strangers.rates import Rates
from ...policy.strangers.refusals import RefusalCountingPolicy
from ...queue.author import usualAuthor
from ...spool.interfaces import ISpool
from ..alertmail import alertMail
from ..config import Configuration
from ..machine import Machine
from ..tables.greylist import WhenAway
from .threads import threads
from .tlsreports import spooled

_log = Logger()


@frozen
class Strangers:
    """
    What is remembered of clients.

    @ivar greylist: L{None}: no rule asks for it.
    @ivar rates: L{None}: no rule asks for any.
    @ivar alerts: tells of accounts that do too much; L{None}: nobody is told.
    @ivar counted: those rates that are asked for.
    @ivar counters: count what rules ask, and what they decide; L{None}: nobody does.
    """

    greylist: Greylist | None = None
    rates: Rates | None = None
    alerts: Alerts | None = None
    counted: tuple[Rate, ...] = ()
    counters: PolicyCounters | None = None

    @property
    def taken(self) -> Callable[[Envelope], object] | None:
        """
        Who is to be told of transactions whose messages were taken; L{None}: nobody.
        """
        return None if self.rates is None else partial(count, rates=self.rates)

    def watched(self, policy: IPolicy) -> IPolicy:
        """A policy whose refusals are counted, where somebody wants to know."""
        found = [each.refusals for each in self.counted if each.refusals is not None]
        # Several rules may ask for the same.
        refusals = {each.meter.name: each for each in found}.values()
        if self.rates is None or not refusals:
            return policy
        return RefusalCountingPolicy(policy, self.rates, [*refusals])


def greylistTerms(configuration: Configuration) -> GreylistTerms:
    """Who has to wait, and for how long."""
    table = configuration.greylist
    return GreylistTerms(
        table.delay,
        table.retryWindow,
        table.lifetime,
        table.clientsAfter,
        Prefixes(table.networkPrefixIPv4, table.networkPrefixIPv6),
        table.recordsMax,
    )


async def strangers(
    machine: Machine,
    configuration: Configuration,
    tell: Callable[[Alert], object],
    stack: AsyncExitStack,
    isTrial: bool = False,
    counters: PolicyCounters | None = None,
) -> Strangers:
    """
    Remember what rules ask for.

    @param tell: told of accounts that do too much.
    @param stack: how it ends.
    @param isTrial: is it only looked at?
    @param counters: count what the greylist says; L{None}: nobody does.
    """
    asked = list(_conditions(configuration))
    list_ = None
    if any(isinstance(each, Greylisted) for each in asked):
        list_ = _greylist(machine, configuration, counters, stack)
    counted = tuple(each for each in asked if isinstance(each, Rate))
    if not counted:
        return Strangers(list_, counters=counters)
    shared, number = machine.shared.rates, machine.worker.number
    rates = Rates(
        machine.reactor,
        machine.now,
        # One thread: the file is used by one at a time.
        threads(machine, 1, "rates", stack),
        str(configuration.ratesFile),
        configuration.rates.keysMax,
        None if shared is None else shared.column(number, machine.reactor.seconds),
    )
    if isTrial:
        await rates.glance()
        return Strangers(list_, rates, None, counted)
    await rates.start()
    stack.push_async_callback(rates.stop)
    every = configuration.rates.alertEvery
    most = machine.worker.share(TOLD_MOST)
    alerts = Alerts(machine.now, rates.claim, tell, every, most)
    stack.push_async_callback(alerts.stop)
    return Strangers(list_, rates, alerts, counted, counters)


def _conditions(configuration: Configuration) -> Iterator[ICondition]:
    for _, _, entry in configuration.policy.entries():
        yield from entry.rule.conditions


def _greylist(
    machine: Machine,
    configuration: Configuration,
    counters: PolicyCounters | None,
    stack: AsyncExitStack,
) -> Greylist:
    accepts = configuration.greylist.whenAway is WhenAway.ACCEPT
    counted = {}
    if counters is not None:
        counters.greylistBegins()
        counted = {"count": counters.greylist.count}
    made = Greylist(
        machine.reactor,
        machine.now,
        # One thread: the file is used by one at a time.
        threads(machine, 1, "greylist", stack),
        str(configuration.greylistFile),
        greylistTerms(configuration),
        AWAY_ACCEPTS if accepts else AWAY_DEFERS,
        **counted,
    )
    stack.push_async_callback(made.stop)
    return made


def alerting(
    configuration: Configuration,
    name: str,
    spool: ISpool,
    told: DeliveryJournal,
    publish: Callable[..., object],
) -> Callable[[Alert], None]:
    """
    What tells the operator of accounts that do too much: the log, and a message.

    @param name: what the server calls itself.
    @param spool: takes the message; it is open.
    @param publish: makes events.
    """
    to = configuration.rates.alertTo
    author = configuration.reports.dsnFrom or usualAuthor(name)

    def tell(alert: Alert) -> None:
        publish(
            ALERTED,
            {
                "per": alert.per,
                "account": alert.account,
                "what": alert.what,
                "rate": round(alert.rate, 1),
                "limit": alert.limit,
                "period": alert.period,
                "meter": alert.rule,
                "clients": [list(each) for each in alert.clients],
            },
        )
        if not to:
            return
        envelope = Envelope(b"", alert.at)
        envelope.recipients += [Recipient(each.render()) for each in to]
        message = alertMail(alert, author, to, name)
        sent = spooled(spool, told, "an alert", envelope, message)
        sent.addErrback(
            lambda why: _log.failure("No alert could be sent to the operator", why)
        )

    return tell


__all__ = ["Strangers", "alerting", "greylistTerms", "strangers"]
