"""
What a condition of a rule is, ours and anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import time
from typing import Protocol

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import Attribute, Interface

from ...core.hostlist import HostList
from ...dns.interfaces import IResolver
from ..dnslists.asker import ListAsker
from ..lookups.interfaces import ILookup
from ..strangers.alerts import Alerts
from ..strangers.interfaces import IGreylist
from ..strangers.rates import Rates
from .dnsweights import Weights
from .faults import Place
from .stages import RuleStage
from .subject import Subject
from .texts import Text

#: Asks a condition.  L{None}: it cannot be told now, and the client is to come again.
Test = Callable[[Subject], "bool | None | Deferred[bool | None]"]


class KeptList(Protocol):
    """A host list, with the addresses that its names have now."""

    def verdict(
        self, address: bytes, names: Sequence[bytes] = (), named: bool = True
    ) -> bool | None:
        """See L{HostList.verdict}."""


#: Keeps a host list up to date; C{smtpx.policy.names.HostNames.keep} is one.
Keep = Callable[[HostList], KeptList]


def _asItIs(hosts: HostList) -> KeptList:
    return hosts


@frozen
class Means:
    """
    What a server lends to conditions.  What is not there, nobody has given: so it is
    where rules are only looked at, whether they are right.

    @ivar keep: keeps host lists up to date.
    @ivar resolver: asks the DNS.
    @ivar clock: for limits of time.
    @ivar now: what time it is, in seconds since the epoch.
    @ivar lookups: look-ups, by their names.
    @ivar lists: asks DNS lists; L{None}: they are asked by C{resolver}, as usual.
    @ivar weights: those with weights.
    @ivar isTrial: is it only tried what rules decide?  Then nothing is counted, and
        nothing remembered.
    @ivar greylist: remembers who was here before.
    @ivar rates: counts who does how much.
    @ivar alerts: tells of accounts that do too much; L{None}: nobody is told.
    """

    keep: Keep = _asItIs
    resolver: IResolver | None = None
    clock: IReactorTime | None = None
    now: Callable[[], float] = time
    lookups: Mapping[str, ILookup] = field(factory=dict)
    lists: ListAsker | None = None
    weights: Weights = Weights()
    isTrial: bool = False
    greylist: IGreylist | None = None
    rates: Rates | None = None
    alerts: Alerts | None = None


class ICondition(Interface):
    """
    One condition of a rule.  It is made once and asked by all sessions; what it finds
    out of one stands in the L{Subject}.
    """

    name: str = Attribute("What it is called in the configuration and in explanations.")
    stages: frozenset[RuleStage] = Attribute("When it can be told.")

    def test(means: Means) -> Test:
        """
        What asks it.  Called once, when a server starts; what it gives is called for
        each client and message, so that it is to be quick, and to give a Deferred only
        where it has to wait.

        @param means: what the server lends.
        """

    def shown(subject: Subject) -> str:
        """
        What it looked at, for an explanation; called after it was asked.
        """


class IWorded(ICondition):
    """
    A condition with texts in it that have variables (L{smtpx.policy.rules.texts}):
    what is to be looked up, and where.
    """

    sources: Sequence[tuple[Place, str]] = Attribute(
        "The texts as they were given, with their places behind the condition's name."
    )

    def worded(texts: Sequence[Text]) -> ICondition:
        """
        The condition that is asked.  What its texts need has been found out by then.

        @param texts: those of C{sources}, in their order.
        """


class ILooksUp(ICondition):
    """
    A condition that names look-ups (L{smtpx.policy.lookups}).
    """

    lookups: Iterable[tuple[Place, str]] = Attribute(
        "Their names, with their places behind the condition's name."
    )


__all__ = ["ICondition", "ILooksUp", "IWorded", "Keep", "KeptList", "Means", "Test"]
