"""
SQLite files that processes on a machine share, and who has one open.

A L{SharedFile} is one connection to a file in WAL mode.  It blocks, so it is for a
thread, or for a command; it is used by one at a time.  C{synchronous=NORMAL}: after the
power failed, what was written last may be missing.

A L{FileKeeper} has one open for a server.  A damaged file is put aside, and a new one
begins; one that was deleted or replaced is opened anew.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from attrs import frozen

from ...core.errors import SMTPXError
from ...knowledge.folder import alone, identityAt, identityOf, prepared, putAside
from ...knowledge.layout import DamagedFile, ForeignFile, isBusy, isDamage

F = TypeVar("F", bound="SharedFile")
R = TypeVar("R")

#: How long somebody else's transaction is waited for, in seconds: another worker may be
#: tidying up.
_BUSY_SECONDS = 10.0

#: To how many octets the log is cut when it was emptied.
_LOG_OCTETS = 4 << 20


@frozen
class Layout:
    """
    What makes files of one kind.

    @ivar kind: what is in it, for people.
    @ivar application: what C{PRAGMA application_id} says.
    @ivar version: what C{PRAGMA user_version} says.
    @ivar tables: what makes a new file, statement by statement.
    """

    kind: str
    application: int
    version: int
    tables: str


class SharedFile:
    """
    The open file.

    @ivar path: where it is.
    @ivar connection: what asks it.
    """

    def __init__(self, path: str, layout: Layout, *, make: bool = True) -> None:
        """
        Open it.

        @param path: the file; its folder is there.
        @param make: make it where there is none?
        @raise ForeignFile: it cannot be used, and was not touched.
        @raise DamagedFile: the same, and nobody else can.
        @raise sqlite3.Error: SQLite cannot open it.
        @raise OSError: there is none, or it cannot be opened or made.
        """
        self.path = path
        with alone(os.path.dirname(path) or "."):
            self._identity = prepared(path, make)
            self.connection = sqlite3.connect(
                path,
                isolation_level=None,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
            try:
                self._open(layout)
            except BaseException:
                self.connection.close()
                raise

    def _open(self, layout: Layout) -> None:
        execute = self.connection.execute
        fresh = self._isFresh(layout)
        if fresh:
            execute("PRAGMA auto_vacuum = INCREMENTAL")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA journal_size_limit = {_LOG_OCTETS}")
        if fresh:
            with self.transaction():
                for statement in layout.tables.split(";"):
                    execute(statement)
                execute(f"PRAGMA application_id = {layout.application}")
                execute(f"PRAGMA user_version = {layout.version}")
        ((found,),) = execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise DamagedFile(f"{self.path}: {found}")

    def _isFresh(self, layout: Layout) -> bool:
        """
        Is there nothing in it yet?

        @raise ForeignFile: it is not ours, or of a newer layout.
        """
        execute = self.connection.execute
        ((application,),) = execute("PRAGMA application_id").fetchall()
        ((version,),) = execute("PRAGMA user_version").fetchall()
        tables = execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        if not tables and not application and not version:
            return True
        if application != layout.application:
            text = f"an SQLite file, but not one of {layout.kind} that smtpx made"
            raise ForeignFile(f"{self.path}: {text}")
        if version != layout.version:
            raise ForeignFile(
                f"{self.path}: of layout version {version}; this smtpx reads version"
                f" {layout.version}"
            )
        return False

    def close(self) -> None:
        """Close it."""
        self.connection.close()

    def isMoved(self) -> bool:
        """Was the file deleted, renamed or replaced since it was opened?"""
        try:
            return identityOf(os.stat(self.path)) != self._identity
        except FileNotFoundError:
            return True

    def shrink(self) -> None:
        """Give back what was freed in it."""
        # It frees a page a step, and of what has no columns sqlite3's execute takes
        # only one.
        self.connection.executescript("PRAGMA incremental_vacuum")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what is done inside as a whole, or not at all."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            yield
            execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after the worse failures.
            if self.connection.in_transaction:
                execute("ROLLBACK")
            raise


@frozen
class Turn(Generic[R]):
    """
    What came of something that was done to a file.

    @ivar result: what it gave; L{None}: it could not be done.
    @ivar trouble: why not; empty: it was done.
    @ivar aside: what a damaged file is called now; empty: none was.
    """

    result: R | None = None
    trouble: str = ""
    aside: str = ""


class FileKeeper(Generic[F]):
    """
    Has a file open, as long as it can be used.  What it does blocks, and is done by one
    at a time.
    """

    def __init__(self, path: str, open: Callable[[str, bool], F]) -> None:
        """
        @param path: the file.
        @param open: opens it; told whether to make it where there is none.
        """
        self.path = path
        self._open = open
        self._file: F | None = None

    def turn(self, job: Callable[[F], R]) -> Turn[R]:
        """
        Do something to the file.  Whatever is wrong with that is told, and tried again
        the next time.

        @param job: what; it is done again where the file was damaged.
        """
        aside = ""
        try:
            there = identityAt(self.path)
            try:
                return Turn(job(self._opened()))
            except Exception as error:
                if not isDamage(error):
                    raise
                aside = self._putAside(there)
                return Turn(job(self._opened()), "", aside)
        except (sqlite3.Error, OSError, SMTPXError) as error:
            if not isBusy(error):
                self.close()
            return Turn(None, self._words(error), aside)

    def glance(self, job: Callable[[F], R]) -> Turn[R] | None:
        """
        Look into the file, without making it or putting it aside.

        @return: L{None}: there is none.
        """
        try:
            file = self._open(self.path, False)
            try:
                return Turn(job(file))
            finally:
                file.close()
        except FileNotFoundError:
            return None
        except (sqlite3.Error, OSError, SMTPXError, UnicodeDecodeError) as error:
            return Turn(None, self._words(error))

    def _words(self, error: Exception) -> str:
        """What is wrong, for the operator."""
        words = str(error)
        return f"{self.path}: {words}" if isinstance(error, sqlite3.Error) else words

    def _opened(self) -> F:
        if self._file is not None and self._file.isMoved():
            self.close()
        if self._file is None:
            self._file = self._open(self.path, True)
        return self._file

    def _putAside(self, there: tuple[int, int] | None) -> str:
        """
        Put a damaged file aside, unless somebody else did that already.

        @param there: tells the file that was there before.
        """
        moved = self._file is not None and self._file.isMoved()
        self.close()
        return "" if moved else putAside(self.path, there) or ""

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


__all__ = ["FileKeeper", "Layout", "SharedFile", "Turn"]
