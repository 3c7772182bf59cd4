"""
AUTH (RFC 4954): who is there, by SASL.

The mechanisms are those of L{smtpx.sasl}; what is SMTP's own is here: base64,
the replies, C{*} to cancel, the limits, and when it is offered at all.

Server.  The keyword stands in the EHLO response only where somebody could log
in: there are users (L{IUsers}), and either TLS or an operator who insists on
C{clear_text}.  What is not advertised is not accepted either.  C{-PLUS} is
offered where TLS gives something to bind to.  Passwords and verifiers are
questions of the mechanisms, which whoever runs the server answers.  The wire is
read strictly (section 4): base64 without a foreign character, lines of at most
L{LINE_OCTETS}.  A refusal never says what of name and password was wrong.

AUTH may be pipelined with what follows only if it is over in one step (section
4): the core refuses input that stands behind a challenge.

Client.  Where there are credentials for the host, the strongest mechanism that
both sides have is used, and the session is given up unless it succeeds: mail
that needs a login is not sent without.  Nothing is sent on the strength of a
forecast.  PLAIN and LOGIN go under TLS only, and only to a host whose
certificate is good, unless the settings say otherwise.

C{AUTH=} on MAIL (section 5) says who submitted a message.  It is believed of
users that the settings name; of anybody else it counts as C{AUTH=<>}.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Generator

from attrs import field, frozen
from attrs.validators import ge
from zope.interface import implementer

from .. import sasl
from ..core.address import parseMailbox
from ..core.dialogue import (
    ClientDialogue,
    ClientNeed,
    ServerDialogue,
    ServerNeed,
    Step,
    ask,
    line,
    send,
    sync,
)
from ..core.envelope import Bearer, Stamp, dumpOctets, loadOctets
from ..core.grammar import XTEXT, Grammar, Malformed
from ..core.hooks import Capability, LogFields, Parameter, Phase, Verb, Where
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IQueueBuilder,
    IQueueExtension,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import (
    BAD_ARGUMENT,
    BAD_SEQUENCE,
    NOT_IMPLEMENTED,
    UNKNOWN_PARAMETER,
    Reply,
    reply,
)
from .starttls import CAPABILITY as STARTTLS

#: Section 4: enough for all mechanisms in use; with CRLF.
LINE_OCTETS = 12_288
#: RFC 5321 section 4.5.3.1.4, with CRLF: what an initial response has to fit in.
COMMAND_OCTETS = 512

CAPABILITY = Capability[tuple[bytes, ...]](
    b"AUTH",
    Grammar(lambda raw: tuple((raw or b"").upper().split()), b" ".join),
)

#: Who submitted the message; empty: not known.
SUBMITTER = Stamp[bytes]("auth-submitter", dumpOctets, loadOctets)

#: Of a session: the mechanism of the login that succeeded, in lower case.
MECHANISM = Stamp[str]("auth-mechanism", None, str)

_WELCOME = reply(235, "2.7.0", b"Authentication succeeded")
_BAD_BASE64 = reply(501, "5.5.2", b"Cannot decode base64")
_CANCELLED = reply(501, "5.7.0", b"Authentication cancelled")
_TOO_LONG = reply(500, "5.5.6", b"Authentication exchange line is too long")
_UNKNOWN = reply(504, "5.5.4", b"Unrecognised authentication mechanism")
_IN_CLEAR = reply(538, "5.7.11", b"Encryption required for authentication")
_DEMANDED = reply(530, "5.7.0", b"Authentication required")
_TOO_OFTEN = reply(421, "4.7.0", b"Too many failed logins; closing", closes=True)

_REPLIES = {
    sasl.Cause.MALFORMED: reply(501, "5.5.2", b"Malformed authentication exchange"),
    sasl.Cause.CREDENTIALS: reply(535, "5.7.8", b"Authentication credentials invalid"),
    sasl.Cause.UNAVAILABLE: reply(454, "4.7.0", b"Temporary authentication failure"),
}

#: Section 6, of 530: what is allowed to whoever has not logged in yet.
_FREE = frozenset((*b"AUTH EHLO HELO HELP NOOP QUIT RSET".split(), STARTTLS.keyword))


@frozen
class Failure:
    """
    A login that failed.

    @ivar why: in words, for the operator only; L{None}: none has failed.
    @ivar identity: who it said to be; L{None}: it never got so far.
    @ivar count: how many have failed in this session, with it.
    """

    why: str | None = None
    identity: bytes | None = None
    count: int = 0


#: Of a session: the last login that failed.
FAILURE = Stamp[Failure]("auth-failure", None, Failure)


def _parseSubmitter(value: bytes | None) -> bytes:
    # Section 5: xtext, of a mailbox or of "<>".
    mailbox = XTEXT.parse(value)
    if mailbox == b"<>":
        return b""
    parseMailbox(mailbox, utf8=True)
    return mailbox


#: Section 5: C{AUTH=<>} is the empty value.
SUBMITTER_GRAMMAR = Grammar[bytes](
    _parseSubmitter, lambda mailbox: XTEXT.render(mailbox or b"<>")
)


def _checkMechanisms(instance: object, attribute: Any, names: tuple[str, ...]) -> None:
    known = [mechanism.name.decode("ascii") for mechanism in sasl.MECHANISMS]
    for name in names:
        if name.upper() not in known:
            raise ValueError(f"no mechanism {name!r}; there are {', '.join(known)}")


def _checkNames(instance: AuthSettings, attribute: Any, names: tuple[str, ...]) -> None:
    for name in names:
        sasl.prepare(name.encode("utf-8"))


def _option(default: Any, help: str, validator: Any = None, **more: int) -> Any:
    metadata = {"help": help, **more}
    return field(default=default, validator=validator, metadata=metadata)


@frozen
class AuthSettings:
    """What an operator may set of AUTH."""

    mechanisms: tuple[str, ...] = _option(
        tuple(mechanism.name.decode("ascii") for mechanism in sasl.MECHANISMS),
        "What may be used to log in, here and at other hosts, the best first.",
        _checkMechanisms,
    )
    clear_text: bool = _option(
        False, "Offer and take logins without TLS, for everybody on the way to see."
    )
    demanded: bool = _option(
        False,
        "Take no mail without a login.  For submission; not for a server that"
        " receives mail from the Internet.",
    )
    attempts_max: int = _option(
        3,
        "How many logins may fail in a session before the next one ends it.",
        # Section 9: not before the third.
        ge(3),
        least=3,
    )
    trusted: tuple[str, ...] = _option(
        (),
        "The users whose word is taken on who submitted a message (AUTH=).",
        _checkNames,
    )
    unverified: bool = _option(
        False,
        "As a client, send passwords to hosts under TLS whose certificate is not"
        " good.  SCRAM shows the password to nobody and needs no such leave.",
    )
    iterations_max: int = _option(
        sasl.ITERATIONS_MAX,
        "As a client, how many rounds a host may have us compute for SCRAM.",
        ge(4096),
        least=4096,
    )


class IAuth(IServerExtension, IClientExtension, IQueueExtension):
    """AUTH (RFC 4954)."""


@implementer(IAuth)
class Auth:
    """
    The AUTH extension.

    @ivar options: the settings.
    @ivar users: whether anybody can log in here; L{None}: nobody can.
    @ivar logsIn: do we log in elsewhere?  Then somebody has to answer
        L{sasl.FetchCredentials}, which is asked once a session.
    @ivar told: told of each login here: session, mechanism, was it good?
    """

    name = "AUTH"
    requires: tuple[str, ...] = ()
    settings = AuthSettings

    def __init__(
        self,
        settings: AuthSettings = AuthSettings(),
        *,
        users: sasl.IUsers | None = None,
        logsIn: bool = False,
        told: Callable[[IServerSession, str, bool], None] = lambda *login: None,
    ) -> None:
        self.options = settings
        self.users = users
        self.logsIn = logsIn
        self.told = told
        known = {mechanism.name: mechanism for mechanism in sasl.MECHANISMS}
        names = [name.upper().encode("ascii") for name in settings.mechanisms]
        self._mechanisms = tuple(known[name] for name in dict.fromkeys(names))
        self._trusted = frozenset(
            sasl.prepare(name.encode("utf-8")) for name in settings.trusted
        )

        self._parameter = Parameter(
            b"AUTH", Where.MAIL, SUBMITTER_GRAMMAR, self._receive, self._send
        )

    def configured(self, settings: AuthSettings) -> Auth:
        """See L{smtpx.core.interfaces.IExtension}."""
        return Auth(settings, users=self.users, logsIn=self.logsIn, told=self.told)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.capability(CAPABILITY, self._advertise)
        server.verb(
            Verb(
                b"AUTH",
                self._auth,
                secret=True,
                help=b"AUTH mechanism [initial-response]",
            )
        )
        server.parameter(self._parameter)
        if self.options.demanded:
            server.gate(self._demand)
        server.record(self._record)
        server.condition("authenticated", lambda session: session.identity is not None)
        # Named as Exim's, where it has them.
        server.variable("authenticated_id", lambda session: _text(session.identity))
        server.variable("authenticated_sender", _sender)
        server.variable(
            "authenticated_fail_id", lambda session: _text(_failure(session).identity)
        )
        server.variable("authentication_failure", lambda session: _failure(session).why)

    def _advertise(self, session: IServerSession) -> tuple[bytes, ...] | None:
        return tuple(each.name for each in self._offered(session)) or None

    def _offered(self, session: IServerSession) -> tuple[sasl.Mechanism, ...]:
        # With this session as it is now.
        users = self.users
        if session.secured is None and not self.options.clear_text:
            return ()
        if users is None or not users.available:
            return ()
        bound = bool(_bindings(session))
        return tuple(
            each
            for each in self._mechanisms
            if (users.scram or not each.verifier) and (bound or not each.bound)
        )

    def _demand(self, session: IServerSession, verb: bytes) -> Reply | None:
        return None if session.identity is not None or verb in _FREE else _DEMANDED

    def _auth(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        refusal = self._untimely(session)
        if refusal is not None:
            return refusal
        words = rest.split()
        if not 1 <= len(words) <= 2:
            return BAD_ARGUMENT
        offered = {each.name: each for each in self._offered(session)}
        mechanism = offered.get(words[0].upper())
        if mechanism is None:
            return _UNKNOWN
        initial = words[1] if len(words) > 1 else None
        # Section 4: "=" is a response that is there, but empty.
        return self._login(session, mechanism, b"" if initial == b"=" else initial)

    def _untimely(self, session: IServerSession) -> Reply | None:
        begun = session.identity is not None or session.envelope is not None
        if begun or not session.extended:
            return BAD_SEQUENCE
        if self.users is None or not self.users.available:
            return NOT_IMPLEMENTED
        if session.secured is None and not self.options.clear_text:
            # Whoever it is: nothing is said of name and password (RFC 8314
            # section 4.1).
            return _IN_CLEAR
        if _failure(session).count >= self.options.attempts_max:
            return _TOO_OFTEN
        return None

    def _login(
        self, session: IServerSession, mechanism: sasl.Mechanism, initial: bytes | None
    ) -> ServerDialogue:
        outcome = yield from self._converse(session, mechanism, initial)
        if isinstance(outcome, Reply):
            return outcome
        name = mechanism.name.decode("ascii")
        if isinstance(outcome, sasl.Authenticated):
            session.identity = outcome.identity
            session.stamps[MECHANISM] = name.lower()
            self.told(session, name, True)
            return _WELCOME
        if outcome.cause is not sasl.Cause.UNAVAILABLE:
            count = _failure(session).count + 1
            session.stamps[FAILURE] = Failure(outcome.why, outcome.identity, count)
            self.told(session, name, False)
        return _REPLIES[outcome.cause]

    def _converse(
        self, session: IServerSession, mechanism: sasl.Mechanism, initial: bytes | None
    ) -> Generator[ServerNeed, Any, sasl.Outcome | Reply]:
        # The exchange in base64; a reply is what ended it before its own end.
        bound = any(each.bound for each in self._offered(session))
        channel = sasl.Channel(_bindings(session), bound)
        with closing(mechanism.serve(channel)) as exchange:
            need = yield from sasl.onward(exchange.send, None)
            while isinstance(need, sasl.Challenge):
                got = initial
                if got is None:
                    prompt = Reply(334, None, (sasl.encodeBase64(need.octets),))
                    got = yield from line(prompt, LINE_OCTETS, secret=True)
                initial = None
                if got is None:
                    return _TOO_LONG
                if got == b"*":
                    return _CANCELLED
                try:
                    response = sasl.decodeBase64(got)
                except Malformed:
                    return _BAD_BASE64
                need = yield from sasl.onward(exchange.send, response)
        assert isinstance(need, sasl.Authenticated | sasl.Denied)
        return need

    def _record(self, session: IServerSession) -> LogFields:
        mechanism = session.stamps.get(MECHANISM)
        if session.identity is None or mechanism is None:
            return ()
        return (("A", f"{mechanism}:{_text(session.identity)}"),)

    # --- AUTH= of MAIL ----------------------------------------------------------

    def _receive(
        self, session: IServerSession, bearer: Bearer, mailbox: bytes
    ) -> Reply | None:
        if session.identity is None and not self._offered(session):
            return UNKNOWN_PARAMETER
        # Section 5: of who is not trusted it counts as "<>".
        trusted = session.identity in self._trusted
        bearer.stamps[SUBMITTER] = mailbox if trusted else b""
        return None

    def _send(self, session: IClientSession, bearer: Bearer) -> bytes | None:
        if not session.authenticated:
            return None
        return bearer.stamps.get(SUBMITTER) or b""

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        if self.logsIn:
            client.step(Phase.AUTHENTICATE, self._introduce)

    def _introduce(self, session: IClientSession) -> ClientDialogue:
        credentials = yield from ask(sasl.FetchCredentials(session.target.host))
        if credentials is None:
            return Step.DONE
        if session.guessed:
            yield from sync()
        offered = session.offered(CAPABILITY) or ()
        mechanism = self._strongest(session, offered)
        if mechanism is None:
            return Step.GIVE_UP
        channel = sasl.Channel(
            # To say that we could bind is for those who would.
            _bindings(session) if any(e.bound for e in self._mechanisms) else {},
            any(each.bound and each.name in offered for each in sasl.MECHANISMS),
            self.options.iterations_max,
        )
        with closing(mechanism.login(credentials, channel)) as exchange:
            session.authenticated = yield from _prove(mechanism.name, exchange)
        return Step.DONE if session.authenticated else Step.GIVE_UP

    def _strongest(
        self, session: IClientSession, offered: tuple[bytes, ...]
    ) -> sasl.Mechanism | None:
        secured = session.secured
        if secured is None and not self.options.clear_text:
            return None
        private = secured is None or secured.verified or self.options.unverified
        bound = bool(_bindings(session))
        for each in self._mechanisms:
            if each.name not in offered or (each.bound and not bound):
                continue
            if private or not each.plain:
                return each
        return None

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(SUBMITTER)


def _bindings(session: IServerSession | IClientSession) -> dict[str, bytes]:
    # What TLS gives that a mechanism knows how to bind to.
    if session.secured is None:
        return {}
    found = session.secured.bindings
    return {name: found[name] for name in sasl.BINDINGS if name in found}


def _prove(
    name: bytes, exchange: sasl.ClientExchange
) -> Generator[ClientNeed, Any, bool]:
    """Log in; returns whether each side is content with the other."""
    waits = False
    try:
        need = yield from sasl.onward(exchange.send, None)
        got = yield from _open(name, need.octets)
        while isinstance(need, sasl.Response):
            waits = got.code == 334
            if not waits and got.code != 235:
                return False
            heard = sasl.fromServer(b"\n".join(got.lines)) if waits else None
            need = yield from sasl.onward(exchange.send, heard)
            if need is not None:
                got = yield from send(sasl.encodeBase64(need.octets))
    except sasl.BadServer:
        if waits:
            yield from send(b"*")
        return False
    return True


def _open(name: bytes, response: bytes | None) -> Generator[ClientNeed, Any, Reply]:
    # Section 4: with the initial response, if there is one and it fits.
    command = b"AUTH " + name
    if response is None:
        return (yield from send(command))
    initial = sasl.encodeBase64(response)
    whole = command + b" " + (initial or b"=")
    if len(whole) + 2 <= COMMAND_OCTETS:
        return (yield from send(whole))
    got = yield from send(command)
    if got.code == 334:
        got = yield from send(initial)
    return got


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode("utf-8", "replace")


def _sender(session: IServerSession) -> object:
    envelope = session.envelope
    return None if envelope is None else _text(envelope.stamps.get(SUBMITTER))


def _failure(session: IServerSession) -> Failure:
    return session.stamps.get(FAILURE) or Failure()
