"""
C{smtpx queue}: what is in the queue, and what is to become of it.

C{list}, C{show} and C{summary} look; what changes messages is in
L{smtpx.commands.queueactions}.  All of them work beside a server that runs, over its
control socket, and on the spool itself where none runs
(L{smtpx.commands.queuereach}).
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from twisted.python.usage import UsageError

from ..queue.interfaces import Grouping
from ..service.control.values import selectionFields
from ..spool.identity import parse as parseID
from .console import Console, ConsoleOptions
from .queueactions import (
    BounceOptions,
    HoldOptions,
    ReleaseOptions,
    RemoveOptions,
    RetryOptions,
)
from .queuefilters import Selecting
from .queuereach import Fields, ReachedQueue
from .queuetext import described, listed, number, several, shown, summed
from .queuework import Meter, QueueWork, jsonLine

_TITLES = {
    Grouping.DOMAIN: "DOMAINS",
    Grouping.SENDER: "SENDERS",
    Grouping.ERROR: "ERRORS",
    Grouping.STATE: "STATES",
}


class ListOptions(Selecting, QueueWork):
    """The command line of C{smtpx queue list}."""

    longdesc = (
        "Prints the messages of the queue, the oldest first: how old each is, its size,"
        " id, sender and state; then who waits for it, and what went wrong last."
    )
    optFlags = [
        ["ids", None, "Print only the ids, one a line."],
    ]

    async def work(self, console: Console, queue: ReachedQueue) -> None:
        """Do it."""
        now, meter = self.now(), Meter(console.err, "found", bool(self["progress"]))

        def tell(part: Fields) -> None:
            meter.clear()
            if self["json"]:
                console.say(jsonLine(part))
            elif self["ids"]:
                console.say(str(part.get("message")))
            else:
                for line in listed(part, now):
                    console.say(line)

        fields = {"selection": selectionFields(self.selection())}
        try:
            done = await queue.ask("queue.list", fields, tell, meter.tell)
        finally:
            meter.clear()
        if not (self["json"] or self["ids"]):
            console.say(several(number(done.get("found"))))


class ShowOptions(QueueWork):
    """The command line of C{smtpx queue show}."""

    synopsis = "[options] ID ..."
    longdesc = (
        "Prints all of each message: its sender, when it came and is tried next, and"
        " of each recipient what was said last.  With --header, --body or --whole it"
        " prints that of the message instead, as it would be delivered."
    )
    optFlags = [
        ["json", None, "Print JSON objects, one a line, for programs."],
        ["header", None, "Print the header of the message."],
        ["body", None, "Print the body of the message."],
        ["whole", None, "Print the whole message."],
    ]
    ids: tuple[str, ...] = ()

    def parseArgs(self, *ids: str) -> None:
        """Take the ids."""
        if not ids:
            raise UsageError("which message?")
        for id in ids:
            try:
                parseID(id)
            except ValueError as error:
                raise UsageError(str(error)) from None
        self.ids = ids

    def postOptions(self) -> None:
        """There is one thing to print."""
        if sum(bool(self[each]) for each in ("json", "header", "body", "whole")) > 1:
            raise UsageError("only one of --json, --header, --body and --whole")

    async def work(self, console: Console, queue: ReachedQueue) -> None:
        """Do it."""
        for what in ("header", "body", "whole"):
            if self[what]:
                for id in self.ids:
                    await self._content(console, queue, id, what)
                return
        for id in self.ids:
            await self._show(console, queue, id)

    async def _show(self, console: Console, queue: ReachedQueue, id: str) -> None:
        message: dict[str, object] = {}
        recipients: list[Fields] = []

        def tell(part: Fields) -> None:
            found = part.get("recipients")
            if isinstance(found, list):
                recipients.extend(found)
            else:
                message.update(part)

        await queue.ask("queue.show", {"message": id}, tell)
        if self["json"]:
            console.say(jsonLine({**message, "recipients": recipients}))
            return
        for line in described(message, recipients, self.now()):
            console.say(line)

    async def _content(
        self, console: Console, queue: ReachedQueue, id: str, what: str
    ) -> None:
        printer = ContentPrinter(console)

        def tell(part: Fields) -> None:
            printer.write(base64.b64decode(str(part.get("octets", ""))))

        await queue.ask("queue.read", {"message": id, "what": what}, tell)
        printer.end()


class ContentPrinter:
    """
    Prints what a message says: as it is into a file or a pipe, and with everything
    escaped that a terminal might take for its own where somebody sits at one.
    """

    def __init__(self, console: Console) -> None:
        """
        @param console: whose output it goes to.
        """
        self._console = console
        self._rest = b""
        buffer = getattr(console.out, "buffer", None)
        self._raw: Callable[[bytes], object] | None = None
        if buffer is not None and not console.out.isatty():
            console.out.flush()
            self._raw = buffer.write

    def write(self, octets: bytes) -> None:
        """Some of it."""
        if self._raw is not None:
            self._raw(octets)
            return
        *lines, self._rest = (self._rest + octets).split(b"\r\n")
        for line in lines:
            self._console.say(_harmless(line))

    def end(self) -> None:
        """That was all."""
        rest, self._rest = self._rest, b""
        if rest:
            self._console.say(_harmless(rest))


def _harmless(line: bytes) -> str:
    """A line for a terminal.  A tab does no harm."""
    text = line.decode("utf-8", "backslashreplace")
    return "\t".join(shown(each) for each in text.split("\t"))


class SummaryOptions(Selecting, QueueWork):
    """The command line of C{smtpx queue summary}."""

    longdesc = (
        "Counts the messages of the queue: by the domains that they are for, or with"
        " --by by the domains of their senders, by what went wrong, or by state.  For"
        " each it prints how many messages and recipients there are, their size, and"
        " how old the oldest and the newest is; the largest first."
    )
    optParameters = [
        ["by", "b", "domain", "By domain, sender, error or state."],
        ["most", "m", None, "Print no more lines than that."],
    ]

    def postOptions(self) -> None:
        """Take the words."""
        try:
            self.by = Grouping(self["by"])
        except ValueError:
            known = ", ".join(each.value for each in Grouping)
            raise UsageError(f"--by: expected one of {known}") from None
        most = self["most"]
        if most is not None and not (most.isdecimal() and int(most)):
            raise UsageError("--most: expected a number from 1 on")

    async def work(self, console: Console, queue: ReachedQueue) -> None:
        """Do it."""
        groups: list[Fields] = []
        most = None if self["most"] is None else int(self["most"])
        meter = Meter(console.err, "counted", bool(self["progress"]))
        fields = {
            "selection": selectionFields(self.selection()),
            "by": self.by.value,
        }
        try:
            done = await queue.ask("queue.summary", fields, groups.append, meter.tell)
        finally:
            meter.clear()
        some = groups[:most]
        if self["json"]:
            for each in some:
                console.say(jsonLine(each))
            return
        if some:
            for line in summed(some, _TITLES[self.by], self.now()):
                console.say(line)
        left = len(groups) - len(some)
        more = f"; {left} more lines are not shown" if left else ""
        console.say(f"{several(number(done.get('messages')))} in all{more}")


class QueueOptions(ConsoleOptions):
    """The command line of C{smtpx queue}."""

    synopsis = ""
    longdesc = (
        "Looks at the messages that are to be delivered, and changes what is to become"
        " of them, beside a server that runs or without one."
    )
    subCommands = [
        ["list", None, ListOptions, "Print messages."],
        ["show", None, ShowOptions, "Print all of a message."],
        ["summary", None, SummaryOptions, "Count messages."],
        ["retry", None, RetryOptions, "Try messages at once."],
        ["hold", None, HoldOptions, "Put messages on hold."],
        ["release", None, ReleaseOptions, "Take messages off hold."],
        ["bounce", None, BounceOptions, "Return messages to their senders."],
        ["remove", None, RemoveOptions, "Forget messages."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx queue --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


__all__ = ["QueueOptions"]
