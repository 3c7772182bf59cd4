"""
The requests that are about the queue: each is a method of
L{smtpx.queue.interfaces.IQueueControl}, with its values as they go over the socket.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from attrs import frozen
from twisted.internet.defer import Deferred

from ...core.errors import Malformed
from ...queue.interfaces import IQueueControl, Selection, Tell
from .content import What, pieces
from .exchange import Exchange, Refused, Verb
from .values import (
    Fields,
    doneFields,
    entryFields,
    groupFields,
    groupingOf,
    idOf,
    lineOf,
    messageFields,
    recipientFields,
    selectionOf,
)
from .wire import Kind


@frozen(eq=False)
class QueueVerbs:
    """
    Answers what is asked of the queue.

    @ivar control: does it.
    @ivar count: how many messages there are.
    """

    control: IQueueControl
    count: Callable[[], Deferred[int]]

    def verbs(self) -> Mapping[str, Verb]:
        """Who answers what."""
        return {
            "queue.list": self.list,
            "queue.count": self.counted,
            "queue.show": self.show,
            "queue.read": self.read,
            "queue.summary": self.summary,
            "queue.retry": self.retry,
            "queue.hold": self.hold,
            "queue.release": self.release,
            "queue.bounce": self.bounce,
            "queue.remove": self.remove,
        }

    # --- looking -----------------------------------------------------------------

    async def list(self, exchange: Exchange) -> Fields:
        """Each message that is meant, a part each."""
        selection = _only(exchange, "selection")
        found = looked = 0
        after: str | None = ""
        of = await self.count()
        while after is not None:
            page = await self.control.find(selection, after)
            for entry in page.entries:
                await exchange.send(entryFields(entry))
            found += len(page.entries)
            looked += page.looked
            exchange.progress({"looked": looked, "done": found, "of": of})
            after = page.after
        return {"found": found}

    async def counted(self, exchange: Exchange) -> Fields:
        """How many messages are meant, and their octets."""
        selection = _only(exchange, "selection")
        found = octets = looked = 0
        after: str | None = ""
        of = await self.count()
        while after is not None:
            page = await self.control.find(selection, after, 1000)
            found += len(page.entries)
            octets += sum(each.message.octets for each in page.entries)
            looked += page.looked
            exchange.progress({"looked": looked, "done": found, "of": of})
            after = page.after
        return {"found": found, "octets": octets}

    async def show(self, exchange: Exchange) -> Fields:
        """All of one message but its content."""
        _known(exchange, "message")
        id = idOf("message", exchange.fields.get("message"))
        entry = await self.control.show(id)
        if entry is None:
            raise _missing(id)
        await exchange.send(messageFields(entry))
        for some in recipientFields(entry):
            await exchange.send({"recipients": some})
        return {"found": 1}

    async def read(self, exchange: Exchange) -> Fields:
        """The content of one message, in pieces."""
        _known(exchange, "message", "what")
        id = idOf("message", exchange.fields.get("message"))
        try:
            what = What(exchange.fields.get("what", "whole"))
        except ValueError:
            known = ", ".join(each.value for each in What)
            raise Malformed(f"what: expected one of {known}") from None
        found = await self.control.read(id)
        if found is None:
            raise _missing(id)
        message, body = found
        octets = 0
        for piece in pieces(message.prefix, body, what):
            octets += len(piece)
            await exchange.send({"octets": base64.b64encode(piece).decode("ascii")})
        return {"octets": octets}

    async def summary(self, exchange: Exchange) -> Fields:
        """Each group of messages, a part each."""
        selection = _only(exchange, "selection", "by")
        by = groupingOf(exchange.fields.get("by", "domain"))
        messages = 0
        tell = await self._tell(exchange)

        def count(looked: int, done: int) -> None:
            nonlocal messages
            messages = done
            tell(looked, done)

        groups = await self.control.summary(selection, by, count)
        for each in groups:
            await exchange.send(groupFields(each))
        return {"found": len(groups), "messages": messages}

    # --- doing -------------------------------------------------------------------

    async def retry(self, exchange: Exchange) -> Fields:
        """Try messages at once."""
        selection = _meant(exchange)
        tell = await self._tell(exchange)
        return {"done": await self.control.retry(selection, tell)}

    async def hold(self, exchange: Exchange) -> Fields:
        """Put messages on hold."""
        selection, by = _meant(exchange, "note"), exchange.by
        note = lineOf("note", exchange.fields.get("note", ""))
        tell = await self._tell(exchange)
        return doneFields(await self.control.hold(selection, by, note, tell))

    async def release(self, exchange: Exchange) -> Fields:
        """Take messages off hold."""
        selection = _meant(exchange)
        tell = await self._tell(exchange)
        return doneFields(await self.control.release(selection, exchange.by, tell))

    async def bounce(self, exchange: Exchange) -> Fields:
        """Give messages up, with reports."""
        selection, by = _meant(exchange, "why"), exchange.by
        why = lineOf("why", exchange.fields.get("why", ""))
        tell = await self._tell(exchange)
        return doneFields(await self.control.bounce(selection, by, why, tell))

    async def remove(self, exchange: Exchange) -> Fields:
        """Forget messages."""
        selection = _meant(exchange)
        tell = await self._tell(exchange)
        return doneFields(await self.control.remove(selection, exchange.by, tell))

    async def _tell(self, exchange: Exchange) -> Tell:
        of = await self.count()

        def tell(looked: int, done: int) -> None:
            exchange.progress({"looked": looked, "done": done, "of": of})

        return tell


def _known(exchange: Exchange, *names: str) -> None:
    """
    @raise Malformed: a request says something that is not known: it may be that
        what it means is less than what would be done.
    """
    for name in exchange.fields:
        if name not in ("id", "do", *names):
            known = ", ".join(names)
            raise Malformed(f"there is no {name!r:.80} in this request: {known}")


def _only(exchange: Exchange, *names: str) -> Selection:
    """
    The selection of a request that says nothing else.

    @raise Malformed: it does, or it is no selection.
    """
    _known(exchange, *names)
    return selectionOf(exchange.fields.get("selection"))


def _meant(exchange: Exchange, *names: str) -> Selection:
    """
    The selection of a request that changes something: an empty one is all there is,
    and none at all is a mistake.

    @raise Malformed: there is none, or the request says something else.
    """
    if exchange.fields.get("selection") is None:
        raise Malformed("selection: which messages?  An empty object is all")
    return _only(exchange, "selection", *names)


def _missing(id: str) -> Refused:
    return Refused(Kind.MISSING, f"there is no message {id}")


__all__ = ["QueueVerbs"]
