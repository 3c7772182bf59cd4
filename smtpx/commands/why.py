"""
C{smtpx why}: what happened to a message, and what will happen next, in sentences.

It reads what there is: the spool, the logs, the retry rules, what is known of other
hosts.  A server that runs is asked for nothing but whether it has the message in its
hands.
"""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import asdict, define
from twisted.python.usage import UsageError

from ..core.errors import SMTPXError
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..spool.identity import parse
from .console import CommandFailed, Console, ConsoleOptions
from .sendtold import columns
from .whyfacts import Facts
from .whystory import Story
from .whytold import next_, past, rendered, unknown
from .whywords import Sentence, Zone

#: After how many seconds it is told how far a search is.
_PATIENCE_SECONDS = 1.0


class WhyOptions(ConsoleOptions):
    """
    The command line of C{smtpx why}.

    @cvar now: seconds since the epoch.
    @cvar zone: how a moment is on the wall.
    """

    synopsis = "[options] ID"
    longdesc = (
        "Tells what happened to the message ID, and what will happen next: when it"
        " came and from whom, what was tried and what hosts said, when it is tried"
        " again and by which rule, when it is given up, and what it waits for.  Of a"
        " message that is gone it tells what the logs have, those that were moved"
        " away included.  The exit status is 1 if there is no trace of it."
    )
    optParameters = [
        ["config", "c", None, "The configuration of the server."],
    ]
    optFlags = [
        ["json", None, "Print a JSON object, for programs."],
    ]
    now: Callable[[], float] = staticmethod(time.time)
    zone: Zone = staticmethod(time.localtime)
    id = ""

    def parseArgs(self, *arguments: str) -> None:
        """Take the id."""
        if len(arguments) != 1:
            raise UsageError("which message?  Give one id")
        self.id = arguments[0]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: there is no such message, or it could not be looked for.
        """
        try:
            parse(self.id)
        except ValueError as error:
            raise CommandFailed(f"that is no id of a message: {error}") from error
        progress = Progress(console, time.monotonic)
        try:
            configuration = readConfiguration(self["config"], findExtensions())
            facts = Facts(configuration, self.id, self.now(), progress)
            story = facts.story()
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        finally:
            progress.end()
        if self["json"]:
            console.say(asJSON(story, self.zone))
        elif story.known:
            for each in paragraphs(story, self.zone, columns()):
                console.say(each)
        if not story.known:
            raise CommandFailed(unknown(story))


@define(eq=False)
class Progress:
    """
    Tells somebody who waits how far a search is.

    @ivar console: where to, on its error output.
    @ivar seconds: of a clock that never goes back.
    """

    console: Console
    seconds: Callable[[], float]
    _last: float | None = None
    _told: bool = False

    def __call__(self, path: Path, octets: int, all: int) -> None:
        """See L{smtpx.observe.logsearch.Tell}."""
        now = self.seconds()
        if self._last is None:
            self._last = now
        if not self.console.interactive or now - self._last < _PATIENCE_SECONDS:
            return
        self._last, self._told = now, True
        part = f" {100 * octets // all} %" if octets and all else ""
        text = f"\rlooking through {path.name}{part}"
        print(text, end="\x1b[K", file=self.console.err, flush=True)

    def end(self) -> None:
        """It is over."""
        if self._told:
            print("\r", end="\x1b[K", file=self.console.err, flush=True)


def paragraphs(story: Story, zone: Zone, width: int) -> Iterator[str]:
    """The story of a message, as lines that fit."""
    yield from _paragraph(past(story, zone), zone, width)
    yield ""
    yield "What comes next"
    for each in next_(story, zone):
        yield from textwrap.wrap(
            each.text, width, initial_indent="  ", subsequent_indent="  "
        )
    if story.looked.unread:
        yield ""
        yield "What could not be read"
        for text in story.looked.unread:
            yield f"  {text}"


def _paragraph(sentences: Iterator[Sentence], zone: Zone, width: int) -> Iterator[str]:
    for before, text in rendered(sentences, zone):
        yield from textwrap.wrap(
            text,
            width,
            initial_indent=before,
            subsequent_indent=" " * len(before),
            break_long_words=False,
            break_on_hyphens=False,
        )


def asJSON(story: Story, zone: Zone) -> str:
    """The same, for programs: the facts, and the sentences."""

    def plain(instance: object, attribute: object, value: object) -> object:
        return getattr(value, "value", value)

    told = {
        "message": story.id,
        "known": story.known,
        "past": [{"at": each.at, "text": each.text} for each in past(story, zone)]
        if story.known
        else [],
        "next": [each.text for each in next_(story, zone)] if story.known else [],
        "happenings": [
            {"kind": type(each).__name__.lower()} | asdict(each, value_serializer=plain)
            for each in story.happenings
        ],
        "spool": None if story.stay is None else asdict(story.stay),
        "hosts": [asdict(each) for each in story.troubles],
        "running": story.running,
        "looked": asdict(story.looked),
    }
    return json.dumps(told, indent=1)


__all__ = ["Progress", "WhyOptions", "asJSON", "paragraphs"]
