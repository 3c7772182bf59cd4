"""
Tokens that a function of the program checks (RFC 6750).

Whoever gives tokens says in them, or by a service of its own, whose they are and
for how long (RFC 7519, RFC 7662); what of that is to be believed is the
function's to know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..sasl import (
    Cause,
    CheckToken,
    Denied,
    Outcome,
)
from .passwords import Answers, cannotTell, knownAs, withoutSecret
from .turnstile import Turnstile

#: What a check of a token says: the user's name, or L{None} for a token that is no
#: good.
Whose = str | bytes | None

#: A program's own check, of a token and of the name that the client gives, which
#: is empty where it gives none and in UTF-8 otherwise, prepared (RFC 4013).  It is
#: called in the reactor's thread; if it takes long, it is to be a coroutine or to
#: return a Deferred.
TokenCheck = Callable[[bytes, bytes], "Whose | Deferred[Whose] | Awaitable[Whose]"]


class TokenValidator:
    """
    Answers L{CheckToken} by asking a function.

    @ivar answers: what answers it.
    """

    _log = Logger()

    def __init__(self, check: TokenCheck, turnstile: Turnstile) -> None:
        """
        @param check: says whose a token is; see L{TokenCheck}.
        @param turnstile: bounds how many are checked at once, and how long.
        """
        self.answers: Answers = {CheckToken: self.checkToken}
        self._check = check
        self._turnstile = turnstile

    def checkToken(self, question: CheckToken) -> Deferred[Outcome]:
        """Answer L{CheckToken}."""
        checked = self._turnstile.admit(
            lambda: maybeDeferred(self._check, question.token, question.user),
            whose=question.channel.peer,
        )
        judged: Deferred[Outcome] = checked.addCallback(self._judge, question)
        return judged.addErrback(self._cannotTell, question)

    def _judge(self, said: object, question: CheckToken) -> Outcome:
        if said is None:
            return Denied(Cause.CREDENTIALS, "bad token", question.user or None)
        # What is true for Python need not be a name.
        if not isinstance(said, str | bytes):
            raise TypeError(f"a token check returned {type(said).__name__}")
        return knownAs(said.encode("utf-8") if isinstance(said, str) else said)

    def _cannotTell(self, failure: Failure, question: CheckToken) -> Outcome:
        failure = withoutSecret(failure, question.token, "token")
        cannotTell(self._log, failure, "token")
        identity = question.user or None
        return Denied(Cause.UNAVAILABLE, "tokens cannot be checked", identity)
