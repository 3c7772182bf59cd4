"""
NO-SOLICITING (RFC 3865): which kinds of advertising are not wanted here.

A sender says what kind of advertising a message is, by C{SOLICIT=} on MAIL or by
a C{Solicitation} field.  A server says which kinds it does not want, in its EHLO
response, and refuses messages of these kinds.
"""

from __future__ import annotations

import re

from attrs import field, frozen
from twisted.plugin import IPlugin
from zope.interface import implementer

from smtpx.core.envelope import Bearer, Envelope, Recipient, Stamp
from smtpx.core.grammar import Grammar, Malformed
from smtpx.core.hooks import Capability, Parameter, Refusal, Scope, Stage, Where
from smtpx.core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from smtpx.core.reply import Reply, reply

# --- the words on the wire ----------------------------------------------------

#: Kinds of advertising, such as C{(b"net.example:ADV",)}.
Classes = tuple[bytes, ...]

_WORD = rb"[A-Za-z][A-Za-z0-9._:-]*"
_WORDS = re.compile(_WORD + rb"(?:," + _WORD + rb")*\Z")


def _parse(value: bytes | None) -> Classes:
    """
    Read C{Solicitation-keywords} (RFC 3865 section 2.2)::

        Solicitation-keywords = word 0*("," word) ; at most 1000 characters
        word = ALPHA 0*("." / "-" / "_" / ":" / ALPHA / DIGIT)
    """
    if value is None or len(value) > 1000 or _WORDS.match(value) is None:
        raise Malformed("wants solicitation class keywords")
    return tuple(value.split(b","))


def _parseOptional(value: bytes | None) -> Classes:
    return _parse(value) if value else ()


def _renderOptional(classes: Classes) -> bytes | None:
    return b",".join(classes) or None


CLASSES = Grammar[Classes](_parse, b",".join)
CAPABILITY = Capability[Classes](
    b"NO-SOLICITING", Grammar(_parseOptional, _renderOptional)
)

# --- the note on the envelope -------------------------------------------------

SOLICIT = Stamp[Classes](
    "solicit",
    lambda classes: b",".join(classes).decode("ascii"),
    lambda text: _parse(text.encode("ascii")),
)


def _receive(session: IServerSession, bearer: Bearer, given: Classes) -> Reply | None:
    bearer.stamps[SOLICIT] = given
    return None


def _send(session: IClientSession, bearer: Bearer) -> Classes | None:
    return bearer.stamps.get(SOLICIT)


PARAMETER = Parameter[Classes](b"SOLICIT", Where.MAIL, CLASSES, _receive, _send)

# --- what can be set ----------------------------------------------------------


@frozen
class NoSolicitingSettings:
    """What an operator may set of NO-SOLICITING."""

    unwanted: tuple[str, ...] = field(
        default=(),
        metadata={"help": "The kinds of advertising that are refused."},
    )

    @unwanted.validator
    def _check(self, attribute: object, value: tuple[str, ...]) -> None:
        for word in value:
            _parse(word.encode())


# --- the extension ------------------------------------------------------------


class INoSoliciting(IServerExtension, IClientExtension, IQueueExtension):
    """NO-SOLICITING (RFC 3865)."""


@implementer(IPlugin, INoSoliciting)
class NoSoliciting:
    """The NO-SOLICITING extension."""

    name = "NO-SOLICITING"
    requires: tuple[str, ...] = ()
    settings = NoSolicitingSettings

    def __init__(self, settings: NoSolicitingSettings = NoSolicitingSettings()) -> None:
        self.unwanted = tuple(word.encode("ascii") for word in settings.unwanted)

    def configured(self, settings: NoSolicitingSettings) -> NoSoliciting:
        """Make the same extension with other settings."""
        return NoSoliciting(settings)

    # --- server ---

    def extendServer(self, server: IServerBuilder) -> None:
        """Say what is not wanted, and refuse it."""
        server.capability(CAPABILITY, lambda session: self.unwanted)
        server.parameter(PARAMETER)
        server.review(Stage.RCPT, self._review)
        server.header(b"Solicitation", self._solicitation)
        server.review(Stage.MESSAGE, self._review)

    def _review(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None:
        assert session.envelope is not None
        given = session.envelope.stamps.get(SOLICIT) or ()
        return self._refusal(given, self.unwanted)

    def _solicitation(self, session: IServerSession, value: bytes) -> None:
        assert session.envelope is not None
        try:
            session.envelope.stamps[SOLICIT] = _parse(value.strip())
        except Malformed:
            # Section 2.7: what has no valid syntax is not to be conveyed.
            return

    def _refusal(self, given: Classes, unwanted: Classes) -> Reply | None:
        matched = [word for word in given if word in unwanted]
        if not matched:
            return None
        # Section 2.4: the reply names what matched.
        return reply(550, "5.7.1", b"SOLICIT=" + b",".join(matched))

    # --- client ---

    def extendClient(self, client: IClientBuilder) -> None:
        """Declare what it is, and spare hosts what they do not want."""
        client.capability(CAPABILITY)
        client.parameter(PARAMETER, under=CAPABILITY)
        client.admit(self._admit)

    def _admit(self, session: IClientSession, envelope: Envelope) -> Refusal | None:
        given = envelope.stamps.get(SOLICIT) or ()
        refusal = self._refusal(given, session.offered(CAPABILITY) or ())
        return None if refusal is None else Refusal(refusal, Scope.HOST)

    # --- queue ---

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """Keep the note while the message waits."""
        queue.stamp(SOLICIT)
