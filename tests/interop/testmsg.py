"""
C{opendkim-testmsg} of OpenDKIM with a DNS of the tests' own: it asks the one in
C{/etc/resolv.conf}, and no other.

It is run in namespaces of its own, C{unshare -Urmn python -m tests.interop.testmsg
FOLDER}, where C{resolv.conf} of the folder takes that file's place.  The message is the
standard input, and what it is given to say goes to the standard output.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

from smtpx.mailauth.signingkey import strings
from tests.mailauth.dkimmail import ZONE

from .publishing import RunningNames

_SIFFLAGS, _UP, _RUNNING = 0x8914, 0x1, 0x40


def raiseLoopback() -> None:
    """A new network namespace has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        wanted = struct.pack("16sH22x", b"lo", _UP | _RUNNING)
        fcntl.ioctl(asking, _SIFFLAGS, wanted)


def main() -> int:
    """Run it."""
    folder = Path(sys.argv[1])
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    words = ["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"]
    subprocess.run(words, check=True)
    raiseLoopback()
    records = {
        (name.decode("ascii"), "TXT"): [
            " ".join(f'"{each.decode("ascii")}"' for each in strings(record))
        ]
        for name, record in ZONE.items()
    }
    names = RunningNames(records, wanted=53)
    message = sys.stdin.buffer.read()
    done = subprocess.run(
        ["opendkim-testmsg", "-t", str(folder)], input=message, timeout=30, check=False
    )
    names.close()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
