"""
DNS lists with weights: each says a little, and a rule asks what they say together.

A weight below zero speaks for a client: so are lists of good senders taken (DNSWL).  A
list whose key is known later than a client's address counts from then on.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ...core.errors import Malformed
from ..dnslists.items import ListItem
from .stages import RuleStage
from .texts import Text, readText
from .variables import VARIABLES

#: What can be looked up in a list: the client's address where there is no text.
Keys = tuple[Text, ...]


@frozen(eq=False)
class Weighed:
    """
    A list with a weight.

    @ivar name: what it is called in the configuration.
    @ivar item: the list.
    @ivar keys: what is looked up in it.
    @ivar weight: what it counts; below zero it speaks for who is in it.
    @ivar stages: when it can be asked.
    """

    name: str
    item: ListItem
    keys: Keys
    weight: float
    stages: frozenset[RuleStage]


@frozen
class Weights:
    """
    Lists with weights.

    @ivar entries: all of them.
    """

    entries: tuple[Weighed, ...] = ()

    @classmethod
    def parse(cls, table: Mapping[str, float]) -> Weights:
        """
        Read them.

        @param table: the weights, by lists as C{dnslists} takes them, without C{!}.
        @raise Malformed: a list is none; the message has it.
        """
        return cls(tuple(_weighed(name, weight) for name, weight in table.items()))


def _weighed(name: str, weight: float) -> Weighed:
    """
    @raise Malformed: it is no list.
    """
    item = ListItem.parse(name)
    if item.negated:
        raise Malformed(f'"{name}": a list that speaks for a client has a weight < 0')
    stages, keys = RuleStage.CONNECT.onwards, []
    for key in item.keys:
        # What is known of recipients is known then only.
        text = readText(key, RuleStage.RCPT, VARIABLES)
        if not isinstance(text, Text):
            raise Malformed(f'"{name}": {"; ".join(map(str, text))}')
        if text.needs:
            raise Malformed(
                f'"{name}": it would have to wait for what "{key}" comes to'
            )
        stages &= text.stages
        keys.append(text)
    return Weighed(name, item, tuple(keys), weight, stages)


__all__ = ["Keys", "Weighed", "Weights"]
