"""
Recipients that the next host knows: it is asked, with the null sender, and gets no
message (a I{callout})::

    C: MAIL FROM:<>
    C: RCPT TO:<ann@branch.example>
    S: 250 OK
    S: 550 5.1.1 No such user
    C: RSET

What it says of RCPT is what it would say to the message.  All else says nothing of
the recipient: a host that is not there, that wants no null sender (which RFC 5321
section 4.5.5 does not allow it), or that puts us off.

A callout costs the other host something, so it is for our own relayed domains only,
after everything else that speaks against a message; what was found is remembered
(L{smtpx.policy.recipientcache}), a few are under way at once, and they share the
connections of mail.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..dns.mailhosts import MailHost, MailHosts, Unroutable
from ..net.sending import Sent, Unreached, Way
from ..spool.via import Cause
from .recipients import Finding, IRecipientCheck, Standing
from .turnstile import Turnstile

#: How many hosts of a domain are asked, where the first cannot tell.
HOSTS_MOST = 3

#: RFC 3463 section 3.2: the address is at fault, whoever says so.
_ADDRESS = (5, 1)

_KNOWN = Finding(Standing.KNOWN)


class Onward(Protocol):
    """Where mail for a recipient would go next."""

    def find(self, path: bytes) -> Deferred[MailHosts] | None:
        """
        @return: the hosts; fails with L{Unroutable} where there are none.  L{None}:
            it is not sent on.
        """

    async def wayTo(self, path: bytes, host: MailHost, hosts: MailHosts) -> Way:
        """
        How to talk to one of them.

        @raise Unreached: it is not to be tried.
        """

    def mayTry(self, host: MailHost) -> bool:
        """Is it not known to be in trouble?"""


#: Asks a host whether it takes mail for a recipient;
#: C{smtpx.net.pool.ClientPool.verify} is one.  Fails with L{Unreached}.
Verify = Callable[[MailHost, Way, bytes], Deferred[Sent]]


@implementer(IRecipientCheck)
class Callout:
    """The recipients that the next host knows."""

    def __init__(
        self,
        onward: Onward,
        verify: Verify,
        turnstile: Turnstile,
        random: Random | None = None,
    ) -> None:
        """
        @param turnstile: bounds how many are asked for at once, and how long.
        @param random: shuffles hosts of equal preference; L{None}: by the system's
            chance.
        """
        self._onward = onward
        self._verify = verify
        self._turnstile = turnstile
        self._random = random or Random()

    def look(self, path: bytes, whose: bytes) -> Deferred[Finding]:
        """See L{IRecipientCheck}."""
        return self._turnstile.admit(
            lambda: Deferred.fromCoroutine(self._ask(path)), whose=whose
        )

    async def _ask(self, path: bytes) -> Finding:
        finding = self._onward.find(path)
        if finding is None:
            return _KNOWN
        try:
            found = await finding
        except Unroutable as error:
            return _unroutable(error)
        why = "all its hosts are in trouble"
        asked = 0
        for host in found.shuffled(self._random).hosts:
            if not self._onward.mayTry(host):
                continue
            asked += 1
            if asked > HOSTS_MOST:
                break
            try:
                way = await self._onward.wayTo(path, host, found)
                sent = await self._verify(host, way, path)
            except Unreached as error:
                why = f"{host.name.decode()}: {error.text}"
                continue
            [(_, said)], [cause] = sent.outcomes, sent.causes
            told = f"{host.name.decode()}: {said.onOneLine}"
            if not said.refuses:
                return _KNOWN
            if said.permanent and cause is Cause.RECIPIENT:
                return Finding(Standing.UNKNOWN, told)
            why = told
        return Finding(Standing.UNSURE, why)


def _unroutable(error: Unroutable) -> Finding:
    """Nobody is at a domain that there is not; all else may be a mistake of ours."""
    said = error.reply
    gone = said.status is not None and said.status[:2] == _ADDRESS
    return Finding(Standing.UNKNOWN if gone else Standing.UNSURE, str(error))


__all__ = ["HOSTS_MOST", "Callout", "Onward", "Verify"]
