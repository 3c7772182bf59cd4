"""
Is anything taken from the folders that are watched?  Part of L{smtpx.service.check}.
"""

from __future__ import annotations

from collections.abc import Iterator

from .config import Configuration
from .problems import KeyPath, Problem
from .watchedfolder import untrusted
from .wiring.importing import NoSuchGroup, groupNumber


def checkImports(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with folders that are watched."""
    for index, entry in enumerate(configuration.imports):
        path: KeyPath = ("import", index)
        group = None
        if entry.group is not None:
            try:
                group = groupNumber(entry.group)
            except NoSuchGroup as error:
                yield configuration.problem((*path, "group"), str(error))
                continue
        why = untrusted(entry.folder, group)
        if why is not None:
            text = f"{entry.folder}: {why}"
            yield configuration.problem((*path, "folder"), text)


__all__ = ["checkImports"]
