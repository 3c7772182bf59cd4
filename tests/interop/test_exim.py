"""
Exim as a client.

It writes QUIT directly behind a message, closes its half of the connection, and
only then reads what the server had to say.
"""

from __future__ import annotations

import threading

from .cases import InteropTestCase
from .exim import EximClient
from .running import Delivered, RunningServer, unread, waitFor

#: With fewer lines Exim's QUIT and the message are one packet, with more they
#: are many.
SHORT = b"Subject: short\n\nIt works.\n.\n..\n"
LONG = b"Subject: long\n\n" + b"".join(
    b"Line %d\n.\n" % number for number in range(20_000)
)


_THIRD = "c-third@localhost"


class EximTests(InteropTestCase):
    """Exim delivers; all that we say to it, it hears."""

    def exim(
        self, server: RunningServer, *options: str, secured: bool = False
    ) -> EximClient:
        """
        An Exim that sends to the server.

        @param options: of its transport.
        @param secured: under TLS, and only to who has the right certificate?
        """
        authority = server.authority if secured else None
        client = EximClient(server.port, options, authority)
        self.addCleanup(client.remove)
        return client

    def send(self, client: EximClient, server: RunningServer) -> list[Delivered]:
        """
        Let it send a short and a long message.

        @return: both, as they were delivered.
        """
        client.send("a-short@localhost", SHORT)
        client.send("b-long@localhost", LONG)
        log = client.log()
        self.assertEqual(client.queued(), "", log)
        # No word of a connection that was lost, or of trying again.
        self.assertNotIn("==", log)
        self.assertEqual(log.count("Completed"), 2, log)
        self.assertEqual(log.count('C="250 2.0.0 OK id='), 2, log)
        messages = server.delivered(2)
        for message, sent in zip(messages, (SHORT, LONG), strict=True):
            body = sent.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
            self.assertEqual(message.octets.split(b"\r\n\r\n", 1)[1], body)
        return messages

    def test_chunking(self) -> None:
        """By BDAT; both logs say so, with a C{K}."""
        server = self.serve()
        client = self.exim(server)
        self.send(client, server)
        for line in client.deliveries() + server.accepted():
            self.assertIn(" K ", line)

    def test_data(self) -> None:
        """By DATA, with stuffed dots."""
        server = self.serve()
        client = self.exim(server, "hosts_try_chunking =")
        self.send(client, server)
        for line in client.deliveries() + server.accepted():
            self.assertNotIn(" K ", line)

    def test_withoutPipelining(self) -> None:
        """Where we do not offer PIPELINING, it waits for each reply."""
        server = self.serve('[extensions]\ndisable = ["PIPELINING", "PIPECONNECT"]\n')
        client = self.exim(server)
        self.send(client, server)
        for line in client.deliveries():
            self.assertNotIn(" L", line)

    def test_startTLS(self) -> None:
        """By STARTTLS, with BDAT, and the certificate is checked."""
        server = self.serve()
        client = self.exim(server, secured=True)
        for message in self.send(client, server):
            self.assertIn(b" with esmtps tls ", message.received)
        for line in client.deliveries():
            self.assertIn(" CV=yes ", line)

    def test_startTLSWithData(self) -> None:
        """By STARTTLS, with DATA."""
        server = self.serve()
        client = self.exim(server, "hosts_try_chunking =", secured=True)
        self.send(client, server)

    def test_pipeConnect(self) -> None:
        """
        From the first session it learns that it may talk before the greeting, in
        the second it does: C{L*} in its log.
        """
        server = self.serve('[log]\nselectors = ["+pipelining"]\n')
        client = self.exim(server, "hosts_pipe_connect = *")
        self.send(client, server)
        first, second = client.deliveries()
        self.assertIn(" L K ", first)
        self.assertIn(" L* K ", second)
        # So that it is there before we look.
        with server.halted():
            third = threading.Thread(target=client.send, args=(_THIRD, SHORT))
            third.start()
            waitFor(lambda: unread(server.port) > 0, "what it says early")
        third.join()
        server.delivered(3)
        lines = server.accepted()
        self.assertIn(" P=esmtp L. K ", lines[0])
        self.assertIn(" P=esmtp L* K ", lines[2])

    def test_pipeConnectWithStartTLS(self) -> None:
        """The same where EHLO and STARTTLS go early, and the rest under TLS."""
        server = self.serve()
        client = self.exim(server, "hosts_pipe_connect = *", secured=True)
        for message in self.send(client, server):
            self.assertIn(b" with esmtps tls ", message.received)
        first, second = client.deliveries()
        self.assertNotIn(" L* ", first)
        self.assertIn(" L* ", second)

    def test_refusal(self) -> None:
        """What we refuse for good it does not try again."""
        server = self.serve()
        client = self.exim(server)
        client.send("eve@elsewhere.example", SHORT)
        self.assertIn("550 5.7.1", client.log())
        self.assertEqual(server.accepted(), [])
