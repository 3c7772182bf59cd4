"""
What it means where a host cannot give a message what the message wants.

A message that is to go under verified TLS or not at all (RFC 8689 section 4.2.1) goes
to the first of all hosts of its domain that will do.  Other mail waits where no host is
as it should be, until somebody has mended that; this one comes back at once, for that
is what its sender has asked for.  But only where it is certain that none will do:
where a host did not answer, the DNS did not tell, or a handshake was cut off, it waits
as any other.
"""

from __future__ import annotations

from ..core.clientreplies import NO_TLS
from ..core.demands import Source
from ..core.flaw import Flaw
from ..core.hooks import RoutePolicy, TLSLevel
from ..core.reply import Reply, reply
from ..net.sending import Unreached

#: The most hosts that are searched for one that will do.
HOSTS_SEARCHED = 20

_NEEDED = reply(550, "5.7.10", b"Encryption needed")

#: What will be so the next time as well.
_CERTAIN = frozenset({Flaw.NAME, Flaw.EXPIRED, Flaw.UNTRUSTED, Flaw.TLSA})


def particular(policy: RoutePolicy) -> bool:
    """Does the message itself want a host that is verified?"""
    return any(
        each.by is Source.SENDER and each.level is TLSLevel.VERIFIED
        for each in policy.demands
    )


def certain(error: Unreached, policy: RoutePolicy) -> Unreached:
    """
    What it means that a host cannot be had.

    @param policy: what was wanted of it.
    @return: the same, or that it never will do for this message.
    """
    if error.final or not particular(policy) or not _isCertain(error.flaw, error.reply):
        return error
    return Unreached(
        error.text, error.cause, error.via, _NEEDED, error.flaw, final=True
    )


def _isCertain(flaw: Flaw | None, said: Reply | None) -> bool:
    if flaw is Flaw.NO_TLS:
        # RFC 3207 section 4: by 454 a host says that it has some, but not now.
        return said is not None and (said == NO_TLS or said.permanent)
    return flaw in _CERTAIN


__all__ = ["HOSTS_SEARCHED", "certain", "particular"]
