"""
curl, which many scripts send their mail with.
"""

from __future__ import annotations

from .cases import InteropTestCase, findPeer
from .running import RunningServer

USER, PASSWORD = "joe@example.org", "correct horse"

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n.\r\n..dots\r\n"


class CurlTests(InteropTestCase):
    """C{curl} delivers."""

    def curl(self, server: RunningServer, url: str, *options: str) -> None:
        """Upload a message."""
        words = [findPeer("curl", "curl"), "--silent", "--show-error", "--url", url]
        words += ["--mail-from", "ann@client.example"]
        words += ["--mail-rcpt", "bob@localhost"]
        words += ["--cacert", str(server.authority), "--upload-file", "-"]
        self.run_([*words, "--max-time", "20", *options], MESSAGE)

    def arrived(self, server: RunningServer, protocol: bytes) -> None:
        """The message is there, octet for octet."""
        [message] = server.delivered(1)
        self.assertEqual(message.octets, MESSAGE)
        self.assertIn(b" with " + protocol, message.received)

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
