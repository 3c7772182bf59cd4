"""
Whether listeners can sign handshakes by the algorithms that they are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ..tls.authority import ensureCertificate
from ..tls.certificates import CertificateError, Certified, loadCertified
from ..tls.rehearsal import canSign
from .config import Configuration
from .machine import Machine
from .problems import Problem
from .wiring import certificatesOf


def checkSigning(machine: Machine, configuration: Configuration) -> Iterator[Problem]:
    """
    Listeners with signature algorithms of their own, none of which a certificate can
    be used with: every handshake would fail.
    """
    listeners = [
        (index, each.terms)
        for index, each in enumerate(configuration.listeners)
        if each.terms.signatures is not None
    ]
    if not listeners:
        return
    minimum = f"TLSv{configuration.tls.minimum.value}"
    shown = list(_shown(machine, configuration))
    for index, terms in listeners:
        path = ("listener", index, "tls_signature_algorithms")
        for who, certified in shown:
            if not canSign(certified, minimum, terms):
                text = f"{who} can sign nothing by any of them: no handshake would do"
                yield configuration.problem(path, text)


def _shown(
    machine: Machine, configuration: Configuration
) -> Iterator[tuple[str, Certified]]:
    """The certificates that can be used, with what they are called."""
    named = certificatesOf(configuration)
    for files in named:
        try:
            yield str(files.chain), loadCertified(files)
        except CertificateError:
            # That is told where it belongs.
            continue
    if named:
        return
    with TemporaryDirectory() as folder:
        made = ensureCertificate(Path(folder), ["localhost"], machine.now())
        yield "the certificate that is made here", loadCertified(made)


__all__ = ["checkSigning"]
