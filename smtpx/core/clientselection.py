"""
Who of an envelope's recipients is asked for in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableSet

from attrs import field, frozen

from .clientsession import unsafePath
from .envelope import Recipient
from .hooks import BatchLimits
from .reply import Reply, reply

_BAD_RECIPIENT = reply(553, "5.1.3", b"Recipient address has an invalid character")
_TOO_MANY = reply(452, "4.5.3", b"Peer takes no more recipients")
TOO_MANY_DOMAINS = reply(452, "4.5.3", b"Peer takes no more domains")


@frozen
class Selection:
    """
    The recipients by their place in the envelope.

    @ivar chosen: those that are asked for.
    @ivar barred: those to whom there is no use in going, ever: an address that
        would end its command (a second command or a parameter might be hidden in it).
    @ivar over: those for another transaction: they do not go with the others, or
        are more than the peer takes (RFC 9422 section 4).
    """

    chosen: list[int] = field(factory=list)
    barred: dict[int, Reply] = field(factory=dict)
    over: dict[int, Reply] = field(factory=dict)


def select(
    recipients: Iterable[Recipient],
    limits: BatchLimits,
    domains: MutableSet[bytes],
    apart: Mapping[Recipient, Reply],
) -> Selection:
    """
    Choose.

    @param domains: those that the peer has seen in this session; added to.
    @param apart: those who do not go with the others, and why.
    """
    found = Selection()
    for index, recipient in enumerate(recipients):
        _, at, domain = recipient.path.rpartition(b"@")
        # <postmaster> is of no domain (RFC 5321 section 4.5.1).
        named = {domain.lower()} if at else set()
        if unsafePath(recipient.path):
            found.barred[index] = _BAD_RECIPIENT
        elif recipient in apart:
            found.over[index] = apart[recipient]
        elif limits.recipients is not None and len(found.chosen) >= limits.recipients:
            found.over[index] = _TOO_MANY
        elif (
            limits.domains is not None
            and len(domains) >= limits.domains
            and not named <= domains
        ):
            found.over[index] = TOO_MANY_DOMAINS
        else:
            found.chosen.append(index)
            domains |= named
    return found
