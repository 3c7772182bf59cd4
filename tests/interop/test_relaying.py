"""
Domains that are relayed, with real servers behind them: a list, a program behind a
socket, and callouts to Exim and Postfix.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import smtpx

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase, findPeer
from .eximserver import EximServer
from .postfix import PostfixClient
from .running import RunningServer, freePort, waitFor

CONFIGURATION = """
[relay]
domains = ["branch.example"]
{more}

[[route]]
match = ["branch.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]

[[route]]
match = ["localhost", "mx.example.org"]
"""

MESSAGE = b"Subject: relayed\r\n\r\nOver to you.\r\n"


class RelayingTests(InteropTestCase):
    """Mail for a domain that somebody else has."""

    def relay(self, port: int, more: str) -> RunningServer:
        """A relay in front of what listens at a port."""
        return self.serve(CONFIGURATION.format(port=port, more=more))

    def client(self, server: RunningServer) -> smtplib.SMTP:
        """A stranger."""
        client = smtplib.SMTP("127.0.0.1", server.port, timeout=60)
        self.closing(client.close)
        client.ehlo("client.example")
        client.mail("joe@client.example")
        return client

    def code(self, server: RunningServer, recipient: str) -> int:
        """What is said of a recipient."""
        with self.client(server) as client:
            return client.rcpt(recipient)[0]

    def send(self, server: RunningServer, recipient: str) -> None:
        """Send a message to somebody."""
        with self.client(server) as client:
            self.assertEqual(client.rcpt(recipient)[0], 250)
            self.assertEqual(client.data(MESSAGE)[0], 250)

    def exim(self) -> EximServer:
        """An Exim that has everybody but Eve."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        identity = made(ROOT, names=["mx.example.org"])
        (folder / "certificate.pem").write_bytes(pem(identity.certificate))
        (folder / "key.pem").write_bytes(pemKey(identity.key))
        (folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        exim = EximServer(folder, "+all", "secret")
        self.addCleanup(exim.close)
        return exim

    def postfix(self) -> tuple[PostfixClient, int]:
        """A Postfix that has Ann only, and its port."""
        port = freePort()
        postfix = PostfixClient(
            0,
            {
                "relayhost": "",
                "mydestination": "branch.example",
                "local_recipient_maps": "inline:{ ann=known }",
                "local_transport": "discard:",
                "smtpd_recipient_restrictions": "reject_unauth_destination",
            },
            f"127.0.0.1:{port} inet n - n - - smtpd\n"
            "discard unix - - n - - discard\n"
            "anvil unix - - n - 1 anvil\n",
        )
        self.addCleanup(postfix.remove)
        return postfix, port

    def test_calloutToExim(self) -> None:
        """Exim says who exists, gets no message for it, and then gets the message."""
        exim = self.exim()
        server = self.relay(exim.port, "recipients_callout = true")
        self.assertEqual(self.code(server, "eve@branch.example"), 550)
        self.assertEqual(self.code(server, "ann@branch.example"), 250)
        self.assertNotIn(" <= ", exim.log())
        self.send(server, "ann@branch.example")
        exim.awaitIdle(1)
        self.assertIn("<= joe@client.example", exim.log())
        self.assertIn("F=<> rejected RCPT <eve@branch.example>", exim.log())

    def test_calloutToPostfix(self) -> None:
        """Postfix says who exists, and gets what is for those."""
        postfix, port = self.postfix()
        server = self.relay(port, "recipients_callout = true")
        waitFor(lambda: self.code(server, "ann@branch.example") == 250, "Postfix")
        self.assertEqual(self.code(server, "eve@branch.example"), 550)
        self.send(server, "ann@branch.example")
        waitFor(lambda: bool(postfix.deliveries()), "a delivery")
        [line] = postfix.deliveries()
        self.assertIn("to=<ann@branch.example>, relay=none", line)
        self.assertIn("status=sent", line)

    def test_calloutToNobody(self) -> None:
        """Where nobody answers nobody can tell, unless mail is taken all the same."""
        port = freePort()
        server = self.relay(port, "recipients_callout = true")
        self.assertEqual(self.code(server, "ann@branch.example"), 451)
        more = 'recipients_callout = true\nrecipients_unsure = "accept"'
        self.assertEqual(self.code(self.relay(port, more), "x@branch.example"), 250)

    def test_list(self) -> None:
        """The list is read again when it changes."""
        listed = Path(self.mktemp()).absolute()
        listed.write_text("ann@branch.example\n")
        server = self.relay(freePort(), f"recipients_file = '{listed}'")
        self.assertEqual(self.code(server, "ann@branch.example"), 250)
        self.assertEqual(self.code(server, "eve@branch.example"), 550)
        listed.write_text("eve@branch.example\n")
        waitFor(lambda: self.code(server, "eve@branch.example") == 250, "the list")
        self.assertEqual(self.code(server, "ann@branch.example"), 550)

    def program(self) -> Path:
        """The program of the manual, which runs; gives its socket."""
        manual = Path(smtpx.__file__).parents[1] / "doc/howto/relay-domains.rst"
        text = manual.read_text("utf-8").partition(".. code-block:: python\n")[2]
        lines = []
        for line in text.splitlines():
            if line and not line.startswith("   "):
                break
            lines.append(line)
        # The path of a socket has at most 107 octets; a checkout's may have more.
        folder = Path(tempfile.mkdtemp(prefix="smtpx-map-"))
        folder.chmod(0o755)
        running = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent("\n".join(lines))], cwd=folder
        )

        def end() -> None:
            running.kill()
            running.wait()
            for each in folder.iterdir():
                each.unlink()
            folder.rmdir()

        self.addCleanup(end)
        waitFor(lambda: (folder / "recipients.socket").exists(), "the program")
        (folder / "recipients.socket").chmod(0o666)
        return folder / "recipients.socket"

    def test_program(self) -> None:
        """The manual's program says who exists; without it nobody can tell."""
        path = self.program()
        more = f"recipients_socket = 'unix:{path}'\nrecipients_map = 'people'"
        server = self.relay(freePort(), more)
        for _ in range(3):
            self.assertEqual(self.code(server, "ann@branch.example"), 250)
            self.assertEqual(self.code(server, "eve@branch.example"), 550)
        os.rename(path, path.with_name("gone"))
        time.sleep(0.1)
        self.assertEqual(self.code(server, "bob@branch.example"), 250)

    def test_programAsPostfixHasIt(self) -> None:
        """The manual's program is one that Postfix asks, too."""
        postmap = findPeer("postmap", "postfix")
        etc = Path(self.mktemp()).absolute()
        etc.mkdir()
        (etc / "main.cf").write_text("compatibility_level = 3.6\n")
        where = f"socketmap:unix:{self.program()}:people"
        for address, status in (("ann@branch.example", 0), ("eve@branch.example", 1)):
            words = [postmap, "-c", str(etc), "-q", address, where]
            self.run_(words, status=status)
