"""
What a domain publishes by MTA-STS, now: its record in the DNS and the policy that it
serves (RFC 8461 sections 3.1 to 3.3).

Nothing is remembered here; see L{smtpx.net.stspolicies} for that.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from ..core.errors import Malformed, SMTPXError
from ..dns.interfaces import IResolver, LookupFailed, LookupPutOff, NoSuchDomain
from ..tls.mtasts import (
    HOST_PREFIX,
    POLICY_OCTETS,
    RECORD_PREFIX,
    WELL_KNOWN,
    STSPolicy,
    STSRecord,
)
from .https import Fault, IWeb, WebFailure

#: The content's type that a policy has.
_KIND = b"text/plain"


class STSFault(Enum):
    """
    Why there is no policy to be had; the value is what reports call it (RFC 8460
    section 4.3.2.2).

    @cvar FETCH: it could not be fetched.
    @cvar INVALID: what was fetched is none; or what the DNS has is no record.
    @cvar WEBPKI: whoever serves it has no certificate for that.
    @cvar BUSY: we have too much to do to fetch it, of which no report tells.
    """

    FETCH = "sts-policy-fetch-error"
    INVALID = "sts-policy-invalid"
    WEBPKI = "sts-webpki-invalid"
    BUSY = "busy"


_FAULTS = {Fault.CERTIFICATE: STSFault.WEBPKI, Fault.BUSY: STSFault.BUSY}

#: No more is told of what is wrong with a policy, in characters: others wrote it.
_TEXT_CHARACTERS = 500


class STSTrouble(SMTPXError):
    """
    There is no policy to be had; the message says why, for the operator.

    @ivar fault: in one of a few words.
    """

    def __init__(self, fault: STSFault, text: str) -> None:
        SMTPXError.__init__(self, text[:_TEXT_CHARACTERS])
        self.fault = fault


class ISTSSource(Interface):
    """What domains publish."""

    def record(domain: bytes) -> Deferred[STSRecord | None]:
        """
        The record of a domain; L{None}: it has none.

        @param domain: in A-labels, in lower case.
        @return: fails with L{STSTrouble}.
        """

    def policy(domain: bytes) -> Deferred[STSPolicy]:
        """
        The policy that a domain serves.

        @return: fails with L{STSTrouble}.
        """


@implementer(ISTSSource)
@frozen
class STSSource:
    """Asks the DNS and the web."""

    resolver: IResolver
    web: IWeb

    def record(self, domain: bytes) -> Deferred[STSRecord | None]:
        """See L{ISTSSource}."""
        return Deferred.fromCoroutine(self._record(domain))

    async def _record(self, domain: bytes) -> STSRecord | None:
        try:
            answer = await self.resolver.lookUp(RECORD_PREFIX + domain, "TXT")
        except NoSuchDomain:
            return None
        except LookupFailed as error:
            busy = isinstance(error, LookupPutOff)
            fault = STSFault.BUSY if busy else STSFault.FETCH
            raise STSTrouble(fault, str(error)) from error
        try:
            return STSRecord.among(answer.of(bytes))
        except Malformed as error:
            raise STSTrouble(STSFault.INVALID, str(error)) from error

    def policy(self, domain: bytes) -> Deferred[STSPolicy]:
        """See L{ISTSSource}."""
        return Deferred.fromCoroutine(self._policy(domain))

    async def _policy(self, domain: bytes) -> STSPolicy:
        host = HOST_PREFIX + domain
        try:
            page = await self.web.get(host, WELL_KNOWN, POLICY_OCTETS)
        except WebFailure as error:
            fault = _FAULTS.get(error.fault, STSFault.FETCH)
            raise STSTrouble(fault, str(error)) from error
        if page.status != 200:
            text = f"{host.decode('ascii')} answers {page.status}"
            if 300 <= page.status < 400:
                text += ", and redirects are not followed"
            raise STSTrouble(STSFault.FETCH, text)
        if page.kind != _KIND:
            kind = page.kind.decode("ascii", "backslashreplace")[:100]
            raise STSTrouble(STSFault.FETCH, f"it is {kind!r}, not 'text/plain'")
        try:
            return STSPolicy.parse(page.body)
        except Malformed as error:
            raise STSTrouble(STSFault.INVALID, str(error)) from error


__all__ = ["ISTSSource", "STSFault", "STSSource", "STSTrouble"]
