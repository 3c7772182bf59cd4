"""
A scanner with a verdict for each recipient, in a server that stops in between: what it
said of a message is there again.  The scanner is one of tests; no real one was ever
there.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
from pathlib import Path

from .cases import InteropTestCase
from .running import ROOT, RunningProgram, waitFor

_SCANS = """
[local]
domains = ["example.org"]

[bmi]
python = "tests.policy.bmi.scanners:FieldScanner"

[[policy.rcpt]]
control = ["bmi_run"]
"""

_HOLDS = """
[[route]]
match = ["*"]
transport = "hold"
"""

_DELIVERS = """
[[route]]
match = ["*"]
transport = "discard"

[[route]]
match = ["*"]
bmi_deliver_alternate = true
transport = "maildir"
path = "state/{user}/{bmi_alt_location}"
headers_add = ["X-Verdict: $bmi_base64_verdict"]
"""


class RestartTests(InteropTestCase):
    """Verdicts survive."""

    def test_restart(self) -> None:
        """What was found before a restart is what routes go by after it."""
        server = self.serve(_SCANS + _HOLDS)
        text = b"X-Fake-BMI: alternate location=Junk verdict=dg==\r\n\r\nHello.\r\n"
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20.0) as client:
            client.sendmail("a@b.example", ["ann@example.org"], text)
        server.stop()
        folder = server.folder
        configuration = folder / "smtpx.toml"
        begun = configuration.read_text("utf-8")
        # The scanner itself is gone by then, and so is who held the message.
        text2 = begun.partition("[bmi]")[0] + _DELIVERS
        configuration.write_text(text2, "utf-8")
        shown = self.command(folder, "list")
        self.assertIn("ann@example.org", shown)
        self.command(folder, "release", "--all")
        twistd = str(Path(sys.executable).with_name("twistd"))
        words = [twistd, "-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        self.running(RunningProgram(folder, words))
        new = folder / "state" / "ann" / "junk" / "new"
        waitFor(lambda: new.is_dir() and any(new.iterdir()), "the message")
        (found,) = new.iterdir()
        self.assertIn(b"\r\nX-Verdict: dg==\r\n", found.read_bytes())

    def command(self, folder: Path, *words: str) -> str:
        """Look after the queue of a server that does not run."""
        program = str(Path(sys.executable).with_name("smtpx"))
        return subprocess.run(
            [program, "queue", words[0], "-c", "smtpx.toml", *words[1:]],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60.0,
            check=True,
        ).stdout
