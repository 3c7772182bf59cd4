"""
A list of recipients at domains that we relay: a file, read again when it changes.

An entry a line, and C{#} begins a comment::

    ann@branch.example      one address, with any tag
    *.branch.example        everybody at the domains below this one
    other.example           everybody at this domain

Who is in no line is unknown, but for the postmaster: each domain has one (RFC 5321
section 4.5.1).

The file is looked at in a thread, every second.  One that changes is read once it
has not changed for a second; where anything is wrong with it, or it is gone, the
list stays as it was, and that is told once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core.address import localPartOf
from ..core.addresstable import AddressTable
from ..core.errors import SMTPXError, UsageError
from ..observe import events
from .aliases import LOOK_SECONDS, Publish, unheard
from .ours import POSTMASTER
from .recipients import Finding, IRecipientCheck, Standing

#: How many faults of a file are told.
PROBLEMS_MAX = 20

#: What tells a file from what it was; C{None}: it is not to be seen.
_Mark = tuple[int, ...] | None

#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], bool]], Deferred[bool]]

_KNOWN = Finding(Standing.KNOWN)
_UNKNOWN = Finding(Standing.UNKNOWN, "not in the list")


class BadList(SMTPXError):
    """
    A list that cannot be used.

    @ivar problems: what is wrong, with the line (from 1), or C{None} where it is
        of no one line.
    """

    def __init__(self, path: Path, problems: list[tuple[int | None, str]]) -> None:
        self.path = path
        self.problems = problems
        lines = (
            f"{path}: {text}" if line is None else f"{path}:{line}: {text}"
            for line, text in problems
        )
        SMTPXError.__init__(self, "\n".join(lines))


def readList(path: Path, separators: bytes = b"") -> AddressTable[bool]:
    """
    Read a list.

    @param separators: what separates tags.
    @raise BadList: with what is wrong.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BadList(path, [(None, why)]) from error
    except UnicodeDecodeError as error:
        raise BadList(path, [(None, "it is not in UTF-8")]) from error
    problems: list[tuple[int | None, str]] = []
    entries: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if len(words) == 1 and words[0] != "*":
            entries.setdefault(words[0].lower(), number)
        elif words:
            why = f'"{" ".join(words)}" is no address and no domain'
            problems.append((number, why))
    if not problems:
        try:
            return AddressTable(
                [(each, True) for each in entries], separators=separators
            )
        except UsageError:
            problems = _wrong(entries)
    raise BadList(path, problems[:PROBLEMS_MAX])


def _wrong(entries: dict[str, int]) -> list[tuple[int | None, str]]:
    """
    Which entries are at fault.

    @param entries: the lines, by what stands there.
    """
    problems: list[tuple[int | None, str]] = []
    for entry, number in entries.items():
        try:
            AddressTable([(entry, True)])
        except UsageError as error:
            problems.append((number, str(error)))
    # Else two are the same, in Unicode and in ASCII.
    return problems or [(None, "a domain stands there in two forms")]


@implementer(IRecipientCheck)
class RecipientList:
    """
    The recipients that are in a file.
    """

    def __init__(
        self, path: Path, separators: bytes = b"", publish: Publish = unheard
    ) -> None:
        """
        Read it.

        @param separators: what separates tags.
        @param publish: told of what goes wrong later.
        @raise BadList: with what is wrong.
        """
        self._path = path
        self._separators = separators
        self._publish = publish
        self._seen = self._candidate = _mark(path)
        self._complaint: str | None = None
        self._looking: LoopingCall | None = None
        self._table = readList(path, separators)

    def look(self, path: bytes, whose: bytes) -> Finding:
        """See L{IRecipientCheck}; this can tell at once."""
        if self._table.find(path) or localPartOf(path).lower() == POSTMASTER:
            return _KNOWN
        return _UNKNOWN

    # --- reading again ---------------------------------------------------------------

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._looking = LoopingCall(self._look, work)
        self._looking.clock = clock
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.stop()
            self._looking = None

    def _look(self, work: Work) -> Deferred[None]:
        return work(self._read).addCallbacks(self._tell, self._failed)

    def _read(self) -> bool:
        """
        In a thread, one at a time: read the file if it has changed, and changes no
        more.

        @return: was it read?
        @raise BadList: with what is wrong.
        """
        mark, before = _mark(self._path), self._candidate
        self._candidate = mark
        if mark == self._seen or mark != before:
            return False
        self._seen = mark
        self._table = readList(self._path, self._separators)
        return True

    def _tell(self, read: bool) -> None:
        if read:
            self._complaint = None
            self._publish(events.RECIPIENTS_READ, {"file": str(self._path)})

    def _failed(self, failure: Failure) -> None:
        # The border: whatever comes out of a thread, the next look comes.
        why = failure.getErrorMessage()
        if why != self._complaint:
            self._complaint = why
            self._publish(events.RECIPIENTS_KEPT, {"why": why})


def _mark(path: Path) -> _Mark:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


__all__ = ["BadList", "RecipientList", "readList"]
