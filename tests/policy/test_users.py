"""
Tests for L{smtpx.policy.users}.
"""

from __future__ import annotations

import fcntl
import os
import stat
from functools import partial
from pathlib import Path

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.policy.hashes import verifyPassword
from smtpx.policy.users import (
    BadUsersFile,
    User,
    Users,
    changeUsers,
    makeUser,
    parseUsers,
    readUsers,
    renderUsers,
    userName,
)
from smtpx.sasl import SCRAMVerifier, enrol

HASH = "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43
VERIFIER = SCRAMVerifier(b"salt", 4096, b"k" * 32, b"K" * 32)
PATH = Path("users")
HEADER = renderUsers(Users(b"s" * 32))

names = (
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
    .map(lambda text: _asName(text) or b"x")
    .filter(bool)
)
someUsers = st.builds(
    Users,
    st.binary(min_size=32, max_size=40),
    st.lists(names, unique=True, max_size=4).map(
        lambda found: {name: User(name, HASH, VERIFIER) for name in found}
    ),
)


def _asName(text: str) -> bytes | None:
    try:
        return userName(text.encode())
    except Malformed:
        return None


def user(name: bytes) -> User:
    """A user of this name."""
    return User(name, HASH, VERIFIER)


class TextTests(SynchronousTestCase):
    """The file as text."""

    def setUp(self) -> None:
        """A file with two users."""
        self.users = Users(b"s" * 32).including(user(b"a")).including(user(b"b@c"))
        self.text = renderUsers(self.users)

    @given(someUsers)
    @settings(max_examples=60, deadline=None)
    def test_whatIsWrittenIsReadBack(self, users: Users) -> None:
        """All users survive, and their order."""
        again = parseUsers(renderUsers(users), PATH)
        self.assertEqual(again, users)
        self.assertEqual(list(again.byName), list(users.byName))

    def test_cutAnywhere(self) -> None:
        """
        A file that is not whole is an error, or has fewer users: never one that
        is not there.
        """
        for end in range(len(self.text)):
            try:
                found = parseUsers(self.text[:end], PATH)
            except BadUsersFile:
                continue
            self.assertTrue(self.text[:end].endswith(b"\n"))
            self.assertLess(len(found.byName), 2)

    def test_errorsSayWhere(self) -> None:
        """File, line and what is wrong."""
        first = self.text.split(b"\n")[0] + b"\n"
        for octets, line, why in (
            (b"", 1, "not a users file, or one of another version"),
            (b"smtpx-users:2:x\n", 1, "not a users file, or one of another version"),
            (b"smtpx-users:1:=\n", 1, "bad base64"),
            (b"smtpx-users:1:AAAA\n", 1, "the secret is too short"),
            (first[:-1], 1, "the line has no end: the file is not whole"),
            (self.text[:-1], 3, "the line has no end: the file is not whole"),
            (self.text + b"c\n", 4, "wants name:hash:verifier"),
            (self.text + b"\n", 4, "wants name:hash:verifier"),
            (self.text + b"c:d:\xff\n", 4, "wants name:hash:verifier"),
            (self.text + b":d:e\n", 4, "empty"),
            (self.text + b"\xff:d:e\n", 4, "not UTF-8"),
            (
                self.text + "ª:d:e\n".encode(),
                4,
                "a name that is not prepared (RFC 4013)",
            ),
            (
                self.text + b"c:d:e\n",
                4,
                "not a password hash (argon2id or scrypt)",
            ),
            (
                self.text + b"c:%b:e\n" % HASH.encode(),
                4,
                "not a SCRAM verifier",
            ),
            (
                self.text + self.text.split(b"\n")[1] + b"\n",
                4,
                "this user is there already",
            ),
        ):
            error = self.assertRaises(BadUsersFile, parseUsers, octets, PATH)
            self.assertEqual(str(error), f"users:{line}: {why}")
            self.assertEqual((error.path, error.line, error.why), (PATH, line, why))

    @given(st.binary(max_size=80))
    @settings(max_examples=60, deadline=None)
    def test_anyOctets(self, octets: bytes) -> None:
        """Whatever is in the file: users or L{BadUsersFile}."""
        for text in (octets, HEADER + octets):
            try:
                parseUsers(text, PATH)
            except BadUsersFile:
                pass

    def test_secretsAreNotShown(self) -> None:
        """No repr has a hash, a key or the secret."""
        shown = repr(self.users)
        for secret in ("scrypt", "salt", "kkkk", "ssss"):
            self.assertNotIn(secret, shown)


class UserTests(SynchronousTestCase):
    """Names and passwords."""

    def test_names(self) -> None:
        """They are kept prepared."""
        self.assertEqual(userName("bjo\u0308rn".encode()), "björn".encode())

    def test_namesThatCannotBe(self) -> None:
        """What the file or no client can have."""
        for bad, why in (
            (b"", "empty"),
            (b"a:b", "has a colon"),
            (b"x" * 1025, "too long"),
            (b"a\nb", "prohibited character"),
            ("a\u0221".encode(), "unassigned character"),
        ):
            error = self.assertRaises(Malformed, userName, bad)
            self.assertEqual(str(error), why)

    def test_whatIsKept(self) -> None:
        """A hash and a verifier, both of the prepared password."""
        made = makeUser(b"joe", "I\u00adX".encode(), 4096)
        self.assertTrue(verifyPassword(b"IX", made.passwordHash))
        self.assertEqual(made.verifier, enrol(b"IX", made.verifier.salt, 4096))
        self.assertEqual(len(made.verifier.salt), 16)

    def test_passwordsThatCannotBe(self) -> None:
        """What no client can send is refused here."""
        for bad in (b"", b"\xff", b"a\0b", "\u00ad".encode(), b"x" * 1025):
            self.assertRaises(Malformed, makeUser, b"joe", bad, 4096)


class FileTests(SynchronousTestCase):
    """The file on the disk."""

    def setUp(self) -> None:
        """A folder of its own."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "users"

    def change(self, *names: bytes) -> None:
        """Add users of these names."""
        for name in names:
            new = user(name)
            changeUsers(self.path, partial(Users.including, user=new))

    def test_whereThereIsNone(self) -> None:
        """No file has no users."""
        self.assertEqual(readUsers(self.path).byName, {})

    def test_made(self) -> None:
        """The first change makes it, for its owner only."""
        self.change(b"a")
        self.assertEqual(list(readUsers(self.path).byName), [b"a"])
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_changed(self) -> None:
        """Others stay, and so does the secret."""
        self.change(b"a", b"b")
        before = readUsers(self.path)
        self.change(b"c")
        changeUsers(self.path, lambda users: users.without(b"a"))
        after = readUsers(self.path)
        self.assertEqual(list(after.byName), [b"b", b"c"])
        self.assertEqual(after.secret, before.secret)
        self.assertNotEqual(Users().secret, Users().secret)

    def test_nothingIsLeftBeside(self) -> None:
        """Only the file and its lock."""
        self.change(b"a", b"b")
        self.assertEqual(sorted(os.listdir(self.folder)), ["users", "users.lock"])

    def test_changeThatFails(self) -> None:
        """The old file stays, whole."""
        self.change(b"a")
        before = self.path.read_bytes()
        self.assertRaises(
            KeyError, changeUsers, self.path, lambda users: users.without(b"x")
        )
        self.assertEqual(self.path.read_bytes(), before)

    def test_diskThatIsFull(self) -> None:
        """
        A write that fails leaves the old file, and no half of a new one.
        """
        self.change(b"a")
        before = self.path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        self.assertRaises(OSError, self.change, b"b")
        self.assertEqual(self.path.read_bytes(), before)
        self.assertEqual(sorted(os.listdir(self.folder)), ["users", "users.lock"])

    def test_syncedBeforeItIsRenamed(self) -> None:
        """
        The new file is on the disk before it takes the old one's place, and the
        folder after that.
        """
        did: list[str] = []
        fsync, replace = os.fsync, os.replace

        def watchSync(descriptor: int) -> None:
            folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            did.append("folder" if folder else "file")
            fsync(descriptor)

        def watchReplace(old: str, new: Path) -> None:
            did.append("rename")
            replace(old, new)

        self.patch(os, "fsync", watchSync)
        self.patch(os, "replace", watchReplace)
        self.change(b"a")
        self.assertEqual(did, ["file", "rename", "folder"])

    def test_brokenFile(self) -> None:
        """What cannot be read is not overwritten."""
        self.path.write_bytes(b"precious\n")
        self.assertRaises(BadUsersFile, self.change, b"a")
        self.assertEqual(self.path.read_bytes(), b"precious\n")

    def test_writersWait(self) -> None:
        """
        While one changes the file, the lock is held; then it is free again.
        """
        held: list[bool] = []

        def change(users: Users) -> Users:
            held.append(not self.free())
            return users

        changeUsers(self.path, change)
        self.assertEqual(held, [True])
        self.assertTrue(self.free())

    def free(self) -> bool:
        """Could another writer begin?"""
        lock = os.open(self.folder / "users.lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def test_symbolicLink(self) -> None:
        """Where the name is a link, what it points to is changed."""
        real = self.folder / "elsewhere"
        self.path.symlink_to(real.name)
        self.change(b"a")
        self.assertTrue(self.path.is_symlink())
        self.assertEqual(list(readUsers(real).byName), [b"a"])

    def test_modeIsKept(self) -> None:
        """A group that could read still can; nobody else ever can."""
        self.change(b"a")
        for before, after in ((0o640, 0o640), (0o666, 0o640), (0o600, 0o600)):
            self.path.chmod(before)
            self.change(b"b")
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), after)

    def test_ownerIsKept(self) -> None:
        """
        What root changes still belongs to whom it belonged, or to whom the
        folder belongs; whoever is not root does not try.
        """
        gave: list[tuple[int, int]] = []
        self.patch(os, "fchown", lambda d, u, g: gave.append((u, g)))
        fstat = os.fstat
        self.patch(os, "fstat", lambda d: _owned(fstat(d), 4711))
        mine = self.folder.stat()
        self.patch(os, "geteuid", lambda: 1000)
        self.change(b"a", b"b")
        self.assertEqual(gave, [])
        self.patch(os, "geteuid", lambda: 0)
        self.change(b"a", b"b")
        self.assertEqual(gave, [(mine.st_uid, mine.st_gid)] * 2)

    def test_lockIsNotOnlyRoots(self) -> None:
        """
        The lock that root makes is whose the folder is, or the server's own user
        could never change a password again.
        """
        gave: list[int] = []
        self.patch(os, "fchown", lambda d, u, g: gave.append(os.fstat(d).st_ino))
        fstat = os.fstat
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "fstat", lambda d: _owned(fstat(d), 4711))
        self.change(b"a")
        self.assertIn((self.folder / "users.lock").stat().st_ino, gave)
        gave.clear()
        self.change(b"b")
        self.assertNotIn((self.folder / "users.lock").stat().st_ino, gave)

    def test_lockIsNoLink(self) -> None:
        """Where somebody has put a link, root makes no file for them elsewhere."""
        (self.folder / "users.lock").symlink_to("elsewhere")
        self.assertRaises(OSError, self.change, b"a")
        self.assertEqual(os.listdir(self.folder), ["users.lock"])


def _owned(found: os.stat_result, uid: int) -> os.stat_result:
    return os.stat_result((*found[:4], uid, *found[5:10]))
