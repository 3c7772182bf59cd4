"""
What rules come to, and what the greylist and DNS lists say, counted.

There is no event for each of these: they are counted where they are known
(L{smtpx.policy.rules.house.HouseRules}, L{smtpx.policy.strangers.greylist.Greylist},
L{smtpx.policy.dnslists.asker.ListAsker}).  Where nobody wants metrics, nobody counts.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from . import metrics
from .series import series

#: The answers of a greylist that alarms are made of: there from the start.
_AWAY = "away"


class PolicyCounters:
    """
    Counts them.

    @ivar decisions: of rules, by stage, rule and decision.
    @ivar greylist: what the greylist said.
    @ivar lists: what DNS lists said, by list and answer.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decisions = series(metrics.RULINGS, registry)
        self.greylist = series(metrics.GREYLIST, registry)
        self.lists = series(metrics.DNS_LISTS, registry)

    def listSaid(self, zone: bytes, answer: str) -> None:
        """
        A DNS list was asked.

        @param answer: C{listed}, C{unlisted} or C{failed}.
        """
        self.lists.count(zone.decode("ascii", "replace"), answer)

    def greylistBegins(self) -> None:
        """There is a greylist: Prometheus is to see its first failure."""
        self.greylist.begin(_AWAY)


__all__ = ["PolicyCounters"]
