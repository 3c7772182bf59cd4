"""
What rules want checkers to find out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from .findings import OPINED
from .kinds import KINDS
from .opined import CheckerState
from .rule import Rule
from .variables import VARIABLES

_NAME = re.compile(r"\$\{?(\w+)")


@frozen
class Wanted:
    """
    What is wanted of checkers.

    @ivar finds: what is to be found out (L{smtpx.policy.rules.findings.OPINED}).
    @ivar names: the checkers that are named.
    """

    finds: frozenset[str]
    names: frozenset[str]

    def has(self, name: str, finds: frozenset[str]) -> bool:
        """
        Is anything wanted of a checker?

        @param name: what it is called.
        @param finds: what it finds out.
        """
        return name in self.names or bool(self.finds & finds)


def wantedBy(rules: Iterable[Rule]) -> Wanted:
    """What rules want, all together."""
    given = tuple(rules)
    methods = {each for rule in given for each in _methods(rule)}
    names = {
        name
        for rule in given
        for each in rule.conditions
        if isinstance(each, CheckerState)
        for name in each.states
    }
    return Wanted(OPINED & methods, frozenset(names))


def _methods(rule: Rule) -> Iterator[str]:
    for each in rule.conditions:
        kind = KINDS.get(each.name)
        if kind is not None:
            yield kind.method
    for _, source in rule.said.sources:
        for name in _NAME.findall(source):
            found = VARIABLES.get(name)
            if found is not None:
                yield found.method


__all__ = ["Wanted", "wantedBy"]
