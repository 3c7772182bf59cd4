"""
What rules want to know, from whoever finds it out (L{smtpx.policy.verdicts}).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve
from twisted.internet.defer import Deferred

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.submitted import Field
from ...mailauth.spfmacros import Text
from ...mailauth.spfquery import Outcome
from ...mailauth.spftexts import headerComment, received, smtpComment
from ..verdicts import IVerdicts, Verdicts as Found
from .findings import METHODS, MessageVerdict, SPFVerdict, Verdicts

#: What stands in front of the results of a set.
_INSTANCE = re.compile(rb"\s*i\s*=\s*([0-9]{1,4})\s*;")


def verdictsOf(found: IVerdicts, template: Text | None = None) -> Verdicts:
    """
    Verdicts as rules ask for them.

    @param template: what a client is told that SPF refuses
        (L{smtpx.mailauth.spftexts.smtpComment}); L{None}: the usual.
    """

    def told(outcome: Outcome | None) -> SPFVerdict:
        return SPFVerdict("") if outcome is None else spfVerdict(outcome, template)

    def spf(session: IServerSession, envelope: Envelope) -> Deferred[SPFVerdict]:
        return found.spf(session, envelope).addCallback(told)

    def guess(session: IServerSession, envelope: Envelope) -> Deferred[SPFVerdict]:
        async def ask() -> SPFVerdict:
            guessed = await found.guess(session, envelope)
            # Where no guess is made, what the domain itself says holds.
            return told(guessed or await found.spf(session, envelope))

        return Deferred.fromCoroutine(ask())

    def message(
        session: IServerSession, envelope: Envelope
    ) -> Deferred[MessageVerdict]:
        return found.message(session, envelope).addCallback(messageVerdict)

    return Verdicts(spf, guess, message)


def toldOf(methods: frozenset[str]) -> frozenset[str]:
    """Which of the things that are looked at rules can ask for."""
    return methods & METHODS


def spfVerdict(outcome: Outcome, template: Text | None = None) -> SPFVerdict:
    """
    What SPF has come to, as rules have it.

    @param template: see L{verdictsOf}.
    """
    return SPFVerdict(
        outcome.result.value,
        headerComment(outcome),
        received(outcome).decode("ascii"),
        smtpComment(outcome, template),
        outcome.query.domain,
        outcome.guessed,
    )


def messageVerdict(found: Found | None) -> MessageVerdict:
    """
    What was found out of a message, as rules have it.

    @param found: L{None}: nobody has looked.
    """
    if found is None:
        return MessageVerdict()
    signers = None if found.dkim is None else tuple(map(_text, found.signers))
    made = MessageVerdict(signers)
    if found.arc is not None:
        made = evolve(
            made,
            arcState=found.arc.state.value,
            arcReason=found.arc.reason,
            arcDomains=tuple(map(_text, found.arc.domains)),
            arcOldestPass=found.arc.oldestPass,
            arcOldestResults=_resultsOf(found.arc.oldestPass, found.fields),
        )
    dmarc = found.dmarc
    if dmarc is None:
        return made
    published = dmarc.published
    return evolve(
        made,
        dmarcStatus=dmarc.status.value,
        dmarcText=dmarc.why,
        dmarcDomain="" if published is None else _text(published.domain),
        dmarcPolicy="" if dmarc.policy is None else dmarc.policy.value,
        alignedSPF=dmarc.alignedSPF,
        alignedDKIM=dmarc.alignedDKIM,
    )


def _resultsOf(instance: int, fields: Iterable[Field]) -> str:
    """The ARC-Authentication-Results of a set (RFC 8617 section 4.1.1)."""
    for each in fields:
        if each.name == b"arc-authentication-results":
            found = _INSTANCE.match(each.value)
            if found is not None and int(found[1]) == instance:
                value = each.value.decode("utf-8", "replace")
                return value.replace("\r\n", "").strip()
    return ""


def _text(domain: bytes) -> str:
    return domain.decode("ascii", "replace")


__all__ = ["messageVerdict", "spfVerdict", "toldOf", "verdictsOf"]
