"""
C{smtpx why} beside a server that runs, and after it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import smtplib
import sys
from pathlib import Path

from ..shortpaths import shortFolder
from .cases import InteropTestCase
from .running import ROOT, RunningServer, freePort, waitFor

#: A server whose next host is away, and that tries again soon.
_AWAY = """
[relay]
hosts = ["127.0.0.1"]
[local]
domains = ["here.example"]
addresses = ["bob@here.example"]
[aliases]
files = ["{aliases}"]
[[route]]
match = ["here.example"]
[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "unwanted"
[[retry]]
pauses = ["2 s until 1 min", "1 h"]
[log]
{log}
"""

#: The next host, when it is there.
_NEXT = """
[[listener]]
port = {port}
address = "127.0.0.1"
[local]
domains = ["partner.example"]
"""


class WhyTests(InteropTestCase):
    """A message that waits, and one that is gone."""

    def away(self, log: str = "") -> RunningServer:
        """Start a server whose next host is away."""
        self.port = freePort()
        aliases = Path(self.mktemp()).absolute()
        aliases.write_text("team: bob, ann@partner.example\n")
        control = f'[control]\nsocket = "{shortFolder(self) / "control"}"\n'
        away = _AWAY.format(port=self.port, log=log, aliases=aliases)
        return self.serve(f"{away}\n{control}")

    def why(self, server: RunningServer, id: str, *more: str, status: int = 0) -> str:
        """An operator asks."""
        program = str(Path(sys.executable).with_name("smtpx"))
        config = ("--config", str(server.folder / "smtpx.toml"))
        environment = {"PYTHONPATH": str(ROOT), "COLUMNS": "300"}
        words = (program, "why", *config, *more, id)
        return self.run_(words, environment=environment, status=status)

    def send(self, server: RunningServer, recipient: str) -> str:
        """
        Hand over a message.

        @return: its id.
        """
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.ehlo("client.example")
            client.mail("eve@here.example")
            client.rcpt(recipient)
            _, said = client.data(b"Message-ID: <a@b>\r\nSubject: x\r\n\r\nhello\r\n")
        found = re.search(rb"id=(\S+)", said)
        assert found is not None, said
        return found[1].decode("ascii")

    def logged(self, server: RunningServer, text: str, count: int = 1) -> None:
        """Wait until a text was logged so often."""
        waitFor(
            lambda: sum(text in line for line in server.mainLog()) >= count,
            f"{text!r} {count} times",
        )

    def test_deferredTwice(self) -> None:
        """It reads like an explanation to a colleague."""
        server = self.away()
        id = self.send(server, "team@here.example")
        self.logged(server, f" {id} == ", 2)
        said = self.why(server, id)
        for pattern in (
            r"It came from eve@here\.example, by \(client\.example\) \[127\.0\.0\.1\]"
            r" in the clear; 40 octets\.  Its Message-ID is <a@b>\.",
            r"ann@partner\.example \(whom the alias team@here\.example led to\):"
            r" \[127\.0\.0\.1\] could not be connected to: Connection refused, so it"
            r" waits\.",
            r"bob@here\.example .* has it: it was delivered here by maildir\.",
            r"ann@partner\.example, tried again \S+ s later: the same, so it waits\.",
            r"What comes next",
            r"  ann@partner\.example waits for it; it was tried (twice|\d times)\.",
            r"  The pauses between attempts, where a host refuses the connection, or"
            r" does not answer, are 2 s until 1 min, 1 h\.",
            r"  If nothing changes it is given up on .*: 5 d after it came\.  Then"
            r" eve@here\.example is told\.",
            r"  \[127\.0\.0\.1\] failed \S+( times)? since .* \(Connection refused\)",
        ):
            self.assertRegex(said, pattern)
        self.assertNotIn("What could not be read", said)
        server.stop()
        said = self.why(server, id)
        self.assertIn("No server runs, and nothing happens to it until one does.", said)

    def test_untilTheEnd(self) -> None:
        """It arrives in the end, and what the logs have is told, moved away or not."""
        server = self.away('json = "events.json"')
        id = self.send(server, "ann@partner.example")
        self.logged(server, f" {id} == ")
        self.serve(_NEXT.format(port=self.port))
        self.logged(server, f" {id} Completed")
        said = self.why(server, id)
        self.assertRegex(
            said, r"so it waits\.  It was to be tried again at \S+, 2(\.\d)? s"
        )
        self.assertRegex(
            said, r"ann@partner\.example has it, \S+ s later: \[127\.0\.0\.1\] took it"
        )
        self.assertRegex(said, r"Nobody waited for it any more, \S+ s after it came")
        self.assertIn("nothing more will happen to it", said)
        read = json.loads(self.why(server, id, "--json"))
        self.assertEqual((read["known"], read["spool"]), (True, None))
        server.stop()
        events = server.folder / "events.json"
        os.rename(events, server.folder / "events.json.1")
        self.assertEqual(self.why(server, id), said)
        with gzip.open(server.folder / "events.json.2.gz", "wb") as packed:
            packed.write((server.folder / "events.json.1").read_bytes())
        (server.folder / "events.json.1").unlink()
        self.assertEqual(self.why(server, id), said)

    def test_reports(self) -> None:
        """A report is told of with its message, and the message with its report."""
        server = self.away()
        following = self.serve(_NEXT.format(port=self.port))
        id = self.send(server, "nobody@elsewhere.example")
        self.logged(server, f" <= <> R={id} ")
        [line] = [each for each in server.mainLog() if f" <= <> R={id} " in each]
        report = line.split(" ")[2]
        said = self.why(server, id)
        self.assertRegex(
            said, r"nobody@elsewhere\.example will not have it: \[127\.0\.0\.1\] did"
        )
        self.assertIn(f"told of it, by the delivery report {report}", said)
        said = self.why(server, report)
        self.assertIn(f"as the delivery report about {id}", said)
        following.stop()

    def test_unknown(self) -> None:
        """Of an id that nobody knows it is told where was looked."""
        server = self.away()
        said = self.why(server, "1xV4dt-0008KX-1Q", status=1)
        self.assertIn("there is no message 1xV4dt-0008KX-1Q: it is not in", said)
        self.assertIn("main.log", said)
        said = self.why(server, "hello", status=1)
        self.assertIn("that is no id of a message", said)
