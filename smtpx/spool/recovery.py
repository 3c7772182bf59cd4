"""
Opening a spool: its lock, what a crash left behind, and the dead's estate.

A spool is a folder with a numbered folder for each process that uses it::

    spool/1/lock          locked as long as the process lives
    spool/1/spool.db      the messages (and spool.db-wal, spool.db-shm)
    spool/1/bodies/ID     the body of a message, where it is a long one
    spool/1/delivered     who has which message already

Whoever opens a numbered folder first writes down the deliveries that were noted and
not settled (L{smtpx.spool.ledger}) and deletes the bodies that have no message, then
takes over the messages of every other numbered folder whose lock nobody holds, as far
as those are its own (L{heir}).
Message and body are durable in their new place before they are deleted from the old;
killed in between, the same message with the same id is simply taken over again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable

from attrs import define, field, frozen

from ..core.errors import SMTPXError
from .bodies import Bodies, syncFolder
from .changes import held, noted
from .format import Damaged, Recovered, Row, dumpOutcomes, message, recovered
from .layout import ForeignFile
from .ledger import Noted, read
from .nametable import Census, dropped, forgotten, left, recorded
from .stock import Stock
from .store import Store

#: How many messages, and octets of bodies inside, are taken over at a time.
_MESSAGES = 200
_OCTETS = 4 << 20


class SpoolInUse(SMTPXError):
    """Another process has it."""


@frozen
class Place:
    """
    One numbered folder.

    @ivar path: where it is.
    """

    path: str

    @property
    def lock(self) -> str:
        """The lock's file."""
        return os.path.join(self.path, "lock")

    @property
    def file(self) -> str:
        """The spool's file."""
        return os.path.join(self.path, "spool.db")

    @property
    def ledger(self) -> str:
        """The ledger of deliveries."""
        return os.path.join(self.path, "delivered")

    @property
    def bodies(self) -> Bodies:
        """The folder of long bodies."""
        return Bodies(os.path.join(self.path, "bodies"))


class Lock:
    """
    A lock that ends with the process, however that ends.
    """

    def __init__(self, path: str) -> None:
        """
        @raise SpoolInUse: somebody has it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._number = os.open(path, flags, 0o600)
        try:
            # flock rather than fcntl.lockf: that one forgets the lock as soon as
            # anything in the process closes the file, and lets one process
            # lock it twice.
            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._number, 20).decode("ascii", "replace").strip()
            os.close(self._number)
            raise SpoolInUse(f"{path}: in use by process {holder}") from None
        os.ftruncate(self._number, 0)
        os.write(self._number, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let go of it."""
        os.close(self._number)


@define
class Found:
    """
    What there was when a spool was opened.

    @ivar generation: which opening this is.
    @ivar second: up to where ids may have been given.
    @ivar stock: how much there is.
    @ivar remarks: what somebody should read.
    @ivar recovered: what the ledgers of deliveries told.
    @ivar names: the names of messages.
    """

    generation: int = 0
    second: int = 0
    stock: Stock = field(factory=Stock)
    remarks: list[str] = field(factory=list)
    recovered: list[Recovered] = field(factory=list)
    names: Census = field(factory=Census)


def prepare(folder: str, number: int) -> Place:
    """
    Make the folders, durably, as far as they are not there.

    @param folder: the spool.
    @param number: which numbered folder.
    """
    place = Place(os.path.join(folder, str(number)))
    for path in (folder, place.path, place.bodies.path):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        syncFolder(os.path.dirname(os.path.abspath(path)))
    return place


def heir(number: int, workers: int) -> Callable[[int], bool]:
    """
    Whose folders a process takes over, if nobody has them.  Of several workers the
    first has those of numbers that none of them has; a worker that is not there is
    about to be.  A process by itself has all.

    @param number: which it is, from 1 on.
    @param workers: how many there are.
    @return: is that of a number its own, if nobody has it?
    """
    if workers == 1:
        return lambda other: True
    return lambda other: number == 1 and other > workers


def recover(
    store: Store, folder: str, place: Place, now: int, inherits: Callable[[int], bool]
) -> Found:
    """
    Put in order what others left behind.

    @param store: the spool's file, open.
    @param folder: the spool.
    @param place: where C{store} is.
    @param now: seconds since the epoch.
    @param inherits: are the messages of a number ours, if nobody has them?
    """
    found = Found()
    syncFolder(place.path)
    found.generation, found.second = store.opened(now)
    settleNoted(store, place.ledger, now, found)
    bodies = place.bodies
    for there in bodies.keys(_MESSAGES):
        known = store.among(there) | store.names.among(there)
        bodies.delete([key for key in there if key not in known])
    for name in sorted(filter(str.isdecimal, os.listdir(folder))):
        other = Place(os.path.join(folder, name))
        if other != place and inherits(int(name)) and os.path.exists(other.file):
            _inherit(store, place, other, now, found)
    _holdLost(store, bodies, found.remarks)
    found.stock = store.stock()
    # Those are counted already.
    store.tally.shift()
    found.names = store.names.census()
    return found


def settleNoted(store: Store, path: str, now: int, found: Found) -> None:
    """
    Write down what a ledger of deliveries tells, in one transaction, and empty it.
    Killed in between, the same is simply found again, and changes nothing.

    @param path: the ledger; it need not be there.
    @param now: seconds since the epoch.
    @param found: gets what was written down.
    @raise sqlite3.Error: nothing was written down.
    """
    try:
        with open(path, "rb") as file:
            known, bad = read(file.read())
    except FileNotFoundError:
        return
    except OSError as error:
        found.remarks.append(f"{path} cannot be read: {error}")
        return
    if bad:
        found.remarks.append(f"{path}: {bad} damaged lines were passed over")
    done: list[Recovered] = []
    removals, changes = [], []
    for key, each in known.items():
        one = _recovered(store, key, each)
        if one is None:
            continue
        done.append(one)
        if one.message.waiting:
            outcomes = dumpOutcomes(one.message.outcomes)
            changes.append(noted(key, float(now), outcomes))
        else:
            removals.append(key)
    if done:
        store.commit((), removals, changes)
        found.recovered += done
    try:
        os.truncate(path, 0)
    except OSError as error:
        found.remarks.append(f"{path} cannot be emptied: {error}")


def _recovered(store: Store, key: int, known: Noted) -> Recovered | None:
    """What a ledger knows of a message and the file does not; L{None}: nothing."""
    row = store.one(key)
    if row is None:
        return None
    try:
        # What its stamps mean makes no difference.
        return recovered(message(row, {}), known.had, known.untold)
    except Damaged:
        # It is put on hold as soon as somebody wants it.
        return None


def _holdLost(store: Store, bodies: Bodies, remarks: list[str]) -> None:
    """Put messages on hold whose bodies are not what they were."""
    pairs = store.filed((-1, -1), _MESSAGES)
    while pairs:
        changes = []
        for octets, key in pairs:
            if bodies.octetsOf(key) != octets:
                what = f"{bodies.pathOf(key)} is missing or not {octets} octets long"
                remarks.append(what)
                changes.append(held(key, what))
        store.commit((), (), changes)
        pairs = store.filed(pairs[-1], _MESSAGES)


def _inherit(store: Store, place: Place, other: Place, now: int, found: Found) -> None:
    """Take over a numbered folder, if its process is dead."""
    try:
        lock = Lock(other.lock)
    except SpoolInUse:
        return
    try:
        try:
            estate = Store(other.file, logOctets=0)
        except (ForeignFile, sqlite3.Error) as error:
            found.remarks.append(f"{other.path} was left alone: {error}")
            return
        try:
            try:
                settleNoted(estate, other.ledger, now, found)
            except sqlite3.DatabaseError as error:
                # Rather twice than never.
                found.remarks.append(f"{other.ledger} was of no use: {error}")
            moved = adopt(store, place.bodies, estate, other.bodies, found.remarks)
        finally:
            estate.close()
    finally:
        lock.release()
    if moved:
        found.remarks.append(f"{moved} messages were taken over from {other.path}")


def adopt(
    store: Store, bodies: Bodies, estate: Store, theirs: Bodies, remarks: list[str]
) -> int:
    """
    Take over all messages of another spool file, as far as it can be read.

    @param store: where they go.
    @param bodies: where their long bodies go.
    @param estate: where they are.
    @param theirs: where their long bodies are.
    @param remarks: gets what could not be read.
    @return: how many.
    @raise sqlite3.Error: it stopped between the two places.  A message may be
        in both then, so nothing may be delivered: the next opening takes it
        over again.
    """
    done = 0
    try:
        while keys := estate.first(_MESSAGES):
            rows, seen = estate.whole(keys, _OCTETS)
            _move(rows, store, bodies, estate, theirs)
            done += seen
        _moveNames(store, bodies, estate, theirs)
    except sqlite3.DatabaseError as error:
        if isinstance(error, Stopped):
            raise
        remarks.append(f"{estate.path}: {error}; what is left in it was left alone")
    else:
        for keys in theirs.keys(_MESSAGES):
            theirs.delete(keys)
    return done


class Stopped(sqlite3.DatabaseError):
    """Moving messages stopped between the two places."""


def _move(
    rows: list[Row], store: Store, bodies: Bodies, estate: Store, theirs: Bodies
) -> None:
    """
    Put some messages down here, durably; then delete them there.

    @raise Stopped: see there.
    """
    filed = [row.key for row in rows if row.filed]
    for key in filed:
        _link(theirs.pathOf(key), bodies.pathOf(key))
    if filed:
        bodies.sync()
    try:
        store.take(rows)
        # Now, and not before, they are in two places.
        estate.commit((), [row.key for row in rows])
    except sqlite3.Error as error:
        raise Stopped(f"between {estate.path} and {store.path}: {error}") from error
    theirs.delete(filed)


def _moveNames(store: Store, bodies: Bodies, estate: Store, theirs: Bodies) -> None:
    """
    Put down names here, durably, then delete them there; what was cut short as well.

    @raise Stopped: see there.
    """
    try:
        while names := estate.names.some(_MESSAGES):
            store.commit(
                (), (), [change for each in names for change in recorded(each)]
            )
            estate.commit((), (), [forgotten(each.key) for each in names])
        remnants = estate.names.whole()
        for each in remnants:
            _link(theirs.pathOf(each.id), bodies.pathOf(each.id))
        if remnants:
            bodies.sync()
            store.commit((), (), [left(each) for each in remnants])
            estate.commit((), (), [dropped(each.key) for each in remnants])
    except sqlite3.Error as error:
        raise Stopped(f"between {estate.path} and {store.path}: {error}") from error


def _link(source: str, target: str) -> None:
    """
    Have a file in two places; copied where the file system has no links.  One
    that is not there is left to be found missing.
    """
    try:
        os.link(source, target)
    except (FileNotFoundError, FileExistsError):
        return
    except OSError:
        _copy(source, target)


def _copy(source: str, target: str) -> None:
    """Copy a file durably, unless it was copied before."""
    try:
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with open(source, "rb") as old, open(number, "wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
