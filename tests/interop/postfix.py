"""
Postfix as a client: a queue and a configuration of its own, beside whatever the
system has, and no port.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import CLIENT_SECONDS, findPeer
from .running import removeFolder

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = {commands}
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = client.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relayhost = [{host}]:{port}
smtp_host_lookup = native
disable_dns_lookups = yes
smtp_tls_loglevel = 1
message_size_limit = 0
"""

#: The services that it takes to send what was given to it on this host.
_MASTER = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixClient:
    """
    A Postfix that sends everything to one port of this host.

    @ivar folder: where it has its files.
    """

    def __init__(
        self,
        port: int,
        options: Mapping[str, str],
        services: str = "",
        host: str = "localhost",
    ) -> None:
        """
        Start it.

        @param options: more of its C{main.cf}.
        @param services: more of its C{master.cf}.
        @param host: whose port it is.
        @raise SkipTest: there is no Postfix, or it cannot be started.
        """
        self._program = findPeer("postfix", "postfix")
        if os.getuid() != 0:
            raise SkipTest("peer missing: postfix (only root can start it)")
        # Another mail system's may come first on the path.
        self._sendmail = self._setting("sendmail_path")
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-postfix-"))
        self.folder.chmod(0o755)
        self._etc = self.folder / "etc"
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        system = Path(self._setting("config_directory"))
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(system / name, self._etc)
        main = _MAIN.format(
            folder=self.folder,
            daemons=self._setting("daemon_directory"),
            commands=self._setting("command_directory"),
            port=port,
            host=host,
        )
        main += "".join(f"{name} = {value}\n" for name, value in options.items())
        (self._etc / "main.cf").write_text(main, "ascii")
        (self._etc / "master.cf").write_text(_MASTER + services, "ascii")
        self._call([self._program, "-c", str(self._etc), "start"])

    def _setting(self, name: str) -> str:
        """A default of this system's Postfix."""
        return self._call([findPeer("postconf", "postfix"), "-d", "-h", name]).strip()

    def send(
        self,
        recipient: str | list[str],
        message: bytes,
        options: Sequence[str] = (),
    ) -> None:
        """
        Give it a message, which it delivers by and by.

        @param recipient: one, or several.
        @param message: with LF line ends, as programs give it.
        @param options: more of its C{sendmail}.
        """
        words = [self._sendmail, "-C", str(self._etc), "-i", *options]
        recipients = [recipient] if isinstance(recipient, str) else recipient
        self._call([*words, "-f", "ann@client.example", *recipients], message)

    def log(self) -> str:
        """Its log."""
        path = self.folder / "maillog"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def deliveries(self) -> list[str]:
        """The lines of its log that tell what became of a recipient."""
        return re.findall(r"^.* status=.*$", self.log(), re.MULTILINE)

    def remove(self) -> None:
        """Stop it, and remove all its files."""
        try:
            self._call([self._program, "-c", str(self._etc), "abort"])
        finally:
            removeFolder(self.folder)

    def _call(self, words: list[str], input: bytes = b"") -> str:
        # What starts a daemon waits for nobody: no pipe that it would keep open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                words,
                input=input,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=CLIENT_SECONDS,
                check=False,
            )
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        assert done.returncode == 0, f"{words}: {done.returncode}\n{said}"
        return said
