"""
Rspamd, as a spam filter: C{POST /checkv2} of its worker C{normal}, by HTTP.

What it has to know besides the message stands in header fields of the request: the
client, the envelope, the login, the settings it is to use.  What it thinks comes as
JSON::

    {"action": "add header", "score": 7.6, "required_score": 15.0,
     "symbols": {"BAYES_SPAM": {"score": 5.1, "options": ["99.00%"]}},
     "messages": {"smtp_message": "..."}, "subject": "*** SPAM *** Hello",
     "milter": {"add_headers": {"X-Spam": {"value": "Yes", "order": 1}},
                "remove_headers": {"X-Spam-Flag": 0}}}

U{https://docs.rspamd.com/developers/protocol}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from math import isfinite
from typing import cast

from attrs import frozen
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from ...core.envelope import Envelope
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from ..edits import Change, Edit, FieldPlace, Insert, Remove
from .http import Header, HTTPWire
from .interfaces import USUAL, ICheck, IChecker, Message, Opinion, State, Terms
from .link import Link
from .scores import scored

#: The actions by which it calls a message spam.  It wants others to come again.
SPAM = frozenset({"reject", "add header", "rewrite subject", "quarantine", "discard"})

#: The most symbols that are told.
SYMBOLS_MOST = 200

#: How many fields of a name are taken out where all are meant.
_ALL_FIELDS = 30

#: RFC 9110 section 15.5.14: the message is too large for it.
_CONTENT_TOO_LARGE = 413


@frozen
class RspamdTerms:
    """
    How rspamd is asked.

    @ivar settings: the id of the settings that it is to use; empty: the usual ones.
    @ivar password: that of its configuration; empty: it wants none.
    @ivar changes: is what it wants to be changed done: fields that are added and
        removed, and the subject?
    """

    settings: str = ""
    password: bytes = b""
    changes: bool = False


def fieldsOf(
    session: IServerSession, envelope: Envelope, id: str, terms: RspamdTerms
) -> Iterator[Header]:
    """
    What rspamd has to know.

    @param id: of the message in the spool; empty: it has none.
    """
    yield b"Host", b"localhost"
    yield b"User-Agent", b"smtpx"
    if _isAddress(session.peer):
        yield b"IP", session.peer
    if session.peerName is not None:
        yield b"Hostname", session.peerName
    if session.helo is not None:
        yield b"Helo", session.helo
    yield b"From", b"<%b>" % envelope.sender
    for each in envelope.recipients:
        yield b"Rcpt", b"<%b>" % each.path
    if session.identity is not None:
        yield b"User", session.identity
    if id:
        yield b"Queue-Id", id.encode("ascii")
    yield b"MTA-Name", session.name
    secured = session.secured
    if secured is not None:
        yield b"TLS-Version", secured.version.encode("ascii", "replace")
        yield b"TLS-Cipher", secured.cipher.encode("ascii", "replace")
    if terms.settings:
        yield b"Settings-ID", terms.settings.encode("utf-8")
    if terms.password:
        yield b"Password", terms.password


def _isAddress(peer: bytes) -> bool:
    try:
        ip_address(peer.decode("ascii"))
    except ValueError:
        return False
    return True


def opinionOf(status: int, body: bytes, changes: bool = False) -> Opinion:
    """
    What an answer means.

    @param status: of HTTP.
    @param changes: is what it wants to be changed of use?
    @raise Malformed: it is none, or tells of an error.
    """
    if status == _CONTENT_TOO_LARGE:
        return Opinion(State.TOO_LARGE, why="it is longer than rspamd's max_message")
    if status != 200:
        raise Malformed(f"rspamd says: {status} {body[:200]!r}")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(f"rspamd says: {body[:60]!r}") from None
    if not isinstance(said, dict) or not isinstance(said.get("action"), str):
        why = said.get("error") if isinstance(said, dict) else None
        raise Malformed(f"rspamd says no action: {str(why)[:200]}")
    action = said["action"]
    found = scored(
        _number(said.get("score")), _number(said.get("required_score")), action in SPAM
    )
    symbols = list(_table(said.get("symbols")))[:SYMBOLS_MOST]
    found |= {
        "spam_action": action,
        "rspamd_symbols": " ".join(symbols),
        "spam_report": _report(_table(said.get("symbols"))),
    }
    message = _table(said.get("messages")).get("smtp_message")
    if isinstance(message, str):
        found["rspamd_messages"] = message
    subject = said.get("subject")
    if isinstance(subject, str):
        found["rspamd_subject"] = subject
    edits = tuple(editsOf(said)) if changes else ()
    return Opinion(found=found, edits=edits)


def _number(value: object) -> float:
    """
    @raise Malformed: it is none.
    """
    found = _float(value)
    if found is None:
        raise Malformed("rspamd says no score")
    return found


def _float(value: object) -> float | None:
    """A number; L{None}: it is none, or too large to be one."""
    try:
        found = float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
    return found if found is not None and isfinite(found) else None


def _table(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _report(symbols: Mapping[str, object]) -> str:
    """The symbols with their scores and options, one a line, the weightiest first."""
    lines: list[tuple[float, str]] = []
    for name, value in list(symbols.items())[:SYMBOLS_MOST]:
        one = _table(value)
        points = _float(one.get("score")) or 0.0
        options = one.get("options")
        said = ", ".join(map(str, options)) if isinstance(options, list) else ""
        lines.append((-abs(points), f"{points:.2f} {name}[{said}]"))
    return "\n".join(line for _, line in sorted(lines))


def editsOf(said: Mapping[str, object]) -> Iterator[Edit]:
    """
    What rspamd wants to be changed.

    @param said: its answer.
    @raise Malformed: a field cannot be.
    """
    milter = _table(said.get("milter"))
    for name, order in _table(milter.get("remove_headers")).items():
        yield from _removed(_octets(name), order)
    for name, value in _table(milter.get("add_headers")).items():
        for each in value if isinstance(value, list) else [value]:
            yield _added(_octets(name), each)
    subject = said.get("subject")
    if said.get("action") == "rewrite subject" and isinstance(subject, str):
        yield Change(b"Subject", 1, _octets(subject))


def _removed(name: bytes, order: object) -> Iterator[Edit]:
    """Fields to be taken out: the one of a number, or with 0 all of them."""
    for each in order if isinstance(order, list) else [order]:
        if isinstance(each, int) and each > 0:
            yield Remove(name, each)
        else:
            # Of those that there are not, nothing is taken out.
            for nth in range(1, _ALL_FIELDS + 1):
                yield Remove(name, nth)


def _added(name: bytes, value: object) -> Edit:
    """A field to be put in: a text, or one with a place."""
    at: int | FieldPlace = FieldPlace.AT_END
    given = _table(value)
    if given:
        value, order = given.get("value", ""), given.get("order")
        if isinstance(order, int) and order >= 0:
            at = order
    return Insert(name, _octets(str(value)), at)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@implementer(IChecker)
class Rspamd:
    """
    A spam filter.
    """

    finds = frozenset({"spam", "rspamd"})

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        terms: Terms = USUAL,
        asking: RspamdTerms = RspamdTerms(),  # noqa: B008 - it does not change
    ) -> None:
        """
        @param name: what it is called.
        @param endpoint: where its worker C{normal} listens.
        @param terms: on what terms it is asked.
        @param asking: what is said besides.
        """
        self.name = name
        self.terms = terms
        self._endpoint = endpoint
        self._asking = asking

    def begin(
        self, session: IServerSession, envelope: Envelope, message: Message
    ) -> ICheck | None:
        """See L{IChecker}."""
        changes = self._asking.changes

        def read(status: int, body: bytes) -> Opinion:
            return opinionOf(status, body, changes)

        fields = list(fieldsOf(session, envelope, message.id, self._asking))
        wire = HTTPWire(b"/checkv2", fields, message.octets, read)
        return Link(self._endpoint, wire)


__all__ = [
    "SPAM",
    "SYMBOLS_MOST",
    "Rspamd",
    "RspamdTerms",
    "editsOf",
    "fieldsOf",
    "opinionOf",
]
