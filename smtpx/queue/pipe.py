"""
The transport C{pipe}: a message into a command, which says by its exit status what
became of it.

What the command reads is the message as it was received, with the fields of final
delivery above it (RFC 5321 section 4.4), as in a Maildir; where one run is for
several recipients, only Return-Path, as the others would tell each of the rest.  A
command that sends the message on gets none of them.

How the command is made is in L{smtpx.queue.commandline}, how it runs in
L{smtpx.queue.commandrun}, and what its end means in L{smtpx.queue.exitstatus}.  Here
it comes together.

A command that has delivered a message, and whose end we did not live to see, is run
with it again; it is told that this may be so (C{AGAIN}).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import asctime, gmtime

from attrs import field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.hooks import Action
from ..core.reply import reply
from ..extensions.requiretls import REQUIRED
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.via import Cause
from .commandline import Case, CommandLine, Unfit
from .commandrun import Launch, Run, RunAs, RunBounds, Spawn
from .exitstatus import Reading, spread
from .interfaces import Attempt, IRelay, Leg, Located
from .mailbox import LineEnds, unixLines
from .maildir import fields

# RFC 8689 section 4.2.1.
_NO_REQUIRETLS = reply(550, "5.7.30", b"REQUIRETLS support required")


@frozen
class Piping:
    """
    How a command is run.

    @ivar command: its arguments and its environment.
    @ivar who: more of its environment: whom it runs as.
    @ivar folder: its working folder.
    @ivar umask: which rights the files that it makes do not get.
    @ivar runAs: whose rights it has; L{None}: ours.
    @ivar lineEnds: how lines end in what it reads.
    @ivar fromLine: does a line C{From } stand above it, as in an mbox?
    @ivar final: is who has it by the command the one it is for?  Otherwise it only
        sends it on, so no fields are put above the message, and that is what its
        sender is told.
    @ivar batchMax: the most recipients of one run.
    @ivar bounds: what it may take.
    @ivar reading: what its end means.
    """

    command: CommandLine
    who: tuple[tuple[bytes, bytes], ...] = ()
    folder: str = "/"
    umask: int = 0o077
    runAs: RunAs | None = None
    lineEnds: LineEnds = LineEnds.LF
    fromLine: bool = False
    final: bool = True
    batchMax: int = 1
    bounds: RunBounds = RunBounds()
    reading: Reading = field(factory=Reading)

    def launch(self, case: Case) -> Launch:
        """
        What is run for some recipients.

        @raise Unfit: nothing can be, for an address.
        """
        words = self.command.arguments(case)
        environment = dict(self.who) | self.command.environment(case)
        return Launch(words, environment, self.folder, self.umask, self.runAs)


@implementer(IRelay)
class Pipe:
    """
    Deliver into a command.

    @ivar name: its name, in the configuration and in logs.
    @ivar width: the most runs at once.
    @ivar reports: what success means for the sender.
    """

    holds = False
    gathers = False
    pauseSeconds = 0.0

    def __init__(
        self,
        name: str,
        piping: Piping,
        spawn: Spawn,
        clock: IReactorTime,
        width: int = 10,
    ) -> None:
        """
        @param spawn: starts commands.
        @param clock: for time limits.
        """
        self.name = name
        self.width = width
        self.reports = Action.DELIVERED if piping.final else Action.RELAYED
        self._piping = piping
        self._spawn = spawn
        self._clock = clock

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """A leg for each run, all in one lane."""
        lane = self.name.encode("utf-8")
        return succeed(Located(tuple(Leg(lane, some) for some in self._runs(indices))))

    def _runs(self, indices: Sequence[int]) -> Iterator[tuple[int, ...]]:
        most = self._piping.batchMax
        for start in range(0, len(indices), most):
            yield tuple(indices[start : start + most])

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Run the command; several times where that is for fewer recipients."""
        outcomes: list[Outcome] = []
        for some in self._runs(attempt.indices):
            found = await self._run(attempt, some)
            attempt.note(found)
            outcomes += found
        return outcomes

    async def _run(self, attempt: Attempt, indices: Sequence[int]) -> list[Outcome]:
        """
        @raise OSError: the command cannot be started.
        """
        if not self._piping.final and attempt.message.envelope.stamp(REQUIRED):
            why = "the sender demands TLS, and the command sends it on"
            return [
                Outcome(each, Fate.FAILED, why, _NO_REQUIRETLS, cause=Cause.TLS)
                for each in indices
            ]
        outcomes: list[Outcome] = []
        fit: list[int] = []
        launch: Launch | None = None
        for index in indices:
            try:
                launch = self._launch(attempt, (index,))
                fit.append(index)
            except Unfit as error:
                outcomes.append(_unfit(index, error))
        if launch is None:
            return outcomes
        if len(fit) > 1:
            launch = self._launch(attempt, fit)
        run = Run(self._clock, self._piping.bounds)
        run.start(self._spawn, launch, self._pieces(attempt, fit))
        result = await run.wait()
        return outcomes + spread(self._piping.reading.outcome(result), fit)

    def _launch(self, attempt: Attempt, indices: Sequence[int]) -> Launch:
        message = attempt.message
        case = Case(message.envelope, indices, message.id, attempt.again)
        return self._piping.launch(case)

    def _pieces(self, attempt: Attempt, indices: Sequence[int]) -> Iterable[bytes]:
        pieces = self._whole(attempt, indices)
        return unixLines(pieces) if self._piping.lineEnds is LineEnds.LF else pieces

    def _whole(self, attempt: Attempt, indices: Sequence[int]) -> Iterator[bytes]:
        """What the command reads, in pieces; it is a generator that owns a file."""
        message = attempt.message
        head = fromLine(message) if self._piping.fromLine else b""
        if self._piping.final and len(indices) == 1:
            head += fields(message, indices[0])
        elif self._piping.final:
            head += b"Return-Path: <%b>\r\n" % message.envelope.sender
        head += message.prefix
        if head:
            yield head
        yield from attempt.body.pieces()


def fromLine(message: SpooledMessage) -> bytes:
    """
    The line that begins a message in an mbox (RFC 4155): sender and time.
    """
    sender = message.envelope.sender or b"MAILER-DAEMON"
    # What reads it takes the sender to end at a space, which a quoted one may have.
    sender = b"".join(sender.split())
    return b"From %b %b\r\n" % (sender, asctime(gmtime(message.arrived)).encode())


def _unfit(index: int, error: Unfit) -> Outcome:
    said = error.reply
    return Outcome(index, Fate.FAILED, str(error), said, cause=Cause.RECIPIENT)


__all__ = ["Pipe", "Piping", "fromLine"]
