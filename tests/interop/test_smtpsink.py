"""
Postfix's sink, C{smtp-sink}, as a host that takes less than others.
"""

from __future__ import annotations

import email
import os
import socket
import subprocess
import sys
from pathlib import Path

from .cases import InteropTestCase, findPeer
from .running import freePort, waitFor

_SEND = """
import sys
from twisted.internet.task import react
from smtpx import sendMessage

def main(reactor, port):
    message = sys.stdin.buffer.read()
    to = ["bob@example.com"]
    return sendMessage(reactor, "ann@example.org", to, message, host="127.0.0.1",
                       port=int(port))

react(main, sys.argv[1:])
"""

_TEXT = "Grüße aus Köln, und sonst nur Buchstaben, die jeder hat.\r\n".encode()
_OCTETS = bytes(range(128, 256)) * 3
_MESSAGE = (
    b"Subject: both\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n%b"
    b"\r\n--b\r\nContent-Type: image/png\r\n\r\n%b\r\n--b--\r\n" % (_TEXT, _OCTETS)
)


class SMTPSinkTests(InteropTestCase):
    """A message of eight bits on its way to a host that has seven."""

    def sink(self) -> tuple[Path, int]:
        """
        Start one without 8BITMIME.

        @return: the folder with what it takes, and its port.
        """
        words = [findPeer("smtp-sink", "postfix"), "-8", "-d", "taken."]
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        if os.getuid() == 0:
            words += ["-u", "nobody"]
            folder.chmod(0o777)
        port = freePort()
        sink = subprocess.Popen([*words, f"127.0.0.1:{port}", "10"], cwd=folder)
        self.addCleanup(sink.wait)
        self.addCleanup(sink.terminate)

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        waitFor(listens, "smtp-sink")
        return folder, port

    def test_eightBits(self) -> None:
        """It gets seven, and everybody who decodes them what was sent."""
        folder, port = self.sink()
        self.run_([sys.executable, "-c", _SEND, str(port)], input=_MESSAGE)

        def taken() -> list[bytes]:
            files = [path.read_bytes() for path in folder.glob("taken.*")]
            return [octets for octets in files if b"--b--" in octets]

        waitFor(lambda: bool(taken()), "the message")
        [octets] = taken()
        self.assertTrue(octets.isascii())
        # What the sink adds stands before the header.
        message = email.message_from_bytes(octets[octets.index(b"Subject:") :])
        parts = [part.get_payload(decode=True) for part in message.walk()][1:]
        self.assertEqual(parts, [_TEXT.replace(b"\r\n", b"\n"), _OCTETS])
