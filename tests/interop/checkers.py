"""
The virus scanner and the spam filters of others, each in a process of its own, with a
configuration and folders of its own, and no word to the network.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from .cases import findPeer
from .running import RunningProgram, removeFolder, waitFor

#: What the one signature of the virus scanner finds.
MALWARE = b"smtpx-malware-test"

#: What every spam filter knows
#: (U{https://spamassassin.apache.org/gtube/}).
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

_CLAMD = """\
LocalSocket {folder}/socket
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
Foreground yes
StreamMaxLength {most}M
MaxScanSize {most}M
MaxFileSize {most}M
"""

_RSPAMD = """\
options {{
  pidfile = "{folder}/pid";
  tempdir = "{folder}";
  filters = "regexp";
  url_tld = "{folder}/tlds";
  hs_cache_dir = "{folder}";
  map_watch_interval = 60min;
  max_message = 200M;
  dns {{ nameserver = ["127.0.0.1:1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "notice"; }}
worker "normal" {{ bind_socket = "{folder}/socket mode=0666"; count = 1; }}
actions {{ reject = 15; rewrite_subject = 10; add_header = 6; greylist = 4; }}
lua = "{folder}/rules.lua";
"""

_RULES = """\
config["regexp"] = {{
  ["SMTPX_OFFER"] = {{ re = "Subject=/special offer/i{{header}}", score = 7.5 }},
}}
rspamd_config:register_symbol({{
  name = "SMTPX_SEEN", type = "normal", score = 0.1,
  callback = function(task)
    task:set_milter_reply({{
      add_headers = {{
        ["X-Seen-By"] = "rspamd", ["X-Octets"] = tostring(task:get_size()),
      }},
      remove_headers = {{ ["X-Bad"] = 0 }},
    }})
    local to = task:get_recipients("smtp") or {{}}
    return true, 1.0, tostring(task:get_from_ip()), task:get_helo() or "-",
      task:get_user() or "-", tostring(#to)
  end,
}})
"""


#: How long one may take to end.
_END_SECONDS = 10.0


class RunningChecker(RunningProgram):
    """
    One of them.

    @ivar socket: where it is asked.
    """

    def __init__(self, folder: Path, words: list[str]) -> None:
        """
        Start it.

        @param folder: with its configuration; it is gone with it.
        @param words: its command.
        """
        self.socket = folder / "socket"
        super().__init__(folder, words)
        try:
            waitFor(self._listens, f"{words[0]} listens")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}: {self.said()}") from None

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.socket))
            except OSError:
                return False
        return True

    def kill(self) -> None:
        """
        End it, with the processes that it has made: they are its own, and would stay
        if it were ended at once.
        """
        made = self._made()
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        super().kill()
        for pid in made:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _made(self) -> list[int]:
        """The processes that it has made."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return [int(each) for each in path.read_text("ascii").split()]
        except OSError:
            # It has ended.
            return []

    def remove(self) -> None:
        """Take its folder away."""
        removeFolder(self.folder)


def _folder() -> Path:
    # The names of sockets are short: the test's own folder would be too deep.
    folder = Path(tempfile.mkdtemp(prefix="smtpx-checker-"))
    folder.chmod(0o777)
    return folder


def clamd(mostMebibytes: int = 200) -> RunningChecker:
    """
    ClamAV's, with one signature.

    @param mostMebibytes: as long a message it takes.
    @raise SkipTest: it is not there.
    """
    program, folder = findPeer("clamd", "clamd"), _folder()
    (folder / "signatures").mkdir()
    signature = f"smtpx.Test:0:*:{MALWARE.hex()}\n"
    (folder / "signatures" / "test.ndb").write_text(signature, "ascii")
    text = _CLAMD.format(folder=folder, most=mostMebibytes)
    (folder / "clamd.conf").write_text(text, "ascii")
    return RunningChecker(folder, [program, f"--config-file={folder}/clamd.conf"])


def spamd() -> RunningChecker:
    """
    SpamAssassin's, with what can be told without the network.

    @raise SkipTest: it is not there.
    """
    program, folder = findPeer("spamd", "spamd"), _folder()
    words = [program, "--local", "--nouser-config", "--max-children=2"]
    words += ["--syslog=stderr", f"--socketpath={folder}/socket"]
    words.append(f"--pidfile={folder}/pid")
    if os.getuid() == 0:
        words.append("--username=nobody")
    return RunningChecker(folder, words)


def rspamd() -> RunningChecker:
    """
    Rspamd, with a rule or two, and no maps.

    @raise SkipTest: it is not there.
    """
    program, folder = findPeer("rspamd", "rspamd"), _folder()
    (folder / "tlds").write_text("com\nexample\norg\n", "ascii")
    (folder / "rules.lua").write_text(_RULES.format(), "ascii")
    text = _RSPAMD.format(folder=folder)
    (folder / "rspamd.conf").write_text(text, "ascii")
    words = [program, "-f", "-c", f"{folder}/rspamd.conf"]
    if os.getuid() == 0:
        words += ["-u", "nobody", "-g", "nogroup"]
    return RunningChecker(folder, words)


__all__ = ["GTUBE", "MALWARE", "RunningChecker", "clamd", "rspamd", "spamd"]
