"""
Messages of other mail servers, taken into our spool from where they lie in files.

L{Acceptance} makes of each what receiving makes of a message: a Received field above
it, others in the place of recipients with an alias, and on hold where its route says
so.  L{Importer} goes through a folder and tells of each pair of files what came of it;
C{smtpx spool import} does so once, a folder that is watched
(L{smtpx.service.watchedfolder}) again and again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import formatdate
from enum import Enum
from itertools import islice
from pathlib import Path

from attrs import frozen

from ..core.envelope import Envelope
from ..core.reply import Reply
from ..policy.aliasentry import shown
from ..policy.redirect import Redirection
from ..spool.eximfiles import PREFIX, BadPair, EximPair, findPairs, pairAt, queueFolder
from ..spool.parcels import Busy, Gone, NotTaken
from ..spool.taking import TOGETHER, Accepted, Taking, Took, Work

#: Why a message is on hold that is to go by a route that holds.
_HELD = "held since it arrived"


@frozen
class Acceptance:
    """
    What becomes of a message that somebody else took before.

    @ivar name: what the server calls itself.
    @ivar now: seconds since the epoch.
    @ivar holds: is a message to be put on hold as it arrives?
    @ivar redirection: puts others in the place of recipients that have an alias;
        L{None}: there are no aliases.
    """

    name: str
    now: Callable[[], float]
    holds: Callable[[Envelope], bool]
    redirection: Redirection | None = None

    def __call__(self, envelope: Envelope, id: str) -> Accepted:
        """
        Take it.

        @param id: the one that it will have.
        @raise BadPair: an alias says that nobody gets it.
        @raise NotTaken: an alias is broken, or has too many members.
        """
        # One that came at a time to come would never be too old.
        envelope.arrived = min(envelope.arrived, self.now())
        if self.redirection is not None:
            envelope = self._redirected(self.redirection, envelope)
        hold = _HELD if self.holds(envelope) else ""
        return Accepted(envelope, self._received(id), hold)

    def _redirected(self, redirection: Redirection, envelope: Envelope) -> Envelope:
        for recipient in envelope.recipients:
            expansion = redirection.expand(recipient.path)
            if expansion is not None:
                reply = redirection.note(envelope, recipient, expansion)
                if reply is not None:
                    who = shown(recipient.path)
                    kind = BadPair if reply.permanent else NotTaken
                    raise kind(f"<{who}>: {_said(reply)}")
        return redirection.redirected(envelope)

    def _received(self, id: str) -> bytes:
        """RFC 5321 section 4.4; nobody sent it, so there is no C{from}."""
        date = formatdate(int(self.now()), localtime=True)
        field = (
            f"Received: by {self.name} with local (from Exim's queue)\r\n"
            f"\tid {id};\r\n\t{date}\r\n"
        )
        return field.encode("ascii")


def _said(reply: Reply) -> str:
    text = b" ".join(reply.lines).decode("utf-8", "replace")
    return f"{reply.code} {text}"


@frozen
class Importer:
    """
    Takes what is in a folder in Exim's spool format.

    @ivar taking: takes it.
    @ivar work: runs a job in a thread.
    """

    taking: Taking
    work: Work

    async def folder(self, path: Path) -> Path:
        """
        Where the messages are that are in a folder; see
        L{smtpx.spool.eximfiles.queueFolder}.
        """
        return await self.work(lambda: queueFolder(path))

    async def recover(self) -> tuple[list[Took], list[str]]:
        """Go on where a process died; see L{Taking.recover}."""
        return await self.taking.recover(PREFIX, pairAt)

    async def take(
        self,
        folder: Path,
        wanted: Callable[[EximPair], bool] = lambda pair: True,
        most: int | None = None,
        stay: bool = False,
    ) -> AsyncIterator[Took]:
        """
        Take what there is, some at a time.

        @param folder: what C{folder} gave.
        @param wanted: is a pair to be taken?  Called in a thread.
        @param most: how many are tried; L{None}: all that there are.
        @param stay: are the files to stay where they are?
        @return: what came of each.
        @raise OSError: the folder cannot be read.
        """
        pairs: Iterator[EximPair] = islice(filter(wanted, findPairs(folder)), most)
        while some := await self.work(lambda: list(islice(pairs, TOGETHER))):
            for took in await self.taking.take(some, stay):
                yield took


class Standing(Enum):
    """
    What came of a message of Exim's, in a word.

    @cvar TAKEN: it is ours.
    @cvar BEFORE: it was ours before.
    @cvar DONE: everybody had it already.
    @cvar BUSY: somebody else is at it; it stays there.
    @cvar FAILED: it is of no use, or there is trouble; it stays there.
    """

    TAKEN = "taken"
    BEFORE = "before"
    DONE = "done"
    BUSY = "busy"
    FAILED = "failed"


def standing(took: Took) -> Standing:
    """What came of it, in a word."""
    if isinstance(took.error, Busy | Gone):
        return Standing.BUSY
    if took.error is not None:
        return Standing.FAILED
    if took.before:
        return Standing.BEFORE
    return Standing.TAKEN if took.messages else Standing.DONE


def tookFields(took: Took) -> dict[str, object]:
    """What came of it, as JSON has it."""
    envelopes = dict(took.envelopes)
    messages: list[dict[str, object]] = []
    for id, hold in took.messages:
        message: dict[str, object] = {"message": id}
        if hold:
            message["hold"] = hold
        envelope = envelopes.get(id)
        if envelope is not None:
            message["sender"] = envelope.sender.decode("utf-8", "replace")
            message["recipients"] = len(envelope.recipients)
        messages.append(message)
    fields: dict[str, object] = {
        "source": took.parcel.place.removeprefix(PREFIX),
        "status": standing(took).value,
        "messages": messages,
    }
    why = took.error or took.stuck
    if why is not None:
        fields["why"] = str(why)
    return fields


__all__ = ["Acceptance", "Importer", "Standing", "standing", "tookFields"]
