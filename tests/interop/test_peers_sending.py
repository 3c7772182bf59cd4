"""
What servers that send make of what is known of the next host.
"""

from __future__ import annotations

import re
import smtplib
import sys
import time
from functools import partial
from pathlib import Path

from .cases import InteropTestCase
from .running import ROOT, RunningServer, freePort, waitFor

#: A server that sends everything to one host, and shares what it knows.
_RELAY = """
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "unwanted"
[sending]
idle_seconds = 0
[peers]
file = "{peers}"
[log]
selectors = ["+pipelining"]
[extensions.PIPECONNECT]
hosts_pipe_connect = ["127.0.0.1"]
"""

#: The next host.
_NEXT = """
[[listener]]
port = {port}
address = "127.0.0.1"
[local]
domains = ["partner.example"]
"""


class SendingTests(InteropTestCase):
    """Servers that send, and the next host."""

    def setUp(self) -> None:
        """Nobody listens yet where mail goes."""
        super().setUp()
        self.port = freePort()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.file = folder / "peers"

    def relay(self) -> RunningServer:
        """Start a server that sends."""
        return self.serve(_RELAY.format(port=self.port, peers=self.file))

    def following(self) -> RunningServer:
        """Start the next host."""
        return self.serve(_NEXT.format(port=self.port))

    def send(self, server: RunningServer) -> None:
        """Hand over a message."""
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            text = "Subject: x\r\n\r\nhello\r\n"
            client.sendmail("ann@client.example", ["bob@partner.example"], text)

    def peer(self, server: RunningServer, *words: str) -> str:
        """An operator runs C{smtpx peer}."""
        program = str(Path(sys.executable).with_name("smtpx"))
        config = ("--config", str(server.folder / "smtpx.toml"))
        words = (program, "peer", words[0], *config, *words[1:])
        return self.run_(words, environment={"PYTHONPATH": str(ROOT)})

    def heard(self, server: RunningServer) -> bool:
        """Send a message; does it get there, for what was known is forgotten?"""

        def told() -> list[str]:
            ends = re.compile(r" (?:=>|==) bob@partner\.example ")
            return [line for line in server.mainLog() if ends.search(line)]

        before = len(told())
        self.send(server)
        waitFor(lambda: len(told()) > before, "what becomes of it")
        return " => " in told()[before]

    def logged(self, server: RunningServer, pattern: str) -> None:
        """Wait until a main log has a line."""
        found = re.compile(pattern)
        waitFor(
            lambda: any(found.search(line) for line in server.mainLog()),
            f"{pattern!r} in the main log",
        )

    def test_deadHost(self) -> None:
        """
        A host that is dead is not tried for the next message, also by another server,
        until it is forgotten.
        """
        server = self.relay()
        self.send(server)
        self.logged(server, r" == bob@partner\.example .*Connection refused")
        waitFor(
            lambda: "next try" in self.peer(server, "list", "--kind", "retry"),
            "the host among those that are dead",
        )
        shown = self.peer(server, "show", "127.0.0.1")
        name = f"[127.0.0.1] [127.0.0.1]:{self.port}"
        self.assertEqual(shown.splitlines()[0], f"{name}: retry")
        self.assertIn("Connection refused", shown)
        following = self.following()
        other = self.relay()
        for each in (server, other):
            self.send(each)
            self.logged(each, r" == bob@partner\.example .*retry time not reached")
        self.peer(server, "forget", "127.0.0.1")
        for each in (server, other):
            # It hears of it within a second or so.
            time.sleep(2)
            waitFor(partial(self.heard, each), "it has heard of it")
        self.assertEqual(len(following.delivered(2)), 2)

    def test_early(self) -> None:
        """
        A host that offers PIPECONNECT is talked to early from the second time on, also
        by another server.
        """
        following = self.following()
        server = self.relay()
        self.send(server)
        self.logged(server, r" => bob@partner\.example .* L ")
        waitFor(
            lambda: "PIPECONNECT" in self.peer(server, "show", "127.0.0.1"),
            "what it answered to EHLO",
        )
        other = self.relay()
        for each in (server, other):
            self.send(each)
            self.logged(each, r" => bob@partner\.example .* L\* ")
        self.assertEqual(len(following.delivered(3)), 3)
