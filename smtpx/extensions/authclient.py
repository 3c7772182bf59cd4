"""
The client's side of AUTH (RFC 4954): which mechanism, and the exchange in base64.

It is part of L{smtpx.extensions.auth}, which has the words of the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Generator

from .. import sasl
from ..core.dialogue import ClientNeed, send
from ..core.hooks import TLSInfo
from ..core.interfaces import IClientSession
from ..core.reply import Reply
from .authsettings import AuthSettings

#: RFC 5321 section 4.5.3.1.4, with CRLF: what an initial response has to fit in.
COMMAND_OCTETS = 512


def strongest(
    session: IClientSession,
    offered: Collection[bytes],
    known: Iterable[sasl.Mechanism],
    credentials: sasl.Credentials,
    settings: AuthSettings,
) -> sasl.Mechanism | None:
    """
    The mechanism to log in by.

    @param offered: those that the server has.
    @param known: those that we have, the best first.
    @return: L{None}: there is none that these credentials may be used with here.
    """
    secured = session.secured
    if secured is None and not settings.clear_text:
        return None
    private = secured is None or secured.verified or settings.unverified
    bound = bool(bindingsOf(secured))
    for each in known:
        if each.name not in offered or each.proof not in credentials.proofs:
            continue
        if (each.bound and not bound) or (each.secured and secured is None):
            continue
        if private or not each.plain:
            return each
    return None


def bindingsOf(secured: TLSInfo | None) -> dict[str, bytes]:
    """
    What TLS gives that a mechanism knows how to bind to.

    @param secured: L{None}: there is no TLS.
    """
    if secured is None:
        return {}
    found = secured.bindings
    return {name: found[name] for name in sasl.BINDINGS if name in found}


def prove(
    command: bytes, exchange: sasl.ClientExchange
) -> Generator[ClientNeed, Any, bool]:
    """
    Log in.

    @param command: with the mechanism, without initial response.
    @return: is each side content with the other?
    """
    waits = False
    try:
        need = yield from sasl.onward(exchange.send, None)
        got = yield from _open(command, need.octets)
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
