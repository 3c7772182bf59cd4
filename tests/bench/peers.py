"""
Servers to be measured: ours, and the peers beside it.

Each is started in a folder of its own on a port of loopback, in one of two modes:
I{sink} takes messages and throws them away; I{durable} answers 250 when the
message is on the disk, and delivers nothing.  A peer that is not installed says
so (L{Missing}).  Needs root for Exim and Postfix, which change to users of their
own.
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
from pathlib import Path

from attrs import define, field, frozen

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_START_SECONDS = 15.0


class Missing(Exception):
    """A peer is not installed; the message has its name."""


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
    @ivar start: starts it, given a folder, a port and whether it is to be
        durable; raises L{Missing}.
    """

    name: str
    start: Callable[[Path, int, bool], Running] = field(repr=False)


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


def _program(*names: str) -> str:
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

[[listener]]
address = "127.0.0.1"
port = {port}
tls = "none"

[local]
domains = ["*"]

[[route]]
match = ["*"]
transport = "hold"

[limits]
connections_per_address = 100000
connections_per_network = 100000
"""


def _smtpx(folder: Path, port: int, durable: bool) -> Running:
    env = {"PYTHONPATH": str(_ROOT)}
    if durable:
        (folder / "smtpx.toml").write_text(_CONFIGURATION.format(port=port))
        command = ["-m", "twisted", "smtpx", "--config", "smtpx.toml"]
    else:
        command = [str(_HERE / "sink.py"), str(port)]
    process = _spawn(folder, sys.executable, *command, env=env)
    return _ready(Running("smtpx", port, process), folder)


def _floor(folder: Path, port: int, durable: bool) -> Running:
    if durable:
        raise Missing("floor")
    env = {"PYTHONPATH": str(_ROOT)}
    script = str(_HERE / "floor.py")
    process = _spawn(folder, sys.executable, script, str(port), env=env)
    return _ready(Running("floor", port, process), folder)


# --- peers ---------------------------------------------------------------------


def _twistedMail(folder: Path, port: int, durable: bool) -> Running:
    mode = "durable" if durable else "sink"
    script = str(_HERE / "twistedmail.py")
    process = _spawn(folder, sys.executable, script, mode, str(port), str(folder))
    return _ready(Running("twisted.mail", port, process), folder)


def _smtpServer(folder: Path, port: int, durable: bool) -> Running:
    node = _program("node")
    modules = os.environ.get("NODE_PATH", "")
    if not any((Path(each) / "smtp-server").is_dir() for each in modules.split(":")):
        raise Missing("smtp-server")
    mode = "durable" if durable else "sink"
    script = str(_HERE / "smtpserver.js")
    process = _spawn(folder, node, script, mode, str(port), str(folder))
    return _ready(Running("smtp-server", port, process), folder)


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
 driver = accept
 transport = t
begin transports
t:
 driver = appendfile
 file = /dev/null
begin retry
* * F,1h,10m
"""


def _exim(folder: Path, port: int, durable: bool) -> Running:
    exim = os.environ.get("EXIM") or _program("exim4", "exim")
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
            port=port,
            exim=exim,
            queue=str(durable).lower(),
            acl="accept" if durable else "discard",
        )
    )
    path.chmod(0o644)
    trusted = Path("/etc/exim4/trusted_configs")
    trusted.parent.mkdir(exist_ok=True)
    known = trusted.read_text() if trusted.exists() else ""
    if str(path) not in known.splitlines():
        trusted.write_text(f"{known}{path}\n")
    process = _spawn(folder, exim, "-C", str(path), "-bdf")
    return _ready(Running("exim", port, process), folder)


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


def _postfix(folder: Path, port: int, durable: bool) -> Running:
    postfix = _program("postfix")
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
                words[0] = f"127.0.0.1:{port}"
            line = " ".join(words)
        lines.append(line)
    lines.append("postlog unix-dgram n - n - 1 postlogd")
    (folder / "etc" / "master.cf").write_text("\n".join(lines) + "\n")
    action = "HOLD" if durable else "DISCARD"
    (folder / "etc" / "main.cf").write_text(
        _POSTFIX.format(folder=folder, action=action)
    )
    command = [postfix, "-c", str(folder / "etc")]
    _spawn(folder, *command, "check").wait(30)
    process = _spawn(folder, *command, "start-fg")

    def stop() -> None:
        _spawn(folder, *command, "stop").wait(30)

    return _ready(Running("postfix", port, process, stop), folder)


def _copy(source: Path, folder: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, folder / source.name)
    else:
        shutil.copy(source, folder)


SMTPX = Peer("smtpx", _smtpx)
PEERS = {
    peer.name: peer
    for peer in (
        SMTPX,
        Peer("floor", _floor),
        Peer("twisted.mail", _twistedMail),
        Peer("smtp-server", _smtpServer),
        Peer("exim", _exim),
        Peer("postfix", _postfix),
    )
}


def startAll(
    names: Sequence[str], folder: Path, port: int, durable: bool
) -> tuple[list[Running], list[str]]:
    """
    Start servers side by side.

    @return: those that run, and the names of those that are missing.
    """
    running: list[Running] = []
    missing: list[str] = []
    for index, name in enumerate(names):
        place = folder / f"{name}-{'durable' if durable else 'sink'}"
        place.mkdir(mode=0o755)
        try:
            running.append(PEERS[name].start(place, port + index, durable))
        except Missing as reason:
            missing.append(str(reason))
    return running, missing
