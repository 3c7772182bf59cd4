"""
How much a user may have waiting to be released (RFC 4865), where the server has two
workers: smtplib submits.
"""

from __future__ import annotations

import os
import re
import signal
import smtplib
import ssl
import time

from ..shortpaths import shortFolder
from .cases import CLIENT_SECONDS, InteropTestCase
from .running import RunningServer, waitFor

USER, PASSWORD = "joe@localhost", "correct horse"

#: How many there may be.
_MOST = 6

_CONFIGURATION = f"""\
[[listener]]
port = 0
address = "127.0.0.1"
role = "submission"

[extensions.FUTURERELEASE]
hold_max_seconds = 3600
hold_messages = {_MOST}
"""

_PORT = re.compile(r"Listening on 127\.0\.0\.1:(\d+) \(STARTTLS, submission\)")


class WorkersLaterTests(InteropTestCase):
    """A user who has mail wait with whichever worker has the connection."""

    def taken(self, server: RunningServer, count: int) -> int:
        """Submit so many, a connection each; how many are taken."""
        found = _PORT.search(server.said())
        assert found is not None
        context = ssl.create_default_context(cafile=str(server.authority))
        done = 0
        for _ in range(count):
            with smtplib.SMTP(
                "localhost", int(found[1]), "c", CLIENT_SECONDS
            ) as client:
                client.starttls(context=context)
                client.login(USER, PASSWORD)
                text = "Subject: later\r\n\r\nIt works.\r\n"
                try:
                    client.sendmail(USER, ["bob@localhost"], text, ["HOLDFOR=3600"])
                except smtplib.SMTPSenderRefused as refused:
                    self.assertEqual(refused.smtp_code, 552)
                else:
                    done += 1
            # The other one hears of it in a moment, which is longer on a machine with
            # other work.
            time.sleep(0.5)
        return done

    def test_together(self) -> None:
        """There is one bound for both, also after one of them was started again."""
        server = self.serve(_CONFIGURATION, workers=2, folder=shortFolder(self))
        server.addUser(USER, PASSWORD)
        self.assertEqual(self.taken(server, 2 * _MOST), _MOST)
        before = server.workers
        os.kill(before[0], signal.SIGKILL)

        def back() -> bool:
            return len({*server.workers} - {*before}) == 1

        waitFor(back, "another worker")
        self.assertEqual(self.taken(server, _MOST), 0)
