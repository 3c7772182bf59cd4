"""
Whether messages may be changed as they come, and who lets them be.
"""

from __future__ import annotations

from ...net.interfaces import IReceiver
from ...policy.editing import EditingReceiver
from ...policy.rules.removing import changesWithin
from ...policy.rules.wanted import wantedBy
from ..config import Configuration
from .rules import rulesOf


def mayBeChanged(configuration: Configuration) -> bool:
    """Is there anybody who may want something changed in a message?"""
    if configuration.policy.pythonEdits or configuration.dcc.addsHeader:
        return True
    rules = rulesOf(configuration)
    wanted = wantedBy(rules)
    return (
        bool(configuration.milters)
        or any(
            bool(rule.removeHeaders)
            or changesWithin(each.place for each in rule.addHeaders)
            for rule in rules
        )
        or any(
            each.changes and wanted.has(each.name, each.kind.finds)
            for each in configuration.checkers
        )
    )


def editing(configuration: Configuration, receiver: IReceiver) -> IReceiver:
    """
    A receiver that lets messages be changed, if they may be.

    @param receiver: the spool's.
    """
    if not mayBeChanged(configuration):
        return receiver
    return EditingReceiver(receiver)


__all__ = ["editing", "mayBeChanged"]
