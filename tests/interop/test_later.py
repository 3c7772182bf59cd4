"""
Messages that smtplib submits to be sent later (RFC 4865), or in time (RFC 2852): the
server is stopped meanwhile.  No other server that we know of has either.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import sys
import time
from pathlib import Path

from .cases import InteropTestCase
from .running import RunningProgram, RunningServer

USER, PASSWORD = "joe@localhost", "correct horse"

_CONFIGURATION = """\
[[listener]]
port = 0
address = "127.0.0.1"
role = "submission"

[extensions.FUTURERELEASE]
hold_max_seconds = 60

[extensions.DELIVERBY]
hosts = ["127.0.0.1"]
min_by_seconds = 60
"""

_PORT = re.compile(r"Listening on 127\.0\.0\.1:(\d+) \(STARTTLS, submission\)")
_STARTED = re.compile("Listening on .*implicit TLS")

TEXT = "Subject: later\r\n\r\nIt works.\r\n"


class LaterTests(InteropTestCase):
    """What is submitted now and sent later."""

    def submit(self, server: RunningServer, *options: str) -> None:
        """Have smtplib submit a message."""
        found = _PORT.search(server.said())
        assert found is not None
        context = ssl.create_default_context(cafile=str(server.authority))
        with smtplib.SMTP("localhost", int(found[1]), timeout=20) as client:
            client.starttls(context=context)
            client.login(USER, PASSWORD)
            self.assertRegex(client.esmtp_features["futurerelease"], r"60 \d{4}-.*Z")
            self.assertEqual(client.esmtp_features["deliverby"], "60")
            client.sendmail(USER, ["bob@localhost"], TEXT, options)

    def test_later(self) -> None:
        """
        It goes when its time has come, though the server was not there meanwhile;
        what another server says that wants it held is not understood.
        """
        server = self.serve(_CONFIGURATION)
        server.addUser(USER, PASSWORD)
        with smtplib.SMTP("localhost", server.port, timeout=20) as client:
            client.ehlo()
            self.assertNotIn("futurerelease", client.esmtp_features)
            self.assertEqual(client.mail("a@b.example", ["HOLDFOR=1"])[0], 555)
        began = time.time()
        self.submit(server, "HOLDFOR=10")
        server.stop()
        self.assertEqual(server.messages(), [])
        time.sleep(max(0.0, began + 10.5 - time.time()))
        words = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="]
        words += ["smtpx", "--config", "smtpx.toml"]
        again = RunningProgram(server.folder, words)
        self.running(again)
        again.await_(_STARTED)
        [message] = server.delivered(1)
        self.assertTrue(message.octets.endswith(TEXT.encode()))

    def test_inTime(self) -> None:
        """It is at once delivered, and nothing comes of the time."""
        server = self.serve(_CONFIGURATION)
        server.addUser(USER, PASSWORD)
        self.submit(server, "BY=60;R")
        self.assertEqual(len(server.delivered(1)), 1)
        with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
            self.submit(server, "BY=59;R")
        self.assertEqual(caught.exception.smtp_code, 555)
