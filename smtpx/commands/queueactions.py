"""
C{smtpx queue retry}, C{hold}, C{release}, C{bounce} and C{remove}: what changes
messages.

What ends messages asks before it does so to several, and all can be tried out with
C{--dry-run}.  Messages that come while somebody looks or thinks are not meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve
from twisted.python.usage import UsageError

from ..core.errors import Malformed
from ..queue.interfaces import Selection
from ..service.control.values import lineOf, selectionFields
from .console import CommandFailed, Console
from .queuefilters import Changing
from .queuereach import Fields, ReachedQueue
from .queuetext import listed, number, octets, several
from .queuework import Meter, QueueWork, jsonLine


class _ActionOptions(Changing, QueueWork):
    """
    The command line of what changes messages.

    @cvar wanted: the request.
    @cvar verb: what is done by it.
    @cvar asks: does it ask before it does that to several?
    """

    wanted = ""
    verb = ""
    asks = False

    def more(self) -> Fields:
        """What the request says besides."""
        return {}

    async def work(self, console: Console, queue: ReachedQueue) -> None:
        """
        Do it.

        @raise CommandFailed: some message is not there, or somebody thought better
            of it.
        """
        meant = evolve(self.selection(), until=self.now())
        missing = await self._missing(queue)
        if self["dry-run"]:
            await self._listMeant(console, queue, meant)
        elif await self._mayGo(console, queue, meant):
            await self._do(console, queue, meant)
        if missing:
            text = [f"there is no message {id}" for id in missing]
            raise CommandFailed("\n".join(text))

    async def _missing(self, queue: ReachedQueue) -> list[str]:
        """Those that were named and are not there."""
        if not self.ids:
            return []
        there: set[object] = set()
        fields = {"selection": selectionFields(Selection(ids=self.ids))}
        await queue.ask(
            "queue.list", fields, lambda part: there.add(part.get("message"))
        )
        return [id for id in self.ids if id not in there]

    async def _listMeant(
        self, console: Console, queue: ReachedQueue, meant: Selection
    ) -> None:
        now = self.now()

        def tell(part: Fields) -> None:
            for line in [jsonLine(part)] if self["json"] else listed(part, now):
                console.say(line)

        done = await queue.ask(
            "queue.list", {"selection": selectionFields(meant)}, tell
        )
        if not self["json"]:
            console.say(f"{several(number(done.get('found')))}; nothing was done")

    async def _mayGo(
        self, console: Console, queue: ReachedQueue, meant: Selection
    ) -> bool:
        """
        Ask whoever sits there.

        @raise CommandFailed: nobody does, or he thought better of it.
        """
        if not self.asks or self["yes"] or (self.ids and not self.filters):
            return True
        said = {"selection": selectionFields(meant)}
        found = await queue.ask("queue.count", said)
        count = int(number(found.get("found")))
        if count <= 1:
            return True
        much = octets(number(found.get("octets")))
        text = f"{several(count)} ({much}) would be {self.verb}"
        if not console.interactive:
            raise CommandFailed(f"{text}: say so with --yes")
        print(f"{text}.  Type {count} to go on: ", end="", file=console.err, flush=True)
        if console.line().strip() != str(count).encode("ascii"):
            raise CommandFailed("nothing was done")
        return True

    async def _do(
        self, console: Console, queue: ReachedQueue, meant: Selection
    ) -> None:
        meter = Meter(console.err, self.verb, bool(self["progress"]))
        fields = {"selection": selectionFields(meant), **self.more()}
        try:
            done = await queue.ask(self.wanted, fields, progress=meter.tell)
        except KeyboardInterrupt:
            meter.stopped()
            raise
        finally:
            meter.clear()
        if self["json"]:
            console.say(jsonLine(done))
            return
        for line in self.told(done, queue.delivers):
            console.say(line)

    def told(self, done: Fields, delivers: bool) -> Iterator[str]:
        """
        What came of it, line by line.

        @param delivers: does a server run?
        """
        yield f"{several(number(done.get('done')))} {self.verb}"
        later = number(done.get("later"))
        if later:
            yield (
                f"{several(later)} being delivered just now: {self.verb} when that"
                " attempt is over, if anything is left then"
            )


class RetryOptions(_ActionOptions):
    """The command line of C{smtpx queue retry}."""

    wanted = "queue.retry"
    verb = "tried now"
    longdesc = (
        "Tries messages at once: those that wait for their time, and those whose"
        " destination is busy.  That a host could not be reached does not matter to"
        " them.  What is on hold stays so; see 'release'."
    )

    def told(self, done: Fields, delivers: bool) -> Iterator[str]:
        """What came of it."""
        count = several(number(done.get("done")))
        when = "now" if delivers else "when the server starts"
        yield f"{count} tried {when}"


class HoldOptions(_ActionOptions):
    """The command line of C{smtpx queue hold}."""

    wanted = "queue.hold"
    verb = "on hold"
    longdesc = (
        "Puts messages on hold: they stay in the queue, and are not tried, until they"
        " are released.  One that is being delivered is on hold when that attempt is"
        " over."
    )
    optParameters = [
        ["note", None, "", "Why, for other operators; one line."],
    ]

    def postOptions(self) -> None:
        """The note is a line."""
        super().postOptions()
        _checkLine("note", self["note"])

    def more(self) -> Fields:
        """Why."""
        return {"note": self["note"]}


class ReleaseOptions(_ActionOptions):
    """The command line of C{smtpx queue release}."""

    wanted = "queue.release"
    verb = "off hold"
    longdesc = (
        "Takes messages off hold: they are tried at once.  Those in quarantine are let"
        " go only if they are named, or with --state quarantined."
    )

    def told(self, done: Fields, delivers: bool) -> Iterator[str]:
        """What came of it."""
        yield from super().told(done, delivers)
        kept = number(done.get("kept"))
        if kept:
            yield (
                f"{several(kept)} kept, in quarantine: name them, or say --state"
                " quarantined"
            )


class BounceOptions(_ActionOptions):
    """The command line of C{smtpx queue bounce}."""

    wanted = "queue.bounce"
    verb = "returned"
    asks = True
    longdesc = (
        "Gives messages up: nobody gets them any more who has not, and their senders"
        " have a delivery report.  Of several that were not named it asks first."
    )
    optParameters = [
        ["why", None, "", "What the senders are told; one line."],
    ]
    optFlags = [
        ["yes", "y", "Do not ask."],
    ]

    def postOptions(self) -> None:
        """The reason is a line."""
        super().postOptions()
        _checkLine("why", self["why"])

    def more(self) -> Fields:
        """Why."""
        return {"why": self["why"]}

    def told(self, done: Fields, delivers: bool) -> Iterator[str]:
        """What came of it."""
        yield from super().told(done, delivers)
        kept = number(done.get("kept"))
        if kept:
            yield f"{several(kept)} kept, on hold: nobody could be told"


class RemoveOptions(_ActionOptions):
    """The command line of C{smtpx queue remove}."""

    wanted = "queue.remove"
    verb = "removed"
    asks = True
    longdesc = (
        "Forgets messages: nobody gets them any more who has not, and nobody is told"
        " but the log.  Of several that were not named it asks first."
    )
    optFlags = [
        ["yes", "y", "Do not ask."],
    ]


def _checkLine(name: str, text: str) -> None:
    """
    @raise UsageError: it is no line, or too long.
    """
    try:
        lineOf(f"--{name}", text)
    except Malformed as error:
        raise UsageError(str(error)) from None


__all__ = [
    "BounceOptions",
    "HoldOptions",
    "ReleaseOptions",
    "RemoveOptions",
    "RetryOptions",
]
