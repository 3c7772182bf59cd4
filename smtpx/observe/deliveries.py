"""
The delivery journal: what becomes of messages, told as events.

L{DeliveryJournal} is handed to the queue (L{smtpx.spool.journal}); beside
L{smtpx.observe.journal}, which tells how messages come in, it tells how they go.
"""

from __future__ import annotations

import re

from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.queueprofile import ORIGIN
from ..spool.format import Outcome, Report, SpooledMessage
from ..spool.journal import IDeliveryJournal, Operation
from ..spool.via import Via
from . import events
from .brief import KEPT_MOST, Briefs, Told, lasts
from .facts import codeFields, handshakeFields
from .publisher import Publisher, errorFields

#: What is told of the header of a report, which is our own: no field is folded.
_HEADER = re.compile(rb"^(Message-ID|Subject): *([^\r\n]*)", re.MULTILINE)

#: What is told of what an operator does.
_OPERATIONS = {
    Operation.HELD: events.HELD,
    Operation.RELEASED: events.RELEASED,
    Operation.CANCELLED: events.CANCELLED,
    Operation.REMOVED: events.REMOVED,
}


@implementer(IDeliveryJournal)
class DeliveryJournal:
    """Makes events of what it is told.  No method raises."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._isShort = publisher.isShort(events.DELIVERED)
        self._told: dict[tuple[object, ...], Told] = {}
        self._ends: Briefs | None = None
        self._asked = not publisher.isShort(events.COMPLETED)

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
        publisher = self._publisher
        if not publisher.enabled:
            return
        known = None
        recipient = message.envelope.recipients[outcome.index]
        if self._isShort and outcome.sender is None and recipient.stamp(ORIGIN) is None:
            via = outcome.via
            key = id(via), outcome.reply is None, route, transport, first
            known = self._told.get(key)
            if known is None:
                self._keep(key, via)
            elif known.briefs is not None:
                now = publisher.clock()
                for tell, observer in known.briefs:
                    try:
                        tell(now, message, recipient.path, outcome, took)
                    except Exception:
                        publisher.failed(observer)
                return
        fields = self._recipient(message, outcome, route, transport, took)
        if not first:
            fields["further"] = True
        if known is not None and not known.asked:
            known.asked = True
            known.briefs = publisher.briefs(events.DELIVERED, fields)
        publisher.publish(events.DELIVERED, fields)

    def _keep(self, key: tuple[object, ...], via: Via | None) -> None:
        """The next delivery may be like this one."""
        if len(self._told) >= KEPT_MOST:
            self._told.clear()
        if via is None or lasts(via.fields):
            # The host is kept, so that its identity is nobody else's.
            self._told[key] = Told((via,))

    def deferred(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        due: float,
        took: float,
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields = self._recipient(message, outcome, route, transport, took)
            fields["cause"] = outcome.cause.value
            fields["due"] = due
            self._publisher.publish(events.DEFERRED, fields)

    def failed(
        self,
        message: SpooledMessage,
        outcome: Outcome,
        route: str,
        transport: str,
        took: float,
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields = self._recipient(message, outcome, route, transport, took)
            fields["cause"] = outcome.cause.value
            self._publisher.publish(events.FAILED, fields)

    def reported(self, message: SpooledMessage, id: str, report: Report) -> None:
        """See L{IDeliveryJournal}."""
        if not self._publisher.enabled:
            return
        fields: dict[str, object] = {
            "message": message.id,
            "report": id,
            "recipient": message.envelope.sender,
            "octets": len(report.prefix) + len(report.body),
        }
        header = (report.prefix + report.body).partition(b"\r\n\r\n")[0]
        found = dict(_HEADER.findall(header))
        if b"Message-ID" in found:
            fields["messageID"] = found[b"Message-ID"].strip(b"<> ")
        if b"Subject" in found:
            fields["title"] = found[b"Subject"]
        self._publisher.publish(events.REPORTED, fields)

    def composed(self, id: str, envelope: Envelope, what: str) -> None:
        """
        A message of ours is in the spool, that is no delivery report.

        @param id: its id.
        @param what: what it is, for people.
        """
        if self._publisher.enabled:
            fields: dict[str, object] = {
                "message": id,
                "what": what,
                "sender": envelope.sender,
                "recipients": [each.path for each in envelope.recipients],
                "octets": envelope.octets,
            }
            self._publisher.publish(events.COMPOSED, fields)

    def held(self, message: SpooledMessage, reason: str, wished: bool) -> None:
        """See L{IDeliveryJournal}."""
        # Where nobody wished it, somebody has to act: that is told in any case.
        if self._publisher.enabled or not wished:
            event = events.HELD if wished else events.STUCK
            fields: dict[str, object] = {"message": message.id, "reason": reason}
            self._publisher.publish(event, fields)

    def operated(
        self, message: SpooledMessage, operation: Operation, by: str, why: str
    ) -> None:
        """See L{IDeliveryJournal}."""
        if self._publisher.enabled:
            fields: dict[str, object] = {"message": message.id, "by": by}
            if operation is Operation.HELD:
                fields["reason"] = why
            self._publisher.publish(_OPERATIONS[operation], fields)

    def completed(self, message: SpooledMessage) -> None:
        """See L{IDeliveryJournal}."""
        publisher = self._publisher
        if not publisher.enabled:
            return
        if self._ends is not None:
            now = publisher.clock()
            for tell, observer in self._ends:
                try:
                    tell(now, message)
                except Exception:
                    publisher.failed(observer)
            return
        fields: dict[str, object] = {
            "message": message.id,
            "seconds": self._since(message),
        }
        if not self._asked:
            self._asked = True
            self._ends = publisher.briefs(events.COMPLETED, fields)
        publisher.publish(events.COMPLETED, fields)

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
        took: float,
    ) -> dict[str, object]:
        envelope = message.envelope
        recipient = envelope.recipients[outcome.index]
        fields: dict[str, object] = {
            "message": message.id,
            "recipient": recipient.path,
            "route": route,
            "transport": transport,
            "sender": envelope.sender,
            "octets": envelope.octets,
            "text": outcome.text,
            "seconds": self._since(message),
            "took": round(took * 1e6) / 1e6,
        }
        origin = recipient.stamp(ORIGIN)
        if origin is not None:
            fields["original"] = origin
        if outcome.sender is not None:
            fields["srs"] = outcome.sender
        if outcome.via is not None:
            _addHost(fields, outcome.via)
        if outcome.reply is not None:
            fields |= codeFields(outcome.reply)
            fields["reply"] = outcome.reply.octets[:-2]
        return fields

    def _since(self, message: SpooledMessage) -> float:
        # To the microsecond: more is noise.
        return round((self._publisher.clock() - message.arrived) * 1e6) / 1e6


def _addHost(fields: dict[str, object], via: Via) -> None:
    """By which host it went, or was to go; or by which UNIX socket."""
    if via.local:
        fields["socket"] = via.address
    else:
        fields["host"] = via.host
        fields["address"] = via.address
        fields["port"] = via.port
    if via.source is not None:
        fields["source"], fields["sourcePort"] = via.source
    if via.fastOpen:
        fields["fastOpen"] = via.fastOpen
    if via.again:
        fields["reused"] = True
    if via.tls is not None:
        fields |= handshakeFields(via.tls)
    if via.demands:
        fields["demands"] = list(via.demands)
    if via.fields:
        fields["fields"] = dict(via.fields)
