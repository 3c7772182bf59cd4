"""
Servers to be measured: ours, and the peers beside it.

Each is started in a folder of its own on a port of loopback, in one of three modes
(L{Mode}).  A peer that is not installed says so (L{Missing}).  Needs root for Exim and
Postfix, which change to users of their own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from attrs import define, field, frozen

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_START_SECONDS = 15.0


class Missing(Exception):
    """A peer is not installed, or has no such mode; the message has its name."""


class Mode(Enum):
    """
    What a server is to do.

    @cvar SINK: take messages and throw them away.
    @cvar DURABLE: answer 250 when the message is on the disk, and deliver nothing.
    @cvar RELAY: the same, and send it on to a port of this host.
    """

    SINK = "sink"
    DURABLE = "durable"
    RELAY = "relay"


@frozen
class Job:
    """
    What a server is started for.

    @ivar folder: its own.
    @ivar port: where it is to listen, on 127.0.0.1.
    @ivar next: to which port it is to send, in mode RELAY.
    """

    folder: Path
    port: int
    mode: Mode
    next: int = 0


@define
class Running:
    """
    A server that runs.

    @ivar name: what it is.
    @ivar port: where, on 127.0.0.1.
    """

    name: str
    port: int
    _process: subprocess.Popen[bytes]
    _stop: Callable[[], None] | None = None
    _roots: Callable[[], list[int]] | None = None

    def pids(self) -> list[int]:
        """All processes of it."""
        roots = [self._process.pid] if self._roots is None else self._roots()
        found, todo = [], list(roots)
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            except OSError:
                continue
            todo += [int(word) for word in text.split()]
        return found

    def cpuSeconds(self) -> float:
        """User and system time of all its processes that still run."""
        ticks = 0
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            words = text.rpartition(")")[2].split()
            ticks += sum(int(word) for word in words[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def residentKilobytes(self) -> int:
        """The resident memory of all its processes."""
        pages = 0
        for pid in self.pids():
            try:
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self._stop is not None:
            self._stop()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@frozen
class Peer:
    """
    A kind of server.

    @ivar name: its name.
    @ivar start: starts it; raises L{Missing}.
    """

    name: str
    start: Callable[[Job], Running] = field(repr=False)


def _spawn(
    folder: Path, *command: str, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with open(folder / "output", "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=None if env is None else {**os.environ, **env},
        )


def _ready(running: Running, folder: Path) -> Running:
    """
    Wait until it greets.

    @raise RuntimeError: it does not.
    """
    last = time.monotonic() + _START_SECONDS
    while time.monotonic() < last:
        try:
            with socket.create_connection(("127.0.0.1", running.port), 1) as found:
                if found.recv(3) == b"220":
                    return running
        except OSError:
            pass
        time.sleep(0.1)
    running.stop()
    said = (folder / "output").read_text(errors="replace")[-500:]
    raise RuntimeError(f"{running.name} did not start: {said}")


def findProgram(*names: str) -> str:
    """
    Where a program is, under the first of its names that there is.

    @raise Missing: nowhere.
    """
    for name in names:
        for folder in (*os.get_exec_path(), "/usr/sbin", "/sbin"):
            path = shutil.which(name, path=folder)
            if path is not None:
                return path
    raise Missing(names[0])


# --- smtpx ---------------------------------------------------------------------


_CONFIGURATION = """
name = "peer.test"
state = "state"
workers = {workers}

[[listener]]
address = "127.0.0.1"
port = {port}
tls = "none"

[local]
domains = ["*"]

[[route]]
match = ["*"]
{route}

[limits]
connections_per_address = 100000
connections_per_network = 100000
"""


#: How messages leave, by mode.
_ROUTES = {
    Mode.DURABLE: 'transport = "hold"',
    Mode.RELAY: 'transport = "smtp"\nhosts = ["[127.0.0.1]:{next}"]\ntls = "unwanted"',
}


def _smtpx(job: Job, workers: int = 1) -> Running:
    env = {"PYTHONPATH": str(_ROOT)}
    if job.mode is Mode.SINK:
        command = [str(_HERE / "sink.py"), str(job.port)]
    else:
        route = _ROUTES[job.mode].format(next=job.next)
        text = _CONFIGURATION.format(port=job.port, route=route, workers=workers)
        (job.folder / "smtpx.toml").write_text(text)
        command = ["-m", "twisted", "smtpx", "--config", "smtpx.toml"]
    process = _spawn(job.folder, sys.executable, *command, env=env)
    name = SMTPX.name if workers == 1 else WORKERS.name
    return _ready(Running(name, job.port, process), job.folder)


def _workers(job: Job) -> Running:
    """A worker for each processor."""
    return _smtpx(job, os.cpu_count() or 1)


def _floor(job: Job) -> Running:
    if job.mode is not Mode.SINK:
        raise Missing("floor")
    env = {"PYTHONPATH": str(_ROOT)}
    script = str(_HERE / "floor.py")
    process = _spawn(job.folder, sys.executable, script, str(job.port), env=env)
    return _ready(Running("floor", job.port, process), job.folder)


# --- peers ---------------------------------------------------------------------


def _twistedMail(job: Job) -> Running:
    if job.mode is Mode.RELAY:
        raise Missing("twisted.mail")
    words = (job.mode.value, str(job.port), str(job.folder))
    script = str(_HERE / "twistedmail.py")
    process = _spawn(job.folder, sys.executable, script, *words)
    return _ready(Running("twisted.mail", job.port, process), job.folder)


def _smtpServer(job: Job) -> Running:
    if job.mode is Mode.RELAY:
        raise Missing("smtp-server")
    node = findProgram("node")
    modules = os.environ.get("NODE_PATH", "")
    if not any((Path(each) / "smtp-server").is_dir() for each in modules.split(":")):
        raise Missing("smtp-server")
    words = (job.mode.value, str(job.port), str(job.folder))
    script = str(_HERE / "smtpserver.js")
    process = _spawn(job.folder, node, script, *words)
    return _ready(Running("smtp-server", job.port, process), job.folder)


_EXIM = """
primary_hostname = peer.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = <; 127.0.0.1
daemon_smtp_ports = {port}
keep_environment =
exim_path = {exim}
host_lookup =
rfc1413_hosts =
smtp_accept_max = 5000
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_accept_reserve = 0
smtp_connect_backlog = 1024
message_size_limit = 50M
split_spool_directory = true
remote_max_parallel = 2
queue_only = {queue}
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
tls_advertise_hosts =
begin acl
acl_rcpt:
 accept
acl_data:
 {acl}
begin routers
r:
 driver = manualroute
 transport = t
 route_list = * 127.0.0.1::{next} byname
 self = send
begin transports
t:
 driver = smtp
 allow_localhost
 hosts_try_fastopen =
 hosts_avoid_tls = *
begin retry
* * F,1h,10m
"""


def _exim(job: Job) -> Running:
    folder = job.folder
    exim = os.environ.get("EXIM") or findProgram("exim4", "exim")
    try:
        user = pwd.getpwnam("Debian-exim")
    except KeyError:
        raise Missing("exim") from None
    for each in (folder, folder / "spool", folder / "log"):
        each.mkdir(exist_ok=True)
        os.chown(each, user.pw_uid, user.pw_gid)
    path = folder / "exim.conf"
    path.write_text(
        _EXIM.format(
            folder=folder,
            port=job.port,
            next=job.next,
            exim=exim,
            queue=str(job.mode is Mode.DURABLE).lower(),
            acl="discard" if job.mode is Mode.SINK else "accept",
        )
    )
    path.chmod(0o644)
    trusted = Path("/etc/exim4/trusted_configs")
    trusted.parent.mkdir(exist_ok=True)
    known = trusted.read_text() if trusted.exists() else ""
    if str(path) not in known.splitlines():
        trusted.write_text(f"{known}{path}\n")
    process = _spawn(folder, exim, "-C", str(path), "-bdf")
    return _ready(Running("exim", job.port, process), folder)


_POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = peer.test
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{next}
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = check_recipient_access static:{action}, permit_mynetworks
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
alias_maps =
alias_database =
local_recipient_maps =
default_process_limit = 1100
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
message_size_limit = 51200000
mailbox_size_limit = 0
in_flow_delay = 0
smtpd_tls_security_level = none
smtputf8_enable = no
local_header_rewrite_clients =
smtpd_client_event_limit_exceptions = static:all
"""


#: What becomes of messages, by mode.
_ACTIONS = {Mode.SINK: "DISCARD", Mode.DURABLE: "HOLD", Mode.RELAY: "DUNNO"}


def _postfix(job: Job) -> Running:
    folder = job.folder
    postfix = findProgram("postfix")
    try:
        user = pwd.getpwnam("postfix")
    except KeyError:
        raise Missing("postfix") from None
    for each in ("etc", "queue", "data"):
        (folder / each).mkdir()
    os.chown(folder / "data", user.pw_uid, user.pw_gid)
    for source in Path("/etc/postfix").glob("postfix-files*"):
        _copy(source, folder / "etc")
    for source in Path("/etc/postfix").glob("dynamicmaps.cf*"):
        _copy(source, folder / "etc")
    lines = []
    for line in Path("/etc/postfix/master.cf.proto").read_text().splitlines():
        words = line.split()
        if line[:1].isalpha() and len(words) > 7:
            words[4] = "n"  # no chroot: the queue's folder has no etc
            if words[:2] == ["smtp", "inet"]:
                words[0] = f"127.0.0.1:{job.port}"
            line = " ".join(words)
        lines.append(line)
    lines.append("postlog unix-dgram n - n - 1 postlogd")
    (folder / "etc" / "master.cf").write_text("\n".join(lines) + "\n")
    text = _POSTFIX.format(
        folder=folder, action=_ACTIONS[job.mode], next=job.next or 25
    )
    (folder / "etc" / "main.cf").write_text(text)
    command = [postfix, "-c", str(folder / "etc")]
    _spawn(folder, *command, "check").wait(30)
    process = _spawn(folder, *command, "start-fg")

    def stop() -> None:
        _spawn(folder, *command, "stop").wait(30)

    return _ready(Running("postfix", job.port, process, stop), folder)


def _copy(source: Path, folder: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, folder / source.name)
    else:
        shutil.copy(source, folder)


SMTPX = Peer("smtpx", _smtpx)
WORKERS = Peer("smtpx-workers", _workers)
PEERS = {
    peer.name: peer
    for peer in (
        SMTPX,
        WORKERS,
        Peer("floor", _floor),
        Peer("twisted.mail", _twistedMail),
        Peer("smtp-server", _smtpServer),
        Peer("exim", _exim),
        Peer("postfix", _postfix),
    )
}


def startAll(
    names: Sequence[str], folder: Path, port: int, mode: Mode, next: int = 0
) -> tuple[list[Running], list[str]]:
    """
    Start servers side by side.

    @param port: the first one's; the others' follow.
    @param next: to which port they send, in mode RELAY.
    @return: those that run, and the names of those that are missing.
    """
    running: list[Running] = []
    missing: list[str] = []
    for index, name in enumerate(names):
        place = folder / f"{name}-{mode.value}"
        place.mkdir(mode=0o755)
        try:
            running.append(PEERS[name].start(Job(place, port + index, mode, next)))
        except Missing as reason:
            missing.append(str(reason))
    return running, missing
