"""
curl, which many scripts send their mail with.
"""

from __future__ import annotations

from pathlib import Path

from tests.tls.identities import ROOT, made
from tests.tls.joined import pem, pemKey

from .cases import InteropTestCase, findPeer
from .running import RunningServer

USER, PASSWORD = "joe@example.org", "correct horse"

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n.\r\n..dots\r\n"


VALIDATED = '[users]\ntoken_validator = "tests.interop.validator:check"\n'


class CurlTestCase(InteropTestCase):
    """Uploads."""

    def curl(
        self, server: RunningServer, url: str, *options: str, status: int = 0
    ) -> None:
        """
        Upload a message.

        @param status: with which curl has to end.
        """
        words = [findPeer("curl", "curl"), "--silent", "--show-error", "--url", url]
        words += ["--mail-from", "ann@client.example"]
        words += ["--mail-rcpt", "bob@localhost"]
        words += ["--cacert", str(server.authority), "--upload-file", "-"]
        command = [*words, "--max-time", "20", *options]
        self.run_(command, MESSAGE, status=status)

    def arrived(self, server: RunningServer, protocol: bytes) -> None:
        """The message is there, octet for octet."""
        [message] = server.delivered(1)
        self.assertEqual(message.octets, MESSAGE)
        self.assertIn(b" with " + protocol, message.received)


class CurlTests(CurlTestCase):
    """C{curl} delivers."""

    def test_inTheClear(self) -> None:
        """C{smtp://}"""
        server = self.serve()
        self.curl(server, f"smtp://localhost:{server.port}/client.example")
        self.arrived(server, b"esmtp\r\n")

    def test_startTLS(self) -> None:
        """C{smtp://} with C{--ssl-reqd}, and the certificate is checked."""
        server = self.serve()
        url = f"smtp://localhost:{server.port}/client.example"
        self.curl(server, url, "--ssl-reqd")
        self.arrived(server, b"esmtps tls ")

    def test_implicitTLS(self) -> None:
        """C{smtps://}"""
        server = self.serve()
        self.curl(server, f"smtps://localhost:{server.tlsPort}/client.example")
        self.arrived(server, b"esmtps tls ")

    def test_login(self) -> None:
        """C{--user}, by the mechanism that curl likes best."""
        server = self.serve()
        server.addUser(USER, PASSWORD)
        url = f"smtps://localhost:{server.tlsPort}/client.example"
        self.curl(server, url, "--user", f"{USER}:{PASSWORD}")
        self.arrived(server, b"esmtpsa tls ")


class CurlLoginTests(CurlTestCase):
    """Logins that show no password."""

    def login(
        self, server: RunningServer, mechanism: str, *options: str, status: int = 0
    ) -> None:
        """Upload a message by a mechanism."""
        url = f"smtps://localhost:{server.tlsPort}/client.example"
        chosen = ["--login-options", f"AUTH={mechanism}"]
        self.curl(server, url, *chosen, *options, status=status)

    def test_tokens(self) -> None:
        """C{--oauth2-bearer}, by whichever of the two the server offers."""
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            only = f'[extensions.AUTH]\nmechanisms = ["{mechanism}"]\n'
            server = self.serve(VALIDATED + only)
            token = ["--user", "joe:", "--oauth2-bearer", "token-of-joe"]
            self.login(server, mechanism, *token)
            self.arrived(server, b"esmtpsa tls ")
            [line] = server.accepted()
            self.assertIn(f" A={mechanism.lower()}:joe ", line)

    def test_longTokens(self) -> None:
        """Of four thousand octets, which curl sends in the command."""
        user = "j" * 1000
        server = self.serve(VALIDATED)
        token = ["--user", f"{user}:", "--oauth2-bearer", f"token-of-{user}"]
        self.login(server, "OAUTHBEARER", *token)
        self.arrived(server, b"esmtpsa tls ")

    def test_badTokens(self) -> None:
        """The exchange comes to its end: curl says that the login was denied (67)."""
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            only = f'[extensions.AUTH]\nmechanisms = ["{mechanism}"]\n'
            server = self.serve(VALIDATED + only)
            for token in ("expired", "token-of-ann"):
                options = ["--user", "joe:", "--oauth2-bearer", token]
                self.login(server, mechanism, *options, status=67)
            self.assertEqual(server.messages(), [])
            server.stop()
            log = "".join(server.mainLog())
            self.assertIn(f"{mechanism.lower()} authenticator failed", log)
            self.assertNotIn("token-of-ann", log + server.said())

    def test_certificate(self) -> None:
        """EXTERNAL: C{--cert}, and no password at all."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        joe = made(ROOT, "joe")
        (folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        (folder / "joe.pem").write_bytes(pem(joe.certificate))
        (folder / "joe.key").write_bytes(pemKey(joe.key))
        server = self.serve(
            f'[tls]\nclient_authorities = "{folder}/ca.pem"\n'
            '[users.certificates]\n"CN=joe" = "joe@example.org"\n'
        )
        shown = ["--cert", f"{folder}/joe.pem", "--key", f"{folder}/joe.key"]
        self.login(server, "EXTERNAL", "--user", "joe@example.org:", *shown)
        self.arrived(server, b"esmtpsa tls ")
        self.login(server, "EXTERNAL", "--user", "ann:", *shown, status=67)
        [line] = server.accepted()
        self.assertIn(" A=external:joe@example.org ", line)
