"""
C{smtpx tls tlsa}: the TLSA records (RFC 6698) by which others that send mail here can
know our certificate, as a zone file has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from twisted.python.usage import UsageError

from ..core.domain import checkDomain
from ..core.errors import Malformed, SMTPXError
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.wiring import certificatesOf
from ..tls.certificates import CertificateFiles, Certified, loadCertified
from ..tls.dane import DANE_EE, DANE_TA, recordFor
from .console import CommandFailed, Console, ConsoleOptions

_PORT = 25


class TLSAOptions(ConsoleOptions):
    """
    The command line of C{smtpx tls tlsa}.
    """

    synopsis = "[options] [HOST...]"
    longdesc = (
        "Prints the TLSA record of each certificate of the configuration, for a zone"
        " file: by its key (3 1 1), so that it stays right when the certificate is"
        " renewed with the same key.  HOST are the names under which mail hosts are"
        " found (those in MX records); without them, the names in the certificates"
        " are taken.  The zone has to be signed (DNSSEC)."
    )
    optParameters = [
        ["config", "c", None, "The configuration of the server."],
        ["cert", None, None, "A PEM file with a certificate, in place of those."],
        ["key", None, None, "A PEM file with its key, where that is another file."],
        ["port", "p", _PORT, "The port of the mail host.", int],
    ]
    optFlags = [
        ["authority", None, "For the authority that ends the chain (2 1 1) instead."],
    ]

    def parseArgs(self, *hosts: str) -> None:
        """Take the hosts."""
        for each in hosts:
            try:
                checkDomain(each.encode("ascii"))
            except (Malformed, UnicodeEncodeError):
                raise UsageError(f'"{each}" is no name of a host') from None
        self.hosts = hosts

    def postOptions(self) -> None:
        """See that there is one source of certificates."""
        if self["key"] is not None and self["cert"] is None:
            raise UsageError("--key wants --cert")
        if not 0 < self["port"] < 65536:
            raise UsageError("--port wants 1 to 65535")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: there is no certificate, or it is of no use.
        """
        try:
            certified = [loadCertified(each) for each in self._files()]
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        lines = [line for each in certified for line in self._lines(each)]
        for line in dict.fromkeys(lines):
            console.say(line)

    def _files(self) -> Iterable[CertificateFiles]:
        """
        @raise CommandFailed: there are none.
        """
        if self["cert"] is not None:
            key = None if self["key"] is None else Path(self["key"])
            return [CertificateFiles(Path(self["cert"]), key)]
        files = certificatesOf(readConfiguration(self["config"], findExtensions()))
        if not files:
            raise CommandFailed(
                "the configuration names no certificate; one that the server makes for"
                " itself changes its key, so there is nothing to publish"
            )
        return files

    def _lines(self, certified: Certified) -> Iterator[str]:
        shown, usage = certified.chain[0], DANE_EE
        if self["authority"]:
            if len(certified.chain) == 1:
                raise CommandFailed(
                    f"{certified.files.chain}: there is no authority behind the"
                    " certificate, and it has to be sent with it (RFC 7672 section"
                    " 3.1.2)"
                )
            shown, usage = certified.chain[-1], DANE_TA
        record = recordFor(shown, usage)
        told = f"{record.usage} {record.selector} {record.matching}"
        names = self.hosts or [each.decode("ascii") for each in certified.names]
        # A wildcard stands for hosts that nobody can list.
        hosts = [each for each in names if not each.startswith("*")]
        if not hosts:
            text = f"{certified.files.chain}: it has no name of a host; name them"
            raise CommandFailed(text)
        for host in hosts:
            place = f"_{self['port']}._tcp.{host.removesuffix('.')}."
            yield f"{place} IN TLSA {told} {record.association.hex()}"


__all__ = ["TLSAOptions"]
