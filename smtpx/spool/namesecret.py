"""
The secret by which transactions are named to other hosts
(L{smtpx.extensions.checkpointclient}).

It is as old as the spool, so that a message that is tried again goes by the name that
it had before, whichever process tries, and whatever came in between.  Without it that
message would only be one that nobody knows.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from ..core.errors import UsageError
from .bodies import syncFolder

#: Its length, in octets.
SECRET_OCTETS = 32

_NAME = "transaction-names.key"


def nameSecret(folder: str) -> bytes:
    """
    The secret of a spool; made where there is none yet, and then on the disk.

    @param folder: the spool's; it need not be there.
    @raise OSError: it can be neither read nor made.
    @raise UsageError: what is there is none.
    """
    path = os.path.join(folder, _NAME)
    if not os.path.exists(path):
        _make(folder, path)
    with open(path, "rb") as file:
        secret = file.read(SECRET_OCTETS + 1)
    if len(secret) != SECRET_OCTETS:
        raise UsageError(f"{path}: it is damaged; without it a new one is made")
    return secret


def _make(folder: str, path: str) -> None:
    """Make it whole or not at all, unless another process has."""
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
        syncFolder(os.path.dirname(os.path.abspath(folder)))
    new = f"{path}.{secrets.token_hex(8)}"
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(number, "wb") as file:
            file.write(secrets.token_bytes(SECRET_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        os.unlink(new)
    syncFolder(folder)


__all__ = ["SECRET_OCTETS", "nameSecret"]
