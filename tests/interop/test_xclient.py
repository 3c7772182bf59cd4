"""
XCLIENT by swaks, and XFORWARD by Postfix.
"""

from __future__ import annotations

from .cases import InteropTestCase, findPeer
from .postfix import PostfixClient
from .running import RunningServer, freePort, waitFor

_TRUSTING = """\
[extensions.XCLIENT]
hosts = ["127.0.0.1"]

[extensions.XFORWARD]
hosts = ["127.0.0.1"]

[log]
selectors = ["+proxy"]

[policy]
refuse_hosts = ["203.0.113.0/24"]
"""

#: What Postfix takes mail by.
_SMTPD = """\
127.0.0.1:{port} inet n - n - - smtpd
anvil unix - - n - 1 anvil
"""

#: What swaks ends with when XCLIENT is refused.
REFUSED = 33


class XClientTests(InteropTestCase):
    """C{swaks --xclient-...}."""

    def swaks(self, server: RunningServer, *options: str, status: int = 0) -> str:
        """
        Send a message for another client.

        @param status: with which swaks has to end.
        @return: the transcript.
        """
        words = [findPeer("swaks", "swaks"), "--helo", "client.example"]
        words += ["--from", "ann@client.example", "--to", "bob@localhost"]
        words += ["--server", f"127.0.0.1:{server.port}", "--timeout", "20"]
        return self.run_([*words, *options], status=status)

    def test_everything(self) -> None:
        """The Received field and the log have the client, and the log the proxy."""
        server = self.serve(_TRUSTING)
        self.swaks(
            server,
            *("--xclient-helo", "spike", "--xclient-proto", "ESMTP"),
            *("--xclient-destport", "25", "--xclient-delim"),
            *("--xclient-name", "spike.example", "--xclient-addr", "198.51.100.7"),
            *("--xclient-port", "1234", "--xclient-login", "joe"),
        )
        [message] = server.delivered(1)
        self.assertIn(
            b"from client.example (spike.example [198.51.100.7])", message.received
        )
        [line] = server.accepted()
        self.assertIn(" H=spike.example (client.example) [198.51.100.7] ", line)
        self.assertIn(" P=esmtpa ", line)
        self.assertIn(" A=xclient:joe PRX=127.0.0.1 ", line)

    def test_ofIPv6UnderTLS(self) -> None:
        """Behind STARTTLS, for a client of IPv6."""
        server = self.serve(_TRUSTING)
        self.swaks(server, "--tls", "--xclient-addr", "IPV6:2001:db8::7")
        [message] = server.delivered(1)
        self.assertIn(b"([IPv6:2001:db8::7])", message.received)
        self.assertIn(b" with esmtps tls ", message.received)

    def test_whoIsNotWelcome(self) -> None:
        """The policy is asked of the new client."""
        server = self.serve(_TRUSTING)
        said = self.swaks(server, "--xclient-addr", "203.0.113.9", status=REFUSED)
        self.assertIn("554 No mail is taken from you here", said)

    def test_fromStrangers(self) -> None:
        """Nobody is listed by default, and nobody learns of it."""
        server = self.serve()
        said = self.swaks(server, "--xclient-addr", "192.0.2.9", status=REFUSED)
        self.assertNotIn("250-XCLIENT", said)


class XForwardTests(InteropTestCase):
    """Postfix with C{smtp_send_xforward_command}, as in front of a filter."""

    def test_whereItCameFrom(self) -> None:
        """
        The log has the client of Postfix and the queue id there, beside Postfix as
        our own client.
        """
        swaks = findPeer("swaks", "swaks")
        server = self.serve(_TRUSTING)
        port = freePort()
        postfix = PostfixClient(
            server.port,
            {"smtp_send_xforward_command": "yes", "mynetworks": "127.0.0.0/8"},
            _SMTPD.format(port=port),
        )
        self.addCleanup(postfix.remove)
        waitFor(lambda: "daemon started" in postfix.log(), "Postfix listens")
        words = [swaks, "--server", f"127.0.0.1:{port}", "--helo", "pc.example"]
        words += ["--from", "ann@client.example", "--to", "bob@localhost"]
        self.run_([*words, "--timeout", "20"])
        waitFor(lambda: len(postfix.deliveries()) == 1, "a delivery by Postfix")
        [delivery] = postfix.deliveries()
        self.assertIn(" status=sent (250 2.0.0 OK id=", delivery)
        queueID = delivery.split("]: ")[1].split(":")[0]
        [line] = server.accepted()
        self.assertIn(" H=(client.example) [127.0.0.1] ", line)
        self.assertIn(f" orig_queue_id={queueID} orig_client=", line)
        self.assertRegex(line, r" orig_client=\S+\[127\.0\.0\.1\] id=")
