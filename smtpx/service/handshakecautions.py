"""
What to know of early greetings that are wished for, and would not come about.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.hostlist import HostList
from ..extensions.earlybanner import EarlyBanner, EarlyBannerSettings
from ..tls.openssl import speaksEarly
from .config import Configuration
from .problems import Problem
from .tables import ListenerTLS
from .tables.tls import ANYBODY


def handshakeCautions(configuration: Configuration) -> Iterator[Problem]:
    """A list of clients of whom none would be greeted early."""
    settings = configuration.extensions.settings.get(EarlyBanner.name)
    if not isinstance(settings, EarlyBannerSettings):
        return
    if settings.tlsEarlyBannerHosts == HostList():
        return
    why = _without(configuration)
    if why is not None:
        path = ("extensions", EarlyBanner.name, "tls_early_banner_hosts")
        text = f"nobody would be greeted early: {why}"
        yield configuration.problem(path, text)


def _without(configuration: Configuration) -> str | None:
    if not any(each.tls is ListenerTLS.IMPLICIT for each in configuration.listeners):
        return "no listener begins TLS with the connection"
    tls = configuration.tls
    if tls.clientAuthorities is not None and tls.tlsTryVerifyHosts == ANYBODY:
        return "everybody is asked for a certificate"
    if not speaksEarly():
        return "this build of OpenSSL cannot do it"
    return None


__all__ = ["handshakeCautions"]
