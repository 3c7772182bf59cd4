"""
The lines of the main log that tell where a message went, each as Exim 4.96 has it::

    => bob@example.org R=* T=smtp H=mx.example.org [192.0.2.1]
        X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes L K C="250 2.0.0 Ok"

(on one line, behind time and id).  C{=>} has the first recipient of a transaction,
C{->} each further one, C{==} one who is tried again later, C{**} one who will not
have it.  A delivery report is a C{<=} line, with C{R=} and the id of the message that
it is about.

The number in C{defer (-44)} is Exim's for what went wrong: of the system where it is
positive, its own where it is negative.
"""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Callable
from typing import Any

from twisted.logger import LogEvent

from ..core.reply import Reply
from ..spool.format import Outcome, SpooledMessage
from ..spool.via import Cause
from . import events
from .brief import Brief
from .clientfields import (
    extensionField,
    otherFields,
    quoted,
    tlsFields,
)
from .harmless import answer, often, text, word
from .linefields import FieldOf, LineFields, about, lasting
from .opening import Opening
from .selectors import Selector

#: The most of a host's reply that is shown, in octets.
_REPLY_OCTETS = 1024

#: What the host said its error after.
_AFTER: dict[str, Callable[[LogEvent], str]] = {
    Cause.SESSION.value: lambda event: "initial connection",
    Cause.SENDER.value: lambda event: f"MAIL FROM:<{word(_told(event))}>",
    Cause.RECIPIENT.value: lambda event: f"RCPT TO:<{word(event['recipient'])}>",
    Cause.CONTENT.value: lambda event: "end of data",
}

#: Exim's numbers for what went wrong (C{ERRNO_...} of its C{macros.h}).
_NUMBERS = {
    Cause.DNS.value: -1,
    Cause.LOST.value: -18,
    Cause.TLS.value: -37,
    Cause.LOGIN.value: -42,
    Cause.RECIPIENT.value: -44,
    Cause.SENDER.value: -45,
    Cause.CONTENT.value: -46,
    Cause.EARLY.value: -54,
}

#: The system's numbers for what a connection comes to, by its words for them.
_SYSTEMS = {
    os.strerror(number).lower(): number
    for number in (
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ETIMEDOUT,
    )
}


class DeliveryLines:
    """
    Makes the lines, without time and process.

    @ivar writers: what makes the line of an event, by the event's name; L{None}:
        there is none.
    """

    def __init__(
        self,
        selectors: frozenset[Selector],
        duration: Callable[[float], str],
        user: str | None = None,
    ) -> None:
        """
        @param duration: seconds as they are shown.
        @param user: who writes delivery reports; L{None}: as whom we run.
        """
        self._selectors = selectors
        self._duration = duration
        # Looked up once: it is asked for each message.
        self._timed = Selector.QUEUE_TIME_OVERALL in selectors
        self._user = _ourselves() if user is None else user
        before, hosts = _before(selectors), _hosts(selectors)
        # Exim has the sender on lines of deliveries and failures only.
        named = (*_senders(selectors), _route, _transport)
        tls = tlsFields(selectors - {Selector.TLS_SNI})
        self._done = LineFields((*named, *before, *_after(selectors, duration)))
        self._host = LineFields(hosts)
        self._gone = LineFields((*named, *hosts, tls))
        self.writers: dict[object, Callable[[LogEvent], str | None]] = {
            events.DELIVERED.name: self._delivered,
            events.DEFERRED.name: self._deferred,
            events.FAILED.name: self._failed,
            events.REPORTED.name: self._reported,
            events.COMPOSED.name: self._imported,
            events.IMPORTED.name: self._imported,
            events.HELD.name: _frozen,
            events.STUCK.name: _frozen,
            events.RELEASED.name: lambda event: _operated(event, "unfrozen"),
            events.CANCELLED.name: lambda event: _operated(event, "cancelled"),
            events.REMOVED.name: lambda event: _operated(event, "removed"),
            events.COMPLETED.name: self._completed,
        }

    def delivered(
        self, fields: LogEvent, opening: Opening, write: Callable[[bytes], None]
    ) -> Brief | None:
        """
        Who writes the lines of further deliveries like one (L{smtpx.observe.brief}).

        @param fields: those of the one.
        @param opening: how lines begin.
        @param write: called with each line.
        @return: L{None}: it takes more to make them.
        """
        found, rest = self._done.settled(fields)
        text, answered = "", False
        if found:
            ((text, field),) = found[:1]
            if field is not _confirmation or len(found) > 1:
                return None
            answered = _heard(fields)
        arrow = "->" if "further" in fields else "=>"
        shown = word if "host" in fields else _user
        reply: Reply | None = None
        said = ""

        def tell(
            now: float,
            message: SpooledMessage,
            path: bytes,
            outcome: Outcome,
            took: float,
        ) -> None:
            nonlocal reply, said
            if not opening.since <= now < opening.until:
                opening.begin(now)
            if answered and outcome.reply is not reply:
                # Of all recipients of a transaction it is one.
                reply = outcome.reply
                assert reply is not None
                said = _confirmed(reply.octets[:-2])
            line = (
                f"{opening.text}{message.id} {arrow} {shown(path)}{text}{said}{rest}\n"
            )
            write(line.encode())

        return tell

    def completed(
        self, opening: Opening, write: Callable[[bytes], None]
    ) -> Brief | None:
        """Who writes the lines of messages that are done with; see L{delivered}."""
        if self._timed:
            return None

        def tell(now: float, message: SpooledMessage) -> None:
            if not opening.since <= now < opening.until:
                opening.begin(now)
            write(f"{opening.text}{message.id} Completed\n".encode())

        return tell

    def _delivered(self, event: LogEvent) -> str:
        arrow = "->" if "further" in event else "=>"
        who = _recipient(event, "host" not in event)
        fields: dict[str, Any] = dict(event.get("fields", ()))
        return f"{event['message']} {arrow} {who}{self._done.of(event, fields)}"

    def _deferred(self, event: LogEvent) -> str | None:
        cause = event["cause"]
        early = cause == Cause.EARLY.value
        if early and Selector.RETRY_DEFER not in self._selectors:
            return None
        why, number = _why(event), _NUMBERS.get(cause, 0)
        out = [f"{event['message']} == {_recipient(event)}"]
        out += [_route(event, {}), _transport(event, {})]
        if cause == Cause.CONNECT.value:
            for words, found in _SYSTEMS.items():
                if words in why.lower():
                    number = found
                    break
        out.append(f" defer ({number})")
        if number > 0:
            out.append(f": {os.strerror(number)}")
        out.append(self._host.of(event, {}))
        if Selector.DELIVER_TIME in self._selectors:
            out.append(f" DT={self._duration(event['took'])}")
        if why:
            out.append(f": {why}")
        return "".join(out)

    def _failed(self, event: LogEvent) -> str:
        out = [f"{event['message']} ** {_recipient(event)}"]
        out.append(self._gone.of(event, {}))
        if why := _why(event):
            out.append(f": {why}")
        if Selector.DELIVER_TIME in self._selectors:
            out.append(f" DT={self._duration(event['took'])}")
        return "".join(out)

    def _reported(self, event: LogEvent) -> str:
        shown = self._selectors
        line = f"{event['report']} <= <> R={event['message']} U={self._user} P=local"
        line += f" S={event['octets']}"
        if "messageID" in event and Selector.MSG_ID_CREATED in shown:
            line += f" id*={word(event['messageID'])}"
        if "title" in event and Selector.SUBJECT in shown:
            line += f' T="{quoted(event["title"])}"'
        if Selector.RECEIVED_SENDER in shown:
            line += " from <>"
        if Selector.RECEIVED_RECIPIENTS in shown:
            line += f" for {word(event['recipient'])}"
        return line

    def _imported(self, event: LogEvent) -> str:
        shown = self._selectors
        sender = word(event["sender"]) if event["sender"] else "<>"
        line = f"{event['message']} <= {sender} U={self._user} P=local"
        line += f" S={event['octets']}"
        if Selector.RECEIVED_SENDER in shown:
            line += f" from <{word(event['sender'])}>"
        if Selector.RECEIVED_RECIPIENTS in shown:
            line += f" for {' '.join(map(word, event['recipients']))}"
        return line

    def _completed(self, event: LogEvent) -> str:
        if self._timed:
            waited = self._duration(event["seconds"])
            return f"{event['message']} Completed QT={waited}"
        return f"{event['message']} Completed"


def _ourselves() -> str:
    """The name of the user that we run as; its number, where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _frozen(event: LogEvent) -> str:
    why = f" ({text(event['reason'])})" if event["reason"] else ""
    if "by" in event:
        return _operated(event, "frozen") + why
    return f"{event['message']} Frozen{why}"


def _operated(event: LogEvent, what: str) -> str:
    """What an operator has done, in Exim's words."""
    return f"{event['message']} {what} by {word(event['by'])}"


def _recipient(event: LogEvent, local: bool = False) -> str:
    """
    The recipient, and behind it the address that the client gave where an alias led
    from there.  A local delivery begins with the user alone, and then the address
    stands behind it.
    """
    path: bytes = event["recipient"]
    if "original" in event:
        return f"{word(path)} <{word(event['original'])}>"
    return _user(path) if local else word(path)


def _user(path: bytes) -> str:
    """The user of a mailbox, and the mailbox."""
    user, at, _ = path.rpartition(b"@")
    return f"{word(user)} <{word(path)}>" if at else word(path)


def _why(event: LogEvent) -> str:
    """What went wrong: in Exim's words, where the host said it."""
    after = _AFTER.get(event["cause"])
    if after is None or "reply" not in event or not _heard(event):
        return text(event["text"])
    said = _lines(event["reply"], text)
    if "socket" in event:
        return f"LMTP error after {after(event)}: {said}"
    return f"SMTP error from remote mail server after {after(event)}: {said}"


def _heard(event: LogEvent) -> bool:
    """Was it a host that said something, or whoever is at a UNIX socket?"""
    return "host" in event or "socket" in event


def _lines(reply: bytes, shown: Callable[[bytes], str]) -> str:
    """A reply; between its lines there is a backslash and an n, as in Exim."""
    said = reply[:_REPLY_OCTETS]
    if b"\r\n" not in said:
        return shown(said)
    return "\\n".join(map(shown, said.split(b"\r\n")))


def _told(event: LogEvent) -> bytes:
    """The sender that the host was told."""
    told: bytes = event["srs" if "srs" in event else "sender"]
    return told


# --- the fields -------------------------------------------------------------------


@lasting
def _route(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" R={often(event['route'])}" if event["route"] else ""


@lasting
def _transport(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" T={often(event['transport'])}" if event["transport"] else ""


def _sender(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" F=<{word(event['sender'])}>"


def _returnPath(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" P=<{word(_told(event))}>"


@about("srs")
def _rewritten(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" SRS=<{word(event['srs'])}>"


def _size(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" S={event['octets']}"


def _extensions(pipelining: bool) -> FieldOf:
    """
    What extensions say: C{A= L PRDR K}, and then what others do.

    @param pipelining: is C{L} to be shown?
    """

    @lasting
    @about("fields")
    def extensions(event: LogEvent, fields: dict[str, Any]) -> str:
        if not fields:
            return ""
        shown = extensionField("A", fields.pop("A", None))
        early = "*" if fields.pop("L*", None) else ""
        if fields.pop("L", None) and pipelining:
            shown += f" L{early}"
        for name in ("PRDR", "K"):
            if name in fields:
                shown += extensionField(name, fields.pop(name))
        return shown + otherFields(event, fields) if fields else shown

    return extensions


@about("reply")
def _confirmation(event: LogEvent, fields: dict[str, Any]) -> str:
    return _confirmed(event["reply"]) if _heard(event) else ""


def _confirmed(reply: bytes) -> str:
    """C{C=}."""
    if len(reply) <= _REPLY_OCTETS and reply.isascii():
        # Nearly always it is one line, and there is nothing to escape in it.
        plain = reply.decode()
        if (
            plain.isprintable()
            and '"' not in plain
            and "\\" not in plain
            and "=" not in plain
        ):
            return f' C="{plain}"'
    said = _lines(reply, answer).replace('"', "\\x22")
    return f' C="{said}"'


def _hosts(selectors: frozenset[Selector]) -> list[FieldOf]:
    """C{H=} and C{I=}, the two ends of the connection, and C{TFO}."""
    port = Selector.OUTGOING_PORT in selectors

    @lasting
    @about("host")
    def host(event: LogEvent, fields: dict[str, Any]) -> str:
        # A literal in the place of a name stands there without its brackets.
        name = often(event["host"].strip(b"[]").removeprefix(b"IPv6:"))
        shown = f" H={name} [{often(event['address'])}]"
        if port:
            shown += f":{event['port']}"
        return f"{shown}*" if "reused" in event else shown

    @lasting
    @about("source")
    def interface(event: LogEvent, fields: dict[str, Any]) -> str:
        shown = f" I=[{word(event['source'])}]"
        return f"{shown}:{event['sourcePort']}" if port else shown

    @lasting
    @about("fastOpen")
    def fastOpen(event: LogEvent, fields: dict[str, Any]) -> str:
        return f" {event['fastOpen']}"

    if {Selector.INCOMING_INTERFACE, Selector.OUTGOING_INTERFACE} <= selectors:
        return [host, interface, fastOpen]
    return [host, fastOpen]


def _senders(selectors: frozenset[Selector]) -> list[FieldOf]:
    """C{F=}, C{SRS=} and C{P=}."""
    wanted = (
        (Selector.SENDER_ON_DELIVERY, _sender),
        (None, _rewritten),
        (Selector.RETURN_PATH_ON_DELIVERY, _returnPath),
    )
    return [each for selector, each in wanted if selector in selectors or not selector]


def _before(selectors: frozenset[Selector]) -> list[FieldOf]:
    """Size and host, behind the transport."""
    size = [_size] if Selector.DELIVERY_SIZE in selectors else []
    return [*size, *_hosts(selectors)]


def _after(
    selectors: frozenset[Selector], duration: Callable[[float], str]
) -> list[FieldOf]:
    """What stands behind the host, in the line of a delivery."""

    def queued(event: LogEvent, fields: dict[str, Any]) -> str:
        return f" QT={duration(event['seconds'])}"

    def took(event: LogEvent, fields: dict[str, Any]) -> str:
        return f" DT={duration(event['took'])}"

    all_: tuple[tuple[Selector | None, FieldOf], ...] = (
        (None, tlsFields(selectors - {Selector.TLS_SNI})),
        (None, _extensions(Selector.PIPELINING in selectors)),
        (Selector.SMTP_CONFIRMATION, _confirmation),
        (Selector.QUEUE_TIME, queued),
        (Selector.DELIVER_TIME, took),
    )
    return [field for selector, field in all_ if selector in selectors or not selector]


__all__ = ["DeliveryLines"]
