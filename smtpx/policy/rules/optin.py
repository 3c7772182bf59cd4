"""
Rules that say which features a scanner is to use for a recipient
(L{smtpx.policy.bmi}).

As with variables that are set, it stands behind all conditions of a rule, as one that
always holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from zope.interface import implementer

from ...extensions.bmi import BMI_OPTIN
from ..bmi.optin import features
from .faults import Place
from .interfaces import ICondition, IWorded, Means, Test
from .stages import RuleStage
from .subject import Subject
from .texts import Text


@implementer(IWorded)
@frozen
class Optin:
    """
    Names the features for the recipient; it always holds.

    @ivar source: the features, as a text that has variables.
    """

    source: str
    _texts: Sequence[Text] = field(default=(), repr=False, eq=False)

    name = "bmi_optin"
    stages = frozenset({RuleStage.RCPT})

    @classmethod
    def make(cls, source: str) -> Optin:
        """
        @param source: the features, as a text.
        """
        return cls(source)

    @property
    def sources(self) -> Sequence[tuple[Place, str]]:
        """See L{IWorded}."""
        return [((), self.source)]

    def worded(self, texts: Sequence[Text]) -> ICondition:
        """See L{IWorded}."""
        return Optin(self.source, texts)

    def test(self, means: Means) -> Test:
        """See L{ICondition}."""
        texts = self._texts

        def ask(subject: Subject) -> bool:
            assert subject.recipient is not None, "it is of a recipient"
            for text in texts:
                given = text.octets(subject).decode("utf-8", "replace")
                subject.recipient.stamps[BMI_OPTIN] = features(given)
            return True

        return ask

    def shown(self, subject: Subject) -> str:
        """See L{ICondition}."""
        recipient = subject.recipient
        found = None if recipient is None else recipient.stamp(BMI_OPTIN)
        return ", ".join(found or ()) or "none"


__all__ = ["Optin"]
