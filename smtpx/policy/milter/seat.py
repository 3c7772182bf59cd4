"""
One milter at one session of a client.

A L{Seat} knows how far the milter has come: whether it is asked any more, what it has
said of the client for good, and whether it knows of a transaction that it has to be
told the end of.  It gives refusals, or L{None}; that a milter has gone is no exception
here, but what its terms say.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import Reply
from ...net.ruled import RULED_OUT, RuledOut
from .answers import Answer, Verdict
from .commands import ABORT, DATA, Command, connect, helo, mail, rcpt
from .link import MilterAway, MilterLink, Wished, ignored
from .macros import Facts, place
from .milter import Milter
from .negotiation import Step
from .reading import Reading

#: Told of what a milter has done that is worth a line of the log: the session, the
#: milter's name, at what, what it was, and what there is to say of it.
Tell = Callable[[IServerSession, str, str, str, str], None]


def unheard(
    session: IServerSession, name: str, stage: str, what: str, why: str
) -> None:
    """For whom nobody is to be told."""


class Seat:
    """
    A milter at a session.

    @ivar milter: who sits here.
    @ivar discards: is the message to be thrown away?
    @ivar reading: the message as it reads it; L{None}: it does not.
    """

    __slots__ = (
        "_ended",
        "_inMail",
        "_lock",
        "_message",
        "_over",
        "_passed",
        "_refusal",
        "_session",
        "_tell",
        "discards",
        "link",
        "milter",
        "reading",
    )

    def __init__(self, milter: Milter, session: IServerSession, tell: Tell) -> None:
        """
        @param tell: told of refusals, and of a milter that has gone.
        """
        self.milter = milter
        self.link: MilterLink | None = None
        self.discards = False
        self.reading: Reading | None = None
        self._session = session
        self._tell = tell
        self._lock = DeferredLock()
        #: Has the session ended?
        self._over = False
        #: Is it not asked any more in this session?
        self._ended = False
        #: What it says to all that comes in this session.
        self._refusal: Reply | None = None
        #: Does it know of a transaction that has not ended?
        self._inMail = False
        #: Is it not asked any more of this message?
        self._passed = False
        #: What it says to this message.
        self._message: Reply | None = None

    # --- what is so -----------------------------------------------------------------

    @property
    def attends(self) -> bool:
        """Is it asked of the message in work?"""
        return not self._ended and self._inMail and not self._passed

    @property
    def refusal(self) -> Reply | None:
        """What it has against the message in work; L{None}: nothing so far."""
        return self._refusal or self._message

    def wants(self, step: Step) -> bool:
        """Has it agreed to this?"""
        link = self.link
        if link is None or link.conversation.agreed is None:
            return False
        return step in link.conversation.agreed.steps

    @property
    def rewrites(self) -> bool:
        """May the message be another when it has seen it?"""
        link = self.link
        agreed = None if link is None else link.conversation.agreed
        return agreed is not None and agreed.rewrites

    def facts(self, envelope: Envelope | None = None, id: str = "") -> Facts:
        """What macros tell it."""
        fixed = self.milter.terms.fixed
        return Facts(self._session, fixed, envelope, id=id)

    # --- what it is asked -----------------------------------------------------------

    async def connect(self) -> Reply | None:
        """A client is there."""
        session = self._session
        name = session.peerName or place(session)
        command = connect(name, session.peer, session.peerPort)
        try:
            try:
                answer = await self._begin(command, False)
            except MilterAway:
                if self.link is None or not self.link.used:
                    raise
                # It was kept from a client before, and has ended since.
                answer = await self._begin(command, True)
        except MilterAway as away:
            self.gone(command.name, away)
            # Who may not send mail may still say goodbye.
            return None
        return self._ofClient(command, answer)

    async def _begin(self, command: Command, fresh: bool) -> Answer:
        link = await self.milter.connect(fresh)
        if self._over:
            self.milter.free(link)
            raise MilterAway("the client has gone")
        self.link = link
        return await self._ask(command, self.facts())

    async def helo(self, name: bytes) -> Reply | None:
        """The client says who it is, once more perhaps."""
        if self._ended:
            return None
        if self._refusal is not None:
            return self._refusal
        self.aborted()
        command = helo(name)
        try:
            answer = await self._ask(command, self.facts())
        except MilterAway as away:
            self.gone(command.name, away)
            return None
        return self._ofClient(command, answer)

    async def mail(
        self, envelope: Envelope, parameters: tuple[bytes, ...]
    ) -> Reply | None:
        """A sender."""
        self.aborted()
        self._message = None
        self._passed = self.discards = False
        if self._ended or self._refusal is not None:
            return self._refusal
        self._inMail = True
        found = await self._envelope(
            mail(envelope.sender, parameters), self.facts(envelope)
        )
        if found is not None:
            self.aborted()
        return found

    async def rcpt(
        self, envelope: Envelope, path: bytes, parameters: tuple[bytes, ...]
    ) -> Reply | None:
        """A recipient."""
        if not self.attends:
            return self.refusal
        fixed = self.milter.terms.fixed
        facts = Facts(self._session, fixed, envelope, path)
        return await self._envelope(rcpt(path, parameters), facts)

    async def refused(
        self,
        envelope: Envelope | None,
        path: bytes,
        parameters: tuple[bytes, ...],
        why: Reply,
    ) -> None:
        """A recipient was refused; what it says to that is of no account."""
        if not (self.attends and self.wants(Step.REFUSED_TOO)):
            return
        fixed = self.milter.terms.fixed
        facts = Facts(self._session, fixed, envelope, path, why)
        command = rcpt(path, parameters)
        try:
            await self._ask(command, facts)
        except MilterAway as away:
            self.gone(command.name, away)

    async def data(self, envelope: Envelope) -> Reply | None:
        """The message is about to come."""
        if not self.attends:
            return self.refusal
        found = await self._envelope(DATA, self.facts(envelope))
        if found is not None:
            # For a milter there is no such message any more.
            self._message = found
            self._passed = True
        return found

    async def _envelope(self, command: Command, facts: Facts) -> Reply | None:
        """Ask of something that belongs to a message."""
        try:
            answer = await self._ask(command, facts)
        except MilterAway as away:
            return self.gone(command.name, away)
        return self.heard(command.name, answer)

    async def _ask(
        self, command: Command, facts: Facts, wished: Wished = ignored
    ) -> Answer:
        """
        @raise MilterAway: it has gone.
        """
        await self._lock.acquire()
        try:
            link = self.link
            if link is None:
                raise MilterAway("it was not there")
            # Of a message that came to nothing, an answer may still be to come.
            settled = link.settled()
            if settled is not None:
                await settled
            seconds = self.milter.terms.commandSeconds
            answer = link.ask(command, facts.value, seconds, wished)
            return await answer if isinstance(answer, Deferred) else answer
        finally:
            self._lock.release()

    # --- what it says -----------------------------------------------------------------

    def _ofClient(self, command: Command, answer: Answer) -> Reply | None:
        """What it says of the client as a whole."""
        if answer.verdict is Verdict.ACCEPT:
            self._end()
        elif answer.verdict is Verdict.REFUSE:
            assert answer.reply is not None
            self._refusal = answer.reply
            self._refused(command.name, answer.reply)
        return answer.reply

    def heard(self, stage: str, answer: Answer) -> Reply | None:
        """
        What it says of a message, or of a recipient.

        @param stage: at what.
        @return: the refusal, if it is one.
        """
        if answer.verdict is Verdict.ACCEPT:
            self._passed = True
        elif answer.verdict is Verdict.DISCARD:
            self._passed = self.discards = True
            self._say(stage, "discarded", "")
        elif answer.verdict is Verdict.REFUSE:
            assert answer.reply is not None
            self._refused(stage, answer.reply)
        return answer.reply

    def gone(self, stage: str, away: MilterAway) -> Reply | None:
        """
        It has gone, or was not there: its terms hold for the rest of the session.

        @param stage: at what.
        @return: what the client is told; L{None}: nothing.
        """
        if not self._ended:
            self._refusal = self.milter.terms.whenAway.reply
            self._say(stage, "away", str(away))
            self._end()
        return self._refusal

    def changed(self, stage: str, why: str) -> None:
        """It has changed the message."""
        self._say(stage, "changed", why)

    def _refused(self, stage: str, why: Reply) -> None:
        self._say(stage, "refused", why.onOneLine)
        # The log names who refuses.
        ruled = RuledOut(why, f"milter {self.milter.name}")
        self._session.stamps[RULED_OUT] = ruled

    def _say(self, stage: str, what: str, why: str) -> None:
        self._tell(self._session, self.milter.name, stage, what, why)

    # --- the end ----------------------------------------------------------------------

    def settled(self) -> None:
        """The message has come to its end, and it knows that."""
        self._inMail = False
        self.reading = None

    def aborted(self) -> None:
        """There will be no such message."""
        self._stopReading()
        if self._inMail:
            self._inMail = False
            if self.link is not None:
                self.link.tell(ABORT)

    def leave(self) -> None:
        """The client has gone."""
        self._over = True
        self._end()

    def _end(self) -> None:
        """It is not asked any more."""
        self._ended = True
        link, self.link = self.link, None
        if link is not None:
            self.milter.free(link)
        self._stopReading()

    def _stopReading(self) -> None:
        reading, self.reading = self.reading, None
        if reading is not None:
            reading.abort()


__all__ = ["Seat", "Tell", "unheard"]
