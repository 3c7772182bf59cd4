"""
C{smtpx spool}: what is about the spool as a whole.

C{import} takes over what lies in files in Exim's spool format, such as the queue of
an Exim that is to be replaced.  Where a server runs, it is asked to do it; where none
does, it is done here, and goes out when one is started.  Each message is taken once,
however often this is done, interrupted or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.imports import Standing
from ..service.machine import Machine
from ..spool.eximfiles import EximPair, findPairs, queueFolder
from ..spool.parcels import Busy, Gone, NotTaken
from .address import theMachine
from .console import CommandFailed, Console, ConsoleOptions
from .queuereach import reachQueue
from .waiting import wait

Fields = Mapping[str, Any]

#: So often it is told how far it is, in messages.
_PROGRESS = 1000


class ImportOptions(ConsoleOptions):
    """
    The command line of C{smtpx spool import}.

    @cvar reach: reaches the queue of a configuration.
    """

    synopsis = "[options] DIR"
    longdesc = (
        "Takes messages in Exim's spool format from DIR into the spool: -H and -D"
        " files, in DIR, its folders of one character, or its folder input.  Who has a"
        " message already does not get it again; one that is frozen is put on hold."
        "  What Exim is at is left out, and what is of no use is named and left where"
        " it is.  It may be done again at any time: what was taken is known.  Stop Exim"
        " before, or let the files be removed, or both will deliver."
    )
    optParameters = [
        ["config", "c", None, "The configuration of the server."],
    ]
    optFlags = [
        ["remove", "r", "Remove the files of each message that was taken."],
        ["dry-run", "n", "Only tell what would be taken."],
        ["json", None, "Print a JSON object for each message, a line each."],
    ]
    folder = Path()
    reach = staticmethod(reachQueue)

    def parseArgs(self, *folders: str) -> None:
        """Take the folder."""
        if len(folders) != 1:
            raise UsageError("which folder?" if not folders else "one folder, please")
        self.folder = Path(folders[0]).absolute()

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or not for all.
        """
        tale = _Tale(console, bool(self["json"]), bool(self["dry-run"]))
        try:
            if self["dry-run"]:
                _look(self.folder, tale.tell)
            else:
                machine = theMachine()
                wait(machine.reactor, self._taken(machine, tale.tell))
        except CommandFailed:
            raise
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            why = error.strerror or str(error)
            raise CommandFailed(f"{error.filename or self.folder}: {why}") from error
        tale.end()

    async def _taken(self, machine: Machine, tell: Callable[[Fields], None]) -> None:
        """Have it done by the server, or without one."""
        found = findExtensions()
        configuration = readConfiguration(self["config"], found)
        async with AsyncExitStack() as stack:
            queue = await self.reach(machine, configuration, found, stack)
            fields = {"folder": str(self.folder), "remove": bool(self["remove"])}
            await queue.ask("spool.import", fields, tell)


def _look(path: Path, tell: Callable[[Fields], None]) -> None:
    """Tell what would be taken."""
    for pair in findPairs(queueFolder(path)):
        tell(_seen(pair))


def _seen(pair: EximPair) -> Fields:
    """What would come of a message; it is looked at to its end."""
    fields: dict[str, Any] = {"source": str(pair.folder / pair.id), "messages": []}
    try:
        pair.open()
        for mail in pair.mails():
            for _ in mail.pieces:
                # Whether the end is there is seen there.
                continue
            message: dict[str, Any] = {
                "sender": mail.envelope.sender.decode("utf-8", "replace"),
                "recipients": len(mail.envelope.recipients),
            }
            if mail.hold:
                message["hold"] = mail.hold
            fields["messages"].append(message)
    except (NotTaken, OSError) as error:
        busy = isinstance(error, Busy | Gone)
        status = Standing.BUSY if busy else Standing.FAILED
        return {**fields, "status": status.value, "why": str(error)}
    finally:
        pair.close()
    status = Standing.TAKEN if fields["messages"] else Standing.DONE
    return {**fields, "status": status.value}


@define
class _Tale:
    """
    Tells what comes of each message, and in the end of all.

    @ivar json: is it for a program?
    @ivar planned: is nothing done?
    @ivar counts: how many of each standing there were.
    """

    console: Console
    json: bool
    planned: bool
    counts: dict[Standing, int] = field(factory=lambda: dict.fromkeys(Standing, 0))

    def tell(self, fields: Fields) -> None:
        """Tell of a message of Exim's."""
        standing = Standing(fields["status"])
        self.counts[standing] += 1
        if self.json:
            self.console.say(json.dumps(fields, ensure_ascii=False))
        elif standing in (Standing.FAILED, Standing.BUSY):
            print(f"smtpx: {_visible(fields['why'])}", file=self.console.err)
        else:
            for line in self._lines(standing, fields):
                self.console.say(line)
            if "why" in fields:
                why = f"taken, but not removed: {fields['why']}"
                print(f"smtpx: {fields['source']}: {why}", file=self.console.err)
        seen = sum(self.counts.values())
        if seen % _PROGRESS == 0 and not self.json:
            print(f"smtpx: {seen} looked at", file=self.console.err)

    def _lines(self, standing: Standing, fields: Fields) -> list[str]:
        source = Path(fields["source"]).name
        if standing is Standing.DONE:
            return [f"{source}: everybody has it"]
        if standing is Standing.BEFORE:
            ids = ", ".join(each["message"] for each in fields["messages"])
            return [f"{source}: taken before, as {ids}"]
        lines = []
        for each in fields["messages"]:
            line = source if self.planned else f"{source} -> {each['message']}"
            if "sender" in each:
                number = each["recipients"]
                many = "1 recipient" if number == 1 else f"{number} recipients"
                line += f": from <{_visible(each['sender'])}> to {many}"
            if "hold" in each:
                line += f", on hold: {each['hold']}"
            lines.append(line)
        return lines

    def end(self) -> None:
        """
        Tell of all.

        @raise CommandFailed: something was of no use.
        """
        counts = self.counts
        if not self.json:
            word = "to be taken" if self.planned else "taken"
            parts = [f"{counts[Standing.TAKEN]} {word}"]
            for standing, words in (
                (Standing.BEFORE, "taken before"),
                (Standing.DONE, "delivered to everybody"),
                (Standing.BUSY, "left to Exim"),
                (Standing.FAILED, "left where they are"),
            ):
                if counts[standing]:
                    parts.append(f"{counts[standing]} {words}")
            self.console.say(", ".join(parts))
        if counts[Standing.FAILED]:
            raise CommandFailed(f"{counts[Standing.FAILED]} could not be taken")


def _visible(text: str) -> str:
    """An address without what a terminal might take for its own."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class SpoolOptions(ConsoleOptions):
    """The command line of C{smtpx spool}."""

    synopsis = ""
    longdesc = "Looks after the spool as a whole."
    subCommands = [
        ["import", None, ImportOptions, "Take over messages of an Exim's queue."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("import?  See 'smtpx spool --help'")

    def run(self, console: Console) -> None:
        """Do what was told."""
        self.subOptions.run(console)


__all__ = ["ImportOptions", "SpoolOptions"]
