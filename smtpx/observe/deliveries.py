"""
The delivery journal: what becomes of messages, told as events.

L{DeliveryJournal} is handed to the queue (L{smtpx.spool.journal}); beside
L{smtpx.observe.journal}, which tells how messages come in, it tells how they go.
"""

from __future__ import annotations

from zope.interface import implementer

from ..core.queueprofile import ORIGIN
from ..spool.format import Outcome, SpooledMessage
from ..spool.journal import IDeliveryJournal
from . import events
from .publisher import Publisher, errorFields


@implementer(IDeliveryJournal)
class DeliveryJournal:
    """Makes events of what it is told.  No method raises."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def delivered(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
        first: bool,
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields = self._recipient(message, outcome, route, transport)
            fields["took"] = round(took, 6)
            self._publisher.publish(events.DELIVERED, fields)

    def deferred(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        due: float,
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields = self._recipient(message, outcome, route, transport)
            fields["due"] = due
            self._publisher.publish(events.DEFERRED, fields)

    def failed(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields = self._recipient(message, outcome, route, transport)
            self._publisher.publish(events.FAILED, fields)

    def reported(self, message: SpooledMessage, id: str) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields: dict[str, object] = {"message": message.id, "report": id}
            self._publisher.publish(events.REPORTED, fields)

    def held(self, message: SpooledMessage, reason: str, wished: bool) -> None:
        """See L{IDeliveryJournal}."""
        # Where nobody wished it, somebody has to act: that is told in any case.
        if self._publisher.enabled or not wished:
            event = events.HELD if wished else events.STUCK
            fields: dict[str, object] = {"message": message.id, "reason": reason}
            self._publisher.publish(event, fields)

    def completed(self, message: SpooledMessage) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields: dict[str, object] = {
                "message": message.id,
                "seconds": self._since(message),
            }
            self._publisher.publish(events.COMPLETED, fields)

    def trouble(
        self, message: SpooledMessage | None, owner: str, error: BaseException
    ) -> None:
        """See L{IDeliveryJournal}."""
        fields: dict[str, object] = {"message": "" if message is None else message.id}
        fields |= errorFields(owner, error)
        self._publisher.publish(events.DELIVERY_TROUBLE, fields)

    def _recipient(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
    ) -> dict[str, object]:
        recipient = message.envelope.recipients[outcome.index]
        fields: dict[str, object] = {
            "message": message.id,
            "recipient": recipient.path,
            "route": route,
            "transport": transport,
            "sender": message.envelope.sender,
            "octets": message.envelope.octets,
            "text": outcome.text,
            "seconds": self._since(message),
        }
        origin = recipient.stamp(ORIGIN)
        if origin is not None:
            fields["original"] = origin
        return fields

    def _since(self, message: SpooledMessage) -> float:
        # To the microsecond: more is noise.
        return round(self._publisher.clock() - message.arrived, 6)
