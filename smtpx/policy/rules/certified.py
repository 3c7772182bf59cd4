"""
A condition on the client's certificate.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from zope.interface import implementer

from .interfaces import ICondition, Means, Test
from .lists import TextList
from .stages import RuleStage
from .subject import Subject


@implementer(ICondition)
@frozen
class VerifyCertificate:
    """Has the client shown a good certificate, whose subject is in a list?"""

    subjects: TextList

    name = "verify_certificate"
    stages = RuleStage.HELO.onwards

    @classmethod
    def make(cls, items: Sequence[str]) -> VerifyCertificate:
        """
        @param items: patterns of subjects, as RFC 4514 writes them.
        """
        return cls(TextList.parse(items))

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        hasAny = self.subjects.hasAny

        def ask(subject: Subject) -> bool:
            return hasAny(_good(subject))

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        secured = subject.session.secured
        if secured is None:
            return "there is no TLS"
        if secured.subject is None:
            return "the client has shown none"
        why = "" if secured.verified else f": {secured.problem or 'it is not good'}"
        return f"{secured.subject}{why}"


def _good(subject: Subject) -> Sequence[str]:
    """The subject of a good certificate; empty: there is none."""
    secured = subject.session.secured
    if secured is None or not secured.verified:
        return ()
    return (secured.subject or "",)


__all__ = ["VerifyCertificate"]
