"""
The hooks of a handler, on the commands that they are for.

EHLO, HELO, NOOP, QUIT, RSET, VRFY and STARTTLS are wrapped: the core does what it
always does, and then the hook has its say.  MAIL and RCPT are a policy's
(L{smtpx.compat.aiosmtpd.ports}), asked once there is nothing else against them.
C{handle_DATA} is a review of the whole message, so that it has the time limit of
every question and is cancelled when the client is gone, as aiosmtpd does it.

What a hook gives is what the client is told.  What it raises goes to the
handler's C{handle_exception}; without one, or where that gives no status, the
client is told 451 and the log the rest.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.address import forwardPath, reversePath
from ...core.dialogue import ServerDialogue, ServerNeed, Verdict
from ...core.envelope import Recipient, Stamp
from ...core.errors import Malformed, UsageError
from ...core.hooks import Run, Stage
from ...core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ...core.reply import BAD_SEQUENCE, OK, Reply, reply
from ...extensions.starttls import CAPABILITY as STARTTLS
from .calls import HookCall, Said, converse
from .logins import Logins
from .loops import HookLoop
from .options import Options
from .receiving import contentOf
from .server import SMTP
from .statuses import closing, helloReply, oneReply
from .values import Envelope, ProxyHeader, isMissing

#: Of a session: what its hooks get as C{server}.
SERVER = Stamp[SMTP]("aiosmtpd-server", None, lambda text: _unreadable(text))

_DISTRUSTED = reply(554, "5.7.0", b"Command refused due to lack of security")

_BAD_PROXY = reply(554, "5.7.1", b"Not by way of this proxy", closes=True)

#: The hooks there are; what else is called C{handle_} is called by nobody.
HOOKS = frozenset(
    "AUTH DATA EHLO HELO MAIL NOOP PROXY QUIT RCPT RSET STARTTLS VRFY exception".split()
)

Outcome = Reply | ServerDialogue | None


def _unreadable(text: str) -> SMTP:
    raise ValueError("ends with the session")


@implementer(IServerExtension)
class Hooks:
    """
    The hooks of one handler, on the commands they are for.

    @ivar logins: the mechanisms to log in by.
    """

    name = "aiosmtpd"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(
        self,
        handler: object,
        options: Options,
        home: HookLoop,
        met: Callable[[SMTP], object] | None = None,
        allByProxy: bool = False,
    ) -> None:
        """
        @param home: where hooks run.
        @param met: told of each client, before its first hook.
        @param allByProxy: does every connection begin with a PROXY header?
        @raise UsageError: a C{handle_EHLO} that takes neither four nor five
            arguments.
        """
        self._handler = handler
        self._options = options
        self._home = home
        self._met = met
        self._allByProxy = allByProxy
        self._hooks = _hooksOf(handler)
        self._process = getattr(handler, "process_message", None)
        hello = self._hooks.get("EHLO")
        self._helloArguments = 5 if hello is None else _countArguments(hello)
        self.logins = Logins(handler, options)

    def configured(self, settings: object) -> Hooks:
        """See L{smtpx.core.interfaces.IExtension}."""
        return self

    @property
    def takesMessages(self) -> bool:
        """Does the handler want the messages themselves?"""
        return "DATA" in self._hooks or self._process is not None

    @property
    def judgesProxies(self) -> bool:
        """Does the handler say which proxies are good?"""
        return "PROXY" in self._hooks

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.wrap(b"EHLO", self._ehlo)
        server.wrap(b"HELO", self._helo)
        server.wrap(b"MAIL", self._options_of(reversePath))
        server.wrap(b"RCPT", self._options_of(forwardPath))
        server.wrap(b"RSET", self._rset)
        server.wrap(STARTTLS.keyword, self._startTLS)
        for name, wrapper in (
            ("NOOP", self._noop),
            ("QUIT", self._quit),
            ("VRFY", self._vrfy),
        ):
            if name in self._hooks:
                server.wrap(name.encode("ascii"), wrapper)
        if self.takesMessages:
            server.review(Stage.MESSAGE, self._message)
        if "STARTTLS" in self._hooks:
            server.gate(self._distrust)
        if self._options.command_call_limit is not None:
            server.gate(self._limit)

    # --- calling --------------------------------------------------------------------

    def server(self, session: IServerSession) -> SMTP:
        """What the hooks of a session get as C{server}."""
        found = session.stamps.get(SERVER)
        if found is None:
            name = session.name.decode("ascii", "replace")
            found = SMTP(self._handler, self._options, self._home, session, name)
            session.stamps[SERVER] = found
            if self._met is not None:
                self._met(found)
        return found

    def call(self, server: SMTP, work: Callable[[], Any]) -> HookCall:
        """Prepare a call of something that hooks are."""
        rescue = getattr(self._handler, "handle_exception", None)
        server.statuses = []
        server.call = HookCall(self._home, work, rescue)
        return server.call

    def conversed(
        self, server: SMTP, work: Callable[[], Any]
    ) -> Generator[ServerNeed, Any, Said]:
        """Call something, and wait for it in a dialogue."""
        try:
            return (yield from converse(self.call(server, work)))
        finally:
            server.call = None

    def work(self, server: SMTP, name: str, *arguments: object) -> Callable[[], Any]:
        """The call of a hook that there is."""
        hook = self._hooks[name]
        return lambda: hook(server, server.session, server.envelope, *arguments)

    def _asked(
        self, server: SMTP, usual: Reply, name: str, *arguments: object
    ) -> Generator[ServerNeed, Any, Reply]:
        """Call a hook; gives its answer, or C{usual} where it has none."""
        said = yield from self.conversed(server, self.work(server, name, *arguments))
        return self.answer(server, said, usual)

    def answer(self, server: SMTP, said: Said, usual: Reply) -> Reply:
        """What a hook's outcome is as a reply."""
        if isMissing(said.value):
            found = usual
        else:
            found = oneReply([*([] if said.failed else server.statuses), said.value])
        return closing(found, usual.closes or server.transport.closes)

    # --- who the client is --------------------------------------------------------

    def connect(self, session: IServerSession) -> None | Deferred[Reply | None]:
        """Somebody has connected; one that a proxy has brought is judged."""
        if not self.judgesProxies or (session.proxy is None and not self._allByProxy):
            return None
        server = self.server(session)
        if session.proxy is None:
            # The header names no client.  Whoever sends it is to be judged as well.
            server.session.proxy_data = ProxyHeader(None, None, 0, 0)
        given = self.call(
            server, self.work(server, "PROXY", server.session.proxy_data)
        ).whole()

        def judged(said: Said) -> Reply | None:
            good = not said.failed and not isMissing(said.value) and bool(said.value)
            return None if good else _BAD_PROXY

        return given.addCallback(judged)

    def _hello(
        self, session: IServerSession, rest: bytes, run: Run, extended: bool
    ) -> Reply:
        said = run(session, rest)
        assert isinstance(said, Reply)
        if not said.refuses:
            server = self.server(session)
            server.envelope = Envelope()
            server.greeted(session)
            server.session.extended_smtp = extended
            server.session.host_name = None
            if session.identity is None:
                server.session.authenticated = None
        return said

    def _ehlo(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = self._hello(session, rest, run, True)
        return self._named(session, said, "EHLO", self._extended)

    def _helo(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = self._hello(session, rest, run, False)
        return self._named(session, said, "HELO", self._plain)

    def _named(
        self,
        session: IServerSession,
        said: Reply,
        name: str,
        ask: Callable[[SMTP, str, Reply], Generator[ServerNeed, Any, Reply]],
    ) -> Outcome:
        if said.refuses:
            return said
        server = self.server(session)
        assert session.helo is not None
        host = session.helo.decode("ascii", "replace")
        if name not in self._hooks:
            server.session.host_name = host
            return said
        return self._judged(session, server, ask(server, host, said))

    def _judged(
        self,
        session: IServerSession,
        server: SMTP,
        asking: Generator[ServerNeed, Any, Reply],
    ) -> ServerDialogue:
        welcome = False
        try:
            answered = yield from asking
            welcome = not answered.refuses and bool(server.session.host_name)
        finally:
            if not welcome:
                # A hook that sets no host_name says that there was no hello.
                session.helo = None
        return answered

    def _plain(
        self, server: SMTP, host: str, usual: Reply
    ) -> Generator[ServerNeed, Any, Reply]:
        return self._asked(server, usual, "HELO", host)

    def _extended(
        self, server: SMTP, host: str, usual: Reply
    ) -> Generator[ServerNeed, Any, Reply]:
        lines = ["250-" + line.decode("utf-8", "replace") for line in usual.lines]
        if self._helloArguments == 4:
            work = self.work(server, "EHLO", host)
            said = yield from self.conversed(server, work)
            shown = [*lines, *server.statuses]
        else:
            work = self.work(server, "EHLO", host, [*lines, "250 HELP"])
            said = yield from self.conversed(server, work)
            shown = list(server.statuses)
        if said.failed:
            return oneReply([said.value])
        if isinstance(said.value, list | tuple):
            shown += said.value
        else:
            shown.append(said.value)
        return closing(helloReply(shown), server.transport.closes)

    # --- transactions -----------------------------------------------------------------

    def _options_of(
        self, read: Callable[[bytes], tuple[bytes, bytes]]
    ) -> Callable[[IServerSession, bytes, Run], Outcome]:
        def note(session: IServerSession, rest: bytes, run: Run) -> Outcome:
            try:
                _, parameters = read(rest)
            except Malformed:
                parameters = b""  # the core will say so
            text = parameters.upper().decode("utf-8", "surrogateescape")
            self.server(session).given = text.split()
            return run(session, rest)

        return note

    def mail(
        self, session: IServerSession, sender: bytes
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL: nobody else has anything against it."""
        server = self.server(session)
        envelope = server.envelope
        if envelope.mail_from or envelope.rcpt_tos:
            envelope = server.envelope = Envelope()
        envelope.smtp_utf8 = session.utf8Addresses
        address = _text(sender) or "<>"
        if "MAIL" in self._hooks:
            return self._whole(server, "MAIL", address, server.given)
        envelope.mail_from = address
        envelope.mail_options.extend(server.given)
        return None

    def rcpt(
        self, session: IServerSession, path: bytes
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT: nobody else has anything against it."""
        server = self.server(session)
        envelope = server.envelope
        if not envelope.mail_from:
            return BAD_SEQUENCE
        if "RCPT" in self._hooks:
            return self._whole(server, "RCPT", _text(path), server.given)
        envelope.rcpt_tos.append(_text(path))
        envelope.rcpt_options.extend(server.given)
        return None

    def _whole(
        self, server: SMTP, name: str, address: str, given: list[str]
    ) -> Deferred[Reply | None]:
        call = self.call(server, self.work(server, name, address, list(given)))

        def done(result: Any) -> Any:
            server.call = None
            return result

        said = call.whole().addBoth(done)
        return said.addCallback(lambda said: self.answer(server, said, OK))

    def _rset(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = run(session, rest)
        if not isinstance(said, Reply) or said.refuses:
            return said
        server = self.server(session)
        server.envelope = Envelope()
        return self._asked(server, said, "RSET") if "RSET" in self._hooks else said

    def _message(self, session: IServerSession, _: Recipient | None) -> Verdict:
        server = self.server(session)
        envelope = server.envelope
        try:
            refusal = contentOf(server, self._options)
            if refusal is not None:
                return refusal
            if "DATA" in self._hooks:
                work = self.work(server, "DATA")
            else:
                work = self._legacy(server, envelope)
            said = yield from self.conversed(server, work)
            if said.value is None and self._process is not None:
                return OK
            return self.answer(server, said, OK)
        finally:
            server.envelope = Envelope()

    def _legacy(self, server: SMTP, envelope: Envelope) -> Callable[[], Any]:
        process = self._process
        assert process is not None
        return lambda: process(
            server.session.peer,
            envelope.mail_from,
            envelope.rcpt_tos,
            envelope.content,
        )

    # --- the rest -------------------------------------------------------------------

    def _noop(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = run(session, rest)
        assert isinstance(said, Reply)
        argument = _text(rest.strip()) or None
        return self._asked(self.server(session), said, "NOOP", argument)

    def _quit(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = run(session, rest)
        if not isinstance(said, Reply) or said.refuses:
            return said
        return self._asked(self.server(session), said, "QUIT")

    def _vrfy(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        said = run(session, rest)
        if not isinstance(said, Reply) or said.refuses:
            return said
        address = _text(rest.split(b" ")[0].removeprefix(b"<").removesuffix(b">"))
        return self._asked(self.server(session), said, "VRFY", address)

    def _startTLS(self, session: IServerSession, rest: bytes, run: Run) -> Outcome:
        upgrade = run(session, rest)
        if upgrade is None or isinstance(upgrade, Reply):
            return upgrade
        return self._upgraded(session, upgrade)

    def _upgraded(
        self, session: IServerSession, upgrade: ServerDialogue
    ) -> ServerDialogue:
        answered = yield from upgrade
        server = self.server(session)
        server.meet(session)
        if "STARTTLS" in self._hooks:
            server.distrusted = True
            said = yield from self.conversed(server, self.work(server, "STARTTLS"))
            server.distrusted = said.failed or not said.value
        return answered

    def _distrust(self, session: IServerSession, verb: bytes) -> Reply | None:
        quits = verb == b"QUIT"
        return _DISTRUSTED if self.server(session).distrusted and not quits else None

    def _limit(self, session: IServerSession, verb: bytes) -> Reply | None:
        used = self.server(session).used
        # What nobody knows is bounded elsewhere; it is counted as one command.
        key = verb if verb.isalpha() and len(verb) <= 10 else b"*"
        used[key] = used.get(key, 0) + 1
        if used[key] <= self._options.callLimit(key):
            return None
        return reply(421, "4.7.0", key + b" sent too many times", closes=True)

    def login(
        self, session: IServerSession, mechanism: bytes, initial: bytes | None
    ) -> ServerDialogue:
        """An exchange for L{smtpx.compat.login.ForeignAuth}."""
        server = self.server(session)
        words = [_text(word) for word in (mechanism, initial) if word is not None]
        return self.logins.exchange(
            server, words, lambda work: self.conversed(server, work), session
        )


def _hooksOf(handler: object) -> dict[str, Callable[..., Any]]:
    found = {}
    for name in dir(handler):
        method = getattr(handler, name, None)
        if not name.startswith("handle_") or not callable(method):
            continue
        hook = name.removeprefix("handle_")
        if hook in HOOKS:
            found[hook] = method
        elif hook.upper() in HOOKS:
            warnings.warn(
                f"{name} is called by nobody; did you mean handle_{hook.upper()}?",
                stacklevel=5,
            )
    return found


def _countArguments(hook: Callable[..., Any]) -> int:
    parameters = inspect.signature(hook).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return 5
    count = len(parameters)
    if count not in (4, 5):
        raise UsageError(f"handle_EHLO takes four or five arguments, not {count}")
    return count


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
