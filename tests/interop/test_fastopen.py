"""
TCP Fast Open between two hosts: in network namespaces, with the kernel's own TCP.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SkipTest

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .apart import FAR, Apart
from .cases import InteropTestCase
from .exim import EximClient
from .eximserver import EximServer
from .ours import OurProgram
from .running import freePort, waitFor

_RECIPIENT = "bob@box.example"
_MESSAGE = "Subject: fast\r\n\r\nText\r\n"

_TAKES = """
name = "mx.example.org"
state = "state"

[[listener]]
address = "{address}"
port = {port}
tls = "none"

[local]
domains = ["box.example"]

[[route]]
match = ["*"]
transport = "hold"
"""

_SENDS = """
name = "client.example"
state = "state"

[[listener]]
address = "127.0.0.1"
port = {own}
tls = "none"

[relay]
hosts = ["127.0.0.1"]

[sending]
idle_seconds = 0.1
hosts_try_fastopen = ["*"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[{address}]:{port}"]
tls = "unwanted"

[extensions.PIPECONNECT]
hosts_pipe_connect = ["*"]
"""


class ApartCase(InteropTestCase):
    """
    Servers at two ends, and all packets between them written down.

    @ivar fast: are connections opened fast?
    """

    fast = True

    def setUp(self) -> None:
        """Two ends, some way apart."""
        InteropTestCase.setUp(self)
        try:
            self.apart = Apart(0.01)
        except OSError as error:
            raise SkipTest(f"no network namespaces here: {error}") from error
        self.addCleanup(self.apart.close)
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-fast-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def receiver(self) -> tuple[OurProgram, int]:
        """One of ours at the far end."""
        with self.apart.far():
            port = freePort(FAR)
            text = _TAKES.format(address=FAR, port=port)
            program = OurProgram(self.folder / "far", text)
        self.addCleanup(program.stop)
        return program, port

    def exim(self) -> EximServer:
        """An Exim there."""
        identity = made(ROOT, names=["mx.example.org"])
        (self.folder / "certificate.pem").write_bytes(pem(identity.certificate))
        (self.folder / "key.pem").write_bytes(pemKey(identity.key))
        (self.folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        with self.apart.far():
            exim = EximServer(self.folder, "+all", "secret", FAR)
        self.addCleanup(exim.close)
        return exim

    def sender(self, port: int) -> tuple[OurProgram, Callable[[], None]]:
        """One of ours at the near end, and what has it send a message."""
        with self.apart.near():
            own = freePort()
            text = _SENDS.format(own=own, address=FAR, port=port)
            if not self.fast:
                text = text.replace('hosts_try_fastopen = ["*"]\n', "")
            program = OurProgram(self.folder / "near", text)
        self.addCleanup(program.stop)
        sent = 0

        def send() -> None:
            nonlocal sent
            sent += 1
            seen = len(self.apart.packets)
            with self.apart.near():
                with smtplib.SMTP("127.0.0.1", own, timeout=30) as client:
                    client.sendmail("ann@client.example", [_RECIPIENT], _MESSAGE)
            ends = re.compile(" Completed$| == ", re.MULTILINE)
            waitFor(lambda: len(ends.findall(program.log())) >= sent, "delivery")
            # The connection is not used again.
            waitFor(lambda: any(each.ends for each in self.apart.call(seen)), "goodbye")

        return program, send


class FastOpenTests(ApartCase):
    """
    The first message brings the cookie and what the host offers; from then on EHLO,
    MAIL and RCPT are in the SYN, and the message is not.
    """

    def inSYN(self) -> list[bytes]:
        """What SYNs of the near end had in them, since the test began."""
        packets = self.apart.packets
        return [each.payload for each in packets if each.syn and each.outgoing]

    def assertWithoutMessage(self, payload: bytes) -> None:
        """Commands are in it, and nothing of the message is."""
        self.assertTrue(payload.startswith(b"EHLO client.example\r\nMAIL FROM:"))
        self.assertIn(b"RCPT TO:", payload)
        self.assertNotIn(b"BDAT", payload)
        self.assertNotIn(b"Subject", payload)

    def arrivals(self, receiver: OurProgram, count: int) -> list[str]:
        """The lines of so many messages in its log."""
        waitFor(lambda: receiver.log().count(" <= ") >= count, "arrivals")
        return [line for line in receiver.log().splitlines() if " <= " in line]

    def test_ours(self) -> None:
        """From one of ours to another; both logs tell of it."""
        receiver, port = self.receiver()
        sender, send = self.sender(port)
        for _ in range(3):
            send()
        first, *_, last = self.inSYN()
        self.assertEqual(first, b"")
        self.assertWithoutMessage(last)
        lines = [line for line in sender.log().splitlines() if " => " in line]
        self.assertNotIn("TFO", lines[0])
        self.assertRegex(lines[-1], rf" H=\S+ \[{re.escape(FAR)}\] TFO\* ")
        self.assertIn(" TFO* ", self.arrivals(receiver, 3)[-1])

    def test_toExim(self) -> None:
        """From one of ours to Exim."""
        exim = self.exim()
        sender, send = self.sender(exim.port)
        for _ in range(3):
            send()
        self.assertWithoutMessage(self.inSYN()[-1])
        self.assertIn(" TFO* ", sender.log().splitlines()[-2])
        exim.awaitIdle(3)
        arrivals = [line for line in exim.log().splitlines() if " <= " in line]
        self.assertIn(" TFO* ", arrivals[-1])

    def test_fromExim(self) -> None:
        """From Exim to one of ours."""
        receiver, port = self.receiver()
        options = ["hosts_pipe_connect = *", "hosts_try_fastopen = *"]
        exim = EximClient(port, options, selectors="+all", host=FAR)
        self.addCleanup(exim.remove)
        with self.apart.near():
            for _ in range(3):
                exim.send(_RECIPIENT, b"Subject: fast\n\nText\n")
        self.assertIn(" TFO* ", self.arrivals(receiver, 3)[-1])

    def test_gone(self) -> None:
        """Where nobody is any more, the message is tried later, and that is all."""
        receiver, port = self.receiver()
        sender, send = self.sender(port)
        for _ in range(3):
            send()
        receiver.stop()
        send()
        (line,) = [line for line in sender.log().splitlines() if " == " in line]
        self.assertIn("Connection refused", line)
        self.assertNotIn("TFO", line)
