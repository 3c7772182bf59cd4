"""
Logins as handlers and authenticators of aiosmtpd make them.

The mechanisms are PLAIN (RFC 4616) and LOGIN, checked by the program's
C{authenticator} or C{auth_callback}, and every C{auth_*} method of the handler,
which takes the place of ours of that name; a C{handle_AUTH} goes before all of
them.  What they give back is read as aiosmtpd reads it, in both of its ways; where
a login failed and nobody has said anything, the client is told 535.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...core.dialogue import ServerDialogue
from ...core.errors import Malformed
from ...core.interfaces import IServerSession
from ...core.reply import Reply, reply
from ...sasl import decodeBase64
from .calls import resolved
from .options import Options
from .server import SMTP
from .statuses import repliesOf
from .values import (
    AuthResult,
    LoginPassword,
    isAuthResult,
    isMissing,
    loginPassword,
)

_GOOD = "235 2.7.0 Authentication successful"
_BAD = "535 5.7.8 Authentication credentials invalid"
_REFUSED = reply(535, "5.7.8", b"Authentication credentials invalid")

#: A mechanism: given the server and the words behind AUTH.
Login = Callable[[SMTP, list[str]], Any]


class Logins:
    """
    The mechanisms of a server.

    @ivar names: what is offered, upper case; empty: nobody could log in.
    """

    def __init__(self, handler: object, options: Options) -> None:
        self._options = options
        self._hook = getattr(handler, "handle_AUTH", None)
        methods = _methodsOf(handler)
        able = options.authenticator is not None or options.auth_callback is not None
        if able or self._hook is not None:
            methods = {"PLAIN": self._plain, "LOGIN": self._login, **methods}
        for name in options.auth_exclude_mechanism or ():
            methods.pop(name.upper(), None)
        self._methods = methods
        self.names = tuple(name.encode("ascii") for name in sorted(methods))

    def exchange(
        self,
        server: SMTP,
        words: list[str],
        conversed: Callable[[Callable[[], Any]], Any],
        session: IServerSession,
    ) -> ServerDialogue:
        """
        Log in.

        @param words: those behind AUTH, the first the mechanism.
        @param conversed: runs something where hooks run, in a dialogue.
        """
        said = yield from conversed(lambda: self._decide(server, words))
        statuses = list(server.statuses)
        if said.value is not None:
            statuses.append(said.value)
        if server.session.authenticated:
            session.identity = _identity(server)
        replies: list[Reply] = repliesOf(statuses) or [_REFUSED]
        return tuple(replies)

    # --- where hooks run --------------------------------------------------------

    async def _decide(self, server: SMTP, words: list[str]) -> Any:
        if self._hook is not None:
            status = await resolved(
                self._hook(server, server.session, server.envelope, words)
            )
            if not isMissing(status):
                return status
        method = self._methods[words[0].upper()]
        return _finish(server, await resolved(method(server, words)))

    async def _plain(self, server: SMTP, words: list[str]) -> Any:
        message = await _first(server, words, "")
        if not isinstance(message, bytes):
            return AuthResult(success=False)
        parts = message.split(b"\0")
        if len(parts) != 3:
            await server.push("501 5.5.2 Cannot split what you sent")
            return AuthResult(success=False)
        return await self._check(server, "PLAIN", parts[1], parts[2])

    async def _login(self, server: SMTP, words: list[str]) -> Any:
        login = await _first(server, words, "User Name\0")
        if not isinstance(login, bytes):
            return AuthResult(success=False)
        password = await server.challenge_auth("Password\0")
        if not isinstance(password, bytes):
            return AuthResult(success=False)
        return await self._check(server, "LOGIN", login, password)

    async def _check(
        self, server: SMTP, mechanism: str, login: bytes, password: bytes
    ) -> Any:
        data: LoginPassword = loginPassword(login, password)
        server.tried = login
        options = self._options
        if options.authenticator is not None:
            return await resolved(
                options.authenticator(
                    server, server.session, server.envelope, mechanism, data
                )
            )
        if options.auth_callback is not None:
            if await resolved(options.auth_callback(mechanism, login, password)):
                return AuthResult(success=True, auth_data=data)
        return AuthResult(success=False, handled=False)


async def _first(server: SMTP, words: list[str], challenge: str) -> Any:
    """The initial response, or what the client says when it is asked."""
    if len(words) == 1:
        return await server.challenge_auth(challenge)
    try:
        # RFC 4954 section 4: "=" is a response that is there, but empty.
        return b"" if words[1] == "=" else decodeBase64(words[1].encode("utf-8"))
    except Malformed:
        await server.push("501 5.5.2 Cannot decode base64")
        return None


def _finish(server: SMTP, result: Any) -> str | None:
    """What a mechanism gave: note it, and say what is to be said of it."""
    session = server.session
    if isAuthResult(result):
        session.authenticated = bool(result.success)
        if result.success:
            session.auth_data = result.auth_data
            session.login_data = getattr(result.auth_data, "login", None)
            return result.message or _GOOD
        return _refusal(server, result.message)
    good = result is not None and result is not False and not isMissing(result)
    session.authenticated = good
    if good:
        session.login_data = result
    return _GOOD if good else _refusal(server, None)


def _refusal(server: SMTP, message: str | None) -> str | None:
    # Who was told already is not told again: a command has one reply.
    return None if server.statuses else message or _BAD


def _identity(server: SMTP) -> bytes:
    """Who it is that has logged in, for our own log."""
    login = server.session.login_data
    if login is None:
        login = server.tried
    if isinstance(login, str):
        return login.encode("utf-8", "replace")
    return bytes(login) if isinstance(login, bytes | bytearray) else b""


def _methodsOf(handler: object) -> dict[str, Login]:
    """The C{auth_*} methods of a handler, by mechanism."""
    found: Mapping[str, Any] = dict(inspect.getmembers(handler, callable))
    return {
        getattr(
            method,
            "__auth_mechanism_name__",
            name.removeprefix("auth_").replace("__", "-"),
        ).upper(): method
        for name, method in found.items()
        if name.startswith("auth_")
    }
