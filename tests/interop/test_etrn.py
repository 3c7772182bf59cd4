"""
ETRN (RFC 1985): smtplib, fetchmail and we ourselves ask us, and we ask Postfix.
"""

from __future__ import annotations

import smtplib
import sys
from pathlib import Path

from .cases import InteropTestCase, findPeer
from .postfixserver import DOMAIN, PostfixServer
from .running import RunningServer, freePort, waitFor

_AWAY = """\
[relay]
domains = ["branch.example"]

[[route]]
match = ["branch.example"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "unwanted"

[[route]]
match = ["localhost", "mx.example.org"]
transport = "maildir"

[extensions.ETRN]
hosts = ["127.0.0.1"]
"""

TEXT = "Subject: x\n\ny\n"

_BRANCH = """\
[[listener]]
port = {port}
address = "127.0.0.1"

[local]
domains = ["branch.example", "localhost"]
"""


class AskedTests(InteropTestCase):
    """Somebody asks us."""

    def setUp(self) -> None:
        """A message waits for a host that is away."""
        super().setUp()
        self.away = freePort()
        self.server = self.serve(_AWAY.format(port=self.away))
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=20) as client:
            client.sendmail(
                "ann@localhost", ["bob@branch.example"], "Subject: x\n\ny\n"
            )
        waitFor(lambda: " == " in "\n".join(self.server.mainLog()), "an attempt")

    def back(self) -> RunningServer:
        """The host is back."""
        return self.serve(_BRANCH.format(port=self.away))

    def test_smtplib(self) -> None:
        """What waits is sent, and then nothing waits."""
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=20) as client:
            client.ehlo()
            self.assertIn("etrn", client.esmtp_features)
            branch = self.back()
            code, text = client.docmd("ETRN", "branch.example")
            self.assertEqual(code, 253, text)
            [message] = branch.delivered(1)
            self.assertEqual(message.recipient, b"bob@branch.example")
            code, text = client.docmd("ETRN", "branch.example")
            self.assertEqual((code, text[:5]), (459, b"4.7.0"))
            self.assertEqual(client.docmd("ETRN", "elsewhere.example")[0], 459)

    def test_ourCommand(self) -> None:
        """So it is by C{smtpx etrn}."""
        branch = self.back()
        program = str(Path(sys.executable).with_name("smtpx"))
        where = f"127.0.0.1:{self.server.port}"
        said = self.run_([program, "etrn", where, "branch.example"])
        self.assertIn("branch.example: 253 2.0.0 OK, 1 pending", said)
        self.assertEqual(len(branch.delivered(1)), 1)

    def test_fetchmail(self) -> None:
        """A program that has been doing this for thirty years."""
        branch = self.back()
        words = [findPeer("fetchmail", "fetchmail"), "--fetchmailrc", "/dev/null"]
        words += ["--protocol", "ETRN", "--service", str(self.server.port)]
        words += ["--nosyslog", "-v", "--fetchdomains", "branch.example", "127.0.0.1"]
        home = Path(self.mktemp()).absolute()
        home.mkdir()
        said = self.run_(words, environment={"HOME": str(home)})
        self.assertIn("ETRN< 253 2.0.0 OK, 1 pending messages", said)
        self.assertEqual(len(branch.delivered(1)), 1)


class AskingTests(InteropTestCase):
    """We ask Postfix."""

    def test_postfix(self) -> None:
        """It does so for its own domain, and not for others."""
        postfix = PostfixServer(
            {"fast_flush_domains": DOMAIN},
            services="flush unix n - n 1000? 0 flush\n",
        )
        self.addCleanup(postfix.close)
        program = str(Path(sys.executable).with_name("smtpx"))
        words = [program, "etrn", f"127.0.0.1:{postfix.port}"]
        self.assertIn(f"{DOMAIN}: 250 ", self.run_([*words, DOMAIN]))
        said = self.run_([*words, "elsewhere.example"], status=1)
        self.assertIn("elsewhere.example: 459 ", said)
