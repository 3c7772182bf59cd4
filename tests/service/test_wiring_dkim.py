"""
Tests for L{smtpx.service.wiring.dkim}: a house that signs what leaves it, in memory.
"""

from __future__ import annotations

from pathlib import Path

from smtpx.testing import Fault, ScriptedServer
from tests.mailauth.dkimmail import BODY, HEADER, RSA_NAME, RSA_PEM, results

from .made import NOW
from .test_wiring_sending import SendingTestCase

_TO = b"x@branch.example"


class SigningTests(SendingTestCase):
    """Mail that leaves."""

    RELAY = {"hosts": ["192.0.2.1"]}

    def key(self, domain: str = "football.example.com", **more: object) -> object:
        """A key of the configuration."""
        path = Path(self.mktemp()).absolute()
        path.write_bytes(RSA_PEM)
        path.chmod(0o600)
        selector = RSA_NAME.selector.decode("ascii")
        return {"domain": domain, "selector": selector, "file": str(path), **more}

    def talk(self, message: bytes = HEADER + b"\r\n" + BODY) -> None:
        """A client sends a message."""
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        for line in (
            b"MAIL FROM:<joe@football.example.com>\r\n",
            b"RCPT TO:<%b>\r\n" % _TO,
            b"DATA\r\n",
            message + b".\r\n",
        ):
            said = call.say(line)
        self.assertEqual(said[:3], b"250")
        self.network.run()

    def signatures(self, server: ScriptedServer) -> list[tuple[str, str]]:
        """What comes of the signatures of the one message that the host took."""
        (message,) = server.messages
        header, _, body = message.body.partition(b"\r\n\r\n")
        return results(header + b"\r\n", body, now=NOW)

    def test_signed(self) -> None:
        """What a client sends that is trusted; the trace above it is signed, too."""
        server = self.serve()
        self.start(relay=self.RELAY, dkim={"key": [self.key()]})
        self.talk()
        self.assertEqual(self.signatures(server), [("pass", "")])

    def test_onlyListedHosts(self) -> None:
        """Where there is a list of its own, that counts."""
        server = self.serve()
        dkim = {"key": [self.key()], "hosts": ["203.0.113.1"]}
        self.start(relay=self.RELAY, dkim=dkim)
        self.talk()
        self.assertEqual(self.signatures(server), [("none", "")])

    def test_keyThatDoesNotSignYet(self) -> None:
        """Is in the configuration only to be looked at."""
        server = self.serve()
        self.start(relay=self.RELAY, dkim={"key": [self.key(sign=False)]})
        self.talk()
        self.assertEqual(self.signatures(server), [("none", "")])

    def test_brokenHeader(self) -> None:
        """Goes as it is where that is wished."""
        broken = HEADER + b"no field\r\n\r\nx\r\n"
        server = self.serve()
        dkim = {"key": [self.key()], "send_unsigned": True}
        self.start(relay=self.RELAY, dkim=dkim)
        self.talk(broken)
        (message,) = server.messages
        self.assertTrue(message.body.endswith(broken))
        self.assertNotIn(b"DKIM-Signature", message.body)

    def test_reportsAreSigned(self) -> None:
        """That a message did not arrive is told by a signed one."""
        self.site.resolver.add("football.example.com MX 10 mx.branch.example")
        server = self.serve(Fault(b"RCPT", nth=1, reply=b"550 5.1.1 Unknown\r\n"))
        key = self.key("mx.example.org", domains=["mx.example.org"])
        self.start(relay=self.RELAY, dkim={"key": [key]})
        self.talk()
        (message,) = server.messages
        self.assertEqual(message.sender, b"")
        self.assertTrue(message.body.startswith(b"DKIM-Signature: "), message.body)
        self.assertIn(b"d=mx.example.org;", message.body)
