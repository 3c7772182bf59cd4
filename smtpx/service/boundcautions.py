"""
What to know of bounds where there are several workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import fields

from .config import Configuration
from .problems import KeyPath, Problem
from .schema import optionName
from .workers.parts import DIVIDED


def boundCautions(configuration: Configuration) -> Iterator[Problem]:
    """
    Bounds that are smaller than the number of workers, each of which does one at a time
    in any case.
    """
    workers = configuration.workers
    for table, name in DIVIDED:
        found = getattr(configuration, table)
        key = _spelled(Configuration, table)
        places: list[tuple[KeyPath, object]] = [((key,), found)]
        if isinstance(found, tuple):
            places = [((key, index), each) for index, each in enumerate(found)]
        for path, each in places:
            most = getattr(each, name)
            if 0 < most < workers:
                text = (
                    f"each of {workers} workers may have one, so there are up to"
                    f" {workers}, not {most}"
                )
                yield configuration.problem((*path, _spelled(type(each), name)), text)


def _spelled(cls: type, name: str) -> str:
    """An attribute as it stands in the file."""
    [found] = (each for each in fields(cls) if each.name == name)
    return str(found.metadata.get("option") or optionName(name))


__all__ = ["boundCautions"]
