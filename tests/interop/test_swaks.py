"""
swaks, the Swiss Army Knife for SMTP.
"""

from __future__ import annotations

from .cases import InteropTestCase, findPeer
from .running import Delivered, RunningServer

USER, PASSWORD = "joe@example.org", "correct horse"

BODY = "It works.\n.\n..dots\n"

#: A listener for proxies on this host.
PROXIED = """
[[listener]]
port = 0
address = "127.0.0.1"
proxy_hosts = ["127.0.0.0/8"]
"""

#: What swaks ends with when the server refuses a login, or has none.
REFUSED, NOT_OFFERED, ENDED = 28, 28, 6


class SwaksTests(InteropTestCase):
    """C{swaks} delivers."""

    def swaks(self, server: RunningServer, *options: str, status: int = 0) -> str:
        """
        Send a message.

        @param status: with which it has to end.
        @return: the transcript.
        """
        words = [findPeer("swaks", "swaks"), "--helo", "client.example"]
        words += ["--from", "ann@client.example", "--to", "bob@localhost"]
        words += ["--header", "Subject: hello", "--body", BODY, "--timeout", "20"]
        if not any(option.startswith("--server") for option in options):
            words += ["--server", f"127.0.0.1:{server.port}"]
        return self.run_([*words, *options], status=status)

    def one(self, server: RunningServer, protocol: bytes) -> Delivered:
        """
        The one message, as it was delivered.

        @param protocol: how it has to have come, as the Received field has it.
        """
        [message] = server.delivered(1)
        body = message.octets.split(b"\r\n\r\n", 1)[1]
        sent = BODY.replace("\n", "\r\n").encode()
        # It has line ends of its own behind a body.
        self.assertEqual(body.rstrip(b"\r\n"), sent.rstrip(b"\r\n"))
        self.assertIn(b" with " + protocol, message.received)
        return message

    def test_inTheClear(self) -> None:
        """A message in the clear."""
        server = self.serve()
        self.swaks(server)
        self.one(server, b"esmtp\r\n")

    def test_pipelined(self) -> None:
        """MAIL, RCPT and DATA in one flight."""
        server = self.serve()
        self.swaks(server, "--pipeline")
        self.one(server, b"esmtp\r\n")

    def test_helo(self) -> None:
        """HELO, as of old."""
        server = self.serve()
        self.swaks(server, "--protocol", "SMTP")
        self.one(server, b"smtp\r\n")

    def test_startTLS(self) -> None:
        """STARTTLS, and the certificate is checked."""
        server = self.serve()
        self.swaks(
            server,
            *("--tls", "--tls-verify", "--tls-ca-path", str(server.authority)),
            *("--server", f"localhost:{server.port}"),
        )
        self.one(server, b"esmtps tls ")

    def test_implicitTLS(self) -> None:
        """TLS from the first octet."""
        server = self.serve()
        self.swaks(server, "--tlsc", "--server", f"localhost:{server.tlsPort}")
        self.one(server, b"esmtps tls ")

    def test_oldTLS(self) -> None:
        """TLS 1.1 is not spoken; 1.2 is."""
        server = self.serve()
        self.swaks(server, "--tls", "--tls-protocol", "tlsv1_1", status=29)
        self.swaks(server, "--tls", "--tls-protocol", "tlsv1_2", "--pipeline")
        message = self.one(server, b"esmtps tls TLS_ECDHE_")
        self.assertNotIn(b"TLS_AES", message.received)

    def test_login(self) -> None:
        """AUTH by PLAIN and by LOGIN, once C{smtpx passwd} has made a user."""
        for mechanism in ("PLAIN", "LOGIN"):
            server = self.serve()
            server.addUser(USER, PASSWORD)
            words = ("--tls", "--auth", mechanism)
            self.swaks(server, *words, "-au", USER, "-ap", PASSWORD)
            self.one(server, b"esmtpsa tls ")
            [line] = server.accepted()
            self.assertIn(f" A={mechanism.lower()}:{USER} ", line)

    def test_wrongPassword(self) -> None:
        """A wrong password is refused."""
        server = self.serve()
        server.addUser(USER, PASSWORD)
        for mechanism in ("PLAIN", "LOGIN"):
            words = ("--tls", "--auth", mechanism)
            said = self.swaks(
                server, *words, "-au", USER, "-ap", "wrong", status=REFUSED
            )
            self.assertIn("535 5.7.8", said)
        self.assertEqual(server.accepted(), [])

    def test_noLoginInTheClear(self) -> None:
        """AUTH is not offered in the clear."""
        server = self.serve()
        server.addUser(USER, PASSWORD)
        words = ("--auth", "-au", USER, "-ap", PASSWORD)
        said = self.swaks(server, *words, status=NOT_OFFERED)
        self.assertNotIn("AUTH", said)

    def test_noLoginWithoutUsers(self) -> None:
        """AUTH is not offered where nobody could log in."""
        server = self.serve()
        words = ("--tls", "--auth", "-au", USER, "-ap", PASSWORD)
        self.swaks(server, *words, status=NOT_OFFERED)

    def test_noRelaying(self) -> None:
        """Strangers cannot send to others; the postmaster is always there."""
        server = self.serve('[local]\nunknown = "refuse"\n')
        for recipient, code in (
            ("eve@elsewhere.example", "550 5.7.1"),
            ("nobody@localhost", "550 5.1.1"),
        ):
            said = self.swaks(server, "--to", recipient, status=24)
            self.assertIn(code, said)
        self.swaks(server, "--to", "postmaster@localhost")
        self.assertEqual(self.one(server, b"esmtp").recipient, b"postmaster@localhost")

    def proxied(self, version: str, *options: str) -> None:
        """
        Send a message as a proxy does, and see whose it is.

        @param version: of the PROXY protocol.
        @param options: family, and the client's address.
        """
        server = self.serve(PROXIED)
        words = ["--proxy-version", version, *options]
        words += ["--proxy-source-port", "4711", "--proxy-dest-port", "25"]
        self.swaks(server, "--tls", *words)
        address = options[options.index("--proxy-source") + 1]
        literal = f"IPv6:{address}" if ":" in address else address
        received = self.one(server, b"esmtps tls ").received
        self.assertIn(f"([{literal}])".encode(), received)
        [line] = server.accepted()
        self.assertIn(f" [{address}]", line)

    def test_proxy(self) -> None:
        """The PROXY protocol, and STARTTLS behind it."""
        four = ("--proxy-source", "192.0.2.7", "--proxy-dest", "192.0.2.25")
        six = ("--proxy-source", "2001:db8::7", "--proxy-dest", "2001:db8::25")
        self.proxied("1", "--proxy-family", "TCP4", *four)
        self.proxied("1", "--proxy-family", "TCP6", *six)
        self.proxied("2", "--proxy-family", "AF_INET", *four)

    def test_badProxy(self) -> None:
        """A header that is none ends the connection without a word."""
        server = self.serve(PROXIED)
        for version, header in (
            ("1", "TCP4 192.0.2.7 192.0.2.25 4711"),
            ("1", "TCP4 192.0.2.7 192.0.2.25 4711 99999"),
            ("1", "TCP4 " + 200 * "1"),
            ("2", "!!rest of it"),
        ):
            words = ("--proxy-version", version, "--proxy", header)
            said = self.swaks(server, *words, status=ENDED)
            self.assertNotIn("220 ", said)
        self.assertEqual(server.accepted(), [])
