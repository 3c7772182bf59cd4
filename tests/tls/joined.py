"""
What the tests of TLS share: certificates in files, and the two sides of a
handshake joined in memory.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from attrs import define
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from smtpx.core.hooks import TLSOptions
from smtpx.tls.authority import Authority
from smtpx.tls.certificates import CertificateFiles, PrivateKey
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS

#: When the certificates of the tests are made.
NOW = datetime.now(UTC)
#: A handshake without anything special.
PLAIN = TLSOptions()
#: One authority for all tests.
AUTHORITY = Authority.new("tests", NOW)


@define(eq=False)
class Wrapped:
    """
    Stands in for Twisted's side of a connection.

    @ivar reason: why it is to end.
    """

    reason: Failure | None = None

    def failVerification(self, reason: Failure) -> None:
        """See L{TLSMemoryBIOProtocol}."""
        self.reason = reason

    def asProtocol(self) -> TLSMemoryBIOProtocol:
        """It, for those who want the real thing."""
        return cast(TLSMemoryBIOProtocol, self)


def pemKey(key: PrivateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def issue(*names: str, ago: timedelta = timedelta()) -> tuple[bytes, bytes]:
    """
    Make a certificate of L{AUTHORITY}.

    @param ago: how long it has been there.
    @return: the chain, and the key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = AUTHORITY.issue(key, names, (), NOW - ago)
    return pem(certificate, AUTHORITY.certificate), pemKey(key)


def store(folder: Path, chain: bytes, key: bytes) -> CertificateFiles:
    """Write a certificate as two files into C{folder}, which is made."""
    folder.mkdir(exist_ok=True)
    files = CertificateFiles(folder / "certificate.pem", folder / "key.pem")
    replace(files.chain, chain)
    replace(files.keyFile, key)
    return files


def replace(path: Path, octets: bytes) -> None:
    """Put another file in the place of one, as careful programs do."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(octets)
    os.replace(temporary, path)


def accepting(tls: ServerTLS, options: TLSOptions = PLAIN) -> SSL.Connection:
    """The server's side of a handshake that is about to begin."""
    connection = tls.creator(options).serverConnectionForTLS(Wrapped().asProtocol())
    connection.set_accept_state()
    return connection


def connecting(
    name: bytes | None = None,
    *,
    verified: bool = False,
    tls: ClientTLS | None = None,
    wrapped: Wrapped | None = None,
) -> SSL.Connection:
    """The client's side of a handshake that is about to begin."""
    creator = (tls or ClientTLS((AUTHORITY.certificate,))).creator(
        TLSOptions(serverName=name, verified=verified)
    )
    protocol = (wrapped or Wrapped()).asProtocol()
    connection = creator.clientConnectionForTLS(protocol)
    connection.set_connect_state()
    return connection


def bare(context: SSL.Context) -> SSL.Connection:
    """A client's side under a context of the test's own."""
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    return connection


def move(source: SSL.Connection, target: SSL.Connection) -> bool:
    """
    Carry what one side has written to the other.

    @return: was there anything?
    """
    try:
        target.bio_write(source.bio_read(65536))
    except SSL.WantReadError:
        return False
    return True


def shake(server: SSL.Connection, client: SSL.Connection) -> None:
    """
    Do a handshake.

    @raise SSL.Error: one side does not want to go on.
    """
    waiting = [client, server]
    moved = True
    while waiting and moved:
        for side in waiting.copy():
            try:
                side.do_handshake()
            except SSL.WantReadError:
                pass
            else:
                waiting.remove(side)
        moved = move(client, server) | move(server, client)
    assert not waiting, "the handshake stands still"


def tell(sender: SSL.Connection, receiver: SSL.Connection, octets: bytes) -> bytes:
    """Send something through TLS; returns what arrived."""
    sender.send(octets)
    move(sender, receiver)
    return receiver.recv(65536)


def shown(tls: ServerTLS, name: bytes | None = None) -> set[str]:
    """The names in the certificate that a client is shown."""
    server, client = accepting(tls), connecting(name)
    shake(server, client)
    certificate = client.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    found: Any = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return set(found.value.get_values_for_type(x509.DNSName))
