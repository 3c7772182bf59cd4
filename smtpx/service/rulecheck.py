"""
Are the rules of use with the extensions that would run?  What there is not at all was
found when they were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..policy.rules import checked
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


__all__ = ["checkRules"]
