"""
What to know of routes that keep mail on this machine: Maildirs that could not be made
where they are to be, and mail on hold that has no way to go once it is released.
Part of L{smtpx.service.cautions}.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from twisted.internet.defer import succeed

from ..queue.routes import NULL_SENDER
from .config import Configuration
from .machine import Machine
from .places import above, whoIsThis
from .problems import KeyPath, Problem
from .tables import TransportKind
from .wiring.routes import localRoutes


def localCautions(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """What to know of routes that keep mail on this machine."""
    name = configuration.name or machine.name
    routes = localRoutes(configuration, name, lambda job: succeed([]), machine.now)
    for index, entry in enumerate(configuration.routes or ()):
        path: KeyPath = ("route", index)
        if entry.transport is TransportKind.HOLD:
            for at, pattern in enumerate(entry.match):
                recipient, senders = _sample(pattern), entry.senders or ("*",)
                ways = [routes.onward(recipient, _sample(each)) for each in senders]
                if None in ways:
                    text = (
                        f"mail for {pattern} that is released from hold has no other"
                        " route, so it would be on hold again"
                    )
                    yield configuration.problem((*path, "match", at), text)
        if entry.path is not None and "{" in str(entry.path):
            yield from _made(configuration, (*path, "path"), entry.path)


def _sample(pattern: str) -> bytes:
    """An address that a pattern is for."""
    if pattern == NULL_SENDER:
        return b""
    if pattern == "*":
        return b"somebody@nowhere.invalid"
    if "@" not in pattern:
        pattern = f"somebody@{pattern.replace('*.', 'x.', 1)}"
    return pattern.encode("utf-8")


def _made(
    configuration: Configuration, path: KeyPath, template: Path
) -> Iterator[Problem]:
    """
    May Maildirs be made in the folder that stands above all of them?  Where each is
    there already, they need not.
    """
    there = above(template)
    if not os.access(there, os.W_OK | os.X_OK):
        text = f"{there} cannot be written to by {whoIsThis()}"
        text += ", so only Maildirs that are there already can be delivered to"
        yield configuration.problem(path, text)


__all__ = ["localCautions"]
