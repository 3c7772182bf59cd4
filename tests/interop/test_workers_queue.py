"""
What operators and clients ask of a server, where that has two workers: C{smtpx queue},
C{smtpx why}, ETRN, and the command of the name C{sendmail}.
"""

from __future__ import annotations

import json
import os
import signal
import smtplib
import sys
import tempfile
from pathlib import Path

from smtpx.spool.identity import parse, workerOf

from .cases import CLIENT_SECONDS, InteropTestCase, findPeer
from .running import ROOT, RunningServer, freePort, removeFolder, waitFor

PROGRAM = str(Path(sys.executable).with_name("smtpx"))

_HOLD = """
[[route]]
match = ["*"]
transport = "hold"
"""

_BRANCH = """
[relay]
domains = ["branch.example"]

[[route]]
match = ["branch.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "unwanted"

[[route]]
match = ["localhost", "mx.example.org"]
transport = "maildir"

[[retry]]
pauses = ["1 h"]

[extensions.ETRN]
hosts = ["127.0.0.1"]
"""

_SENDMAIL = """
[sendmail]
folder = "dropped"
"""

_PROGRAM = "from smtpx.commands.sendmail import main; raise SystemExit(main())"

#: Programs are those of this tree.
_OURS = {"PYTHONPATH": str(ROOT)}


class WorkersQueueTests(InteropTestCase):
    """Two workers, each with messages in its spool."""

    def several(self, configuration: str = _HOLD) -> RunningServer:
        """A server of two, where paths of sockets are short."""
        folder = Path(tempfile.mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, folder)
        return self.serve(configuration, workers=2, folder=folder)

    def process(self, server: RunningServer, number: int) -> int:
        """The process of a worker, as the lock of its spool has it; 0: none yet."""
        lock = server.folder / "state/spool" / str(number) / "lock"
        return int(lock.read_text("ascii") or 0)

    def kill(self, server: RunningServer, number: int) -> int:
        """Kill a worker; gives its process."""
        process = self.process(server, number)
        os.kill(process, signal.SIGKILL)
        return process

    def fill(self, server: RunningServer, to: str = "bob@localhost") -> list[str]:
        """Send messages until both have two; the ids, the oldest first."""
        count = 0
        while count < 200:
            clients = [
                smtplib.SMTP("127.0.0.1", server.port, "c.example", CLIENT_SECONDS)
                for _ in range(4)
            ]
            for client in clients:
                client.sendmail("ann@c.example", to, f"Subject: {count}\n\nHello\n")
                client.quit()
                count += 1
            found = self.ids(server, count)
            workers = [workerOf(parse(id)) for id in found]
            if min(workers.count(1), workers.count(2)) >= 2:
                return found
        raise AssertionError("one worker takes all")

    def ids(self, server: RunningServer, count: int) -> list[str]:
        """The ids of so many messages that were taken, by the log; sorted."""

        def found() -> list[str]:
            lines = [line.split() for line in server.mainLog() if " <= " in line]
            return sorted(words[2] for words in lines)

        waitFor(lambda: len(found()) == count, f"{count} messages in the log")
        return found()

    def tried(self, server: RunningServer, ids: list[str]) -> None:
        """Wait until all these were tried, and are back in the spool."""

        def deferred() -> int:
            return sum(" == " in line for line in server.mainLog())

        waitFor(lambda: deferred() >= len(ids), "first attempts")
        words = ("queue", "list", "--ids", "--state", "under-way")
        waitFor(lambda: not self.smtpx(server, *words), "all are back")

    def of(self, ids: list[str], number: int) -> str:
        """The first that a worker took."""
        return next(id for id in ids if workerOf(parse(id)) == number)

    def smtpx(self, server: RunningServer, *words: str, status: int = 0) -> str:
        """Run a command; what it says, on both outputs."""
        verbs = 2 if words[0] == "queue" else 1
        where = ["-c", str(server.folder / "smtpx.toml")]
        line = [PROGRAM, *words[:verbs], *where, *words[verbs:]]
        return self.run_(line, environment=_OURS, status=status)

    def test_looking(self) -> None:
        """What both have is one queue, to whoever looks."""
        server = self.several()
        ids = self.fill(server)
        said = self.smtpx(server, "queue", "list", "--ids")
        self.assertEqual(said.split(), ids)
        said = self.smtpx(server, "queue", "summary", "--json")
        [group] = [json.loads(line) for line in said.splitlines()]
        self.assertEqual((group["name"], group["messages"]), ("localhost", len(ids)))
        for number in (1, 2):
            id = self.of(ids, number)
            self.assertIn("bob@localhost", self.smtpx(server, "queue", "show", id))
            whole = self.smtpx(server, "queue", "show", "--whole", id)
            self.assertIn("Hello", whole)
            self.assertIn("on hold", self.smtpx(server, "why", id))

    def test_changing(self) -> None:
        """What is changed is changed with both, and once."""
        server = self.several()
        ids = self.fill(server)
        named = [self.of(ids, 1), self.of(ids, 2)]
        said = self.smtpx(server, "queue", "remove", *named)
        self.assertIn("2 messages removed", said)
        left = [id for id in ids if id not in named]
        self.assertEqual(self.smtpx(server, "queue", "list", "--ids").split(), left)
        said = self.smtpx(server, "queue", "remove", "--all", "--yes")
        self.assertIn(f"{len(left)} messages removed", said)
        self.assertEqual(self.smtpx(server, "queue", "list", "--ids"), "")
        removed = [line for line in server.mainLog() if " removed by " in line]
        self.assertEqual(len(removed), len(ids))

    def test_killed(self) -> None:
        """A worker that was killed a moment ago is waited for, whichever it is."""
        server = self.several()
        ids = self.fill(server)
        for number in (2, 1):
            self.kill(server, number)
            said = self.smtpx(server, "queue", "list", "--ids")
            self.assertEqual(said.split(), ids)

    def test_hangs(self) -> None:
        """A worker that does not answer is told of, and the other's are listed."""
        server = self.several()
        ids = self.fill(server)
        process = self.process(server, 2)
        os.kill(process, signal.SIGSTOP)
        try:
            said = self.smtpx(server, "queue", "list", "--ids", status=1)
            of1 = [id for id in ids if workerOf(parse(id)) == 1]
            *lines, told = said.splitlines()
            self.assertEqual(lines, of1)
            self.assertIn("worker 2 could not be asked (it does not answer)", told)
            self.smtpx(server, "queue", "show", self.of(ids, 1))
            said = self.smtpx(server, "queue", "show", self.of(ids, 2), status=1)
            self.assertIn("was not found, but worker 2 could not be asked", said)
        finally:
            os.kill(process, signal.SIGCONT)
        self.assertEqual(self.smtpx(server, "queue", "list", "--ids").split(), ids)

    def test_withoutServer(self) -> None:
        """Without a server, commands have what both had, and leave it there."""
        server = self.several()
        ids = self.fill(server)
        server.stop()
        self.assertEqual(self.smtpx(server, "queue", "list", "--ids").split(), ids)
        self.assertIn("on hold", self.smtpx(server, "why", self.of(ids, 2)))
        self.smtpx(server, "queue", "remove", self.of(ids, 2))
        ids.remove(self.of(ids, 2))
        again = self.serve(_HOLD, workers=2, folder=server.folder)
        self.assertEqual(self.smtpx(again, "queue", "list", "--ids").split(), ids)
        self.assertNotIn("taken over", again.said())

    def test_etrn(self) -> None:
        """A client that is back has what both keep for it, counted together."""
        port = freePort()
        server = self.several(_BRANCH.format(port=port))
        ids = self.fill(server, "bob@branch.example")
        branch = self.serve(
            f'[[listener]]\nport = {port}\naddress = "127.0.0.1"\n'
            '[local]\ndomains = ["branch.example", "localhost"]\n'
        )
        self.tried(server, ids)
        where = f"127.0.0.1:{server.port}"
        words = [PROGRAM, "etrn", where, "branch.example"]
        said = self.run_(words, environment=_OURS)
        self.assertIn(f"253 2.0.0 OK, {len(ids)} pending messages", said)
        self.assertEqual(len(branch.delivered(len(ids))), len(ids))
        for _ in range(4):
            # Whichever worker is asked now, it was a moment ago.
            with smtplib.SMTP(
                "127.0.0.1", server.port, "c.example", CLIENT_SECONDS
            ) as client:
                client.ehlo()
                self.assertEqual(client.docmd("ETRN", "branch.example")[0], 459)

    def test_fetchmail(self) -> None:
        """So it is for a program of somebody else."""
        port = freePort()
        server = self.several(_BRANCH.format(port=port))
        ids = self.fill(server, "bob@branch.example")
        branch = self.serve(
            f'[[listener]]\nport = {port}\naddress = "127.0.0.1"\n'
            '[local]\ndomains = ["branch.example", "localhost"]\n'
        )
        self.tried(server, ids)
        words = [findPeer("fetchmail", "fetchmail"), "--fetchmailrc", "/dev/null"]
        words += ["--protocol", "ETRN", "--service", str(server.port)]
        words += ["--nosyslog", "-v", "--fetchdomains", "branch.example", "127.0.0.1"]
        home = server.folder / "home"
        home.mkdir()
        self.run_(words, environment={"HOME": str(home)})
        self.assertEqual(len(branch.delivered(len(ids))), len(ids))

    def test_sendmail(self) -> None:
        """What users of the machine submit goes on when its worker was killed."""
        server = self.several(_SENDMAIL)
        program = [sys.executable, "-c", _PROGRAM]
        file = {**_OURS, "SMTPX_CONFIG": str(server.folder / "smtpx.toml")}
        for number in range(3):
            self.run_([*program, "bob"], b"Subject: %d\n\nx\n" % number, file)
            before = self.kill(server, 1)

            def back(before: int = before) -> bool:
                return self.process(server, 1) not in (0, before)

            waitFor(back, "it is back")
        self.assertEqual(len(server.delivered(3)), 3)
