"""
Milters of other makers: OpenDKIM and rspamd's proxy, each in a folder of its own, on a
UNIX socket of its own.
"""

from __future__ import annotations

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
Domain {domain}
Selector {selector}
KeyFile key
InternalHosts 127.0.0.1
Canonicalization relaxed/simple
TestDNSData dns
AlwaysAddARHeader yes
AuthservID opendkim.example
"""


class OpenDKIM(RunningProgram):
    """
    Debian's C{opendkim}, as a milter.

    @ivar address: where it listens.
    """

    def __init__(
        self, mode: str, zone: Mapping[bytes, bytes], port: int | None = None
    ) -> None:
        """
        Start it, and wait until it listens.

        @param mode: C{s} signs, C{v} verifies.
        @param zone: the keys that it finds.
        @param port: where; L{None}: at a UNIX socket.
        @raise SkipTest: it is not there.
        """
        program = findPeer("opendkim", "opendkim")
        folder = Path(tempfile.mkdtemp(prefix="od"))
        path = folder / "s"
        self.address = str(path) if port is None else f"127.0.0.1:{port}"
        (folder / "key").write_bytes(RSA_PEM)
        (folder / "key").chmod(0o600)
        (folder / "dns").write_bytes(b"".join(b"%b %b\n" % e for e in zone.items()))
        self.selector = RSA_NAME.selector.decode("ascii")
        where = f"local:{path}" if port is None else f"inet:{port}@127.0.0.1"
        text = _OPENDKIM.format(
            socket=where,
            mode=mode,
            domain=RSA_NAME.domain.decode("ascii"),
            selector=self.selector,
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
