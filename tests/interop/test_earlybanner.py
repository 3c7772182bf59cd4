"""
Greetings that leave with the first flight of a handshake, as others see them.
"""

from __future__ import annotations

import socket
import ssl

from tests.tls.identities import ROOT, made
from tests.tls.responses import answered, kept

from .exim import EximClient
from .running import PATIENCE_SECONDS, freePort, waitFor
from .test_certificates import MESSAGE, VERSIONS, OpenSSLTestCase

_EARLY = '[extensions.EARLYBANNER]\ntls_early_banner_hosts = ["127.0.0.0/8"]\n'


class Hesitant:
    """
    A client that does not finish its handshake before it is told to.

    @ivar heard: what it was told until then.
    """

    def __init__(self, port: int, header: bytes = b"") -> None:
        """
        @param header: what is said before the handshake.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out)
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self._socket.sendall(header + self._out.read())
        while True:
            self._in.write(self._receive())
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            break

    def greeting(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """
        What it was told, with its Finished still here.

        @param seconds: how long it waits for it.
        """
        self._socket.settimeout(seconds)
        while True:
            try:
                return self._tls.read(1000)
            except ssl.SSLWantReadError:
                pass
            try:
                self._in.write(self._receive())
            except TimeoutError:
                return b""

    def ask(self, command: bytes) -> bytes:
        """Finish the handshake, say something, and hear what comes."""
        self._tls.write(command)
        self._socket.sendall(self._out.read())
        return self.greeting()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self) -> bytes:
        octets = self._socket.recv(65536)
        assert octets, "the server has hung up"
        return octets


class EarlyBannerTests(OpenSSLTestCase):
    """Who is greeted when."""

    def hesitant(self, port: int, header: bytes = b"") -> Hesitant:
        """A client that is closed with the test."""
        client = Hesitant(port, header)
        self.closing(client.close)
        return client

    def test_beforeFinished(self) -> None:
        """
        A listed client is greeted before it has finished its handshake, and nobody
        else; the session goes on in either case.
        """
        for configuration, early in ((_EARLY, True), ("", False)):
            server = self.serve(configuration)
            client = self.hesitant(server.tlsPort)
            said = client.greeting(PATIENCE_SECONDS if early else 0.3)
            self.assertEqual(said[:4], b"220 " if early else b"")
            said = client.ask(b"EHLO c.example\r\n")
            self.assertEqual(said[:4], b"250-" if early else b"220 ")

    def test_openssl(self) -> None:
        """
        C{openssl s_client} of either version has its greeting, the certificate for the
        name that it asks for, and its staple.
        """
        configuration = _EARLY
        for index, name in enumerate(("first.example", "second.example")):
            identity = made(ROOT, names=[name])
            files = kept(self.folder / str(index), identity, answered(identity, ROOT))
            configuration += (
                f'[[tls.certificates]]\ncertificate = "{files.chain}"\n'
                f'key = "{files.key}"\ntls_ocsp_file = "{files.staple}"\n'
            )
        server = self.serve(configuration)
        for version in VERSIONS:
            for name in ("first.example", "second.example"):
                said = self.talk(
                    server,
                    *("-status", version, "-servername", name),
                    *("-verify_hostname", name, "-verify_return_error"),
                    implicit=True,
                )
                self.assertIn("Cert Status: good", said)
                self.assertIn("220 ", said)
                self.assertIn("\n221", said)

    def test_secondHello(self) -> None:
        """
        A client whose first hello has no share of a group of ours gets through all the
        same.
        """
        server = self.serve(_EARLY)
        for groups in ("P-384:X25519", "P-521:P-384"):
            said = self.talk(server, "-groups", groups, implicit=True)
            self.assertIn("220 ", said)
            self.assertIn("\n221", said)

    def test_proxy(self) -> None:
        """
        Behind a proxy it is the client that has to be in the list.
        """
        port = freePort()
        server = self.serve(
            f'[[listener]]\nport = {port}\naddress = "127.0.0.1"\ntls = "implicit"\n'
            'proxy_hosts = ["127.0.0.1"]\n[extensions.EARLYBANNER]\n'
            'tls_early_banner_hosts = ["192.0.2.7"]\n'
        )
        self.assertIn(f"{port}", server.said())
        for source, early in (("192.0.2.7", True), ("192.0.2.8", False)):
            header = f"PROXY TCP4 {source} 192.0.2.1 40000 465\r\n".encode("ascii")
            client = self.hesitant(port, header)
            said = client.greeting(PATIENCE_SECONDS if early else 0.3)
            self.assertEqual(said[:4], b"220 " if early else b"")

    def test_exim(self) -> None:
        """
        Exim sends by implicit TLS.
        """
        server = self.serve(_EARLY)
        exim = EximClient(
            server.tlsPort,
            ["protocol = smtps", "tls_verify_hosts =", "tls_try_verify_hosts ="],
            host="127.0.0.1",
            bare=True,
        )
        self.addCleanup(exim.remove)
        exim.send("bob@localhost", MESSAGE)
        waitFor(lambda: any(" <= " in line for line in server.mainLog()), "arrival")
        [arrival] = server.accepted()
        self.assertIn("X=TLS1.3", arrival)
