"""
What a TLS handshake costs, in full and resumed, by version and kind of key: processor
time of both ends together, octets, and round trips until the client may speak.

Everything is in memory, in one process, with the contexts of this package::

    python -m tests.bench.resumption --count 200

Each figure is the median of so many handshakes, done in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import define, evolve, frozen
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL
from twisted.internet.task import Clock

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlssession import TLSSession
from smtpx.core.tlsterms import TLSTerms
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from tests.tls.identities import ROOT, made
from tests.tls.joined import AUTHORITY, NOW, Wrapped, pem, pemKey, store

_OCTETS = 1 << 16
_NAME = "mx.example.org"

#: What is tried: a version, and the group of the key exchange.
_KINDS = (
    ("TLS 1.3, X25519MLKEM768", SSL.TLS1_3_VERSION, "X25519MLKEM768"),
    ("TLS 1.3, X25519", SSL.TLS1_3_VERSION, "X25519"),
    # The other group is that of the certificate, which TLS 1.2 wants to hear of.
    ("TLS 1.2, X25519", SSL.TLS1_2_VERSION, "X25519:secp256r1"),
)


@frozen
class Cost:
    """
    What one handshake cost.

    @ivar milliseconds: of processor time, both ends together.
    @ivar octets: on the wire, both ways, with the tickets.
    @ivar flights: round trips until the client may speak.
    """

    milliseconds: float
    octets: int
    flights: int


@define
class Pair:
    """
    A server and a client.

    @ivar session: what the client would resume.
    """

    server: ServerTLS
    client: ClientTLS
    version: int
    options: TLSOptions
    session: TLSSession | None = None

    def shake(self, session: TLSSession | None) -> Cost:
        """Do a handshake, and say one line; what it left is in C{session}."""
        begun = time.process_time()
        options = evolve(self.options, session=session)
        server = self.server.creator(options).serverConnectionForTLS(
            Wrapped().asProtocol()
        )
        server.set_accept_state()
        client = self.client.creator(options).clientConnectionForTLS(
            Wrapped().asProtocol()
        )
        if self.version == SSL.TLS1_2_VERSION:
            client.set_options(SSL.OP_NO_TLSv1_3)
        client.set_connect_state()
        octets = flights = 0
        done = False
        while not done:
            done = _step(client)
            octets += _carry(client, server)
            if not done:
                flights += 1
                _step(server)
                octets += _carry(server, client)
        _step(server)
        server.send(b"250 hello\r\n")
        octets += _carry(server, client)
        client.recv(_OCTETS)
        info = self.client.info(client, options)
        spent = time.process_time() - begun
        assert info.resumed is (session is not None), info
        now = NOW.timestamp()
        self.session = self.client.session(client, options, info, now)
        return Cost(1000 * spent, octets, flights)


def _step(side: SSL.Connection) -> bool:
    try:
        side.do_handshake()
    except SSL.WantReadError:
        return False
    return True


def _carry(source: SSL.Connection, target: SSL.Connection) -> int:
    try:
        octets = source.bio_read(_OCTETS)
    except SSL.WantReadError:
        return 0
    target.bio_write(octets)
    return len(octets)


def pairs(folder: Path) -> Iterator[tuple[str, str, Pair]]:
    """What is compared: a kind of key, a kind of handshake, and those who do it."""
    keys: dict[str, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "RSA 2048": rsa.generate_private_key(65537, 2048),
        "RSA 4096": rsa.generate_private_key(65537, 4096),
    }
    clock = Clock()
    clock.advance(NOW.timestamp())
    for word, key in keys.items():
        identity = made(ROOT, _NAME, key=key, names=[_NAME])
        files = store(folder / word, pem(*identity.chain), pemKey(key))
        server = ServerTLS((files,), clock=clock)
        client = ClientTLS((AUTHORITY.certificate,))
        for kind, version, group in _KINDS:
            options = TLSOptions(
                serverName=_NAME.encode(),
                tickets=True,
                terms=TLSTerms(groups=group),
            )
            yield word, kind, Pair(server, client, version, options)


def measure(pair: Pair, count: int) -> tuple[Cost, Cost]:
    """A full handshake, and one that is resumed, in turns."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for _ in range(count):
        costs[0].append(pair.shake(None))
        assert pair.session is not None, "the server gives tickets"
        costs[1].append(pair.shake(pair.session))
    full, again = (
        Cost(
            statistics.median(each.milliseconds for each in some),
            round(statistics.median(each.octets for each in some)),
            max(each.flights for each in some),
        )
        for some in costs
    )
    return full, again


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="handshakes of each")
    wanted = parser.parse_args()
    print(f"{'key':9} {'handshake':24} {'ms':>14} {'octets':>14} {'round trips':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for key, kind, pair in pairs(Path(folder)):
            full, again = measure(pair, wanted.count)
            print(
                f"{key:9} {kind:24}"
                f" {full.milliseconds:6.2f} {again.milliseconds:7.2f}"
                f" {full.octets:6} {again.octets:7}"
                f" {full.flights:6} {again.flights:5}"
            )


if __name__ == "__main__":
    main()
