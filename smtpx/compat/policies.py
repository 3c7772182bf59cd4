"""
One policy after another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..core.reply import Reply

#: What a policy may answer.
Answer = Reply | None | Deferred[Any]


def unlessRefused(first: Answer, ask: Callable[[], Answer]) -> Answer:
    """
    The answer of a second policy, asked where a first one does not refuse.

    @param first: its answer; a Deferred: it comes later.
    @param ask: asks the second.
    """
    if isinstance(first, Deferred):
        return first.addCallback(lambda said: unlessRefused(said, ask))
    return first if first is not None and first.refuses else ask()
