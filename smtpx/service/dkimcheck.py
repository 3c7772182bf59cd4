"""
Are the keys of use that sign and seal mail?
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


def checkSealers(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with the keys that routes seal with."""
    for index, route in enumerate(configuration.routes or ()):
        if route.arcSign is not None:
            if not configuration.authentication.checks:
                # Nobody takes out what strangers wrote in our name.
                text = (
                    "this would seal what strangers say in our name, as"
                    " authentication.checks is empty: name there what is looked at"
                )
                yield configuration.problem(("route", index, "arc_sign"), text)
            try:
                readKeyFile(route.arcSign.file)
            except BadList as error:
                yield configuration.problem(("route", index, "arc_sign"), str(error))


__all__ = ["checkKeys", "checkSealers"]
