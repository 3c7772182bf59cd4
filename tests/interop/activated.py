"""
Run a program with sockets handed over, as systemd does (sd_listen_fds(3))::

    python -m tests.interop.activated smtp=127.0.0.1:2525 sock=/run/x -- twistd ...

An address with a slash is a UNIX socket's; one of IPv6 has no brackets.
"""

from __future__ import annotations

import os
import socket
import sys

#: The number of the first that is handed over.
FIRST = 3


def opened(address: str) -> socket.socket:
    """A socket that listens."""
    if "/" in address:
        made = socket.socket(socket.AF_UNIX)
        made.bind(address)
        os.chmod(address, 0o600)
    else:
        host, _, port = address.rpartition(":")
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        made.bind((host, int(port)))
    made.listen()
    return made


def main(words: list[str]) -> None:
    """Become the program."""
    here = words.index("--")
    names = [word.partition("=")[0] for word in words[:here]]
    made = [opened(word.partition("=")[2]) for word in words[:here]]
    # First out of the way, for one may have the number that another is to have.
    spare = [os.dup2(each.fileno(), 100 + index) for index, each in enumerate(made)]
    for index, number in enumerate(spare):
        os.dup2(number, FIRST + index)
        os.close(number)
    os.environ["LISTEN_FDS"] = str(len(made))
    os.environ["LISTEN_FDNAMES"] = ":".join(names)
    os.environ["LISTEN_PID"] = str(os.getpid())
    program = words[here + 1 :]
    os.execv(program[0], program)  # noqa: S606  # the test's own


if __name__ == "__main__":
    main(sys.argv[1:])
