"""
Dovecot as the one who delivers: its LMTP server (RFC 2033), at a UNIX socket and at a
port of the loopback, with a configuration and folders of its own.

Its users are C{ann} and C{bob}, and C{full}, in whose mailbox there is no room.
"""

from __future__ import annotations

import os
import pwd
import re
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import findPeer
from .running import RunningProgram, freePort, removeFolder, waitFor

_CONFIGURATION = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = /dev/stderr
protocols = lmtp
ssl = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
postmaster_address = postmaster@dovecot.example
hostname = dovecot.example
recipient_delimiter = +
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
passdb {{
  driver = static
  args = nopassword=y
}}
protocol lmtp {{
  mail_plugins = quota
}}
plugin {{
  quota = maildir:User quota
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0600
    user = root
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""

_STARTED = re.compile("starting up")


class RunningMailDovecot(RunningProgram):
    """
    Dovecot's LMTP server, in a process of its own.

    @ivar socket: where it listens.
    @ivar port: where it listens, too.
    """

    def __init__(self) -> None:
        """
        Start it.

        @raise SkipTest: there is none.
        """
        program = findPeer("dovecot", "dovecot")
        if not Path("/usr/lib/dovecot/lmtp").exists():
            raise SkipTest("peer missing: dovecot (lmtpd)")
        if os.getuid() != 0:
            raise SkipTest("peer missing: dovecot (only root can start it)")
        # The names of sockets are short: the test's own folder would be too deep.
        folder = Path(tempfile.mkdtemp(prefix="smtpx-dovecot-"))
        folder.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        users = []
        for name in ("ann", "bob", "full"):
            home = folder / name
            home.mkdir()
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            rule = " userdb_quota_rule=*:storage=1B" if name == "full" else ""
            users.append(
                f"{name}::{nobody.pw_uid}:{nobody.pw_gid}::{home}::{rule.strip()}\n"
            )
        for name in ("base", "state"):
            (folder / name).mkdir()
        (folder / "users").write_text("".join(users), "ascii")
        self.port = freePort()
        self.socket = folder / "lmtp"
        text = _CONFIGURATION.format(folder=folder, port=self.port)
        configuration = folder / "dovecot.conf"
        configuration.write_text(text, "ascii")
        super().__init__(folder, [program, "-F", "-c", str(configuration)])
        self.await_(_STARTED)
        waitFor(self.socket.exists, "the socket of Dovecot")

    def mail(self, name: str) -> list[bytes]:
        """The messages in somebody's mailbox."""
        found = (self.folder / name / "Maildir" / "new").glob("*")
        return [path.read_bytes() for path in sorted(found)]

    def remove(self) -> None:
        """Take its folder away."""
        removeFolder(self.folder)
