"""
PRDR with Exim: it tells us of each recipient, and we tell it.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase
from .exim import EximClient
from .eximserver import EximServer
from .running import RunningServer, waitFor

_TO_EXIM = """
[[route]]
match = ["localhost", "mx.example.org"]
[[route]]
match = ["*"]
transport = "smtp"
tls = "unwanted"
hosts = ["[127.0.0.1]:{port}"]
[relay]
hosts = ["127.0.0.1"]
{more}
"""

_FROM_EXIM = """
[policy]
python = ["tests.interop.judged:Judged"]
[extensions.PRDR]
prdr_enable = ["127.0.0.0/8", "::1"]
{more}
"""

_NO_CHUNKS = '[extensions]\ndisable = ["CHUNKING", "BINARYMIME"]\n'


class EximServerTests(InteropTestCase):
    """Exim is told of several recipients, and tells us of each."""

    def deliver(self, more: str, *names: str) -> tuple[EximServer, RunningServer]:
        """
        Send a message to several.

        @param more: of our configuration.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        identity = made(ROOT, names=["localhost"])
        (folder / "certificate.pem").write_bytes(pem(identity.certificate))
        (folder / "key.pem").write_bytes(pemKey(identity.key))
        (folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        options = ["prdr_enable = true", "acl_smtp_data_prdr = prdr"]
        exim = EximServer(folder, "+all", "secret", options=options)
        self.addCleanup(exim.close)
        server = self.serve(_TO_EXIM.format(port=exim.port, more=more))
        to = [f"{name}@exim.example" for name in names]
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20.0) as client:
            client.sendmail("carol@localhost", to, "Subject: x\r\n\r\nx\r\n")
        waitFor(lambda: len(self.told(server)) == len(to), "what became of all")
        return exim, server

    def told(self, server: RunningServer) -> list[str]:
        """The lines of those to whom it was sent."""
        return [each for each in server.mainLog() if "T=smtp" in each]

    def some(self, more: str) -> str:
        """Two get it, one never does, one perhaps later."""
        exim, server = self.deliver(more, "ann", "full", "later", "bob")
        told = "\n".join(self.told(server))
        self.assertRegex(told, r"(?m) [-=]> ann@exim\.example .* PRDR .*C=\"250 ")
        self.assertRegex(told, r"(?m) [-=]> bob@exim\.example .* PRDR .*C=\"250 ")
        self.assertRegex(told, r"(?m) \*\* full@exim\.example .*: 550 .*for full")
        self.assertRegex(told, r"(?m) == later@exim\.example .*: 450 .*for now")
        exim.awaitIdle(1)
        [arrival] = [line for line in exim.log().splitlines() if " <= carol@" in line]
        self.assertIn(" PRDR ", arrival)
        self.assertEqual(
            set(exim.messages()), {b"ann@exim.example", b"bob@exim.example"}
        )
        return told

    def test_byDATA(self) -> None:
        """By DATA."""
        self.assertNotIn(" K ", self.some(_NO_CHUNKS))

    def test_byBDAT(self) -> None:
        """By BDAT."""
        self.assertIn(" PRDR K ", self.some(""))

    def test_nobody(self) -> None:
        """Where nobody gets it, each is told why; now is not for good."""
        _, server = self.deliver("", "full", "later")
        told = "\n".join(self.told(server))
        self.assertRegex(told, r"(?m) \*\* full@exim\.example .*for full")
        self.assertRegex(told, r"(?m) == later@exim\.example ")


class EximClientTests(InteropTestCase):
    """We tell Exim of each recipient."""

    def deliver(self, *names: str, more: str = "") -> tuple[EximClient, RunningServer]:
        """Have Exim send a message to several."""
        server = self.serve(_FROM_EXIM.format(more=more))
        client = EximClient(
            server.port, ["hosts_try_prdr = *"], selectors="+all", host="127.0.0.1"
        )
        self.addCleanup(client.remove)
        to = " ".join(f"{name}@localhost" for name in names)
        client.send(to, b"Subject: x\n\nx\n")
        return client, server

    def some(self, more: str) -> str:
        """Two get it, one never does, one perhaps later."""
        client, server = self.deliver("ann", "full", "later", "bob", more=more)
        told = client.log()
        for name in ("ann", "bob"):
            self.assertRegex(told, rf"(?m) [-=]> {name}@localhost .* PRDR ")
        self.assertRegex(told, r"(?m) \*\* full@localhost .*Too much for full")
        self.assertRegex(told, r"(?m) == later@localhost .*Too much for now")
        self.assertIn("later@localhost", client.queued())
        recipients = [each.recipient for each in server.delivered(2)]
        self.assertEqual(recipients, [b"ann@localhost", b"bob@localhost"])
        [arrival] = server.accepted()
        log = "\n".join(server.mainLog())
        self.assertIn("rejected RCPT <full@localhost>: Too much for full", log)
        self.assertIn(" PRDR", arrival)
        return arrival

    def test_byDATA(self) -> None:
        """By DATA."""
        self.assertNotIn(" K ", self.some(_NO_CHUNKS))

    def test_byBDAT(self) -> None:
        """By BDAT."""
        self.assertIn(" PRDR K ", self.some(""))

    def test_alike(self) -> None:
        """Where all get it, there is one reply."""
        client, server = self.deliver("ann", "bob")
        self.assertEqual(client.queued(), "")
        self.assertEqual(len(server.delivered(2)), 2)

    def test_nobody(self) -> None:
        """Where nobody gets it, each is told why; now is not for good."""
        client, _ = self.deliver("full", "later")
        told = client.log()
        self.assertRegex(told, r"(?m) \*\* full@localhost .*Too much for full")
        self.assertRegex(told, r"(?m) == later@localhost .*Too much for now")
