"""
Traces of sessions with real clients, and log files that are moved away.
"""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import ssl
from pathlib import Path

from .cases import InteropTestCase, findPeer
from .running import ROOT, RunningServer, waitFor

PASSWORD = "correct horse battery"

_MESSAGE = b"Subject: x\r\n\r\nhush\r\n"

_TRACE = """\
[trace]
recipients = ["bob@localhost"]

[log]
json = "events.json"
"""


class TraceTests(InteropTestCase):
    """What an operator sees of a session."""

    def texts(self, server: RunningServer) -> list[str]:
        """The ladders that are there, the oldest first."""
        found = sorted((server.folder / "state" / "trace").glob("*.txt"))
        return [each.read_text("ascii") for each in found]

    def test_aSessionUnderTLS(self) -> None:
        """STARTTLS, a login and a message; and no password and no text."""
        server = self.serve(_TRACE)
        server.addUser("ann", PASSWORD)
        context = ssl.create_default_context(cafile=str(server.authority))
        for recipient in ("eve@localhost", "bob@localhost"):
            client = smtplib.SMTP("127.0.0.1", server.port, "client.example")
            with client:
                # The certificate is also for the address.
                client.starttls(context=context)
                client.login("ann", PASSWORD)
                client.sendmail("ann@example.org", recipient, _MESSAGE)
        waitFor(lambda: bool(self.texts(server)), "a trace")
        server.stop()
        (text,) = self.texts(server)
        for line in (
            "why     recipient bob@localhost",
            "                 STARTTLS",
            "                 RCPT TO:<bob@localhost>",
            "                 235 2.7.0 Authentication succeeded",
        ):
            self.assertIn(f"\n{line}\n", text)
        self.assertRegex(text, r"\n +[0-9.]+ s  TLS TLSv1\.[23] .* took [0-9.]+ s\n")
        self.assertRegex(text, r"\n +AUTH \S+ \*\n")
        self.assertRegex(text, r"\nend     quit after [0-9.]+ s\n")
        for secret in ("hush", "correct", "Y29ycmVjdC", "AGFubgBjb3JyZWN0"):
            self.assertNotIn(secret, text)
        (path,) = (server.folder / "state" / "trace").glob("*.json")
        trace = json.loads(path.read_text("ascii"))
        events = (server.folder / "events.json").read_text().splitlines()
        ids = {json.loads(each).get("session") for each in events}
        self.assertIn(trace["session"], ids)


class RotationTests(InteropTestCase):
    """Log files are moved away, as logrotate does."""

    def send(self, server: RunningServer, sender: str) -> None:
        """A message more."""
        with smtplib.SMTP("127.0.0.1", server.port, "client.example") as client:
            client.sendmail(sender, "bob@localhost", b"\r\nhello\r\n")

    def accepted(self, log: Path) -> list[str]:
        """The lines of a log that tell of an arrival."""
        lines = log.read_text("ascii").splitlines()
        return [each for each in lines if " <= " in each or ".accepted" in each]

    def test_renamedAndSignalled(self) -> None:
        """At SIGHUP the server goes on in new files, and nothing is lost."""
        server = self.serve('[log]\njson = "events.json"\n')
        logs = [server.folder / "state" / "main.log", server.folder / "events.json"]
        self.send(server, "one@client.example")
        for log in logs:
            log.rename(log.with_suffix(".1"))
        # It does not know yet: this goes into the old files.
        self.send(server, "two@client.example")
        os.kill(server.pid, signal.SIGHUP)
        waitFor(lambda: all(log.exists() for log in logs), "new files")
        self.send(server, "three@client.example")
        server.stop()
        for log in logs:
            old, new = map(self.accepted, (log.with_suffix(".1"), log))
            self.assertEqual((len(old), len(new)), (2, 1))
            self.assertIn("two@client.example", old[1])
            self.assertIn("three@client.example", new[0])

    def test_byLogrotate(self) -> None:
        """The guide's own example, with the signal that C{systemctl reload} sends."""
        logrotate = findPeer("logrotate", "logrotate")
        page = ROOT / "doc" / "howto" / "logs.rst"
        found = re.search(
            r"   (/var/log/smtpx/\*\.log [^\n]*\{\n.*?\n   \})", page.read_text(), re.S
        )
        assert found is not None
        server = self.serve()
        state = server.folder / "state"
        self.send(server, "one@client.example")
        text = found[1].replace("/var/log/smtpx", str(state))
        text = text.replace("systemctl reload smtpx", f"kill -HUP {server.pid}")
        configuration = server.folder / "logrotate.conf"
        configuration.write_text(text)
        configuration.chmod(0o600)
        log = state / "main.log"
        waitFor(lambda: "Completed" in log.read_text(), "the first message")
        status = str(server.folder / "logrotate.status")
        self.run_([logrotate, "-f", "-s", status, str(configuration)])
        waitFor(log.exists, "a new file")
        self.send(server, "two@client.example")
        server.stop()
        for path, sender in ((state / "main.log.1", "one"), (log, "two")):
            (line,) = self.accepted(path)
            self.assertIn(f" <= {sender}@client.example ", line)

    def test_copiedAndTruncated(self) -> None:
        """The file stays the same; the server goes on at its beginning."""
        server = self.serve()
        log = server.folder / "state" / "main.log"
        self.send(server, "one@client.example")
        waitFor(lambda: "Completed" in log.read_text(), "the first message")
        copied = log.read_bytes()
        os.truncate(log, 0)
        self.send(server, "two@client.example")
        server.stop()
        self.assertIn(b"one@client.example", copied)
        text = Path(log).read_bytes()
        self.assertIn(b"two@client.example", text)
        self.assertNotIn(b"one@client.example", text)
        self.assertNotIn(b"\0", text)
