"""
Incoming mail, looked at by a whole server that asks a real resolver.
"""

from __future__ import annotations

import smtplib
import time

import authres

from smtpx.mailauth.signingkey import strings

from ..policy.authmade import BODY, HEADER, signed, signingKey
from .cases import InteropTestCase, findPeer
from .running import Delivered, RunningServer, waitFor
from .unbound import RunningUnbound

ZONE = """@ 60 TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc 60 TXT "v=DMARC1; p=reject"
"""

#: What claims to be of the server.
CLAIM = b"Authentication-Results: MX.here.example; dkim=pass header.d=bank.example\r\n"


class AuthenticationTests(InteropTestCase):
    """Who sent a message is written above it."""

    def start(self, hosts: str = '["*"]') -> RunningServer:
        """Start the resolver, and a server that asks it."""
        key = " ".join(f'"{each.decode()}"' for each in strings(signingKey().record))
        zone = f"{ZONE}s1._domainkey 60 TXT {key}\n"
        unbound = RunningUnbound(plain={"example.org": zone})
        self.running(unbound)
        return self.serve(
            f'[dns]\nservers = ["127.0.0.1:{unbound.port}"]\nhosts_file = "none"\n'
            "[authentication]\n"
            f'checks = ["spf", "dkim", "arc", "dmarc"]\nhosts = {hosts}\n'
            '[log]\nselectors = ["+spf", "+dkim_verbose", "+dmarc_verbose"]\n',
            "mx.here.example",
        )

    def submit(self, server: RunningServer, message: bytes, chunks: bool) -> Delivered:
        """Send a message by DATA, or by BDAT, and see how it was delivered."""
        before = len(server.messages())
        with smtplib.SMTP("127.0.0.1", server.port, "mx.example.org") as client:
            if chunks:
                client.ehlo()
                client.mail("ann@example.org")
                client.rcpt("bob@localhost")
                half = len(message) // 2
                client.send(b"BDAT %d\r\n%b" % (half, message[:half]))
                self.assertEqual(250, client.getreply()[0])
                rest = message[half:]
                client.send(b"BDAT %d LAST\r\n%b" % (len(rest), rest))
                self.assertEqual(250, client.getreply()[0])
            else:
                client.sendmail("ann@example.org", "bob@localhost", message)
        return server.delivered(before + 1)[-1]

    def results(self, message: Delivered) -> dict[str, str]:
        """What is written above it, as another program reads it."""
        field = message.verdicts[message.verdicts.index(b"Authentication-Results:") :]
        found = authres.AuthenticationResultsHeader.parse(
            field.decode("ascii").replace("\r\n", "")
        )
        self.assertEqual("mx.here.example", found.authserv_id)
        return {each.method: each.result for each in found.results}

    def test_good(self) -> None:
        """What is right passes all, by DATA and by BDAT; a claim is taken out."""
        server = self.start()
        message = signed(CLAIM + HEADER, now=time.time())
        good = {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none"}
        for chunks in (False, True):
            found = self.submit(server, message, chunks)
            self.assertEqual(good, self.results(found))
            self.assertTrue(found.verdicts.startswith(b"Received-SPF: pass ("))
            self.assertEqual(message.replace(CLAIM, b""), found.octets)
        waitFor(lambda: len(server.accepted()) == 2, "two lines")
        log = "\n".join(server.mainLog())
        self.assertIn("DKIM: d=example.org s=s1 c=relaxed/relaxed", log)
        self.assertIn(" SPF X=" if " X=" in log else " SPF", log)
        self.assertIn(" DKIM=example.org DMARC=accept", log)

    def test_eximsTools(self) -> None:
        """Exim's own tools read such lines."""
        exigrep, eximstats = findPeer("exigrep", "Exim"), findPeer("eximstats", "Exim")
        server = self.start()
        self.submit(server, signed(now=time.time()), False)
        waitFor(lambda: len(server.accepted()) == 1, "a line")
        log = "\n".join([*server.mainLog(), ""]).encode()
        read = self.run_([exigrep, "DKIM=example.org"], input=log)
        self.assertIn(" <= ann@example.org", read)
        read = self.run_([eximstats, "-ne", "-nr"], input=log)
        self.assertRegex(read, r"Received +\S+ +1 ")

    def test_changed(self) -> None:
        """What was changed, and comes by another way, passes nothing."""
        server = self.start()
        message = signed(now=time.time()).replace(b"text", b"test")
        found = self.submit(server, message, False)
        self.assertEqual("fail", self.results(found)["dkim"])
        # SPF is right, and its domain is that of From.
        self.assertEqual("pass", self.results(found)["dmarc"])

    def test_swaks(self) -> None:
        """A forgery, by swaks."""
        server = self.start()
        words = [findPeer("swaks", "swaks"), "--server", f"127.0.0.1:{server.port}"]
        words += ["--helo", "client.example", "--from", "eve@evil.example"]
        words += ["--to", "bob@localhost", "--h-From", "ann@example.org"]
        self.run_([*words, "--timeout", "20"])
        found = self.results(server.delivered(1)[0])
        wanted = {"spf": "none", "dkim": "none", "dmarc": "fail", "arc": "none"}
        self.assertEqual(wanted, found)

    def test_loopback(self) -> None:
        """This machine is not looked at, if nobody says so; its claims go."""
        server = self.start('["!127.0.0.0/8", "*"]')
        found = self.submit(server, CLAIM + HEADER + b"\r\n" + BODY, False)
        self.assertEqual(b"", found.verdicts)
        self.assertEqual(HEADER + b"\r\n" + BODY, found.octets)
