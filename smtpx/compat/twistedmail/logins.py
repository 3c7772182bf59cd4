"""
Logins at a portal (C{twisted.cred}), by challengers as C{smtp.ESMTP} has them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...core.dialogue import Question, ServerDialogue, ask, line
from ...core.interfaces import IServerSession
from ...core.reply import Reply, reply
from ...sasl import decodeBase64
from .deliveries import Desk

#: Makes credentials that know how to ask for themselves
#: (C{twisted.mail.interfaces.IChallengeResponse}), by the name of the mechanism.
Challengers = Mapping[bytes, Callable[[], Any]] | Mapping[str, Callable[[], Any]]

#: The longest line of an exchange, in octets (RFC 4954 section 4).
LINE_OCTETS = 12_288

_GOOD = reply(235, "2.7.0", b"Authentication successful.")
_BAD = reply(535, "5.7.8", b"Authentication failed")
_NOT_NOW = reply(454, "4.7.0", b"Temporary authentication failure")
_CANCELLED = reply(501, "5.7.0", b"Authentication aborted")
_MALFORMED = reply(501, "5.5.2", b"Syntax error in parameters or arguments")
_TOO_LONG = reply(500, "5.5.6", b"Authentication exchange line is too long")

_log = Logger()


@frozen(eq=False)
class LogIn(Question[Reply]):
    """
    Ask the portal.

    @ivar desk: of the session.
    @ivar credentials: whole.
    """

    desk: Desk
    credentials: Any


def logIn(question: LogIn) -> Deferred[Reply]:
    """Answer L{LogIn}: 235, 535, or 454 where the portal cannot tell."""
    entered = question.desk.login(question.credentials)

    def good(result: None) -> Reply:
        question.desk.authenticated = True
        return _GOOD

    def bad(failure: Failure) -> Reply:
        failure.trap(Exception)
        if failure.check(UnauthorizedLogin):
            return _BAD
        _log.failure("The portal failed", failure)
        return _NOT_NOW

    return entered.addCallbacks(good, bad)


def namesOf(challengers: Challengers) -> dict[bytes, Callable[[], Any]]:
    """Challengers by name in upper case, whether those were text or octets."""
    return {
        (name.encode("ascii") if isinstance(name, str) else name).upper(): make
        for name, make in challengers.items()
    }


def exchange(
    make: Callable[[], Any],
    desk: Desk,
    session: IServerSession,
    initial: bytes | None,
) -> ServerDialogue:
    """
    An exchange for L{smtpx.compat.login.ForeignAuth}.

    @param make: makes the credentials.
    @param initial: the initial response, in base64.
    """
    credentials = make()
    challenge = credentials.getChallenge()
    got = initial
    while True:
        if got is None:
            prompt = Reply(334, None, (b64encode(challenge),))
            got = yield from line(prompt, LINE_OCTETS, secret=True)
        if got is None:
            return _TOO_LONG
        if got == b"*":
            return _CANCELLED
        try:
            # RFC 4954 section 4: "=" is a response that is there, but empty.
            credentials.setResponse(b"" if got == b"=" else decodeBase64(got))
        except Exception:
            # Each kind of credentials has an exception of its own for what it
            # cannot read, and some have one by accident.
            return _MALFORMED
        if not credentials.moreChallenges():
            break
        challenge, got = credentials.getChallenge(), None
    answered: Reply = yield from ask(LogIn(desk, credentials))
    if not answered.refuses:
        name = getattr(credentials, "username", None)
        session.identity = name if isinstance(name, bytes) else b""
    return answered
