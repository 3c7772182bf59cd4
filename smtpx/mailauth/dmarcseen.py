"""
What there is to tell of a message that DMARC judged: to the history file, and in
reports to the owner of its domain.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from .dmarc import Status, Verdict
from .dmarcrecord import Policy


class Outcome(Enum):
    """
    What became of the message.

    @cvar HELD: it is kept apart from the others.
    @cvar DISCARDED: it was taken, and nobody gets it.
    @cvar DEFERRED: the client was told to come again.
    """

    TAKEN = "taken"
    HELD = "held"
    DISCARDED = "discarded"
    REFUSED = "refused"
    DEFERRED = "deferred"


class Disposition(Enum):
    """
    What was done of what the owner asks for, in the words of aggregate reports (RFC
    9990).

    @cvar PASS: nothing, since it passed, and its domain asks for something otherwise.
    """

    NONE = "none"
    PASS = "pass"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@frozen
class Signature:
    """
    What came of a signature of DKIM.

    @ivar domain: in A-labels.
    @ivar result: a word of RFC 8601 section 2.7.1.
    @ivar reason: why it is no pass; empty: there is nothing to say.
    @ivar identity: for whom it is (C{i=}).
    """

    domain: bytes
    selector: bytes
    result: str
    reason: str = ""
    identity: bytes = b""


@frozen
class Sealed:
    """
    A set of an ARC chain.

    @ivar instance: its number, from 1.
    @ivar client: the address that the sealer got the message from, as it says; empty:
        it does not say.
    """

    instance: int
    domain: bytes
    selector: bytes
    client: bytes = b""


@frozen
class Seen:
    """
    A message, and what was found out of it.

    @ivar verdict: has a record.
    @ivar id: of the message; one that was refused has its session's.
    @ivar received: when, in seconds since the epoch.
    @ivar source: the client's address, as L{ipaddress} spells it.
    @ivar sender: the reverse path, without brackets; empty: the null path.
    @ivar recipients: those that were taken.
    @ivar spf: a word of RFC 8601 section 2.7.2; empty: it was not looked at.
    @ivar spfDomain: what was looked at, in A-labels.
    @ivar spfReason: why it is no pass; empty: there is nothing to say.
    @ivar arc: C{pass}, C{fail}, C{none} or C{temperror}; empty: it was not looked at.
    @ivar sets: of the ARC chain.
    """

    verdict: Verdict
    id: str
    received: float
    source: str
    outcome: Outcome = Outcome.TAKEN
    sender: bytes = b""
    recipients: tuple[bytes, ...] = ()
    spf: str = ""
    spfDomain: bytes = b""
    spfReason: str = ""
    signatures: tuple[Signature, ...] = ()
    arc: str = ""
    sets: tuple[Sealed, ...] = ()

    @property
    def disposition(self) -> Disposition:
        """What was done."""
        if self.verdict.status is Status.ACCEPT:
            asks = self.verdict.policy is not Policy.NONE
            return Disposition.PASS if asks else Disposition.NONE
        wanted = self.verdict.applied
        if wanted in (None, Policy.NONE):
            # What was refused then was so for another reason.
            return Disposition.NONE
        match self.outcome:
            case Outcome.REFUSED | Outcome.DEFERRED | Outcome.DISCARDED:
                return Disposition.REJECT
            case Outcome.HELD:
                return Disposition.QUARANTINE
        return Disposition.NONE

    @property
    def isOverridden(self) -> bool:
        """Is what was done something else than what the record asks for?"""
        if self.verdict.status is Status.ACCEPT or self.verdict.policy is None:
            return False
        return self.disposition.value != self.verdict.policy.value


__all__ = ["Disposition", "Outcome", "Sealed", "Seen", "Signature"]
