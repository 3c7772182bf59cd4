"""
The condition on clients that were not here before (L{smtpx.policy.strangers}).
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.errors import UsageError
from ..strangers.interfaces import Standing, Triples
from .interfaces import ICondition, Means, Test
from .stages import RuleStage
from .subject import Subject
from .variables import GREYLIST_DELAYED, GREYLIST_SECONDS

#: Under what name it is kept what the greylist says.
_STANDING = "greylist"


@implementer(ICondition)
@frozen
class Greylisted:
    """
    Has the client to wait, and come again, before it may send?

    Who has logged in, and whom a connection without an address brings, is no stranger,
    and need not.  It is asked once for each recipient, however many rules want to know.
    """

    wanted: bool = True

    name = "greylist"
    stages = RuleStage.RCPT.onwards

    @classmethod
    def make(cls, wanted: bool) -> Greylisted:
        """
        @param wanted: false: need it not?
        """
        return cls(wanted)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        greylist, wanted = means.greylist, self.wanted

        def tell(found: Standing | None, subject: Subject) -> bool | None:
            told = subject.told
            told[_STANDING] = found
            if found is None:
                return None
            told[GREYLIST_SECONDS] = round(found.waitSeconds) or None
            told[GREYLIST_DELAYED] = round(found.delayedSeconds) or None
            return found.passes is not wanted

        def ask(subject: Subject) -> bool | None | Deferred[bool | None]:
            if greylist is None:
                raise UsageError("nobody has lent a greylist")
            session = subject.session
            if session.identity is not None or not session.peer:
                return tell(Standing(True, "it is no stranger"), subject)
            if _STANDING in subject.told:
                known = subject.told[_STANDING]
                assert known is None or isinstance(known, Standing), "it is ours"
                return tell(known, subject)
            look = greylist.look if means.isTrial else greylist.ask
            return look(_triples(subject)).addCallback(tell, subject)

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        found = subject.told.get(_STANDING)
        if not isinstance(found, Standing):
            return "the greylist cannot be used"
        if found.passes:
            return found.why
        return f"{found.why}: to wait {found.waitSeconds:.0f} s"


def _triples(subject: Subject) -> Triples:
    """Who wants to send to whom: at C{rcpt} to one, later to all recipients."""
    envelope = subject.envelope
    recipients = (
        tuple(each.path for each in envelope.recipients)
        if subject.recipient is None
        else (subject.recipient.path,)
    )
    return Triples(subject.session.peer, envelope.sender, recipients)


__all__ = ["Greylisted"]
