"""
Are routes that run commands of use?  Part of L{smtpx.service.check}: is there such a
program, may the server run it, and as whom.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .config import Configuration
from .places import whoIsThis
from .problems import KeyPath, Problem
from .routecheck import Tried
from .tables import TransportKind
from .wiring.pipes import commandLine, runsAs


def checkPipes(configuration: Configuration, tried: Tried) -> Iterator[Problem]:
    """What is wrong with routes that run commands."""
    for index, entry in enumerate(configuration.routes or ()):
        if entry.transport is not TransportKind.PIPE:
            continue
        path: KeyPath = ("route", index)
        key = "user" if entry.user is not None else "command"
        yield from tried(configuration, (*path, key), partial(runsAs, entry))
        program = Path(commandLine(configuration, "localhost", entry).program)
        run = partial(_program, program)
        yield from tried(configuration, (*path, "command"), run)
        if entry.workingFolder is not None:
            enter = partial(_folder, entry.workingFolder)
            yield from tried(configuration, (*path, "working_folder"), enter)


def _program(program: Path) -> None:
    """
    Can it be run?

    @raise OSError: it cannot.
    """
    program.stat()
    if not program.is_file():
        raise OSError(f"{program} is not a file")
    if not os.access(program, os.X_OK):
        raise OSError(f"{program} cannot be run by {whoIsThis()}")


def _folder(folder: Path) -> None:
    """
    Can it be a working folder?

    @raise OSError: it cannot.
    """
    folder.stat()
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.X_OK):
        raise OSError(f"{folder} cannot be entered by {whoIsThis()}")


__all__ = ["checkPipes"]
