"""
What listeners for submission do otherwise than those for other servers.
"""

from __future__ import annotations

from ...policy.local import LocalAddresses
from ...policy.submission import Senders, Submission
from ..config import Configuration


def submission(configuration: Configuration, local: LocalAddresses) -> Submission:
    """
    The parts of listeners of the role C{submission}.

    @raise UsageError: a login or a pattern is of no use.
    """
    rules = configuration.submission

    def ours(path: bytes) -> bool:
        return local.knows(path) is not None

    senders = Senders(rules.senders, ours)
    return Submission(ours, senders if rules.checkSenders else None, rules.earlyTalk)
