"""
What to know of REQUIRETLS: routes for the sake of which it is not offered, though the
configuration has words for it.  Part of L{smtpx.service.cautions}.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..extensions.requiretls import RequireTLS
from .config import Configuration
from .problems import Problem
from .wiring.hops import keepsRequireTLS


def requireTLSCautions(configuration: Configuration) -> Iterator[Problem]:
    """Routes that could not keep what is promised."""
    if RequireTLS.name not in configuration.extensions.settings:
        return
    for index, entry in enumerate(configuration.routes or ()):
        if not keepsRequireTLS(configuration, [entry]):
            text = (
                f"{RequireTLS.name} is not offered to anybody, for it could not be kept"
                " on this route"
            )
            yield configuration.problem(("route", index), text)


__all__ = ["requireTLSCautions"]
