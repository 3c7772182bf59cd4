"""
The server under test: C{twistd -n smtpx} as a process of its own, in a folder of
its own, on ports that the system has chosen.

Nothing here waits longer than a limit.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from attrs import frozen

import smtpx

ROOT = Path(smtpx.__file__).parent.parent

#: How long a server may take to start or to stop, and mail to be delivered.
PATIENCE_SECONDS = 120.0

#: What the server calls itself.
NAME = "mx.example.org"

_CONFIGURATION = """\
state = "state"

[[listener]]
port = 0
address = "127.0.0.1"

[[listener]]
port = 0
address = "127.0.0.1"
tls = "implicit"

"""

_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+) \((STARTTLS|implicit TLS)\)")
_WORKERS = re.compile(r"\d+ workers take mail \(processes ([\d, ]+)\)")
_SUCCESSORS = re.compile(r"Worker (\d+) takes mail \(process (\d+)\)")
_STARTED = re.compile(r"State is in ")

#: What final delivery and the server put above a message.
_ABOVE = re.compile(
    rb"Return-Path: <(?P<sender>[^\r\n]*)>\r\n"
    rb"(?:X-Original-To: (?P<original>[^\r\n]*)\r\n)?"
    rb"Delivered-To: (?P<recipient>[^\r\n]*)\r\n"
    rb"(?P<verdicts>(?:(?:Received-SPF|X-SPF-Guess|Authentication-Results):"
    rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*)"
    rb"(?P<received>Received: (?:from|by) [^;]*;\r\n\t[^\r\n]*\r\n)"
)


@frozen
class Delivered:
    """
    A message as it lies in a Maildir.

    @ivar sender: of the envelope.
    @ivar recipient: of the envelope.
    @ivar received: our Received field, whole.
    @ivar octets: the message as it was sent to us.
    @ivar original: the address that the client gave, where an alias led from it to
        the recipient; L{None}: none did.
    @ivar verdicts: our fields above that, which tell what was found out of it.
    """

    sender: bytes
    recipient: bytes
    received: bytes
    octets: bytes
    original: bytes | None = None
    verdicts: bytes = b""

    @classmethod
    def read(cls, path: Path) -> Delivered:
        """
        Take the file of a Maildir apart.

        @raise ValueError: the fields that we put above a message are not there.
        """
        whole = path.read_bytes()
        above = _ABOVE.match(whole)
        if above is None:
            raise ValueError(f"{path.name} begins with {whole[:200]!r}")
        sender, original, recipient, verdicts, received = above.groups()
        rest = whole[above.end() :]
        return cls(sender, recipient, received, rest, original, verdicts)


def waitFor(
    found: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """
    Look again and again until C{found} is true.

    @raise AssertionError: it never was.
    """
    until = time.monotonic() + seconds
    while not found():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.02)


#: Where we look for free ports: below those that the system gives to who asks for any
#: and to clients (32768 and up), so that none of these takes one between our look and
#: its use.
_FIRST_PORT, _PORTS = 20_000, 12_000

#: Tests may run in several processes at once: each begins at a place of its own.
_places = itertools.count(os.getpid() * 997)


def freePort(address: str = "127.0.0.1") -> int:
    """
    A port that nobody has now, and that this process has not got from here before.

    @raise AssertionError: all are taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for place in itertools.islice(_places, _PORTS):
        port = _FIRST_PORT + place % _PORTS
        with socket.socket(family) as taken:
            try:
                taken.bind((address, port))
            except OSError:
                continue
        return port
    raise AssertionError(f"no port is free at {address}")


def removeFolder(folder: Path) -> None:
    """
    Take a folder away, into which a program that was ended may still write its last.
    Does nothing if it is not there.
    """

    def gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    waitFor(gone, f"{folder} is removed")


def unread(port: int) -> int:
    """
    How many octets are on their way to a port of this machine, by IPv4, and were not
    read there, be their connections accepted or not.
    """
    lines = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    found = 0
    for _, own, other, state, queues, *_ in map(str.split, lines):
        leaving, come = (int(each, 16) for each in queues.split(":"))
        # Of those that listen it is connections that wait.
        if int(own.rpartition(":")[2], 16) == port and state != "0A":
            found += come
        elif int(other.rpartition(":")[2], 16) == port:
            found += leaving
    return found


def childrenOf(pid: int) -> list[int]:
    """The processes that a process has made, by age."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(each) for each in text.split()]


def runs(pid: int) -> bool:
    """Is there such a process, and is it more than its remains?"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii")
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class RunningProgram:
    """
    A Python program that listens, in a process of its own.

    @ivar folder: where it runs.
    @ivar pid: of its process.
    """

    def __init__(
        self,
        folder: Path,
        words: list[str],
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """
        @param folder: which there is.
        @param words: its command.
        @param environment: more of what it finds in its environment.
        """
        self.folder = folder
        # It finds what the tests that run have been imported from.
        inherited = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._stopped = False
        self._said = folder / "said.log"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                words,
                cwd=folder,
                env={**inherited, **environment},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                # What runs the tests may ignore it (nohup does), and that would be
                # inherited: a server respects it.
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )
        self.pid = self._process.pid

    def said(self) -> str:
        """All that it has printed."""
        return self._said.read_text("utf-8", "replace")

    def await_(self, pattern: re.Pattern[str]) -> None:
        """
        Wait until it has printed something.

        @raise AssertionError: it never did, or it has ended.
        """

        def found() -> bool:
            ended = self._process.poll() is not None
            if pattern.search(self.said()):
                return True
            assert not ended, f"it has ended:\n{self.said()}"
            return False

        try:
            waitFor(found, f"{pattern.pattern!r} in what it says")
        except AssertionError:
            self.kill()
            raise

    def stop(self) -> None:
        """
        End it as an operator does, by SIGTERM.  Does nothing if it was stopped.

        @raise AssertionError: it did not end, or not as it should.
        """
        if self._stopped:
            return
        self._stopped = True
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it did not end at SIGTERM") from None
        # Once all is put away, twistd ends by the signal that it was sent.
        status = self._process.returncode
        assert status in (0, -signal.SIGTERM), f"it ended with {status}"

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Let it do nothing meanwhile; what comes in waits in the kernel."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once.  Does nothing if it has ended."""
        self._stopped = True
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """
        Take away what it leaves outside of the folders of the tests: nothing, but for
        those that say otherwise.  Does nothing if it is gone.
        """

    # --- memory ---------------------------------------------------------------

    def residentOctets(self) -> int:
        """How much memory it has now."""
        return self._memory("VmRSS")

    def peakOctets(self) -> int:
        """The most memory it has had since L{forgetPeak}."""
        return self._memory("VmHWM")

    def forgetPeak(self) -> None:
        """Begin to look for the peak anew (proc(5), C{clear_refs})."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory(self, field: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None, status
        return int(found[1]) << 10


class RunningServer(RunningProgram):
    """
    C{twistd -n smtpx} on the loopback.

    @ivar port: where it listens, with STARTTLS.
    @ivar tlsPort: where it listens for implicit TLS.
    """

    def __init__(
        self,
        folder: Path,
        configuration: str = "",
        name: str = NAME,
        workers: int = 1,
    ) -> None:
        """
        Start it, and wait until it listens.

        @param folder: is made, unless another server has left it.
        @param configuration: tables, in TOML, behind the name and the listeners.
        @param name: what it calls itself.
        @param workers: how many.
        @raise AssertionError: it does not start.
        """
        folder.mkdir(parents=True, exist_ok=True)
        top = f'name = "{name}"\nworkers = {workers}\n'
        # Tests halt workers, and the machine may be slow.
        top += 'worker_silent_seconds = "1 h"\n'
        text = f"{top}{_CONFIGURATION}{configuration}"
        (folder / "smtpx.toml").write_text(text, "utf-8")
        twistd = Path(sys.executable).with_name("twistd")
        words = ["-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        super().__init__(folder, [str(twistd), *words])
        self.await_(_STARTED)
        ports = {kind: int(port) for port, kind in _LISTENING.findall(self.said())}
        self.port = ports["STARTTLS"]
        self.tlsPort = ports["implicit TLS"]

    def numbered(self) -> dict[int, int]:
        """The process ids of the workers that take mail now, by their numbers."""
        said = self.said()
        first = _WORKERS.findall(said)[-1]
        found = dict(enumerate(map(int, first.split(", ")), 1))
        for number, pid in _SUCCESSORS.findall(said):
            found[int(number)] = int(pid)
        return found

    @contextmanager
    def onlyWorker(self, number: int) -> Iterator[None]:
        """Let all workers but one do nothing meanwhile: who comes, comes to that."""
        others = [pid for each, pid in self.numbered().items() if each != number]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    @property
    def zygote(self) -> int:
        """The process that forks its workers."""
        [found] = childrenOf(self.pid)
        return found

    @property
    def workers(self) -> list[int]:
        """The processes of its workers, by age."""
        return childrenOf(self.zygote)

    @property
    def authority(self) -> Path:
        """The certificate of the small CA that it has made."""
        return self.folder / "state" / "tls" / "ca.pem"

    def addUser(self, user: str, password: str) -> None:
        """Make a user, by C{smtpx passwd}."""
        program = str(Path(sys.executable).with_name("smtpx"))
        options = ["--stdin", "--file", "state/users", "--iterations", "4096"]
        subprocess.run(
            [program, "passwd", *options, user],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=password + "\n",
            text=True,
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )

    def mainLog(self) -> list[str]:
        """The lines of its main log."""
        return (self.folder / "state" / "main.log").read_text("utf-8").splitlines()

    def accepted(self) -> list[str]:
        """
        Stop it, and then look what it has taken.

        @return: the C{<=} lines of its main log.
        """
        self.stop()
        return [line for line in self.mainLog() if " <= " in line]

    def messages(self) -> list[Delivered]:
        """All that lies in its Maildir, by recipient and time."""
        found = (self.folder / "state" / "Maildir" / "new").glob("*")
        read = [Delivered.read(path) for path in sorted(found)]
        return sorted(read, key=lambda message: message.recipient)

    def delivered(self, count: int) -> list[Delivered]:
        """
        Wait until there are so many messages in its Maildir.

        @return: all that are there.
        @raise AssertionError: there never were as many, or there are more.
        """
        new = self.folder / "state" / "Maildir" / "new"

        def there() -> int:
            return len(os.listdir(new)) if new.is_dir() else 0

        waitFor(lambda: there() >= count, f"{count} messages in the Maildir")
        messages = self.messages()
        assert len(messages) == count, f"{len(messages)} messages, not {count}"
        return messages
