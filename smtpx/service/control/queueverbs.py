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
from ...queue.interfaces import IQueueControl, Tell
from .content import What, pieces
from .exchange import Exchange, Verb
from .requests import checkKnown, meantSelection, missing, onlySelection
from .values import (
    Fields,
    countOf,
    doneFields,
    entryFields,
    groupFields,
    groupingOf,
    idOf,
    lineOf,
    messageFields,
    recipientFields,
)

#: The most messages of a page.
_PAGE = 1000


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

    def forColleagues(self) -> Mapping[str, Verb]:
        """
        Who answers what to the other workers of a server.
        """
        return {**self.verbs(), "queue.page": self.page}

    # --- looking -----------------------------------------------------------------

    async def page(self, exchange: Exchange) -> Fields:
        """
        A page of what is meant, a part each; C{after} says behind which message, and
        the answer's where the next one begins, which is null at the end.
        """
        selection = onlySelection(exchange, "selection", "after", "most")
        after = exchange.fields.get("after", "")
        if after != "":
            after = idOf("after", after)
        most = countOf("most", exchange.fields.get("most", _PAGE), _PAGE)
        page = await self.control.find(selection, after, most)
        for entry in page.entries:
            await exchange.send(entryFields(entry))
        of = await self.count()
        return {"after": page.after, "looked": page.looked, "of": of}

    async def list(self, exchange: Exchange) -> Fields:
        """Each message that is meant, a part each."""
        selection = onlySelection(exchange, "selection")
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
        selection = onlySelection(exchange, "selection")
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
        checkKnown(exchange, "message")
        id = idOf("message", exchange.fields.get("message"))
        entry = await self.control.show(id)
        if entry is None:
            raise missing(id)
        await exchange.send(messageFields(entry))
        for some in recipientFields(entry):
            await exchange.send({"recipients": some})
        return {"found": 1}

    async def read(self, exchange: Exchange) -> Fields:
        """The content of one message, in pieces."""
        checkKnown(exchange, "message", "what")
        id = idOf("message", exchange.fields.get("message"))
        try:
            what = What(exchange.fields.get("what", "whole"))
        except ValueError:
            known = ", ".join(each.value for each in What)
            raise Malformed(f"what: expected one of {known}") from None
        found = await self.control.read(id)
        if found is None:
            raise missing(id)
        message, body = found
        octets = 0
        for piece in pieces(message.prefix, body, what):
            octets += len(piece)
            await exchange.send({"octets": base64.b64encode(piece).decode("ascii")})
        return {"octets": octets}

    async def summary(self, exchange: Exchange) -> Fields:
        """Each group of messages, a part each."""
        selection = onlySelection(exchange, "selection", "by")
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
        selection = meantSelection(exchange)
        tell = await self._tell(exchange)
        return {"done": await self.control.retry(selection, tell)}

    async def hold(self, exchange: Exchange) -> Fields:
        """Put messages on hold."""
        selection, by = meantSelection(exchange, "note"), exchange.by
        note = lineOf("note", exchange.fields.get("note", ""))
        tell = await self._tell(exchange)
        return doneFields(await self.control.hold(selection, by, note, tell))

    async def release(self, exchange: Exchange) -> Fields:
        """Take messages off hold."""
        selection = meantSelection(exchange)
        tell = await self._tell(exchange)
        return doneFields(await self.control.release(selection, exchange.by, tell))

    async def bounce(self, exchange: Exchange) -> Fields:
        """Give messages up, with reports."""
        selection, by = meantSelection(exchange, "why"), exchange.by
        why = lineOf("why", exchange.fields.get("why", ""))
        tell = await self._tell(exchange)
        return doneFields(await self.control.bounce(selection, by, why, tell))

    async def remove(self, exchange: Exchange) -> Fields:
        """Forget messages."""
        selection = meantSelection(exchange)
        tell = await self._tell(exchange)
        return doneFields(await self.control.remove(selection, exchange.by, tell))

    async def _tell(self, exchange: Exchange) -> Tell:
        of = await self.count()

        def tell(looked: int, done: int) -> None:
            exchange.progress({"looked": looked, "done": done, "of": of})

        return tell


__all__ = ["QueueVerbs"]
