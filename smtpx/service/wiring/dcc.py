"""
The daemon of DCC.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.interfaces import IServerSession
from ...observe.journal import Journal
from ...policy.checkers import Terms, WhenAway
from ...policy.dcc.daemon import DCCDaemon, DCCOptions
from ...policy.dcc.question import readOptions
from ...policy.rules import Rule
from ...policy.rules.interfaces import Keep
from ...policy.rules.ownvalues import ownValue
from ...policy.rules.wanted import wantedBy
from ..config import Configuration
from ..machine import Machine
from .checkers import endpointAt, wantedFrom

#: What makes a question that counts nothing, and greylists nobody.
_HARMLESS = ("query", "grey-query")

#: What has the daemon count a message as spam.
_SPAM = "spam"


def _decides(configuration: Configuration, rules: Sequence[Rule]) -> bool:
    """Is it asked whatever conditions the rules have?"""
    refuses = any("dcc_recipients" in each.controls for each in rules)
    return configuration.dcc.addsHeader or refuses


def asks(configuration: Configuration, rules: Sequence[Rule]) -> bool:
    """Is there a daemon, and does anybody want something of it?"""
    if configuration.dcc.dccifdAddress is None:
        return False
    wanted = wantedBy(rules).has("dcc", DCCDaemon.finds)
    return wanted or _decides(configuration, rules)


def dccDaemon(
    machine: Machine,
    configuration: Configuration,
    keep: Keep,
    rules: Sequence[Rule],
    journal: Journal,
    isTrial: bool = False,
) -> DCCDaemon | None:
    """
    The daemon; L{None}: there is none, or nobody wants anything of it.

    @param keep: keeps host lists up to date.
    @param isTrial: is nobody's mail asked about?
    """
    options = configuration.dcc
    if not asks(configuration, rules):
        return None
    words = readOptions(options.dccifdOptions)
    if isTrial:
        words = (*(each for each in words if each != _SPAM), *_HARMLESS)
    terms = Terms(
        WhenAway(options.whenAway.value),
        options.opinionSeconds,
        options.atOnceMax,
        decides=_decides(configuration, rules),
        wanted=wantedFrom(options.hosts, options.logins, keep),
        octetsMax=options.checkedOctets,
    )

    def complain(session: IServerSession, why: str) -> None:
        journal.trouble(session, "checker dcc", ValueError(why))

    return DCCDaemon(
        endpointAt(machine, options.place),
        ownValue,
        complain,
        DCCOptions(words, options.addsHeader),
        terms,
    )


__all__ = ["asks", "dccDaemon"]
