"""
Sending through a smart host: an Exim that wants a login under TLS.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase
from .eximserver import EximServer
from .running import RunningServer, waitFor

PASSWORD = "correct horse"

CONFIGURATION = """
[relay]
hosts = ["127.0.0.1"]

[sending]
tls_verify_certificates = "{folder}/ca.pem"

[[route]]
match = ["*"]
transport = "smtp"
hosts = ["localhost:{port}"]
login = "ann"
password_file = "{folder}/password"
source_ipv4 = "127.0.0.2"
prefer = "ipv4"
helo_data = "out.example.org"

[[route]]
match = ["localhost", "mx.example.org"]
"""


class SmartHostTests(InteropTestCase):
    """All mail goes to one host."""

    def begin(self, password: str) -> tuple[EximServer, RunningServer]:
        """A smart host, and a server that knows it by this password."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        identity = made(ROOT, names=["localhost"])
        (folder / "certificate.pem").write_bytes(pem(identity.certificate))
        (folder / "key.pem").write_bytes(pemKey(identity.key))
        (folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        (folder / "password").write_text(password + "\n")
        (folder / "password").chmod(0o600)
        exim = EximServer(folder, "+all", PASSWORD)
        self.addCleanup(exim.close)
        text = CONFIGURATION.format(folder=folder, port=exim.port)
        return exim, self.serve(text)

    def send(self, server: RunningServer) -> None:
        """Send a message to the world."""
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            client.sendmail("joe@client.example", ["x@example.net"], "Subject: x\n\nx")

    def awaitTold(self, server: RunningServer, words: str) -> None:
        """Wait until the main log has something."""
        waitFor(lambda: words in "\n".join(server.mainLog()), "the log")

    def test_login(self) -> None:
        """It logs in, from the address and by the name that the route says."""
        exim, server = self.begin(PASSWORD)
        self.send(server)
        exim.awaitIdle(1)
        [line] = [each for each in exim.log().splitlines() if " <= joe@" in each]
        for part in ("H=(out.example.org) [127.0.0.2]", "X=TLS1.3", "A=plain:ann"):
            self.assertIn(part, line)
        self.awaitTold(server, " Completed")
        [told] = [each for each in server.mainLog() if " => x@example.net" in each]
        self.assertIn("CV=yes", told)
        self.assertNotIn(PASSWORD, "\n".join(server.mainLog()))

    def test_wrongPassword(self) -> None:
        """The message waits: what is wrong with a login is for an operator to mend."""
        exim, server = self.begin("wrong")
        self.send(server)
        self.awaitTold(server, " == x@example.net")
        self.assertNotIn(" <= ", exim.log())
