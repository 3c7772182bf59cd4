"""
Messages that are cut short (CHECKPOINT), and of which it is found out who sent them.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from twisted.internet.task import Clock

from smtpx.mailauth.resultsclaims import OurNames
from smtpx.net.interfaces import IReceiver
from smtpx.policy.checking import CheckingReceiver
from smtpx.spool.incoming import Incoming

from ..policy.authmade import HEADER, Told, authentication, signed, zone
from .named import MAIL, RCPT, NamedTestCase, codes

_TEXT = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab\r\n"
_CLAIM = b"Authentication-Results: mx.example.net; dkim=pass header.d=bank.example\r\n"


class CheckedAgainTests(NamedTestCase):
    """A message is looked at as a whole, whenever its parts came."""

    def setUp(self) -> None:
        """A server that looks at messages."""
        super().setUp()
        self.told, self.clock = Told(), Clock()

    def around(self, receiver: IReceiver) -> IReceiver:
        """What looks at them."""
        found = authentication(zone(), self.told, self.clock)
        return CheckingReceiver(receiver, found, OurNames.of([b"mx.example.net"]))

    def resumed(self, message: bytes, cut: int) -> tuple[str, bytes]:
        """
        Send a message in two parts.

        @return: what MAIL is answered the second time, and what stands above it.
        """
        server = self.server(around=self.around)
        client = server.client()
        client.talk(MAIL, RCPT)
        client.raw(b"BDAT %d LAST\r\n%b" % (len(message), message[:cut]))
        server.settle()
        client.lose()
        client = server.client()
        [said] = client.talk(MAIL)
        if not said.startswith("355"):
            return said, b""
        there = int(said.split()[1])
        left = message[there:]
        client.send(b"BDAT %d LAST\r\n%b" % (len(left), left[:-2]))
        server.settle()
        for _ in range(len(message) >> 16):
            self.clock.advance(0)
        server.settle()
        self.assertEqual(["250"], codes(client.said))
        rig = server.rig
        [found] = rig.wait(rig.spool.messages("", 99))
        stored = rig.wait(rig.spool.fetch(found.id))
        assert stored is not None
        [(_, _, body)] = server.messages()
        self.assertEqual(message, body)
        prefix: bytes = stored.prefix
        return said, prefix

    def test_theWholeIsSeen(self) -> None:
        """What is signed is the whole, and so is what is looked at."""
        body = _TEXT * 40_000
        message = signed(body=body)
        for cut in (100_000, len(message) - 200):
            _, prefix = self.resumed(message, cut)
            self.assertIn(b"dkim=pass", prefix)
            self.folder = self.mktemp()
        changed = message.replace(b"0123", b"9123", 1)
        _, prefix = self.resumed(changed, 100_000)
        self.assertIn(b"dkim=fail", prefix)
        self.assertEqual([], self.told.troubles)

    def test_whatIsTakenOut(self) -> None:
        """Of what something was taken out, nothing is kept: all of it is sent again."""
        message = signed(_CLAIM + HEADER, _TEXT * 3000)
        said, _ = self.resumed(message, 100_000)
        self.assertTrue(said.startswith("250"), said)

    def test_aDiskThatDoesNotTell(self) -> None:
        """What cannot be read again cannot be looked at, and is not lost."""

        def broken(self: Incoming) -> Iterator[bytes]:
            raise OSError(errno.EIO, "broken")

        self.patch(Incoming, "reread", broken)
        message = signed(body=_TEXT * 3000)
        _, prefix = self.resumed(message, 100_000)
        self.assertIn(b"dkim=temperror", prefix)
        self.assertEqual(["rereading"], [owner for owner, _ in self.told.troubles])
