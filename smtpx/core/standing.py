"""
Whether a transaction was there before.
"""

from __future__ import annotations

from enum import Enum


class Standing(Enum):
    """
    How it is with a server's transaction.

    @cvar USUAL: nobody knows whether it was there before.
    @cvar NAMED: it would be known again, so that it may come twice and is taken
        once.
    @cvar PROMPT: likewise, and it is taken before its client has shown that it is
        where it seems to be.
    @cvar SETTLED: it was there before, and what is said of it was said then: it is
        neither reviewed nor judged, and the policy is not asked.
    """

    USUAL = "usual"
    NAMED = "named"
    PROMPT = "prompt"
    SETTLED = "settled"
