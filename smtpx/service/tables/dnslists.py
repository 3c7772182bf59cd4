"""
The table C{[dns_lists]}: how DNS lists are asked, and what each of them counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from zope.interface import implementer

from ...core.errors import Malformed
from ...policy.dnslists.asker import AT_ONCE, SECONDS
from ...policy.rules.dnsweights import Weighed, Weights
from ..kinds import FAULT, IKind, IReading, Number
from ..nested import TableOf
from ..problems import KeyPath

_NUMBERS = TableOf(Number(whole=False, least=None))


@implementer(IKind)
@frozen
class _WeightsKind:
    """Lists with weights, each checked by itself."""

    words: str = "a table of DNS lists with numbers"

    def read(self, value: object, path: KeyPath, reading: IReading) -> object:
        """See L{IKind}."""
        if isinstance(value, Weights):
            return value
        table = reading.take(_NUMBERS, value, path)
        if not isinstance(table, Mapping):
            return FAULT
        entries: list[Weighed] = []
        for name, weight in table.items():
            try:
                entries += Weights.parse({name: weight}).entries
            except Malformed as error:
                reading.refuse((*path, name), str(error))
        return Weights(tuple(entries)) if len(entries) == len(table) else FAULT

    def spell(self, value: object) -> str:
        """See L{IKind}."""
        if not isinstance(value, Weights):
            return str(value)
        return _NUMBERS.spell({each.name: each.weight for each in value.entries})


@frozen
class DNSListOptions:
    """
    How DNS lists (RFC 5782) are asked, which rules name (``dnslists``), and what they
    count (``dns_score_over``).
    """

    seconds: float = field(
        default=SECONDS,
        metadata={
            "least": 0.1,
            "help": "How long the lists of one rule may take together.  What has not"
            " answered by then cannot be asked now.",
        },
    )
    atOnce: int = field(
        default=AT_ONCE,
        metadata={
            "least": 1,
            "most": 100,
            "help": "How many lists of a rule are asked side by side; they decide in"
            " their order all the same.  1: one after the other, and none that is not"
            " needed, for those that charge by question.",
        },
    )
    weights: Weights = field(
        default=Weights(),
        metadata={
            "kind": _WeightsKind(),
            "help": "What each list counts that has the client, such as"
            ' ``"zen.spamhaus.org" = 4``; below zero it speaks for it.  A list stands'
            " as in ``dnslists``, without ``!``.  One that cannot be asked counts"
            " nothing, and one with a key such as ``/$sender_address_domain`` counts"
            " from when that is known.",
        },
    )


__all__ = ["DNSListOptions"]
