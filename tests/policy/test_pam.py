"""
Tests for L{smtpx.policy.pam}, with a PAM that says what the test wants.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import UsageError
from smtpx.policy.pam import (
    PAMHandle,
    PAMLibrary,
    PAMUsers,
    findService,
    loadPAM,
)
from smtpx.policy.turnstile import Turnstile
from smtpx.sasl import Authenticated, Channel, CheckPassword, IUsers, Judgement

from .workers import Pool, Reactor, heard

QUESTION = CheckPassword(b"joe", b"pencil", Channel(peer=b"192.0.2.7"))

Outcome = Judgement | Authenticated


class PAMError(Exception):
    """What the library raises."""


@define
class Handle:
    """
    A transaction.

    @ivar user: as PAM has it.
    @ivar items: what it was told.
    """

    user: str | None
    items: dict[int, str] = field(factory=dict)

    def set_item(self, item_type: int, item: str) -> None:
        """See L{PAMHandle}."""
        self.items[item_type] = item

    def get_item(self, item_type: int) -> str | None:
        """See L{PAMHandle}."""
        return self.user


@define
class Library:
    """
    A PAM.

    @ivar start: what it raises at once; L{None}: nothing.
    @ivar authenticate: what it says of the password.
    @ivar account: what it says of the account.
    @ivar user: the user's name then.
    @ivar did: what was done, in order.
    @ivar handles: the transactions.
    """

    start: Exception | None = None
    authenticate: int = 0
    account: int = 0
    user: str | None = "joe"
    did: list[tuple[object, ...]] = field(factory=list)
    handles: list[Handle] = field(factory=list)
    PAM_USER: int = 2
    PAM_TTY: int = 3
    PAM_RHOST: int = 4
    PAMError: type[Exception] = PAMError

    def new_simple_password_conv(self, passwords: Any, encoding: str) -> Any:
        """See L{PAMLibrary}."""
        return tuple(passwords)

    def pam_start(self, service: str, username: bytes, conv_func: Any) -> PAMHandle:
        """See L{PAMLibrary}."""
        if self.start is not None:
            raise self.start
        self.did.append(("start", service, username, conv_func[0]))
        self.handles.append(Handle(self.user))
        return self.handles[-1]

    def PAM_AUTHENTICATE(self, handle: PAMHandle, flags: int) -> int:
        """See L{PAMLibrary}."""
        self.did.append(("authenticate", flags))
        return self.authenticate

    def PAM_ACCT_MGMT(self, handle: PAMHandle, flags: int) -> int:
        """See L{PAMLibrary}."""
        self.did.append(("account", flags))
        return self.account

    def PAM_END(self, handle: PAMHandle, status: int) -> int:
        """See L{PAMLibrary}."""
        self.did.append(("end", status))
        return 0

    def pam_strerror(self, handle: PAMHandle, errno: int) -> str:
        """See L{PAMLibrary}."""
        return f"error {errno}"


class PAMTests(SynchronousTestCase):
    """The users of PAM."""

    def setUp(self) -> None:
        """A PAM that is content with everybody."""
        self.said = heard(self)
        self.library: Library = Library()
        self.clock = Clock()
        self.pool = Pool()
        pool: ThreadPool = self.pool  # type: ignore[assignment]  # as much of one as is wanted
        library: PAMLibrary = self.library
        turnstile = Turnstile(self.clock, 1, 1, 20.0)
        self.users = PAMUsers(library, "smtpx", Reactor(), pool, turnstile)

    def check(self, question: CheckPassword = QUESTION) -> Deferred[Outcome]:
        """Ask for a password."""
        return self.users.checkPassword(question)

    def checked(self, question: CheckPassword = QUESTION) -> Outcome:
        """The same, with the thread's work done."""
        outcome = self.check(question)
        self.pool.work()
        return self.successResultOf(outcome)

    def test_isUsers(self) -> None:
        """It says what AUTH wants to know."""
        verifyObject(IUsers, self.users)
        self.assertTrue(self.users.available)
        self.assertFalse(self.users.scram)
        self.assertEqual(list(self.users.answers), [CheckPassword])

    def test_yes(self) -> None:
        """In a thread: password, account, and the transaction is ended."""
        self.assertNoResult(self.check())
        self.pool.work()
        flags = 0x8001
        self.assertEqual(
            self.library.did,
            [
                ("start", "smtpx", b"joe", b"pencil"),
                ("authenticate", flags),
                ("account", flags),
                ("end", 0),
            ],
        )
        self.assertEqual(self.checked(), Authenticated(b"joe"))

    def test_whereItComesFrom(self) -> None:
        """PAM is told the client's address, where it has one."""
        self.checked()
        self.checked(CheckPassword(b"joe", b"pencil"))
        told = [handle.items for handle in self.library.handles]
        self.assertEqual(told, [{3: "smtp", 4: "192.0.2.7"}, {3: "smtp"}])

    def test_anotherName(self) -> None:
        """A module may know the user by another name, which counts."""
        self.library.user = "bjo\u0308rn"
        self.assertEqual(self.checked(), Authenticated("björn".encode()))

    def test_namesThatCannotBe(self) -> None:
        """A yes for nobody is none."""
        for name in (None, "", "a\0b", "a" * 1025):
            self.library.user = name
            self.assertIs(self.checked(), Judgement.UNAVAILABLE)

    def test_no(self) -> None:
        """A wrong password and an unknown user are alike; the account is not asked."""
        for status in (7, 10):
            self.library.authenticate = status
            self.assertIs(self.checked(), Judgement.BAD)
        self.assertNotIn("account", [did[0] for did in self.library.did])
        self.assertEqual(self.library.did[-1], ("end", 10))
        self.assertEqual(self.said, [])

    def test_accountsThatMayNot(self) -> None:
        """The password is right, the account is not; the log says why."""
        # By their numbers, which are those of Linux-PAM.
        for status, why in (
            (6, "permission denied"),
            (11, "too many attempts"),
            (12, "the password has to be changed"),
            (13, "the account has expired"),
            (16, "the credentials have expired"),
            (27, "the password has expired"),
        ):
            self.library.account = status
            self.assertIs(self.checked(), Judgement.BAD)
            self.assertEqual(
                self.said.pop(), (LogLevel.info, f"PAM refused b'joe': {why}")
            )

    def test_trouble(self) -> None:
        """Whatever else PAM says is no answer, of either step."""
        for authenticate, account in ((9, 0), (0, 4), (19, 0), (-1, 0), (99, 0)):
            self.library.authenticate = authenticate
            self.library.account = account
            self.assertIs(self.checked(), Judgement.UNAVAILABLE)
            level, text = self.said.pop()
            self.assertIs(level, LogLevel.warn)
            self.assertIn(f"PAM cannot tell: error {authenticate or account}", text)

    def test_cannotBegin(self) -> None:
        """No memory, or a service that PAM cannot read."""
        self.library.start = PAMError("[PAM Error 26] Critical error")
        self.assertIs(self.checked(), Judgement.UNAVAILABLE)
        self.assertIn("PAM cannot begin: [PAM Error 26]", self.said[0][1])

    def test_exceptions(self) -> None:
        """What nobody thought of is an event with its traceback."""
        self.library.start = RuntimeError("ctypes")
        self.assertIs(self.checked(), Judgement.UNAVAILABLE)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_moduleThatHangs(self) -> None:
        """It keeps its thread, and whoever comes is told that nobody can tell."""
        hangs = self.check()
        waits = self.check()
        crowded = self.check()
        self.assertIs(self.successResultOf(crowded), Judgement.UNAVAILABLE)
        self.clock.advance(20.0)
        for outcome in (hangs, waits):
            self.assertIs(self.successResultOf(outcome), Judgement.UNAVAILABLE)
        later = self.check()
        self.assertEqual(len(self.pool.left), 1)
        # The module comes back: whoever waits is served, and only they.
        self.pool.work()
        self.assertNoResult(later)
        self.pool.work()
        self.assertEqual(self.successResultOf(later), Authenticated(b"joe"))


class SetUpTests(SynchronousTestCase):
    """What there has to be on the machine."""

    def importing(self, result: object) -> None:
        """What comes of importing the library."""

        def importModule(name: str) -> object:
            self.assertEqual(name, "pamela")
            if isinstance(result, Exception):
                raise result
            return result

        self.patch(importlib, "import_module", importModule)

    def test_library(self) -> None:
        """It is what is imported."""
        library = SimpleNamespace()
        self.importing(library)
        self.assertIs(loadPAM(), library)

    def test_libraryThatIsMissing(self) -> None:
        """The error says how to get it."""
        self.importing(ModuleNotFoundError("No module named 'pamela'"))
        error = self.assertRaises(UsageError, loadPAM)
        self.assertIn('pip install "smtpx[pam]"', str(error))

    def test_machineWithoutPAM(self) -> None:
        """There are such."""
        for error in (OSError("libpam.so.0"), AttributeError("pam_start")):
            self.importing(error)
            self.assertIn(
                "no PAM on this machine", str(self.assertRaises(UsageError, loadPAM))
            )

    def test_service(self) -> None:
        """Its file is looked for where PAM does."""
        first, second = folders = Path(self.mktemp()), Path(self.mktemp())
        for folder in folders:
            folder.mkdir()
        (second / "smtpx").touch()
        self.assertEqual(findService("smtpx", folders), second / "smtpx")
        (first / "smtpx").touch()
        self.assertEqual(findService("smtpx", folders), first / "smtpx")
        error = self.assertRaises(UsageError, findService, "smtp", folders)
        self.assertEqual(
            str(error), f"PAM has no service smtp: there is no {first}/smtp"
        )
