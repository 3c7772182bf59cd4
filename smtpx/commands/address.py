"""
C{smtpx address}: where mail goes.

C{test} follows an address through the aliases of a configuration to its routes,
and prints each step, or how the address is refused; C{retries} prints when mail for
it would be tried again.  No server need run, and none is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..policy.aliasentry import shown
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine
from ..service.wiring.destinations import Destinations, Verdict
from .console import CommandFailed, Console, ConsoleOptions
from .retries import RetriesOptions
from .words import pathOf


class TestOptions(ConsoleOptions):
    """The command line of C{smtpx address test}."""

    synopsis = "[options] ADDRESS ..."
    longdesc = (
        "Prints where mail for each ADDRESS goes: the aliases on the way with their"
        " files and lines, then the route and the transport.  The exit status is 1"
        " if one is refused.  Files are read as they are now, so this tells what a"
        " server will do that reads them again."
    )
    optParameters = [
        ["config", "c", None, "The configuration of the server."],
    ]
    addresses: tuple[str, ...] = ()

    def parseArgs(self, *arguments: str) -> None:
        """Take the addresses."""
        if not arguments:
            raise UsageError("which address?")
        self.addresses = arguments

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the configuration is of no use, what was given is no
            address, or one is refused.
        """
        paths, wrong = [], []
        for each in self.addresses:
            try:
                paths.append(pathOf(each))
            except CommandFailed as error:
                wrong.append(str(error))
        # It does not run; it only has a name.
        from twisted.internet import reactor

        try:
            configuration = readConfiguration(self["config"], findExtensions())
            destinations = Destinations(Machine(reactor), configuration)
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        refused = []
        for path in paths:
            verdict = destinations.find(path)
            console.say(shown(path))
            for line in _told(verdict):
                console.say(f"  {line}")
            if verdict.reply is not None or not verdict.destinations:
                refused.append(shown(path))
        if refused:
            wrong.append(f"no mail is taken for {', '.join(refused)}")
        if wrong:
            raise CommandFailed("; ".join(wrong))


class AddressOptions(ConsoleOptions):
    """The command line of C{smtpx address}."""

    synopsis = ""
    longdesc = "Looks at addresses as the server does."
    subCommands = [
        ["retries", None, RetriesOptions, "Tell when mail would be tried again."],
        ["test", None, TestOptions, "Tell where mail for addresses goes."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx address --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _told(verdict: Verdict) -> Iterator[str]:
    """What there is to say of an address, line by line."""
    for step in verdict.steps:
        indent = "  " * step.depth
        yield f"{indent}{step.entry.place}: {step.entry}"
    if verdict.problem is not None:
        yield f"the alias is broken: {verdict.problem}"
    if verdict.reply is not None:
        said = verdict.reply.octets.decode("utf-8", "backslashreplace").rstrip()
        yield f"refused: {said}"
        return
    if not verdict.ours:
        yield "not ours: taken only from those who may relay"
    if not verdict.destinations:
        yield "refused: no route goes there"
    for each in verdict.destinations:
        if each.route is None:
            yield "thrown away"
            continue
        line = f"-> {shown(each.path)}: route {each.route.pattern},"
        line += f" transport {each.route.transport.name}"
        yield line if each.folder is None else f"{line}, {each.folder}"
