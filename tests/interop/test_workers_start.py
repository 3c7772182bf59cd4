"""
How a server of several processes starts, as what, and why not.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import CLIENT_SECONDS, InteropTestCase
from .running import (
    NAME,
    ROOT,
    RunningProgram,
    childrenOf,
    freePort,
    removeFolder,
    runs,
    waitFor,
)
from .test_activation import UNIXClient
from .test_privileges import STARTED, USER, lowPort, status
from .test_workers import takers

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n"

TWISTD = str(Path(sys.executable).with_name("twistd"))


#: A policy of somebody: its worker 2 takes its time to start.
_HESITANT = """
import time
from pathlib import Path

if Path("/proc/self/comm").read_text() == "smtpx worker 2\\n":
    Path("held").touch()
    while not Path("go").exists():
        time.sleep(0.02)


class Policy:
    def mayConnect(self, session):
        return None


policy = Policy()
"""


class Eager(smtplib.SMTP):
    """Python's client, who comes as soon as the port is open."""

    def _get_socket(self, host: str, port: int, timeout: object) -> socket.socket:
        until = time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                return socket.create_connection((host, port), CLIENT_SECONDS)
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.001)


class StartTests(InteropTestCase):
    """Starts of two workers."""

    def setUp(self) -> None:
        """A folder with a short path."""
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, self.folder)
        self.folder.chmod(0o755)

    def configure(
        self, *listeners: str, top: str = "", state: str = "state", workers: int = 2
    ) -> None:
        """Write a configuration."""
        text = f'name = "{NAME}"\nstate = "{state}"\nworkers = {workers}\n{top}\n'
        text += "".join(f"[[listener]]\n{each}\n" for each in listeners)
        (self.folder / "smtpx.toml").write_text(text)

    def words(self, *options: str) -> list[str]:
        """The command line, with options of twistd."""
        return [TWISTD, *options, "smtpx", "--config", "smtpx.toml"]

    def started(self, *before: str) -> RunningProgram:
        """A server that runs in the foreground."""
        program = RunningProgram(
            self.folder, [*before, *self.words("-n", "--pidfile=")]
        )
        self.running(program)
        program.await_(STARTED)
        return program

    def ended(self, *options: str) -> tuple[int, list[str]]:
        """The status and the lines of a start that fails."""
        done = subprocess.run(
            self.words(*options),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()

    def delivers(self, count: int, state: str = "state") -> None:
        """Wait until there are so many messages in the Maildir."""
        new = self.folder / state / "Maildir" / "new"
        waitFor(lambda: new.is_dir() and len(list(new.iterdir())) == count, "delivery")

    def test_sockets(self) -> None:
        """
        Sockets that systemd hands over, and a UNIX socket of its own, whose file is
        gone at the end: both workers accept there.
        """
        self.configure(
            'endpoint = "systemd:domain=INET:index=0"',
            'endpoint = "systemd:domain=UNIX:name=unix"',
            'endpoint = "unix:own.sock:mode=600"',
        )
        port = freePort()
        server = self.started(
            *(sys.executable, "-m", "tests.interop.activated"),
            *(f"four=127.0.0.1:{port}", "unix=./smtp.sock", "--"),
        )
        self.assertIn("2 workers take mail", server.said())
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        for name in ("smtp.sock", "own.sock"):
            path = str(self.folder / name)
            with UNIXClient(path, 1, "c.example") as client:
                client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.delivers(3)
        server.stop()
        self.assertTrue((self.folder / "smtp.sock").exists())
        self.assertFalse((self.folder / "own.sock").exists())
        self.assertNotIn("\0", server.said())

    def test_nobodyBefore(self) -> None:
        """
        Who can connect is served: no port is open before its server has a room for
        mail and an ear for its operator, be it one process or several.
        """
        control: list[bool] = []

        def connects(port: int, state: str) -> bool:
            with socket.socket() as client:
                client.settimeout(CLIENT_SECONDS)
                if client.connect_ex(("127.0.0.1", port)):
                    return False
                control.append((self.folder / state / "control").exists())
                return client.recv(4) == b"220 "

        for workers in (1, 2):
            state, port = f"state{workers}", freePort()
            self.configure(f"port = {port}", state=state, workers=workers)
            server = RunningProgram(self.folder, self.words("-n", "--pidfile="))
            self.running(server)
            waitFor(partial(connects, port, state), "a greeting")
            server.stop()
        self.assertEqual(control, [True, True])

    def hesitant(self, *listeners: str) -> RunningProgram:
        """A server that starts, and whose worker 2 begins with that, and waits."""
        (self.folder / "hesitant.py").write_text(_HESITANT)
        self.configure(*listeners, top='python_path = ["."]')
        with (self.folder / "smtpx.toml").open("a") as file:
            file.write('[policy]\npython = ["hesitant:policy"]\n')
        server = RunningProgram(self.folder, self.words("-n", "--pidfile="))
        self.running(server)
        waitFor((self.folder / "held").exists, "worker 2 begins")
        return server

    def go(self) -> None:
        """Let worker 2 go on."""
        (self.folder / "go").touch()

    def test_nobodyBeforeAll(self) -> None:
        """
        As long as one worker is not ready, no port is open; who connects to a UNIX
        socket meanwhile is served when all are.
        """
        port = freePort()
        server = self.hesitant(f"port = {port}", 'endpoint = "unix:own.sock"')
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), CLIENT_SECONDS)
        with socket.socket(socket.AF_UNIX) as early:
            early.settimeout(CLIENT_SECONDS)
            early.connect(str(self.folder / "own.sock"))
            self.go()
            self.assertEqual(early.recv(4), b"220 ")
        server.await_(STARTED)
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        self.delivers(1)
        server.stop()

    def test_endedWhileOneWaits(self) -> None:
        """
        Who is told to end while a worker waits for another opens no port; the one that
        waits ends at once.
        """
        port = freePort()
        server = self.hesitant(f"port = {port}")
        [zygote] = childrenOf(server.pid)
        first, second = childrenOf(zygote)
        os.kill(server.pid, signal.SIGTERM)
        waitFor(lambda: not runs(first), "the end of worker 1")
        self.assertTrue(runs(second))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), CLIENT_SECONDS)
        self.go()
        server.await_(re.compile("Server Shut Down"))
        server.stop()
        self.assertFalse(any(runs(each) for each in (zygote, first, second)))
        said = server.said()
        self.assertIn("Cannot start: it was told to end before all workers", said)
        self.assertNotIn("Traceback", said)

    def test_firstClients(self) -> None:
        """Clients that come as soon as the port is open are not all one worker's."""
        port = freePort()
        self.configure(f"port = {port}")
        server = RunningProgram(self.folder, self.words("-n", "--pidfile="))
        self.running(server)
        clients = [
            Eager("127.0.0.1", port, "c.example", CLIENT_SECONDS) for _ in range(10)
        ]
        for client in clients:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
            client.quit()
        self.delivers(10)
        server.stop()
        log = (self.folder / "state" / "main.log").read_text("utf-8")
        found = takers(log.splitlines())
        self.assertEqual((sorted(found), sum(found.values())), ([1, 2], 10), found)

    def test_hangs(self) -> None:
        """A worker that does nothing any more is ended, and has a successor."""
        port = freePort()
        self.configure(f"port = {port}", top='worker_silent_seconds = "6 s"')
        server = self.started()
        [zygote] = childrenOf(server.pid)
        hanging = childrenOf(zygote)[1]
        os.kill(hanging, signal.SIGSTOP)
        server.await_(re.compile(r"Worker 2 takes mail"))
        self.assertIn(f"Worker 2 (process {hanging}) hangs", server.said())
        self.assertFalse(runs(hanging))
        for _ in range(8):
            with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
                client.noop()
        server.stop()

    def test_user(self) -> None:
        """
        A port below 1024 is bound as root; all processes are the user's, who need not
        be able to read the configuration.
        """
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        words = [sys.executable, "-c", "import smtpx"]
        environment = {"PYTHONPATH": str(ROOT)}
        if subprocess.run(words, env=environment, user=USER, check=False).returncode:
            raise SkipTest(f"{USER} cannot run {sys.executable}")
        home = self.folder / "home"
        home.mkdir()
        shutil.chown(home, USER)
        port = lowPort()
        listener = f'port = {port}\naddress = "127.0.0.1"'
        self.configure(listener, top=f'user = "{USER}"', state="home/state")
        (self.folder / "smtpx.toml").chmod(0o600)
        server = self.started()
        [zygote] = childrenOf(server.pid)
        account = pwd.getpwnam(USER)
        groups = os.getgrouplist(USER, account.pw_gid)
        for pid in (server.pid, zygote, *childrenOf(zygote)):
            self.assertEqual(status(pid, "Uid"), [account.pw_uid] * 4)
            self.assertEqual(status(pid, "Gid"), [account.pw_gid] * 4)
            self.assertEqual(status(pid, "Groups"), sorted(groups))
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        self.delivers(1, "home/state")
        server.stop()
        made = [home / "state", *(home / "state").rglob("*")]
        self.assertEqual({each.stat().st_uid for each in made}, {account.pw_uid})

    def test_background(self) -> None:
        """In the background there is a file with the supervisor's process id."""
        port = freePort()
        self.configure(f'port = {port}\naddress = "127.0.0.1"')
        options = ("--pidfile=pid", "--logfile=twistd.log")
        self.assertEqual(self.ended(*options), (0, []))
        log = self.folder / "twistd.log"
        waitFor(lambda: log.exists() and "State is in" in log.read_text(), "start")
        pid = int((self.folder / "pid").read_text())
        self.addCleanup(self.end, pid)
        [zygote] = childrenOf(pid)
        processes = [pid, zygote, *childrenOf(zygote)]
        self.assertEqual(len(processes), 4)
        names = [Path(f"/proc/{each}/comm").read_text() for each in processes[1:]]
        wanted = ["smtpx zygote\n", "smtpx worker 1\n", "smtpx worker 2\n"]
        self.assertEqual(names, wanted)
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        self.delivers(1)
        os.kill(pid, signal.SIGTERM)
        waitFor(lambda: not any(runs(each) for each in processes), "the end")
        self.assertFalse((self.folder / "pid").exists())
        for line in log.read_text().splitlines():
            self.assertRegex(line, r"\A\d{4}-\d\d-\d\dT")

    def end(self, pid: int) -> None:
        """End a server, if it is still there."""
        if runs(pid):
            os.kill(pid, signal.SIGKILL)

    def test_portTaken(self) -> None:
        """A port that somebody has is told in one line, and the status is 1."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.configure(f'port = {port}\naddress = "127.0.0.1"')
            code, lines = self.ended("-n", "--pidfile=")
            self.assertEqual(code, 1)
            [line] = [each for each in lines if "Cannot start" in each]
            self.assertIn(f"127.0.0.1:{port}", line)
            self.assertFalse((self.folder / "state").exists())
            code, lines = self.ended("--pidfile=pid")
            self.assertEqual(code, 1)
            self.assertIn(f"127.0.0.1:{port}", "\n".join(lines))

    def test_workerCannot(self) -> None:
        """What a worker cannot start with is told in one line, and the status is 1."""
        self.configure(f'port = {freePort()}\naddress = "127.0.0.1"')
        folder = self.folder / "state" / "spool"
        folder.mkdir(parents=True)
        (folder / "2").write_text("in the way")
        code, lines = self.ended("-n", "--pidfile=")
        self.assertEqual(code, 1)
        [line] = [each for each in lines if "critical" in each]
        self.assertIn("Cannot start: ", line)
        self.assertIn("spool/2", line)
        self.assertFalse([each for each in lines if "Traceback" in each], lines)

    def test_noInterpreter(self) -> None:
        """
        An interpreter that does not start is told of, and the status is 1.  Where a
        process has a second thread, nothing is forked off it.
        """
        self.configure(f'port = {freePort()}\naddress = "127.0.0.1"')
        (self.folder / "sitecustomize.py").write_text(
            "import sys\n"
            'if sys.orig_argv[-1] == "smtpx.service.workers":\n'
            '    print("nothing works here", file=sys.stderr, flush=True)\n'
            "    import os\n"
            "    os._exit(3)\n"
            "import threading\n"
            "hour = threading.Event().wait, (3600,)\n"
            "threading.Thread(target=hour[0], args=hour[1], daemon=True).start()\n"
        )
        path = os.pathsep.join([str(self.folder), str(ROOT)])
        done = subprocess.run(
            self.words("-n", "--pidfile="),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("Cannot start: the zygote has ended with status 3", done.stdout)
        self.assertIn("nothing works here", done.stdout)

    def test_zygoteDies(self) -> None:
        """
        The first zygote is forked off the supervisor, and has nothing else of it than
        it needs; its successor is a fresh interpreter.  Workers of both take mail.
        """
        port = freePort()
        self.configure(f"port = {port}")
        server = self.started()
        [zygote] = childrenOf(server.pid)
        words = [
            Path(f"/proc/{each}/cmdline").read_bytes() for each in (server.pid, zygote)
        ]
        self.assertEqual(words[0], words[1])
        kept = [os.readlink(each) for each in Path(f"/proc/{zygote}/fd").iterdir()]
        self.assertFalse([each for each in kept if "eventpoll" in each], kept)
        self.assertEqual(len([each for each in kept if "socket" in each]), 3, kept)
        os.kill(zygote, signal.SIGKILL)
        # At no moment is anybody refused.
        until = time.monotonic() + CLIENT_SECONDS
        while "Worker 2 takes mail" not in server.said():
            self.assertLess(time.monotonic(), until)
            socket.create_connection(("127.0.0.1", port), CLIENT_SECONDS).close()
            time.sleep(0.02)
        [successor] = childrenOf(server.pid)
        words = [Path(f"/proc/{successor}/cmdline").read_bytes()]
        self.assertIn(b"smtpx.service.workers", words[0])
        with smtplib.SMTP("127.0.0.1", port, "c.example", CLIENT_SECONDS) as client:
            client.sendmail("ann@c.example", "bob@localhost", MESSAGE)
        self.delivers(1)
        server.stop()
        self.assertNotIn("Traceback", server.said())

    def test_ownPython(self) -> None:
        """
        What the configuration names in Python is imported by each worker by itself, and
        for the check by a child; what it keeps is not what all have from a fork.
        """
        (self.folder / "hours.py").write_text(
            "import os\n"
            'with open("imported", "a") as file:\n'
            "    print(os.getpid(), file=file)\n"
            "class Hours:\n"
            "    def mayConnect(self, session):\n"
            "        return None\n"
            "policy = Hours()\n"
        )
        port = freePort()
        self.configure(f"port = {port}", top='python_path = ["."]')
        with (self.folder / "smtpx.toml").open("a") as file:
            file.write('[policy]\npython = ["hours:policy"]\n')
        server = self.started()
        [zygote] = childrenOf(server.pid)
        workers = childrenOf(zygote)
        pids = [int(each) for each in (self.folder / "imported").read_text().split()]
        self.assertEqual(sorted(pids[1:]), sorted(workers))
        self.assertNotIn(pids[0], [server.pid, zygote, *workers])
        server.stop()

    def test_endedWhileItStarts(self) -> None:
        """A server that is told to end while it starts leaves no process behind."""
        self.configure(f'port = {freePort()}\naddress = "127.0.0.1"')
        program = RunningProgram(self.folder, self.words("-n", "--pidfile="))
        self.addCleanup(program.kill)
        program.await_(re.compile("smtpx starting on"))
        waitFor(lambda: bool(childrenOf(program.pid)), "a zygote")
        [zygote] = childrenOf(program.pid)
        program.stop()
        waitFor(lambda: not runs(zygote), "its end")
        self.assertNotIn("Traceback", program.said())
