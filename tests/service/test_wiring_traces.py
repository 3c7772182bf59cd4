"""
Tests for L{smtpx.service.wiring}: sessions that are traced.
"""

from __future__ import annotations

from pathlib import Path

from smtpx.core.server import ServerConnection
from smtpx.observe.tracedconnection import TracedConnection

from .made import HouseTestCase, send


class TraceTests(HouseTestCase):
    """What an operator finds in the folder of traces."""

    def folder(self) -> Path:
        """Where traces are, unless somebody says so."""
        return self.site.folder / "state" / "trace"

    def texts(self) -> list[str]:
        """The ladders that are there, the oldest first."""
        found = sorted(self.folder().glob("*.txt"))
        return [each.read_text("ascii") for each in found]

    def test_byDefaultNobody(self) -> None:
        """There is no folder, and connections are of the ordinary class."""
        self.start()
        call = self.site.call()
        self.assertIs(type(call.protocol.core), ServerConnection)
        send(call, b"x@localhost")
        self.stop()
        self.assertFalse(self.folder().exists())

    def test_byHost(self) -> None:
        """A client on the list, from its greeting to its end."""
        self.start(trace={"hosts": ["192.0.2.0/28"]})
        other = self.site.call(host="192.0.2.99")
        self.assertIs(type(other.protocol.core), ServerConnection)
        call = self.site.call()
        self.assertIs(type(call.protocol.core), TracedConnection)
        send(call, b"x@localhost")
        call.say(b"QUIT\r\n")
        self.site.hangUp()
        (text,) = self.texts()
        self.assertIn("\nwhy     host 192.0.2.1\nend     quit after ", text)
        self.assertIn("RCPT TO:<x@localhost>\n", text)
        self.assertIn(" octets of a message)\n", text)
        self.assertNotIn("hello", text)

    def test_byRecipient(self) -> None:
        """Whoever writes to one of those; others leave nothing."""
        self.start(trace={"recipients": ["bob@localhost"]})
        for recipient in (b"ann@localhost", b"bob@localhost"):
            send(self.site.call(), recipient)
        self.site.hangUp()
        (text,) = self.texts()
        self.assertIn("\nwhy     recipient bob@localhost\n", text)

    def test_whereAndHowMany(self) -> None:
        """A folder of the operator's choice, with room for so many."""
        folder = self.site.folder / "elsewhere"
        self.start(trace={"hosts": ["*"], "folder": str(folder), "sessions_kept": 2})
        for _ in range(4):
            self.site.call()
            self.site.hangUp()
        self.assertEqual(len(list(folder.glob("*.json"))), 2)
        self.assertFalse(self.folder().exists())
