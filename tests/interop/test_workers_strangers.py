"""
Greylist and rates of a server of several processes: a client is met by all of them as
by one.
"""

from __future__ import annotations

import smtplib
import time

from .cases import InteropTestCase
from .running import RunningServer

_MESSAGE = "Subject: x\n\nx\n"

_RATES = """
[[policy.message]]
rate = { per = "client", messages = 4, seconds = "1 h", mode = "fixed" }
action = "defer"
"""

#: How long strangers wait, in seconds: longer than two messages take.
_DELAY_SECONDS = 5

_GREYLIST = f"""
[[policy.rcpt]]
greylist = true
action = "defer"
[greylist]
delay = {_DELAY_SECONDS}
clients_after = 0
"""


class StrangersTests(InteropTestCase):
    """One client, and several workers."""

    def codes(
        self, server: RunningServer, numbers: list[int], workers: int
    ) -> list[int]:
        """
        Send messages.

        @param numbers: to which worker each goes.
        @return: what was said of each.
        """
        found = []
        for number in numbers:
            if workers == 1:
                found.append(self.code(server))
                continue
            with server.onlyWorker(number):
                found.append(self.code(server))
        return found

    def code(self, server: RunningServer) -> int:
        """Send a message; what was said of it."""
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
            try:
                client.sendmail(
                    "a@client.example", "ann@localhost", "Subject: x\n\nx\n"
                )
            except smtplib.SMTPRecipientsRefused as error:
                return error.recipients["ann@localhost"][0]
            except smtplib.SMTPResponseException as error:
                return error.smtp_code
        return 250

    def test_rates(self) -> None:
        """
        What one has counted counts at once with the others, which have not been able
        to read it in any file: it is as with one process.
        """
        for workers in (1, 3):
            server = self.serve(_RATES, workers=workers)
            codes = self.codes(server, [1, 2, 3, 1, 2, 3], workers)
            self.assertEqual(codes, [250, 250, 250, 451, 451, 451], workers)
            server.stop()

    def test_greylist(self) -> None:
        """
        Who was put off by one is known to the other, which lets it in when it comes
        again in time.
        """
        server = self.serve(_GREYLIST, workers=2)
        self.assertEqual(self.codes(server, [1, 2], 2), [451, 451])
        time.sleep(_DELAY_SECONDS + 0.2)
        self.assertEqual(self.codes(server, [2, 1, 2], 2), [250, 250, 250])
