"""
Exim as a client: a private configuration, no daemon, no special rights.

Exim gives up its privileges where its configuration is not the system's, and
runs as whoever called it.  It will not deliver as root, so root calls it as
Exim's own user.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import CLIENT_SECONDS, findPeer
from .running import removeFolder

#: Whom Exim is built to run as, and what Debian calls it.
USERS = ("exim", "Debian-exim", "mail")

_CONFIGURATION = """\
primary_hostname = client.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
exim_path = {program}
exim_user = {uid}
exim_group = {gid}
deliver_drop_privilege
disable_ipv6
keep_environment =
add_environment =
log_selector = {selectors}
{main}

begin routers
smtpx:
  driver = manualroute
  transport = smtpx
  route_list = * {host}::{port} byname
  self = send

begin transports
smtpx:
  driver = smtp
  allow_localhost
  hosts_try_dane =
{options}

begin retry
* * F,1h,10m
"""


class EximClient:
    """
    An Exim that sends everything to one port of this host.

    @ivar folder: where it has its files.
    """

    def __init__(
        self,
        port: int,
        options: Sequence[str] = (),
        authority: Path | None = None,
        selectors: str = "+pipelining +tls_cipher +smtp_confirmation",
        host: str = "localhost",
        bare: bool = False,
        main: Sequence[str] = (),
    ) -> None:
        """
        @param options: of its smtp transport, a line each.
        @param authority: whom it trusts, and then sends nothing without TLS;
            L{None}: it sends in the clear.
        @param selectors: what it logs.
        @param host: whose port it is.
        @param bare: is nothing said of TLS but by C{options}?
        @param main: more of the main part of its configuration, a line each.
        @raise SkipTest: there is no Exim.
        """
        self._program = findExim()
        account = findAccount()
        # Not in the folder of the tests, which Exim's user need not be able to see.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-exim-"))
        self.folder.chmod(0o755)
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
            if os.getuid() == 0:
                os.chown(self.folder / name, account.pw_uid, account.pw_gid)
        self._configuration = self.folder / "exim.conf"
        if not any(option.startswith("hosts_try_prdr") for option in options):
            options = ["hosts_try_prdr =", *options]
        if bare:
            pass
        elif authority is None:
            options = ["hosts_avoid_tls = *", *options]
        else:
            # Where its user can read it.
            copy = self.folder / "ca.pem"
            shutil.copy(authority, copy)
            copy.chmod(0o644)
            secured = ["hosts_require_tls = *", "tls_verify_hosts = *"]
            options = [*secured, f"tls_verify_certificates = {copy}", *options]
        text = _CONFIGURATION.format(
            folder=self.folder,
            program=self._program,
            uid=account.pw_uid,
            gid=account.pw_gid,
            port=port,
            host=host,
            selectors=selectors,
            options="\n".join(f"  {option}" for option in options),
            main="\n".join(main),
        )
        self._configuration.write_text(text, "ascii")
        self._account = account

    def send(self, recipient: str, message: bytes) -> None:
        """
        Have it take a message, and deliver it before this returns.

        @param recipient: or several, with spaces between.
        @param message: with LF line ends, as programs give it.
        """
        words = ["-odf", "-oi", "-f", "ann@client.example", *recipient.split()]
        self._call(words, message)

    def talk(self, *commands: str) -> str:
        """
        Talk SMTP with it; what it takes, it delivers before this returns.

        @param commands: lines of the client, and of messages.
        @return: what it said.
        """
        said = "".join(f"{line}\r\n" for line in (*commands, "QUIT"))
        return self._call(["-odf", "-bs"], said.encode())

    def show(self, octets: bytes) -> None:
        """
        Have it show a certificate from now on.

        @param octets: the certificate and its key, as PEM.
        """
        path = self.folder / "client.pem"
        path.write_bytes(octets)
        # Its user has to read it, and nobody else has this folder.
        path.chmod(0o644)
        text = self._configuration.read_text("ascii")
        options = f"  tls_certificate = {path}\n\nbegin retry"
        self._configuration.write_text(text.replace("\nbegin retry", options), "ascii")

    def queued(self) -> str:
        """What it could not deliver; empty: nothing."""
        return self._call(["-bp"])

    def log(self) -> str:
        """Its main log."""
        return (self.folder / "log" / "mainlog").read_text("utf-8", "replace")

    def deliveries(self) -> list[str]:
        """The lines of its log that tell of a delivery."""
        return re.findall(r"^.* => .*$", self.log(), re.MULTILINE)

    def remove(self) -> None:
        """Remove all its files."""
        removeFolder(self.folder)

    def _call(self, words: Sequence[str], input: bytes = b"") -> str:
        root = os.getuid() == 0
        done = subprocess.run(
            [self._program, "-C", self._configuration, *words],
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            timeout=CLIENT_SECONDS,
            check=False,
            user=self._account.pw_uid if root else None,
            group=self._account.pw_gid if root else None,
            extra_groups=[] if root else None,
        )
        said = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, f"exim {words}: {done.returncode}\n{said}"
        return said


def findExim() -> str:
    """
    Where Exim is, under either of its names.

    @raise SkipTest: nowhere.
    """
    try:
        return findPeer("exim", "exim")
    except SkipTest:
        return findPeer("exim4", "exim")


def findAccount() -> pwd.struct_passwd:
    """
    Whom it is to run as.

    @raise SkipTest: we are root, and it has no user here.
    """
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SkipTest("peer missing: exim (it has no user)")
