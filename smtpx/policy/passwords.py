"""
Who answers the questions of logins: a users file, or a function of yours.

Both are L{smtpx.sasl.IUsers}, so AUTH knows whether to offer itself, and both
have C{answers}, for whoever makes the server::

    turnstile = Turnstile(reactor)
    users = FileUsers(path, reactor, pool, turnstile)
    Auth(users=users)
    SMTPServerFactory(reactor, receiver, answers=users.answers)

To check a password is slow by intent, so it is done in threads; and since
strangers can have us do it, only so many are checked at once, only so many wait,
and nobody waits for long (L{Turnstile}).  Beyond that the answer is "cannot tell
now", which a client takes for a reason to try again later.  A user that does not
exist costs as much as one that does.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from ..core.dialogue import Question
from ..core.errors import Malformed, SMTPXError, UsageError
from ..sasl import (
    CREDENTIAL_OCTETS,
    Authenticated,
    CheckPassword,
    FetchVerifier,
    IUsers,
    Judgement,
    SCRAMVerifier,
    decoy,
    prepare,
)
from ..sasl.verifier import ITERATIONS
from .hashes import decoyHash, verifyPassword
from .turnstile import Crowded, Turnstile
from .users import BadUsersFile, Users, parseUsers, readUsers

#: A program's own check of a name and a password, both prepared (RFC 4013) and
#: in UTF-8.  It is called in the reactor's thread; if it takes long, it is to be
#: a coroutine or to return a Deferred.
PasswordCheck = Callable[[bytes, bytes], "bool | Deferred[bool] | Awaitable[bool]"]

#: By type of question: what answers it, at once or by a Deferred.
Answers = Mapping[type[Question[Any]], Callable[[Any], Any]]


class Unreachable(SMTPXError):
    """Whoever checks passwords cannot be asked, or cannot tell now."""


@implementer(IUsers)
class FileUsers:
    """
    The users of a users file, which is read again when it changes.

    @ivar path: the file; it need not be there yet.
    @ivar answers: what answers L{CheckPassword} and L{FetchVerifier}.
    """

    scram = True
    _log = Logger()

    def __init__(
        self,
        path: Path,
        reactor: IReactorFromThreads,
        pool: ThreadPool,
        turnstile: Turnstile,
    ) -> None:
        """
        @param reactor: gets the outcome of what is done in threads.
        @param pool: where passwords are hashed.
        @param turnstile: bounds that.
        @raise BadUsersFile: something is wrong in the file.
        @raise OSError: it cannot be read.
        """
        self.path = path
        self.answers: Answers = {
            CheckPassword: self.checkPassword,
            FetchVerifier: self.fetchVerifier,
        }
        self._reactor = reactor
        self._pool = pool
        self._turnstile = turnstile
        self._complaint: str | None = None
        self._seen = self._look()
        self._use(readUsers(path))

    @property
    def available(self) -> bool:
        """See L{IUsers}."""
        self._refresh()
        return bool(self._users.byName)

    def checkPassword(self, question: CheckPassword) -> Deferred[Judgement]:
        """
        Answer L{CheckPassword}: in a thread, and as slowly for a user that does
        not exist.
        """
        self._refresh()
        user = self._users.byName.get(question.user)
        encoded = self._decoyHash if user is None else user.passwordHash
        checked = self._turnstile.admit(
            lambda: deferToThreadPool(
                self._reactor, self._pool, verifyPassword, question.password, encoded
            ),
            cancels=False,
            whose=question.channel.peer,
        )
        return checked.addCallbacks(
            lambda fits: _judgement(fits and user is not None), self._cannotTell
        )

    def fetchVerifier(self, question: FetchVerifier) -> SCRAMVerifier:
        """Answer L{FetchVerifier}: at once, and with a decoy for nobody's."""
        self._refresh()
        users = self._users
        user = users.byName.get(question.user)
        if user is not None and user.verifier.hashName == question.hashName:
            return user.verifier
        return decoy(users.secret, question.user, self._iterations, question.hashName)

    def _refresh(self) -> None:
        # A file that became unreadable, or is gone, locks nobody out who was in the
        # last good one.  It is said once, and read again as soon as it changes.
        try:
            seen = self._look()
            if seen == self._seen:
                return
            self._seen = seen
            self._use(parseUsers(self.path.read_bytes(), self.path))
        except (BadUsersFile, OSError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._log.error(
                    "Users stay as they were: {complaint}", complaint=str(error)
                )
        else:
            self._complaint = None

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _use(self, users: Users) -> None:
        self._users = users
        everybody = users.byName.values()
        # Decoys are as most users are, so that they do not stand out.
        self._decoyHash = decoyHash(user.passwordHash for user in everybody)
        rounds = Counter(user.verifier.iterations for user in everybody)
        self._iterations = max(rounds, key=rounds.__getitem__, default=ITERATIONS)

    def _cannotTell(self, failure: Failure) -> Judgement:
        return cannotTell(self._log, failure)


@implementer(IUsers)
class CallableUsers:
    """
    Users that a function of the program knows.  As it can only check passwords,
    there is no SCRAM.

    @ivar answers: what answers L{CheckPassword}.
    """

    available = True
    scram = False
    _log = Logger()

    def __init__(self, check: PasswordCheck, turnstile: Turnstile) -> None:
        """
        @param check: says whether a name and a password belong together; see
            L{PasswordCheck}.  It should take as long for names it does not know.
        @param turnstile: bounds how often and how long.
        """
        self.answers: Answers = {CheckPassword: self.checkPassword}
        self._check = check
        self._turnstile = turnstile

    def checkPassword(self, question: CheckPassword) -> Deferred[Judgement]:
        """Answer L{CheckPassword}."""
        checked = self._turnstile.admit(
            lambda: maybeDeferred(self._check, question.user, question.password),
            whose=question.channel.peer,
        )
        judged: Deferred[Judgement] = checked.addCallback(self._judge)
        return judged.addErrback(self._cannotTell, question)

    def _judge(self, said: object) -> Judgement:
        # What is true for Python need not be a yes: a coroutine that nobody
        # awaits would let everybody in.
        if not isinstance(said, bool):
            raise TypeError(f"a password check returned {type(said).__name__}")
        return _judgement(said)

    def _cannotTell(self, failure: Failure, question: CheckPassword) -> Judgement:
        failure = withoutSecret(failure, question.password, "password")
        return cannotTell(self._log, failure)


def knownAs(user: bytes) -> Authenticated:
    """
    A good login, of a user whose name somebody else knows.

    @param user: the name as they have it.
    @raise Unreachable: nobody can have such a name here.
    """
    try:
        name = prepare(user)
    except Malformed as error:
        raise Unreachable(f"the user's name cannot be: {error}") from error
    if not name or len(name) > CREDENTIAL_OCTETS:
        raise Unreachable("the user's name is empty or too long")
    return Authenticated(name)


def _judgement(good: bool) -> Judgement:
    return Judgement.GOOD if good else Judgement.BAD


def withoutSecret(failure: Failure, secret: bytes, what: str) -> Failure:
    """
    A failure of a program's own check, for the log: whoever reads that could use
    what the check was given.

    @param secret: what it was given, UTF-8.
    @param what: what that is, for people.
    @return: another failure, where the secret is in the text of this one.
    """
    if failure.check(CancelledError, Crowded, Unreachable):
        return failure  # ours
    plain, told = secret.decode("utf-8"), failure.getTraceback()
    if failure.check(TimeoutError):
        told = failure.getErrorMessage()
    if not any(each in told for each in (plain, repr(plain)[1:-1], repr(secret)[2:-1])):
        return failure
    name = getattr(failure.type, "__name__", "")
    return Failure(UsageError(f"{name}, whose text has the {what} in it"))


def cannotTell(log: Logger, failure: Failure, what: str = "password") -> Judgement:
    """
    The border for what goes wrong while a password is checked.

    @param what: what else is checked.
    @return: that nobody can tell; the failure itself where the check was
        cancelled, since then nobody wants to know.
    """
    failure.trap(Exception)
    if failure.check(CancelledError):
        failure.raiseException()
    if failure.check(Crowded, TimeoutError, Unreachable):
        why = failure.getErrorMessage()
        log.warn("A {what} was not checked: {why}", what=what, why=why)
    else:
        log.failure("A {what} could not be checked", failure, what=what)
    return Judgement.UNAVAILABLE
