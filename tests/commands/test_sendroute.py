"""
Tests for C{smtpx send --route} (L{smtpx.service.wiring.tryout}).
"""

from __future__ import annotations

from pathlib import Path

from smtpx.core.hooks import Dialect

from .sendcases import SendTestCase
from .terminals import Ran

ROUTES = """
name = "server.example"
[local]
domains = ["here.example"]
[aliases]
files = ["aliases"]
[[route]]
match = ["here.example"]
path = "/mail/{user}"
[[route]]
match = ["kept.example"]
transport = "hold"
[[route]]
match = ["*.example", "x.example"]
transport = "smtp"
hosts = ["[192.0.2.25]:2525"]
helo_data = "route.example"
[[route]]
match = ["box.example"]
transport = "lmtp"
socket = "/run/lmtp"
"""

ALIASES = """
team: bob@x.example
gone: :blackhole:
left: :fail: 551 5.1.6 Gone
"""


class RouteTests(SendTestCase):
    """As the configuration has it."""

    def setUp(self) -> None:
        """There is one."""
        super().setUp()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "aliases").write_text(ALIASES)
        self.config = folder / "smtpx.toml"
        self.config.write_text(ROUTES)
        self.server = self.stage.host(port=2525)

    def route(self, recipient: str, *more: str) -> Ran:
        """Send to somebody."""
        return self.send(
            *("--route", "-c", str(self.config), "-q", "-f", "ann@here.example"),
            *("--to", recipient),
            *more,
        )

    def test_route(self) -> None:
        """Hosts and names are those of the route."""
        ran = self.route("bob@x.example")
        self.assertEqual(
            (ran.status, ran.out), (0, "bob@x.example: accepted: 250 2.0.0 Taken\n")
        )
        self.assertEqual(self.server.sessions[0].commands[0], b"EHLO route.example")

    def test_socket(self) -> None:
        """A route to a UNIX socket."""
        server = self.stage.host(address="/run/lmtp", port=0, dialect=Dialect.LMTP)
        ran = self.route("bob@box.example")
        self.assertEqual((ran.status, len(server.messages)), (0, 1), ran.err)

    def test_options(self) -> None:
        """Where an option says otherwise, it counts."""
        ran = self.route("bob@x.example", "--helo", "me.example", "--tls", "encrypted")
        self.assertIn("no TLS with [192.0.2.25]:2525", ran.err)
        self.assertEqual(self.server.sessions[0].commands[0], b"EHLO me.example")

    def test_aliases(self) -> None:
        """Those who are meant in the end get it."""
        self.route("team@here.example", "--subject", "x")
        self.assertIn(b"RCPT TO:<bob@x.example>", self.server.sessions[0].commands)

    def test_notSent(self) -> None:
        """What goes nowhere else cannot be sent."""
        for recipient, told in (
            (
                "bob@here.example",
                "its transport is maildir into /mail/bob",
            ),
            ("bob@kept.example", "is not sent: its transport is hold"),
            ("gone@here.example", "is thrown away by an alias"),
            ("left@here.example", "would not take mail for left@here.example: 551"),
            ("bob@elsewhere.test", "there is no route for bob@elsewhere.test"),
        ):
            ran = self.route(recipient)
            self.assertEqual(ran.status, 1)
            self.assertIn(told, ran.err)

    def test_noConfiguration(self) -> None:
        """A file that is not there."""
        self.config.unlink()
        self.assertEqual(self.route("bob@x.example").status, 1)
