"""
What the transactions that we begin with other hosts are called.
"""

from __future__ import annotations

from ...extensions.checkpointclient import TransactionNames
from ...spool.namesecret import nameSecret
from ..config import Configuration
from .routes import sends


def transactionNames(
    configuration: Configuration, name: str
) -> TransactionNames | None:
    """
    What names them; L{None}: nothing is sent to anybody.

    @param name: what the server calls itself.
    @raise OSError: the secret behind it can be neither read nor made.
    @raise smtpx.core.errors.UsageError: it is damaged.
    """
    if not sends(configuration, name):
        return None
    secret = nameSecret(str(configuration.state / "spool"))
    return TransactionNames(secret, name.encode("ascii"))


__all__ = ["transactionNames"]
