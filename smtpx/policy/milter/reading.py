"""
A message at one milter: its header, field by field, and its body, piece by piece, as
they come, and as fast as the milter takes them.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from ...core.errors import UsageError
from ...core.submitted import fieldsOf, headerEnd
from .answers import CONTINUE, Answer, Verdict
from .commands import (
    END_OF_HEADER,
    END_OF_MESSAGE,
    Command,
    bodyPiece,
    headerField,
)
from .link import MilterAway, MilterLink, Wished
from .macros import Facts
from .negotiation import Step
from .terms import MilterTerms

#: How many pieces of a body are held before no more is taken.
_PIECES_HELD = 2


@implementer(IConsumer)
class Reading:
    """
    A message that a milter reads.  It takes the message as it was sent, with CRLF line
    ends and without stuffed dots.
    """

    __slots__ = (
        "_body",
        "_commands",
        "_drained",
        "_ended",
        "_facts",
        "_final",
        "_gone",
        "_held",
        "_link",
        "_paused",
        "_pieceOctets",
        "_producer",
        "_running",
        "_skipped",
        "_steps",
        "_terms",
        "_waiting",
        "stage",
    )

    def __init__(self, link: MilterLink, terms: MilterTerms, facts: Facts) -> None:
        """
        @param facts: for macros.
        """
        agreed = link.conversation.agreed
        if agreed is None:
            raise UsageError("nothing was agreed on yet")
        self._link = link
        self._terms = terms
        self._facts = facts
        self._steps = agreed.steps
        self._pieceOctets = agreed.pieceOctets
        #: What was said last, for the log.
        self.stage = "header"
        #: The message so far; L{None}: its header is there.
        self._held: bytearray | None = bytearray()
        self._commands: deque[Command] = deque()
        self._body = bytearray()
        self._skipped = Step.NO_BODY in agreed.steps
        self._final: Answer | None = None
        self._gone: MilterAway | None = None
        self._producer: IPushProducer | None = None
        self._paused = self._waiting = self._running = self._ended = False
        self._drained: Deferred[None] | None = None

    # --- as a consumer --------------------------------------------------------------

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """It is paused while the milter does not keep up."""
        assert IPushProducer.providedBy(producer)
        self._producer = producer
        self._settle()

    def unregisterProducer(self) -> None:
        """No more comes."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """Take a piece of the message."""
        if self._over:
            return
        held = self._held
        if held is not None:
            end = headerEnd(held, data)
            if end is not None:
                self._release(bytes(held), end)
        elif not self._skipped:
            self._body += data
        self._run()

    @property
    def _over(self) -> bool:
        return self._final is not None or self._gone is not None

    def _release(self, held: bytes, end: int) -> None:
        """
        The header is there.

        @param end: how long it is; an empty line stands behind it, or nothing.
        """
        self._held = None
        fields, text = fieldsOf(held[:end])
        exact = Step.BLANK in self._steps
        most = self._octetsMax
        for each in fields:
            name, _, value = each.octets.partition(b":")
            value = value.removesuffix(b"\r\n")
            self._commands.append(headerField(name.rstrip(b" \t"), value, exact, most))
        self._commands.append(END_OF_HEADER)
        if not self._skipped:
            # Without an empty line, what is no field is the text's beginning.
            self._body += text + held[end:] if text else held[end + 2 :]

    @property
    def _octetsMax(self) -> int:
        agreed = self._link.conversation.agreed
        assert agreed is not None
        return agreed.octetsMax

    # --- to the milter --------------------------------------------------------------

    def _run(self) -> None:
        """Say as much as can be said now."""
        if self._running:
            return
        self._running = True
        try:
            while not (self._waiting or self._over):
                command = self._next()
                if command is None:
                    break
                self._say(command)
        finally:
            self._running = False
        self._settle()

    def _next(self) -> Command | None:
        if self._commands:
            return self._commands.popleft()
        body, most = self._body, self._pieceOctets
        if len(body) >= most or (self._ended and body):
            piece = bytes(body[:most])
            del body[:most]
            return bodyPiece(piece)
        return None

    def _say(self, command: Command) -> None:
        self.stage = command.name
        seconds = self._terms.commandSeconds
        answer = self._link.ask(command, self._facts.value, seconds)
        if isinstance(answer, Deferred):
            self._waiting = True
            answer.addCallbacks(self._answered, self._failed)
            return
        room = self._link.room(seconds)
        if room is not None:
            self._waiting = True
            room.addCallbacks(lambda _: self._answered(CONTINUE), self._failed)

    def _answered(self, answer: Answer) -> None:
        self._waiting = False
        if answer.verdict is Verdict.SKIP:
            self._skipped = True
            self._body.clear()
        elif answer.verdict is not Verdict.CONTINUE:
            self._final = answer
            self._forget()
        self._run()

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, MilterAway):
            failure.raiseException()
        assert isinstance(error, MilterAway)
        self._waiting = False
        self._gone = error
        self._forget()
        self._run()

    def abort(self) -> None:
        """
        There will be no such message: nothing more of it is said, and what is still
        answered is of no account.
        """
        if not self._over:
            self._gone = MilterAway("there is no such message any more")
            self._forget()
            self._waiting = False
            self._link.needNoRoom()
            self._settle()

    def _forget(self) -> None:
        """Nothing more is to be said."""
        self._held = None
        self._body.clear()
        self._commands.clear()

    def _settle(self) -> None:
        """Hold up who sends, or let go on; and tell who waits for the end."""
        behind = len(self._body) > _PIECES_HELD * self._pieceOctets
        producer = self._producer
        if behind != self._paused and producer is not None:
            self._paused = behind
            if behind:
                producer.pauseProducing()
            else:
                producer.resumeProducing()
        drained = self._drained
        if drained is not None and not self._waiting:
            self._drained = None
            drained.callback(None)

    # --- the end --------------------------------------------------------------------

    async def finish(self, facts: Facts, wished: Wished) -> Answer:
        """
        The message is whole.

        @param facts: for macros.
        @param wished: told of what is to be changed; it counts if the answer is to go
            on, or to accept.
        @return: what the milter thinks of it.
        @raise MilterAway: it has gone, at any time.
        """
        held = self._held
        self._ended = True
        if held is not None:
            self._release(bytes(held), len(held))
        self._run()
        if self._waiting:
            self._drained = Deferred()
            await self._drained
        if self._gone is not None:
            raise self._gone
        if self._final is not None:
            return self._final
        self.stage = END_OF_MESSAGE.name
        seconds = self._terms.contentSeconds
        answer = self._link.ask(END_OF_MESSAGE, facts.value, seconds, wished)
        return await answer if isinstance(answer, Deferred) else answer


__all__ = ["Reading"]
