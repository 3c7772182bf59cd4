"""
Certificates of ours: those of the configuration, or one made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ...core.errors import UsageError
from ...tls.authority import ensureCertificate
from ...tls.certificates import CertificateFiles
from ...tls.contexts import ServerTLS
from ..config import Configuration
from ..machine import Machine

_log = Logger()

#: How often it is seen whether the certificate made here is about to end.
_RENEWAL_SECONDS = 86_400.0

#: What a certificate made here is for, besides names.
LOOPBACK = ("127.0.0.1", "::1")


def certificatesOf(configuration: Configuration) -> list[CertificateFiles]:
    """The certificates that the configuration names."""
    return [
        CertificateFiles(each.certificate, each.key, each.tlsOCSPFile)
        for each in configuration.tls.certificates
    ]


def serverTLS(
    machine: Machine, configuration: Configuration, files: Sequence[CertificateFiles]
) -> ServerTLS:
    """
    Certificates, offered as the configuration says.

    @raise smtpx.tls.certificates.CertificateError: one is of no use.
    """
    return ServerTLS(
        files,
        clock=machine.reactor,
        minimum=f"TLSv{configuration.tls.minimum.value}",
        clientAuthorities=configuration.tls.clientAuthorities,
        ticketSeconds=configuration.tls.tlsResumptionLifetime,
        sharedKeys=machine.shared.ticketKeys,
    )


def certificates(
    machine: Machine, configuration: Configuration, name: str, stack: AsyncExitStack
) -> ServerTLS:
    """
    The certificates of the configuration, or one made here, which is then made
    anew in time.
    """
    files = certificatesOf(configuration)
    if not files:
        names = list(dict.fromkeys((name, "localhost")))
        folder = configuration.state / "tls"

        def ensure() -> CertificateFiles:
            return ensureCertificate(folder, names, machine.now(), LOOPBACK)

        def renew() -> None:
            try:
                ensure()
            except (OSError, UsageError):
                _log.failure("The certificate in {folder} stays", folder=str(folder))

        files = [ensure()]
        if machine.worker.leads:
            # The others see that the files have changed.
            _often(machine, renew, _RENEWAL_SECONDS, stack)
    made = serverTLS(machine, configuration, files)
    halfLife = configuration.tls.tlsResumptionLifetime / 2
    _often(machine, made.tidyKeys, halfLife, stack)
    return made


def _often(
    machine: Machine, act: Callable[[], None], seconds: float, stack: AsyncExitStack
) -> None:
    """Do something again and again."""
    call = LoopingCall(act)
    call.clock = machine.reactor
    call.start(seconds, now=False)
    stack.callback(call.stop)
