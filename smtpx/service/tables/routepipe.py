"""
What routes with the transport C{pipe} have besides.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from ...core.errors import UsageError
from ...queue.commandline import CommandLine
from ...queue.commandrun import RunBounds
from ...queue.exitstatus import TEMPORARY, Crashed
from .routeoptions import TransportKind, only
from .routequeuefile import QueueFileOptions

#: Three or four octal digits.
_umask = re.compile(r"0?[0-7]{3}\Z").match

#: What an exit status can be, but success.
_STATUSES = range(1, 256)

_pipe = only(TransportKind.PIPE)


def _command(entry: PipeOptions, attribute: Attribute[Any], value: object) -> None:
    _pipe(entry, attribute, value)
    if entry.transport is not TransportKind.PIPE:
        return
    try:
        CommandLine(entry.command, several=entry.batchMax > 1)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _variables(entry: PipeOptions) -> str | None:
    try:
        CommandLine(("/x",), entry.environment, entry.batchMax > 1)
    except UsageError as error:
        return str(error)
    return None


def _group(entry: PipeOptions) -> str | None:
    return None if entry.user is not None else "a group is of no use without a user"


def _mask(entry: PipeOptions) -> str | None:
    if _umask(entry.umask):
        return None
    return f'expected octal digits such as "077", got "{entry.umask}"'


def _temporary(entry: PipeOptions) -> str | None:
    wrong = [each for each in entry.temporaryStatuses if each not in _STATUSES]
    return f"{wrong[0]} is no exit status of a failure (1 to 255)" if wrong else None


def _for(check: Any) -> Any:
    return only(TransportKind.PIPE, checks=(check,))


@frozen
class PipeOptions(QueueFileOptions):
    """What routes into commands have."""

    command: tuple[str, ...] = field(
        default=(),
        validator=_command,
        metadata={
            "help": "For ``pipe``, which cannot do without: a program, by its path, and"
            " its arguments.  ``{local}``, ``{user}`` (the local part without its tag),"
            " ``{tag}``, ``{domain}``, ``{address}``, ``{original}`` (the address that"
            " the client gave, where an alias leads on), ``{sender}`` and ``{id}`` in"
            " an argument stand for those of the message; ``{recipients}`` is as many"
            " arguments as there are.  No shell sees them."
        },
    )
    environment: tuple[str, ...] = field(
        default=(),
        validator=_for(_variables),
        metadata={
            "help": "For ``pipe``: variables for its environment besides the usual"
            ' ones, such as ``["LANG=C.UTF-8", "BOX={user}"]``.'
        },
    )
    user: str | None = field(
        default=None,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: the name of the user that the command runs as.  Only"
            " a server that stays root can choose, and has to; it cannot be root.  If"
            " not given: the server's own."
        },
    )
    group: str | None = field(
        default=None,
        validator=_for(_group),
        metadata={
            "help": "For ``pipe``: the name of the group that goes with ``user``.  If"
            " not given: the user's."
        },
    )
    workingFolder: Path | None = field(
        default=None,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: the command's working folder.  If not given: ``/``."
        },
    )
    umask: str = field(
        default="077",
        validator=_for(_mask),
        metadata={
            "help": "For ``pipe``: which rights the files that it makes do not get."
        },
    )
    finalDelivery: bool = field(
        default=True,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: has the recipient the message, when the command has"
            " taken it?  Otherwise the command sends it on: it gets no ``Return-Path``"
            " and no ``Delivered-To`` above it, and a sender who wants to know reads"
            " that it was relayed."
        },
    )
    fromLine: bool = field(
        default=False,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: is there a line ``From``, with sender and time,"
            " above the message, as in an mbox (RFC 4155)?"
        },
    )
    batchMax: int = field(
        default=1,
        validator=_pipe,
        metadata={
            "least": 1,
            "help": "For ``pipe``: the most recipients of a message that one run of the"
            " command is for.  What becomes of it becomes of all of them.",
        },
    )
    concurrency: int = field(
        default=10,
        validator=_pipe,
        metadata={
            "least": 1,
            "help": "For ``pipe``: how many runs of the command there may be at once.",
        },
    )
    timeLimitSeconds: float = field(
        default=RunBounds().timeLimit,
        validator=_pipe,
        metadata={
            "least": 1,
            "help": "For ``pipe``: how long the command may take.  Then it gets"
            " SIGTERM, and SIGKILL 5 s later, with all that it has started.",
        },
    )
    outputOctets: int = field(
        default=RunBounds().outputOctets,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: how much the command may print.  Behind that it is"
            " ended as if it had taken too long."
        },
    )
    temporaryStatuses: tuple[int, ...] = field(
        default=TEMPORARY,
        validator=_for(_temporary),
        metadata={
            "help": "For ``pipe``: the exit statuses after which it is tried again."
            "  After others but 0 the message has failed.  An enhanced status code at"
            " the beginning of what the command prints, such as ``4.2.2`` or ``5.7.1``,"
            " goes before."
        },
    )
    onCrash: Crashed = field(
        default=Crashed.RETRY,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: where the command dies by a signal, or has to be"
            " ended: ``retry``, or ``fail``, as at a failure for good."
        },
    )
    returnOutput: bool = field(
        default=False,
        validator=_pipe,
        metadata={
            "help": "For ``pipe``: may a sender, in a report, read what the command"
            " printed?  The first line is in the log in any case."
        },
    )


__all__ = ["PipeOptions"]
