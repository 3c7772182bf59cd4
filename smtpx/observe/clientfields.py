"""
The fields of the main log that tell of a client, its TLS and its message.

Which of them are shown is settled once, by the selectors
(L{smtpx.observe.linefields}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import LogEvent

from .authlog import messageFields, spfField
from .harmless import often, text, word
from .linefields import FieldOf, LineFields, about, lasting
from .selectors import Selector


def quoted(said: bytes | str) -> str:
    """What stands between double quotes."""
    return text(said).replace('"', "\\x22")


def clientOf(event: LogEvent, selectors: frozenset[Selector]) -> str:
    """
    The client: C{name (helo) [address]:port I=[address]:port}.  One that came over a
    UNIX socket has no address.
    """
    address = f"[{often(event['address'])}]" if event["address"] else ""
    name, helo = event.get("name"), event.get("helo")
    shown = address
    if address and Selector.INCOMING_PORT in selectors:
        shown += f":{event['port']}"
    if helo is not None:
        said = often(helo)
        if name is not None and said.lower() == often(name).lower():
            helo = None
        elif name is None and said == address:
            helo = None
    parts = [] if name is None else [often(name)]
    if helo is not None:
        parts.append(f"({often(helo)})")
    if not (parts or shown):
        parts.append("unknown")
    if event.get("local") and Selector.INCOMING_INTERFACE in selectors:
        shown += f" I=[{often(event['local'])}]:{event['localPort']}"
    if "fastOpen" in event:
        shown += f" {event['fastOpen']}"
    return " ".join([*parts, shown]).rstrip()


def extensionField(name: str, value: object) -> str:
    """A field of an extension; one that is simply true is its bare name."""
    if value is None or value is False:
        return ""
    shown = often(name)
    if value is True:
        return f" {shown}"
    said = value if isinstance(value, bytes | str) else str(value)
    return f" {shown}={word(said)}"


@lasting
def loginOf(event: LogEvent, fields: dict[str, Any]) -> str:
    """C{A=}: who logged in, and how."""
    said = fields.pop("A", None)
    if said is not None:
        return extensionField("A", said)
    if "identity" not in event:
        return ""
    return f" A={word(event['mechanism'].lower())}:{word(event['identity'])}"


@lasting
def _submitted(event: LogEvent, fields: dict[str, Any]) -> str:
    """The same, with who submitted it behind it."""
    login = loginOf(event, fields)
    if not login or "submitter" not in event:
        return login
    return f"{login}:{word(event['submitter'])}"


# --- TLS ------------------------------------------------------------------------


def _cipher(event: LogEvent, fields: dict[str, Any]) -> str:
    # OpenSSL says TLSv1.3, Exim writes TLS1.3.
    version = event["version"].replace("v", "", 1)
    return f" X={version}:{event['cipher']}:{event['bits']}"


def _resumption(event: LogEvent, fields: dict[str, Any]) -> str:
    return "*" if event.get("resumed") else ""


def _verified(event: LogEvent, fields: dict[str, Any]) -> str:
    # As in Exim: a TLSA record is something else than a chain that is trusted.
    good = " CV=dane" if "dane" in event else " CV=yes"
    return good if event["verified"] else " CV=no"


@about("subject")
def _subject(event: LogEvent, fields: dict[str, Any]) -> str:
    return f' DN="{quoted(event["subject"])}"'


@about("serverName")
def _serverName(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" SNI={word(event['serverName'])}"


def tlsFields(selectors: frozenset[Selector]) -> FieldOf:
    """The handshake: C{X=TLS1.3:cipher:bits CV=no DN="subject" SNI=name}."""
    shown: list[FieldOf] = []
    if Selector.TLS_CIPHER in selectors:
        shown.append(_cipher)
        if Selector.TLS_RESUMPTION in selectors:
            shown.append(_resumption)
    if Selector.TLS_CERTIFICATE_VERIFIED in selectors:
        shown.append(_verified)
    if Selector.TLS_PEERDN in selectors:
        shown.append(_subject)
    if Selector.TLS_SNI in selectors:
        shown.append(_serverName)

    handshake = LineFields(shown)

    @lasting
    @about("version")
    def tls(event: LogEvent, fields: dict[str, Any]) -> str:
        return handshake.of(event, fields) if "version" in event else ""

    return tls


# --- an arrival -----------------------------------------------------------------


@lasting
def _connection(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" Ci={word(event['session'])}"


@lasting
def _protocol(event: LogEvent, fields: dict[str, Any]) -> str:
    protocol: str = event["protocol"]
    if protocol == "smtp" and "version" in event:
        # Exim has a word for it, and RFC 3848 has none.
        protocol = "smtps"
    return f" P={protocol}"


@lasting
def _onConnect(event: LogEvent, fields: dict[str, Any]) -> str:
    plain = _protocol(event, fields)
    return plain.replace("smtps", "ssmtp") if event.get("onConnect") else plain


@lasting
@about("pipelining")
def _pipelining(event: LogEvent, fields: dict[str, Any]) -> str:
    used, early = event["pipelining"], event.get("early", "")
    early = {"used": "*", "offered": "."}.get(early, "")
    return f" L{early}" if used == "used" else f" L{early}-"


def _plain(name: str) -> FieldOf:
    """The field of an extension, where it has one."""

    @lasting
    @about("fields")
    def field(event: LogEvent, fields: dict[str, Any]) -> str:
        return extensionField(name, fields.pop(name, None))

    return field


def octetsOf(event: LogEvent, fields: dict[str, Any]) -> str:
    """C{S=}."""
    return f" S={event['octets']}"


@lasting
def _eightBit(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" M8S={fields.pop('M8S', 0)}"


def _without(name: str) -> FieldOf:
    """The field of an extension is not shown."""

    @lasting
    @about("fields")
    def field(event: LogEvent, fields: dict[str, Any]) -> str:
        fields.pop(name, None)
        return ""

    return field


@lasting
@about("fields")
def otherFields(event: LogEvent, fields: dict[str, Any]) -> str:
    """The fields of extensions that no other took out."""
    return "".join([extensionField(name, value) for name, value in fields.items()])


@about("messageID")
def messageIDOf(event: LogEvent, fields: dict[str, Any]) -> str:
    """C{id=}; one that we have made has another field."""
    if event.get("messageIDMade"):
        return ""
    return f" id={word(event['messageID'])}"


@about("messageIDMade")
def _madeMessageID(event: LogEvent, fields: dict[str, Any]) -> str:
    if not event["messageIDMade"]:
        return ""
    return f" id*={word(event['messageID'])}"


@about("title")
def _title(event: LogEvent, fields: dict[str, Any]) -> str:
    return f' T="{quoted(event["title"])}"'


def _from(event: LogEvent, fields: dict[str, Any]) -> str:
    return f" from <{word(event['sender'])}>"


def _for(event: LogEvent, fields: dict[str, Any]) -> str:
    return " for " + " ".join(map(word, event["recipients"]))


def arrivalFields(
    selectors: frozenset[Selector],
    duration: Callable[[float], str],
    whence: Callable[[LogEvent], str],
) -> LineFields:
    """
    What stands behind the sender in an arrival line.

    @param duration: seconds as they are shown.
    @param whence: who brings a message.
    """

    sent = spfField(selectors)

    @lasting
    def client(event: LogEvent, fields: dict[str, Any]) -> str:
        return f" {whence(event)}"

    @about("spf")
    def sender(event: LogEvent, fields: dict[str, Any]) -> str:
        return sent(event)

    def receiving(event: LogEvent, fields: dict[str, Any]) -> str:
        return f" RT={duration(event['seconds'])}"

    all_: tuple[tuple[Selector | None, FieldOf], ...] = (
        (None, client),
        (Selector.CONNECTION_ID, _connection),
        (None, _onConnect if Selector.TLS_ON_CONNECT in selectors else _protocol),
        (Selector.PIPELINING, _pipelining),
        (None, sender),
        (None, tlsFields(selectors)),
        (None, _submitted if Selector.SMTP_MAILAUTH in selectors else loginOf),
        (None, _plain("PRDR")),
        (None, _plain("PRX") if Selector.PROXY in selectors else _without("PRX")),
        (None, _plain("K")),
        (None, octetsOf),
        (None, _eightBit if Selector.EIGHTBITMIME in selectors else _without("M8S")),
        *((None, field) for field in messageFields(selectors)),
        (None, otherFields),
        (Selector.RECEIVE_TIME, receiving),
        (Selector.MSG_ID, messageIDOf),
        (Selector.MSG_ID_CREATED, _madeMessageID),
        (Selector.SUBJECT, _title),
        (Selector.RECEIVED_SENDER, _from),
        (Selector.RECEIVED_RECIPIENTS, _for),
    )
    return LineFields(
        field for selector, field in all_ if selector is None or selector in selectors
    )


__all__ = [
    "arrivalFields",
    "clientOf",
    "extensionField",
    "loginOf",
    "messageIDOf",
    "octetsOf",
    "otherFields",
    "quoted",
    "tlsFields",
]
