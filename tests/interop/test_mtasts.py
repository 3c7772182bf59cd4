"""
MTA-STS with real sockets: a name server, a web server and mail hosts that are
processes and threads of their own, and a server that sends to them.
"""

from __future__ import annotations

import os
import re
import smtplib
import sys
from pathlib import Path

from smtpx.tls.mtasts import STSPolicy

from ..tls.identities import ROOT as AUTHORITY, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase
from .eximserver import EximServer
from .publishing import RunningNames, RunningWeb
from .running import ROOT, RunningServer, waitFor
from .test_resumption import stars

_SENDER = """
[dns]
servers = ["127.0.0.1:{names}"]
hosts_file = "none"
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
port = {port}
{route}
[sending]
idle_seconds = 0
tls_verify_certificates = "{hosts}"
mta_sts_verify_certificates = "{web}"
mta_sts_allow_networks = ["127.0.0.0/8"]
[log]
selectors = ["+tls_certificate_verified"]
"""

_HOST = """
[local]
domains = ["sts.example"]
"""

_POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"


class MTASTSTests(InteropTestCase):
    """Mail for a domain with a policy."""

    def setUp(self) -> None:
        """A domain with a mail host, a record and a web server."""
        super().setUp()
        self.host = self.serve(_HOST, "mx.sts.example")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        # Others that run tests on this machine have other ones.
        process = os.getpid()
        self.address = (
            f"127.{process >> 16 & 127 | 64}.{process >> 8 & 255}.{process & 255 or 1}"
        )
        chain, key = self.certificate("mta-sts.sts.example")
        self.authority = self.folder / "web.pem"
        self.authority.write_bytes(pem(AUTHORITY.certificate))
        self.web = RunningWeb(self.address, chain, key)
        self.closing(self.web.close)
        self.names = RunningNames(
            {
                ("sts.example", "MX"): ["10 mx.sts.example."],
                ("mx.sts.example", "A"): ["127.0.0.1"],
                ("mta-sts.sts.example", "A"): [self.address],
            }
        )
        self.closing(self.names.close)
        self.sender: RunningServer | None = None
        self.exim: EximServer | None = None
        self.count = 0

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate for a web server."""
        identity = made(AUTHORITY, name, names=[name])
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(pem(*identity.chain))
        key.write_bytes(pemKey(identity.key))
        return chain, key

    def publish(self, identity: str, mode: str, mx: str = "mx.sts.example") -> None:
        """Publish a policy: first the file, then the record."""
        self.web.body = _POLICY.format(mode=mode, mx=mx).encode("ascii")
        self.names.records["_mta-sts.sts.example", "TXT"] = [
            f'"v=STSv1; id={identity};"'
        ]

    def configured(self, route: str = "") -> str:
        """The configuration of the server that sends."""
        exim = self.exim
        return _SENDER.format(
            names=self.names.port,
            port=self.host.port if exim is None else exim.port,
            route=route,
            hosts=self.host.authority if exim is None else self.authority,
            web=self.authority,
        )

    def send(self, route: str = "") -> str:
        """
        Send a message.

        @return: the line of the main log that says what became of it.
        """
        if self.sender is None:
            self.sender = self.serve(self.configured(route))
        self.count += 1
        recipient = f"bob{self.count}@sts.example"
        with smtplib.SMTP("127.0.0.1", self.sender.port) as client:
            client.sendmail(
                "ann@client.example", [recipient], "Subject: x\r\n\r\nx\r\n"
            )
        found = re.compile(rf" (=>|==|\*\*) {recipient} ").search
        lines: list[str] = []

        def told() -> bool:
            assert self.sender is not None
            lines[:] = [line for line in self.sender.mainLog() if found(line)]
            return bool(lines)

        waitFor(told, f"what became of {recipient}")
        return lines[0]

    def assertVerified(self, line: str) -> None:
        """It went to a host whose certificate is good."""
        self.assertRegex(line, r" => .* X=TLS1\.3:.* CV=yes ")

    def assertUnverified(self, line: str) -> None:
        """It went under TLS, to anybody."""
        self.assertRegex(line, r" => .* X=TLS1\.3:")
        self.assertNotIn("CV=yes", line)

    def smtpx(self, *words: str, status: int = 0) -> str:
        """An operator runs C{smtpx}."""
        config = self.folder / "smtpx.toml"
        config.write_text(f'state = "state"\n{self.configured()}')
        program = str(Path(sys.executable).with_name("smtpx"))
        words = (program, *words[:2], "--config", str(config), *words[2:])
        return self.run_(words, environment={"PYTHONPATH": str(ROOT)}, status=status)

    def test_enforced(self) -> None:
        """A host that keeps to the policy gets the mail, and it is verified."""
        self.publish("1", "enforce")
        self.assertVerified(self.send())
        self.assertEqual(self.web.asked, ["/.well-known/mta-sts.txt"])
        self.assertVerified(self.send())
        self.assertEqual(len(self.web.asked), 1)

    def test_withoutPolicy(self) -> None:
        """Where there is none, mail goes as ever, and nobody asks a web server."""
        self.assertUnverified(self.send())
        self.assertEqual(self.web.asked, [])

    def test_switchedOff(self) -> None:
        """Nor where the operator wants none of it."""
        self.publish("1", "enforce", "mx.elsewhere.example")
        self.assertUnverified(self.send("mta_sts = false"))
        self.assertEqual(self.web.asked, [])

    def test_otherHost(self) -> None:
        """A host that the policy does not name gets nothing, until it does."""
        self.publish("1", "enforce", "mx.elsewhere.example")
        line = self.send()
        self.assertRegex(
            line,
            r" == .*the MTA-STS policy of sts\.example does not allow mx\.sts\.example",
        )
        assert self.sender is not None
        config = str(self.sender.folder / "smtpx.toml")
        id = line.split(" == ")[0].split()[-1]
        program = str(Path(sys.executable).with_name("smtpx"))
        environment = {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        words = [program, "why", "--config", config, id]
        told = self.run_(words, environment=environment)
        self.assertIn("the MTA-STS policy of sts.example does not allow", told)
        words = [program, "peer", "show", "--config", config, "sts.example"]
        shown = self.run_(words, environment=environment)
        self.assertIn("  mode: enforce\n", shown)
        self.publish("2", "enforce", "*.sts.example")
        waitFor(lambda: " => " in self.send(), "the new policy")
        self.assertEqual(len(self.web.asked), 2)

    def test_wrongCertificate(self) -> None:
        """
        A host that somebody else has put in the place of a good one, without a good
        certificate, gets nothing, and it is told why.
        """
        other = self.serve(_HOST, "evil.example")
        self.host = other
        self.publish("1", "enforce")
        line = self.send()
        self.assertRegex(line, r" == .*the certificate is not for mx\.sts\.example")
        self.assertEqual(other.messages(), [])
        self.publish("2", "testing")
        waitFor(lambda: " => " in self.send(), "the policy that is only tested")

    def test_exim(self) -> None:
        """So it is with an Exim as the mail host, whose certificate changes."""
        tls = self.folder / "exim"
        tls.mkdir()
        for name, port in (("mx.sts.example", 1), ("evil.example", 2)):
            chain, key = self.certificate(name)
            (tls / "certificate.pem").write_bytes(chain.read_bytes())
            (tls / "key.pem").write_bytes(key.read_bytes())
            (tls / "ca.pem").write_bytes(self.authority.read_bytes())
            self.exim = EximServer(tls, "+tls_cipher", "secret")
            self.addCleanup(self.exim.close)
            self.publish(str(port), "enforce")
            self.sender = None
            line = self.send()
            if name == "mx.sts.example":
                self.assertVerified(line)
                self.exim.awaitIdle(1)
                recipient = f"bob{self.count}@sts.example".encode()
                self.assertIn(recipient, self.exim.messages())
            else:
                self.assertRegex(line, r" == .*the certificate is not for mx\.sts")
                self.assertEqual(self.exim.messages(), {})

    def test_eximResumes(self) -> None:
        """
        A host that the policy has verified is as well verified by a session that is
        resumed, with an Exim as well as with one of ours: both logs have the asterisk.
        """
        tls = self.folder / "exim"
        tls.mkdir()
        chain, key = self.certificate("mx.sts.example")
        (tls / "certificate.pem").write_bytes(chain.read_bytes())
        (tls / "key.pem").write_bytes(key.read_bytes())
        (tls / "ca.pem").write_bytes(self.authority.read_bytes())
        selectors = "+tls_cipher +tls_resumption"
        options = ["tls_resumption_hosts = *"]
        self.exim = EximServer(tls, selectors, "secret", options=options)
        self.addCleanup(self.exim.close)
        self.publish("1", "enforce")
        route = 'tls_resumption_hosts = ["*"]'
        told = self.configured(route).replace(
            "+tls_certificate_verified", '+tls_certificate_verified", "+tls_resumption'
        )
        self.sender = self.serve(told)
        for star in ("", r"\*", r"\*"):
            self.assertRegex(self.send(), rf" => .* X=TLS1\.3:[^ *]*{star} CV=yes ")
        self.exim.awaitIdle(3)
        lines = [line for line in self.exim.log().splitlines() if " <= " in line]
        self.assertEqual(stars(lines), [False, True, True], self.exim.log())
        self.assertEqual(len(self.web.asked), 1)

    def test_neverWeaker(self) -> None:
        """
        Once a policy is known, nobody gets around it by taking away its record, its web
        server, or both; not even over a restart.
        """
        self.publish("1", "enforce", "mx.elsewhere.example")
        self.assertIn(" == ", self.send())
        del self.names.records["_mta-sts.sts.example", "TXT"]
        self.assertIn(" == ", self.send())
        self.names.broken.add("_mta-sts.sts.example")
        self.web.status = 404
        assert self.sender is not None
        state = self.sender.folder / "state"
        self.sender.stop()
        self.sender = self.serve(
            self.configured() + f'[peers]\nfile = "{state}/peers.sqlite"\n'
        )
        self.assertIn(" == ", self.send())

    def test_badPolicies(self) -> None:
        """
        What is no policy, or not from whom it should be, is none, and C{smtpx tls
        policy} says why; mail goes as without it.
        """
        self.publish("1", "enforce", "mx.elsewhere.example")
        good = self.web.body
        for status, kind, body, more, why in (
            (
                301,
                "text/plain",
                good,
                {"Location": "https://x.example/"},
                "answers 301",
            ),
            (404, "text/plain", good, {}, "answers 404"),
            (200, "text/html", good, {}, "'text/html', not 'text/plain'"),
            (200, "text/plain", b"x: y\r\n" * 20_000, {}, "longer than 65536 octets"),
            (200, "text/plain", good.replace(b"mx:", b"my:"), {}, "no mx"),
            (200, "text/plain", b"", {}, "no version"),
        ):
            web = self.web
            web.status, web.kind, web.body, web.more = status, kind, body, dict(more)
            said = self.smtpx("tls", "policy", "sts.example", status=1)
            self.assertIn(why, said)
        chain, key = self.certificate("www.sts.example")
        self.web.show(chain, key)
        said = self.smtpx("tls", "policy", "sts.example", status=1)
        self.assertIn(
            "the certificate is not for mta-sts.sts.example, but for www.sts.example",
            said,
        )
        self.assertUnverified(self.send())

    def test_published(self) -> None:
        """What C{smtpx tls publish} prints is what others read."""
        policy = self.smtpx("tls", "publish", "--file", "--mx", "mx.sts.example", "a.b")
        self.web.body = policy.encode("ascii")
        self.assertEqual(STSPolicy.parse(self.web.body).mx, (b"mx.sts.example",))
        self.names.records["_mta-sts.sts.example", "TXT"] = ['"v=STSv1; id=1;"']
        said = self.smtpx("tls", "policy", "sts.example")
        self.assertIn("mail host: mx.sts.example, allowed", said)
