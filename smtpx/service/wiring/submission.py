"""
What listeners for submission do otherwise than those for other servers.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.address import domainOf, localPartOf
from ...core.addresstable import domainKey
from ...core.interfaces import IExtension
from ...policy.ours import LocalAddresses
from ...policy.submission import Senders, Submission
from ..config import Configuration
from .addresses import tagSeparators


def submission(configuration: Configuration, local: LocalAddresses) -> Submission:
    """
    The parts of listeners of the role C{submission}.

    @raise UsageError: a login or a pattern is of no use.
    """
    rules = configuration.submission

    def ours(path: bytes) -> bool:
        return local.knows(path) is not None

    def usersAre(path: bytes) -> bool:
        # A virtual domain has people of its own, who may be called as users are.
        found = local.domain(domainKey(domainOf(path)))
        return found is not None and found.plain

    def listed(path: bytes) -> bool:
        return local.lists(localPartOf(path).lower(), domainKey(domainOf(path)))

    tags = tagSeparators(configuration)
    senders = Senders(rules.senders, usersAre, tags, listed)
    return Submission(ours, senders if rules.checkSenders else None, rules.earlyTalk)


def submissionExtensions(
    configuration: Configuration, extensions: Iterable[IExtension]
) -> list[IExtension]:
    """
    The extensions of such listeners, which is enough to look at them.

    @raise UsageError: AUTH is not among them, without which nobody could log in.
    """
    early = configuration.submission.earlyTalk
    return Submission(earlyTalk=early).extensions(extensions)
