"""
The main log: the story of each message in the format of Exim's, so that the
tools which read that (C{exigrep}, C{eximstats}, log shippers, fail2ban) read
ours::

    2026-11-22 03:19:48 1wPq1o-0003Xy-1k <= ann@example.org H=(mail.example.org)
        [192.0.2.7] P=esmtps X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no K S=1204
        id=abc@example.org

(on one line).  C{<=} is an arrival, C{=>} a delivery, C{==} one that is put off,
C{**} one that failed for good, C{Completed} the end; C{rejected} has what was
refused.  The order of fields is Exim's.  What else is shown is chosen by
selectors that have Exim's names (L{Selector}).

Words of peers are made harmless (L{smtpx.observe.harmless}): no peer can begin
a line or a field.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from . import events
from .files import LineFile
from .harmless import text, word


class Selector(Enum):
    """What the main log shows besides; the values are Exim's names."""

    INCOMING_INTERFACE = "incoming_interface"
    INCOMING_PORT = "incoming_port"
    MILLISEC = "millisec"
    MSG_ID = "msg_id"
    PIPELINING = "pipelining"
    QUEUE_TIME = "queue_time"
    QUEUE_TIME_OVERALL = "queue_time_overall"
    RECEIVED_RECIPIENTS = "received_recipients"
    RECEIVED_SENDER = "received_sender"
    SMTP_CONNECTION = "smtp_connection"
    SMTP_PROTOCOL_ERROR = "smtp_protocol_error"
    SMTP_SYNTAX_ERROR = "smtp_syntax_error"
    TLS_CERTIFICATE_VERIFIED = "tls_certificate_verified"
    TLS_CIPHER = "tls_cipher"
    TLS_PEERDN = "tls_peerdn"
    TLS_RESUMPTION = "tls_resumption"
    TLS_SNI = "tls_sni"


#: What is shown unless somebody chooses: as in Exim.
DEFAULT_SELECTORS = frozenset(
    {
        Selector.MSG_ID,
        Selector.TLS_CERTIFICATE_VERIFIED,
        Selector.TLS_CIPHER,
    }
)


def parseSelectors(items: Iterable[str]) -> frozenset[Selector]:
    """
    Read a choice of selectors, as Exim has it: C{+name} adds to the defaults,
    C{-name} takes away, C{all} is all of them; a name without a sign is added.

    @raise ValueError: there is no such selector; the text names it.
    """
    chosen = set(DEFAULT_SELECTORS)
    for item in items:
        name = item.lstrip("+-")
        found = set(Selector) if name == "all" else {Selector(name)}
        chosen = chosen - found if item.startswith("-") else chosen | found
    return frozenset(chosen)


#: Replies that say "you do not speak SMTP well", and the selector that shows
#: them: everybody sees such clients, few want to read of them.
_SYNTAX = frozenset({500, 501, 555})
_SEQUENCE = frozenset({502, 503, 504})

#: RFC 4954 section 6: the reply to a login that failed.
_BAD_LOGIN = 535

#: Where the fields of extensions stand in an arrival line.  All others come
#: before the Message-ID.
_BEHIND_PROTOCOL = ("L", "L.", "L*", "L-", "L.-", "L*-")
_BEHIND_LOGIN = ("PRDR", "PRX", "K")


@implementer(ILogObserver)
class MainLog:
    """An observer that writes the main log."""

    def __init__(
        self,
        file: LineFile,
        selectors: frozenset[Selector] = DEFAULT_SELECTORS,
        zone: Callable[[float], time.struct_time] = time.localtime,
    ) -> None:
        """
        @param zone: seconds since the epoch to the time on the wall.
        """
        self._file = file
        self._zone = zone
        self._selectors = selectors
        # Looked up once: what follows is asked for each message.
        self._millisec = Selector.MILLISEC in selectors
        self._port = Selector.INCOMING_PORT in selectors
        self._cipher = Selector.TLS_CIPHER in selectors
        self._resumption = Selector.TLS_RESUMPTION in selectors
        self._verified = Selector.TLS_CERTIFICATE_VERIFIED in selectors
        self._serverName = Selector.TLS_SNI in selectors
        self._subject = Selector.TLS_PEERDN in selectors
        self._interface = Selector.INCOMING_INTERFACE in selectors
        self._pipelining = Selector.PIPELINING in selectors
        self._messageID = Selector.MSG_ID in selectors
        self._from = Selector.RECEIVED_SENDER in selectors
        self._for = Selector.RECEIVED_RECIPIENTS in selectors
        self._second = lru_cache(maxsize=2)(self._makeSecond)
        self._writers: dict[object, Callable[[LogEvent], str | None]] = {
            events.CONNECTED.name: self._connected,
            events.REFUSED.name: self._refused,
            events.LOGIN_FAILED.name: self._loginFailed,
            events.ACCEPTED.name: self._accepted,
            events.CLOSED.name: self._closed,
            events.DELIVERED.name: self._delivered,
            events.DEFERRED.name: self._deferred,
            events.FAILED.name: self._failed,
            events.HELD.name: self._held,
            events.STUCK.name: self._held,
            events.COMPLETED.name: self._completed,
        }

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        writer = self._writers.get(event.get("event"))
        if writer is None:
            return
        line = writer(event)
        if line is not None:
            stamp = self._stamp(event["log_time"])
            self._file.write(f"{stamp} {line}\n".encode("ascii"))

    # --- the parts of a line --------------------------------------------------------

    def _makeSecond(self, seconds: int) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", self._zone(seconds))

    def _stamp(self, seconds: float) -> str:
        if not self._millisec:
            return self._second(int(seconds))
        whole, thousandths = divmod(int(seconds * 1000), 1000)
        return f"{self._second(whole)}.{thousandths:03d}"

    def _host(self, event: LogEvent) -> str:
        """The client: C{name (helo) [address]:port}."""
        address = f"[{word(event['address'])}]"
        name, helo = event.get("name"), event.get("helo")
        if self._port:
            shown = f"{address}:{event['port']}"
        else:
            shown = address
        if helo is not None:
            said = word(helo)
            if name is not None and said.lower() == word(name).lower():
                helo = None
            elif name is None and said == address:
                helo = None
        parts = [] if name is None else [word(name)]
        if helo is not None:
            parts.append(f"({word(helo)})")
        return " ".join([*parts, shown])

    def _tls(self, event: LogEvent) -> str:
        """The handshake: C{X=TLS1.3:cipher:bits CV=no SNI=name DN="subject"}."""
        version = event.get("version")
        if version is None:
            return ""
        out = ""
        if self._cipher:
            star = self._resumption and event.get("resumed")
            # OpenSSL says TLSv1.3, Exim writes TLS1.3.
            out += (
                f" X={version.replace('v', '', 1)}:{event['cipher']}:{event['bits']}"
                + ("*" if star else "")
            )
        if self._verified:
            out += " CV=yes" if event["verified"] else " CV=no"
        if self._serverName and "serverName" in event:
            out += f" SNI={word(event['serverName'])}"
        if self._subject and "subject" in event:
            out += f' DN="{_quoted(event["subject"])}"'
        return out

    # --- sessions -----------------------------------------------------------------

    def _connected(self, event: LogEvent) -> str | None:
        if Selector.SMTP_CONNECTION not in self._selectors:
            return None
        return f"SMTP connection from {self._host(event)}"

    def _closed(self, event: LogEvent) -> str | None:
        if Selector.SMTP_CONNECTION not in self._selectors:
            return None
        return f"SMTP connection from {self._host(event)} closed: {text(event['why'])}"

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
        host, why = self._host(event), text(event["text"])
        if code in _SYNTAX or code in _SEQUENCE:
            if code in _SYNTAX:
                selector, kind = Selector.SMTP_SYNTAX_ERROR, "syntax"
            else:
                selector, kind = Selector.SMTP_PROTOCOL_ERROR, "protocol"
            if selector not in self._selectors:
                return None
            return f'SMTP {kind} error in "{_quoted(command)}" H={host} {why}'
        sender = event.get("sender")
        return (
            f"H={host}{self._tls(event)}"
            + ("" if sender is None else f" F=<{word(sender)}>")
            + (" temporarily" if code < 500 else "")
            + f" rejected {_what(command)}: {why}"
        )

    # --- messages -------------------------------------------------------------------

    def _accepted(self, event: LogEvent) -> str:
        fields: dict[str, Any] = dict(event.get("fields", {}))
        out = [f"{event['message']} <= {_sender(event)} H={self._host(event)}"]
        if self._interface:
            out.append(f" I=[{word(event['local'])}]:{event['localPort']}")
        out.append(f" P={event['protocol']}")
        use = _take(fields, _BEHIND_PROTOCOL)
        if self._pipelining:
            out += use
        out.append(self._tls(event))
        login = fields.pop("A", None)
        if login is not None:
            out.append(_field("A", login))
        elif "identity" in event:
            who = word(event["identity"])
            out.append(f" A={word(event['mechanism'].lower())}:{who}")
        out += _take(fields, _BEHIND_LOGIN)
        out.append(f" S={event['octets']}")
        out += _take(fields, tuple(fields))
        if self._messageID and "messageID" in event:
            out.append(f" id={word(event['messageID'])}")
        if self._from:
            out.append(f" from <{word(event['sender'])}>")
        if self._for:
            out.append(" for " + " ".join(map(word, event["recipients"])))
        return "".join(out)

    def _delivered(self, event: LogEvent) -> str:
        line = f"{event['message']} => {_recipient(event)}"
        if Selector.QUEUE_TIME in self._selectors:
            line += f" QT={self._duration(event['seconds'])}"
        return line

    def _deferred(self, event: LogEvent) -> str:
        # Exim has an error number in the brackets.
        why = text(event["text"])
        return f"{event['message']} == {_recipient(event)} defer (0): {why}"

    def _failed(self, event: LogEvent) -> str:
        return f"{event['message']} ** {_recipient(event)}: {text(event['text'])}"

    def _held(self, event: LogEvent) -> str:
        return f"{event['message']} Frozen ({text(event['reason'])})"

    def _completed(self, event: LogEvent) -> str:
        line = f"{event['message']} Completed"
        if Selector.QUEUE_TIME_OVERALL in self._selectors:
            line += f" QT={self._duration(event['seconds'])}"
        return line

    def _duration(self, seconds: float) -> str:
        return f"{seconds:.3f}s" if self._millisec else f"{int(seconds)}s"


def _quoted(said: bytes | str) -> str:
    """What stands between double quotes."""
    return text(said).replace('"', "\\x22")


def _sender(event: LogEvent) -> str:
    """The null sender is written as such."""
    return word(event["sender"]) or "<>"


def _recipient(event: LogEvent) -> str:
    """A local delivery, as Exim has it: C{ann <ann@example.org> R=route T=name}."""
    path: bytes = event["recipient"]
    user, at, _ = path.rpartition(b"@")
    shown = f"{word(user)} <{word(path)}>" if at else word(path)
    if event["route"]:
        shown += f" R={word(event['route'])}"
    if event["transport"]:
        shown += f" T={word(event['transport'])}"
    return shown


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
    if verb.upper() in (b"EHLO", b"HELO"):
        return f"EHLO or HELO {text(rest)}"
    return f"{word(verb.upper())} {text(rest)}".rstrip()


def _field(name: str, value: object) -> str:
    """A field of an extension; one that is simply true is its bare name."""
    if value is None or value is False:
        return ""
    shown = word(name)
    if value is True:
        return f" {shown}"
    said = value if isinstance(value, bytes | str) else str(value)
    return f" {shown}={word(said)}"


def _take(fields: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Take fields out, and write them in the order of C{names}."""
    return [_field(name, fields.pop(name)) for name in names if name in fields]
