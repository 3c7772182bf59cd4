"""
Names of our own addresses, for routes on which the server calls itself by them.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ...core.domain import checkDomain
from ...core.errors import Malformed
from ...dns.interfaces import IResolver, LookupFailed
from ...net.answers import Answerers
from ...net.ownname import SendingName
from ...policy.names import confirmedName


def ownNames(resolver: IResolver) -> Answerers:
    """
    Who knows the names of our addresses: the DNS.  Where that cannot be found out, the
    server calls itself what it always does; no mail waits for it.
    """

    async def found(address: bytes) -> bytes | None:
        try:
            name = await confirmedName(resolver, address)
            if name is not None:
                checkDomain(name)
        except (LookupFailed, Malformed):
            return None
        return name

    def answer(asked: SendingName) -> Deferred[bytes | None]:
        return Deferred.fromCoroutine(found(asked.address))

    return {SendingName: answer}


__all__ = ["ownNames"]
