"""
Tests for L{smtpx.commands.passwd}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.passwd import FILE
from smtpx.policy import hashes
from smtpx.policy.hashes import verifyPassword
from smtpx.policy.users import readUsers

from .terminals import Ran, Terminal


class PasswdTests(SynchronousTestCase):
    """C{smtpx passwd}."""

    def setUp(self) -> None:
        """A file that is not there yet; hashing is quick."""
        self.patch(hashes, "ARGON2_MEMORY", 64)
        self.path = Path(self.mktemp())

    def run_(self, *argv: str, terminal: Terminal | None = None) -> Ran:
        """Run it on this file."""
        words = ("passwd", "--iterations", "4096", "--file", str(self.path), *argv)
        return (terminal or Terminal()).run(*words)

    def set(self, user: str, password: str) -> Ran:
        """Give a user a password."""
        return self.run_(user, terminal=Terminal([password, password]))

    def assertSet(self, name: bytes, password: bytes) -> None:
        """The user can log in, both ways."""
        user = readUsers(self.path).byName[name]
        self.assertTrue(verifyPassword(password, user.passwordHash))
        self.assertEqual(user.verifier.iterations, 4096)

    def test_newUser(self) -> None:
        """The password is asked for twice."""
        terminal = Terminal(["pencil", "pencil"])
        ran = self.run_("joe@example.org", terminal=terminal)
        self.assertEqual(
            (ran.status, ran.out, ran.err),
            (0, f"joe@example.org was made in {self.path}\n", ""),
        )
        self.assertEqual(
            terminal.prompts, ["Password for joe@example.org: ", "Once more: "]
        )
        self.assertSet(b"joe@example.org", b"pencil")

    def test_newPassword(self) -> None:
        """Of a user that is there; the others stay."""
        self.set("joe", "pencil")
        self.set("ann", "stift")
        ran = self.set("joe", "crayon")
        self.assertEqual(ran.out, f"joe has a new password in {self.path}\n")
        self.assertSet(b"joe", b"crayon")
        self.assertSet(b"ann", b"stift")

    def test_fromStandardInput(self) -> None:
        """One line, whatever ends it; nothing is asked."""
        for line in (b"pencil\n", b"pencil\r\n", b"pencil"):
            terminal = Terminal(line=line, interactive=False)
            ran = self.run_("--stdin", "joe", terminal=terminal)
            self.assertEqual((ran.status, ran.err), (0, ""))
            self.assertSet(b"joe", b"pencil")

    def test_spacesBelongToThePassword(self) -> None:
        """Only the line's end is taken off."""
        self.run_("--stdin", "joe", terminal=Terminal(line=b" a b \n"))
        self.assertSet(b"joe", b" a b ")

    def test_beyondASCII(self) -> None:
        """Names and passwords are kept prepared (RFC 4013)."""
        ran = self.set("bjo\u0308rn", "\u2168")
        self.assertEqual(ran.out, f"björn was made in {self.path}\n")
        self.assertSet("björn".encode(), b"IX")

    def test_passwordIsNotSaid(self) -> None:
        """Neither where it worked nor where it did not."""
        for password in ("secret", "sec\x07ret"):
            ran = self.set("joe", password)
            self.assertNotIn(password, ran.out + ran.err)

    def test_delete(self) -> None:
        """One user goes, the others stay."""
        self.set("joe", "pencil")
        self.set("ann", "stift")
        ran = self.run_("--delete", "joe")
        self.assertEqual(
            (ran.status, ran.out), (0, f"joe was deleted from {self.path}\n")
        )
        self.assertEqual(list(readUsers(self.path).byName), [b"ann"])

    def test_deleteNobody(self) -> None:
        """There is no such user."""
        self.set("ann", "stift")
        ran = self.run_("--delete", "joe")
        self.assertEqual(
            (ran.status, ran.err), (1, f"smtpx: {self.path} has no user joe\n")
        )

    def test_list(self) -> None:
        """The names, in the order they were made; none where there is no file."""
        self.assertEqual(self.run_("--list").out, "")
        for name in ("joe", "ann", "björn"):
            self.set(name, "x")
        ran = self.run_("--list")
        self.assertEqual((ran.status, ran.out), (0, "joe\nann\nbjörn\n"))

    def test_passwordsThatDiffer(self) -> None:
        """Nothing is changed."""
        ran = self.run_("joe", terminal=Terminal(["pencil", "pencli"]))
        self.assertEqual(
            (ran.status, ran.err), (1, "smtpx: the two passwords differ\n")
        )
        self.assertFalse(self.path.exists())

    def test_passwordsThatCannotBe(self) -> None:
        """Empty, not typed at all, or with characters that no client can send."""
        for terminal, why in (
            (Terminal(["", ""]), "the password cannot be used: empty"),
            (Terminal(), "no password was given"),
            (
                Terminal(["a\x07", "a\x07"]),
                "the password cannot be used: prohibited character",
            ),
            (
                Terminal(["\udcff", "\udcff"]),
                "the password cannot be used: not UTF-8",
            ),
        ):
            ran = self.run_("joe", terminal=terminal)
            self.assertEqual((ran.status, ran.err), (1, f"smtpx: {why}\n"))

    def test_nobodyToAsk(self) -> None:
        """In a script, without C{--stdin}."""
        ran = self.run_("joe", terminal=Terminal(interactive=False))
        self.assertEqual(
            (ran.status, ran.err),
            (
                1,
                "smtpx: there is no terminal to ask for a password;"
                " give it by --stdin\n",
            ),
        )

    def test_namesThatCannotBe(self) -> None:
        """The file has no place for them, or no client can send them."""
        for name, why in (
            ("a:b", "has a colon"),
            ("", "empty"),
            ("\udcff", "not UTF-8"),
        ):
            ran = self.run_(name)
            self.assertEqual(
                (ran.status, ran.err), (1, f"smtpx: {name!r} cannot be a user: {why}\n")
            )

    def test_commandLines(self) -> None:
        """What makes no sense: status 2, and nothing is asked."""
        for words, why in (
            ((), "whose password?  Name a user"),
            (("--delete",), "whose password?  Name a user"),
            (("joe", "ann"), "one user at a time"),
            (("joe", "--delete", "--stdin"), "--stdin and --delete do not go together"),
            (("--list", "joe"), "--list takes no user"),
            (("--list", "--delete", "x"), "--delete and --list do not go together"),
            (("--stdin", "--delete", "x"), "--stdin and --delete do not go together"),
            (("--config", "x", "joe"), "--config and --file do not go together"),
            (("--iterations", "4095", "x"), "--iterations wants 4096 to 10000000"),
            (("--iterations", "many", "x"), "--iterations wants 4096 to 10000000"),
        ):
            terminal = Terminal()
            ran = self.run_(*words, terminal=terminal)
            self.assertEqual((ran.status, ran.err), (2, f"smtpx: {why}\n"))
            self.assertEqual(terminal.prompts, [])

    def test_folderThatIsNotThere(self) -> None:
        """It is not made: the name is more likely wrong."""
        ran = Terminal().run("passwd", "--file", f"{self.path}/state/users", "joe")
        self.assertEqual(
            (ran.status, ran.err),
            (
                1,
                f"smtpx: there is no folder {self.path}/state; start the server once,"
                " which makes it\n",
            ),
        )

    def test_stateThatIsNotThere(self) -> None:
        """Whoever has named the configuration is not told to do so."""
        self.path.mkdir()
        config = self.path / "smtpx.toml"
        config.write_text('state = "new"\n')
        ran = Terminal().run("passwd", "--config", str(config), "joe")
        folder = self.path.resolve() / "new"
        self.assertEqual(
            (ran.status, ran.err),
            (
                1,
                f"smtpx: there is no folder {folder}; start the server once,"
                " which makes it\n",
            ),
        )

    def test_brokenFile(self) -> None:
        """File and line; it is not overwritten."""
        self.path.write_bytes(b"precious\n")
        why = f"{self.path}:1: not a users file, or one of another version"
        for ran in (self.set("joe", "x"), self.run_("--list")):
            self.assertEqual((ran.status, ran.err), (1, f"smtpx: {why}\n"))
        self.assertEqual(self.path.read_bytes(), b"precious\n")

    def test_diskThatRefuses(self) -> None:
        """What the system says, and of which file."""
        self.path.mkdir()
        ran = self.run_("--list")
        self.assertEqual(
            (ran.status, ran.err), (1, f"smtpx: {self.path}: Is a directory\n")
        )

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.path = Path(self.mktemp())
        self.patch(os, "fsync", full)
        ran = self.set("joe", "x")
        self.assertEqual(
            (ran.status, ran.err), (1, f"smtpx: {self.path}: No space left on device\n")
        )

    def test_defaultFile(self) -> None:
        """Where the server looks, if nothing else is said."""
        home = Path(self.mktemp())
        (home / "smtpx-state").mkdir(parents=True)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(home)
        ran = Terminal(["x", "x"]).run("passwd", "--iterations", "4096", "joe")
        self.assertEqual(ran.out, "joe was made in smtpx-state/users\n")
        self.assertEqual(list(readUsers(Path(FILE)).byName), [b"joe"])


class ConfigurationTests(SynchronousTestCase):
    """C{smtpx passwd --config}."""

    def setUp(self) -> None:
        """A configuration that is not there yet; hashing is quick."""
        self.patch(hashes, "ARGON2_MEMORY", 64)
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.config = self.folder / "smtpx.toml"

    def run_(self, text: str, *argv: str) -> Ran:
        """Run it with this configuration."""
        self.config.write_text(text)
        words = ("passwd", "--iterations", "4096", "--config", str(self.config), *argv)
        return Terminal(["pencil", "pencil"]).run(*words)

    def test_fileOfTheConfiguration(self) -> None:
        """The users file is the one that the configuration names."""
        ran = self.run_("[users]\nfile = 'people'\n", "joe")
        path = self.folder / "people"
        self.assertEqual(ran.out, f"joe was made in {path}\n")
        self.assertEqual(list(readUsers(path).byName), [b"joe"])
        self.assertEqual(self.run_("[users]\nfile = 'people'\n", "-l").out, "joe\n")

    def test_fileInTheState(self) -> None:
        """Or the one in the state folder, wherever that is."""
        (self.folder / "there").mkdir()
        ran = self.run_("state = 'there'\n[extensions.CHUNKING]\n", "joe")
        self.assertEqual(
            (ran.err, ran.out), ("", f"joe was made in {self.folder}/there/users\n")
        )

    def test_badConfiguration(self) -> None:
        """What is wrong is told with its line, and nobody is asked anything."""
        ran = self.run_("[users]\nfiel = 'people'\n", "joe")
        self.assertEqual(ran.status, 1)
        self.assertIn(f"smtpx: {self.config}:2: users.fiel: ", ran.err)
        self.assertIn('did you mean "file"?', ran.err)
        self.config.unlink()
        ran = Terminal().run("passwd", "--config", str(self.config), "joe")
        self.assertEqual(ran.status, 1)
        self.assertIn("No such file", ran.err)

    def test_usersAreElsewhere(self) -> None:
        """Where Python knows the users there is no file to change."""
        ran = self.run_("[users]\npython = 'people:check'\n", "joe")
        self.assertEqual(
            (ran.status, ran.err),
            (
                1,
                f"smtpx: {self.config}: users are not in a file, but known to"
                " people:check\n",
            ),
        )
