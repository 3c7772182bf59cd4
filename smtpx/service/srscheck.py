"""
What is wrong with how senders of forwarded mail are rewritten: part of
L{smtpx.service.check}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..core.errors import SMTPXError
from .config import Configuration
from .machine import Machine
from .problems import KeyPath, Problem
from .wiring import checkSRSDomains, keptSenders, localAddresses, secretsFile

#: Tries a part, and says what is wrong with it, at its place.
Tried = Callable[[Configuration, KeyPath, Callable[[], object]], Iterator[Problem]]


def checkSRS(
    machine: Machine, configuration: Configuration, tried: Tried
) -> Iterator[Problem]:
    """
    What is wrong with domains, senders and secrets.
    """
    yield from tried(
        configuration, ("srs", "keep_senders"), partial(keptSenders, configuration)
    )
    if configuration.srs.domain is None:
        return
    yield from tried(
        configuration, ("srs", "secrets_file"), partial(secretsFile, configuration)
    )
    try:
        local = localAddresses(configuration, configuration.name or machine.name)
    except SMTPXError:
        # That is told where it belongs.
        return
    yield from tried(
        configuration,
        ("srs", "domain"),
        partial(checkSRSDomains, configuration, local),
    )


__all__ = ["checkSRS"]
