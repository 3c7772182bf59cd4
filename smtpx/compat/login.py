"""
AUTH (RFC 4954) for programs that bring mechanisms of their own.

This is what L{smtpx.extensions.auth} is to ours: when AUTH is offered, what it
may follow, and how many logins may fail.  The exchange is somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from ..core.dialogue import Answered, ServerDialogue
from ..core.envelope import Bearer, Stamp
from ..core.hooks import Parameter, Verb, Where
from ..core.interfaces import (
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import BAD_ARGUMENT, BAD_SEQUENCE, Reply, reply
from ..extensions.auth import CAPABILITY, SUBMITTER_GRAMMAR
from ..extensions.starttls import CAPABILITY as STARTTLS

#: How many logins may fail before the next one ends the session (RFC 4954
#: section 9).
ATTEMPTS_MAX = 3

_AUTH = CAPABILITY.keyword

_UNKNOWN = reply(504, "5.5.4", b"Unrecognised authentication mechanism")
_IN_CLEAR = reply(538, "5.7.11", b"Encryption required for authentication")
_DEMANDED = reply(530, "5.7.0", b"Authentication required")
_TOO_OFTEN = reply(421, "4.7.0", b"Too many failed logins; closing", closes=True)

#: Section 6, of 530: what is allowed to whoever has not logged in yet.
_FREE = frozenset(
    (_AUTH, *b"EHLO HELO LHLO HELP NOOP QUIT RSET".split(), STARTTLS.keyword)
)

#: Of a session: how many logins have failed.
_FAILURES = Stamp[int]("foreign-auth-failures", None, int)

#: An exchange: session, mechanism in upper case, and the initial response as it
#: came, still in base64.  It sets C{session.identity} where it succeeds.
Exchange = Callable[[IServerSession, bytes, bytes | None], ServerDialogue]


@implementer(IServerExtension)
class ForeignAuth:
    """
    The AUTH extension, with other mechanisms.
    """

    name = "AUTH"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self,
        mechanisms: tuple[bytes, ...],
        exchange: Exchange,
        *,
        clearText: bool = False,
        demanded: bool = False,
    ) -> None:
        """
        @param mechanisms: their names, upper case; empty: AUTH is not offered.
        @param exchange: logs a client in.
        @param clearText: are logins offered and taken without TLS?
        @param demanded: is no mail taken without a login?
        """
        self._mechanisms = mechanisms
        self._exchange = exchange
        self._clearText = clearText
        self._demanded = demanded

    def configured(self, settings: object) -> ForeignAuth:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        if self._mechanisms:
            server.capability(CAPABILITY, self._advertise)
            server.verb(
                Verb(
                    _AUTH,
                    self._auth,
                    secret=True,
                    help=b"AUTH mechanism [initial-response]",
                )
            )
            server.parameter(
                Parameter(_AUTH, Where.MAIL, SUBMITTER_GRAMMAR, _receive, _send)
            )
        if self._demanded:
            server.gate(self._demand)
        server.record(_record)

    def _advertise(self, session: IServerSession) -> tuple[bytes, ...] | None:
        private = self._clearText or session.secured is not None
        return self._mechanisms if private else None

    def _demand(self, session: IServerSession, verb: bytes) -> Reply | None:
        return None if session.identity is not None or verb in _FREE else _DEMANDED

    def _auth(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        begun = session.identity is not None or session.envelope is not None
        if begun or not session.extended:
            return BAD_SEQUENCE
        if self._advertise(session) is None:
            return _IN_CLEAR
        if (session.stamps.get(_FAILURES) or 0) >= ATTEMPTS_MAX:
            return _TOO_OFTEN
        words = rest.split()
        if not 1 <= len(words) <= 2:
            return BAD_ARGUMENT
        mechanism = words[0].upper()
        if mechanism not in self._mechanisms:
            return _UNKNOWN
        return self._login(session, mechanism, words[1] if len(words) > 1 else None)

    def _login(
        self, session: IServerSession, mechanism: bytes, initial: bytes | None
    ) -> ServerDialogue:
        answered: Answered = yield from self._exchange(session, mechanism, initial)
        if session.identity is None:
            session.stamps[_FAILURES] = (session.stamps.get(_FAILURES) or 0) + 1
        else:
            session.mechanism = mechanism.decode("ascii").lower()
        return answered


def _record(session: IServerSession) -> tuple[tuple[str, object], ...]:
    if session.identity is None or session.mechanism is None:
        return ()
    who = session.identity.decode("utf-8", "replace")
    return (("A", f"{session.mechanism}:{who}"),)


def _receive(session: IServerSession, bearer: Bearer, mailbox: bytes) -> Reply | None:
    # RFC 4954 section 5: of who is not trusted it counts as "<>", and nobody is.
    return None


def _send(session: IClientSession, bearer: Bearer) -> bytes | None:
    return None
