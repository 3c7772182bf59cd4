"""
Since when mailboxes have their owners (RFC 7293): what answers
L{smtpx.extensions.rrvs.KeptSince}.

An operator writes down in a file which addresses had another owner before, or which
domains, and since when that is over; C{#} begins a comment::

    ann@example.org    2024-03-01               this Ann has it since that day
    bob@example.org    2024-03-01T12:00:00Z     or since then
    old@example.org    unknown                  nobody knows since when
    shop.example       2023-01-01               the whole domain is ours since then
    *.shop.example     2023-01-01               all those below it

Who is in no line never had another owner, and nothing is told of how old his mailbox
is (section 9).  Where only a day is known it counts from its end, in UTC, which is
the latest that it can have been (section 5).

A program may know more: a function is asked first then.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ..core.addresstable import AddressTable
from ..core.dialogue import Question
from ..core.errors import Malformed, UsageError
from ..core.interfaces import IServerSession
from ..core.timestamp import parseTimestamp
from ..extensions.rrvs import KeptSince, Ownership
from ..observe import events
from .aliases import Publish, unheard
from .recipientlist import wrongPatterns
from .turnstile import Turnstile
from .watchedfile import BadList, Faults, WatchedFile, Work, readEntries

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DAY_SECONDS = 86400

#: What stands in the place of a time that nobody knows.
_UNKNOWN = "unknown"

#: What a program's own check says: yes, no, "nobody can know", or L{None} where it
#: does not know and the file may.
Said = bool | Ownership | None

#: A program's own check, of a mailbox and a time in seconds since the epoch: has it
#: had the same owner since then?  It is called in the reactor's thread; if it takes
#: long, it is to be a coroutine or to return a Deferred.
OwnerCheck = Callable[[bytes, int], "Said | Deferred[Said] | Awaitable[Said]"]


@frozen
class Owned:
    """
    Since when a mailbox or a domain has its owner.

    @ivar since: in seconds since the epoch; L{None}: nobody knows.
    """

    since: int | None

    def covers(self, since: int) -> bool:
        """Was it the same owner at that time?"""
        return self.since is not None and self.since <= since


@frozen
class Owners:
    """
    What a file says.

    @ivar addresses: the owners of single addresses.
    @ivar domains: those of whole domains.
    """

    addresses: AddressTable[Owned]
    domains: AddressTable[Owned]

    def kept(self, path: bytes, since: int) -> Ownership:
        """Has a mailbox of ours had the same owner since then?"""
        for table, changed in (
            (self.addresses, Ownership.CHANGED),
            (self.domains, Ownership.DOMAIN_CHANGED),
        ):
            found = table.find(path)
            if found is not None and not found.covers(since):
                return Ownership.UNKNOWN if found.since is None else changed
        return Ownership.KEPT


def readOwners(path: Path, separators: bytes = b"") -> Owners:
    """
    Read a file.

    @param separators: what separates tags.
    @raise BadList: with what is wrong.
    """
    problems: Faults = []
    lines: dict[str, int] = {}
    addresses: list[tuple[str, Owned]] = []
    domains: list[tuple[str, Owned]] = []
    for number, words in readEntries(path):
        if len(words) != 2 or words[0] == "*":
            problems.append((number, "expected an address or a domain, and a time"))
            continue
        pattern = words[0].lower()
        try:
            owned = Owned(_time(words[1]))
        except Malformed as error:
            problems.append((number, f'"{words[1]}": {error}'))
            continue
        if pattern in lines:
            problems.append((number, f'"{words[0]}" stands there twice'))
        lines[pattern] = number
        (addresses if "@" in pattern else domains).append((pattern, owned))
    if not problems:
        try:
            return Owners(
                AddressTable(addresses, separators=separators), AddressTable(domains)
            )
        except UsageError:
            problems = wrongPatterns(lines)
    raise BadList(path, problems)


def _time(word: str) -> int | None:
    """
    A time of the file, in seconds since the epoch; L{None}: nobody knows it.

    @raise Malformed: it is none.
    """
    if word == _UNKNOWN:
        return None
    if _DAY(word):
        return parseTimestamp(f"{word}T00:00:00Z".encode()) + _DAY_SECONDS
    return parseTimestamp(word.encode("utf-8"))


class OwnersFile:
    """The owners that are in a file, which is read again when it changes."""

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
                publish(events.OWNERS_READ, {"file": str(path)})
            else:
                publish(events.OWNERS_KEPT, {"why": why})

        self._file = WatchedFile(path, lambda: readOwners(path, separators), told)

    def kept(self, path: bytes, since: int) -> Ownership:
        """Has a mailbox of ours had the same owner since then?"""
        return self._file.content.kept(path, since)

    def start(self, clock: IReactorTime, work: Work) -> None:
        """
        Look at the file from now on.

        @param work: where that is done.
        """
        self._file.start(clock, work)

    def stop(self) -> None:
        """Look no more."""
        self._file.stop()


class OwnershipTest:
    """
    Answers L{KeptSince}.

    @ivar answers: what answers it.
    """

    def __init__(
        self,
        local: Callable[[bytes], bool | None],
        file: OwnersFile | None,
        check: OwnerCheck | None,
        turnstile: Turnstile,
        trouble: Callable[[IServerSession, str, BaseException], None],
    ) -> None:
        """
        @param local: is an address known here; L{None}: its domain is not ours.
        @param file: L{None}: there is none.
        @param check: a program's own; L{None}: it has none.
        @param turnstile: bounds how many are checked at once, and how long.
        @param trouble: told of what goes wrong.
        """
        self.answers: dict[type[Question[Any]], Callable[[Any], Any]] = {
            KeptSince: self.kept
        }
        self._local = local
        self._file = file
        self._check = check
        self._turnstile = turnstile
        self._trouble = trouble

    def kept(self, question: KeptSince) -> Ownership | Deferred[Ownership]:
        """
        Answer L{KeptSince}.

        Of an address that is not known nothing is said: it is refused for that.
        """
        if not self._local(question.path):
            return Ownership.ELSEWHERE
        check = self._check
        if check is None:
            return self._written(question)
        asked = self._turnstile.admit(
            lambda: maybeDeferred(check, question.path, question.since),
            whose=question.session.peer,
        )
        judged: Deferred[Ownership] = asked.addCallback(self._judge, question)
        return judged.addErrback(self._cannotTell, question)

    def _written(self, question: KeptSince) -> Ownership:
        if self._file is None:
            return Ownership.KEPT
        return self._file.kept(question.path, question.since)

    def _judge(self, said: object, question: KeptSince) -> Ownership:
        if said is None:
            return self._written(question)
        if isinstance(said, Ownership):
            return said
        if not isinstance(said, bool):
            # What is true for Python need not be a yes.
            raise TypeError(f"a check of owners returned {type(said).__name__}")
        return Ownership.KEPT if said else Ownership.CHANGED

    def _cannotTell(self, failure: Failure, question: KeptSince) -> Ownership:
        # The border: whatever somebody's Python raises, the client may come again.
        error = failure.value
        assert error is not None
        self._trouble(question.session, "check of owners", error)
        return Ownership.LATER


__all__ = [
    "OwnerCheck",
    "Owned",
    "Owners",
    "OwnersFile",
    "OwnershipTest",
    "readOwners",
]
