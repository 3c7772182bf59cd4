"""
A server that is started as root, and becomes somebody else once its ports are bound.
"""

from __future__ import annotations

import grp
import os
import pwd
import random
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from smtpx.policy.users import changeUsers, makeUser
from smtpx.tls.authority import ensureCertificate

from .cases import CLIENT_SECONDS, InteropTestCase
from .running import NAME, ROOT, RunningProgram, waitFor

STARTED = re.compile(r"State is in ")

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n"

TWISTD = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="]

#: Users that every Debian has, and who own next to nothing.
USER, OTHER = "nobody", "games"


def lowPort() -> int:
    """A port below 1024 that nobody has now."""
    # Any of them, since others may look for one at the same time.
    for port in random.sample(range(700, 1024), 300):
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SkipTest("no port below 1024 is free")


def status(pid: int, field: str) -> list[int]:
    """Numbers that the kernel has of a process."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(rf"^{field}:(.*)$", text, re.MULTILINE)
    assert found is not None, text
    return [int(number) for number in found[1].split()]


class PrivilegesTests(InteropTestCase):
    """The options C{user} and C{group}."""

    def setUp(self) -> None:
        """A folder that others can see, too, with a place for the user."""
        super().setUp()
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        words = [sys.executable, "-c", "import smtpx"]
        environment = {"PYTHONPATH": str(ROOT)}
        if subprocess.run(words, env=environment, user=USER, check=False).returncode:
            raise SkipTest(f"{USER} cannot run {sys.executable}")
        # Not in the folder of the tests, which others need not be able to see.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-privileges-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir()
        shutil.chown(self.home, USER)
        self.port = lowPort()

    def configure(self, top: str, more: str = "") -> None:
        """Write a configuration."""
        (self.folder / "smtpx.toml").write_text(
            f'name = "{NAME}"\nstate = "home/state"\n{top}\n'
            f'[[listener]]\nport = {self.port}\naddress = "127.0.0.1"\n{more}'
        )

    def words(self, *options: str) -> list[str]:
        """The command line, with options of twistd."""
        return [*TWISTD, *options, "smtpx", "--config", "smtpx.toml"]

    def started(self, *options: str) -> RunningProgram:
        """A server that runs."""
        program = RunningProgram(self.folder, self.words(*options))
        self.running(program)
        program.await_(STARTED)
        return program

    def delivers(self) -> Path:
        """Send a message; gives its file."""
        with smtplib.SMTP("127.0.0.1", self.port, "c.example", 30) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        new = self.home / "state" / "Maildir" / "new"
        waitFor(lambda: new.is_dir() and bool(list(new.iterdir())), "delivery")
        [file] = new.iterdir()
        return file

    def checked(
        self, *more: str, user: str | None = None, good: bool = False
    ) -> list[str]:
        """The lines that C{--check} prints."""
        done = subprocess.run(
            [*self.words(*more), "--check"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        self.assertEqual(done.returncode, 0 if good else 1, done.stdout + done.stderr)
        return done.stdout.splitlines()

    def owners(self) -> set[tuple[int, int]]:
        """Who owns what the server has made."""
        made = [self.home / "state", *(self.home / "state").rglob("*")]
        self.assertGreater(len(made), 5)
        return {(each.stat().st_uid, each.stat().st_gid) for each in made}

    def test_user(self) -> None:
        """
        A port below 1024 is bound, and then everything is done by the user, with
        the groups of the user.
        """
        self.configure(f'user = "{USER}"\n')
        self.assertEqual(self.checked(good=True), ["smtpx.toml: nothing is wrong"])
        server = self.started()
        account = pwd.getpwnam(USER)
        self.assertEqual(status(server.pid, "Uid"), [account.pw_uid] * 4)
        self.assertEqual(status(server.pid, "Gid"), [account.pw_gid] * 4)
        groups = os.getgrouplist(USER, account.pw_gid)
        self.assertEqual(status(server.pid, "Groups"), sorted(groups))
        self.delivers()
        server.stop()
        self.assertEqual(self.owners(), {(account.pw_uid, account.pw_gid)})

    def test_group(self) -> None:
        """The first group is the one that is named."""
        self.configure(f'user = "{USER}"\ngroup = "{OTHER}"\n')
        server = self.started()
        uid, gid = pwd.getpwnam(USER).pw_uid, grp.getgrnam(OTHER).gr_gid
        self.assertEqual(status(server.pid, "Gid"), [gid] * 4)
        self.assertIn(gid, status(server.pid, "Groups"))
        self.delivers()
        self.assertEqual(self.owners(), {(uid, gid)})

    def test_twistdWins(self) -> None:
        """What twistd is told counts more than the configuration."""
        self.configure(f'user = "{OTHER}"\n')
        server = self.started("--uid", USER)
        self.assertEqual(status(server.pid, "Uid"), [pwd.getpwnam(USER).pw_uid] * 4)
        self.delivers()

    def test_files(self) -> None:
        """
        What the user will not be able to read or write is told by a check, and at
        the start, when nothing has been done yet.
        """
        files = ensureCertificate(self.folder / "tls", ["mx.example.org"], time.time())
        pair = (
            '[tls]\ncertificates = [{ certificate = "tls/certificate.pem",'
            ' key = "tls/key.pem" }]\n[log]\nmain = "main.log"\n'
            '[users]\nfile = "users"\n[relay]\nauthenticated = false\n'
        )
        (self.folder / "main.log").touch()
        joe = makeUser(b"joe", b"secret", 4096)
        changeUsers(self.folder / "users", lambda users: users.including(joe))
        (self.folder / "users").chmod(0o600)
        self.configure(f'user = "{USER}"\n', pair)
        (self.folder / "tls").chmod(0o755)
        denied = f"Permission denied (as the user {USER})"
        wanted = [
            f"smtpx.toml:9: tls.certificates[0]: {files.keyFile}: {denied}",
            f"smtpx.toml:11: log.main: {self.folder}/main.log cannot be written to"
            f" by {USER}",
            f"smtpx.toml:13: users.file: [Errno 13] Permission denied:"
            f" '{self.folder}/users' (as the user {USER})",
        ]
        self.assertEqual(self.checked(), wanted)
        done = subprocess.run(
            self.words(),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout.splitlines()), (1, wanted))
        self.assertEqual(list(self.home.iterdir()), [])
        for name in ("main.log", "users", "tls/key.pem"):
            shutil.chown(self.folder / name, USER)
        self.assertEqual(self.checked(good=True), ["smtpx.toml: nothing is wrong"])

    def test_staple(self) -> None:
        """
        A staple that the user will not be able to read is told by a check, and is
        no fault.
        """
        files = ensureCertificate(self.folder / "tls", ["mx.example.org"], time.time())
        (self.folder / "tls").chmod(0o755)
        shutil.chown(files.keyFile, USER)
        staple = self.folder / "staple.der"
        staple.touch(0o600)
        pair = (
            '[[tls.certificates]]\ncertificate = "tls/certificate.pem"\n'
            'key = "tls/key.pem"\ntls_ocsp_file = "staple.der"\n'
        )
        self.configure(f'user = "{USER}"\n', pair)
        self.assertEqual(
            self.checked(good=True),
            [
                f"warning: smtpx.toml:11: tls.certificates[0].tls_ocsp_file: {staple}:"
                f" Permission denied; no staple would be sent (as the user {USER})",
                "smtpx.toml: it can be used",
            ],
        )

    def test_rootWasHere(self) -> None:
        """
        A server that ran as root before has left files that the user cannot
        write.
        """
        self.configure("")
        server = self.started()
        self.delivers()
        server.stop()
        self.configure(f'user = "{USER}"\n')
        state = self.home / "state"
        *_, line = self.checked()
        self.assertEqual(
            line, f"smtpx.toml:2: state: {state} cannot be written to by {USER}"
        )
        shutil.chown(state, USER)
        [line] = self.checked()
        self.assertIn(f"cannot be written to by {USER}", line)
        for each in state.rglob("*"):
            shutil.chown(each, USER)
        self.assertEqual(self.checked(good=True), ["smtpx.toml: nothing is wrong"])

    def test_unknown(self) -> None:
        """A user or group that there is not is told with its line."""
        self.configure('user = "nobdy"\ngroup = "nogrp"\n')
        self.assertEqual(
            self.checked(),
            [
                'smtpx.toml:3: user: there is no user "nobdy"',
                'smtpx.toml:4: group: there is no group "nogrp"',
            ],
        )

    def test_notRoot(self) -> None:
        """Nobody but root can become somebody else; to stay oneself is allowed."""
        self.configure(f'user = "{OTHER}"\n')
        self.assertEqual(
            self.checked(user=USER),
            [f'smtpx.toml:3: user: only root can become "{OTHER}", and this is {USER}'],
        )
        self.configure(f'user = "{USER}"\n')
        lines = self.checked(user=USER, good=True)
        self.assertEqual(lines, ["smtpx.toml: nothing is wrong"])
        self.configure(f'user = "{USER}"\ngroup = "{OTHER}"\n')
        self.assertEqual(
            self.checked(user=USER),
            [
                f'smtpx.toml:4: group: only root can become "{OTHER}", and this is'
                f" {USER}"
            ],
        )

    def test_UNIXSocket(self) -> None:
        """
        A UNIX socket is made by the user, so that its file is the user's, and is
        removed in the end; a folder that is root's is told of.
        """
        path = self.home / "smtp.sock"
        listener = f'[[listener]]\nendpoint = "unix:{path}:mode=660"\n'
        self.configure(f'user = "{USER}"\n', listener)
        server = self.started()
        found = path.stat()
        self.assertEqual(found.st_mode & 0o777, 0o660)
        self.assertEqual(found.st_uid, pwd.getpwnam(USER).pw_uid)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(CLIENT_SECONDS)
            client.connect(str(path))
            self.assertEqual(client.recv(4), b"220 ")
        server.stop()
        self.assertFalse(path.exists())
        shutil.chown(self.home, "root")
        [line] = self.checked()[-1:]
        self.assertEqual(
            line,
            f"smtpx.toml:9: listener[1].endpoint: {self.home} cannot be written to"
            f" by {USER}",
        )
