"""
Are the rules of use with the extensions that would run?  What there is not at all was
found when they were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..policy.rules.rule import checked, checkedTogether
from .config import Configuration
from .problems import Problem, closest
from .wiring.extensions import chosenExtensions
from .wiring.rules import vocabulary


def checkRules(
    configuration: Configuration, found: Mapping[str, IExtension]
) -> Iterator[Problem]:
    """
    What rules want that is not there.

    @param found: the extensions that there are, by name.
    """
    try:
        words = vocabulary(configuration, chosenExtensions(configuration, found))
    except SMTPXError:
        # That is told where it belongs.
        return
    if words is None:
        return
    for stage, index, entry in configuration.policy.entries():
        for fault in checked([entry.rule], words):
            path = ("policy", stage.value, index, *fault.place[1:])
            meant = closest(fault.word, fault.known) if fault.word else None
            yield configuration.document.problem(path, fault.text, meant)
    yield from _together(configuration)


def _together(configuration: Configuration) -> Iterator[Problem]:
    """What rules want of each other that is not there."""
    entries = list(configuration.policy.entries())
    for fault in checkedTogether(entry.rule for _, _, entry in entries):
        number, *place = fault.place
        assert isinstance(number, int)
        stage, index, _ = entries[number]
        meant = closest(fault.word, fault.known) if fault.known else None
        path = ("policy", stage.value, index, *place)
        yield configuration.document.problem(path, fault.text, meant)


__all__ = ["checkRules"]
