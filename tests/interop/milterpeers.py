"""
Milters of other makers: OpenDKIM and rspamd's proxy, each in a folder of its own, on a
UNIX socket of its own.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.mailauth.dkimmail import RSA_NAME, RSA_PEM

from .cases import findPeer
from .running import RunningProgram, removeFolder, waitFor

_OPENDKIM = """\
Syslog no
RequireSafeKeys no
Socket {socket}
Mode {mode}
"""

_SIGNS = """\
Domain {domain}
Selector {selector}
KeyFile key
InternalHosts 127.0.0.1
Canonicalization relaxed/simple
"""

#: What comes from such hosts it would sign, and not verify.
_VERIFIES = """\
InternalHosts 192.0.2.1
TestDNSData {folder}/dns
AlwaysAddARHeader yes
AuthservID opendkim.example
"""


class OpenDKIM(RunningProgram):
    """
    Debian's C{opendkim}, as a milter.

    @ivar address: where it listens.
    """

    def __init__(
        self,
        mode: str,
        zone: Mapping[bytes, bytes],
        port: int | None = None,
        path: Path | None = None,
    ) -> None:
        """
        Start it, and wait until it listens.

        @param mode: C{s} signs, C{v} verifies.
        @param zone: the keys that it finds.
        @param port: where; L{None}: at a UNIX socket.
        @param path: which one; L{None}: one of its own.
        @raise SkipTest: it is not there.
        """
        program = findPeer("opendkim", "opendkim")
        folder = Path(tempfile.mkdtemp(prefix="od"))
        path = path or folder / "s"
        self.address = str(path) if port is None else f"127.0.0.1:{port}"
        (folder / "key").write_bytes(RSA_PEM)
        (folder / "key").chmod(0o600)
        (folder / "dns").write_bytes(b"".join(b"%b %b\n" % e for e in zone.items()))
        where = f"local:{path}" if port is None else f"inet:{port}@127.0.0.1"
        text = (_OPENDKIM + (_SIGNS if mode == "s" else _VERIFIES)).format(
            socket=where,
            mode=mode,
            folder=folder,
            domain=RSA_NAME.domain.decode("ascii"),
            selector=RSA_NAME.selector.decode("ascii"),
        )
        (folder / "conf").write_text(text, "utf-8")
        super().__init__(folder, [program, "-f", "-x", "conf"])
        waitFor(lambda: listens(self.address), f"OpenDKIM at {self.address}")

    def remove(self) -> None:
        """Its folder is not the test's."""
        removeFolder(self.folder)


def listens(address: str) -> bool:
    """Does anybody listen there?"""
    host, colon, port = address.rpartition(":")
    try:
        if colon:
            socket.create_connection((host, int(port)), 1).close()
            return True
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
    except OSError:
        return False
    return True


_RSPAMD = """\
options {{
  pidfile = "{folder}/pid";
  tempdir = "{folder}";
  filters = "regexp";
  url_tld = "{folder}/tlds";
  hs_cache_dir = "{folder}";
  map_watch_interval = 60min;
  dns {{ nameserver = ["127.0.0.1:1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "notice"; }}
worker "rspamd_proxy" {{
  bind_socket = "{folder}/s mode=0666";
  count = 1;
  milter = yes;
  timeout = 20s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
actions {{ reject = 15; rewrite_subject = 10; add_header = 6; greylist = 4; }}
lua = "{folder}/rules.lua";
"""

#: What it finds, and what it wants changed; it says what it was told.
_RULES = """\
config["regexp"] = {
  ["SMTPX_OFFER"] = { re = "Subject=/special offer/i{header}", score = 11 },
}
rspamd_config:register_symbol({
  name = "SMTPX_SEEN", type = "normal", score = 0.1,
  callback = function(task)
    local seen = {
      tostring(task:get_from_ip()), task:get_helo() or "-",
      task:get_queue_id() and "id" or "-",
      tostring(#(task:get_recipients("smtp") or {})),
    }
    task:set_milter_reply({
      add_headers = { ["X-Seen-By"] = "rspamd " .. table.concat(seen, " ") },
      remove_headers = { ["X-Bad"] = 0 },
    })
    return true, 1.0
  end,
})
"""


class RspamdProxy(RunningProgram):
    """
    Rspamd's proxy as a milter, which scans by itself, without maps.

    @ivar address: where it listens.
    """

    def __init__(self) -> None:
        """
        Start it, and wait until it listens.

        @raise SkipTest: it is not there.
        """
        program = findPeer("rspamd", "rspamd")
        folder = Path(tempfile.mkdtemp(prefix="rm"))
        folder.chmod(0o777)
        self.address = str(folder / "s")
        (folder / "tlds").write_text("com\nexample\norg\n", "ascii")
        (folder / "rules.lua").write_text(_RULES, "ascii")
        (folder / "conf").write_text(_RSPAMD.format(folder=folder), "ascii")
        words = [program, "-f", "-c", f"{folder}/conf"]
        if os.getuid() == 0:
            words += ["-u", "nobody", "-g", "nogroup"]
        super().__init__(folder, words)
        waitFor(lambda: listens(self.address), f"rspamd at {self.address}")

    def remove(self) -> None:
        """Its folder is not the test's."""
        removeFolder(self.folder)
