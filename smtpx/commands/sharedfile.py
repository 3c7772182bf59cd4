"""
Commands that work at an SQLite file beside servers that run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import SMTPXError
from ..knowledge.layout import isDamage
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from .console import CommandFailed


def configured(name: str | None) -> Configuration:
    """
    The configuration of a server.

    @param name: its file; L{None}: where it is looked for.
    @raise CommandFailed: it is of no use.
    """
    try:
        return readConfiguration(name, findExtensions())
    except SMTPXError as error:
        raise CommandFailed(str(error)) from error


@contextmanager
def told(path: str) -> Iterator[None]:
    """
    Tell the operator what goes wrong with a file.

    @raise CommandFailed: something did.
    """
    try:
        yield
    except CommandFailed:
        raise
    except (sqlite3.Error, OSError, SMTPXError) as error:
        raise CommandFailed(_words(path, error)) from error


def _words(path: str, error: Exception) -> str:
    if isDamage(error):
        return f"{path}: it is damaged; a server puts it aside, and it may be deleted"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}"
    return f"{path}: {error}" if isinstance(error, sqlite3.Error) else str(error)


__all__ = ["configured", "told"]
