"""
What a server writes: may this process, who checks a configuration, write there?

Files that are read are not looked at here: the check reads them.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from .config import Configuration
from .problems import KeyPath, Problem

#: The folders in the state folder that the server has, and how deep it goes in
#: each to look for what is somebody else's: a server that ran as root once leaves
#: a spool that nobody else can open.
_FOLDERS = (("spool", 2), ("drop", 1), ("tls", 0), ("trace", 0), ("Maildir", 1))

#: The file of a UNIX socket.
_SOCKET = re.compile(r"unix:(?:address=)?([^:\\]+)")

#: The most entries of a folder that are looked at.
_ENTRIES_MOST = 1000


def whoIsThis() -> str:
    """The name of the user that this process runs as."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"the user {number}"


def checkPlaces(configuration: Configuration) -> Iterator[Problem]:
    """Folders and files of the configuration that cannot be written to."""
    path: KeyPath
    for index, folder in enumerate(configuration.pythonPath):
        if not os.path.isdir(folder):
            text = "there is no such folder"
            yield configuration.problem(("python_path", index), text)
    yield from _state(configuration)
    for name, target in (
        ("main", configuration.log.main),
        ("json", configuration.log.json),
    ):
        if isinstance(target, Path):
            yield from _log(configuration, ("log", name), target)
    peers = configuration.peers
    if peers.persistent and peers.file is not None:
        # SQLite makes others beside it.
        path = ("peers", "file")
        problems = list(_inFolder(configuration, path, peers.file.parent))
        if not problems and os.path.exists(peers.file) and not _writable(peers.file):
            problems = [_refused(configuration, path, peers.file)]
        yield from problems
    if configuration.trace.wanted and configuration.trace.folder is not None:
        yield from _folder(
            configuration, ("trace", "folder"), configuration.trace.folder
        )
    yield from _drop(configuration)
    for index, listener in enumerate(configuration.listeners):
        found = _SOCKET.match(listener.endpoint or "")
        # A relative path is relative to where twistd will be.
        if found is not None and os.path.isabs(found[1]):
            path = ("listener", index, "endpoint")
            yield from _inFolder(configuration, path, Path(found[1]).parent)
    control = configuration.control
    if control.enabled and control.socket is not None:
        path = ("control", "socket")
        yield from _inFolder(configuration, path, control.socket.parent)
    for index, entry in enumerate(configuration.routes or ()):
        path = ("route", index, "path")
        if entry.path is not None and "{" not in str(entry.path):
            yield from _folder(configuration, path, entry.path)
        elif entry.path is not None:
            # It is a folder for each recipient.
            there = above(entry.path)
            if not there.is_dir():
                yield configuration.problem(path, f"{there} is not a folder")


def above(template: Path) -> Path:
    """What there is of the folders above all that a template stands for."""
    fixed = Path(*takewhile(lambda part: "{" not in part, template.parts))
    return next(each for each in (fixed, *fixed.parents) if os.path.exists(each))


def _refused(configuration: Configuration, path: KeyPath, place: Path) -> Problem:
    text = f"{place} cannot be written to by {whoIsThis()}"
    return configuration.problem(path, text)


def _folder(
    configuration: Configuration, path: KeyPath, folder: Path
) -> Iterator[Problem]:
    """Can a folder be made, or written to if it is there?"""
    parents = (folder, *folder.parents)
    there = next(each for each in parents if os.path.exists(each))
    if not there.is_dir():
        yield configuration.problem(path, f"{there} is not a folder")
    elif not os.access(there, os.W_OK | os.X_OK):
        if there == folder:
            yield _refused(configuration, path, there)
            return
        text = f"there is no folder {folder}, and {whoIsThis()} may not make it"
        yield configuration.problem(path, f"{text} in {there}")


def _inFolder(
    configuration: Configuration, path: KeyPath, folder: Path
) -> Iterator[Problem]:
    """Can a file be made in a folder?"""
    if not os.path.exists(folder):
        yield configuration.problem(path, f"there is no folder {folder}")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield _refused(configuration, path, folder)


def _log(configuration: Configuration, path: KeyPath, file: Path) -> Iterator[Problem]:
    if not os.path.exists(file):
        yield from _inFolder(configuration, path, file.parent)
    elif not os.access(file, os.W_OK):
        yield _refused(configuration, path, file)


def _state(configuration: Configuration) -> Iterator[Problem]:
    state = configuration.state
    found = list(_folder(configuration, ("state",), state))
    if not found and state.is_dir():
        places = [state / "main.log"] if configuration.log.main is None else []
        if configuration.peers.persistent and configuration.peers.file is None:
            places.append(configuration.peersFile)
        for name, depth in _FOLDERS:
            places += _within(state / name, depth)
        there = (each for each in places if os.path.lexists(each))
        bad = [each for each in there if not _writable(each)]
        # One is enough to see what is wrong, and there may be thousands.
        found = [_refused(configuration, ("state",), each) for each in bad[:1]]
    yield from found


def _drop(configuration: Configuration) -> Iterator[Problem]:
    """The folder of what users of this machine submit, and who may do that."""
    options = configuration.sendmail
    if not options.enabled:
        return
    path: KeyPath = ("sendmail", "folder")
    if options.folder is not None:
        yield from _folder(configuration, path, options.folder)
    if options.group is None:
        return
    path = ("sendmail", "group")
    try:
        group = grp.getgrnam(options.group).gr_gid
    except KeyError:
        text = f'there is no group "{options.group}"'
        yield configuration.problem(path, text)
        return
    if os.geteuid() != 0 and group not in (os.getegid(), *os.getgroups()):
        text = f'{whoIsThis()} is not in the group "{options.group}"'
        yield configuration.problem(path, text)


def _within(folder: Path, depth: int) -> Iterator[Path]:
    """A folder, and what is in it so many folders deep, but not all of many."""
    yield folder
    if depth and folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_ENTRIES_MOST), entries, strict=False):
                inner = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    yield from _within(inner, depth - 1)
                else:
                    yield inner


def _writable(place: Path) -> bool:
    # What is only read again may well be read-only, but there is nothing such.
    mode = os.R_OK | os.W_OK
    return os.access(place, mode | os.X_OK if place.is_dir() else mode)


__all__ = ["above", "checkPlaces", "whoIsThis"]
