"""
Messages that leave before the greeting (PIPECONNECT), to a real Exim: what both logs
say, what is on the wire, and what becomes of them where Exim wants no more of it.
"""

from __future__ import annotations

import re
import shutil
import smtplib
import tempfile
from pathlib import Path

from attrs import frozen

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .apart import Packet
from .cases import InteropTestCase
from .eximserver import EximServer
from .running import RunningServer, freePort, waitFor
from .test_fastopen import ApartCase

_RECIPIENT = "bob@box.example"
_MESSAGE = "Subject: early\r\n\r\nText\r\n"
_PASSWORD = "pencil"

_SENDS = """
[relay]
hosts = ["127.0.0.1"]

[sending]
idle_seconds = 0
tls_verify_certificates = "{authority}"

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["{host}:{port}"]
{route}

[log]
selectors = ["+pipelining", "+smtp_confirmation"]

[extensions.PIPECONNECT]
hosts_pipe_connect = ["*"]

[dns]
hosts_file = "{hosts}"
"""


@frozen
class Sender:
    """
    One of ours that sends to Exim.

    @ivar server: it.
    @ivar exim: Exim.
    """

    server: RunningServer
    exim: EximServer

    def send(self, count: int) -> tuple[str, str]:
        """
        Send a message, which is the so manieth.

        @return: what our log says of it, and what Exim's does.
        """
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=30) as client:
            client.sendmail("ann@client.example", [_RECIPIENT], _MESSAGE)
        self.exim.awaitIdle(count)
        waitFor(lambda: len(self.lines()) >= count, "our own log")
        theirs = [each for each in self.exim.log().splitlines() if " <= " in each]
        return self.lines()[-1], theirs[-1]

    def lines(self) -> list[str]:
        """What became of messages, of our log."""
        ends = re.compile(" => | == | [*][*] ")
        return [each for each in self.server.mainLog() if ends.search(each)]


class EarlyTests(InteropTestCase):
    """One of ours, and Exim, on one machine."""

    def setUp(self) -> None:
        """Certificates, and the names of hosts."""
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="smtpx-early-"))
        self.addCleanup(shutil.rmtree, self.folder)
        identity = made(ROOT, names=["mx.example.org"])
        (self.folder / "certificate.pem").write_bytes(pem(identity.certificate))
        (self.folder / "key.pem").write_bytes(pemKey(identity.key))
        (self.folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        (self.folder / "hosts").write_text("127.0.0.1 mx.example.org\n")
        password = self.folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o600)

    def exim(self, *options: str, tlsPort: int | None = None) -> EximServer:
        """
        Start Exim.  It takes its time to greet, so that it sees who does not wait,
        however slow this machine is.
        """
        options = (*options, "acl_smtp_connect = accept delay = 1s")
        exim = EximServer(
            self.folder, "+all", _PASSWORD, options=options, tlsPort=tlsPort
        )
        self.addCleanup(exim.close)
        return exim

    def sender(self, exim: EximServer, route: str, port: int | None = None) -> Sender:
        """Start one of ours that sends to it."""
        text = _SENDS.format(
            authority=self.folder / "ca.pem",
            host="mx.example.org",
            port=port or exim.port,
            route=route,
            hosts=self.folder / "hosts",
        )
        return Sender(self.serve(text), exim)

    def exchanged(self, sender: Sender, *also: str) -> None:
        """
        The first message goes plainly, the next one early; both logs tell of it.

        @param also: what else both say.
        """
        for count, ours, theirs in ((1, " L ", " L. "), (2, " L* ", " L* ")):
            our, their = sender.send(count)
            self.assertIn(f" => {_RECIPIENT} ", our)
            for words, line in ((ours, our), (theirs, their)):
                for word in (words, " K ", *also):
                    self.assertIn(word, f"{line} ")
        self.assertEqual(list(sender.exim.messages()), [_RECIPIENT.encode()])

    def test_inTheClear(self) -> None:
        """EHLO, MAIL, RCPT and BDAT with the message."""
        self.exchanged(self.sender(self.exim(), "tls = 'unwanted'"))

    def test_withoutCHUNKING(self) -> None:
        """EHLO, MAIL, RCPT and DATA."""
        exim = self.exim("chunking_advertise_hosts =")
        sender = self.sender(exim, "tls = 'unwanted'")
        for count, word in ((1, " L "), (2, " L* ")):
            our, _ = sender.send(count)
            self.assertIn(word, our)
            self.assertNotIn(" K ", our)

    def test_behindSTARTTLS(self) -> None:
        """EHLO and STARTTLS; then EHLO and all of it under TLS."""
        self.exchanged(self.sender(self.exim(), "tls = 'verified'"), " X=TLS1.3:")

    def test_implicitTLS(self) -> None:
        """All of it behind a handshake that comes first."""
        port = freePort()
        exim = self.exim(tlsPort=port)
        route = "tls = 'verified'\nimplicit_tls = true"
        self.exchanged(self.sender(exim, route, port), " X=TLS1.3:")

    def test_login(self) -> None:
        """EHLO and AUTH under TLS, then the message."""
        route = (
            "tls = 'verified'\n"
            f"login = 'ann'\npassword_file = '{self.folder / 'password'}'"
        )
        self.exchanged(self.sender(self.exim(), route), " X=TLS1.3:", " A=plain:ann ")

    def test_wantedNoMore(self) -> None:
        """
        Exim is configured anew and refuses early talk from then on: the next message
        is delivered at once all the same, plainly, and once.
        """
        for route in ("tls = 'unwanted'", "tls = 'verified'"):
            exim = self.exim()
            sender = self.sender(exim, route)
            for count in (1, 2):
                our, _ = sender.send(count)
            self.assertIn(" L* ", our)
            option = "pipelining_connect_advertise_hosts ="
            exim.reconfigure(f"{option} *", option)
            our, their = sender.send(3)
            self.assertIn(" => ", our)
            self.assertNotIn("L*", our)
            self.assertIn(" L ", their)
            self.assertIn("SMTP protocol synchronization error", exim.log())
            self.assertEqual(exim.log().count(" Completed"), 3)
            self.assertEqual(len(sender.lines()), 3)
            our, _ = sender.send(4)
            self.assertIn(" => ", our)
            self.assertEqual(exim.log().count("synchronization error"), 1)


class WireTests(ApartCase):
    """The same some way apart, with all packets written down."""

    fast = False

    def test_firstPayload(self) -> None:
        """
        From the second message on, the first octets in a connection are the client's,
        all of the message among them, and Exim has not said anything by then.
        """
        exim = self.exim()
        _, send = self.sender(exim.port)
        for _ in range(3):
            send()
        exim.awaitIdle(3)
        sessions: dict[int, list[Packet]] = {}
        for each in self.apart.packets:
            if each.payload:
                sessions.setdefault(each.near, []).append(each)
        cold, *warm = sessions.values()
        self.assertEqual(len(warm), 2)
        self.assertFalse(cold[0].outgoing)
        for session in warm:
            first = session[0]
            self.assertTrue(first.outgoing)
            self.assertEqual(first.payload[:26], b"EHLO client.example\r\nMAIL ")
            self.assertIn(b"BDAT", first.payload)
            self.assertIn(b"Subject: fast", first.payload)
            answer = next(each for each in session if not each.outgoing)
            self.assertEqual(answer.payload[:4], b"220 ")
            self.assertGreater(answer.seconds, first.seconds)
