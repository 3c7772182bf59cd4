"""
What the end of a command means for the recipients of a pipe.

Commands say by their exit status how it went, in the numbers of C{sysexits.h}, and
may say it more exactly by an enhanced status code (RFC 3463) at the beginning of
what they print, as Postfix's pipe(8) has it::

    5.7.1 No attachments, please

Such a code counts for more than a status that is not 0; with the status 0, which is
always success, what is printed does not matter.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Collection
from enum import Enum

from attrs import evolve, frozen

from ..core.reply import Reply
from ..observe.harmless import visible
from ..spool.format import Fate, Outcome
from ..spool.via import Cause

#: Exit statuses after which it is tried again, unless the configuration has others:
#: EX_OSERR, EX_CANTCREAT, EX_IOERR and EX_TEMPFAIL; and what a shell has for a
#: program that is not there, or may not be run.
TEMPORARY = (71, 73, 74, 75, 126, 127)

#: What is shown of what a command prints: lines, and characters of each.
LINES = 10
CHARACTERS = 200

#: C{sysexits.h}, with the subject and detail of RFC 3463 that Postfix has for each
#: (C{sys_exits.c}).
_STATUSES = {
    64: ((3, 0), "command line usage error"),
    65: ((6, 0), "data format error"),
    66: ((3, 0), "cannot open input"),
    67: ((1, 1), "user unknown"),
    68: ((1, 2), "host name unknown"),
    69: ((3, 0), "service unavailable"),
    70: ((3, 0), "internal software error"),
    71: ((3, 0), "system resource problem"),
    72: ((3, 0), "critical system file missing"),
    73: ((2, 0), "cannot create output file"),
    74: ((3, 0), "input or output error"),
    75: ((3, 0), "temporary failure"),
    76: ((5, 0), "remote error in protocol"),
    77: ((7, 0), "permission denied"),
    78: ((3, 5), "local configuration error"),
}
_OTHER = (3, 0)

#: What is said where a code says all that a sender is to know.
_UNDELIVERED = "it could not be delivered"

#: Subjects of RFC 3463 that are about the mail, and not about us: addresses,
#: mailboxes, content, policy.
_OF_MAIL = (1, 2, 6, 7)

_CODE = re.compile(rb"\s*([45])\.(\d{1,3})\.(\d{1,3})(?:\s+|\Z)")

#: At what it failed, by the subject of the status code (RFC 3463 section 3).
_CAUSES = {
    1: Cause.RECIPIENT,
    2: Cause.RECIPIENT,
    6: Cause.CONTENT,
    7: Cause.CONTENT,
}


class Crashed(Enum):
    """What becomes of mail at which a command dies, hangs or floods."""

    RETRY = "retry"
    FAIL = "fail"


@frozen
class Result:
    """
    How a command ended.

    @ivar status: its exit status; negative: minus the signal that ended it.
    @ivar output: what it printed, or the beginning of that.
    @ivar cut: why it was ended by us; empty: it was not.
    """

    status: int
    output: bytes = b""
    cut: str = ""


@frozen
class Reading:
    """
    How the end of a command is read.

    @ivar temporary: exit statuses after which it is tried again.
    @ivar crashed: what becomes of mail at which it dies, hangs or floods.
    @ivar returnOutput: may a sender read what it printed?
    """

    temporary: Collection[int] = TEMPORARY
    crashed: Crashed = Crashed.RETRY
    returnOutput: bool = False

    def outcome(self, result: Result) -> Outcome:
        """
        What it means for the recipients.

        @return: of the recipient 0; it is the same for all.
        """
        first = _firstLine(result.output)
        quoted = f": {first}" if first else ""
        if result.cut or result.status < 0:
            why = result.cut or f"the command died by {_signal(result.status)}"
            lasting = self.crashed is Crashed.FAIL
            return self._bad(lasting, _OTHER, why + quoted, "", result.output)
        if result.status == 0:
            return Outcome(0, Fate.DELIVERED, first)
        status, words = _STATUSES.get(result.status, (_OTHER, ""))
        lasting = result.status not in self.temporary
        shown = words if status[0] in _OF_MAIL else ""
        code = _CODE.match(result.output)
        if code is not None:
            lasting = code[1] == b"5"
            status, shown = (int(code[2]), int(code[3])), _UNDELIVERED
        meaning = f" ({words})" if words else ""
        why = f"the command ended with status {result.status}{meaning}{quoted}"
        return self._bad(lasting, status, why, shown, result.output)

    def _bad(
        self,
        lasting: bool,
        status: tuple[int, int],
        why: str,
        shown: str,
        output: bytes,
    ) -> Outcome:
        """
        @param why: for the operator.
        @param shown: for the sender; empty: nothing, as it is our own trouble.
        """
        lines = (_lines(output) if self.returnOutput else []) or [shown]
        said: Reply | None = None
        if any(lines):
            octets = tuple([each.encode("utf-8") for each in lines])
            kind = 5 if lasting else 4
            said = Reply(550 if lasting else 450, (kind, *status), octets)
        fate = Fate.FAILED if lasting else Fate.WAITING
        cause = _CAUSES.get(status[0], Cause.LOCAL)
        return Outcome(0, fate, why, said, cause=cause)


def _lines(output: bytes) -> list[str]:
    """What was printed, line by line, without the code that it begins with."""
    code = _CODE.match(output)
    rest = output[code.end() :] if code else output
    lines = (visible(line.strip(), CHARACTERS) for line in rest.splitlines())
    return [line for line in lines if line][:LINES]


def _firstLine(output: bytes) -> str:
    """The first line with something in it, as it was printed."""
    for line in output.splitlines():
        if line.strip():
            return visible(line.strip(), CHARACTERS)
    return ""


def _signal(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def spread(outcome: Outcome, indices: Collection[int]) -> list[Outcome]:
    """The same outcome for each of some recipients."""
    return [evolve(outcome, index=index) for index in indices]


__all__ = ["TEMPORARY", "Crashed", "Reading", "Result", "spread"]
