"""
C{smtpx rate}: who does how much.

C{list} prints it, and C{forget} makes the server begin anew with somebody.  Both are
done to the file that the configuration names, beside servers that run; they hear of it
within a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import time

from twisted.python.usage import UsageError

from ..policy.strangers.ratesfile import RatesFile, Row
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .queuetext import moment, several, shown
from .sharedfile import configured, told


class _FileOptions(ConsoleOptions):
    """
    The command line of what works at the file.

    @cvar now: seconds since the epoch.
    """

    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["rate", "r", None, "Only of rates with this in their names."],
    ]
    now: Callable[[], float] = staticmethod(time)
    names: tuple[str, ...] = ()

    @contextmanager
    def opened(self) -> Iterator[RatesFile | None]:
        """
        The file; L{None}: there is none.

        @raise CommandFailed: it is of no use.
        """
        path = str(configured(self["config"]).ratesFile)
        with told(path):
            try:
                file = RatesFile(path, make=False)
            except FileNotFoundError:
                yield None
                return
            try:
                yield file
            finally:
                file.close()

    def rows(self, file: RatesFile | None) -> list[Row]:
        """What counts, of the rates that are asked for."""
        found = [] if file is None else file.all(self.now())
        part = (self["rate"] or "").lower()
        return [each for each in found if part in each.place.name.lower()]


class ListOptions(_FileOptions):
    """The command line of C{smtpx rate list}."""

    synopsis = "[options] [WHO ...]"
    longdesc = (
        "Prints how much was counted of whom, those who did something last in front:"
        " so many in the period, when they did it last.  With names, only what is of"
        " one of these: a client, a user, an address, a domain, whatever a rate is"
        " per."
    )
    optFlags = [
        ["json", None, "Print a list of JSON objects, for programs."],
    ]

    def parseArgs(self, *names: str) -> None:
        """Take the names."""
        self.names = names

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        with self.opened() as file:
            rows = self.rows(file)
            alerts = {} if file is None else file.alarms()
        if self.names:
            rows = [each for each in rows if each.place.key in self.names]
        if self["json"]:
            console.say(json.dumps([_plain(each) for each in rows], indent=1))
            return
        now = self.now()
        if not rows:
            console.say("Nothing was counted.")
        for each in rows:
            console.say(_line(each, now))
        for account, at in sorted(alerts.items()):
            if not self.names or account.partition(" ")[2] in self.names:
                console.say(f"alert on {shown(account)}: {moment(at, now)}")


class ForgetOptions(_FileOptions):
    """The command line of C{smtpx rate forget}."""

    synopsis = "[options] WHO ..."
    longdesc = (
        "Forgets what was counted of somebody, by the words of 'smtpx rate list'."
        "  Servers that run do so, too.  When the operator was last told is not"
        " forgotten.  The exit status is 1 if of one nothing was counted."
    )

    def parseArgs(self, *names: str) -> None:
        """Take the names."""
        if not names:
            raise UsageError("whom?")
        self.names = names

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, or nothing was counted of one.
        """
        missing = []
        with self.opened() as file:
            rows = self.rows(file)
            for name in self.names:
                places = [each.place for each in rows if each.place.key == name]
                if file is None or not places:
                    missing.append(shown(name))
                    continue
                count = file.forget(places, self.now())
                console.say(f"{shown(name)}: forgot {several(count, 'rate')}")
        if missing:
            raise CommandFailed(f"nothing was counted of {', '.join(missing)}")


class RateCommandOptions(ConsoleOptions):
    """The command line of C{smtpx rate}."""

    synopsis = ""
    longdesc = "Looks at what rules count: who does how much in a time."
    subCommands = [
        ["list", None, ListOptions, "Print what was counted, a line each."],
        ["forget", None, ForgetOptions, "Begin anew with somebody."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("list or forget?  See 'smtpx rate --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _line(row: Row, now: float) -> str:
    """What a list says."""
    assert row.level is not None, "those that were forgotten are not among them"
    who, rate = shown(row.place.key), shown(row.place.name)
    return f"{who}: {row.level.value:.1f} {rate}; last {moment(row.level.at, now)}"


def _plain(row: Row) -> Mapping[str, object]:
    """The same, for programs."""
    assert row.level is not None, "those that were forgotten are not among them"
    return {
        "rate": row.place.name,
        "of": row.place.key,
        "value": row.level.value,
        "last_at": row.level.at,
        "expires_at": row.expires,
    }


__all__ = ["ForgetOptions", "ListOptions", "RateCommandOptions"]
