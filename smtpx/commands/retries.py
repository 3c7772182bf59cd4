"""
C{smtpx address retries}: when a message that nobody takes would be tried again.

It is what C{exim -brt} is for Exim: the rule that decides for an address and an
error, and the times that come of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..policy.aliasentry import shown
from ..queue.errorkind import ErrorKind
from ..queue.retry import RetryRules
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import machineName
from ..service.pausewords import renderPauses
from ..service.problems import closest
from ..service.quantities import spellSeconds
from ..service.wiring import retryRules
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .words import pathOf

#: How many times are printed before it goes on in the same way.
_TIMES = 20


class RetriesOptions(ConsoleOptions):
    """The command line of C{smtpx address retries}."""

    synopsis = "[options] ADDRESS ..."
    longdesc = (
        "Prints when a message for each ADDRESS would be tried again, and given up, if"
        " nobody takes it.  Up to a tenth is added to each pause.  The errors are "
        + ", ".join(each.value for each in ErrorKind)
        + "."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["error", "e", ErrorKind.CONNECT.value, "What goes wrong each time."],
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

        @raise CommandFailed: the configuration is of no use, or what was given is no
            address or no error.
        """
        kind = _kind(self["error"])
        paths = [pathOf(each) for each in self.addresses]
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            rules = retryRules(configuration, configuration.name or machineName())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        for path in paths:
            for line in _told(rules, path, kind):
                console.say(line)


def _kind(word: str) -> ErrorKind:
    """
    @raise CommandFailed: there is no such error.
    """
    known = [each.value for each in ErrorKind]
    if word not in known:
        meant = closest(word, known)
        hint = f'; did you mean "{meant}"?' if meant else f": {', '.join(known)}"
        raise CommandFailed(f'there is no error "{word}"{hint}')
    return ErrorKind(word)


def _told(rules: RetryRules, path: bytes, kind: ErrorKind) -> Iterator[str]:
    """What there is to say of an address, line by line."""
    pauses = rules.pauses(path, kind)
    # From somebody: that is the longer of the two lives.
    end = rules.lifetimes.of(b"somebody")
    if pauses.endSeconds is not None:
        end = min(end, pauses.endSeconds)
    yield f"{shown(path)}, {kind.help}:"
    yield f"  {', '.join(renderPauses(pauses))}"
    times = pauses.times(end)
    for seconds in islice(times, _TIMES):
        yield f"    after {spellSeconds(seconds)}" if seconds else "    at once"
    more = sum(1 for _ in islice(times, 100_000))
    if more:
        yield f"    ... and {more} times more"
    yield f"  given up after {spellSeconds(end)}"


__all__ = ["RetriesOptions"]
