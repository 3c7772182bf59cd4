"""
The extensions that run, with their ports.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core.interfaces import IExtension
from ...extensions.auth import Auth
from ...extensions.requiretls import RequireTLS
from ..config import Configuration
from ..extensions import chooseExtensions


def chosenExtensions(
    configuration: Configuration,
    found: Mapping[str, IExtension],
    auth: Auth | None = None,
) -> list[IExtension]:
    """
    The extensions that run, with their ports and settings.

    @param auth: ours, with its ports; L{None}: without, so that nobody can log in,
        which is enough to look at them.
    @raise smtpx.service.extensions.BadChoice: they cannot be had so.
    """
    joined = dict(found)
    # Somebody else's in the place of ours has ports of its own.
    if auth is not None and isinstance(joined.get(Auth.name), Auth):
        joined[Auth.name] = auth
    if isinstance(joined.get(RequireTLS.name), RequireTLS):
        # All transports are local, so nothing leaves this host in the clear.
        joined[RequireTLS.name] = RequireTLS(honoured=True)
    wanted = configuration.extensions
    return chooseExtensions(
        joined,
        enable=wanted.enable,
        disable=wanted.disable,
        settings=wanted.settings,
    )
