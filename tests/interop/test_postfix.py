"""
Postfix as a client.

It has no BDAT, pipelines MAIL, RCPT and DATA, and writes QUIT directly behind the
final dot.
"""

from __future__ import annotations

from .cases import InteropTestCase
from .postfix import PostfixClient
from .running import Delivered, RunningServer, waitFor
from .test_exim import LONG, SHORT


class PostfixTests(InteropTestCase):
    """Postfix delivers."""

    def send(self, server: RunningServer, **options: str) -> list[Delivered]:
        """
        Let it send a short and a long message.

        @param options: more of its C{main.cf}.
        @return: both, as they were delivered.
        """
        client = PostfixClient(server.port, options)
        self.addCleanup(client.remove)
        client.send("a-short@localhost", SHORT)
        client.send("b-long@localhost", LONG)
        waitFor(lambda: len(client.deliveries()) == 2, "two deliveries by Postfix")
        for line in client.deliveries():
            self.assertIn(" status=sent (250 2.0.0 OK id=", line)
        messages = server.delivered(2)
        for message, sent in zip(messages, (SHORT, LONG), strict=True):
            body = sent.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
            self.assertEqual(message.octets.split(b"\r\n\r\n", 1)[1], body)
        self.assertNotIn("warning", client.log())
        return messages

    def test_inTheClear(self) -> None:
        """By DATA, without TLS."""
        server = self.serve()
        for message in self.send(server, smtp_tls_security_level="none"):
            self.assertIn(b" with esmtp\r\n", message.received)

    def test_startTLS(self) -> None:
        """Where TLS is offered it is taken (level C{may})."""
        server = self.serve()
        for message in self.send(server, smtp_tls_security_level="may"):
            self.assertIn(b" with esmtps tls ", message.received)

    def test_verifiedTLS(self) -> None:
        """The certificate is good for our name (level C{secure})."""
        server = self.serve()
        for message in self.send(
            server,
            smtp_tls_security_level="secure",
            smtp_tls_secure_cert_match="localhost",
            smtp_tls_CAfile=str(server.authority),
        ):
            self.assertIn(b" with esmtps tls ", message.received)

    def test_withoutPipelining(self) -> None:
        """Where we do not offer PIPELINING, it waits for each reply."""
        server = self.serve('[extensions]\ndisable = ["PIPELINING", "PIPECONNECT"]\n')
        self.send(server, smtp_tls_security_level="may")
