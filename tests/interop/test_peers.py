"""
Processes that share a file of peer knowledge, and what befalls it meanwhile.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from smtpx.knowledge.file import KnowledgeFile

from .cases import InteropTestCase
from .knowing import Knower
from .running import ROOT, waitFor


class PeersTests(InteropTestCase):
    """Two processes and a file."""

    def setUp(self) -> None:
        """The folder of a server."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "peers.sqlite"
        (self.folder / "smtpx.toml").write_text('state = "."\n')

    def knower(self, limit: int | None = None) -> Knower:
        """A process."""
        made = Knower(str(self.path), limit)
        self.addCleanup(made.kill)
        return made

    def command(self, *words: str, status: int = 0) -> str:
        """An operator runs C{smtpx peer}."""
        program = str(Path(sys.executable).with_name("smtpx"))
        config = ("--config", str(self.folder / "smtpx.toml"))
        words = (program, "peer", words[0], *config, *words[1:])
        return self.run_(words, environment={"PYTHONPATH": str(ROOT)}, status=status)

    def check(self) -> int:
        """The file is in order; how much is in it."""
        connection = sqlite3.connect(self.path)
        self.assertEqual(
            connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)]
        )
        connection.close()
        file = KnowledgeFile(str(self.path), make=False)
        count = len(file.all())
        file.close()
        return count

    def test_shared(self) -> None:
        """What one finds out the other hears of, and so does who comes later."""
        one, two = self.knower(), self.knower()
        one.tell("fail a.example no route")
        two.tell("fail b.example refused")
        two.hears("a.example", "no route")
        one.hears("b.example", "refused")
        two.tell("succeed a.example")
        one.hears("a.example", "-")
        one.stop()
        two.stop()
        names = sorted(os.listdir(self.folder))
        self.assertEqual(names, ["peers.sqlite", "smtpx.toml"])
        three = self.knower()
        self.assertEqual(three.tell("ask b.example"), "refused")
        three.stop()

    def test_killed(self) -> None:
        """Who is killed in the middle of writing takes nothing of the others' along."""
        one = self.knower()
        one.tell("fail a.example no route")
        for _ in range(3):
            other = self.knower()
            other.tell("storm")
            other.hears("a.example", "no route")
            waitFor(lambda: one.tell("ask 999.storm.example") != "-", "a storm")
            os.kill(other.process.pid, signal.SIGKILL)
            other.kill()
            one.tell("succeed 999.storm.example")
        self.assertEqual(one.tell("state"), "-")
        one.stop()
        self.assertGreater(self.check(), 1000)

    def test_storm(self) -> None:
        """Two that write all the time do not keep each other from it."""
        one, two = self.knower(), self.knower()
        for each in (one, two):
            each.tell("storm")
        one.tell("fail a.example no route")
        two.hears("a.example", "no route")
        two.tell("fail b.example no route")
        one.hears("b.example", "no route")
        self.assertEqual((one.tell("state"), two.tell("state")), ("-", "-"))
        one.stop()
        two.stop()
        self.check()

    def test_operator(self) -> None:
        """C{smtpx peer} works beside them, and they hear of it."""
        one, two = self.knower(), self.knower()
        one.tell("fail a.example no route")
        two.hears("a.example", "no route")
        self.assertRegex(self.command("list"), r"retry  \d+ s ago  a\.example ")
        self.assertIn("  error: no route\n", self.command("show", "a.example"))
        forgot = self.command("forget", "a.example")
        self.assertEqual(forgot, "a.example: forgot 1 record\n")
        for each in (one, two):
            each.hears("a.example", "-")
        self.assertEqual(self.command("list"), "Nothing is known.\n")
        self.assertEqual(self.command("tidy"), "removed 0 records\n")
        one.stop()
        two.stop()

    def test_deleted(self) -> None:
        """The file may be deleted under them; they begin a new one together."""
        one, two = self.knower(), self.knower()
        one.tell("fail a.example no route")
        two.hears("a.example", "no route")
        self.path.unlink()
        for each in (one, two):
            each.hears("a.example", "-")
        two.tell("fail b.example refused")
        one.hears("b.example", "refused")
        one.stop()
        two.stop()
        self.assertEqual(self.check(), 1)

    def test_damaged(self) -> None:
        """A file that is damaged under them is put aside; they go on with another."""
        one, two = self.knower(), self.knower()
        one.tell("storm")
        two.hears("1.storm.example", "x" * 200)
        one.stop()
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
        with self.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xaa" * (self.path.stat().st_size - 4096))
        two.tell("fail a.example no route")
        three = self.knower()
        three.hears("a.example", "no route")
        three.tell("fail b.example refused")
        two.hears("b.example", "refused")
        self.assertEqual(two.tell("state"), "-")
        two.stop()
        three.stop()
        self.check()
        self.assertTrue(self.path.with_name("peers.sqlite.damaged").exists())

    def test_noRoom(self) -> None:
        """Where files cannot grow, it goes on in memory, and the file stays good."""
        one = self.knower(limit=256)
        one.tell("storm")
        trouble = re.compile(
            r"peers\.sqlite: (disk I/O error|database or disk is full)"
        )
        waitFor(lambda: bool(trouble.search(one.tell("state"))), "trouble")
        one.tell("fail a.example no route")
        self.assertEqual(one.tell("ask a.example"), "no route")
        one.stop()
        self.check()

    def test_readOnly(self) -> None:
        """In a folder that is read-only it goes on, and keeps what it knows later."""
        if os.geteuid():
            raise SkipTest("only root can mount")
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "smtpx", str(self.folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", str(self.folder)], check=True)
        remount = ["mount", "-o", "remount,ro", str(self.folder)]
        if subprocess.run(remount, capture_output=True, check=False).returncode:
            raise SkipTest("remounting is not allowed here")
        one = self.knower()
        self.assertIn("Read-only file system", one.tell("state"))
        one.tell("fail a.example no route")
        self.assertEqual(one.tell("ask a.example"), "no route")
        subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)
        waitFor(lambda: one.tell("state") == "-", "it goes on in the file")
        two = self.knower()
        two.hears("a.example", "no route")
        one.stop()
        two.stop()
