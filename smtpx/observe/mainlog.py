"""
The main log: the story of each message in the format of Exim's, so that the
tools which read that (C{exigrep}, C{eximstats}, log shippers, fail2ban) read
ours::

    2026-11-22 03:19:48 1wPq1o-0003Xy-1k <= ann@example.org H=(mail.example.org)
        [192.0.2.7] P=esmtps X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no K S=1204
        id=abc@example.org

(on one line).  C{<=} is an arrival, C{=>} a delivery, C{==} one that is put off,
C{**} one that failed for good, C{Completed} the end (L{smtpx.observe.deliverylines});
C{rejected} has what was refused.  The order of fields is Exim's.  What else is shown
is chosen by selectors that have Exim's names (L{smtpx.observe.selectors}).

Words of peers are made harmless (L{smtpx.observe.harmless}): no peer can begin
a line or a field.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from ..core.envelope import Envelope
from ..core.hooks import Ending
from . import events
from .alerting import ALERTED, alertLine
from .authlog import signatureLines, spfField
from .brief import Brief, IBriefed
from .clientfields import (
    arrivalFields,
    clientOf,
    loginOf,
    messageIDOf,
    octetsOf,
    quoted,
    tlsFields,
)
from .deliverylines import DeliveryLines
from .event import Event
from .files import LineFile
from .harmless import text, word
from .milters import MILTER_AWAY, MILTER_DID, milterLine
from .opening import Opening
from .opinions import NO_OPINION, OPINION, opinionLine
from .publisher import IListening, Listener
from .rulings import RULED, rulingLine
from .selectors import DEFAULT_SELECTORS, Selector

#: Replies that say "you do not speak SMTP well", and the selector that shows
#: them: everybody sees such clients, few want to read of them.
_SYNTAX = frozenset({500, 501, 555})
_SEQUENCE = frozenset({502, 503, 504})

#: RFC 4954 section 6: the reply to a login that failed.
_BAD_LOGIN = 535

#: Replies of which the end of the session tells (RFC 3463 sections 3.4 and 3.5): a
#: timeout, and our own end.
_GOODBYE = 421
_ENDS = frozenset({"4.4.2", "4.3.2"})

_SYNC = "SMTP protocol synchronization error"

#: RFC 3463 section 3.4: the message is too big.
_TOO_BIG = "5.3.4"


@implementer(ILogObserver, IListening, IBriefed)
class MainLog:
    """An observer that writes the main log."""

    def __init__(
        self,
        file: LineFile,
        selectors: frozenset[Selector] = DEFAULT_SELECTORS,
        zone: Callable[[float], time.struct_time] = time.localtime,
        user: str | None = None,
    ) -> None:
        """
        @param zone: seconds since the epoch to the time on the wall.
        @param user: who writes delivery reports; L{None}: as whom we run.
        """
        self._file = file
        self._selectors = selectors
        self._opening = Opening(selectors, zone)
        # Looked up once: what follows is asked for each line.
        self._millisec = Selector.MILLISEC in selectors
        self._signatures = Selector.DKIM_VERBOSE in selectors
        self._sender = spfField(selectors)
        self._tls = tlsFields(selectors)
        self._arrival = arrivalFields(selectors, self._duration, self._whence)
        self._deliveries = deliveries = DeliveryLines(selectors, self._duration, user)
        self._writers: dict[object, Callable[[LogEvent], str | None]] = {
            events.CONNECTED.name: self._connected,
            events.REFUSED.name: self._refused,
            events.TURNED_AWAY.name: self._turnedAway,
            events.LOGIN_FAILED.name: self._loginFailed,
            events.ACCEPTED.name: self._accepted,
            RULED.name: self._ruled,
            OPINION.name: self._opinion,
            NO_OPINION.name: self._opinion,
            ALERTED.name: alertLine,
            MILTER_DID.name: self._milter,
            MILTER_AWAY.name: self._milter,
            events.CLOSED.name: self._closed,
            **deliveries.writers,
        }

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        writer = self._writers.get(event.get("event"))
        if writer is not None:
            self._put(writer, event)

    def listener(self, event: Event) -> Listener | None:
        """See L{IListening}."""
        writer = self._writers.get(event.name)
        return None if writer is None else partial(self._put, writer)

    def _put(self, writer: Callable[[LogEvent], str | None], event: LogEvent) -> None:
        """Write the lines of an event, if it has any."""
        found = writer(event)
        if not found:
            return
        opening, seconds = self._opening, event["log_time"]
        if not opening.since <= seconds < opening.until:
            opening.begin(seconds)
        if "\n" not in found:
            self._file.write(f"{opening.text}{found}\n".encode())
            return
        for line in found.splitlines():
            self._file.write(f"{opening.text}{line}\n".encode())

    # --- in short -----------------------------------------------------------------

    def brief(self, event: Event, fields: dict[str, object]) -> Brief | None:
        """See L{IBriefed}."""
        if event is events.ACCEPTED:
            return self._acceptedBrief(fields)
        opening, write = self._opening, self._file.write
        if event is events.DELIVERED:
            return self._deliveries.delivered(fields, opening, write)
        return self._deliveries.completed(opening, write)

    def _acceptedBrief(self, fields: dict[str, object]) -> Brief | None:
        """Who writes the lines of further messages like one."""
        found, rest = self._arrival.settled(fields)
        middle = [text for text, _ in found]
        if self._signatures or [field for _, field in found] != [
            *[octetsOf, messageIDOf][: len(found)]
        ]:
            return None
        client = middle[0]
        behind = f"{middle[1]} id=" if middle[1:] else ""
        opening, write = self._opening, self._file.write

        def tell(
            now: float, id: str, envelope: Envelope, messageID: bytes | None
        ) -> None:
            if not opening.since <= now < opening.until:
                opening.begin(now)
            sender = word(envelope.sender) or "<>"
            shown = word(messageID) if behind and messageID is not None else ""
            line = (
                f"{opening.text}{id} <= {sender}{client} S={envelope.octets}"
                f"{behind}{shown}{rest}\n"
            )
            write(line.encode())

        return tell

    # --- the parts of a line --------------------------------------------------------

    def _duration(self, seconds: float) -> str:
        return f"{seconds:.3f}s" if self._millisec else f"{int(seconds)}s"

    def _host(self, event: LogEvent) -> str:
        return clientOf(event, self._selectors)

    def _whence(self, event: LogEvent) -> str:
        """Who brings a message: a host, or a user of this machine."""
        user = event.get("user")
        return f"H={self._host(event)}" if user is None else f"U={word(user)}"

    # --- sessions -----------------------------------------------------------------

    def _connected(self, event: LogEvent) -> str | None:
        if Selector.SMTP_CONNECTION not in self._selectors:
            return None
        return f"SMTP connection from {self._host(event)}"

    def _closed(self, event: LogEvent) -> str | None:
        """Two lines, perhaps: of the end, and that it was all for nothing."""
        lines = [] if (line := self._end(event)) is None else [line]
        if Selector.SMTP_NO_MAIL in self._selectors and not event["transactions"]:
            lasted = self._duration(event["seconds"])
            lines.append(
                f"no MAIL in SMTP connection from {self._host(event)} D={lasted}"
            )
        return "\n".join(lines) or None

    def _end(self, event: LogEvent) -> str | None:
        host = self._host(event)
        ending = event["ending"]
        if ending == Ending.HANDSHAKE.value:
            return f"TLS error on connection from {host}: {text(event['why'])}"
        if ending == Ending.TIMEOUT_IN_BODY.value:
            return f"SMTP data timeout (message abandoned) on connection from {host}"
        if ending in _LOST:
            if Selector.LOST_INCOMING_CONNECTION not in self._selectors:
                return None
            lasted = self._duration(event["seconds"])
            return f"{_LOST[ending].format(host)} D={lasted}"
        if Selector.SMTP_CONNECTION not in self._selectors:
            return None
        if ending == Ending.LOST.value:
            how = f"lost D={self._duration(event['seconds'])}"
        else:
            how = f"closed by {'QUIT' if ending == Ending.QUIT.value else 'us'}"
        return f"SMTP connection from {host} {how}"

    def _turnedAway(self, event: LogEvent) -> str | None:
        if Selector.CONNECTION_REJECT not in self._selectors:
            return None
        address = f"[{word(event['address'])}]"
        if Selector.INCOMING_PORT in self._selectors:
            address += f":{event['port']}"
        line = f"Connection from {address} refused: {text(event['text'])}"
        if "omitted" in event:
            line += f" (and {event['omitted']} more before)"
        return line

    def _loginFailed(self, event: LogEvent) -> str:
        # These very words are what fail2ban's filter for Exim looks for.
        line = (
            f"{word(event['mechanism'].lower())} authenticator failed for "
            f"{self._host(event)}: 535 Incorrect authentication data"
        )
        if "identity" in event:
            line += f" (set_id={word(event['identity'])})"
        return line

    def _refused(self, event: LogEvent) -> str | None:
        code, command = event["code"], event["command"]
        if code == _BAD_LOGIN and command.upper().startswith(b"AUTH"):
            # It has a line of its own, with more in it.
            return None
        if "hasty" in event:
            return self._tooSoon(event)
        if code in _SYNTAX or code in _SEQUENCE:
            return self._misspoken(event)
        if not self._isShown(event):
            return None
        sender = event.get("sender")
        # By BDAT as well; Exim has one word for both.
        what = "after DATA" if "octets" in event else _what(command)
        why = event["why"] if "why" in event else event["text"]
        rule = f" (rule {text(event['rule'])})" if "rule" in event else ""
        return (
            f"{self._whence(event)}{self._sender(event)}"
            + self._tls(event, {})
            + ("" if sender is None else f" F=<{word(sender)}>")
            + loginOf(event, {})
            + (" temporarily" if code < 500 else "")
            + f" rejected {what}: {text(why)}{rule}"
        )

    def _ruled(self, event: LogEvent) -> str:
        return rulingLine(event, self._whence)

    def _opinion(self, event: LogEvent) -> str | None:
        return opinionLine(event, self._whence) or None

    def _milter(self, event: LogEvent) -> str | None:
        return milterLine(event, self._whence)

    def _tooSoon(self, event: LogEvent) -> str:
        """
        The client did not wait.  These very words, too, are what fail2ban's filter
        for Exim looks for.
        """
        host, hasty = self._host(event), quoted(event["hasty"])
        if not event["command"]:
            return (
                f"{_SYNC} (input sent without waiting for greeting): rejected"
                f' connection from H={host} input="{hasty}"'
            )
        was = "was" if "pipelining" in event else "was not"
        return (
            f"{_SYNC} (next input sent too soon: pipelining {was} advertised): rejected"
            f' "{quoted(event["command"])}" H={host} next input="{hasty}"'
        )

    def _misspoken(self, event: LogEvent) -> str | None:
        """The client does not speak SMTP well."""
        if event["code"] in _SYNTAX:
            selector, kind = Selector.SMTP_SYNTAX_ERROR, "syntax"
        else:
            selector, kind = Selector.SMTP_PROTOCOL_ERROR, "protocol"
        if selector not in self._selectors:
            return None
        said, why = quoted(event["command"]), text(event["text"])
        return f'SMTP {kind} error in "{said}" H={self._host(event)} {why}'

    def _isShown(self, event: LogEvent) -> bool:
        """Is this refusal to be told of?"""
        status = event.get("status")
        if status in _ENDS and event["code"] == _GOODBYE:
            return False
        if status == _TOO_BIG:
            return Selector.SIZE_REJECT in self._selectors
        if not event["command"] and event["code"] >= 500:
            return Selector.CONNECTION_REJECT in self._selectors
        return True

    # --- messages -------------------------------------------------------------------

    def _accepted(self, event: LogEvent) -> str:
        fields: dict[str, object] = dict(event.get("fields", ()))
        sender = word(event["sender"]) or "<>"
        line = f"{event['message']} <= {sender}{self._arrival.of(event, fields)}"
        if self._signatures:
            return "\n".join([*signatureLines(event), line])
        return line


#: How it is said that a client was gone, or silent.
_LOST = {
    Ending.LOST_IN_TRANSACTION.value: "unexpected disconnection while reading SMTP"
    " command from {}",
    Ending.LOST_IN_BODY.value: "SMTP connection from {} lost while reading message"
    " data",
    Ending.TIMEOUT.value: "SMTP command timeout on connection from {}",
}


def _what(command: bytes) -> str:
    """
    What was refused, as Exim names it: the command and what it is about, without
    the words between.
    """
    if not command:
        return "connection"
    verb, _, rest = command.partition(b" ")
    head, colon, path = rest.partition(b":")
    if colon and head.upper() in (b"FROM", b"TO"):
        rest = path
    if verb.upper() in (b"EHLO", b"HELO", b"LHLO"):
        return f"EHLO or HELO {text(rest)}"
    return f"{word(verb.upper())} {text(rest)}".rstrip()
