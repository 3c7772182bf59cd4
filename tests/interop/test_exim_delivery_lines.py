"""
Our main log beside that of a real Exim, with all selectors on, where both send the
same messages to the same host.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from smtpx.tls.authority import ensureCertificate
from tests.tls.joined import NOW

from .cases import InteropTestCase
from .exim import EximClient
from .running import waitFor
from .test_exim_lines import shape

_CONFIGURATION = """\
[log]
selectors = ["all"]

[relay]
hosts = ["127.0.0.1"]

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "{tls}"
"""

#: What is sent, to whom each, and how many lines of its own each brings.
MESSAGES = (
    ("bob@a.example", "eve@a.example", "bad@a.example"),
    ("slow@b.example",),
    ("spam@c.example",),
)
KINDS = (" => ", " -> ", r" \*\* ", " == ", " <= <> ", " Completed")

_OFFERS = (b"PIPELINING", b"CHUNKING", b"ENHANCEDSTATUSCODES")


class Host(ThreadingTCPServer):
    """
    A host that takes everything but what is for C{bad}, C{slow} or C{spam}.

    @ivar port: where it listens.
    @ivar tls: what it shows; L{None}: it has no TLS.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.tls = tls
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


class Session(StreamRequestHandler):
    """One connection."""

    server: Host
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """See L{StreamRequestHandler}."""
        self.for_ = b""
        self.say(b"220 host.example ESMTP")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                return self.say(b"221 2.0.0 Bye")
            getattr(self, verb.decode("latin-1").lower().strip(), self.other)(line)

    def say(self, *lines: bytes) -> None:
        """A reply."""
        self.wfile.write(b"".join(each + b"\r\n" for each in lines))
        self.wfile.flush()

    def ehlo(self, line: bytes) -> None:
        """What it offers."""
        secured = isinstance(self.connection, ssl.SSLSocket)
        more = (b"STARTTLS",) if self.server.tls and not secured else ()
        self.say(*[b"250-" + each for each in (b"host.example", *more, *_OFFERS)][:-1])
        self.say(b"250 " + _OFFERS[-1])

    def star(self, line: bytes) -> None:
        """STARTTLS."""
        assert self.server.tls is not None
        self.say(b"220 2.0.0 Go")
        context = self.server.tls
        self.connection: Any = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile: Any = self.connection.makefile("wb")

    def mail(self, line: bytes) -> None:
        """A message begins."""
        self.for_ = b""
        self.say(b"250 2.1.0 OK")

    def rcpt(self, line: bytes) -> None:
        """Somebody is to have it."""
        self.for_ += line
        if b"<bad@" in line:
            self.say(b"550-5.1.1 No such", b"550 5.1.1 user")
        elif b"<slow@" in line:
            self.say(b"451 4.2.1 Later")
        else:
            self.say(b"250 2.1.5 OK")

    def bdat(self, line: bytes) -> None:
        """A chunk."""
        self.rfile.read(int(line.split()[1]))
        if b"bob@" not in self.for_ and b"ann@" not in self.for_:
            self.say(b"554 5.7.1 Spam" if b"spam@" in self.for_ else b"554 5.5.1 No")
        else:
            self.say(b'250 2.0.0 Ok: queued "as" 7F3A1')

    def other(self, line: bytes) -> None:
        """RSET, and what else there may be."""
        self.say(b"250 2.0.0 OK")


def shapes(log: str) -> list[list[str]]:
    """The shapes of the lines of a log, by kind."""
    found = []
    for kind in KINDS:
        lines = [each for each in log.splitlines() if re.search(kind, each)]
        found.append(sorted(map(_shape, lines)))
    return found


def _shape(line: str) -> str:
    # What a report of ours has no use for: it is named in the manual.
    line = re.sub(r" M8S=\d+ RT=\S+", "", line)
    line = re.sub(r'C="(?:[^"\\]|\\.)*"', "C=...", line)
    # Exim has no connection from before where it delivers at once.
    line = re.sub(r"(\]:\d+)\*", r"\1", line)
    # Exim says when it has said more than that command.
    line = re.sub(r"after pipelined end of data", "after end of data", line)
    line = re.sub(r"(remote mail server after [^:]*(?::<[^>]*>)?): ", r"\1= ", line)
    line = re.sub(r"= \d.*?(?= DT=|$)", "= reply", line)
    line = re.sub(r"\S+@[\w.]+\.example(\.org)?", "address", line)
    return shape(line)


class DeliveryLineTests(InteropTestCase):
    """Whoever reads one of the logs can read the other."""

    def compare(self, host: Host, tls: str, authority: Path | None) -> None:
        """Both send to C{host}, and what they write of it is compared."""
        self.closing(host.close)
        exim = EximClient(host.port, (), authority, "+all -arguments")
        self.addCleanup(exim.remove)
        server = self.serve(_CONFIGURATION.format(port=host.port, tls=tls))
        for recipients in MESSAGES:
            exim.send(" ".join(recipients), b"Subject: x\n\nhello\n")
            with smtplib.SMTP("127.0.0.1", server.port) as smtp:
                smtp.sendmail("ann@client.example", list(recipients), "hello\r\n")
        main = server.folder / "state" / "main.log"
        # Two messages and their two reports; the third waits.
        waitFor(lambda: main.read_text().count(" Completed") >= 4, "deliveries")
        waitFor(lambda: " == " in main.read_text(), "what waits")
        server.stop()
        for kind, ours, theirs in zip(
            KINDS, shapes(main.read_text()), shapes(exim.log()), strict=True
        ):
            self.assertNotEqual(theirs, [], kind)
            self.assertEqual(ours, theirs, kind)

    def test_inTheClear(self) -> None:
        """
        Deliveries, failures, delays and reports: the same fields in the same order.
        """
        self.compare(Host(), "unwanted", None)

    def test_underTLS(self) -> None:
        """The same, with what belongs to TLS."""
        folder = Path(self.mktemp()).absolute()
        ensureCertificate(folder, ["localhost"], NOW.timestamp(), ())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.compare(Host(context), "encrypted", folder / "ca.pem")
