"""
The queue of a server with several workers, for operators: the requests of
L{smtpx.service.control.queueverbs}, each for all of them.

A message is with one worker, mostly the one that made its id.  What is asked by id is
asked of that one first; a selection is asked of all at once, and their answers are
put together.  A worker that is being started again is waited for, for a moment; who
does not answer then is told of in the end of the answer, as C{unasked}: a list of
objects with C{worker}, C{why}, and C{begun}, whether it may have done something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve, frozen

from ...dns.together import together
from ...queue.interfaces import Selection
from ...spool.identity import parse, workerOf
from ..control.exchange import Exchange, Refused, Verb
from ..control.requests import checkKnown, meantSelection, missing, onlySelection
from ..control.values import groupingOf, idOf, lineOf, selectionFields
from ..control.wire import Kind
from .groups import Groups
from .interfaces import Fields
from .merging import Merging, named, summed
from .sources import Inquiry, Source


@frozen(eq=False)
class WholeQueue:
    """
    Answers what is asked of the queue.

    @ivar sources: where its messages are.
    @ivar now: seconds since the epoch.
    """

    sources: Sequence[Source]
    now: Callable[[], float]

    def verbs(self) -> Mapping[str, Verb]:
        """Who answers what."""
        return {
            "queue.list": self.list,
            "queue.count": self.count,
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
        selection = onlySelection(exchange, "selection")
        inquiry = Inquiry(exchange.by)
        meant = selectionFields(selection)
        if selection.ids:
            some = await named(self.sources, meant, selection.ids, inquiry)
            for _, message in some:
                await exchange.send(message)
            if len(some) == len({*selection.ids}):
                # Whoever was not asked cannot have any of them.
                return {"found": len(some)}
            return {"found": len(some), **inquiry.told()}
        merging = Merging(self.sources, meant, inquiry)
        while (found := await merging.next()) is not None:
            await exchange.send(found[1])
            exchange.progress(merging.progress())
        return {"found": merging.found, **inquiry.told()}

    async def count(self, exchange: Exchange) -> Fields:
        """How many messages are meant, and their octets."""
        selection = onlySelection(exchange, "selection")
        fields = {"selection": selectionFields(selection)}
        return await self._all(exchange, "queue.count", fields, again=True)

    async def show(self, exchange: Exchange) -> Fields:
        """All of one message but its content."""
        checkKnown(exchange, "message")
        return await self._one(exchange, "queue.show")

    async def read(self, exchange: Exchange) -> Fields:
        """The content of one message, in pieces."""
        checkKnown(exchange, "message", "what")
        return await self._one(exchange, "queue.read")

    async def _one(self, exchange: Exchange, verb: str) -> Fields:
        """
        Ask for one message, wherever it is.

        @raise Refused: nobody has it.
        """
        id = idOf("message", exchange.fields.get("message"))
        fields = {
            name: exchange.fields[name]
            for name in ("message", "what")
            if name in exchange.fields
        }
        maker, inquiry = workerOf(parse(id)), Inquiry(exchange.by)
        for source in sorted(self.sources, key=lambda each: each.number != maker):
            try:
                end = await inquiry.ask(source, verb, fields, exchange.send)
            except Refused as refused:
                if refused.kind is not Kind.MISSING:
                    raise
            else:
                if end is not None:
                    return end
        if not inquiry.unasked:
            raise missing(id)
        text = ", ".join(
            f"worker {each.number} could not be asked ({each.why})"
            for each in inquiry.unasked
        )
        raise Refused(Kind.FAILED, f"{id} was not found, but {text}")

    async def summary(self, exchange: Exchange) -> Fields:
        """Each group of messages, a part each."""
        selection = onlySelection(exchange, "selection", "by")
        by = groupingOf(exchange.fields.get("by", "domain"))
        fields = {"selection": selectionFields(selection), "by": by.value}
        groups = Groups()
        end = await self._all(exchange, "queue.summary", fields, groups.add)
        for each in groups.largestFirst():
            await exchange.send(each)
        return {**end, "found": len(groups)}

    # --- doing -------------------------------------------------------------------

    async def retry(self, exchange: Exchange) -> Fields:
        """Try messages at once."""
        return await self._change(exchange, "queue.retry")

    async def hold(self, exchange: Exchange) -> Fields:
        """Put messages on hold."""
        return await self._change(exchange, "queue.hold", "note")

    async def release(self, exchange: Exchange) -> Fields:
        """Take messages off hold."""
        return await self._change(exchange, "queue.release")

    async def bounce(self, exchange: Exchange) -> Fields:
        """Give messages up, with reports."""
        return await self._change(exchange, "queue.bounce", "why")

    async def remove(self, exchange: Exchange) -> Fields:
        """Forget messages."""
        return await self._change(exchange, "queue.remove")

    async def _change(self, exchange: Exchange, verb: str, *names: str) -> Fields:
        """
        Have all do something.

        @param names: what the request may say besides.
        """
        selection = meantSelection(exchange, *names)
        fields: dict[str, object] = {
            name: lineOf(name, exchange.fields.get(name, "")) for name in names
        }
        if selection.ids:
            return await self._named(exchange, verb, selection, fields)
        # What comes meanwhile is not meant, wherever it comes.
        now = self.now()
        until = now if selection.until is None else min(now, selection.until)
        meant = evolve(selection, until=until)
        fields["selection"] = selectionFields(meant)
        return await self._all(exchange, verb, fields)

    async def _named(
        self,
        exchange: Exchange,
        verb: str,
        selection: Selection,
        fields: Fields,
    ) -> Fields:
        """
        Have those do something who have the messages that are named, as it matters to
        nobody whether the others are there.
        """
        inquiry = Inquiry(exchange.by)
        meant = selectionFields(Selection(ids=selection.ids))
        found = await named(self.sources, meant, selection.ids, inquiry)
        holders: dict[int, list[str]] = {}
        for number, message in found:
            holders.setdefault(number, []).append(str(message.get("message")))
        asked = [
            (each, {**fields, "selection": selectionFields(some)})
            for each in self.sources
            if each.number in holders
            for some in [evolve(selection, ids=tuple(holders[each.number]))]
        ]
        if len(found) == len({*selection.ids}):
            inquiry = Inquiry(exchange.by)
        return await self._ask(exchange, inquiry, verb, asked)

    async def _all(
        self,
        exchange: Exchange,
        verb: str,
        fields: Fields,
        part: Callable[[Fields], None] = lambda part: None,
        again: bool = False,
    ) -> Fields:
        """
        Ask all the same.

        @param part: called with each part of their answers.
        @return: their ends added up.
        """
        asked = [(each, fields) for each in self.sources]
        inquiry = Inquiry(exchange.by)
        return await self._ask(exchange, inquiry, verb, asked, part, again)

    async def _ask(
        self,
        exchange: Exchange,
        inquiry: Inquiry,
        verb: str,
        asked: Sequence[tuple[Source, Fields]],
        part: Callable[[Fields], None] = lambda part: None,
        again: bool = False,
    ) -> Fields:
        """Ask some at once, each its own."""
        far: dict[int, Fields] = {}

        async def heard(said: Fields) -> None:
            part(said)

        async def ask(source: Source, fields: Fields) -> Fields | None:
            def progress(said: Fields) -> None:
                far[source.number] = said
                exchange.progress(summed([*far.values()]))

            return await inquiry.ask(source, verb, fields, heard, progress, again)

        ends = await together(ask(*each) for each in asked)
        nothing = dict.fromkeys(_COUNTED.get(verb, _DONE), 0)
        return {**nothing, **summed(ends), **inquiry.told()}


_DONE = ("done", "later", "kept")

#: What the end of an answer counts.
_COUNTED = {
    "queue.count": ("found", "octets"),
    "queue.summary": ("found", "messages"),
    "queue.retry": ("done",),
}


__all__ = ["WholeQueue"]
