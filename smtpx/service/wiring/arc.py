"""
Who seals what goes on.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from ...extensions.arc import ARC
from ...mailauth.arcseal import SealTerms
from ...mailauth.dkimsignature import KeyName
from ...mailauth.resultsclaims import OurNames
from ...policy.sealers import Sealers
from ..config import Configuration
from ..machine import Machine
from ..sealkind import ARCSign
from .threads import threads


def sealerName(sign: ARCSign | None) -> bytes:
    """What a way calls who seals on it; empty: nobody does."""
    return b"" if sign is None else sign.text.encode("utf-8")


def sealTerms(configuration: Configuration, name: str, sign: ARCSign) -> SealTerms:
    """
    How is sealed.

    @param name: the server's.
    """
    options = configuration.authentication
    said = [options.authservId or name, *options.ownNames]
    return SealTerms(
        sign.domain,
        OurNames.of([sign.domain, *(each.encode("utf-8") for each in said)]),
        KeyName(sign.domain, sign.selector),
        lifeSeconds=sign.lifeSeconds,
        until=sign.until,
    )


def sealing(
    machine: Machine, configuration: Configuration, name: str, stack: AsyncExitStack
) -> ARC:
    """
    What seals.

    @param name: the server's.
    @raise smtpx.core.errors.SMTPXError: a key is of no use.
    """
    routes = configuration.routes or ()
    wanted = [each.arcSign for each in routes if each.arcSign is not None]
    if not wanted:
        return ARC()
    sealers = Sealers(
        {
            sealerName(each): (each.file, sealTerms(configuration, name, each))
            for each in wanted
        }
    )
    sealers.start(machine.reactor, threads(machine, 1, "seals", stack))
    stack.callback(sealers.stop)
    return ARC(sealers, sealers.unsealed)


__all__ = ["sealTerms", "sealerName", "sealing"]
