"""
The drop folder: where anybody on this machine puts mail, while the server runs and
while it does not::

    drop/            0711  the server's
      settings       0644  what a submitter has to know (L{DropSettings})
      new/           3733  anybody puts files here, and nobody but the server lists it
      taking/        0700  files that are being taken, each with its message's id
      bad/           0700  what cannot be taken, kept for the operator

Nobody reads others' mail: names in C{new/} are random and cannot be listed, and a
file is readable by its owner and the server's group alone, which it gets from the
folder (the set-group-ID bit).  Nobody removes it (the sticky bit).  Where a system
forbids the set-group-ID bit, files are readable by whoever knows their name, which
nobody does.

Nobody sends in another's name: whose mail it is, is who owns the file.  A file that
was moved here from elsewhere, where somebody else may have made it, does not have the
folder's group, and is not taken; nor is one, where the folder is for a group and that
cannot be seen, that others can write to.

A file appears whole, by C{rename}, and is on the disk when that is told to whoever
submits it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import asdict, frozen

from ..core.errors import SMTPXError
from .dropfile import BadDrop, DropWriter
from .identity import parse as parseID

NEW, TAKING, BAD, SETTINGS = "new", "taking", "bad", "settings"

#: The name of a file: 130 random bits and more.
_NAME = re.compile(r"[0-9a-f]{40}\Z")

#: One that is being written.
_UNFINISHED = re.compile(r"\.[0-9a-f]{40}\Z")

#: One that is being taken; C{done}: its message is in the spool.
_CLAIMED = re.compile(r"([0-9a-f]{40})\.([0-9A-Za-z-]{16})(\.done)?\Z")

#: After so many seconds, whoever was writing a file is gone.
_ABANDONED_SECONDS = 36 * 3600.0

#: The most octets of the settings.
_SETTINGS_OCTETS = 65536


class NoDropFolder(SMTPXError):
    """There is no drop folder that can be used; the text says why."""


@frozen
class DropSettings:
    """
    What a submitter has to know of the server.

    @ivar name: what it calls itself; addresses without a domain get it.
    @ivar messageOctets: the most octets of a message; L{None}: any.
    """

    name: str
    messageOctets: int | None = None


@frozen
class Claim:
    """
    A file that is being taken.

    @ivar name: as it was in C{new/}.
    @ivar id: of its message.
    @ivar done: is that known to be in the spool?
    """

    name: str
    id: str
    done: bool

    @property
    def file(self) -> str:
        """Its name in C{taking/}."""
        return f"{self.name}.{self.id}" + (".done" if self.done else "")


# --- whoever submits --------------------------------------------------------------


def readDropSettings(folder: Path) -> DropSettings:
    """
    What a submitter has to know.

    @raise NoDropFolder: the server never ran, or has no such folder.
    """
    try:
        with (folder / SETTINGS).open("rb") as file:
            text = file.read(_SETTINGS_OCTETS)
        found = json.loads(text)
        return DropSettings(str(found["name"]), found["messageOctets"])
    except FileNotFoundError:
        raise NoDropFolder(
            f"{folder}: there is no drop folder; the server makes it when it starts"
        ) from None
    except PermissionError as error:
        raise NoDropFolder(
            f"{folder}: you may not enter this folder, or one above it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoDropFolder(f"{folder}: {error}") from None


class Dropping:
    """
    A message on its way into the folder.
    """

    def __init__(self, folder: Path) -> None:
        """
        @raise OSError: nothing can be put there.
        """
        self._new = folder / NEW
        self._name = secrets.token_hex(20)
        self._path = self._new / f".{self._name}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._number = os.open(self._path, flags, 0o600)
        try:
            self._share()
            self._writer = DropWriter(self._number)
        except BaseException:
            self.abort()
            raise

    def _share(self) -> None:
        """Let the server read it, and as few others as can be."""
        above, own = os.stat(self._new), os.fstat(self._number)
        if above.st_uid == own.st_uid:
            return
        shared = above.st_mode & stat.S_ISGID and above.st_gid == own.st_gid
        os.fchmod(self._number, 0o640 if shared else 0o644)

    @property
    def octets(self) -> int:
        """How many octets of the message there are."""
        return self._writer.octets

    def write(self, octets: bytes) -> None:
        """
        Write a piece of the message, which has CRLF line ends.

        @raise OSError: there is no room, or the disk failed.
        """
        self._writer.write(octets)

    def commit(self, sender: bytes, recipients: list[bytes]) -> str:
        """
        The message is whole: put it down.

        @param sender: what stands behind C{MAIL}.
        @param recipients: what stands behind each C{RCPT}.
        @return: its name in the folder; it is on the disk.
        @raise OSError: there is no room, or the disk failed; nothing is left of it.
        @raise BadDrop: the server would not take that; nothing is left of it.
        """
        try:
            self._writer.finish(sender, recipients)
            os.fsync(self._number)
            os.rename(self._path, self._new / self._name)
            self._path = self._new / self._name
            self._syncName()
        except BaseException:
            self.abort()
            raise
        os.close(self._number)
        return self._name

    def _syncName(self) -> None:
        """
        See that its name is on the disk, too.

        A folder is synced by who may read it, and that is the server alone.  For
        others the file is synced once more, now that it has been renamed: journalling
        file systems write down with it what was done to its name.
        """
        try:
            number = os.open(self._new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            os.fsync(self._number)
            return
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def abort(self) -> None:
        """Forget it; nothing is left of it."""
        os.close(self._number)
        with suppress(OSError):
            os.unlink(self._path)


# --- the server -------------------------------------------------------------------


class DropFolder:
    """
    The folder, as the server has it.

    @ivar path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new, self._taking, self._bad = (
            path / each for each in (NEW, TAKING, BAD)
        )

    def make(self, settings: DropSettings, group: int | None = None) -> None:
        """
        Make it, or what is missing of it, and say what submitters have to know.

        @param group: the number of the group whose members may put mail there;
            L{None}: anybody may.
        @raise OSError: that is not possible.
        """
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        _setMode(self.path, 0o711)
        for each in (self._taking, self._bad):
            each.mkdir(mode=0o700, exist_ok=True)
        self._new.mkdir(mode=0o700, exist_ok=True)
        if group is None:
            if os.stat(self._new).st_gid != os.stat(self._taking).st_gid:
                os.chown(self._new, -1, os.stat(self._taking).st_gid)
            _setMode(self._new, 0o3733, 0o1733)
        else:
            if os.stat(self._new).st_gid != group:
                os.chown(self._new, -1, group)
            # Their group is not the server's, and gives it nothing to read.
            _setMode(self._new, 0o1730)
        draft = self.path / f".{SETTINGS}"
        draft.write_text(json.dumps(asdict(settings)), "utf-8")
        os.chmod(draft, 0o644)
        os.replace(draft, self.path / SETTINGS)

    def names(self, now: float) -> Iterator[str]:
        """
        The files that are there to be taken.  Others that nobody will finish are
        removed.

        @param now: seconds since the epoch.
        @raise OSError: the folder cannot be read.
        """
        with os.scandir(self._new) as entries:
            for entry in entries:
                if _NAME.match(entry.name):
                    yield entry.name
                elif _UNFINISHED.match(entry.name):
                    self._tidy(entry, now)

    def _tidy(self, entry: os.DirEntry[str], now: float) -> None:
        with suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            if now - status.st_mtime > _ABANDONED_SECONDS:
                os.unlink(entry.path)

    def open(self, name: str) -> int:
        """
        Open a file that is there to be taken.

        @return: its descriptor.
        @raise BadDrop: it is no file that somebody has dropped here.
        @raise OSError: it cannot be read, or is gone.
        """
        # Not to wait for whoever may write to a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        path = self._new / name
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise BadDrop("it is no file")
        number = os.open(path, flags)
        try:
            self._checkOrigin(os.fstat(number))
        except BaseException:
            os.close(number)
            raise
        return number

    def _checkOrigin(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise BadDrop("it is no file")
        if found.st_nlink != 1:
            raise BadDrop("it has another name elsewhere")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            # Whose it is says nothing of who wrote it: out of a folder that users
            # share, and that lets others move files, it may have been brought here.
            raise BadDrop("others than its owner may write to it")
        above = os.stat(self._new)
        if above.st_mode & stat.S_ISGID and found.st_gid != above.st_gid:
            raise BadDrop("it was not made in this folder")

    def claim(self, name: str, id: str) -> Claim:
        """
        Say by which id a message will be in the spool.  It is on the disk when this
        returns.

        @raise OSError: that is not possible.
        """
        claim = Claim(name, id, False)
        os.rename(self._new / name, self._taking / claim.file)
        _sync(self._taking)
        _sync(self._new)
        return claim

    def done(self, claim: Claim) -> Claim:
        """
        Say that the message is in the spool.  It is on the disk when this returns.

        @raise OSError: that is not possible.
        """
        done = Claim(claim.name, claim.id, True)
        os.rename(self._taking / claim.file, self._taking / done.file)
        _sync(self._taking)
        return done

    def remove(self, claim: Claim) -> None:
        """
        The message goes its way: be done with the file.

        @raise OSError: that is not possible.
        """
        os.unlink(self._taking / claim.file)

    def back(self, claim: Claim) -> None:
        """
        The message did not get into the spool: it is to be taken again.

        @raise OSError: that is not possible.
        """
        os.rename(self._taking / claim.file, self._new / claim.name)
        _sync(self._new)
        _sync(self._taking)

    def claims(self) -> list[Claim]:
        """
        What was being taken when a server ended.

        @raise OSError: the folder cannot be read.
        """
        found = []
        for name in sorted(os.listdir(self._taking)):
            match = _CLAIMED.match(name)
            if match is None:
                continue
            with suppress(ValueError):
                parseID(match[2])
                found.append(Claim(match[1], match[2], match[3] is not None))
        return found

    def condemn(self, name: str) -> Path:
        """
        Put a file by that cannot be taken.

        @return: where it is now.
        @raise OSError: that is not possible.
        """
        target = self._bad / name
        os.rename(self._new / name, target)
        return target


def _setMode(path: Path, *modes: int) -> None:
    """
    Give a folder the first of some modes that can be had.

    @raise OSError: none can.
    """
    for mode in modes:
        if stat.S_IMODE(os.stat(path).st_mode) == mode:
            return
        try:
            os.chmod(path, mode)
            return
        except PermissionError:
            # The system may forbid the set-group-ID bit.
            if mode == modes[-1]:
                raise


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


__all__ = [
    "Claim",
    "DropFolder",
    "DropSettings",
    "Dropping",
    "NoDropFolder",
    "readDropSettings",
]
