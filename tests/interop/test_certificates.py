"""
Certificates of both sides, and staples, with C{openssl s_client} and Exim.

The certificates and responses are made here, or by the commands that the manual
prints.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography.x509.ocsp import OCSPCertStatus, load_der_ocsp_response

import smtpx
from smtpx.tls.certificates import CertificateFiles
from tests.tls.identities import ROOT, STRANGER, Identity, made
from tests.tls.joined import pem, pemKey, replace
from tests.tls.responses import DAY, answered, framed, kept

from .cases import InteropTestCase, findPeer
from .exim import EximClient
from .postfix import PostfixClient
from .running import PATIENCE_SECONDS, RunningServer, freePort, waitFor

MANUAL = Path(smtpx.__file__).parents[1] / "doc" / "howto"
VERSIONS = ("-tls1_2", "-tls1_3")
MESSAGE = b"Subject: certificates\n\nIt works.\n"


class OpenSSLTestCase(InteropTestCase):
    """
    A test with C{openssl}.

    @ivar folder: for certificates.
    """

    def setUp(self) -> None:
        """Find it, and make a folder."""
        self.openssl = findPeer("openssl", "openssl")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        InteropTestCase.setUp(self)

    def await_(self, said: Callable[[], str], text: str) -> None:
        """Wait until something is said."""
        waitFor(lambda: text in said(), text)

    def talk(
        self,
        server: RunningServer,
        *options: str,
        implicit: bool = False,
        status: int = 0,
    ) -> str:
        """
        Connect, say EHLO and QUIT under TLS, and give what was printed of it: the
        answer to QUIT, if it got so far.

        @param status: with which it ends.
        """
        port = server.tlsPort if implicit else server.port
        words = [self.openssl, "s_client", "-connect", f"127.0.0.1:{port}"]
        words += ["-CAfile", str(self.folder / "ca.pem"), "-ign_eof", "-crlf"]
        words += [] if implicit else ["-starttls", "smtp"]
        return self.run_([*words, *options], b"EHLO c.example\nQUIT\n", None, status)


class StaplingTests(OpenSSLTestCase):
    """Staples, seen by C{openssl s_client -status}."""

    def certificate(self, files: CertificateFiles) -> str:
        """The configuration of a certificate."""
        return (
            f'[[tls.certificates]]\ncertificate = "{files.chain}"\n'
            f'key = "{files.key}"\ntls_ocsp_file = "{files.staple}"\n'
        )

    def stapled(self, said: str) -> str:
        """The serial number in the staple that was shown."""
        self.assertIn("OCSP Response Status: successful (0x0)", said)
        self.assertIn("Cert Status: good", said)
        [serial] = re.findall(r"Serial Number: ([0-9A-F]+)", said)[:1]
        return str(serial)

    def serial(self, identity: Identity) -> str:
        """A certificate's, as OpenSSL writes it."""
        octets = f"{identity.certificate.serial_number:X}"
        return octets.zfill(len(octets) + len(octets) % 2)

    def test_staples(self) -> None:
        """
        Each certificate comes with its own staple, by STARTTLS and implicit TLS,
        in either version; one is PEM.
        """
        first = made(ROOT, names=["first.example"])
        second = made(ROOT, names=["second.example"])
        server = self.serve(
            self.certificate(kept(self.folder / "1", first, answered(first, ROOT)))
            + self.certificate(
                kept(self.folder / "2", second, framed(answered(second, ROOT)))
            )
        )
        for implicit in (False, True):
            for version in VERSIONS:
                for name, identity in (
                    ("first.example", first),
                    ("second.example", second),
                    ("third.example", first),
                ):
                    options = ["-status", version, "-servername", name]
                    said = self.talk(server, *options, implicit=implicit)
                    self.assertEqual(self.stapled(said), self.serial(identity))
                    self.assertIn("Verify return code: 0 (ok)", said)
                    self.assertIn("\n221", said)

    def test_notGood(self) -> None:
        """
        What no client would believe is not sent, and the mail comes in.
        """
        identity = made(ROOT)
        files = kept(self.folder / "1", identity)
        server = self.serve(self.certificate(files))
        assert files.staple is not None
        for response in (
            None,
            b"rubbish",
            answered(identity, ROOT, begins=-2 * DAY, ends=-DAY),
            answered(identity, ROOT, ends=None),
            answered(identity, ROOT, status=OCSPCertStatus.REVOKED),
            answered(made(ROOT), ROOT),
            answered(identity, ROOT, responder=STRANGER),
        ):
            if response is not None:
                replace(files.staple, response)
            for version in VERSIONS:
                said = self.talk(server, "-status", version)
                self.assertIn("OCSP response: no response sent", said)
                self.assertIn("\n221", said)

    def test_replaced(self) -> None:
        """
        A file that is replaced is sent from then on; one that goes away is missed
        by nobody.
        """
        identity = made(ROOT)
        files = kept(self.folder / "1", identity)
        server = self.serve(self.certificate(files))
        assert files.staple is not None

        def sent() -> str:
            return self.talk(server, "-status")

        self.assertIn("no response sent", sent())
        for days in (1, 2):
            response = answered(identity, ROOT, ends=days * DAY)
            ends = load_der_ocsp_response(response).next_update_utc
            assert ends is not None
            # As OpenSSL writes it: the day without a leading nought.
            until = f"{ends:%b} {ends.day:2} {ends:%H:%M:%S %Y} GMT"
            replace(files.staple, response)
            self.await_(sent, f"Next Update: {until}")
        files.staple.unlink()

        def told() -> str:
            # Files are looked at when there is a handshake.
            sent()
            return server.said()

        self.await_(told, "No such file or directory; the staple from before")
        self.assertIn(until, sent())

    def test_exim(self) -> None:
        """
        An Exim that wants a staple delivers where there is one, and checks it; it
        does not where there is none.
        """
        identity = made(ROOT, names=["localhost"])
        for response, delivered in ((answered(identity, ROOT), 1), (None, 0)):
            files = kept(self.folder / str(delivered), identity, response)
            server = self.serve(self.certificate(files))
            options = ["hosts_require_ocsp = *", "hosts_request_ocsp = *"]
            client = EximClient(server.port, options, self.folder / "ca.pem")
            self.addCleanup(client.remove)
            client.send("ann@localhost", MESSAGE)
            self.assertEqual(len(client.deliveries()), delivered, client.log())
            server.delivered(delivered)


class FetchingTests(OpenSSLTestCase):
    """The scripts that C{doc/howto/certificates.rst} prints."""

    def script(self, place: int, **changes: str) -> Path:
        """
        One of its scripts, with other paths.
        """
        page = (MANUAL / "certificates.rst").read_text("utf-8")
        blocks = re.findall(r"code-block:: sh\n\n((?: {3}.*\n|\n)+)", page)
        text = re.sub("^ {3}", "", blocks[place], flags=re.MULTILINE)
        for name, value in changes.items():
            text, count = re.subn(
                rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE
            )
            self.assertEqual(count, 1, name)
        path = self.folder / f"script{place}"
        path.write_text(text)
        path.chmod(0o755)
        return path

    def responder(self, identity: Identity, port: int) -> None:
        """An authority's responder, by C{openssl ocsp}."""
        certificate = identity.certificate
        ends = certificate.not_valid_after_utc
        (self.folder / "index.txt").write_text(
            f"V\t{ends:%y%m%d%H%M%S}Z\t\t{certificate.serial_number:X}\tunknown\t/CN=x\n"
        )
        (self.folder / "ca-key.pem").write_bytes(pemKey(ROOT.key))
        words = "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca-key.pem"
        said = (self.folder / "responder.log").open("wb")
        process = subprocess.Popen(
            [self.openssl, *words.split(), "-ndays", "7", "-port", str(port)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        said.close()

        def end() -> None:
            process.kill()
            process.wait(PATIENCE_SECONDS)

        self.addCleanup(end)
        text = self.folder / "responder.log"
        waitFor(lambda: "waiting for" in text.read_text(), "the responder")

    def test_fetch(self) -> None:
        """
        The script fetches a response from the authority's responder, and the
        server takes it.
        """
        port = freePort()
        identity = made(ROOT, responder=f"http://127.0.0.1:{port}")
        self.responder(identity, port)
        files = kept(self.folder / "tls", identity)
        replace(files.chain.with_name("cert.pem"), pem(identity.certificate))
        replace(files.chain.with_name("chain.pem"), pem(ROOT.certificate))
        script = self.script(1, tls=str(files.chain.parent))
        self.assertEqual(self.run_([str(script)]), "")
        server = self.serve(
            f'[[tls.certificates]]\ncertificate = "{files.chain}"\n'
            f'key = "{files.key}"\ntls_ocsp_file = "{files.staple}"\n'
        )
        self.assertIn("Cert Status: good", self.talk(server, "-status"))
        # Another authority's word is told of, and not kept.
        assert files.staple is not None
        good = files.staple.read_bytes()
        replace(files.chain.with_name("chain.pem"), pem(STRANGER.certificate))
        self.assertIn("rror", self.run_([str(script)], status=1))
        self.assertEqual(files.staple.read_bytes(), good)

    def test_hook(self) -> None:
        """
        The hook copies what certbot has renewed, for the server's group alone.
        """
        live = self.folder / "live"
        live.mkdir()
        for name in ("cert", "chain", "fullchain", "privkey"):
            (live / f"{name}.pem").write_text(name)
        script = self.script(0, live=str(live), to=str(self.folder / "tls"))
        # There need not be a group of the server's here.
        text = script.read_text().replace("-g smtpx", f"-g {os.getgid()}")
        script.write_text(text)
        for _ in range(2):
            self.run_([str(script)])
        key = self.folder / "tls" / "privkey.pem"
        self.assertEqual(key.read_text(), "privkey")
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o640)
        self.assertEqual(len(os.listdir(key.parent)), 4)


class ClientCertificateTests(OpenSSLTestCase):
    """Clients that show certificates."""

    def serving(self, **options: str) -> RunningServer:
        """A server that asks for certificates, with options in TOML."""
        lines = [f"{name} = {value}" for name, value in options.items()]
        return self.serve(
            f'[tls]\nclient_authorities = "{self.folder / "ca.pem"}"\n'
            + "\n".join(lines)
            + '\n[log]\nselectors = ["+tls_peerdn", "+smtp_connection"]\n'
        )

    def shown(self, identity: Identity) -> list[str]:
        """The options that have it show a certificate."""
        path = self.folder / f"{identity.certificate.serial_number:x}.pem"
        path.write_bytes(pem(*identity.chain) + pemKey(identity.key))
        return ["-cert", str(path), "-key", str(path)]

    def test_demanded(self) -> None:
        """
        Where a certificate is demanded nobody comes in without a good one, in
        either version of TLS, by STARTTLS or implicit TLS, and the log says why.
        """
        server = self.serving(tls_verify_hosts='["127.0.0.1"]')
        expired = made(ROOT, ends=-timedelta(hours=1))
        for implicit in (False, True):
            for version in VERSIONS:
                said = self.talk(
                    server, version, *self.shown(made(ROOT)), implicit=implicit
                )
                self.assertIn("\n221", said)
                for options in ([], self.shown(expired), self.shown(made(STRANGER))):
                    said = self.talk(
                        server, version, *options, implicit=implicit, status=1
                    )
                    self.assertIn("alert", said)
                    self.assertNotIn("\n221", said)
        server.stop()
        log = "\n".join(server.mainLog())
        for reason in (
            "peer did not return a certificate",
            "certificate verify failed: certificate has expired",
            "certificate verify failed: unable to get local issuer certificate",
        ):
            self.assertEqual(log.count(f" [127.0.0.1]: {reason}"), 4, log)

    def test_asked(self) -> None:
        """
        Where it is merely asked for, everybody comes in.
        """
        server = self.serving()
        for version in VERSIONS:
            for options in ([], self.shown(made(STRANGER)), self.shown(made(ROOT))):
                said = self.talk(server, version, *options)
                self.assertIn("\n221", said)
                self.assertIn("Acceptable client certificate CA names", said)
        others = self.serving(tls_try_verify_hosts='["192.0.2.1"]')
        said = self.talk(others)
        self.assertIn("No client certificate CA names sent", said)

    def test_exim(self) -> None:
        """
        Exim shows its certificate, and our log says who it was.
        """
        server = self.serving(tls_verify_hosts='["127.0.0.1"]')
        identity = made(ROOT)
        for number in (1, 0):
            client = EximClient(server.port, (), server.authority)
            self.addCleanup(client.remove)
            if number:
                client.show(pem(*identity.chain) + pemKey(identity.key))
            client.send("ann@localhost", MESSAGE)
            self.assertEqual(len(client.deliveries()), number, client.log())
        [line] = server.accepted()
        self.assertIn(' CV=yes DN="CN=backup.example.org" ', line)

    def test_postfix(self) -> None:
        """
        So does Postfix; without its certificate it stays out.
        """
        server = self.serving(tls_verify_hosts='["127.0.0.1"]')
        path = self.shown(made(ROOT))[1]
        shown = {"smtp_tls_cert_file": path, "smtp_tls_key_file": path}
        for options, word in ((shown, "sent"), ({}, "deferred")):
            options = {"smtp_tls_security_level": "encrypt", **options}
            client = PostfixClient(server.port, options)
            self.addCleanup(client.remove)
            client.send("ann@localhost", MESSAGE)
            self.await_(client.log, f" status={word} ")
        [line] = server.accepted()
        self.assertIn(' CV=yes DN="CN=backup.example.org" ', line)

    def test_manual(self) -> None:
        """
        The commands that C{doc/howto/client-certificates.rst} prints make an
        authority and a certificate that is good.
        """
        page = (MANUAL / "client-certificates.rst").read_text("utf-8")
        commands = re.findall(r"^ {3}\$ ((?:.*\\\n)*.*)$", page, re.MULTILINE)
        making = [each for each in commands if "s_client" not in each]
        self.assertEqual(len(making), 3)
        for command in making:
            self.run_(["sh", "-c", f"cd {self.folder} && {command}"])
        (self.folder / "clients.pem").replace(self.folder / "clients")
        server = self.serve(
            f'[tls]\nclient_authorities = "{self.folder / "clients"}"\n'
            'tls_verify_hosts = ["127.0.0.1"]\n'
        )
        key = ["-key", str(self.folder / "backup-key.pem")]
        said = self.talk(server, "-cert", str(self.folder / "backup.pem"), *key)
        self.assertIn("\n221", said)
