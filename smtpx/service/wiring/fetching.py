"""
Something that an operator wants to have from a web server, now.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...core.errors import SMTPXError
from ..config import Configuration
from ..machine import Machine
from .mtasts import secureWeb
from .resolving import resolver

_GOOD = 200


async def fetched(
    machine: Machine, configuration: Configuration, host: bytes, path: bytes, most: int
) -> bytes:
    """
    Fetch something by HTTPS, within the bounds of L{smtpx.net.https}.

    @param most: how long it may be, in octets.
    @raise SMTPXError: it cannot be had.
    """
    async with AsyncExitStack() as stack:
        asking = resolver(machine, configuration, stack)
        web = secureWeb(machine, configuration, asking)
        page = await web.get(host, path, most)
    if page.status != _GOOD:
        raise SMTPXError(f"the web server answers {page.status}")
    return page.body


__all__ = ["fetched"]
