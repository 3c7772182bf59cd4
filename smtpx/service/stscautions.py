"""
What to know of MTA-STS: networks that policies may come from though nobody on the
Internet has them.  Part of L{smtpx.service.cautions}.
"""

from __future__ import annotations

from collections.abc import Iterator

from .config import Configuration
from .problems import Problem


def stsCautions(configuration: Configuration) -> Iterator[Problem]:
    """Whom others can make the server connect to."""
    items = configuration.sending.mtaSTSAllowNetworks.items
    if any(not each.negated for each in items):
        text = (
            "whoever writes to a domain of his own can make the server connect to these"
            " networks; this is for tests"
        )
        path = ("sending", "mta_sts_allow_networks")
        yield configuration.problem(path, text)


__all__ = ["stsCautions"]
