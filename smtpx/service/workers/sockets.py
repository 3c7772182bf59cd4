"""
Where workers reach each other: C{state/workers/<number>}, a UNIX socket of each, in a
folder that nobody else may enter.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..control.endpoint import BadSocketPath, checkPath, isAlive

#: What to do about a path that is too long.
_REMEDY = "give a shorter path as state"


def socketOf(folder: Path, number: int) -> Path:
    """
    The socket of a worker.

    @param folder: C{Configuration.workersFolder}.
    """
    return folder / str(number)


def checkSockets(folder: Path, count: int) -> None:
    """
    @raise BadSocketPath: the path of some worker's socket is too long.
    """
    checkPath(socketOf(folder, count), _REMEDY)


def makeFolder(folder: Path) -> None:
    """
    Make the folder, if it is not there; all workers do, and one is the first.

    @raise BadSocketPath: it belongs to somebody else.
    @raise OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.stat(folder)
    if found.st_uid != os.geteuid():
        raise BadSocketPath(f"{folder}: it is somebody else's")
    if found.st_mode & 0o077:
        os.chmod(folder, 0o700)


def isAnyAlive(folder: Path) -> bool:
    """
    Does some worker of a server listen, be it that the leading one does not?  Where we
    may not look, nobody is seen.
    """
    try:
        names = [each for each in os.listdir(folder) if each.isdecimal()]
        return any(isAlive(folder / each) for each in names)
    except (OSError, BadSocketPath):
        return False


__all__ = ["checkSockets", "isAnyAlive", "makeFolder", "socketOf"]
