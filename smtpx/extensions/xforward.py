"""
XFORWARD (Postfix, XFORWARD_README): whose mail it was before it came to us.

A filter between two mail servers hides from the second who the client of the first
was.  By XFORWARD the first tells it, before MAIL and for one message: for logs only.
It is never taken for the client of this session; that is what XCLIENT is for
(L{smtpx.extensions.xclient}), and no policy of ours reads it.

Only clients on a host list may do so, and by default there are none.  The keyword
stands in the EHLO response for them alone, with the names of the attributes.
Commands add to each other until MAIL, whose envelope has the attributes then.  RSET
and a new beginning forget them; what is said after a MAIL that failed counts from
nothing.

The main log has them in the words of Postfix: C{orig_client=} and
C{orig_queue_id=}.

There is no client side yet: it would be that of a relay, which knows of each message
who sent it.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from zope.interface import implementer

from ..core.attributes import (
    ADDRESS,
    HOST,
    NAMES,
    PORT,
    TEXT,
    Attribute,
    Attributes,
    Told,
    among,
)
from ..core.envelope import Recipient, Stamp
from ..core.grammar import Malformed
from ..core.hooks import Capability, LogFields, Stage, Verb
from ..core.hostlist import HostList, clientNames
from ..core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ..core.reply import BAD_SEQUENCE, OK, Reply, reply

_NOT_ALLOWED = reply(550, "5.7.0", b"Not for you")

NAME = Attribute(b"NAME", HOST)
ADDR = Attribute(b"ADDR", ADDRESS)
PORT_OF_CLIENT = Attribute(b"PORT", PORT)
PROTO = Attribute(b"PROTO", TEXT)
HELO = Attribute(b"HELO", TEXT)
IDENT = Attribute(b"IDENT", TEXT)
SOURCE = Attribute(b"SOURCE", among(b"LOCAL", b"REMOTE"))

_ALL: tuple[Attribute[Any], ...] = (
    NAME,
    ADDR,
    PORT_OF_CLIENT,
    PROTO,
    HELO,
    IDENT,
    SOURCE,
)

ATTRIBUTES = Attributes(*_ALL)

CAPABILITY = Capability(b"XFORWARD", NAMES)


def _load(text: str) -> Told:
    return ATTRIBUTES.parse(text.encode())


#: Of a session: what was told for the next message; of an envelope: what was told of
#: it.
FORWARDED = Stamp[Told]("xforward", None, _load)


@frozen
class XForwardSettings:
    """What an operator may set of XFORWARD."""

    hosts: HostList = field(
        default=HostList(),
        metadata={
            "help": "The clients whose word is taken on where a message came from,"
            " for the logs: mail servers and filters of one's own."
        },
    )


class IXForward(IServerExtension):
    """XFORWARD (Postfix)."""


@implementer(IXForward)
class XForward:
    """
    The XFORWARD extension.

    @ivar options: the settings.
    """

    name = "XFORWARD"
    requires: tuple[str, ...] = ()
    settings = XForwardSettings

    def __init__(self, settings: XForwardSettings = XForwardSettings()) -> None:
        self.options = settings

    def configured(self, settings: XForwardSettings) -> XForward:
        """See L{smtpx.core.interfaces.IExtension}."""
        return XForward(settings)

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  While it is for nobody, it is not there."""
        if self.options.hosts == HostList():
            return
        server.capability(CAPABILITY, self._advertise)
        server.verb(
            Verb(b"XFORWARD", self._xforward, help=b"XFORWARD attribute=value...")
        )
        for verb in (b"RSET", b"EHLO", b"HELO"):
            server.gate(_forget, verb)
        server.review(Stage.MAIL, _note)
        server.record(_record)
        for each in _ALL:
            word = each.name.decode("ascii").lower()
            server.variable(f"xforward_{word}", _Reading(each))

    def _welcome(self, session: IServerSession) -> bool:
        return self.options.hosts.matches(session.peer, clientNames(session))

    def _advertise(self, session: IServerSession) -> tuple[bytes, ...] | None:
        return ATTRIBUTES.names if self._welcome(session) else None

    def _xforward(self, session: IServerSession, rest: bytes) -> Reply:
        if session.envelope is not None:
            return BAD_SEQUENCE
        if not self._welcome(session):
            return _NOT_ALLOWED
        try:
            given = ATTRIBUTES.parse(rest)
        except Malformed as bad:
            return reply(501, "5.5.4", str(bad).encode("ascii"))
        before = session.stamps.get(FORWARDED)
        if before is not None:
            given = before.updated(given)
        session.stamps[FORWARDED] = given
        return OK


def _forget(session: IServerSession, verb: bytes) -> None:
    """The client begins anew."""
    if FORWARDED in session.stamps:
        del session.stamps[FORWARDED]


def _note(session: IServerSession, recipient: Recipient | None) -> None:
    """MAIL: what was told is told of this message."""
    given = session.stamps.get(FORWARDED)
    if given is not None:
        assert session.envelope is not None
        session.envelope.stamps[FORWARDED] = given
        _forget(session, b"MAIL")


def _given(session: IServerSession) -> Told | None:
    envelope = session.envelope
    return None if envelope is None else envelope.stamp(FORWARDED)


@frozen
class _Reading:
    """Reads one attribute of the message that is under way."""

    attribute: Attribute[Any]

    def __call__(self, session: IServerSession) -> object:
        """What was told of it; L{None}: nothing, or that it is not known."""
        given = _given(session)
        return None if given is None else given.get(self.attribute) or None


def _record(session: IServerSession) -> LogFields:
    given = _given(session)
    if given is None:
        return ()
    fields: list[tuple[str, object]] = []
    if given.get(IDENT):
        fields.append(("orig_queue_id", given[IDENT]))
    name, address = given.get(NAME) or b"unknown", given.get(ADDR)
    if address:
        fields.append(("orig_client", b"%b[%b]" % (name, address)))
    elif NAME in given:
        fields.append(("orig_client", name))
    return tuple(fields)


__all__ = [
    "ATTRIBUTES",
    "FORWARDED",
    "IXForward",
    "XForward",
    "XForwardSettings",
]
