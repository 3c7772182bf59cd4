"""
Passwords that PAM checks (pam(7)): whatever the machine's administrator has put
behind the name of a service, in C{/etc/pam.d}.

The library is C{pamela}, an extra: C{pip install "smtpx[pam]"}.  Of those there
are, it is the one that gives its handle away, so that PAM is told the client's
address (C{PAM_RHOST}), which modules that count failures or look who comes from
where cannot do without.

PAM is slow by intent and may ask other machines, so it is asked in threads, a few
at once (L{Turnstile}).  No module can be interrupted: one that hangs keeps its
thread, and the client is told 454.

A user is let in where authentication and account management both succeed, under
the name that PAM has for it then; there is no session, and nothing else is asked
of PAM.  The numbers of errors are Linux-PAM's.  With those of another PAM a wrong
password may count as "cannot tell now", but never as a good one, which is 0
everywhere.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol, cast

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from ..core.errors import UsageError
from ..sasl import (
    Authenticated,
    CheckPassword,
    IUsers,
    Judgement,
)
from .passwords import Answers, Unreachable, cannotTell, knownAs
from .turnstile import Turnstile

#: Where services are, the first before the others.
SERVICE_FOLDERS = tuple(map(Path, ("/etc/pam.d", "/usr/lib/pam.d")))

#: Each module of a stack may ask for the password once more.
PROMPTS_MAX = 8

# Of Linux-PAM's C{_pam_types.h}.
_SUCCESS = 0
_SILENT = 0x8000
_DISALLOW_NULL_AUTHTOK = 0x0001

#: What a wrong name or password is.
_WRONG = frozenset((7, 10))  # PAM_AUTH_ERR, PAM_USER_UNKNOWN

#: For what else a user is refused for good; everything else is trouble of PAM's.
_REFUSED = {
    6: "permission denied",
    11: "too many attempts",
    12: "the password has to be changed",
    13: "the account has expired",
    16: "the credentials have expired",
    27: "the password has expired",
}


class PAMHandle(Protocol):
    """What C{pamela} makes of a transaction."""

    def set_item(self, item_type: int, item: str) -> None:
        """Tell PAM something."""

    def get_item(self, item_type: int) -> str | None:
        """Ask PAM something."""


class PAMLibrary(Protocol):
    """What is used of C{pamela}, which has no types."""

    PAM_USER: int
    PAM_TTY: int
    PAM_RHOST: int
    PAMError: type[Exception]

    def new_simple_password_conv(self, passwords: Any, encoding: str) -> Any:
        """Make a conversation that answers with passwords."""

    def pam_start(self, service: str, username: bytes, conv_func: Any) -> PAMHandle:
        """Begin."""

    def PAM_AUTHENTICATE(self, handle: PAMHandle, flags: int) -> int:
        """Check the password."""

    def PAM_ACCT_MGMT(self, handle: PAMHandle, flags: int) -> int:
        """Check the account."""

    def PAM_END(self, handle: PAMHandle, status: int) -> int:
        """End."""

    def pam_strerror(self, handle: PAMHandle, errno: int) -> str:
        """An error in words."""


def loadPAM() -> PAMLibrary:
    """
    The library.

    @raise UsageError: it is not installed, or finds no PAM on this machine.
    """
    try:
        return cast(PAMLibrary, importlib.import_module("pamela"))
    except ImportError as error:
        raise UsageError(
            'logins by PAM want the package pamela: python3 -m pip install "smtpx[pam]"'
        ) from error
    except (OSError, AttributeError, TypeError) as error:
        raise UsageError(f"pamela finds no PAM on this machine: {error}") from error


def findService(service: str, folders: tuple[Path, ...] = SERVICE_FOLDERS) -> Path:
    """
    The file of a service.

    @raise UsageError: there is none.  PAM would take the service C{other} then,
        which is somebody else's idea of who may log in.
    """
    for folder in folders:
        path = folder / service
        if path.is_file():
            return path
    raise UsageError(
        f"PAM has no service {service}: there is no {folders[0]}/{service}"
    )


@frozen
class PAMOutcome:
    """
    What PAM says.

    @ivar status: the first that is no success; 0: all are.
    @ivar why: the status in words.
    @ivar user: who it is then.
    """

    status: int
    why: str
    user: bytes = b""


def askPAM(library: PAMLibrary, service: str, question: CheckPassword) -> PAMOutcome:
    """
    Have PAM check a password and the account; takes its time, for a thread.

    @raise Exception: the library's C{PAMError}: PAM cannot even begin.
    """
    # PAM keeps a pointer to it; it has to live until the end.
    conversation = library.new_simple_password_conv(
        (question.password,) * PROMPTS_MAX, "utf-8"
    )
    handle = library.pam_start(service, question.user, conversation)
    status = _SUCCESS
    try:
        handle.set_item(library.PAM_TTY, "smtp")
        if question.channel.peer:
            handle.set_item(
                library.PAM_RHOST, question.channel.peer.decode("ascii", "replace")
            )
        flags = _SILENT | _DISALLOW_NULL_AUTHTOK
        status = library.PAM_AUTHENTICATE(handle, flags)
        if status == _SUCCESS:
            status = library.PAM_ACCT_MGMT(handle, flags)
        why = library.pam_strerror(handle, status)
        user = handle.get_item(library.PAM_USER) if status == _SUCCESS else None
    finally:
        library.PAM_END(handle, status)
    return PAMOutcome(status, why, (user or "").encode("utf-8"))


@implementer(IUsers)
class PAMUsers:
    """
    The users that PAM knows.  It can only check passwords, so there is no SCRAM.

    @ivar answers: what answers L{CheckPassword}.
    """

    available = True
    scram = False
    _log = Logger()

    def __init__(
        self,
        library: PAMLibrary,
        service: str,
        reactor: IReactorFromThreads,
        pool: ThreadPool,
        turnstile: Turnstile,
    ) -> None:
        """
        @param library: L{loadPAM}.
        @param service: the name of the service, as L{findService} finds it.
        @param reactor: gets the outcome of what is done in threads.
        @param pool: where PAM is asked.
        @param turnstile: bounds that.
        """
        self.answers: Answers = {CheckPassword: self.checkPassword}
        self._library = library
        self._service = service
        self._reactor = reactor
        self._pool = pool
        self._turnstile = turnstile

    def checkPassword(
        self, question: CheckPassword
    ) -> Deferred[Judgement | Authenticated]:
        """Answer L{CheckPassword}."""
        asked = self._turnstile.admit(
            lambda: deferToThreadPool(
                self._reactor,
                self._pool,
                askPAM,
                self._library,
                self._service,
                question,
            ),
            cancels=False,
            whose=question.channel.peer,
        )
        judged: Deferred[Judgement | Authenticated] = asked.addCallback(
            self._judge, question
        )
        return judged.addErrback(self._cannotTell)

    def _judge(
        self, outcome: PAMOutcome, question: CheckPassword
    ) -> Judgement | Authenticated:
        status = outcome.status
        if status == _SUCCESS:
            return knownAs(outcome.user)
        if status in _REFUSED:
            self._log.info(
                "PAM refused {user!r}: {why}", user=question.user, why=_REFUSED[status]
            )
        if status in _REFUSED or status in _WRONG:
            return Judgement.BAD
        raise Unreachable(f"PAM cannot tell: {outcome.why} ({status})")

    def _cannotTell(self, failure: Failure) -> Judgement:
        if failure.check(self._library.PAMError):
            text = f"PAM cannot begin: {failure.getErrorMessage()}"
            failure = Failure(Unreachable(text))
        return cannotTell(self._log, failure)
