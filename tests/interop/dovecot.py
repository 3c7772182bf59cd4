"""
Dovecot as the one who knows the passwords: a configuration and folders of its own,
beside whatever the system has, no mail, and no port.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import findPeer
from .running import RunningProgram, removeFolder, waitFor

_CONFIGURATION = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = /dev/stderr
protocols =
ssl = no
auth_mechanisms = plain login scram-sha-256
auth_verbose = yes
# Who was refused is not kept waiting the longer the more often it was.
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
passdb {{
  driver = checkpassword
  args = {folder}/check
}}
userdb {{
  driver = static
  args = uid=1000 gid=1000 home=/nonexistent
}}
service auth {{
  unix_listener auth-client {{
    mode = 0600
    user = {user}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

#: Users: one that is good, one that is not to log in, two that may from somewhere.
_USERS = """\
joe:{PLAIN}correct horse::::::
off:{PLAIN}correct horse::::::nologin=y
near:{PLAIN}correct horse::::::allow_nets=127.0.0.0/8
far:{PLAIN}correct horse::::::allow_nets=192.0.2.0/24
"""

#: Asked for everybody else, and those whose password was wrong: for "later" nobody
#: can tell now (111), all others are refused (1).
_CHECK = """\
#!/bin/sh
name=$(tr '\\0' '\\n' <&3 | head -n 1)
[ "$name" = later ] && exit 111
exit 1
"""

_STARTED = re.compile("starting up")


class RunningDovecot(RunningProgram):
    """
    Dovecot's authentication, in a process of its own.

    @ivar socket: where it is asked.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """
        Start it.

        @param folder: of one that was stopped; L{None}: a new one.
        @raise SkipTest: there is no Dovecot of a kind that this configuration is
            for, or it cannot be started.
        """
        program = findPeer("dovecot", "dovecot")
        if os.getuid() != 0:
            raise SkipTest("peer missing: dovecot (only root can start it)")
        version = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout
        if not version.startswith("2.3."):
            raise SkipTest(f"peer missing: dovecot (2.3, and not {version.strip()})")
        # The names of sockets are short: the test's own folder would be too deep.
        folder = folder or Path(tempfile.mkdtemp(prefix="smtpx-dovecot-"))
        folder.chmod(0o755)
        for name in ("base", "state"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "users").write_text(_USERS, "ascii")
        (folder / "check").write_text(_CHECK, "ascii")
        (folder / "check").chmod(0o755)
        configuration = folder / "dovecot.conf"
        text = _CONFIGURATION.format(folder=folder, user="root")
        configuration.write_text(text, "ascii")
        self.socket = folder / "base" / "auth-client"
        super().__init__(folder, [program, "-F", "-c", str(configuration)])
        self.await_(_STARTED)
        waitFor(self.socket.exists, "the socket of Dovecot")

    def stop(self) -> None:
        """
        End it, and all of its processes with it, as systemd does.  By itself the one
        for logins stays for 20 seconds where it still has a client.
        """
        if self._stopped:
            return
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii")
        super().stop()
        for child in children.split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def remove(self) -> None:
        """Take its folder away."""
        removeFolder(self.folder)
