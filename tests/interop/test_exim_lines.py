"""
Our main log beside that of a real Exim: the same sessions, and all selectors on.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..tls.identities import made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase
from .eximserver import EximServer
from .running import waitFor
from .wire import Wire

PASSWORD = "pencil"

#: C{Ci=} is younger than the Exim of Debian 12.
_CONFIGURATION = """\
[log]
selectors = ["all", "-connection_id"]

[tls]
client_authorities = "{authorities}"

[local]
domains = ["localhost"]
addresses = ["bob@localhost"]
unknown = "refuse"
"""

_HEADER = (
    b"Message-ID: <abc@client.example>\r\n"
    b'Subject: About "it" and H=x\r\n'
    b"Date: Sun, 22 Nov 2026 07:00:00 +0000\r\n"
    b"From: <ann@client.example>\r\n\r\n"
)

#: What Exim has and we have not; each stands in the manual.
_NOT_OURS = re.compile(
    r" \(TCP/IP connection count = \d+\)| C=[A-Z,]+$"
    # Reported beside the line of the connection's end.
    r"|: 535 Incorrect authentication data"
)


class Client(Wire):
    """
    A client with a certificate.

    @ivar certificate: a file with it and its key.
    """

    certificate: Path

    def secure(self, authority: Path) -> None:
        """See L{Wire.secure}."""
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(self.certificate)
        self._socket = context.wrap_socket(self._socket, server_hostname="localhost")


def shape(line: str) -> str:
    """
    What a line is made of: names of fields and fixed words, without values.

    The message's id and the number of the process are left out.
    """
    line = re.sub(r"^[-\d]+ [:.\d]+ \[\d+\] (?:\w{6}-\w{6}-\w{2,4} )?", "", line)
    line = _NOT_OURS.sub("", line)
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '"..."', line)
    line = re.sub(r"\[127\.0\.0\.1\]:\d+", "[...]:n", line)
    line = re.sub(r"^<= (\S+)", "arrival ...", line)
    # Whether a client was early is seen at another moment; it is a race.
    line = re.sub(r" L[*.]", " L*", line)
    line = re.sub(r"<[^>]*>", "<...>", line)
    line = re.sub(r"\b([A-Z][A-Z0-9a-z]*|id)=(?!<|\"|\(|\[)\S+", r"\1=...", line)
    # What it is refused for is said in one's own words, and so is a command.
    line = re.sub(r"(rejected \w+ <\.\.\.>): .*", r"\1: ...", line)
    line = re.sub(r"(SMTP syntax error in .* H=.*\]:n) .*", r"\1 ...", line)
    line = re.sub(r"(TLS error on connection from .*\]:n).*", r"\1 ...", line)
    return re.sub(r"\bfor \S.*@.*$", "for ...", line)


class LineTests(InteropTestCase):
    """Whoever reads one of the logs can read the other."""

    def client(self, port: int, certificate: Path) -> Client:
        """A client that has connected."""
        client = Client(port)
        client.certificate = certificate
        return client

    def visit(self, connect: Callable[[], Client], authority: Path) -> None:
        """A session of each kind, one behind the other."""
        secret = b64encode(b"\0ann\0" + PASSWORD.encode())
        with connect() as client:
            client.hello()
            client.startTLS(authority)
            client.say(b"AUTH PLAIN " + secret)
            body = _HEADER + b"hello\r\n"
            client.send(
                b"MAIL FROM:<ann@client.example> BODY=8BITMIME\r\n"
                b"RCPT TO:<eve@localhost>\r\nRCPT TO:<bob@localhost>\r\n"
                b"BDAT %d LAST\r\n%b" % (len(body), body)
            )
            self.assertEqual(client.codes(4), [250, 550, 250, 250])
            client.say(b"QUIT")
        with connect() as client:
            client.hear()
            client.say(b"HELO client.example")
            for line in (b"MAIL FROM:<>", b"RCPT TO:<bob@localhost>", b"DATA"):
                client.say(line)
            self.assertEqual(client.say(_HEADER + b"hello\r\n.").code, 250)
            client.say(b"QUIT")
        with connect() as client:
            client.send(
                b"EHLO client.example\r\nMAIL FROM:<ann@client.example>\r\n"
                b"RCPT TO:<bob@localhost>\r\nDATA\r\n"
            )
            self.assertEqual(client.codes(5), [220, 250, 250, 250, 354])
            self.assertEqual(client.say(_HEADER + b"hello\r\n.").code, 250)
            client.say(b"QUIT")
        with connect() as client:
            client.hello()
            client.mail(b"bob@localhost")
            client.say(b"DATA")
            self.assertEqual(client.say(_HEADER + b"hello\r\n.").code, 250)
            client.say(b"QUIT")
        with connect() as client:
            client.hello()
            client.say(b"BLUB x")
            client.say(b"QUIT")
        with connect() as client:
            client.hello()
            client.mail(b"bob@localhost")
            client.say(b"RSET")
        with connect() as client:
            client.hello()
            client.mail(b"bob@localhost")
        with connect() as client:
            client.hello()
            client.startTLS(authority)
            client.say(b"AUTH PLAIN " + b64encode(b"\0ann\0wrong"))
            client.say(b"MAIL FROM:<ann@client.example>")
            client.say(b"RCPT TO:<eve@localhost>")
            client.say(b"QUIT")
        with connect() as client:
            client.hello()
            client.say(b"STARTTLS")
            client.send(b"garbage, and no handshake\r\n")
        self.rush(connect())

    def rush(self, client: Client) -> None:
        """Do not wait; Exim takes what comes too soon until the first DATA."""
        with client:
            client.hear()
            client.say(b"HELO client.example")
            client.say(b"DATA")
            client.send(b"NOOP x\r\nNOOP y\r\n")
            self.assertEqual(client.rest(), [554])

    def stories(self, log: str) -> list[list[str]]:
        """
        The shapes of the lines of a log: arrivals, deliveries, refusals, and each
        other kind; sorted, for one session may begin before another is through.
        """
        kinds = (
            r" <= ",
            r" => ",
            r" Completed",
            r" rejected ",
            r"\] SMTP connection from ",
            r" no MAIL in ",
            r" unexpected disconnection ",
            r" SMTP syntax error ",
            r" authenticator failed ",
            r" TLS error on ",
            r" synchronization error ",
        )
        # Of the end of a session that it ends itself, Exim says nothing.
        ends = re.compile(r" closed by (?:EOF|us)$")
        lines = [line for line in log.splitlines() if not ends.search(line)]
        return [
            sorted(shape(line) for line in lines if re.search(kind, line))
            for kind in kinds
        ]

    def test_theSameLines(self) -> None:
        """
        Every line that both have is made of the same fields in the same order.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        identity = made(None)
        authorities, certificate = folder / "ca.pem", folder / "client.pem"
        authorities.write_bytes(pem(made(None).certificate))
        certificate.write_bytes(pem(identity.certificate) + pemKey(identity.key))
        server = self.serve(_CONFIGURATION.format(authorities=authorities))
        server.addUser("ann", PASSWORD)
        tls = server.folder / "state" / "tls"
        exim = EximServer(tls, "+all", PASSWORD)
        self.addCleanup(exim.close)
        for port in (server.port, exim.port):
            self.visit(partial(self.client, port, certificate), server.authority)
        exim.awaitIdle(4)
        main = server.folder / "state" / "main.log"
        waitFor(lambda: main.read_text().count(" Completed") >= 4, "deliveries")
        server.stop()
        for ours, theirs in zip(
            self.stories(main.read_text()), self.stories(exim.log()), strict=True
        ):
            self.assertNotEqual(theirs, [])
            self.assertEqual(ours, theirs)
