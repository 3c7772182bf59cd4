"""
The users file: who can log in, and how that is checked.

Text, one user a line, of a name, a password hash (L{smtpx.policy.hashes}) and a
verifier for SCRAM (L{smtpx.sasl.verifier}); the first line is the installation's
secret, of which the salts of users that do not exist are made::

    smtpx-users:1:<base64>
    user@example.org:$argon2id$v=19$...:SCRAM-SHA-256$65536:...

Neither lets anybody log in, but both can be guessed against: the file is for its
owner only.  It is never changed in place.  A new one is written beside it, synced
and renamed, so a reader sees the old file or the new one, whole; writers wait for
each other by a lock on a file of its own, since the other is replaced.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve, field, frozen

from ..core.errors import Malformed, SMTPXError
from ..sasl import (
    CREDENTIAL_OCTETS,
    SCRAMVerifier,
    decodeBase64,
    encodeBase64,
    enrol,
    parseVerifier,
    prepare,
    renderVerifier,
)
from ..sasl.verifier import ITERATIONS, SALT_OCTETS
from .hashes import checkHash, hashPassword

_FORMAT = b"smtpx-users:1:"
_SECRET_OCTETS = 32


class BadUsersFile(SMTPXError, ValueError):
    """
    The users file cannot be read.

    @ivar path: the file.
    @ivar line: where in it, from 1 on.
    @ivar why: what is wrong there.
    """

    def __init__(self, path: Path, line: int, why: str) -> None:
        SMTPXError.__init__(self, f"{path}:{line}: {why}")
        self.path = path
        self.line = line
        self.why = why


@frozen
class User:
    """
    One who can log in.

    @ivar name: prepared (RFC 4013), UTF-8.
    @ivar passwordHash: a PHC string.
    @ivar verifier: for SCRAM.
    """

    name: bytes
    passwordHash: str = field(repr=False)
    verifier: SCRAMVerifier = field(repr=False)


@frozen
class Users:
    """
    What is in a users file.

    @ivar secret: of this installation.
    @ivar byName: the users, in the order of the file.
    """

    secret: bytes = field(
        factory=lambda: secrets.token_bytes(_SECRET_OCTETS), repr=False
    )
    byName: dict[bytes, User] = field(factory=dict)

    def including(self, user: User) -> Users:
        """These users and C{user}, in place of the one of that name, if any."""
        return evolve(self, byName={**self.byName, user.name: user})

    def without(self, name: bytes) -> Users:
        """
        These users but the one of that name.

        @raise KeyError: there is none.
        """
        left = dict(self.byName)
        del left[name]
        return evolve(self, byName=left)


def userName(text: bytes) -> bytes:
    """
    A name as it is kept.

    @param text: as it was typed, UTF-8.
    @raise Malformed: it cannot be kept, or nobody could log in by it.
    """
    name = prepare(text, stored=True)
    if not name:
        raise Malformed("empty")
    if b":" in name:
        raise Malformed("has a colon")
    if len(name) > CREDENTIAL_OCTETS:
        raise Malformed("too long")
    return name


def makeUser(name: bytes, password: bytes, iterations: int = ITERATIONS) -> User:
    """
    Make a user; slow by intent.

    @param name: of L{userName}.
    @param password: as it was typed, UTF-8.
    @param iterations: how many rounds of hashing a client has to do for SCRAM.
    @raise Malformed: a password that no client can send, or an empty one.
    """
    prepared = prepare(password, stored=True)
    if not prepared:
        raise Malformed("empty")
    if len(password) > CREDENTIAL_OCTETS:
        raise Malformed("too long")
    salt = secrets.token_bytes(SALT_OCTETS)
    return User(name, hashPassword(prepared), enrol(prepared, salt, iterations))


def renderUsers(users: Users) -> bytes:
    """C{users} as they stand in the file."""
    lines = [_FORMAT + encodeBase64(users.secret)]
    for user in users.byName.values():
        verifier = renderVerifier(user.verifier)
        rest = f":{user.passwordHash}:{verifier}"
        lines.append(user.name + rest.encode("ascii"))
    return b"".join(line + b"\n" for line in lines)


def parseUsers(octets: bytes, path: Path) -> Users:
    """
    The inverse of L{renderUsers}.

    @param path: the file, for errors.
    @raise BadUsersFile: anything that L{renderUsers} does not write.
    """
    number = 1
    byName: dict[bytes, User] = {}
    try:
        first, *lines = octets.split(b"\n")
        if not first.startswith(_FORMAT):
            raise Malformed("not a users file, or one of another version")
        secret = decodeBase64(first.removeprefix(_FORMAT))
        if len(secret) < _SECRET_OCTETS:
            raise Malformed("the secret is too short")
        if not lines or lines.pop():
            number = 1 + octets.count(b"\n")
            raise Malformed("the line has no end: the file is not whole")
        for line in lines:
            number += 1
            user = _parseUser(line)
            if user.name in byName:
                raise Malformed("this user is there already")
            byName[user.name] = user
    except Malformed as error:
        raise BadUsersFile(path, number, str(error)) from error
    return Users(secret, byName)


def _parseUser(line: bytes) -> User:
    parts = line.split(b":", 2)
    if len(parts) != 3 or not b"".join(parts[1:]).isascii():
        raise Malformed("wants name:hash:verifier")
    name = parts[0]
    if userName(name) != name:
        raise Malformed("a name that is not prepared (RFC 4013)")
    passwordHash, verifier = (part.decode("ascii") for part in parts[1:])
    checkHash(passwordHash)
    return User(name, passwordHash, parseVerifier(verifier))


def readUsers(path: Path) -> Users:
    """
    Read a users file.

    @return: no users, where there is no such file.
    @raise BadUsersFile: something is wrong in it.
    @raise OSError: it cannot be read.
    """
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return Users()
    return parseUsers(octets, path)


def changeUsers(path: Path, change: Callable[[Users], Users]) -> None:
    """
    Change a users file, or make one.  Whoever else wants to change it waits.

    @param change: from what is in it to what is to be; what it raises is let
        through, and nothing is changed.
    @raise BadUsersFile: something is wrong in the old one.
    @raise OSError: it cannot be read or written; the old one is as it was.
    """
    # Where it is a symbolic link, it is to stay one.
    real = path.resolve()
    with _locked(real.with_name(real.name + ".lock")):
        _replace(real, renderUsers(change(readUsers(path))))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = _openLock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _openLock(path: Path) -> int:
    # In a folder of the server's own user, who could have put a link there for root
    # to follow; and who is to be able to wait for the lock that root has made.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        lock = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    _give(lock, os.stat(path.parent))
    return lock


def _replace(path: Path, octets: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "wb") as new:
            _adopt(path, new.fileno())
            new.write(octets)
            new.flush()
            os.fsync(new.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _adopt(path: Path, descriptor: int) -> None:
    # Often root changes what a server under another name reads: the owner stays,
    # and so does a group that may read.  Nobody else may, ever.
    try:
        model = os.stat(path)
        mode = stat.S_IRUSR | stat.S_IWUSR | stat.S_IMODE(model.st_mode) & stat.S_IRGRP
    except FileNotFoundError:
        model = os.stat(path.parent)
        mode = stat.S_IRUSR | stat.S_IWUSR
    _give(descriptor, model)
    os.fchmod(descriptor, mode)


def _give(descriptor: int, model: os.stat_result) -> None:
    mine = os.fstat(descriptor)
    if os.geteuid() == 0 and (mine.st_uid, mine.st_gid) != (model.st_uid, model.st_gid):
        os.fchown(descriptor, model.st_uid, model.st_gid)
