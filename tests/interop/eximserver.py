"""
Exim as a server: a private configuration on the loopback, no special rights.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .exim import findAccount, findExim
from .running import PATIENCE_SECONDS, freePort, removeFolder, waitFor

_CONFIGURATION = """\
primary_hostname = mx.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
exim_path = {program}
exim_user = {uid}
exim_group = {gid}
deliver_drop_privilege
disable_ipv6
keep_environment =
add_environment =
timezone = UTC
message_size_limit = 50M
log_selector = {selectors}
acl_smtp_rcpt = recipient
acl_smtp_mail = accept
acl_smtp_data = accept
received_header_text =
auth_advertise_hosts = *
pipelining_connect_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/key.pem
tls_try_verify_hosts = *
tls_verify_certificates = {folder}/ca.pem
{options}

begin acl
prdr:
  deny message = Too much for full
       local_parts = full
  defer message = Too much for now
       local_parts = later
  accept

recipient:
  deny message = No such user
       local_parts = eve
  accept

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth2:$auth3}}{{ann:{password}}}}}
  server_set_id = $auth2

begin routers
all:
  driver = accept
  transport = files

begin transports
files:
  driver = appendfile
  directory = {folder}/box
  maildir_format
  use_crlf
  envelope_to_add
"""


#: The longest that is waited for the ends of Exim's processes, in seconds.
_LINGERING_SECONDS = 20.0


def membersOf(group: int) -> int:
    """How many processes there are in a group."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text("ascii", "replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _, its, *_ = text.rpartition(")")[2].split()
        found += int(its) == group and state not in "ZX"
    return found


class EximServer:
    """
    An Exim that takes mail for anybody but C{eve}, and from C{ann} who logs in.

    @ivar folder: where it has its files.
    @ivar port: where it listens.
    """

    def __init__(
        self,
        tls: Path,
        selectors: str,
        password: str,
        address: str = "127.0.0.1",
        options: Sequence[str] = (),
        tlsPort: int | None = None,
    ) -> None:
        """
        Start it, and wait until it listens.

        @param tls: a folder with C{certificate.pem}, C{key.pem} and C{ca.pem}.
        @param selectors: what it logs.
        @param password: of C{ann}.
        @param address: where it listens.
        @param options: more of the main part of its configuration, a line each;
            there is an ACL C{prdr}, which has nothing for C{full} ever, and nothing
            for C{later} now.
        @param tlsPort: where it listens for implicit TLS as well; L{None}: nowhere.
        @raise SkipTest: there is no Exim.
        """
        program, user = findExim(), findAccount()
        # Not in the folder of the tests, which Exim's user need not be able to see.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-exim-"))
        self.folder.chmod(0o755)
        places = [self.folder / "spool", self.folder / "log"]
        for place in places:
            place.mkdir()
        for name in ("certificate.pem", "key.pem", "ca.pem"):
            places.append(self.folder / name)
            shutil.copy(tls / name, self.folder / name)
            (self.folder / name).chmod(0o600)
        if os.getuid() == 0:
            for place in (self.folder, *places):
                os.chown(place, user.pw_uid, user.pw_gid)
        self.port = freePort()
        listens = f"{address}.{self.port}"
        if tlsPort is not None:
            listens += f" : {address}.{tlsPort}"
            options = [*options, f"tls_on_connect_ports = {tlsPort}"]
        configuration = self.folder / "exim.conf"
        text = _CONFIGURATION.format(
            folder=self.folder,
            program=program,
            uid=user.pw_uid,
            gid=user.pw_gid,
            selectors=selectors,
            password=password,
            options="\n".join(options),
        )
        configuration.write_text(text, "ascii")
        root = os.getuid() == 0
        with (self.folder / "said.log").open("wb") as said:
            self._process = subprocess.Popen(
                [program, "-C", configuration, "-bdf", "-oX", listens],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                user=user.pw_uid if root else None,
                group=user.pw_gid if root else None,
                extra_groups=[] if root else None,
                # Its processes of connections outlive it, and would make its folder
                # anew to write their last lines.
                start_new_session=True,
            )
        waitFor(self._listens, "Exim listens")

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError((self.folder / "said.log").read_text())
        log = self.folder / "log" / "mainlog"
        return log.exists() and "listening for SMTP" in log.read_text()

    def _gone(self) -> bool:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return True
        return False

    def log(self) -> str:
        """Its main log."""
        return (self.folder / "log" / "mainlog").read_text("utf-8", "replace")

    def reconfigure(self, before: str, after: str) -> None:
        """
        Change its configuration, and have it read that.

        @param before: what stands there now.
        @param after: what is to stand there instead.
        """
        path = self.folder / "exim.conf"
        text = path.read_text("ascii")
        assert before in text, before
        path.write_text(text.replace(before, after), "ascii")
        count = self.log().count("listening for SMTP")
        self._process.send_signal(signal.SIGHUP)
        waitFor(
            lambda: self.log().count("listening for SMTP") > count,
            "Exim listens again",
        )

    def messages(self) -> dict[bytes, bytes]:
        """What it has taken, by recipient."""
        found: dict[bytes, bytes] = {}
        for path in (self.folder / "box" / "new").glob("*"):
            above, _, octets = path.read_bytes().partition(b"\r\n")
            assert above.startswith(b"Envelope-to: "), above
            found[above.removeprefix(b"Envelope-to: ")] = octets
        return found

    def awaitIdle(self, count: int) -> None:
        """Wait until so many messages are delivered."""
        waitFor(lambda: self.log().count(" Completed") >= count, "deliveries")
        # What it says of a connection comes when its process ends; where a connection
        # is kept for later that may be long after.
        until = time.monotonic() + _LINGERING_SECONDS
        while membersOf(self._process.pid) > 1 and time.monotonic() < until:
            time.sleep(0.02)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Let it take nobody in meanwhile; who comes waits in the kernel."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove all its files."""
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        waitFor(self._gone, "Exim's processes have ended")
        removeFolder(self.folder)
