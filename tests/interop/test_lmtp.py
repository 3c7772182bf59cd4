"""
LMTP (RFC 2033) with others: Dovecot delivers what we give it; Postfix and swaks give
to us.
"""

from __future__ import annotations

import re
import smtplib

from ..shortpaths import shortFolder
from .cases import InteropTestCase, findPeer
from .dovecotmail import RunningMailDovecot
from .postfix import PostfixClient
from .running import RunningServer, waitFor

_TEXT = b"From: carol@localhost\r\nSubject: Hello\r\n\r\nHello.\r\n"

_ROUTES = """
[local]
domains = ["localhost", "dovecot.example"]
[[route]]
match = ["localhost", "mx.example.org"]
[[route]]
match = ["dovecot.example"]
transport = "lmtp"
"""


#: The same, where Dovecot knows whom there is.
_ASKED = """
[relay]
domains = ["dovecot.example"]
recipients_callout = true
[[route]]
match = ["localhost", "mx.example.org"]
[[route]]
match = ["dovecot.example"]
transport = "lmtp"
socket = "{dovecot.socket}"
"""


def to(*names: str) -> list[str]:
    """Addresses at Dovecot."""
    return [f"{name}@dovecot.example" for name in names]


class DovecotTests(InteropTestCase):
    """Mail that Dovecot delivers."""

    def ready(self, where: str) -> RunningServer:
        """
        Start both.

        @param where: the option of the route that says where Dovecot is.
        """
        self.dovecot = RunningMailDovecot()
        self.addCleanup(self.dovecot.remove)
        self.running(self.dovecot)
        text = where.format(dovecot=self.dovecot)
        return self.serve(_ROUTES + text)

    def send(self, server: RunningServer, *recipients: str) -> None:
        """Give the server a message."""
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20.0) as client:
            client.sendmail("carol@localhost", list(recipients), _TEXT)

    def lines(self, server: RunningServer, count: int) -> list[str]:
        """The lines of a message with so many recipients, once it is done with."""

        def found() -> list[str]:
            return [line for line in server.mainLog() if "T=lmtp" in line]

        waitFor(lambda: len(found()) >= count, "lines of deliveries")
        return found()

    def report(self, server: RunningServer) -> bytes:
        """The one report that the sender gets."""
        new = server.folder / "state" / "Maildir" / "new"
        waitFor(lambda: new.is_dir() and len(list(new.iterdir())) > 0, "a report")
        [path] = new.iterdir()
        return path.read_bytes()

    def deliver(self, where: str) -> tuple[RunningServer, list[str]]:
        """Send one message to four, of whom two get it."""
        server = self.ready(where)
        self.send(server, *to("ann", "full", "nobody", "bob+tag"))
        lines = self.lines(server, 4)
        for name in ("ann", "bob"):
            [message] = self.dovecot.mail(name)
            self.assertIn(b"Return-Path: <carol@localhost>", message)
            self.assertIn(b"\nHello.", message)
        self.assertEqual(self.dovecot.mail("full"), [])
        told = "\n".join(lines)
        self.assertRegex(told, r'(?m) => ann(@| <ann@).* C="250 2\.0\.0 .*Saved"')
        self.assertRegex(told, r"(?m) \*\* full@dovecot\.example .*: 552 5\.2\.2 ")
        self.assertRegex(told, r"(?m) \*\* nobody@dovecot\.example .*: 550 5\.1\.1 ")
        self.assertRegex(told, r'(?m) [-=]> bob\+tag.* C="250 2\.0\.0 .*Saved"')
        # Who sent it is told of those who did not get it.
        report = self.report(server)
        for unserved in (b"full", b"nobody"):
            self.assertIn(unserved + b"@dovecot.example", report)
        self.assertNotIn(b"ann@dovecot.example", report)
        return server, lines

    def test_socket(self) -> None:
        """At a UNIX socket, there is no host to tell of."""
        server, lines = self.deliver('socket = "{dovecot.socket}"\n')
        self.assertNotIn(" H=", "".join(lines))
        self.assertIn(": LMTP error after end of data: 552 5.2.2 ", "".join(lines))
        self.assertNotIn(b"Remote-MTA", self.report(server))

    def test_port(self) -> None:
        """At a port, there is."""
        server, lines = self.deliver('hosts = ["[127.0.0.1]:{dovecot.port}"]\n')
        self.assertIn(" H=127.0.0.1 [127.0.0.1]", lines[0])
        self.assertIn(b"Remote-MTA: dns; ", self.report(server))

    def test_oneConnection(self) -> None:
        """One message after the other goes over the same connection."""
        server = self.ready('socket = "{dovecot.socket}"\n')
        for _ in range(3):
            self.send(server, *to("ann", "bob"))
        waitFor(lambda: len(self.dovecot.mail("bob")) == 3, "three messages")
        said = self.dovecot.said()
        self.assertEqual(said.count(": Connect from"), 1, said)

    def test_asked(self) -> None:
        """Dovecot is asked for recipients, while the client waits for the answer."""
        self.dovecot = RunningMailDovecot()
        self.addCleanup(self.dovecot.remove)
        self.running(self.dovecot)
        server = self.serve(_ASKED.format(dovecot=self.dovecot))
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20.0) as client:
            refused = client.sendmail("carol@localhost", to("ann", "nobody"), _TEXT)
        self.assertEqual(list(refused), to("nobody"))
        self.assertEqual(refused[to("nobody")[0]][0], 550)
        waitFor(lambda: len(self.dovecot.mail("ann")) == 1, "a message")

    def test_notThere(self) -> None:
        """Mail waits for a Dovecot that is not there."""
        server = self.ready('socket = "/nonexistent/lmtp"\n')
        self.send(server, *to("ann"))

        def waits() -> bool:
            return any(" == ann@" in line for line in server.mainLog())

        waitFor(waits, "a line that it waits")
        [line] = [line for line in server.mainLog() if " == ann@" in line]
        self.assertIn("No such file or directory", line)


_LISTENERS = """
[local]
domains = ["box.example"]
unknown = "refuse"
addresses = ["ann@box.example", "bob@box.example"]
[[route]]
match = ["*"]
[[listener]]
port = 0
address = "127.0.0.1"
protocol = "lmtp"
tls = "none"
[[listener]]
endpoint = "unix:{socket}:mode=666"
protocol = "lmtp"
"""


class ServerTestCase(InteropTestCase):
    """
    A server that takes mail by LMTP.

    @ivar socket: at this UNIX socket.
    @ivar port: and at this port.
    """

    def ready(self) -> RunningServer:
        """Start it."""
        self.socket = shortFolder(self) / "lmtp"
        server = self.serve(_LISTENERS.format(socket=self.socket))
        found = re.search(r"127\.0\.0\.1:(\d+) \(no TLS, LMTP\)", server.said())
        assert found is not None, server.said()
        self.port = int(found[1])
        return server


class PostfixTests(ServerTestCase):
    """C{lmtp} of Postfix delivers to us."""

    def deliver(self, nexthop: str) -> list[str]:
        """
        Have one message go to three, one of whom is unknown.

        @return: the lines of our log that tell of its arrival.
        """
        server = self.ready()
        services = "lmtp unix - - n - - lmtp\n"
        options = {
            "default_transport": nexthop.format(self=self),
            "relayhost": "",
            "lmtp_host_lookup": "native",
        }
        postfix = PostfixClient(1, options, services)
        self.addCleanup(postfix.remove)
        for_ = "ann@box.example bob@box.example eve@box.example".split()
        postfix.send(for_, b"Subject: hi\n\nHello.\n")
        waitFor(lambda: len(postfix.deliveries()) >= 3, "three deliveries")
        told = "\n".join(postfix.deliveries())
        for name in ("ann", "bob"):
            self.assertRegex(told, rf"to=<{name}@.*status=sent \(250 2\.0\.0 OK id=")
        self.assertRegex(told, r"to=<eve@.*status=bounced .*550 5\.1\.1")
        self.assertEqual(len(server.delivered(2)), 2)
        return server.accepted()

    def test_port(self) -> None:
        """At a port."""
        [line] = self.deliver("lmtp:inet:127.0.0.1:{self.port}")
        self.assertIn(" P=lmtp ", line)

    def test_socket(self) -> None:
        """At a UNIX socket."""
        [line] = self.deliver("lmtp:unix:{self.socket}")
        self.assertIn(" P=lmtp ", line)
        self.assertIn(" H=(client.example) ", line)


class SwaksTests(ServerTestCase):
    """C{swaks} speaks LMTP with us."""

    def swaks(self, *options: str) -> str:
        """Send a message to two, and give what was said."""
        words = [findPeer("swaks", "swaks"), "--helo", "client.example"]
        words += ["--from", "ann@client.example", "--timeout", "20"]
        words += ["--to", "ann@box.example,bob@box.example", "--protocol", "LMTP"]
        return self.run_([*words, *options])

    def test_port(self) -> None:
        """Each recipient is answered for."""
        server = self.ready()
        said = self.swaks("--server", "127.0.0.1", "--port", str(self.port))
        self.assertIn("-> LHLO client.example", said)
        self.assertEqual(said.count("250 2.0.0 OK id="), 2, said)
        for message in server.delivered(2):
            self.assertIn(b" with lmtp\r\n", message.received)

    def test_socket(self) -> None:
        """The same at a UNIX socket, under TLS."""
        server = self.ready()
        said = self.swaks("--socket", str(self.socket), "--tls")
        self.assertEqual(said.count("250 2.0.0 OK id="), 2, said)
        [line] = server.accepted()
        self.assertIn(" P=lmtps ", line)
