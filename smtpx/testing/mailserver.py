"""
Servers for tests of programs that send mail, on ports of their own.

L{MailServer} is a whole server of ours in a thread of its own, for clients that
block, such as C{smtplib}, and for programs of any kind::

    with MailServer() as server:
        with smtplib.SMTP(server.host, server.port) as client:
            client.sendmail("ann@example.com", "bob@example.com", "Subject: hi")
        [message] = server.wait(1)
        assert message.subject == "hi"

L{FaultyServer} is the same of L{smtpx.testing.scripted}: a server that does wrong
what it is told to.  Both leave the reactor of the program alone, if it has one.

L{collectMail} is for trial: it listens under the installed reactor, until the test
is over.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import define, field
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from zope.interface import implementer

from ..core.bounds import Bounds
from ..core.errors import UsageError
from ..core.interfaces import IExtension
from ..extensions.auth import Auth, AuthSettings
from ..extensions.standard import STANDARD
from ..net.apart import Listening, ServerThread
from ..net.factory import SMTPServerFactory
from ..net.sockets import internetSockets
from ..sasl import CheckPassword, IUsers, Judgement, prepare
from ..tls.authority import ensureCertificate
from ..tls.certificates import CertificateFiles
from ..tls.contexts import ServerTLS
from .faults import Fault
from .mailbox import WAIT_SECONDS, CollectedMessage, Mailbox
from .scripted import KEYWORDS, ScriptedMessage, ScriptedServer, ScriptedSession

HOST = "127.0.0.1"

#: What the server calls itself, and what its certificate is for.
NAME = "localhost"

_READY_SECONDS = 10.0


class _Threaded(ABC):
    """
    A server in a thread.

    @ivar host: where it listens.
    @ivar port: likewise; 0: it was never started.
    """

    host = HOST
    port = 0

    def __init__(self, *, secured: bool) -> None:
        """
        @param secured: is a certificate to be made?
        """
        self._secured = secured
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._thread: ServerThread | None = None

    @abstractmethod
    def _make(self, reactor: IReactorTime, tls: ServerTLS | None) -> Factory:
        """Make what makes connections."""

    def start(self) -> Self:
        """
        Listen; when this returns, clients can connect.

        @raise UsageError: it runs already.
        """
        if self._thread is not None:
            raise UsageError("the server runs already")
        loop = asyncio.new_event_loop()
        try:
            sockets = internetSockets(self.host, 0)
            server = Listening(loop, sockets, self._made)
        except BaseException:
            loop.close()
            raise
        self.port = _portOf(sockets)
        self._thread = ServerThread(server, loop)
        self._thread.start(_READY_SECONDS)
        return self

    def stop(self) -> None:
        """Listen no more, and send everybody away.  What came stays there."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        """Start it, unless it runs."""
        return self if self._thread is not None else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def authority(self) -> Path:
        """
        The file of the CA that signed the server's certificate, which is made with
        the server.

        @raise UsageError: the server has no TLS.
        """
        if not self._secured:
            raise UsageError("the server has no TLS; make it with tls=True")
        return self._certificates()[0]

    def clientContext(self) -> ssl.SSLContext:
        """
        For clients: trusts the server's CA and nobody else's.

        @raise UsageError: the server has no TLS.
        """
        return ssl.create_default_context(cafile=str(self.authority))

    def _certificates(self) -> tuple[Path, CertificateFiles]:
        """The CA's file, and those of the certificate; made when first wanted."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="smtpx-testing-")
        folder = Path(self._folder.name)
        files = ensureCertificate(folder, [NAME], time.time(), [HOST])
        return folder / "ca.pem", files

    def _made(self, reactor: AsyncioSelectorReactor) -> Factory:
        tls = None
        if self._secured:
            tls = ServerTLS([self._certificates()[1]], clock=reactor)
        return self._make(reactor, tls)


class MailServer(_Threaded):
    """
    A server that takes every message and keeps it.

    @ivar mailbox: where messages are; it may be asked from any thread.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        implicitTLS: bool = False,
        users: Mapping[str, str] | None = None,
        demandsLogin: bool = False,
        extensions: Iterable[IExtension] | None = None,
        bounds: Bounds | None = None,
        mailbox: Mailbox | None = None,
    ) -> None:
        """
        @param tls: is STARTTLS offered?
        @param implicitTLS: does TLS begin with the connection?
        @param users: names and passwords to log in by, over TLS or not; L{None}:
            nobody can.
        @param demandsLogin: is no mail taken without a login?
        @param extensions: L{None}: all of smtpx's.
        @param bounds: L{None}: the usual.
        @param mailbox: L{None}: a new one.
        """
        super().__init__(secured=tls or implicitTLS)
        self.mailbox = Mailbox() if mailbox is None else mailbox
        self._implicitTLS = implicitTLS
        self._users = _Users(users or {})
        self._bounds = bounds
        self._extensions = extensions
        self._demandsLogin = demandsLogin

    def _make(self, reactor: IReactorTime, tls: ServerTLS | None) -> Factory:
        return mailFactory(
            reactor,
            self.mailbox,
            tls=tls,
            implicitTLS=self._implicitTLS,
            users=self._users.passwords,
            demandsLogin=self._demandsLogin,
            extensions=self._extensions,
            bounds=self._bounds,
        )

    @property
    def messages(self) -> list[CollectedMessage]:
        """What has come so far, in order."""
        return self.mailbox.messages

    def wait(
        self, count: int = 1, seconds: float = WAIT_SECONDS
    ) -> list[CollectedMessage]:
        """See L{Mailbox.wait}."""
        return self.mailbox.wait(count, seconds)

    def refuse(self, address: str, code: int = 550, text: str = "Refused") -> None:
        """See L{Mailbox.refuse}."""
        self.mailbox.refuse(address, code, text)

    def clear(self) -> None:
        """See L{Mailbox.clear}."""
        self.mailbox.clear()


class FaultyServer(_Threaded):
    """
    A L{ScriptedServer} in a thread.

    @ivar script: the server itself; C{None} before it is started.
    """

    def __init__(
        self,
        *faults: Fault,
        keywords: Iterable[bytes] = KEYWORDS,
        tls: bool = False,
    ) -> None:
        """
        @param faults: what it does wrong, see L{smtpx.testing.faults}.
        @param keywords: what it offers in answer to EHLO.
        @param tls: is STARTTLS offered?
        """
        super().__init__(secured=tls)
        self._faults = faults
        self._keywords = tuple(keywords)
        self.script: ScriptedServer | None = None

    def _make(self, reactor: IReactorTime, tls: ServerTLS | None) -> Factory:
        self.script = ScriptedServer(
            *self._faults, clock=reactor, keywords=self._keywords, tls=tls
        )
        return self.script

    @property
    def messages(self) -> list[ScriptedMessage]:
        """What was taken so far, in order."""
        return [] if self.script is None else list(self.script.messages)

    @property
    def sessions(self) -> list[ScriptedSession]:
        """All connections so far."""
        return [] if self.script is None else list(self.script.sessions)


@implementer(IUsers)
@define
class _Users:
    """Names and passwords that a test has written down."""

    passwords: Mapping[str, str]
    scram = False

    @property
    def available(self) -> bool:
        """See L{IUsers}."""
        return bool(self.passwords)

    def check(self, question: CheckPassword) -> Judgement:
        """Answer L{CheckPassword}."""
        for name, password in self.passwords.items():
            mine = prepare(name.encode("utf-8")), prepare(password.encode("utf-8"))
            if mine == (question.user, question.password):
                return Judgement.GOOD
        return Judgement.BAD


def mailFactory(
    reactor: IReactorTime,
    mailbox: Mailbox,
    *,
    users: Mapping[str, str] | None = None,
    demandsLogin: bool = False,
    extensions: Iterable[IExtension] | None = None,
    **more: Any,
) -> SMTPServerFactory:
    """
    A factory whose messages go into a mailbox, for tests with a reactor, or with a
    C{Clock} and without any network.

    @param users: see L{MailServer}.
    @param more: the other parameters of L{SMTPServerFactory}.
    """
    known = _Users(users or {})
    settings = AuthSettings(clear_text=True, demanded=demandsLogin)
    makers: dict[str, Callable[[], IExtension]] = dict(STANDARD)
    makers[Auth.name] = lambda: Auth(settings, users=known)
    return SMTPServerFactory(
        reactor,
        mailbox,
        name=NAME.encode("ascii"),
        policy=mailbox,
        extensions=[make() for make in makers.values()]
        if extensions is None
        else extensions,
        answers={CheckPassword: known.check},
        **more,
    )


@define
class Collecting:
    """
    A server that listens for a test.

    @ivar mailbox: where messages are.
    @ivar host: where it listens.
    @ivar port: likewise.
    """

    mailbox: Mailbox = field(factory=Mailbox)
    host: str = HOST
    port: int = 0

    @property
    def messages(self) -> list[CollectedMessage]:
        """What has come so far, in order."""
        return self.mailbox.messages

    def when(self, count: int = 1) -> Deferred[list[CollectedMessage]]:
        """See L{Mailbox.when}."""
        return self.mailbox.when(count)


def collectMail(test: Any, reactor: Any, **more: Any) -> Collecting:
    """
    Listen for a test of trial, on the loopback and a port that the system chooses;
    when the test is over, everybody is sent away.

    @param test: a C{twisted.trial.unittest.TestCase}.
    @param reactor: the installed one, C{twisted.internet.reactor}.
    @param more: see L{mailFactory}.
    """
    collecting = Collecting()
    factory = mailFactory(reactor, collecting.mailbox, **more)
    port = reactor.listenTCP(0, factory, interface=collecting.host)
    collecting.port = port.getHost().port
    # Clean-ups run in the opposite order.
    test.addCleanup(factory.shutDown)
    test.addCleanup(maybeDeferred, port.stopListening)
    return collecting


def _portOf(sockets: list[socket.socket]) -> int:
    port: int = sockets[0].getsockname()[1]
    return port
