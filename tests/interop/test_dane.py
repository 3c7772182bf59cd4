"""
DANE against a real resolver with a signed zone of its own, and real servers.
"""

from __future__ import annotations

import os
import random
import re
import smtplib
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .cases import InteropTestCase, findPeer
from .dane import ZONE, Certificates, host
from .eximserver import EximServer
from .postfixserver import PostfixServer
from .running import ROOT, RunningServer, freePort, waitFor
from .unbound import RunningUnbound

#: Those whose mail arrives by DANE, without it, and not at all.
GOOD = ("right", "rollover", "authority", "expired", "alias", "second")
FREE = ("missing", "unusable")
BAD = ("wrong", "elsewhere", "bogus")
CASES = (*GOOD, *FREE, *BAD)

_TARGET = """
[[listener]]
port = {port}
address = "127.0.0.1"
[local]
domains = {domains}
[[tls.certificates]]
certificate = "{folder}/good.pem"
key = "{folder}/good.key"
[[tls.certificates]]
certificate = "{folder}/old.pem"
key = "{folder}/old.key"
"""

_SENDER = """
[dns]
servers = ["127.0.0.1:{dns}"]
trusted = {trusted}
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
port = {port}
{options}
"""


class DANETests(InteropTestCase):
    """A server that sends to hosts with TLSA records of all kinds."""

    def setUp(self) -> None:
        """The zone, and where its hosts are."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.made = Certificates.make()
        self.made.write(self.folder)
        self.port = freePort()

    def target(self) -> None:
        """Start a server of ours that is all the hosts."""
        domains = [f"{case}.{ZONE}" for case in CASES]
        self.serve(_TARGET.format(port=self.port, folder=self.folder, domains=domains))

    def ask(self, port: int) -> RunningUnbound:
        """Start the resolver, for hosts at a port."""
        unbound = RunningUnbound(signed={ZONE: self.made.zone(port)})
        self.running(unbound)
        return unbound

    def sender(
        self, port: int, options: str = "", trusted: bool = True
    ) -> RunningServer:
        """Start a server that sends to them."""
        dns = self.ask(port)
        word = "true" if trusted else "false"
        return self.serve(
            _SENDER.format(dns=dns.port, port=port, options=options, trusted=word)
        )

    def send(self, server: RunningServer, *cases: str) -> dict[str, str]:
        """
        Send a message to each case.

        @return: the line of the log on each.
        """
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            for case in cases:
                client.sendmail("", [f"ann@{case}.{ZONE}"], b"Subject: x\\n\\nx\\n")
        found: dict[str, str] = {}

        def all_() -> bool:
            log = (server.folder / "state" / "main.log").read_text()
            for case in cases:
                line = re.search(rf".* (=>|==|\*\*) ann@{case}\.{ZONE} .*", log)
                if line is not None:
                    found[case] = line[0]
            return len(found) == len(cases)

        waitFor(all_, f"{cases} are known")
        return found

    def test_ourServer(self) -> None:
        """
        Right records are matched, and told as C{CV=dane}; wrong ones, and those of
        which nobody knows, keep the mail here; where there are none, it goes as ever.
        """
        self.target()
        server = self.sender(self.port)
        found = self.send(server, *CASES)
        for case in GOOD:
            self.assertIn(" => ", found[case])
            self.assertIn(" CV=dane ", found[case])
        self.assertIn(f"H={host('right')} ", found["second"])
        for case in FREE:
            self.assertIn(" => ", found[case])
            self.assertIn(" CV=no ", found[case])
            self.assertIn(" X=TLS1.3", found[case])
        for case in BAD:
            self.assertIn(" == ", found[case])
        self.assertIn("matches none of the TLSA records", found["wrong"])
        self.assertIn("the certificate is not for", found["elsewhere"])
        self.assertIn("could not be looked up", found["bogus"])

    def test_resolverThatIsNotTrusted(self) -> None:
        """
        Without a resolver whose word counts, records mean nothing; and who has to have
        DANE gets nothing.
        """
        self.target()
        required = f'[sending]\nhosts_require_dane = ["{host("right")}"]'
        server = self.sender(self.port, required, trusted=False)
        found = self.send(server, "wrong", "right")
        self.assertIn(" => ", found["wrong"])
        self.assertIn(" CV=no ", found["wrong"])
        self.assertIn(" == ", found["right"])
        self.assertIn("hosts_require_dane", found["right"])

    def test_required(self) -> None:
        """RFC 7672 section 6: without records, or usable ones, nothing is sent."""
        self.target()
        server = self.sender(self.port, '[sending]\nhosts_require_dane = ["*"]')
        found = self.send(server, "right", "missing", "unusable")
        self.assertIn(" CV=dane ", found["right"])
        for case in ("missing", "unusable"):
            self.assertIn(" == ", found[case])
            self.assertIn("has to have DANE", found[case])

    def test_explained(self) -> None:
        """
        C{smtpx send --explain-tls} tells who asked for what, what was shown, and what
        was concluded.
        """
        self.target()
        server = self.sender(self.port)
        program = str(Path(sys.executable).with_name("smtpx"))
        words = [program, "send", "--route", "--quiet", "--explain-tls"]
        words += ["--config", str(server.folder / "smtpx.toml")]
        words += ["--from", "me@a.example"]
        places = {"PYTHONPATH": str(ROOT)}
        for case, status, told in (
            ("right", 0, "It is who it should be, by DANE: it matches the TLSA record"),
            ("wrong", 1, "It got nothing: TLS handshake failed: the certificate match"),
            ("bogus", 1, "It got nothing: the TLSA records of"),
            ("missing", 0, "Nobody demands anything"),
        ):
            whole = [*words, "--to", f"ann@{case}.{ZONE}"]
            said = self.run_(whole, environment=places, status=status)
            self.assertIn(told, said, case)
            self.assertIn(f"TLS with {host(case)}:", said)

    def test_exim(self) -> None:
        """Exim as the next host: right records are matched, and wrong ones are not."""
        for name in ("certificate", "key"):
            other = {"certificate": "good.pem", "key": "good.key"}[name]
            octets = (self.folder / other).read_bytes()
            (self.folder / f"{name}.pem").write_bytes(octets)
        exim = EximServer(self.folder, "+all", "secret")
        self.closing(exim.close)
        found = self.send(self.sender(exim.port), "right", "authority", "wrong")
        for case in ("right", "authority"):
            self.assertIn(" CV=dane ", found[case])
        self.assertIn(" == ", found["wrong"])
        self.assertEqual(len(exim.messages()), 2)

    def test_postfix(self) -> None:
        """Postfix as the next host: only right records are matched."""
        for name in ("good.pem", "good.key"):
            (self.folder / name).chmod(0o644)
        options = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": (
                f"{self.folder}/good.key, {self.folder}/good.pem"
            ),
            "virtual_mailbox_domains": f"right.{ZONE}, authority.{ZONE}, wrong.{ZONE}",
        }
        postfix = PostfixServer(options)
        self.addCleanup(postfix.close)
        found = self.send(self.sender(postfix.port), "right", "authority", "wrong")
        for case in ("right", "authority"):
            self.assertIn(" CV=dane ", found[case])
        self.assertIn(" == ", found["wrong"])

    def test_posttlsFinger(self) -> None:
        """
        Postfix's C{posttls-finger} comes to the same: it believes our server by right
        records, and does not by wrong ones.
        """
        program = findPeer("posttls-finger", "postfix")
        if os.getuid() != 0:
            raise SkipTest("peer missing: a mount namespace, which takes root")
        self.target()
        address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.53"
        zone = {ZONE: self.made.zone(self.port)}
        self.running(RunningUnbound(signed=zone, address=address))
        resolv = self.folder / "resolv.conf"
        resolv.write_text(f"nameserver {address}\noptions trust-ad\n")
        (self.folder / "main.cf").write_text("compatibility_level = 3.6\n")
        places = {"MAIL_CONFIG": str(self.folder)}
        for case, expected in (
            ("right", True),
            ("rollover", True),
            ("authority", True),
            ("expired", True),
            ("wrong", False),
            ("elsewhere", False),
        ):
            place = f"[{host(case)}]:{self.port}"
            words = ["unshare", "--mount", "sh", "-c"]
            words.append('mount --bind "$0" /etc/resolv.conf && exec "$@"')
            words += [str(resolv), program, "-c", "-l", "dane", place]
            said = self.run_(words, environment=places)
            self.assertIn("TLS connection established", said, case)
            verified = "Verified TLS connection established" in said
            self.assertIs(verified, expected, f"{case}: {said}")
