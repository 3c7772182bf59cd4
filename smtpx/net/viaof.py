"""
Which host it was, out of the connection to it.
"""

from __future__ import annotations

from ..core.client import ClientConnection
from ..core.reply import Reply
from ..spool.via import Via
from .fastopen import Opened


def viaOf(
    core: ClientConnection,
    host: bytes,
    again: bool,
    source: tuple[bytes, int] | None,
    opened: Opened,
) -> Via:
    """
    The host, as far as it is known now.

    @param host: its name.
    @param again: was the connection used before?
    @param source: our own address and port.
    @param opened: how it was opened.
    """
    target = core.target
    return Via(
        host,
        target.address,
        target.port,
        core.secured,
        core.logFields(),
        _firstLine(core.greeting),
        _firstLine(core.greeted),
        again,
        source,
        core.offers,
        opened.value,
    )


def _firstLine(said: Reply | None) -> bytes:
    return b"" if said is None else said.octets.partition(b"\r\n")[0]


__all__ = ["viaOf"]
