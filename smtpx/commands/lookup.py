"""
C{smtpx lookup}: what a look-up of the configuration finds.
"""

from __future__ import annotations

import json
import os
from contextlib import AsyncExitStack

from attrs import evolve
from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..policy.aliases import unheard
from ..policy.lookups import Found
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine, usePythonPath
from ..service.problems import closest
from ..service.wiring import lookups
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .waiting import wait


class LookupOptions(ConsoleOptions):
    """The command line of C{smtpx lookup}."""

    synopsis = "[options] NAME KEY"
    longdesc = (
        "Looks up a key as rules and lists do: prints the value, and under which key it"
        " was found.  Without arguments it lists the look-ups that there are.  The exit"
        " status is 1 where nothing is found, or it cannot be told."
    )
    optParameters = [["config", "c", None, CONFIG_HELP]]
    optFlags = [["json", None, "Print a JSON object, for programs."]]

    def __init__(self) -> None:
        """Nothing is said yet."""
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.name: str | None = None
        self.key = ""

    def parseArgs(self, *words: str) -> None:
        """The look-up, and the key."""
        if len(words) not in (0, 2):
            raise UsageError("expected the name of a look-up, and a key")
        if words:
            self.name, self.key = words

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: nothing is found, or it cannot be told.
        """
        machine = theMachine()
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            if self.name is None:
                _list(configuration, console)
                return
            usePythonPath(configuration)
            wanted = _only(configuration, self.name)
            found = wait(
                machine.reactor, _found(machine, wanted, os.fsencode(self.key))
            )
        except (SMTPXError, OSError, ImportError) as error:
            raise CommandFailed(str(error)) from error
        if self["json"]:
            console.say(json.dumps(_plain(found)))
        elif found.value is not None:
            _tell(found, console)
        if found.value is None:
            tried = ", ".join(map(_shown, found.tried))
            raise CommandFailed(f"{self.name} has none of: {tried}")


def _only(configuration: Configuration, name: str) -> Configuration:
    """
    A configuration with one look-up.

    @raise CommandFailed: there is none of this name.
    """
    entries = [each for each in configuration.lookups if each.name == name]
    if not entries:
        meant = closest(name, [each.name for each in configuration.lookups])
        hint = f'; did you mean "{meant}"?' if meant else ""
        raise CommandFailed(f"there is no look-up {name}{hint}")
    return evolve(configuration, lookups=tuple(entries[:1]))


async def _found(machine: Machine, configuration: Configuration, key: bytes) -> Found:
    """
    What the only look-up of a configuration finds.

    @raise smtpx.policy.lookups.LookupDeferred: it cannot be told now.
    """
    async with AsyncExitStack() as stack:
        made = lookups(machine, configuration, unheard, stack, locks=False)
        (lookup,) = made.values()
        return await lookup.explain(key)


def _list(configuration: Configuration, console: Console) -> None:
    """The look-ups that there are."""
    for each in configuration.lookups:
        where = each.file or each.python
        console.say(f"{each.name}: {each.kind.value} {where}")
    if not configuration.lookups:
        console.say("There are no look-ups: the configuration has no [[lookup]].")


def _tell(found: Found, console: Console) -> None:
    assert found.key is not None and found.value is not None, "something is found"
    console.say(_shown(found.value))
    if len(found.tried) > 1:
        console.say(f"  under: {_shown(found.key)}")
        console.say(f"  after: {', '.join(map(_shown, found.tried[:-1]))}")


def _plain(found: Found) -> dict[str, object]:
    """The same, for programs."""
    return {
        "value": None if found.value is None else _shown(found.value),
        "key": None if found.key is None else _shown(found.key),
        "tried": [_shown(each) for each in found.tried],
    }


def _shown(octets: bytes) -> str:
    """Octets as text: what is no UTF-8, or cannot be printed, is escaped."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


__all__ = ["LookupOptions"]
