"""
C{smtpx config}: what a configuration says.

C{check} tries everything that it names, C{show} prints what a server would run by,
and C{default} prints a file to begin with.  Nothing of it touches a server that
runs, nor its files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..core.interfaces import IExtension
from ..service.cautions import approval
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine
from ..service.privileges import cautionsAsWanted, checkAsWanted, wantedAccount
from ..service.problems import ConfigurationError
from ..service.spelling import shown, template
from .console import CommandFailed, Console, ConsoleOptions


class _FileOptions(ConsoleOptions):
    """
    The command line of what reads a configuration.

    @ivar file: its name; L{None}: the empty configuration.
    """

    synopsis = "[options] [FILE]"
    file: str | None = None

    def parseArgs(self, *arguments: str) -> None:
        """Take the name of the file."""
        if len(arguments) > 1:
            raise UsageError("one file at a time")
        self.file = arguments[0] if arguments else None

    def read(self) -> tuple[Configuration, Mapping[str, IExtension]]:
        """
        Read it.

        @return: the configuration, and the extensions that there are.
        @raise CommandFailed: it is of no use.
        """
        try:
            found = findExtensions()
            return readConfiguration(self.file, found), found
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error


class CheckOptions(_FileOptions):
    """The command line of C{smtpx config check}."""

    longdesc = (
        "Reads FILE and whatever it names, and prints everything that is wrong,"
        " with file and line.  The exit status is 1 then.  A server may run"
        " meanwhile."
    )

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: something is wrong.
        """
        configuration, found = self.read()
        # It does not run, so ports are looked at and none is taken.
        from twisted.internet import reactor

        machine = Machine(reactor)
        account, problems = wantedAccount(configuration)
        problems += checkAsWanted(machine, configuration, found, account, starts=False)
        if problems:
            raise CommandFailed(str(ConfigurationError(problems)))
        known = cautionsAsWanted(machine, configuration, account)
        for line in approval(configuration, known):
            console.say(line)
        if self.file is None:
            console.say("That is of no file, but of the first start; name a FILE.")


class ShowOptions(_FileOptions):
    """The command line of C{smtpx config show}."""

    longdesc = (
        "Prints what a server that is given FILE would run by: every option with its"
        " value, and whether that is from FILE (with the line) or the default.  What"
        " is printed is a configuration itself.  Passwords stand in no"
        " configuration, so it may be shown to others."
    )
    optFlags = [
        ["changed", None, "Leave out what FILE says nothing of."],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the file is of no use.
        """
        configuration, found = self.read()
        _print(console, shown(configuration, found, bool(self["changed"])))


class DefaultOptions(ConsoleOptions):
    """The command line of C{smtpx config default}."""

    synopsis = ""
    longdesc = (
        "Prints a configuration to begin with: every option that there is, with its"
        " help and its default, behind a #.  The extensions that are found in"
        " twisted/plugins are among them."
    )

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: two extensions have one name.
        """
        try:
            found = findExtensions()
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        _print(console, template(found))


class ConfigOptions(ConsoleOptions):
    """The command line of C{smtpx config}."""

    synopsis = ""
    longdesc = "Looks at a configuration."
    subCommands = [
        ["check", None, CheckOptions, "Print what is wrong with a configuration."],
        ["show", None, ShowOptions, "Print every option with its value."],
        ["default", None, DefaultOptions, "Print a configuration to begin with."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("check, show or default?  See 'smtpx config --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


def _print(console: Console, lines: Iterable[str]) -> None:
    text = "\n".join(lines).strip("\n")
    console.say(text or "# Everything has its default.")
