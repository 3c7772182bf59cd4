"""
The table C{[policy]}: who is refused, besides, and the rules of each stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

from ...core.hostlist import HostList
from ...policy.rules import RuleStage
from ..objects import PythonObject
from ..rulekind import RuleEntry, ruleKinds

_KINDS = ruleKinds()


def _rules(stage: RuleStage, when: str) -> Any:
    """The option for the rules of a stage."""
    help = f"Rules that are asked {when}; see :doc:`/reference/rules`."
    return field(default=(), metadata={"kind": _KINDS[stage.value], "help": help})


@frozen
class Policy:
    """Who is refused, besides, and the rules of each stage."""

    python: tuple[PythonObject, ...] = field(
        default=(),
        metadata={
            "help": "Policies of yours, asked in this order when our own has no"
            " objection.  Each is an object with the methods of"
            " ``smtpx.net.interfaces.IPolicy``, all or some, or a callable without"
            " arguments that makes one."
        },
    )
    pythonEdits: bool = field(
        default=False,
        metadata={
            "help": "May these change messages (:doc:`/howto/change-messages`)?  Then"
            " the header of each is held until it is taken."
        },
    )
    refuseHosts: HostList = field(
        factory=HostList,
        metadata={"help": "A host list: clients that are refused at once (554)."},
    )
    connect: tuple[RuleEntry, ...] = _rules(RuleStage.CONNECT, "when a client connects")
    helo: tuple[RuleEntry, ...] = _rules(RuleStage.HELO, "when it says who it is")
    auth: tuple[RuleEntry, ...] = _rules(RuleStage.AUTH, "when it is about to log in")
    mail: tuple[RuleEntry, ...] = _rules(RuleStage.MAIL, "when it names a sender")
    rcpt: tuple[RuleEntry, ...] = _rules(RuleStage.RCPT, "of each recipient")
    data: tuple[RuleEntry, ...] = _rules(
        RuleStage.DATA, "when the message is about to come"
    )
    message: tuple[RuleEntry, ...] = _rules(
        RuleStage.MESSAGE, "when the message is there"
    )

    def entries(self) -> Iterator[tuple[RuleStage, int, RuleEntry]]:
        """All rules, with their stages and their places among those."""
        for stage in RuleStage:
            found: tuple[RuleEntry, ...] = getattr(self, stage.value)
            for index, entry in enumerate(found):
                yield stage, index, entry
