"""
A real Exim that only has a queue: what is on it is listed, shown and delivered by
Exim's own commands, and messages are put on it as Exim's programs do.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smtpx.spool.eximspool import isID

from .cases import CLIENT_SECONDS
from .exim import findAccount, findExim
from .running import removeFolder

#: Mail to slow.example waits, and what else there is is put into a file each.
_CONFIGURATION = """\
primary_hostname = mx.exim.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
exim_path = {program}
exim_user = {uid}
exim_group = {gid}
deliver_drop_privilege
disable_ipv6
keep_environment =
add_environment =
timezone = UTC
spool_wireformat = {wire}
split_spool_directory = {split}
dsn_advertise_hosts = *
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
untrusted_set_sender = *
trusted_users = {uid}
acl_smtp_rcpt = accept
acl_smtp_mail = accept
acl_smtp_data = accept
log_selector = +all

begin routers
slow:
  driver = redirect
  domains = slow.example
  data = :defer: not now
  allow_defer
all:
  driver = accept
  transport = files

begin transports
files:
  driver = appendfile
  directory = {folder}/box
  maildir_format
  envelope_to_add
  return_path_add

begin retry
* * F,1h,1s
"""


class EximQueue:
    """
    An Exim with a queue, and no daemon.

    @ivar folder: where it has its files.
    @ivar input: where its queue is.
    """

    def __init__(self, wire: bool = False, split: bool = False) -> None:
        """
        @param wire: does it keep what came by BDAT in its wire format?
        @param split: is its queue in several folders?
        @raise SkipTest: there is no Exim.
        """
        self._program = findExim()
        self._account = findAccount()
        # Not in the folder of the tests, which Exim's user need not be able to see.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-exim-"))
        self.folder.chmod(0o755)
        self.input = self.folder / "spool" / "input"
        self.input.mkdir(parents=True)
        (self.folder / "log").mkdir()
        (self.folder / "box").mkdir()
        self._configuration = self.folder / "exim.conf"
        text = _CONFIGURATION.format(
            folder=self.folder,
            program=self._program,
            uid=self._account.pw_uid,
            gid=self._account.pw_gid,
            wire=str(wire).lower(),
            split=str(split).lower(),
        )
        self._configuration.write_text(text, "ascii")
        self.own()

    def own(self) -> None:
        """Give it all files in its folder, whoever has put them there."""
        if os.getuid() != 0:
            return
        for place in self.folder.rglob("*"):
            if place != self._configuration:
                os.chown(place, self._account.pw_uid, self._account.pw_gid)

    def remove(self) -> None:
        """Remove all its files."""
        removeFolder(self.folder)

    # --- its queue -------------------------------------------------------------------

    def submit(self, sender: str, recipients: Sequence[str], message: bytes) -> str:
        """
        Put a message on the queue.

        @param message: with LF line ends, as programs give it.
        @return: its id.
        """
        before = set(self.ids())
        self.call(["-odq", "-oi", "-f", sender, *recipients], message)
        [id] = set(self.ids()) - before
        return id

    def talk(self, dialogue: bytes) -> str:
        """
        Put a message on the queue by SMTP.

        @param dialogue: all that a client says, from MAIL on.
        @return: its id.
        """
        before = set(self.ids())
        hello = b"EHLO client.example\r\n"
        where = ["-oMa", "192.0.2.1.4711", "-oMi", "192.0.2.25.25"]
        said = self.call(["-odq", *where, "-bs"], hello + dialogue + b"QUIT\r\n")
        found = set(self.ids()) - before
        assert len(found) == 1, said
        return found.pop()

    def ids(self) -> list[str]:
        """The ids of all messages, without asking it."""
        names = [path.name.removesuffix("-H") for path in self.input.rglob("*-H")]
        return sorted(name for name in names if isID(name))

    def listed(self) -> str:
        """Its queue, as C{mailq} shows it."""
        return self.call(["-bp"])

    def header(self, id: str) -> str:
        """A header file, as C{exim -Mvh} shows it."""
        return self.call(["-Mvh", id])

    def run(self) -> None:
        """Have it deliver what it can, whatever is frozen or not yet due."""
        self.call(["-qff"])

    def call(self, words: Sequence[str], input: bytes = b"") -> str:
        """
        Run it.

        @return: what it printed, on both outputs.
        """
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

    # --- what came of it -------------------------------------------------------------

    def box(self) -> list[bytes]:
        """All that it has delivered, by recipient."""
        found = [path.read_bytes() for path in (self.folder / "box").glob("new/*")]
        return sorted(found, key=lambda text: re.findall(rb"Envelope-to: .*", text))

    def log(self) -> str:
        """Its main log, and what it was upset about."""
        logs = [self.folder / "log" / f"{name}log" for name in ("main", "panic")]
        return "".join(each.read_text("utf-8") for each in logs if each.exists())
