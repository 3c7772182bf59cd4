"""
Sockets to listen on, bound where the program calls: what is wrong with an address
is its own exception, there and then.
"""

from __future__ import annotations

import os
import socket
import stat

_BACKLOG = 100


def localhost() -> str:
    """The loopback's address: that of IPv6, where there is one."""
    if socket.has_ipv6:
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
                probe.bind(("::1", 0))
            return "::1"
        except OSError:
            pass
    return "127.0.0.1"


def internetSockets(hostname: str, port: int) -> list[socket.socket]:
    """
    Bind all addresses of a name.

    @param hostname: empty: every address of this machine.
    @param port: 0: the system chooses one, the same for all of them.
    @raise OSError: one of them cannot be bound; none is, then.
    """
    found = socket.getaddrinfo(
        hostname or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            if bound:
                port = bound[0].getsockname()[1]
            bound.append(
                socket.create_server(
                    (str(address[0]), port), family=family, backlog=_BACKLOG
                )
            )
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def unixSocket(path: str) -> socket.socket:
    """
    Bind a Unix socket.  One that was left there makes place.

    @raise OSError: it cannot be bound.
    """
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
