"""
C{smtpx send} to servers of other makers, to one of ours, and to one that takes its
time.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from ..tls.joined import AUTHORITY, issue, pem, store
from .cases import InteropTestCase
from .dovecotmail import RunningMailDovecot
from .eximserver import EximServer
from .postfixserver import DOMAIN, PostfixServer
from .running import ROOT, RunningProgram, RunningServer, freePort

PASSWORD = "pencil"

#: A server that takes its time for MAIL and for the second recipient, each so much
#: longer than the next that it is seen on a machine with other work.
SLOW = """\
import sys
from twisted.internet import reactor
from smtpx.testing import GREETING, ScriptedServer, delayed
server = ScriptedServer(
    delayed(GREETING, 1), delayed(b"MAIL", 5), delayed(b"RCPT", 2.5, nth=2),
    clock=reactor,
)
reactor.listenTCP(int(sys.argv[1]), server, interface="127.0.0.1")
reactor.callWhenRunning(lambda: print("Listening", flush=True))
reactor.run()
"""


class SendTests(InteropTestCase):
    """A message by hand, to a server in another process."""

    def send(self, *words: str, status: int = 0, password: str = PASSWORD) -> str:
        """Run the command."""
        program = str(Path(sys.executable).with_name("smtpx"))
        environment = {"PYTHONPATH": str(ROOT), "SMTPX_PASSWORD": password}
        environment["PYTHONIOENCODING"] = "utf-8"
        return self.run_(
            (program, "send", *words), environment=environment, status=status
        )

    def certificates(self) -> Path:
        """A folder with a certificate for localhost, and who signed it."""
        folder = Path(self.mktemp()).absolute()
        store(folder, *issue("localhost"))
        (folder / "ca.pem").write_bytes(pem(AUTHORITY.certificate))
        return folder

    def exim(self, folder: Path) -> EximServer:
        """An Exim."""
        server = EximServer(folder, "+smtp_protocol_error +tls_cipher", PASSWORD)
        self.addCleanup(server.close)
        return server

    def test_exim(self) -> None:
        """
        Exim takes a message under verified TLS with a login, tells who is unknown, and
        what is drawn has each round trip once.
        """
        folder = self.certificates()
        server = self.exim(folder)
        base = ("--server", f"localhost:{server.port}", "--from", "a@client.example")
        trust = ("--ca", str(folder / "ca.pem"))
        login = ("--user", "ann", "--tls", "verified", *trust)
        said = self.send(*base, *login, "--to", "bob@mx.example.org")
        self.assertIn("==> AUTH PLAIN *\n", said)
        self.assertIn("235", said)
        self.assertNotIn(PASSWORD, said)
        self.assertRegex(said, r"\nbob@mx.example.org: accepted: 250.* OK id=")
        self.assertIn("═══ TLS handshake, ", said)
        self.assertIn("certificate ", said)
        # Connection, greeting, EHLO, STARTTLS, TLS, EHLO, AUTH, and the message.
        self.assertIn("\n8 round trips, with the connection's", said)
        server.awaitIdle(1)
        self.assertIn("A=plain:ann", server.log())
        said = self.send(*base, "-q", "--to", "eve@mx.example.org", status=1)
        self.assertIn("eve@mx.example.org: refused: 550 No such user", said)
        said = self.send(
            *base, "-q", "--to", "bob@mx.example.org", *login, status=1, password="x"
        )
        self.assertIn("cannot log in at localhost [127.0.0.1]", said)

    def test_whoseCertificate(self) -> None:
        """A certificate for somebody else is refused, and it is told whose it is."""
        server = self.exim(self.certificates())
        where = ("--server", f"127.0.0.1:{server.port}", "--quit-after", "tls", "-q")
        to = ("--to", "bob@mx.example.org", "--tls", "verified")
        said = self.send(*where, *to, status=1)
        self.assertRegex(said, r"no TLS with \[127\.0\.0\.1\]:\d+: .*certificate")
        trusted = self.certificates() / "ca.pem"
        said = self.send(*where, *to, "--ca", str(trusted), status=1)
        self.assertIn("is not for 127.0.0.1, but for localhost", said)

    def test_postfix(self) -> None:
        """Postfix is given parameters of DSN, and one that it does not know."""
        server = PostfixServer()
        self.addCleanup(server.close)
        base = ("-s", f"127.0.0.1:{server.port}", "-f", "", "-t", f"bob@{DOMAIN}")
        dsn = ("--notify", "never", "--ret", "hdrs", "--envid", "x y")
        said = self.send(*base, *dsn)
        self.assertIn("RET=HDRS ENVID=x+20y", said)
        self.assertIn("NOTIFY=NEVER", said)
        self.assertRegex(said, rf"\nbob@{DOMAIN}: accepted: 250 2.0.0 Ok: .*queued as")
        said = self.send(*base, "-q", "--mail-parameter", "ODD=1", status=1)
        self.assertRegex(said, r"refused: 555 5\.5\.4 ")
        said = self.send(
            *("-s", f"127.0.0.1:{server.port}", "-q", "--quit-after", "rcpt"),
            *("-t", f"bob@{DOMAIN}", "-t", f"eve@{DOMAIN}"),
            status=1,
        )
        self.assertIn(f"bob@{DOMAIN}: would be accepted", said)
        self.assertIn(f"eve@{DOMAIN}: would be refused: 550 5.1.1", said)

    def test_dovecot(self) -> None:
        """Dovecot takes a message by LMTP for one, and tells that another is full."""
        dovecot = RunningMailDovecot()
        self.addCleanup(dovecot.remove)
        self.running(dovecot)
        base = ("--socket", str(dovecot.socket), "-f", "carol@localhost", "-q")
        to = ("-t", "ann@dovecot.example", "-t", "full@dovecot.example")
        said = self.send(*base, *to, status=1)
        self.assertRegex(said, r"(?m)^ann@dovecot\.example: accepted: 250 2\.0\.0 ")
        self.assertRegex(said, r"(?m)^full@dovecot\.example: refused: 552 5\.2\.2 ")
        self.assertEqual(len(dovecot.mail("ann")), 1)

    def test_ours(self) -> None:
        """A message to a server of smtpx is one round trip behind the opening."""
        server: RunningServer = self.serve()
        said = self.send(
            *("-s", f"127.0.0.1:{server.port}", "-t", "bob@localhost", "--json"),
            *("--tls", "unwanted", "-n", "2", "--subject", "by hand"),
        )
        read = json.loads(said)
        self.assertEqual([each["code"] for each in read["outcomes"]], [250, 250])
        [session] = read["sessions"]
        # Connection, greeting, EHLO, and one for each message; then the goodbye.
        self.assertEqual((session["roundTrips"], session["goodbyes"]), (6, 1))
        for each in server.delivered(2):
            self.assertIn(b"Subject: by hand (", each.octets)

    def test_implicitTLS(self) -> None:
        """TLS from the start, with whom the server's own authority vouches for."""
        server: RunningServer = self.serve()
        said = self.send(
            *("-s", f"localhost:{server.tlsPort}", "--implicit-tls"),
            *("--ca", str(server.authority), "--tls", "verified"),
            *("-t", "bob@localhost", "-f", "a@client.example"),
        )
        self.assertIn("TLS TLSv1.3", said)
        self.assertIn("verified", said)
        server.delivered(1)

    def test_slow(self) -> None:
        """It is seen where the time went."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "slow.py").write_text(SLOW)
        port = freePort()
        program = RunningProgram(folder, [sys.executable, "slow.py", str(port)])
        self.running(program)
        program.await_(re.compile("Listening"))
        said = self.send(
            *("-s", f"127.0.0.1:{port}", "-f", "a@client.example"),
            *("-t", "bob@x.example", "-t", "eve@x.example"),
        )
        for seconds, what in ((5.0, "MAIL, RCPT"), (2.5, "RCPT, DATA")):
            found = re.search(rf"┊  waited (\S+) s for the replies to {what} ", said)
            assert found is not None, said
            # As it is told, to a tenth.
            self.assertGreaterEqual(float(found[1]), seconds)
            self.assertLess(float(found[1]), 2 * seconds)
        _, _, table = said.partition("Where the time went, of ")
        rows = [row.split()[0] for row in table.splitlines()[1:4]]
        self.assertEqual(rows, ["MAIL,", "RCPT,", "greeting"])
        self.assertIn("the server that took its time with MAIL, RCPT.", said)
        self.assertIn("with --ignore PIPELINING they come apart", said)
