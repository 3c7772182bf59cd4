"""
The transport C{queuefile}: messages into a folder in Exim's spool format, for a real
Exim to deliver, or for a program such as MailScanner to look through and pass on.

A message is two files there, whatever the number of its recipients that go there:
C{ID-D} and then C{ID-H} (L{smtpx.queue.queuefolder}), under the id that it has here.
From then on it is the other's: it tries again, gives up and writes reports, so we
write none.

What a sender demands and Exim's format has no words for, such as REQUIRETLS, is
refused rather than left out.  Trouble with the folder keeps the message waiting.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..core.envelope import CRITICAL
from ..core.reply import Reply, reply
from ..extensions.requiretls import REQUIRED
from ..spool.eximenvelope import Owner, exported, unsaid
from ..spool.eximspool import RECIPIENTS_MOST, EximMessage, FilePart, Setting
from ..spool.eximwriter import (
    LineCounter,
    NotExpressible,
    eximField,
    renderHeaderFile,
    splitMessage,
)
from ..spool.format import Fate, Outcome, SpooledMessage
from ..spool.via import Cause
from .interfaces import LANE_OCTETS, Attempt, IRelay, Leg, Located
from .mailpath import MailboxPath
from .prefixed import PrefixedBody
from .queuefolder import QueueFolder, QueueFolderError

#: Runs a job somewhere where it may block.
Work = Callable[[Callable[[], Sequence[Outcome]]], "Deferred[Sequence[Outcome]]"]

#: How many files are written at once into a folder.
WIDTH = 4

# RFC 8689 section 4.2.1; RFC 3463 sections 3.4, 3.6 and 3.7.
_NO_REQUIRETLS = reply(550, "5.7.30", b"REQUIRETLS support required")
_NO_WORDS = reply(554, "5.7.0", b"The next program cannot be told of this demand")
_NOT_SO = reply(554, "5.6.0", b"The next program cannot be given such a message")
_TOO_LONG = reply(554, "5.3.4", b"The header is too long for the next program")
_TOO_MANY = reply(554, "5.5.3", b"Too many recipients for the next program")


@implementer(IRelay)
class QueueFile:
    """
    Put messages into folders in Exim's spool format.

    @ivar name: its name, in the configuration and in logs.
    """

    holds = False
    #: Exim tells the sender everything.
    reports = None
    width = WIDTH
    gathers = False
    pauseSeconds = 0.0

    def __init__(self, name: str, path: MailboxPath, work: Work) -> None:
        """
        @param path: where the folders are; they have to be there.
        @param work: runs a job in a thread.
        """
        self.name = name
        self._path = path
        self._work = work

    def folder(self, recipient: bytes, sender: bytes) -> Path:
        """
        Where messages go.

        @param recipient: the mailbox, as the envelope has it.
        @param sender: likewise.
        """
        return self._path.path(recipient, sender)

    # --- where it goes ---------------------------------------------------------------

    def locate(
        self, message: SpooledMessage, indices: Sequence[int]
    ) -> Deferred[Located]:
        """See L{IRelay}.  Recipients with one folder go together."""
        folders: dict[Path, list[int]] = {}
        outcomes: list[Outcome] = []
        envelope = message.envelope
        for index in indices:
            unable = unsaid(message, (index,))
            if unable:
                outcomes.append(_unsayable(index, unable))
                continue
            path = self.folder(envelope.recipients[index].path, envelope.sender)
            folders.setdefault(path, []).append(index)
        legs: list[Leg] = []
        for path, some in folders.items():
            if len(some) > RECIPIENTS_MOST:
                why = f"more than {RECIPIENTS_MOST} recipients, which Exim cannot read"
                outcomes += [_failed(index, why, _TOO_MANY) for index in some]
            else:
                legs.append(Leg(self._lane(path), tuple(some), QueueFolder(path)))
        return succeed(Located(tuple(legs), tuple(outcomes)))

    def _lane(self, path: Path) -> bytes:
        lane = f"{self.name} {path}".encode("utf-8", "surrogateescape")
        if len(lane) <= LANE_OCTETS:
            return lane
        digest = sha256(lane).hexdigest().encode("ascii")
        return lane[: LANE_OCTETS - len(digest)] + digest

    # --- going there -----------------------------------------------------------------

    def deliver(self, attempt: Attempt) -> Deferred[Sequence[Outcome]]:
        """Write both files."""
        folder = attempt.where
        assert isinstance(folder, QueueFolder), "what our own legs have"
        return self._work(lambda: _delivered(attempt, folder))


def _delivered(attempt: Attempt, folder: QueueFolder) -> list[Outcome]:
    """In a thread: put it there, unless it is there."""
    message, indices = attempt.message, attempt.indices
    try:
        there = folder.find(message.id)
        if there is None:
            _write(attempt, folder)
            return [Outcome(index, Fate.DELIVERED) for index in indices]
        had = _hadBy(message, there, folder)
    except QueueFolderError as error:
        return [_waiting(index, str(error)) for index in indices]
    except NotExpressible as error:
        code = _TOO_LONG if error.tooMuch else _NOT_SO
        return [_failed(index, str(error), code) for index in indices]
    recipients = message.envelope.recipients
    later = f"{folder.path}: {message.id}, for others, has not been taken yet"
    return [
        Outcome(index, Fate.DELIVERED, "was there already")
        if recipients[index].path in had
        else _waiting(index, later)
        for index in indices
    ]


def _hadBy(
    message: SpooledMessage, there: EximMessage, folder: QueueFolder
) -> frozenset[bytes]:
    """
    Who gets a message by what is there under its name.

    @raise QueueFolderError: that is another.
    """
    ours = (message.envelope.sender, int(message.arrived))
    if (there.sender, there.received) != ours:
        name = FilePart.HEADER.nameOf(message.id)
        raise QueueFolderError(f"{folder.path / name} is another message")
    return frozenset(each.path for each in there.recipients)


def _write(attempt: Attempt, folder: QueueFolder) -> None:
    """Write both files, and if it has to be, once more in Exim's wire format."""
    try:
        _Files(attempt, wire=False).put(folder)
    except _Bare:
        _Files(attempt, wire=True).put(folder)


class _Bare(Exception):
    """An LF without CR: ended by LF alone, lines would not be what they are."""


class _Files:
    """
    A message on its way into its two files.
    """

    def __init__(self, attempt: Attempt, wire: bool) -> None:
        """
        @param wire: is C{ID-D} to keep CRLF line ends, in Exim's wire format?
        @raise NotExpressible: its header cannot be had in Exim's format.
        """
        self._attempt = attempt
        self._wire = wire
        message = attempt.message
        whole = PrefixedBody.over(message.prefix, attempt.body)
        fields, self._rest = splitMessage(whole.pieces())
        self._fields = tuple([eximField(each) for each in fields])
        self._counter = LineCounter()
        self._bare = False

    def put(self, folder: QueueFolder) -> None:
        """
        Write them.

        @raise QueueFolderError: that cannot be done now.
        @raise NotExpressible: its envelope cannot be had in Exim's format.
        """
        folder.put(self._attempt.message.id, self._data(), self._header)

    def _data(self) -> Iterator[bytes]:
        """C{ID-D}, in pieces."""
        yield FilePart.DATA.firstLine(self._attempt.message.id)
        for piece in _uncut(self._rest):
            text = piece.replace(b"\r\n", b"\n")
            self._counter.add(text)
            self._bare = self._bare or len(piece) - len(text) != text.count(b"\n")
            yield piece if self._wire else text

    def _header(self) -> bytes:
        """C{ID-H}, once all of C{ID-D} was read."""
        if self._bare and not self._wire:
            raise _Bare
        attempt = self._attempt
        message = exported(
            attempt.message, attempt.indices, _owner(), tuple(self._measures())
        )
        return renderHeaderFile(evolve(message, fields=self._fields))

    def _measures(self) -> Iterator[Setting]:
        counter = self._counter
        if self._wire:
            yield Setting(b"spool_file_wireformat")
        else:
            yield Setting(b"body_linecount", b"%d" % counter.lines)
        header = LineCounter()
        for each in self._fields:
            header.add(each.text)
        longest = max(counter.longest, header.longest)
        yield Setting(b"max_received_linelength", b"%d" % longest)
        if counter.nulls:
            yield Setting(b"body_zerocount", b"%d" % counter.nulls)


def _uncut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same, none of them cut between CR and LF."""
    held = b""
    for piece in pieces:
        text = held + piece
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)]
        if text:
            yield text
    if held:
        yield held


def _owner() -> Owner:
    """Who writes, which is who took the message in."""
    uid = os.geteuid()
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = str(uid)
    return Owner(login.encode("utf-8", "surrogateescape"), uid, os.getegid())


def _unsayable(index: int, names: Sequence[str]) -> Outcome:
    required = CRITICAL + REQUIRED.name in names
    words = ", ".join(name.removeprefix(CRITICAL) for name in names)
    why = f"Exim's spool format has no words for {words}"
    return _failed(index, why, _NO_REQUIRETLS if required else _NO_WORDS)


def _failed(index: int, why: str, code: Reply) -> Outcome:
    return Outcome(index, Fate.FAILED, why, code, cause=Cause.LOCAL)


def _waiting(index: int, why: str) -> Outcome:
    return Outcome(index, Fate.WAITING, why, cause=Cause.LOCAL)


__all__ = ["WIDTH", "QueueFile", "Work"]
