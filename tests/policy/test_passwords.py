"""
Tests for L{smtpx.policy.passwords}.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import (
    LogLevel,
)
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.core.hooks import TLSInfo
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.policy import hashes, passwords
from smtpx.policy.hashes import scrypt, verifyPassword
from smtpx.policy.passwords import CallableUsers, FileUsers, PasswordCheck
from smtpx.policy.turnstile import Turnstile
from smtpx.policy.users import BadUsersFile, User, Users, changeUsers, parseUsers
from smtpx.sasl import (
    CheckPassword,
    Credentials,
    FetchCredentials,
    FetchVerifier,
    IUsers,
    Judgement,
    SaltPassword,
    enrol,
    saltPassword,
)
from smtpx.testing.pair import pair

from .workers import Pool, Reactor, heard


def makeUser(name: bytes, password: bytes, rounds: int = 4096) -> User:
    """A user whose hash is quick."""
    return User(
        name, scrypt(password, b"saltsaltsalt"), enrol(password, b"salt", rounds)
    )


class FileUsersTests(SynchronousTestCase):
    """The users of a file."""

    def setUp(self) -> None:
        """A file with one user, quick to hash."""
        self.said = heard(self)
        self.patch(hashes, "SCRYPT_LOG_N", 4)
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.pool = Pool()
        self.add(makeUser(b"joe", b"pencil"))
        self.users = self.make()

    def add(self, user: User) -> None:
        """Put a user into the file."""
        changeUsers(self.path, partial(Users.including, user=user))

    def make(self) -> FileUsers:
        """The users of the file."""
        pool: ThreadPool = self.pool  # type: ignore[assignment]  # as much of one as is wanted
        turnstile = Turnstile(self.clock, 1, 1, 10.0)
        return FileUsers(self.path, Reactor(), pool, turnstile)

    def check(self, user: bytes, password: bytes) -> Deferred[Judgement]:
        """Ask whether they belong together."""
        return self.users.checkPassword(CheckPassword(user, password))

    def checked(self, user: bytes, password: bytes) -> Judgement:
        """The same, with the thread's work done."""
        outcome = self.check(user, password)
        self.assertEqual(self.pool.work(), 1)
        return self.successResultOf(outcome)

    def test_isUsers(self) -> None:
        """It says what AUTH wants to know."""
        verifyObject(IUsers, self.users)
        self.assertTrue(self.users.available)
        self.assertTrue(self.users.scram)
        self.assertEqual(set(self.users.answers), {CheckPassword, FetchVerifier})

    def test_passwords(self) -> None:
        """They are checked in a thread."""
        self.assertNoResult(self.check(b"joe", b"pencil"))
        self.pool.work()
        self.assertIs(self.checked(b"joe", b"pencil"), Judgement.GOOD)
        self.assertIs(self.checked(b"joe", b"pen"), Judgement.BAD)

    def test_equalWorkForNobody(self) -> None:
        """A user that does not exist costs a hash of the same parameters."""
        did: list[str] = []

        def watch(password: bytes, encoded: str) -> bool:
            did.append(encoded.rsplit("$", 2)[0])
            return verifyPassword(password, encoded)

        self.patch(passwords, "verifyPassword", watch)
        self.assertIs(self.checked(b"joe", b"pen"), Judgement.BAD)
        self.assertIs(self.checked(b"nobody", b"pencil"), Judgement.BAD)
        self.assertEqual(did[0], did[1])

    def test_nobodyFits(self) -> None:
        """Even if the decoy's password were guessed, nobody comes in by it."""
        self.patch(passwords, "verifyPassword", lambda password, encoded: True)
        self.assertIs(self.checked(b"nobody", b"x"), Judgement.BAD)
        self.assertIs(self.checked(b"joe", b"x"), Judgement.GOOD)

    def test_verifiers(self) -> None:
        """At once: the user's, or a decoy that is always the same."""
        found = self.users.fetchVerifier(FetchVerifier(b"joe"))
        self.assertEqual(found, enrol(b"pencil", b"salt", 4096))
        one = self.users.fetchVerifier(FetchVerifier(b"nobody"))
        self.assertEqual(one, self.users.fetchVerifier(FetchVerifier(b"nobody")))
        self.assertEqual(one, self.make().fetchVerifier(FetchVerifier(b"nobody")))
        self.assertEqual(one.iterations, 4096)

    def test_verifiersOfAnotherHash(self) -> None:
        """There are none, for anybody."""
        found = self.users.fetchVerifier(FetchVerifier(b"joe", "sha512"))
        self.assertEqual((found.hashName, len(found.storedKey)), ("sha512", 64))

    def test_decoysAreAsMostUsersAre(self) -> None:
        """Most here have 5000 rounds."""
        for name in (b"a", b"b"):
            self.add(makeUser(name, b"x", 5000))
        found = self.users.fetchVerifier(FetchVerifier(b"nobody"))
        self.assertEqual(found.iterations, 5000)

    def test_changes(self) -> None:
        """A new user can log in at once, one that was deleted cannot."""
        self.add(makeUser(b"ann", b"stift"))
        self.assertIs(self.checked(b"ann", b"stift"), Judgement.GOOD)
        changeUsers(self.path, lambda users: users.without(b"joe"))
        self.assertIs(self.checked(b"joe", b"pencil"), Judgement.BAD)
        changeUsers(self.path, lambda users: users.without(b"ann"))
        self.assertFalse(self.users.available)
        self.assertEqual(self.said, [])

    def test_readOnlyWhenItChanges(self) -> None:
        """Otherwise it is only looked at."""
        read: list[Path] = []

        def watch(octets: bytes, path: Path) -> Users:
            read.append(path)
            return parseUsers(octets, path)

        self.patch(passwords, "parseUsers", watch)
        for _ in range(3):
            self.assertTrue(self.users.available)
        self.add(makeUser(b"ann", b"stift"))
        for _ in range(3):
            self.assertTrue(self.users.available)
        self.assertEqual(read, [self.path])

    def test_fileThatIsNotThereYet(self) -> None:
        """No users; with the first one, AUTH is offered."""
        self.path = self.path.with_name("later")
        users = self.make()
        self.assertFalse(users.available)
        nobody = users.fetchVerifier(FetchVerifier(b"joe"))
        self.assertEqual(nobody.iterations, 65_536)
        self.add(makeUser(b"joe", b"pencil"))
        self.assertTrue(users.available)

    def test_fileThatIsGone(self) -> None:
        """
        Who was in it can still log in, and the log says so once; a file that comes
        back is read.
        """
        good = self.path.read_bytes()
        self.path.unlink()
        for _ in range(3):
            self.assertTrue(self.users.available)
            self.assertIs(self.checked(b"joe", b"pencil"), Judgement.GOOD)
        self.assertEqual(
            self.said,
            [
                (
                    LogLevel.error,
                    "Users stay as they were: [Errno 2] No such file or directory:"
                    f" '{self.path}'",
                )
            ],
        )
        self.path.write_bytes(good.replace(b"joe", b"ann"))
        self.assertIs(self.checked(b"ann", b"pencil"), Judgement.GOOD)

    def test_brokenAtTheStart(self) -> None:
        """The start stops, with file and line."""
        self.path.write_bytes(b"?\n")
        error = self.assertRaises(BadUsersFile, self.make)
        self.assertEqual(
            str(error), f"{self.path}:1: not a users file, or one of another version"
        )

    def test_brokenLater(self) -> None:
        """
        The users of before stay; the log says why, once, and it is read again
        when it is mended.
        """
        good = self.path.read_bytes()
        self.path.write_bytes(good + b"?\n")
        for _ in range(3):
            self.assertIs(self.checked(b"joe", b"pencil"), Judgement.GOOD)
        self.assertEqual(
            self.said,
            [
                (
                    LogLevel.error,
                    f"Users stay as they were: {self.path}:3: wants name:hash:verifier",
                )
            ],
        )
        self.path.write_bytes(good.replace(b"joe", b"ann"))
        self.assertIs(self.checked(b"ann", b"pencil"), Judgement.GOOD)
        self.path.write_bytes(good + b"?\n")
        self.assertTrue(self.users.available)
        self.assertEqual(len(self.said), 2)

    def test_unreadableLater(self) -> None:
        """So too where it cannot be looked at."""

        def refuse(path: Path) -> os.stat_result:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(os, "stat", refuse)
        for _ in range(3):
            self.assertTrue(self.users.available)
        self.assertEqual(len(self.said), 1)

    def test_crowd(self) -> None:
        """
        One is checked, one waits; the third is told that nobody can tell, and is
        not hashed for.
        """
        outcomes = [self.check(b"joe", b"pencil") for _ in range(3)]
        self.assertIs(self.successResultOf(outcomes[2]), Judgement.UNAVAILABLE)
        self.assertEqual(
            self.said, [(LogLevel.warn, "A password was not checked: too many wait")]
        )
        self.assertEqual([self.pool.work(), self.pool.work()], [1, 1])
        for outcome in outcomes[:2]:
            self.assertIs(self.successResultOf(outcome), Judgement.GOOD)

    def test_tooSlow(self) -> None:
        """Nobody can tell in time; the thread's place is taken until it ends."""
        outcome = self.check(b"joe", b"pencil")
        self.clock.advance(11)
        self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        self.check(b"joe", b"pencil")
        self.assertEqual(self.pool.work(), 1)
        self.assertEqual(self.pool.work(), 1)

    def test_clientThatLeaves(self) -> None:
        """Nobody wants to know any more, and nobody is told."""
        outcome = self.check(b"joe", b"pencil")
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.assertEqual(self.pool.work(), 1)
        self.assertEqual(self.said, [])

    def test_hashThatCannotBeChecked(self) -> None:
        """Nobody can tell, and the operator is told why."""
        bad = scrypt(b"x", b"saltsaltsalt").replace("ln=4", "ln=0")
        self.add(User(b"bad", bad, enrol(b"x", b"salt", 4096)))
        self.assertIs(self.checked(b"bad", b"x"), Judgement.UNAVAILABLE)
        self.assertEqual(
            self.said, [(LogLevel.critical, "A password could not be checked")]
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_withAUTH(self) -> None:
        """
        All of it: a client logs in with what is in the file, by SCRAM and by
        PLAIN, and does not with what is not.
        """

        def check(question: CheckPassword) -> Judgement:
            return self.checked(question.user, question.password)

        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            for password, good in ((b"pencil", True), (b"pen", False)):
                settings = AuthSettings(mechanisms=(mechanism,))
                credentials = Credentials(b"joe", password)
                joined = pair(
                    [Auth(users=self.users)],
                    [Auth(settings, logsIn=True)],
                    secured=TLSInfo(verified=True),
                    serverAnswers={**self.users.answers, CheckPassword: check},
                    clientAnswers={
                        FetchCredentials: partial(_say, credentials),
                        SaltPassword: lambda q: saltPassword(
                            q.password, q.salt, q.iterations
                        ),
                    },
                ).open()
                self.assertIs(joined.server.identity == b"joe", good)
                self.assertIs(joined.client.authenticated, good)


class CallableUsersTests(SynchronousTestCase):
    """A function of the program."""

    def judged(self, check: PasswordCheck) -> Deferred[Judgement]:
        """What becomes of its answer."""
        users = CallableUsers(check, Turnstile(Clock()))
        return users.answers[CheckPassword](CheckPassword(b"joe", b"pencil"))  # type: ignore[no-any-return]  # a mapping of any questions

    def test_isUsers(self) -> None:
        """It can check passwords, and so there is no SCRAM."""
        users = CallableUsers(lambda user, password: True, Turnstile(Clock()))
        verifyObject(IUsers, users)
        self.assertTrue(users.available)
        self.assertFalse(users.scram)

    def test_functions(self) -> None:
        """Plain ones, coroutines, and ones that return a Deferred."""

        def plain(user: bytes, password: bytes) -> bool:
            return (user, password) == (b"joe", b"pencil")

        async def slow(user: bytes, password: bytes) -> bool:
            return await succeed(plain(user, password))

        def later(user: bytes, password: bytes) -> Deferred[bool]:
            return succeed(plain(user, password))

        for check in (plain, slow, later):
            self.assertIs(self.successResultOf(self.judged(check)), Judgement.GOOD)
        refused = self.judged(lambda user, password: False)
        self.assertIs(self.successResultOf(refused), Judgement.BAD)

    def test_whatIsNoAnswer(self) -> None:
        """
        Only a C{bool} is one.  What is merely true, such as C{1}, lets nobody in.
        """
        said: Any
        for said in (1, "yes", None, object()):
            outcome = self.judged(partial(_say, said))
            self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 4)

    def test_exceptions(self) -> None:
        """Nobody can tell, and the operator is told why."""

        def broken(user: bytes, password: bytes) -> bool:
            raise OSError("the directory does not answer")

        outcome = self.judged(broken)
        self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_exceptionsThatTellTooMuch(self) -> None:
        """
        Nothing of the password comes into the log, however it is in the text.
        """
        for secret in ("pencil", "it's \"\\", "stift\u00fc"):
            for text in (secret, repr(secret), repr(secret.encode())):

                def broken(user: bytes, password: bytes, text: str = text) -> bool:
                    raise OSError(f"cannot bind as {text}")

                users = CallableUsers(broken, Turnstile(Clock()))
                asked = CheckPassword(b"joe", secret.encode())
                outcome = users.checkPassword(asked)
                self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
                self.assertEqual(self.flushLoggedErrors(OSError), [])
                [said] = self.flushLoggedErrors(UsageError)
                self.assertEqual(
                    said.getErrorMessage(), "OSError, whose text has the password in it"
                )

    def test_cancelledAllTheSame(self) -> None:
        """A password that is a word of every traceback is no matter."""
        users = CallableUsers(lambda *asked: Deferred(), Turnstile(Clock()))
        outcome = users.checkPassword(CheckPassword(b"joe", b"e"))
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_tooSlow(self) -> None:
        """It is cancelled, and nobody can tell."""
        clock = Clock()
        cancelled: list[object] = []

        def check(user: bytes, password: bytes) -> Deferred[bool]:
            return Deferred(cancelled.append)

        users = CallableUsers(check, Turnstile(clock, seconds=5.0))
        outcome = users.checkPassword(CheckPassword(b"joe", b"pencil"))
        clock.advance(5.1)
        self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        self.assertEqual(len(cancelled), 1)

    def test_crowd(self) -> None:
        """There is a bound as for files."""
        users = CallableUsers(lambda u, p: Deferred(), Turnstile(Clock(), 1, 0))
        question = CheckPassword(b"joe", b"pencil")
        self.assertNoResult(users.checkPassword(question))
        outcome = users.checkPassword(question)
        self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)


def _say(said: Any, *arguments: object) -> Any:
    return said
