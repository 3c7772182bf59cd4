"""
Submission (RFC 6409) by swaks, smtplib and curl: a login first, and a message that
is whole.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from pathlib import Path

from .cases import InteropTestCase, findPeer
from .running import Delivered, RunningServer

USER, PASSWORD = "joe@localhost", "correct horse"

_SUBMISSION = """\
[[listener]]
port = 0
address = "127.0.0.1"
role = "submission"

[[listener]]
port = 0
address = "127.0.0.1"
role = "submission"
tls = "implicit"

[log]
selectors = ["+msg_id_created"]
"""

_PORTS = re.compile(
    r"Listening on 127\.0\.0\.1:(\d+) \((STARTTLS|implicit TLS), submission\)"
)

#: What swaks ends with when MAIL is refused.
MAIL_REFUSED = 23


class SubmissionTests(InteropTestCase):
    """People's programs submit."""

    def ready(self) -> RunningServer:
        """A server with one user."""
        server = self.serve(_SUBMISSION)
        server.addUser(USER, PASSWORD)
        ports = {kind: int(port) for port, kind in _PORTS.findall(server.said())}
        self.port, self.tlsPort = ports["STARTTLS"], ports["implicit TLS"]
        return server

    def whole(self, server: RunningServer) -> Delivered:
        """The one message, which has each field once, and came by a login."""
        [message] = server.delivered(1)
        header = message.octets.split(b"\r\n\r\n")[0].lower().split(b"\r\n")
        for name in (b"date:", b"message-id:"):
            found = [line for line in header if line.startswith(name)]
            self.assertEqual(len(found), 1, header)
        self.assertIn(b" with esmtpsa tls ", message.received)
        self.assertNotIn(b"bcc:", message.octets.lower())
        return message

    def swaks(self, *options: str, status: int = 0) -> str:
        """Send a message; gives the transcript."""
        words = [findPeer("swaks", "swaks"), "--helo", "pc.example"]
        words += ["--to", "bob@localhost", "--timeout", "20"]
        words += ["--auth", "-au", USER, "-ap", PASSWORD]
        # Its own message has a date and an id.
        words += ["--data", "Subject: hi\\nBcc: eve@localhost\\n\\nIt works.\\n"]
        return self.run_([*words, *options], status=status)

    def test_swaks(self) -> None:
        """By STARTTLS; the log has the Message-ID as ours."""
        server = self.ready()
        self.swaks("--from", USER, "--server", f"localhost:{self.port}", "--tls")
        message = self.whole(server)
        [line] = server.accepted()
        made = message.octets.split(b"Message-ID: <")[1].split(b">")[0].decode()
        self.assertIn(f" id*={made}", line)

    def test_implicitTLS(self) -> None:
        """TLS from the first octet (RFC 8314)."""
        server = self.ready()
        self.swaks("--from", USER, "--server", f"localhost:{self.tlsPort}", "--tlsc")
        self.whole(server)

    def test_anotherSender(self) -> None:
        """Who is somebody else, is not here."""
        server = self.ready()
        said = self.swaks(
            *("--from", "ann@localhost", "--server", f"localhost:{self.port}"),
            "--tls",
            status=MAIL_REFUSED,
        )
        self.assertIn("550 5.7.1", said)
        self.assertEqual(server.accepted(), [])

    def test_smtplib(self) -> None:
        """The null sender is taken, a stranger is not."""
        server = self.ready()
        context = ssl.create_default_context(cafile=str(server.authority))
        with smtplib.SMTP("localhost", self.port, timeout=20) as client:
            client.starttls(context=context)
            client.ehlo()
            self.assertNotIn("pipeconnect", client.esmtp_features)
            self.assertEqual(client.mail(USER)[0], 530)
            client.login(USER, PASSWORD)
            client.sendmail("", ["bob@localhost"], "Subject: hi\r\n\r\nIt works.\r\n")
            with self.assertRaises(smtplib.SMTPDataError) as caught:
                client.sendmail(USER, ["bob@localhost"], "To: bob\r\n\r\nNo.\r\n")
            self.assertEqual(caught.exception.smtp_code, 554)
        self.assertEqual(self.whole(server).sender, b"")

    def test_curl(self) -> None:
        """A message that has both fields keeps them."""
        server = self.ready()
        text = b"Date: then\r\nMessage-ID: <mine@pc.example>\r\n\r\nIt works.\r\n"
        file = Path(self.mktemp())
        file.write_bytes(text)
        words = [findPeer("curl", "curl"), "--silent", "--show-error", "--max-time"]
        words += ["20", "--cacert", str(server.authority)]
        words += ["--user", f"{USER}:{PASSWORD}", "--mail-from", USER]
        words += ["--mail-rcpt", "bob@localhost", "--upload-file", str(file)]
        self.run_([*words, f"smtps://localhost:{self.tlsPort}/pc.example"])
        self.assertEqual(self.whole(server).octets, text)
