"""
A message so long that nobody ought to have it in memory as a whole.
"""

from __future__ import annotations

import os
import smtplib

from .cases import InteropTestCase
from .running import RunningServer

#: So that such a one is taken.
HUGE_LIMITS = '[limits]\nmessage_octets = "200 MiB"\n'

_OCTETS = 100 << 20

#: By so much a server may grow with it.
_GROWN_OCTETS = 8 << 20

_LINE = b"It is a long text. " * 50 + b"\r\n"


def sendHuge(
    test: InteropTestCase, server: RunningServer, sender: str, recipient: str
) -> None:
    """Send a message of 100 MiB, and see that the server does not grow with it."""
    before = server.residentOctets()
    if os.getuid() == 0:
        server.forgetPeak()
    client = smtplib.SMTP("localhost", server.port, "client.example", 120.0)
    test.closing(client.close)
    client.ehlo()
    client.mail(sender)
    client.rcpt(recipient)
    client.putcmd("DATA")
    test.assertEqual(354, client.getreply()[0])
    client.send(b"From: <%b>\r\nSubject: a long one\r\n\r\n" % sender.encode())
    for _ in range(_OCTETS // len(_LINE)):
        client.send(_LINE)
    client.send(b".\r\n")
    test.assertEqual(250, client.getreply()[0])
    client.quit()
    test.assertLess(server.peakOctets() - before, _GROWN_OCTETS)


__all__ = ["HUGE_LIMITS", "sendHuge"]
