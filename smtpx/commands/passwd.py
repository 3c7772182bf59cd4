"""
C{smtpx passwd}: who can log in.

Makes a user or changes its password, in the file that the server reads
(L{smtpx.policy.users}); a server that runs takes it up at the next login.  Which
file that is, its configuration says, if it has one.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.python.usage import UsageError

from ..core.errors import Malformed, SMTPXError
from ..policy.users import (
    BadUsersFile,
    Users,
    changeUsers,
    makeUser,
    readUsers,
    userName,
)
from ..sasl import ITERATIONS_MAX as MOST
from ..sasl.verifier import ITERATIONS, ITERATIONS_MIN
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from .console import CommandFailed, Console, ConsoleOptions

#: Where the server looks, if no configuration says otherwise.
FILE = "smtpx-state/users"


class PasswdOptions(ConsoleOptions):
    """The command line of C{smtpx passwd}."""

    synopsis = "[options] USER"
    longdesc = (
        "Makes USER, or changes its password, which is asked for twice.  What is"
        " kept is an Argon2id hash and a verifier for SCRAM-SHA-256.  A server that"
        " runs need not be told.  USER is what clients log in with, such as"
        " joe@example.org."
    )
    optFlags = [
        ["stdin", None, "Read the password from standard input: its first line."],
        ["delete", "d", "Delete USER instead."],
        ["list", "l", "List all users instead."],
    ]
    optParameters = [
        ["config", "c", None, "The configuration of the server, which knows the file."],
        ["file", "f", None, f"The users file of the server.  [default: {FILE}]"],
        [
            "iterations",
            None,
            ITERATIONS,
            "How often a client has to hash the password for SCRAM.  Some clients"
            " refuse more than 65536.",
        ],
    ]

    user: str | None = None

    def parseArgs(self, *arguments: str) -> None:
        """Take the user's name."""
        if len(arguments) > 1:
            raise UsageError("one user at a time")
        self.user = arguments[0] if arguments else None

    def postOptions(self) -> None:
        """Do all of them go together?"""
        chosen = [word for word in ("stdin", "delete", "list") if self[word]]
        if len(chosen) > 1:
            raise UsageError(f"--{chosen[0]} and --{chosen[1]} do not go together")
        if self["config"] is not None and self["file"] is not None:
            raise UsageError("--config and --file do not go together")
        rounds = str(self["iterations"])
        if not rounds.isdecimal() or not ITERATIONS_MIN <= int(rounds) <= MOST:
            raise UsageError(f"--iterations wants {ITERATIONS_MIN} to {MOST}")
        self["iterations"] = int(rounds)
        if self["list"] and self.user is not None:
            raise UsageError("--list takes no user")
        if not self["list"] and self.user is None:
            raise UsageError("whose password?  Name a user")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done, and nothing was changed.
        """
        path = self._path()
        try:
            if self["list"]:
                for name in readUsers(path).byName:
                    console.say(name.decode("utf-8"))
                return
            if not path.parent.is_dir():
                raise CommandFailed(self._nowhere(path.parent))
            name = self._name()
            if self["delete"]:
                _delete(path, name, console)
            else:
                self._set(path, name, console)
        except BadUsersFile as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            raise CommandFailed(
                f"{error.filename or path}: {error.strerror or error}"
            ) from error

    def _nowhere(self, folder: Path) -> str:
        """What to do where there is no folder for the file."""
        text = f"there is no folder {folder}; start the server once, which makes it"
        if self["config"] is None and self["file"] is None:
            text += ", or name its configuration with --config"
        return text

    def _path(self) -> Path:
        if self["config"] is None:
            return Path(self["file"] or FILE)
        try:
            configuration = readConfiguration(self["config"], findExtensions())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        elsewhere = configuration.users.elsewhere
        if elsewhere is not None:
            raise CommandFailed(
                f"{self['config']}: users are not in a file, but known to {elsewhere}"
            )
        return configuration.usersFile

    def _name(self) -> bytes:
        assert self.user is not None
        try:
            return userName(os.fsencode(self.user))
        except Malformed as error:
            raise CommandFailed(f"{self.user!r} cannot be a user: {error}") from error

    def _set(self, path: Path, name: bytes, console: Console) -> None:
        password = self._password(name, console)
        try:
            user = makeUser(name, password, self["iterations"])
        except Malformed as error:
            raise CommandFailed(f"the password cannot be used: {error}") from error
        known = False

        def include(users: Users) -> Users:
            nonlocal known
            known = name in users.byName
            return users.including(user)

        changeUsers(path, include)
        what = "has a new password" if known else "was made"
        console.say(f"{name.decode('utf-8')} {what} in {path}")

    def _password(self, name: bytes, console: Console) -> bytes:
        if self["stdin"]:
            return console.line().removesuffix(b"\n").removesuffix(b"\r")
        if not console.interactive:
            raise CommandFailed(
                "there is no terminal to ask for a password; give it by --stdin"
            )
        try:
            once = console.secret(f"Password for {name.decode('utf-8')}: ")
            again = console.secret("Once more: ")
        except EOFError as error:
            raise CommandFailed("no password was given") from error
        if once != again:
            raise CommandFailed("the two passwords differ")
        return once.encode("utf-8", "surrogateescape")


def _delete(path: Path, name: bytes, console: Console) -> None:
    try:
        changeUsers(path, lambda users: users.without(name))
    except KeyError as error:
        raise CommandFailed(f"{path} has no user {name.decode('utf-8')}") from error
    console.say(f"{name.decode('utf-8')} was deleted from {path}")
