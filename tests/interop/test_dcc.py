"""
DCC: a server that asks a daemon over real sockets.  The daemon is a script
(L{tests.interop.dccifd}): no real one was ever there.
"""

from __future__ import annotations

import re
import smtplib
import time

from ..shortpaths import shortFolder
from .cases import InteropTestCase
from .dccifd import FIELD, FakeDaemon
from .running import RunningServer, waitFor

_RULES = """
[local]
domains = ["example.org"]

[[policy.mail]]
senders = ["gmx.example"]
set.acl_m_dcc_override_client_ip = "212.227.15.16"
set.acl_m_dcc_add_header = "X-A: b"

[[policy.message]]
dcc_result = ["R"]
action = "reject"
message = "This was sent to too many"
log_message = "DCC says $dcc_result, $dcc_recipients: $dcc_header"

[[policy.message]]
dcc = false
action = "defer"
message = "Greylisted"
"""

#: Longer than what is given to the daemon only when all of it is there.
_LONG = b"0123456789abcdef" * 4 + b"\r\n"


def message(say: str, body: bytes = b"Hello.\r\n") -> bytes:
    """A message of which the daemon says something."""
    return b"X-Say: %b\r\nSubject: Hello\r\n\r\n" % say.encode("ascii") + body


class DCCTests(InteropTestCase):
    """Messages of which the daemon is asked."""

    def setUp(self) -> None:
        """The daemon."""
        InteropTestCase.setUp(self)
        self.dcc = FakeDaemon()
        self.addCleanup(self.dcc.stop)

    def socket(self) -> str:
        """The daemon's address, a UNIX socket with a short name."""
        return self.dcc.start(shortFolder(self) / "dccifd")

    def started(self, address: str, options: str = "", rest: str = _RULES) -> None:
        """A server that asks the daemon."""
        table = f'[dcc]\ndccifd_address = "{address}"\n{options}\n'
        self.server: RunningServer = self.serve(table + rest)

    def send(
        self, text: bytes, *to: str, sender: str = "a@b.example"
    ) -> tuple[int, bytes]:
        """Give the server a message, and tell what it says of it."""
        recipients = to or ("ann@example.org",)
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=60.0) as client:
            client.ehlo("client.example")
            client.mail(sender)
            for each in recipients:
                self.assertEqual(client.rcpt(each)[0], 250)
            return client.data(text)

    def test_verdicts(self) -> None:
        """A and S are taken, R is refused, G and T are to come again."""
        self.started(self.socket())
        for say, code in (("A", 250), ("S", 250), ("R", 550), ("G", 451), ("T", 451)):
            said = self.send(message(say))
            self.assertEqual(said[0], code, (say, said))
        # Each was asked of once.
        self.assertEqual(len(self.dcc.asked), 5)
        self.assertIn(b"Greylisted", self.send(message("G"))[1])
        asked = self.dcc.asked[0]
        self.assertEqual(
            asked.lines,
            [b"header", b"127.0.0.1", b"client.example", b"a@b.example", ANN],
        )
        self.assertTrue(asked.message.endswith(message("A")), asked.message)
        line = "DCC says R, R: X-DCC-test-Metrics: "
        waitFor(lambda: line in "\n".join(self.server.mainLog()), "it in the log")

    def test_tcp(self) -> None:
        """The daemon may be at a host and a port, and told of another client."""
        self.started(self.dcc.start())
        said = self.send(message("A"), sender="x@gmx.example")
        self.assertEqual(said[0], 250)
        (asked,) = self.dcc.asked
        self.assertEqual(asked.lines[1], b"212.227.15.16")
        self.assertTrue(asked.message.startswith(b"X-A: b\r\n"))

    def test_header(self) -> None:
        """The field goes into the message, without a rule, and no forged one stays."""
        self.started(self.socket(), "dcc_direct_add_header = true", LOCAL)
        forged = b"X-DCC-test-Metrics: all is well\r\n" + message("A")
        self.assertEqual(self.send(forged)[0], 250)
        (found,) = self.server.delivered(1)
        unfolded = re.sub(rb"\r\n[ \t]", b" ", found.octets)
        self.assertEqual(unfolded, FIELD.rstrip() + b"\r\n" + message("A"))

    def test_each(self) -> None:
        """Where the client can be told of each recipient, one can be refused alone."""
        rest = (
            '[[policy.data]]\ncontrol = ["dcc_recipients"]\n'
            '[[listener]]\nport = 0\naddress = "127.0.0.1"\nprotocol = "lmtp"\n'
        )
        self.started(self.socket(), "", LOCAL + rest)
        (port,) = re.findall(r"127\.0\.0\.1:(\d+) \(STARTTLS, LMTP", self.said())
        with smtplib.LMTP("127.0.0.1", int(port)) as client:
            client.ehlo("client.example")
            client.mail("a@b.example")
            client.rcpt("ann@example.org")
            client.rcpt("no-bulk@example.org")
            first = client.data(message("A"))
            second = client.getreply()
        self.assertEqual((first[0], second[0]), (250, 550), (first, second))
        (found,) = self.server.delivered(1)
        self.assertEqual(found.recipient, ANN)
        # Over SMTP it cannot be told, and nothing is lost.
        said = self.send(message("A"), "ann@example.org", "no-bulk@example.org")
        self.assertEqual(said[0], 250)
        self.server.delivered(3)
        self.assertEqual(self.send(message("A"), "no-bulk@example.org")[0], 550)

    def test_away(self) -> None:
        """A daemon that is away, hangs or talks nonsense defers, within its time."""
        self.dcc.hangs = 30.0
        address = self.socket()
        self.started(address, 'opinion_seconds = "2 s"')
        self.assertEqual(self.send(message("?"))[0], 451)
        began = time.monotonic()
        self.assertEqual(self.send(message("-"))[0], 451)
        self.assertLess(time.monotonic() - began, 15)
        self.dcc.stop()
        self.assertEqual(self.send(message("A"))[0], 451)

    def test_awayAccepted(self) -> None:
        """Where the operator wants that, it counts as a yes."""
        address = self.socket()
        self.started(address, 'when_away = "accept"')
        self.assertEqual(self.send(message("T"))[0], 250)
        self.dcc.stop()
        self.assertEqual(self.send(message("A"))[0], 250)

    def test_long(self) -> None:
        """A long message is streamed, and is asked of once."""
        self.started(self.socket())
        body = _LONG * (20_000_000 // len(_LONG))
        self.send(message("A", _LONG * 4000))
        self.server.forgetPeak()
        before = self.server.residentOctets()
        self.assertEqual(self.send(message("R", body))[0], 550)
        self.assertLess(self.server.peakOctets() - before, 8_000_000)
        self.assertEqual(len(self.dcc.asked), 2)
        self.assertTrue(self.dcc.asked[1].message.endswith(body))

    def said(self) -> str:
        """What the server has printed, once it listens everywhere."""
        waitFor(lambda: "LMTP)" in self.server.said(), "a door for LMTP")
        return self.server.said()


ANN = b"ann@example.org"
LOCAL = '[local]\ndomains = ["example.org"]\n'
