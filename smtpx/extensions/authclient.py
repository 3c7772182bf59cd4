"""
The client's side of AUTH (RFC 4954): which mechanism, and the exchange in base64.

The strongest mechanism that both sides have goes first.  Where the host will not have
it, the next one does, but not any: a password that the host has said is wrong is not
shown again, but to a host that may have no verifier of it; and what is weaker than
what was refused goes only where nobody could have stood between, and refused it.  A
host that does not keep to a mechanism, or puts the login off, is asked nothing more.

What the host offers may be a forecast.  Where that was wrong, a login that was begun on
it is given up, for another session without one to decide; where it was right, and AUTH
came too early for the host all the same, it is said again.

It is part of L{smtpx.extensions.auth}, which has the words of the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from typing import Any, Generator

from attrs import frozen

from .. import sasl
from ..core.dialogue import ClientNeed, send
from ..core.hooks import TLSInfo
from ..core.interfaces import IClientSession
from ..core.reply import Reply, reply
from .authsettings import AuthSettings

#: RFC 5321 section 4.5.3.1.4, with CRLF: what an initial response has to fit in.
COMMAND_OCTETS = 512

#: Section 4 and section 6: the host wants the password shown once, to make a
#: verifier of it.
_TRANSITION = 432

#: A mechanism that the host does not have, after all; that is too weak for it, or
#: for this connection; whose initial response it cannot take.
_OTHER_MECHANISM = frozenset({500, 501, 504, 534, 538})

#: RFC 4954 section 4 and RFC 5321 section 4.3.2: not now.
_UNTIMELY = 503

#: The credentials are wrong, or not of the kind that the mechanism needs.
_WRONG = 535

_BROKEN = reply(451, "4.7.0", b"Peer did not keep to the login's mechanism")


def bindingsOf(secured: TLSInfo | None) -> dict[str, bytes]:
    """
    What TLS gives that a mechanism knows how to bind to.

    @param secured: L{None}: there is no TLS.
    """
    if secured is None:
        return {}
    found = secured.bindings
    return {name: found[name] for name in sasl.BINDINGS if name in found}


@frozen
class Login:
    """
    A login at one host.

    @ivar keyword: the command.
    @ivar offered: the mechanisms that the host has.
    @ivar known: those that we have, the best first.
    @ivar settings: what the operator has set.
    """

    session: IClientSession
    keyword: bytes
    offered: Collection[bytes]
    known: Sequence[sasl.Mechanism]
    settings: AuthSettings

    def run(
        self, credentials: sasl.Credentials
    ) -> Generator[ClientNeed, Any, sasl.Mechanism | Reply | None]:
        """
        Log in, by one mechanism or another.

        @return: by which; or why the last one did not do; L{None}: there is none.
        """
        session, left = self.session, self.usable(credentials)
        refusal: Reply | None = None
        while left:
            mechanism, guess = left[0], session.guessed
            with closing(mechanism.login(credentials, self.channel())) as exchange:
                command = self.keyword + b" " + mechanism.name
                refusal = yield from prove(command, exchange)
            if refusal is None:
                return mechanism
            if guess and session.forecastWrong:
                return refusal
            if guess and refusal.code == _UNTIMELY:
                continue
            left = [each for each in left[1:] if self._next(mechanism, refusal, each)]
        return refusal

    def usable(self, credentials: sasl.Credentials) -> list[sasl.Mechanism]:
        """The mechanisms that these credentials may be used with here."""
        secured, settings = self.session.secured, self.settings
        if secured is None and not settings.clear_text:
            return []
        private = secured is None or secured.verified or settings.unverified
        bound = bool(bindingsOf(secured))
        return [
            each
            for each in self.known
            if each.name in self.offered
            and each.proof in credentials.proofs
            and (bound or not each.bound)
            and (secured is not None or not each.secured)
            and (private or not each.plain)
        ]

    def _next(self, tried: sasl.Mechanism, got: Reply, each: sasl.Mechanism) -> bool:
        """May C{each} go where C{got} was said to C{tried}?"""
        secured = self.session.secured
        verified = secured is not None and secured.verified
        if not verified and (each.plain, each.bound) != (tried.plain, tried.bound):
            # Whoever refused the stronger one may not be the host.
            return False
        if got.code == _WRONG and tried.bound:
            # The password may be good, but somebody between us.
            return False
        if got.code == _WRONG or got.code == _TRANSITION:
            return each.proof is not tried.proof
        return got.code in _OTHER_MECHANISM

    def channel(self) -> sasl.Channel:
        """The connection under the exchange."""
        secured, target = self.session.secured, self.session.target
        return sasl.Channel(
            # To say that we could bind is for those who would.
            bindingsOf(secured) if any(each.bound for each in self.known) else {},
            any(each.bound and each.name in self.offered for each in sasl.MECHANISMS),
            self.settings.iterations_max,
            secured=secured is not None,
            host=target.host,
            port=target.port,
        )


def prove(
    command: bytes, exchange: sasl.ClientExchange
) -> Generator[ClientNeed, Any, Reply | None]:
    """
    Log in by one mechanism.

    @param command: with the mechanism, without initial response.
    @return: L{None}: each side is content with the other; else why not.
    """
    waits = False
    try:
        need = yield from sasl.onward(exchange.send, None)
        got = yield from _open(command, need.octets)
        while isinstance(need, sasl.Response):
            waits = got.code == 334
            if not waits and got.code != 235:
                return got if got.refuses else _BROKEN
            heard = sasl.fromServer(b"\n".join(got.lines)) if waits else None
            need = yield from sasl.onward(exchange.send, heard)
            if need is not None:
                got = yield from send(sasl.encodeBase64(need.octets))
    except sasl.BadServer:
        if waits:
            yield from send(b"*")
        return _BROKEN
    return None


def _open(command: bytes, response: bytes | None) -> Generator[ClientNeed, Any, Reply]:
    # RFC 4954 section 4: with the initial response, if there is one and it fits.
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
