"""
Mail that goes on: from a client to us, and from us to another server, which is one of
ours, Exim or Postfix.  What is sent is what arrives, octet for octet, under the fields
that servers put above it; and what does not arrive is reported to its sender.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterable
from email.message import Message

from .bodies import LINES, OCTETS
from .cases import InteropTestCase
from .exim import EximClient
from .eximserver import EximServer
from .postfix import PostfixClient
from .postfixserver import DOMAIN, PostfixServer
from .running import Delivered, RunningServer, freePort, waitFor
from .test_exim import SHORT
from .test_exim_lines import PASSWORD
from .wire import Wire, chunks, stuffed

#: A server that sends everything that is not its own to one host.
_RELAY = """\
[local]
domains = ["example.org"]

[relay]
hosts = ["127.0.0.1"]

[[route]]
match = ["example.org"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
"""

_SINK = """\
[local]
domains = ["sink.example"]
addresses = ["eve@sink.example"]
"""

#: What a server puts above a message that goes on.
_RECEIVED = re.compile(rb"Received: from [^;]*;\r\n\t[^\r\n]*\r\n")

#: Messages that every server takes as they are: they have a header, and no octet that
#: a server may change.
COMMON = [
    LINES["plain"],
    LINES["nested multiparts"],
    LINES["8 bit"],
    LINES["base64"],
    *(
        b"Subject: text\r\n\r\n" + LINES[name]
        for name in ("lone dots", "leading dots", "many dots", "trailing blanks")
    ),
]

ANN = b"ann@example.org"


class Sender:
    """A client that gives mail to a server, and knows what it gave."""

    def __init__(self, server: RunningServer, domain: bytes) -> None:
        """
        @param domain: of all recipients.
        """
        self._wire = Wire(server.port)
        self._wire.hello()
        self._domain = domain
        self.sent: dict[bytes, bytes] = {}

    def give(
        self, local: bytes, body: bytes, options: bytes = b"", sender: bytes = ANN
    ) -> None:
        """
        Give a message, by DATA or by BDAT.

        @param options: parameters of MAIL; BDAT with C{BINARYMIME}.
        """
        path = local + b"@" + self._domain
        wire = self._wire
        for line in (b"MAIL FROM:<%b> %b" % (sender, options), b"RCPT TO:<%b>" % path):
            assert wire.say(line.rstrip()).code == 250, line
        if b"BINARYMIME" in options:
            wire.send(chunks(body, 10_000))
            wire.codes(max(1, -(-len(body) // 10_000)))
        else:
            assert wire.say(b"DATA").code == 354
            wire.send(stuffed(body))
            assert wire.hear().code == 250
        self.sent[path] = body

    def close(self) -> None:
        """It goes."""
        self._wire.close()


class RelayTestCase(InteropTestCase):
    """A server of ours that sends on."""

    def relay(self, port: int, more: str = "") -> RunningServer:
        """
        Start it.

        @param port: where the next host listens.
        @param more: of its configuration.
        """
        return self.serve(_RELAY.format(port=port) + more)

    def sender(self, server: RunningServer, domain: bytes) -> Sender:
        """A client."""
        client = Sender(server, domain)
        self.closing(client.close)
        return client

    def lines(self, server: RunningServer, mark: str) -> list[str]:
        """The lines of a main log that have a mark."""
        return [line for line in server.mainLog() if f" {mark} " in line]

    def completed(self, server: RunningServer, count: int) -> None:
        """Wait until so many messages have left a server."""
        waitFor(lambda: len(self.completions(server)) >= count, f"{count} completed")

    def completions(self, server: RunningServer) -> list[str]:
        """The lines of a main log that tell of the end of a message."""
        return [line for line in server.mainLog() if line.endswith(" Completed")]

    def report(self, server: RunningServer) -> tuple[Message, bytes]:
        """
        Wait for the one report to C{ann}.

        @return: read, and as it is.
        """
        folder = server.folder / "state" / "Maildir" / "new"
        waitFor(lambda: folder.is_dir() and any(folder.iterdir()), "a report")
        [path] = folder.iterdir()
        octets = path.read_bytes()
        return email.message_from_bytes(octets), octets

    def same(self, found: dict[bytes, bytes], sent: dict[bytes, bytes]) -> None:
        """What arrived is what was sent, under our Received field."""
        self.assertEqual(found.keys(), sent.keys())
        for path, body in sent.items():
            above = _RECEIVED.match(found[path])
            assert above is not None, found[path][:500]
            rest = found[path][above.end() :]
            if rest != body:
                self.fail(f"{path!r}: {rest[:500]!r} is not {body[:500]!r}")


class OursTests(RelayTestCase):
    """Two servers of ours, the one a smart host of the other."""

    def sink(self, more: str = "") -> RunningServer:
        """The smart host."""
        return self.serve(_SINK + more, "sink.example")

    def test_octets(self) -> None:
        """Every kind of message, of lines and of octets, arrives as it was sent."""
        sink = self.sink()
        relay = self.relay(sink.port)
        sender = self.sender(relay, b"sink.example")
        for number, body in enumerate(LINES.values()):
            sender.give(b"line%d" % number, body, b"BODY=8BITMIME")
        for number, body in enumerate(OCTETS.values()):
            sender.give(b"octet%d" % number, body, b"BODY=BINARYMIME")
        found = sink.delivered(len(sender.sent))
        self.same({each.recipient: each.octets for each in found}, sender.sent)
        self.assertEqual({each.sender for each in found}, {ANN})
        self.completed(relay, len(sender.sent))
        # Several over each connection: Exim marks those behind the first.
        again = [line for line in self.lines(relay, "=>") if "]*" in line]
        self.assertGreater(len(again), len(sender.sent) // 2)

    def test_refused(self) -> None:
        """What the smart host refuses is reported, with its own words."""
        sink = self.serve(_SINK + 'unknown = "refuse"\n', "sink.example")
        relay = self.relay(sink.port)
        self.sender(relay, b"sink.example").give(b"bob", LINES["plain"])
        message, octets = self.report(relay)
        self.assertEqual(message["To"], "<ann@example.org>")
        self.assertIn(b"\r\nFinal-Recipient: rfc822;bob@sink.example\r\n", octets)
        self.assertIn(b"\r\nAction: failed\r\nStatus: 5.1.1\r\n", octets)
        self.assertIn(b"\r\nDiagnostic-Code: smtp; 550 5.1.1 ", octets)
        self.assertIn(b"\r\nSubject: kinds\r\n", octets)
        self.completed(relay, 2)
        self.assertEqual(len(self.lines(relay, "**")), 1)

    def test_deadHost(self) -> None:
        """
        What a dead host would have got is tried again as the rule says, and reported
        when it is too old.
        """
        relay = self.relay(
            freePort(),
            '[queue]\nqueue_lifetime = "13 s"\n[[retry]]\npauses = ["2 s"]\n',
        )
        self.sender(relay, b"sink.example").give(b"bob", LINES["plain"])
        message, octets = self.report(relay)
        self.assertEqual(message["Subject"], "Mail could not be delivered")
        self.assertIn(b"\r\nStatus: 4.4.7\r\n", octets)
        self.assertIn(b"\r\nAction: failed\r\n", octets)
        self.assertIn(b"Connection refused", octets)
        self.completed(relay, 2)
        tries = self.lines(relay, "==")
        self.assertGreater(len(tries), 4)
        for line in tries:
            self.assertIn(" defer (111): Connection refused ", line)
        self.assertEqual(len(self.lines(relay, "**")), 1)

    def test_comesBack(self) -> None:
        """What waits for a host is sent once the host is there."""
        port = freePort()
        relay = self.relay(port, '[[retry]]\npauses = ["1 s"]\n')
        sender = self.sender(relay, b"sink.example")
        sender.give(b"bob", LINES["plain"])
        waitFor(lambda: bool(self.lines(relay, "==")), "a first attempt")
        sink = self.serve(
            _SINK + f'[[listener]]\nport = {port}\naddress = "127.0.0.1"\n',
            "sink.example",
        )
        [found] = self.delivered(sink)
        self.same({found.recipient: found.octets}, sender.sent)

    def delivered(self, server: RunningServer) -> list[Delivered]:
        """Wait for one message, for as long as the queue may sleep."""
        waitFor(lambda: bool(server.messages()), "a message", 90)
        return server.messages()


class PeersTests(RelayTestCase):
    """Servers of others."""

    def kinds(self, sender: Sender, bodies: Iterable[bytes]) -> None:
        """Give these messages, each to somebody else."""
        for number, body in enumerate(bodies):
            sender.give(b"user%d" % number, body, b"BODY=8BITMIME")

    def utf8(self, sender: Sender) -> None:
        """Give a message to and from addresses beyond ASCII."""
        sender.give(
            "j\xf6rg".encode(),
            LINES["UTF-8 header"] + b"Text\r\n",
            b"BODY=8BITMIME SMTPUTF8",
            "\xe4nn@example.org".encode(),
        )

    def exim(self) -> EximServer:
        """An Exim."""
        other = self.serve()
        exim = EximServer(other.folder / "state" / "tls", "+all", PASSWORD)
        self.addCleanup(exim.close)
        return exim

    def postfix(self, **options: str) -> PostfixServer:
        """A Postfix."""
        postfix = PostfixServer(options)
        self.addCleanup(postfix.close)
        return postfix

    def test_exim(self) -> None:
        """To Exim, under TLS, by BDAT."""
        exim = self.exim()
        relay = self.relay(exim.port)
        sender = self.sender(relay, b"box.example")
        self.kinds(sender, COMMON)
        self.utf8(sender)
        self.completed(relay, len(sender.sent))
        exim.awaitIdle(len(sender.sent))
        self.same(exim.messages(), sender.sent)
        for line in self.lines(relay, "=>"):
            self.assertIn(" X=TLS", line)
            self.assertIn(" K ", line)

    def test_eximRefuses(self) -> None:
        """Whom Exim does not know is reported."""
        exim = self.exim()
        relay = self.relay(exim.port)
        self.sender(relay, b"box.example").give(b"eve", LINES["plain"])
        _, octets = self.report(relay)
        self.assertIn(b"Final-Recipient: rfc822;eve@box.example\r\n", octets)
        self.assertIn(b"Diagnostic-Code: smtp; 550 No such user\r\n", octets)

    def test_postfix(self) -> None:
        """To Postfix, by BDAT."""
        postfix = self.postfix()
        relay = self.relay(postfix.port)
        sender = self.sender(relay, DOMAIN.encode())
        self.kinds(sender, COMMON)
        self.utf8(sender)
        self.completed(relay, len(sender.sent))
        waitFor(lambda: len(postfix.messages()) == len(sender.sent), "deliveries")
        self.same(postfix.messages(), sender.sent)

    def test_postfixWithData(self) -> None:
        """To Postfix without CHUNKING, by DATA, several over a connection."""
        postfix = self.postfix(smtpd_discard_ehlo_keywords="chunking, silent-discard")
        relay = self.relay(postfix.port)
        sender = self.sender(relay, DOMAIN.encode())
        self.kinds(sender, COMMON * 3)
        self.completed(relay, len(sender.sent))
        waitFor(lambda: len(postfix.messages()) == len(sender.sent), "deliveries")
        self.same(postfix.messages(), sender.sent)
        self.assertLess(postfix.connections(), len(sender.sent))

    def test_postfixRefuses(self) -> None:
        """Whom Postfix does not know is reported; the others have it."""
        postfix = self.postfix()
        relay = self.relay(postfix.port)
        sender = self.sender(relay, DOMAIN.encode())
        sender.give(b"eve", LINES["plain"])
        _, octets = self.report(relay)
        self.assertIn(b"Status: 5.1.1\r\n", octets)
        self.assertIn(b"Recipient address rejected: No such user", octets)

    def test_withoutSMTPUTF8(self) -> None:
        """
        A message that a host cannot take for want of SMTPUTF8 is reported, to an
        address in ASCII in nothing but ASCII (RFC 6533).
        """
        postfix = self.postfix(smtpd_discard_ehlo_keywords="smtputf8, silent-discard")
        relay = self.relay(postfix.port)
        sender = self.sender(relay, DOMAIN.encode())
        options = b"BODY=8BITMIME SMTPUTF8"
        sender.give("j\xf6rg".encode(), LINES["UTF-8 header"] + b"Text\r\n", options)
        _, octets = self.report(relay)
        self.assertTrue(octets.isascii())
        self.assertIn(rb"Final-Recipient: utf-8;j\x{F6}rg@box.example", octets)
        self.assertIn(b"\r\nStatus: 5.6.7\r\n", octets)
        self.assertIn(b"Content-Type: message/global-headers\r\n", octets)
        self.assertEqual(postfix.messages(), {})

    def test_fromEximToPostfix(self) -> None:
        """Exim gives it to us, and we to Postfix."""
        postfix = self.postfix()
        relay = self.relay(postfix.port)
        exim = EximClient(relay.port)
        self.addCleanup(exim.remove)
        exim.send(f"bob@{DOMAIN}", SHORT)
        self.assertEqual(exim.queued(), "", exim.log())
        waitFor(lambda: len(postfix.messages()) == 1, "a delivery")
        [octets] = postfix.messages().values()
        body = SHORT.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
        self.assertEqual(octets.split(b"\r\n\r\n", 1)[1], body)

    def test_fromPostfixToExim(self) -> None:
        """Postfix gives it to us, and we to Exim."""
        exim = self.exim()
        relay = self.relay(exim.port)
        postfix = PostfixClient(relay.port, {"smtp_tls_security_level": "may"})
        self.addCleanup(postfix.remove)
        postfix.send("bob@box.example", SHORT)
        waitFor(lambda: len(exim.messages()) == 1, "a delivery")
        [octets] = exim.messages().values()
        body = SHORT.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
        self.assertEqual(octets.split(b"\r\n\r\n", 1)[1], body)

    def test_postfixReadsOurReport(self) -> None:
        """Postfix takes our report, whose parts its own tools would read."""
        postfix = self.postfix()
        dead = freePort()
        relay = self.serve(
            _RELAY.format(port=postfix.port)
            + '[queue]\nqueue_lifetime = 1\n[[route]]\nmatch = ["dead.example"]\n'
            f'transport = "smtp"\nhosts = ["[127.0.0.1]:{dead}"]\n'
        )
        sender = self.sender(relay, b"dead.example")
        sender.give(b"bob", LINES["plain"], sender=f"ann@{DOMAIN}".encode())
        path = f"ann@{DOMAIN}".encode()
        waitFor(lambda: path in postfix.messages(), "a report")
        report = postfix.messages()[path]
        self.assertIn(b"report-type=delivery-status", report)
        self.assertIn(b"Final-Recipient: rfc822;bob@dead.example\r\n", report)
