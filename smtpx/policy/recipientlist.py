"""
A list of recipients at domains that we relay: a file, read again when it changes
(L{smtpx.policy.watchedfile}).

An entry a line, and C{#} begins a comment::

    ann@branch.example      one address, with any tag
    *.branch.example        everybody at the domains below this one
    other.example           everybody at this domain

Who is in no line is unknown, but for the postmaster: each domain has one (RFC 5321
section 4.5.1).
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ..core.address import localPartOf
from ..core.addresstable import AddressTable
from ..core.errors import UsageError
from ..observe import events
from .aliases import Publish, unheard
from .ours import POSTMASTER
from .recipients import Finding, IRecipientCheck, Standing
from .watchedfile import PROBLEMS_MAX, BadList, Faults, WatchedFile, Work, readEntries

_KNOWN = Finding(Standing.KNOWN)
_UNKNOWN = Finding(Standing.UNKNOWN, "not in the list")


def readList(path: Path, separators: bytes = b"") -> AddressTable[bool]:
    """
    Read a list.

    @param separators: what separates tags.
    @raise BadList: with what is wrong.
    """
    problems: Faults = []
    entries: dict[str, int] = {}
    for number, words in readEntries(path):
        if len(words) == 1 and words[0] != "*":
            entries.setdefault(words[0].lower(), number)
        else:
            why = f'"{" ".join(words)}" is no address and no domain'
            problems.append((number, why))
    if not problems:
        try:
            return AddressTable(
                [(each, True) for each in entries], separators=separators
            )
        except UsageError:
            problems = wrongPatterns(entries)
    raise BadList(path, problems)


def wrongPatterns(entries: dict[str, int]) -> Faults:
    """
    Which patterns of a table are at fault.

    @param entries: the lines, by what stands there.
    """
    problems: Faults = []
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

    #: What is in the file is in memory, too.
    bearsRepeats = True

    def __init__(
        self, path: Path, separators: bytes = b"", publish: Publish = unheard
    ) -> None:
        """
        Read it.

        @param separators: what separates tags.
        @param publish: told of what goes wrong later.
        @raise BadList: with what is wrong.
        """

        def told(why: str | None) -> None:
            if why is None:
                publish(events.RECIPIENTS_READ, {"file": str(path)})
            else:
                publish(events.RECIPIENTS_KEPT, {"why": why})

        self._file = WatchedFile(path, lambda: readList(path, separators), told)

    def look(self, path: bytes, whose: bytes) -> Finding:
        """See L{IRecipientCheck}; this can tell at once."""
        if self._file.content.find(path) or localPartOf(path).lower() == POSTMASTER:
            return _KNOWN
        return _UNKNOWN

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        self._file.stop()


__all__ = [
    "PROBLEMS_MAX",
    "BadList",
    "RecipientList",
    "readList",
    "wrongPatterns",
]
