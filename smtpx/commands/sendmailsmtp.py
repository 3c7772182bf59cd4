"""
C{sendmail -bs}: SMTP on the standard input and output.

The conversation is with a server in this very process, which puts what it takes into
the drop folder; so it is there whether the server runs or not.  What only that one can
know, such as which recipients there are, is told in reports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from zope.interface import implementer

from ..core.bounds import BareLines, Bounds
from ..core.dialogue import Question, ServerDialogue
from ..core.effects import (
    IServerPort,
    MayReceive,
    MaySend,
    OpenBody,
    Pending,
    TakeMessage,
    Waiting,
)
from ..core.hooks import Run, TLSOptions
from ..core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ..core.profile import ServerProfile
from ..core.reply import OK, Reply, reply
from ..core.server import ServerConnection
from ..core.transparency import LineEnds
from ..extensions.standard import STANDARD
from ..spool.dropfile import RECIPIENTS_MAX, BadDrop
from ..spool.dropfolder import Dropping, DropSettings

T = TypeVar("T")

#: What it offers: the sender's wishes are passed on as they are.
_OFFERED = ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")

_FULL = reply(452, "4.3.1", b"The message cannot be put down now")

_PIECE = 1 << 16


@implementer(IServerExtension)
class _Record:
    """
    Keeps what stands behind MAIL and RCPT, as it stands there.

    @ivar sender: behind MAIL.
    @ivar recipients: behind each RCPT.
    """

    name = "RECORD"
    requires: tuple[str, ...] = ()
    settings = None

    def __init__(self) -> None:
        self.sender = b""
        self.recipients: list[bytes] = []
        self._given = b""

    def configured(self, settings: object) -> _Record:
        """It has no options."""
        return self

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        for verb in ("MAIL", "RCPT"):
            server.wrap(verb.encode("ascii"), self._keep)

    def _keep(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        self._given = rest
        return run(session, rest)

    def mail(self) -> None:
        """MAIL is accepted."""
        self.sender, self.recipients = self._given, []

    def rcpt(self) -> None:
        """RCPT is accepted."""
        self.recipients.append(self._given)


@implementer(IServerPort)
class StandardSMTP:
    """
    A server for whoever is at the other end of the standard input.
    """

    def __init__(
        self,
        settings: DropSettings,
        begin: Callable[[], Dropping],
        complain: Callable[[str], None],
    ) -> None:
        """
        @param begin: makes room for a message.
        @param complain: told of what goes wrong here.
        """
        bounds = Bounds(
            messageOctets=settings.messageOctets,
            recipientsMax=RECIPIENTS_MAX,
            bareLines=BareLines.NORMALISE,
        )
        profile = ServerProfile(name=settings.name.encode("ascii"), bounds=bounds)
        self._record = _Record()
        offered = [STANDARD[name]() for name in _OFFERED]
        profile.load([*offered, self._record])
        self._core = ServerConnection(profile, self)
        self._begin = begin
        self._complain = complain
        self._dropping: Dropping | None = None
        #: Does the next octet begin a line?
        self._fresh = True

    def talk(
        self, read: Callable[[int], bytes], write: Callable[[bytes], object]
    ) -> None:
        """
        Talk until the client is done.

        @param read: waits for octets, at most so many; none at the end.
        @param write: writes some, at once.
        """
        # A user who types ends a line with LF.
        ends = LineEnds()
        try:
            write(self._core.start())
            while not self._core.closed:
                piece = read(_PIECE)
                answer = self._feed(ends.write(piece) if piece else ends.end())
                if answer:
                    write(answer)
                if not piece:
                    break
        finally:
            self._core.lost()

    def _feed(self, text: bytes) -> bytes:
        """
        Feed what was read command by command: a program may have written all it has
        to say at once, and nobody can have meddled with that on the way.
        """
        core, said = self._core, b""
        while text and not core.closed:
            body = core.waiting is Waiting.BODY
            if body and not (self._fresh and text.startswith(b".")):
                # Up to a line that may be the end of it.
                end = text.find(b"\n.") + 1 or len(text)
            else:
                end = text.find(b"\n") + 1 or len(text)
            part, text = text[:end], text[end:]
            self._fresh = part.endswith(b"\n")
            said += core.feed(part)
        return said

    # --- the core's port ------------------------------------------------------------

    def ask(self, question: Question[T]) -> T | Pending:
        """See L{IServerPort}.  Whatever makes sense may be sent."""
        answer: object = None
        if isinstance(question, MaySend):
            self._record.mail()
        elif isinstance(question, MayReceive):
            self._record.rcpt()
        elif isinstance(question, OpenBody):
            answer = self._open()
        elif isinstance(question, TakeMessage):
            answer = self._take()
        return cast(T, answer)

    def _open(self) -> Reply | None:
        try:
            self._dropping = self._begin()
        except OSError as error:
            self._complain(str(error))
            return _FULL
        return None

    def body(self, octets: bytes) -> None:
        """See L{IServerPort}."""
        assert self._dropping is not None
        self._dropping.write(octets)

    def dropBody(self) -> None:
        """See L{IServerPort}."""
        dropping, self._dropping = self._dropping, None
        if dropping is not None:
            dropping.abort()

    def _take(self) -> Reply:
        dropping, self._dropping = self._dropping, None
        assert dropping is not None
        try:
            dropping.commit(self._record.sender, self._record.recipients)
        except (OSError, BadDrop) as error:
            self._complain(str(error))
            return _FULL
        return OK

    def refused(self, command: bytes, answer: Reply) -> None:
        """See L{IServerPort}.  The client has been told."""

    def handshake(self, options: TLSOptions) -> None:
        """See L{IServerPort}.  No TLS is offered."""

    def evict(self, why: Reply) -> None:
        """See L{IServerPort}."""
        raise AssertionError("nobody comes in the place of this one")

    def trouble(self, owner: str, error: BaseException) -> None:
        """See L{IServerPort}."""
        self._complain(str(error))


__all__ = ["StandardSMTP"]
