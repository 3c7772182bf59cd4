"""
What was dropped goes into the spool, exactly once, wherever the server is killed:

 1. the file is put aside under the id that its message will have;
 2. the message is put down in the spool, on hold;
 3. the file is marked as done;
 4. the message is released, and goes its way;
 5. the file is removed.

Each step is on the disk before the next one.  Whoever finds a file that was put aside
(L{DropReceiver.recover}) asks the spool for its message: on hold it cannot have gone
away, so if it is not there, it never was, and the file is taken anew; of one that is
done it does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProducer
from zope.interface import implementer

from ..core.envelope import Envelope, Recipient, Stamp
from ..core.interfaces import IServerSession
from ..core.reply import Reply, reply
from ..core.trace import received
from ..net.interfaces import IArrival, IJournal, IReceiver
from ..policy.redirect import Redirection
from ..spool.dropfolder import Claim, DropFolder
from ..spool.interfaces import IIncoming, IOperatedSpool, SpoolBroken, SpoolFull
from .receiving import BROKEN, FULL

#: Runs some work that waits for the disk, in a thread.
Threads = Callable[[Callable[[], object]], Deferred[object]]


@define(eq=False)
class Taken:
    """
    A file that is being taken.

    @ivar name: its name.
    @ivar own: the address of who submits.
    @ivar forced: has the message to say that it is from there?
    @ivar refused: recipients whom no mail is taken for, each with the reply
        (L{smtpx.core.queueprofile.REFUSED}).
    """

    name: str
    own: bytes
    forced: bool = False
    refused: list[Recipient] = field(factory=list)


#: Of a session: what it is about.  Not for the spool.
TAKEN = Stamp[Taken]("drop.taken", None, lambda text: Taken(text, b""))


def senderOf(session: IServerSession) -> bytes | None:
    """Whom C{Sender} is to name; L{None}: the message is right."""
    taken = session.stamps[TAKEN]
    return taken.own if taken.forced else None


@implementer(IReceiver)
class DropReceiver:
    """Puts messages of files into a spool."""

    def __init__(
        self,
        spool: IOperatedSpool,
        journal: IJournal,
        holds: Callable[[Envelope], bool],
        redirection: Redirection | None,
        folder: DropFolder,
        threads: Threads,
    ) -> None:
        """
        @param journal: told of each message that was taken.
        @param holds: is a message to be put on hold as it arrives?
        @param redirection: the aliases; L{None}: there are none.
        @param threads: where to wait for the disk.
        """
        self.spool = spool
        self.journal = journal
        self.holds = holds
        self.redirection = redirection
        self.folder = folder
        self.threads = threads

    def begin(self, session: IServerSession, envelope: Envelope) -> DropArrival | Reply:
        """See L{IReceiver}."""
        try:
            incoming = self.spool.begin()
        except SpoolFull:
            return FULL
        except SpoolBroken:
            return BROKEN
        return DropArrival(self, incoming)

    def spooled(self, session: IServerSession, envelope: Envelope) -> Envelope:
        """
        The envelope as it goes into the spool: with those that aliases lead to, and
        with those that are to be told of in a report.
        """
        if self.redirection is not None:
            envelope = self.redirection.redirected(envelope)
        refused = session.stamps[TAKEN].refused
        if not refused:
            return envelope
        return envelope.addressedTo([*envelope.recipients, *refused])

    async def recover(self, claim: Claim) -> None:
        """
        Go on where somebody has ended who was taking a file.

        @raise OSError: that is not possible now.
        @raise SpoolBroken: nor that.
        """
        message = await self.spool.fetch(claim.id)
        if message is not None:
            hold = not message.held or self.holds(message.envelope)
            await self.release(claim, hold)
        elif claim.done:
            await self.threads(partial(self.folder.remove, claim))
        else:
            await self.threads(partial(self.folder.back, claim))

    async def release(self, claim: Claim, hold: bool) -> None:
        """
        The message is in the spool: let it go its way, and be done with the file.

        @param hold: is it to stay as it is?
        """
        if not claim.done:
            await self.threads(partial(self.folder.done, claim))
            claim = Claim(claim.name, claim.id, True)
        if not hold:
            await self.spool.letGo([claim.id])
        await self.threads(partial(self.folder.remove, claim))


@implementer(IArrival)
class DropArrival:
    """
    One message on its way into the spool.

    @ivar write: takes a piece of the body: the spool's own method.
    @ivar abort: forgets it: the spool's own method.
    """

    def __init__(self, receiver: DropReceiver, incoming: IIncoming) -> None:
        self._receiver = receiver
        self._incoming = incoming
        self.write = incoming.write
        self.abort = incoming.abort

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """The spool pauses the producer where the disk does not keep up."""
        self._incoming.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """The body is whole, or will not be."""
        self._incoming.unregisterProducer()

    def finish(self, session: IServerSession, envelope: Envelope) -> Deferred[Reply]:
        """See L{IArrival}."""
        return Deferred.fromCoroutine(self._finish(session, envelope))

    async def _finish(self, session: IServerSession, envelope: Envelope) -> Reply:
        receiver, incoming = self._receiver, self._incoming
        folder, name = receiver.folder, session.stamps[TAKEN].name
        try:
            prefix = received(session, envelope, incoming.id, session.clauses())
            spooled = receiver.spooled(session, envelope)
            hold = receiver.holds(spooled)
            claim = Claim(name, incoming.id, False)
            await receiver.threads(partial(folder.claim, name, incoming.id))
        except BaseException:
            # Nobody else would: the session has let go of it.
            incoming.abort()
            raise
        try:
            await incoming.commit(spooled, prefix, True)
        except (SpoolFull, SpoolBroken) as error:
            await receiver.threads(partial(folder.back, claim))
            return FULL if isinstance(error, SpoolFull) else BROKEN
        answer = reply(250, "2.0.0", b"OK id=" + incoming.id.encode("ascii"))
        if receiver.journal.enabled:
            receiver.journal.accepted(session, envelope, incoming.id, answer)
        await receiver.release(claim, hold)
        return answer


__all__ = ["DropArrival", "DropReceiver", "TAKEN", "Taken", "Threads", "senderOf"]
