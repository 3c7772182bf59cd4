"""
Are the keys that sign mail of use?
"""

from __future__ import annotations

from collections.abc import Iterator

from ..policy.signingkeys import readKeyFile
from ..policy.watchedfile import BadList
from .config import Configuration
from .problems import KeyPath, Problem
from .wiring import keyName


def checkKeys(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with the keys of C{[dkim]}."""
    seen: dict[bytes, int] = {}
    for index, key in enumerate(configuration.dkim.keys):
        path: KeyPath = ("dkim", "key", index)
        try:
            readKeyFile(key.file)
        except BadList as error:
            yield configuration.problem((*path, "file"), str(error))
        name = keyName(key).name
        if seen.setdefault(name, index) != index:
            text = f"{name.decode('ascii')} is another key already"
            yield configuration.problem((*path, "selector"), text)


__all__ = ["checkKeys"]
