"""
Where a command reads and writes, and how it says what went wrong.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from getopt import GetoptError, gnu_getopt
from importlib.metadata import version
from typing import NoReturn, TextIO

from attrs import frozen
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogBeginner,
)
from twisted.python.usage import Options, UsageError
from zope.interface import implementer

from ..core.errors import SMTPXError

#: What C{--config} is, where a command has it.
CONFIG_HELP = "The configuration of the server; without it, a first start's, here."


class CommandFailed(SMTPXError):
    """
    A command could not do what it was told; the message is for the operator.

    @cvar status: the exit status.
    """

    status = 1


class Shown(SMTPXError):
    """Help or the version was asked for; the message is that."""


@frozen
class Console:
    """
    The terminal, or what stands for it.

    @ivar out: for what was asked for.
    @ivar err: for what went wrong.
    @ivar line: reads a line, with its end; empty at the end of the input.
    @ivar secret: asks for something that is not to be seen; L{EOFError} where
        there is nothing more to read.
    @ivar interactive: is there somebody to ask?
    """

    out: TextIO
    err: TextIO
    line: Callable[[], bytes]
    secret: Callable[[str], str]
    interactive: bool

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=self.out)


def terminal() -> Console:
    """The console of this process."""
    return Console(
        sys.stdout,
        sys.stderr,
        sys.stdin.buffer.readline,
        getpass.getpass,
        sys.stdin.isatty(),
    )


@implementer(ILogObserver)
class Warnings:
    """
    Tells an operator of warnings and errors while a command runs, a line each: where
    something of ours could not be used, the command does without.
    """

    def __init__(self, err: TextIO) -> None:
        """
        @param err: where to.
        """
        self._err = err

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}.  Twisted's own events have the same in other words."""
        ours = str(event.get("log_namespace", "")).startswith("smtpx.")
        if not ours or event.get("log_level", LogLevel.debug) < LogLevel.warn:
            return
        text = formatEvent(event)
        failure = event.get("log_failure")
        if failure is not None:
            text += f": {failure.getErrorMessage()}"
        print("smtpx: warning:", *text.split(), file=self._err)


def tellWarnings() -> None:
    """
    Have warnings written to the error output from now on.  Without that Twisted
    keeps them, and writes out whole tracebacks when the process ends.
    """
    observers = [Warnings(sys.stderr)]
    globalLogBeginner.beginLoggingTo(
        observers, discardBuffer=True, redirectStandardIO=False
    )


class ConsoleOptions(Options):
    """
    Options whose help and version come out of the command like everything else,
    and do not end the process.
    """

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Take the command line; of a command that does something, options may stand
        behind arguments as well.

        @raise UsageError: it makes no sense.
        """
        words = list(options or ())
        if not getattr(self, "subCommands", None):
            try:
                given, rest = gnu_getopt(words, self.shortOpt, self.longOpt)
            except GetoptError as error:
                raise UsageError(str(error)) from error
            words = [*self._spelled(given), "--", *rest]
        super().parseOptions(words)  # type: ignore[no-untyped-call]  # Twisted's

    def _spelled(self, given: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Options, once more; a value may be empty."""
        for name, value in given:
            if name.startswith("--"):
                takes = f"{name[2:]}=" in self.longOpt
                yield f"{name}={value}" if takes else name
            else:
                yield name
                if f"{name[1:]}:" in self.shortOpt:
                    yield value

    def getSynopsis(self) -> str:
        """How the command is written, after what it is a part of."""
        return " ".join(Options.getSynopsis(self).split())

    def opt_help(self) -> NoReturn:
        """Show this help."""
        raise Shown(str(self).rstrip())

    opt_h = opt_help

    def opt_version(self) -> NoReturn:
        """Show the version of smtpx."""
        raise Shown(f"smtpx {version('smtpx')}")
