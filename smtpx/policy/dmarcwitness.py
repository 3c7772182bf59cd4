"""
Passes on what DMARC found out of messages: to the history file, and to what makes
reports of it.

Only a message with a record is told of; of others there is nobody who has asked for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from attrs import frozen
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.submitted import Field
from ..mailauth.arcvalues import ChainSet
from ..mailauth.dkimvalues import DKIMResult, Verified
from ..mailauth.dmarc import Verdict
from ..mailauth.dmarcseen import Outcome, Sealed, Seen, Signature
from ..mailauth.spfquery import Outcome as SPFOutcome
from .dmarccontrols import DMARC_FORENSIC
from .rules.effects import isDiscarded, isHeld
from .verdicts import IWitness, Verdicts

#: Told of a message.
Told = Callable[[Seen], None]
#: Told of a message on which there may be a report, with its header.
ToldWhole = Callable[[Seen, Sequence[Field]], None]


def outcomeOf(envelope: Envelope, id: str | None) -> Outcome:
    """
    What became of a message.

    @param id: see L{IWitness}.
    """
    if id is None:
        return Outcome.REFUSED
    if isDiscarded(envelope):
        return Outcome.DISCARDED
    return Outcome.HELD if isHeld(envelope) else Outcome.TAKEN


def seenOf(
    session: IServerSession,
    envelope: Envelope,
    verdicts: Verdicts,
    verdict: Verdict,
    id: str | None,
) -> Seen:
    """
    What there is to tell of a message.

    @param verdict: DMARC's.
    @param id: see L{IWitness}.
    """
    spf, chain = verdicts.spf, verdicts.arc
    return Seen(
        verdict,
        id or session.id,
        session.now(),
        session.peer.decode("ascii"),
        outcomeOf(envelope, id),
        envelope.sender,
        tuple(each.path for each in envelope.recipients),
        "" if spf is None else spf.result.value,
        b"" if spf is None else _domain(spf),
        "" if spf is None else spf.problem,
        tuple(_signature(one) for one in verdicts.dkim or () if _isThere(one)),
        "" if chain is None else chain.state.value,
        () if chain is None else tuple(map(_sealed, chain.sets)),
    )


def _domain(spf: SPFOutcome) -> bytes:
    return spf.query.domain.encode("ascii", "replace").lower()


def _isThere(verified: Verified) -> bool:
    return verified.result is not DKIMResult.NONE


def _signature(verified: Verified) -> Signature:
    return Signature(
        verified.domain,
        verified.selector,
        verified.result.value,
        verified.reason,
        verified.identity,
    )


def _sealed(one: ChainSet) -> Sealed:
    return Sealed(one.instance, one.domain, one.selector, one.remoteAddress)


@implementer(IWitness)
@frozen
class DMARCWitness:
    """
    Tells of each message with a record.

    @ivar told: who is told of each.
    @ivar toldWhole: who is told of those for which a policy allows a report
        (C{dmarc_enable_forensic}).
    """

    told: Collection[Told] = ()
    toldWhole: Collection[ToldWhole] = ()

    def concluded(
        self,
        session: IServerSession,
        envelope: Envelope,
        verdicts: Verdicts,
        id: str | None,
    ) -> None:
        """See L{IWitness}."""
        verdict = verdicts.dmarc
        if verdict is None or verdict.published is None:
            return
        seen = seenOf(session, envelope, verdicts, verdict, id)
        for tell in self.told:
            tell(seen)
        if envelope.stamp(DMARC_FORENSIC):
            for tellWhole in self.toldWhole:
                tellWhole(seen, verdicts.fields)


__all__ = ["DMARCWitness", "Told", "ToldWhole", "outcomeOf", "seenOf"]
