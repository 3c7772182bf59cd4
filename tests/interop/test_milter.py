"""
Milters of other makers, asked by a server of ours.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

import dkim

from tests.mailauth.dkimmail import BODY, HEADER, ZONE

from .cases import InteropTestCase
from .milterpeers import OpenDKIM
from .running import RunningServer, freePort, waitFor

_MILTER = """
[authentication]
checks = []
[local]
domains = ["here.example"]
unknown = "accept"
"""

_ONE = """
[[milter]]
name = "opendkim"
address = "{address}"
"""

_SENDER, _RECIPIENT = "joe@football.example.com", "ann@here.example"


def known(name: bytes, timeout: int = 5) -> bytes | None:
    """dkimpy's DNS."""
    return ZONE.get(name.rstrip(b"."))


class OpenDKIMTests(InteropTestCase):
    """Debian's C{opendkim}, which signs and verifies."""

    def begin(
        self, mode: str, port: int | None = None
    ) -> tuple[OpenDKIM, RunningServer]:
        """A milter, and a server that asks it."""
        milter = OpenDKIM(mode, ZONE, port)
        self.running(milter)
        return milter, self.serve(_MILTER + _ONE.format(address=milter.address))

    def send(self, server: RunningServer, *messages: bytes) -> None:
        """Send messages over one connection."""
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
            for each in messages:
                client.sendmail(_SENDER, [_RECIPIENT], each)

    def arrived(self, server: RunningServer, count: int) -> list[bytes]:
        """What lies in the Maildir, without what final delivery has put above it."""
        new = server.folder / "state" / "Maildir" / "new"
        waitFor(
            lambda: new.is_dir() and len(list(new.iterdir())) == count,
            f"{count} messages",
        )
        found = [Path(each).read_bytes() for each in sorted(new.iterdir())]
        return [each.split(b"\r\n", 2)[2] for each in found]

    def test_signs(self) -> None:
        """dkimpy finds the signature of the message as delivered good."""
        _, server = self.begin("s")
        message = HEADER + b"\r\n" + BODY
        self.send(server, message, message)
        for each in self.arrived(server, 2):
            self.assertTrue(each.startswith(b"DKIM-Signature: v=1;"), each)
            self.assertTrue(dkim.verify(each, dnsfunc=known), each)

    def test_signsOverTCP(self) -> None:
        """The same at a port."""
        _, server = self.begin("s", freePort())
        self.send(server, HEADER + b"\r\n" + BODY)
        [found] = self.arrived(server, 1)
        self.assertTrue(dkim.verify(found, dnsfunc=known), found)
