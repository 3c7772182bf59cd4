"""
AUTH (RFC 4954): who is there, by SASL.

The mechanisms are those of L{smtpx.sasl}; what is SMTP's own is here: base64,
the replies, C{*} to cancel, the limits, and when it is offered at all.

Server.  The keyword stands in the EHLO response only where somebody could log
in: there are users (L{IUsers}), tokens or certificates that are good for it, and
either TLS or an operator who insists on C{clear_text}.  What is not advertised is
not accepted either.  C{-PLUS} is offered where TLS gives something to bind to,
C{EXTERNAL} to clients whose certificate is good and somebody's, and tokens are
taken under TLS only.  Passwords, verifiers and tokens are questions of the
mechanisms, which whoever runs the server answers.  The wire is
read strictly (section 4): base64 without a foreign character, lines of at most
L{LINE_OCTETS}.  A refusal never says what of name and password was wrong.

AUTH may be pipelined with what follows only if it is over in one step (section
4): the core refuses input that stands behind a challenge.

Client.  Where there are credentials for the host, the strongest mechanism that
both sides have is used, and the next one where the host will not have that
(L{smtpx.extensions.authclient}); the session is given up unless one succeeds: mail
that needs a login is not sent without.  What shows a password goes under TLS only,
and only to a host whose certificate is good, unless the settings say otherwise; what
shows a token, never without TLS.

On the strength of a forecast a login is begun under TLS only, by the same rules: AUTH
leaves with EHLO, and its initial response with it.  It ends the flight.  Section 4
would let MAIL stand behind an AUTH that takes one step; but where the login fails the
host would have the message of somebody who is not logged in.

C{AUTH=} on MAIL (section 5) says who submitted a message.  It is believed of
users that the settings name; of anybody else it counts as C{AUTH=<>}.
"""

from __future__ import annotations

from contextlib import closing
from types import MappingProxyType
from typing import Any, Callable, Generator, Mapping

from attrs import frozen
from zope.interface import implementer

from .. import sasl
from ..core.address import parseMailbox
from ..core.dialogue import (
    ClientDialogue,
    ServerDialogue,
    ServerNeed,
    Step,
    ask,
    line,
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
from ..core.occasion import when
from ..core.reply import (
    BAD_ARGUMENT,
    BAD_SEQUENCE,
    NOT_IMPLEMENTED,
    UNKNOWN_PARAMETER,
    Reply,
    reply,
)
from ..core.trace import LOCAL
from .authclient import Login, bindingsOf
from .authsettings import AuthSettings
from .starttls import CAPABILITY as STARTTLS
from .xclient import CAPABILITY as XCLIENT

#: Section 4: enough for all mechanisms in use; with CRLF.
LINE_OCTETS = 12_288

CAPABILITY = Capability[tuple[bytes, ...]](
    b"AUTH",
    Grammar(lambda raw: tuple((raw or b"").upper().split()), b" ".join),
)

#: Who submitted the message; empty: not known.
SUBMITTER = Stamp[bytes]("auth-submitter", dumpOctets, loadOctets)

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

_DEFAULTS = AuthSettings()
_NOBODY: Mapping[str, bytes] = MappingProxyType({})

#: Section 6, of 530: what is allowed to whoever has not logged in yet; and what a
#: proxy, to whom its client has logged in, says of that.
_FREE = frozenset(
    (
        *b"AUTH EHLO HELO HELP NOOP QUIT RSET".split(),
        STARTTLS.keyword,
        XCLIENT.keyword,
    )
)


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

#: On a client's session: by what mechanism it logged in, and as whom.
_LOGIN = Stamp[str]("auth-login", None, str)


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


class IAuth(IServerExtension, IClientExtension, IQueueExtension):
    """AUTH (RFC 4954)."""


@implementer(IAuth)
class Auth:
    """
    The AUTH extension.

    @ivar options: the settings.
    @ivar users: whether anybody can log in here by a password; L{None}: nobody.
    @ivar tokens: can anybody by a token?  Then somebody has to answer
        L{sasl.CheckToken}.
    @ivar certificates: who can by a certificate that TLS has found good, by its
        subject as L{TLSInfo<smtpx.core.hooks.TLSInfo>} has it.
    @ivar logsIn: do we log in elsewhere?  Then somebody has to answer
        L{sasl.FetchCredentials}, which is asked once a session.
    @ivar told: told of each login here: session, mechanism, was it good?
    """

    name = "AUTH"
    requires: tuple[str, ...] = ()
    settings = AuthSettings

    def __init__(
        self,
        settings: AuthSettings = _DEFAULTS,
        *,
        users: sasl.IUsers | None = None,
        tokens: bool = False,
        certificates: Mapping[str, bytes] = _NOBODY,
        logsIn: bool = False,
        told: Callable[[IServerSession, str, bool], None] = lambda *login: None,
    ) -> None:
        """
        @raise Malformed: a name in C{certificates} that nobody could have.
        """
        self.options = settings
        self.users = users
        self.tokens = tokens
        self.certificates = {
            subject: sasl.prepare(name) for subject, name in certificates.items()
        }
        self.logsIn = logsIn
        self.told = told
        known = {mechanism.name: mechanism for mechanism in sasl.MECHANISMS}
        names = [name.upper().encode("ascii") for name in settings.mechanisms]
        self._mechanisms = tuple(known[name] for name in dict.fromkeys(names))
        self._trusted = frozenset(
            sasl.prepare(name.encode("utf-8")) for name in settings.trusted
        )
        self._hints = sasl.TokenHints(settings.token_scope, settings.token_discovery)
        self._parameter = Parameter(
            b"AUTH",
            Where.MAIL,
            SUBMITTER_GRAMMAR,
            self._receive,
            self._send,
            loggedIn=True,
        )

    def configured(self, settings: AuthSettings) -> Auth:
        """See L{smtpx.core.interfaces.IExtension}."""
        return Auth(
            settings,
            users=self.users,
            tokens=self.tokens,
            certificates=self.certificates,
            logsIn=self.logsIn,
            told=self.told,
        )

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
        secured = session.secured
        if secured is None and not self.options.clear_text:
            return ()
        proofs = self._proofs()
        if sasl.Proof.CERTIFICATE in proofs and self._certified(session) is None:
            proofs.discard(sasl.Proof.CERTIFICATE)
        if not proofs:
            return ()
        bound = bool(bindingsOf(secured))
        return tuple(
            each
            for each in self._mechanisms
            if each.proof in proofs
            and (bound or not each.bound)
            and (secured is not None or not each.secured)
        )

    def _proofs(self) -> set[sasl.Proof]:
        # By what anybody could log in here, whoever it is.
        proofs = set()
        if self.users is not None and self.users.available:
            proofs.add(sasl.Proof.PASSWORD)
            if self.users.scram:
                proofs.add(sasl.Proof.VERIFIER)
        if self.tokens:
            proofs.add(sasl.Proof.TOKEN)
        if self.certificates:
            proofs.add(sasl.Proof.CERTIFICATE)
        return proofs

    def _certified(self, session: IServerSession) -> bytes | None:
        # Whose the certificate is, if there is one and it is good.
        secured = session.secured
        if secured is None or not secured.verified or secured.subject is None:
            return None
        return self.certificates.get(secured.subject)

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
        if not self._proofs():
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
        if isinstance(outcome, sasl.Denied):
            return self._refuse(session, mechanism, outcome)
        name = mechanism.name.decode("ascii")
        session.identity = outcome.identity
        session.mechanism = name.lower()
        self.told(session, name, True)
        return _WELCOME

    def _refuse(
        self, session: IServerSession, mechanism: sasl.Mechanism, denied: sasl.Denied
    ) -> Reply:
        if denied.cause is not sasl.Cause.UNAVAILABLE:
            count = _failure(session).count + 1
            session.stamps[FAILURE] = Failure(denied.why, denied.identity, count)
            self.told(session, mechanism.name.decode("ascii"), False)
        return _REPLIES[denied.cause]

    def _converse(
        self, session: IServerSession, mechanism: sasl.Mechanism, initial: bytes | None
    ) -> Generator[ServerNeed, Any, sasl.Outcome | Reply]:
        # The exchange in base64; a reply is what ended it before its own end.
        with closing(mechanism.serve(self._channel(session))) as exchange:
            need = yield from sasl.onward(exchange.send, None)
            while isinstance(need, sasl.Challenge):
                # Noted before it is said: many a client hangs up then.
                refusal = need.failed and self._refuse(session, mechanism, need.failed)
                got = initial
                if got is None:
                    prompt = Reply(334, None, (sasl.encodeBase64(need.octets),))
                    got = yield from line(prompt, LINE_OCTETS, secret=True)
                initial = None
                if refusal is not None:
                    return refusal
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

    def _channel(self, session: IServerSession) -> sasl.Channel:
        return sasl.Channel(
            bindingsOf(session.secured),
            any(each.bound for each in self._offered(session)),
            secured=session.secured is not None,
            peer=session.peer,
            local=session.local,
            certified=self._certified(session),
            hints=self._hints,
        )

    def _record(self, session: IServerSession) -> LogFields:
        if session.identity is None or session.mechanism in (None, LOCAL):
            return ()
        return (("A", f"{session.mechanism}:{_text(session.identity)}"),)

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
        return bearer.stamp(SUBMITTER) or b""

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        client.parameter(self._parameter, under=CAPABILITY)
        if self.logsIn:
            client.step(Phase.AUTHENTICATE, self._introduce)
            client.record(when(_recordLogin, offers=CAPABILITY, lasting=True))

    def _introduce(self, session: IClientSession) -> ClientDialogue:
        credentials = yield from ask(sasl.FetchCredentials(session.target.host))
        if credentials is None:
            return Step.DONE
        login = self._loginAt(session)
        if session.guessed and not (session.secured and login.usable(credentials)):
            # In the clear a guess is not enough, nor for giving up.
            yield from sync()
            login = self._loginAt(session)
        ended = yield from login.run(credentials)
        if not isinstance(ended, sasl.Mechanism):
            return ended or Step.GIVE_UP
        session.authenticated = True
        name = ended.name.decode("ascii").lower()
        session.stamps[_LOGIN] = f"{name}:{_text(credentials.user)}"
        return Step.DONE

    def _loginAt(self, session: IClientSession) -> Login:
        # With what the host offers, or is expected to.
        offered = session.offered(CAPABILITY) or ()
        word = CAPABILITY.keyword
        return Login(session, word, offered, self._mechanisms, self.options)

    # --- queue ----------------------------------------------------------------

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(SUBMITTER)


def _recordLogin(session: IClientSession) -> LogFields:
    return (("A", session.stamps[_LOGIN]),) if session.authenticated else ()


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode("utf-8", "replace")


def _sender(session: IServerSession) -> object:
    envelope = session.envelope
    return None if envelope is None else _text(envelope.stamp(SUBMITTER))


def _failure(session: IServerSession) -> Failure:
    return session.stamps.get(FAILURE) or Failure()


__all__ = [
    "CAPABILITY",
    "FAILURE",
    "LINE_OCTETS",
    "SUBMITTER",
    "SUBMITTER_GRAMMAR",
    "Auth",
    "AuthSettings",
    "Failure",
    "IAuth",
]
