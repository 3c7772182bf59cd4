"""
OCSP responses of real servers, judged by our client: those of C{openssl s_server},
of Exim, and of our own server.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.x509.ocsp import OCSPCertStatus
from OpenSSL import SSL

from smtpx.core.errors import PeerError
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.stapled import Stapled, StapleWish
from smtpx.tls.client import ClientTLS
from tests.tls.identities import ROOT, Identity, made
from tests.tls.joined import Wrapped, pem, pemKey
from tests.tls.responses import answered

from .cases import InteropTestCase, findPeer
from .eximserver import EximServer
from .running import ROOT as SOURCES, RunningProgram, RunningServer, freePort, waitFor

VERSIONS = ("-tls1_2", "-tls1_3")
HOST = "mx.example.org"

_TARGET = """
[[listener]]
port = {port}
address = "127.0.0.1"
[local]
domains = ["box.example"]
[[tls.certificates]]
certificate = "{folder}/certificate.pem"
key = "{folder}/key.pem"
{staple}
"""

_SENDER = """
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
hosts = {hosts}
{route}
[sending]
idle_seconds = 0
tls_verify_certificates = "{folder}/ca.pem"
{lists}
[log]
selectors = ["+tls_certificate_verified"]
[dns]
hosts_file = "{folder}/hosts"
"""

_REQUIRED = f'hosts_require_ocsp = ["{HOST}"]'
_MESSAGE = b"Subject: standing\r\n\r\nIt is good.\r\n"


class OCSPTestCase(InteropTestCase):
    """A test with a certificate, and a folder for it."""

    def setUp(self) -> None:
        """Make both."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "hosts").write_text(f"127.0.0.1 {HOST}\n")
        self.install(made(ROOT, HOST, names=[HOST]))

    def install(self, identity: Identity) -> None:
        """Have servers show a certificate."""
        self.identity = identity
        (self.folder / "certificate.pem").write_bytes(pem(*identity.chain))
        (self.folder / "key.pem").write_bytes(pemKey(identity.key))
        (self.folder / "ca.pem").write_bytes(pem(ROOT.certificate))

    def staple(self, octets: bytes) -> Path:
        """Have servers that read the file staple a response."""
        path = self.folder / "staple.der"
        path.write_bytes(octets)
        return path

    def standing(self, status: OCSPCertStatus) -> Path:
        """Have them staple what the authority says."""
        return self.staple(answered(self.identity, ROOT, status=status))


class OpenSSLTests(OCSPTestCase):
    """C{openssl s_server -status_file}, which staples what it is given."""

    def setUp(self) -> None:
        """Find it."""
        self.openssl = findPeer("openssl", "openssl")
        super().setUp()

    def shaken(self, version: str, options: TLSOptions) -> TLSInfo:
        """
        What a handshake with it comes to.

        @raise PeerError: it is not gone through with.
        """
        port = freePort()
        words = [self.openssl, "s_server", "-accept", f"127.0.0.1:{port}", version]
        words += ["-cert", str(self.folder / "certificate.pem"), "-www"]
        words += ["-key", str(self.folder / "key.pem"), "-status_verbose"]
        words += ["-cert_chain", str(self.folder / "ca.pem")]
        staple = self.folder / "staple.der"
        words += ["-status_file", str(staple)] if staple.exists() else []
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        program = RunningProgram(folder, words)
        self.addCleanup(program.kill)
        program.await_(re.compile("ACCEPT"))
        wrapped = Wrapped()
        client = ClientTLS(ROOT.chain)
        creator = client.creator(options)
        connection = creator.clientConnectionForTLS(wrapped.asProtocol())
        connection.set_connect_state()
        with socket.create_connection(("127.0.0.1", port), 10) as wire:
            while True:
                try:
                    connection.do_handshake()
                except SSL.WantReadError:
                    self._write(connection, wire)
                    connection.bio_write(wire.recv(65536))
                except SSL.Error:
                    assert wrapped.reason is not None
                    wrapped.reason.raiseException()
                else:
                    self._write(connection, wire)
                    return client.info(connection, options)

    def _write(self, connection: SSL.Connection, wire: socket.socket) -> None:
        try:
            wire.sendall(connection.bio_read(65536))
        except SSL.WantReadError:
            pass

    def test_judged(self) -> None:
        """
        Good, revoked, unknown, for another certificate, and none: in either version
        each is told apart, and only a good one is enough where one is required.
        """
        asked = TLSOptions(serverName=HOST.encode(), staple=StapleWish.ASKED)
        good = answered(self.identity, ROOT)
        revoked = answered(self.identity, ROOT, status=OCSPCertStatus.REVOKED)
        unknown = answered(self.identity, ROOT, status=OCSPCertStatus.UNKNOWN)
        other = answered(made(ROOT, "other.example"), ROOT)
        for version in VERSIONS:
            for octets, stapled, verified, required in (
                (None, Stapled.NONE_GOOD, True, False),
                (good, Stapled.SENT, True, True),
                (revoked, Stapled.FAILED, False, False),
                (unknown, Stapled.FAILED, True, False),
                (other, Stapled.FAILED, True, False),
            ):
                if octets is None:
                    (self.folder / "staple.der").unlink(missing_ok=True)
                else:
                    self.staple(octets)
                self.assertIs(self.shaken(version, asked).stapled, stapled)
                for wish, expected in (
                    (StapleWish.ASKED, verified),
                    (StapleWish.REQUIRED, required),
                ):
                    options = TLSOptions(
                        serverName=HOST.encode(), verified=True, staple=wish
                    )
                    if expected:
                        self.assertTrue(self.shaken(version, options).verified)
                    else:
                        self.assertRaises(PeerError, self.shaken, version, options)


class SendingTests(OCSPTestCase):
    """Our server sends to servers that staple."""

    def sender(
        self, ports: Sequence[int], lists: str, route: str = ""
    ) -> RunningServer:
        """Start it; it tries a host at each port, one after the other."""
        hosts = [f"{HOST}:{port}" for port in ports]
        text = _SENDER.format(hosts=hosts, folder=self.folder, lists=lists, route=route)
        return self.serve(text)

    def sent(self, sender: RunningServer) -> str:
        """Have a message sent; the line of the log on what becomes of it."""
        with smtplib.SMTP("127.0.0.1", sender.port) as client:
            client.sendmail("ann@client.example", ["bob@box.example"], _MESSAGE)
        ends = re.compile(" => | == | [*][*] ")

        def lines() -> list[str]:
            return [each for each in sender.mainLog() if ends.search(each)]

        waitFor(lambda: bool(lines()), "an end of the message")
        return lines()[0]

    def target(self, staple: Path | None) -> int:
        """Start one of ours; it sends only what is good."""
        port = freePort()
        named = "" if staple is None else f'tls_ocsp_file = "{staple}"'
        self.serve(_TARGET.format(port=port, folder=self.folder, staple=named))
        return port

    def test_ourselves(self) -> None:
        """
        Who has to have a good response and has one gets the mail; who has none gets
        nothing, and the log tells why, and who wants it.
        """
        port = self.target(self.standing(OCSPCertStatus.GOOD))
        self.assertIn(" CV=yes ", self.sent(self.sender([port], _REQUIRED)))
        bare = self.target(None)
        line = self.sent(self.sender([bare], _REQUIRED))
        self.assertIn(" == bob@box.example ", line)
        self.assertIn("the server sent no OCSP response", line)
        self.assertIn("hosts_require_ocsp", line)
        self.assertIn(" => bob@box.example ", self.sent(self.sender([bare], "")))

    def test_nextHost(self) -> None:
        """Where one host has none, the next one gets the mail that has."""
        bare = self.target(None)
        port = self.target(self.standing(OCSPCertStatus.GOOD))
        sender = self.sender([bare, port], _REQUIRED)
        line = self.sent(sender)
        self.assertIn(" => bob@box.example ", line)
        self.assertIn(" CV=yes ", line)

    def test_mustStaple(self) -> None:
        """A certificate that demands a response is good with one, and only then."""
        self.install(made(ROOT, HOST, names=[HOST], demands=True))
        route = 'tls = "verified"'
        port = self.target(self.standing(OCSPCertStatus.GOOD))
        self.assertIn(" CV=yes ", self.sent(self.sender([port], "", route)))
        bare = self.target(None)
        line = self.sent(self.sender([bare], "", route))
        self.assertIn(" == ", line)
        self.assertIn("RFC 7633", line)
        # Whoever takes any certificate takes this one.
        self.assertIn(" => ", self.sent(self.sender([bare], "")))

    def test_explained(self) -> None:
        """C{smtpx send --explain-tls} tells what was asked, and what was shown."""
        program = str(Path(sys.executable).with_name("smtpx"))
        port = self.target(self.standing(OCSPCertStatus.GOOD))
        words = [program, "send", "--server", f"127.0.0.1:{port}", "--quiet"]
        words += ["--tls", "encrypted", "--explain-tls", "--quit-after", "tls"]
        words += ["--to", "bob@box.example"]
        places = {"PYTHONPATH": str(SOURCES)}
        said = self.run_(words, environment=places)
        self.assertIn("(OCSP): it is good, until ", said)
        for staple, status, told in (
            (self.standing(OCSPCertStatus.GOOD), 0, "(OCSP): it is good, until "),
            (None, 1, "no good OCSP response for the certificate"),
        ):
            server = self.sender([self.target(staple)], _REQUIRED)
            words = [program, "send", "--route", "--quiet", "--explain-tls"]
            words += ["--config", str(server.folder / "smtpx.toml")]
            words += ["--from", "me@a.example", "--to", "bob@box.example"]
            said = self.run_(words, environment=places, status=status)
            self.assertIn(told, said)
            self.assertIn("and that its certificate was not revoked", said)

    def test_exim(self) -> None:
        """
        Exim staples what is in its file, and nothing where it has none.  (With GnuTLS
        it has no TLS at all where the certificate is revoked.)
        """
        # Where Exim's user can see it.
        folder = Path(tempfile.mkdtemp(prefix="smtpx-ocsp-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        for status, end, why in (
            (OCSPCertStatus.GOOD, " => ", " CV=yes "),
            (None, " == ", "the server sent no OCSP response"),
        ):
            options = []
            if status is not None:
                staple = shutil.copy(self.standing(status), folder)
                options = [f"tls_ocsp_file = {staple}"]
            exim = EximServer(self.folder, "+all", "x", options=options)
            self.closing(exim.close)
            line = self.sent(self.sender([exim.port], _REQUIRED))
            for words in (end, why):
                self.assertIn(words, line, exim.log())
