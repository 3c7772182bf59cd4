"""
TLS sessions that are resumed: C{openssl s_client}, Exim and Postfix with our server,
and our server with Exim, Postfix and itself.
"""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

from tests.tls.identities import ROOT, made
from tests.tls.joined import pem, pemKey

from .cases import InteropTestCase, findPeer
from .exim import EximClient
from .eximserver import EximServer
from .postfix import PostfixClient
from .postfixserver import DOMAIN, PostfixServer
from .running import RunningServer, freePort, waitFor

VERSIONS = ("-tls1_2", "-tls1_3")
#: What has Exim and Postfix speak one version.
EXIM_VERSIONS = {
    "TLSv1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "TLSv1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3",
}
MESSAGE = b"Subject: resumption\n\nIt works.\n"

_LISTENER = """
[[listener]]
port = {port}
address = "127.0.0.1"
tls_resumption_hosts = ["127.0.0.1"]
[tls]
tls_resumption_lifetime = "60s"
[log]
selectors = ["+tls_resumption"]
"""

_RELAY = """
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
hosts = ["[127.0.0.1]:{port}"]
tls = "encrypted"
tls_resumption_hosts = ["127.0.0.1"]
[sending]
idle_seconds = 0
[peers]
file = "{peers}"
[log]
selectors = ["+tls_resumption"]
"""


def stars(lines: list[str]) -> list[bool]:
    """Whether each line that has a cipher has the asterisk of a resumed session."""
    found = [re.search(r" X=(TLS[^ ]*:\d+)(\*?) ", line) for line in lines]
    return [match[2] == "*" for match in found if match is not None]


class ResumptionTestCase(InteropTestCase):
    """A test with a server that gives tickets."""

    def setUp(self) -> None:
        """Find a port, and make a folder."""
        super().setUp()
        self.port = freePort()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def giving(self) -> RunningServer:
        """Start it."""
        return self.serve(_LISTENER.format(port=self.port))


class OpenSSLTests(ResumptionTestCase):
    """C{openssl s_client -sess_out} and C{-sess_in}."""

    def setUp(self) -> None:
        """Find it."""
        self.openssl = findPeer("openssl", "openssl")
        super().setUp()

    def talk(self, port: int, *options: str) -> str:
        """Say EHLO and QUIT under TLS, and give what was printed of it."""
        words = [self.openssl, "s_client", "-connect", f"127.0.0.1:{port}"]
        words += ["-starttls", "smtp", "-ign_eof", "-crlf", *options]
        return self.run_(words, b"EHLO c.example\nQUIT\n")

    def visit(self, port: int, *options: str, offering: bool = True) -> bool:
        """
        Come, with the session of the visit before.

        @return: was it resumed?
        """
        file = self.folder / "session.pem"
        out = self.folder / "new.pem"
        words = ["-sess_in", str(file)] if offering and file.exists() else []
        said = self.talk(port, *options, *words, "-sess_out", str(out))
        if out.exists():
            out.replace(file)
        self.assertIn("221 ", said)
        self.assertTrue("\nReused, TLSv1" in said or "\nNew, TLSv1" in said, said)
        return "\nReused, TLSv1" in said

    def test_reused(self) -> None:
        """
        Three processes one behind the other: the first makes a session, the others
        resume it, in either version.
        """
        self.giving()
        for version in VERSIONS:
            (self.folder / "session.pem").unlink(missing_ok=True)
            reused = [self.visit(self.port, version) for _ in range(3)]
            self.assertEqual(reused, [False, True, True], version)

    def test_notListed(self) -> None:
        """
        At a listener that has nobody in its list, nothing is resumed, not even what
        another listener has given.
        """
        other = freePort()
        lists = f'[[listener]]\nport = {other}\naddress = "127.0.0.1"\n'
        self.serve(lists + _LISTENER.format(port=self.port))
        for version in VERSIONS:
            (self.folder / "session.pem").unlink(missing_ok=True)
            for _ in range(2):
                self.assertFalse(self.visit(other, version))
            (self.folder / "session.pem").unlink(missing_ok=True)
            self.visit(self.port, version)
            self.assertFalse(self.visit(other, version))

    def test_restarted(self) -> None:
        """After a restart there is a full handshake, and the one behind it resumes."""
        server = self.giving()
        for version in VERSIONS:
            (self.folder / "session.pem").unlink(missing_ok=True)
            self.visit(self.port, version)
            server.stop()
            server = self.giving()
            reused = [self.visit(self.port, version) for _ in range(2)]
            self.assertEqual(reused, [False, True], version)

    def test_ticketless(self) -> None:
        """Clients that do not bear tickets see none, and TLS 1.2."""
        lists = _LISTENER.replace("tls_resumption_hosts", "tls_no_ticket_hosts")
        self.serve(lists.format(port=self.port))
        said = self.talk(self.port, "-msg")
        self.assertIn("New, TLSv1.2", said)
        self.assertNotIn("NewSessionTicket", said)


class TakingTests(ResumptionTestCase):
    """Exim and Postfix send to us."""

    def test_exim(self) -> None:
        """
        Exim's second message comes by a session from before, in either version; both
        logs have the asterisk.
        """
        for version, priority in EXIM_VERSIONS.items():
            server = self.giving()
            client = EximClient(
                self.port,
                [
                    "tls_resumption_hosts = *",
                    "hosts_require_tls = *",
                    f"tls_require_ciphers = {priority}",
                    "tls_verify_certificates =",
                ],
                selectors="+tls_resumption +tls_cipher",
                bare=True,
            )
            self.addCleanup(client.remove)
            for _ in range(3):
                client.send("ann@localhost", MESSAGE)
            self.assertEqual(
                stars(client.deliveries()), [False, True, True], client.log()
            )
            lines = server.accepted()
            self.assertEqual(stars(lines), [False, True, True], version)
            shown = version.replace("v", "")
            self.assertTrue(all(f" X={shown}:" in line for line in lines), lines)

    def test_postfix(self) -> None:
        """Postfix, with its session cache, likewise; its log does not say."""
        for version in EXIM_VERSIONS:
            server = self.giving()
            client = PostfixClient(
                self.port,
                {
                    "smtp_tls_security_level": "encrypt",
                    "smtp_tls_session_cache_database": "btree:$data_directory/scache",
                    "smtp_tls_mandatory_protocols": version,
                    "smtp_connection_cache_on_demand": "no",
                },
            )
            self.addCleanup(client.remove)
            for count in range(1, 4):
                client.send("ann@localhost", MESSAGE)
                self.awaitSent(client, count)
            self.assertEqual(
                stars(server.accepted()), [False, True, True], client.log()
            )

    def awaitSent(self, client: PostfixClient, count: int) -> None:
        """Wait until Postfix has delivered so many messages."""
        try:
            waitFor(lambda: client.log().count(" status=sent ") >= count, "mail")
        except AssertionError:
            self.fail(client.log())


class SendingTests(ResumptionTestCase):
    """We send to Exim, to Postfix, and to ourselves."""

    def setUp(self) -> None:
        """Make a certificate for those."""
        super().setUp()
        identity = made(ROOT, names=["mx.example.org"])
        files = {
            "certificate.pem": pem(identity.certificate),
            "key.pem": pemKey(identity.key),
            "ca.pem": pem(ROOT.certificate),
        }
        for name, octets in files.items():
            (self.folder / name).write_bytes(octets)

    def relay(self, port: int) -> RunningServer:
        """Start a server that sends everything to one port."""
        return self.serve(_RELAY.format(port=port, peers=self.folder / "peers"))

    def sent(self, relay: RunningServer, recipient: str) -> bool:
        """
        Have a message sent.

        @return: was a session resumed for it?
        """
        before = len(self.delivered(relay))
        with smtplib.SMTP("127.0.0.1", relay.port) as client:
            text = MESSAGE.replace(b"\n", b"\r\n")
            client.sendmail("ann@client.example", [recipient], text)
        waitFor(lambda: len(self.delivered(relay)) > before, "a delivery")
        [resumed] = stars([self.delivered(relay)[-1]])
        return resumed

    def delivered(self, relay: RunningServer) -> list[str]:
        """The lines of its main log that tell of a delivery."""
        return [line for line in relay.mainLog() if " => " in line]

    def overRestarts(self, port: int, recipient: str) -> None:
        """Three servers, one behind the other, share what they know of the host."""
        resumed = []
        for _ in range(3):
            relay = self.relay(port)
            resumed.append(self.sent(relay, recipient))
            relay.stop()
        self.assertEqual(resumed, [False, True, True])

    def test_exim(self) -> None:
        """
        Exim says so as well, in either version, and in whatever process of ours the
        session was.
        """
        for priority in EXIM_VERSIONS.values():
            (self.folder / "peers").unlink(missing_ok=True)
            exim = EximServer(
                self.folder,
                "+tls_resumption +tls_cipher",
                "x",
                options=[
                    "tls_resumption_hosts = *",
                    f"tls_require_ciphers = {priority}",
                ],
            )
            self.closing(exim.close)
            self.overRestarts(exim.port, "bob@partner.example")
            exim.awaitIdle(3)
            lines = [line for line in exim.log().splitlines() if " <= " in line]
            self.assertEqual(stars(lines), [False, True, True], exim.log())

    def test_postfix(self) -> None:
        """Postfix gives tickets to whoever asks."""
        for version in EXIM_VERSIONS:
            (self.folder / "peers").unlink(missing_ok=True)
            postfix = PostfixServer(
                {
                    "smtpd_tls_cert_file": str(self.folder / "certificate.pem"),
                    "smtpd_tls_key_file": str(self.folder / "key.pem"),
                    "smtpd_tls_security_level": "may",
                    "smtpd_tls_protocols": version,
                },
                services="tlsmgr unix - - n 1000? 1 tlsmgr\n",
            )
            self.addCleanup(postfix.close)
            self.overRestarts(postfix.port, f"bob@{DOMAIN}")

    def test_ourselves(self) -> None:
        """
        Both our logs have the asterisk; when the receiving server was started again,
        there is one full handshake, and no delay.
        """
        server = self.giving()
        relay = self.relay(self.port)
        resumed = [self.sent(relay, "ann@localhost") for _ in range(3)]
        self.assertEqual(resumed, [False, True, True])
        self.assertEqual(stars(server.accepted()), [False, True, True])
        again = self.giving()
        resumed = [self.sent(relay, "ann@localhost") for _ in range(2)]
        self.assertEqual(resumed, [False, True])
        self.assertEqual(stars(again.accepted()), [False, True])
