"""
REQUIRETLS (RFC 8689) over real sockets: swaks as the client, a server of ours that
relays, and mail hosts behind it whose names are proven by DNSSEC.

The mail hosts are scripted (L{ObligingHost}), and so is the name server, which says of
names that they are authentic; but for nodemailer's smtp-server, which takes the
parameter, where it is installed.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import sys
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SkipTest

from smtpx.tls.dane import recordFor

from ..tls.identities import ROOT, made
from ..tls.joined import pem, pemKey
from .cases import InteropTestCase, findPeer
from .obliging import Arrived, ObligingHost
from .publishing import RunningNames
from .running import ROOT as CODE, RunningProgram, RunningServer, freePort, waitFor

_SENDER = """
[dns]
servers = ["127.0.0.1:{names}"]
trusted = true
hosts_file = "none"
[local]
domains = ["home.example"]
[aliases]
files = ["{folder}/aliases"]
[relay]
hosts = ["127.0.0.1"]
[[route]]
match = ["*"]
transport = "smtp"
port = {port}
[sending]
idle_seconds = 0
tls_verify_certificates = "{folder}/ca.pem"
[[retry]]
pauses = ["1 s"]
[extensions]
disable = {disabled}
[extensions.PIPECONNECT]
hosts_pipe_connect = ["*"]
"""

_PARAMETER = "REQUIRETLS"


@frozen
class _Files:
    """Where a certificate is."""

    chain: Path
    key: Path


class RequireTLSTests(InteropTestCase):
    """A message is followed from the client to the mail hosts, and back."""

    def setUp(self) -> None:
        """The sender's own domain has a host that offers all."""
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "ca.pem").write_bytes(pem(ROOT.certificate))
        (self.folder / "aliases").write_text(
            "friends@home.example: a@one.example, b@two.example\n"
        )
        self.names = RunningNames({})
        self.closing(self.names.close)
        self.port = freePort()
        self.count = 0
        self.back = self.host("mx.client.example")
        self.domain("client.example", "mx.client.example")
        self.server: RunningServer | None = None

    # --- what there is ------------------------------------------------------------

    def certificate(self, name: str) -> _Files:
        """A certificate for a host."""
        identity = made(ROOT, name, names=[name])
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(pem(*identity.chain))
        key.write_bytes(pemKey(identity.key))
        return _Files(chain, key)

    def place(self, name: str) -> str:
        """An address for a host."""
        self.count += 1
        process = os.getpid()
        # Others that run tests on this machine have other ones.
        address = f"127.{process >> 8 & 63 | 64}.{process & 255}.{self.count}"
        self.names.records[name, "A"] = [address]
        self.names.authentic.add(name)
        return address

    def host(
        self, name: str, shows: str = "", keyword: bool = True, tls: bool = True
    ) -> ObligingHost:
        """
        A mail host.

        @param shows: whose certificate; empty: its own.
        """
        files = self.certificate(shows or name)
        host = ObligingHost(
            self.place(name), self.port, files.chain, files.key, keyword, tls
        )
        self.closing(host.close)
        return host

    def domain(self, name: str, *hosts: str, proven: bool = True) -> None:
        """A domain with its mail hosts, in their order."""
        self.names.records[name, "MX"] = [
            f"{preference} {host}." for preference, host in enumerate(hosts)
        ]
        if proven:
            self.names.authentic.add(name)

    def configured(self, disabled: tuple[str, ...] = ()) -> str:
        """The configuration of the server that relays."""
        return _SENDER.format(
            names=self.names.port,
            folder=self.folder,
            port=self.port,
            disabled=list(disabled),
        )

    def send(
        self,
        recipient: str,
        *options: str,
        sender: str = "ann@client.example",
        header: str = "",
        tls: bool = True,
    ) -> None:
        """Send a message through the server."""
        if self.server is None:
            self.server = self.serve(self.configured())
        with smtplib.SMTP("localhost", self.server.port, timeout=20) as client:
            if tls:
                authority = str(self.server.authority)
                client.starttls(context=ssl.create_default_context(cafile=authority))
            text = f"Subject: hello\r\n{header}\r\nsecret\r\n"
            client.sendmail(sender, [recipient], text, list(options))

    def restarted(self, disabled: tuple[str, ...] = ()) -> RunningProgram:
        """The server once more, on the same state."""
        server = self.server
        assert server is not None
        server.stop()
        path = server.folder / "smtpx.toml"
        text = re.sub("disable = .*", f"disable = {list(disabled)}", path.read_text())
        path.write_text(text)
        twistd = Path(sys.executable).with_name("twistd")
        words = [str(twistd), "-n", "--pidfile=", "smtpx", "--config", "smtpx.toml"]
        again = RunningProgram(server.folder, words)
        self.running(again)
        return again

    def arrived(self, host: ObligingHost, count: int = 1) -> Arrived:
        """The last message, once there are so many."""
        waitFor(lambda: len(host.messages) >= count, f"{count} messages")
        self.assertEqual(len(host.messages), count)
        return host.messages[-1]

    def told(self, mark: str) -> str:
        """The line of the main log with a mark, once it is there."""
        server = self.server
        assert server is not None
        lines: list[str] = []

        def there() -> bool:
            lines[:] = [line for line in server.mainLog() if mark in line]
            return bool(lines)

        waitFor(there, f"{mark!r} in the log")
        return lines[0]

    def assertReported(self, status: str) -> None:
        """
        The sender got a report, protected as the message was and without its text.
        """
        report = self.arrived(self.back)
        self.assertEqual(report.mail, "MAIL FROM:<> REQUIRETLS")
        self.assertTrue(report.secured)
        self.assertIn(f"Status: {status}", report.text)
        self.assertIn("Subject: hello", report.text)
        self.assertNotIn("secret", report.text)

    # --- the client's side of us ----------------------------------------------------

    def test_nextHop(self) -> None:
        """
        The message goes on with the parameter, and only under TLS; logs and trace
        fields tell of it.
        """
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        message = self.arrived(host)
        self.assertEqual(message.mail, "MAIL FROM:<ann@client.example> REQUIRETLS")
        self.assertTrue(message.secured)
        self.assertIn(" with esmtpS ", message.text)
        self.assertIn(" P=esmtpS ", self.told(" <= "))
        self.assertRegex(self.told(" => "), " X=TLS1.3:.* CV=yes ")

    def test_nextHopWithoutTheKeyword(self) -> None:
        """It comes back with 5.7.30, though the whole message was wished for."""
        host = self.host("mx.one.example", keyword=False)
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER, "RET=FULL")
        self.assertReported("5.7.30")
        self.assertFalse(any("MAIL" in line for _, line in host.lines))

    def test_nextHopWithoutTLS(self) -> None:
        """It comes back with 5.7.10."""
        host = self.host("mx.one.example", tls=False)
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        self.assertReported("5.7.10")
        self.assertFalse(any("MAIL" in line for _, line in host.lines))

    def test_nextHopOfAnotherName(self) -> None:
        """So it does where the certificate is another's."""
        self.host("mx.one.example", shows="other.example")
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        self.assertReported("5.7.10")

    def test_secondHost(self) -> None:
        """Hosts that will not do make room for one that does, however many."""
        self.host("mx0.one.example", keyword=False)
        self.host("mx1.one.example", tls=False)
        self.host("mx2.one.example", shows="other.example")
        last = self.host("mx3.one.example")
        self.domain("one.example", *[f"mx{n}.one.example" for n in range(4)])
        self.send("a@one.example", _PARAMETER)
        self.arrived(last)

    def test_unprovenHost(self) -> None:
        """
        It does not go to a good host of which nobody knows that it is the domain's.
        """
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example", proven=False)
        self.send("a@one.example", _PARAMETER)
        self.assertReported("5.7.10")
        self.assertEqual(host.lines, [])

    def test_reportWithoutTheKeyword(self) -> None:
        """
        A message from the null sender is not thrown away for want of the keyword.
        """
        host = self.host("mx.one.example", keyword=False)
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER, sender="")
        message = self.arrived(host)
        self.assertEqual((message.mail, message.secured), ("MAIL FROM:<>", True))

    def test_reportToAnUnprovenHost(self) -> None:
        """A report of ours is not lost: it has the header only, and goes without."""
        self.domain("client.example", "mx.client.example")
        self.names.authentic.discard("client.example")
        self.host("mx.one.example", keyword=False)
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        report = self.arrived(self.back)
        self.assertEqual((report.mail, report.secured), ("MAIL FROM:<>", True))
        self.assertNotIn("secret", report.text)

    def test_weakerConnection(self) -> None:
        """
        A connection that was good enough for other mail is not used, nor is its session
        of TLS resumed.
        """
        host = self.host("mx.one.example", shows="other.example")
        self.domain("one.example", "mx.one.example")
        text = self.configured().replace("idle_seconds = 0", "idle_seconds = 20")
        port = f"port = {self.port}"
        text = text.replace(port, f'{port}\ntls_resumption_hosts = ["*"]')
        self.server = self.serve(text)
        self.send("b@one.example")
        self.arrived(host)
        self.send("a@one.example", _PARAMETER)
        self.assertReported("5.7.10")
        self.assertEqual(len(host.messages), 1)

    def test_senderWhoWantsItDelivered(self) -> None:
        """
        With TLS-Required: No a message goes to a host that does not match its TLSA
        records, and the field goes with it; without it, it does not.
        """
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example")
        other = recordFor(made(ROOT, "x", names=["x.example"]).certificate)
        name = f"_{self.port}._tcp.mx.one.example"
        self.names.records[name, "TLSA"] = [f"3 1 1 {other.association.hex()}"]
        self.names.authentic.add(name)
        self.send("a@one.example", header="TLS-Required: No\r\n", tls=False)
        self.assertIn("TLS-Required: No", self.arrived(host).text)
        self.send("b@one.example")
        self.told(" == b@one.example ")
        self.assertEqual(len(host.messages), 1)

    def test_parameterWins(self) -> None:
        """TLS-Required: No means nothing beside the parameter."""
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER, header="TLS-Required: No\r\n")
        self.assertIn(_PARAMETER, self.arrived(host).mail)

    def test_copies(self) -> None:
        """All copies that an alias makes go with the parameter."""
        hosts = []
        for domain in ("one.example", "two.example"):
            hosts.append(self.host(f"mx.{domain}"))
            self.domain(domain, f"mx.{domain}")
        self.send("friends@home.example", _PARAMETER)
        for host in hosts:
            self.assertIn(_PARAMETER, self.arrived(host).mail)

    def test_otherMail(self) -> None:
        """Other mail goes to a host that will not do, without the parameter."""
        host = self.host("mx.one.example", keyword=False)
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        self.send("b@one.example")
        self.assertEqual(self.arrived(host).mail, "MAIL FROM:<ann@client.example>")
        self.assertReported("5.7.30")

    def test_restart(self) -> None:
        """
        What a host does not take now goes with the parameter later, though the server
        was not there meanwhile.
        """
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example")
        host.refusals = ["450 4.7.1 Come again"] * 2
        self.send("a@one.example", _PARAMETER)
        self.told(" == a@one.example ")
        self.restarted()
        self.assertIn(_PARAMETER, self.arrived(host).mail)
        tried = [line for secured, line in host.lines if line.startswith("MAIL")]
        self.assertEqual(set(tried), {"MAIL FROM:<ann@client.example> REQUIRETLS"})

    def test_switchedOff(self) -> None:
        """
        Without the extension a message that waits is held, and not sent weaker; with
        it, it goes once it is released.
        """
        host = self.host("mx.one.example")
        self.domain("one.example", "mx.one.example")
        host.refusals = ["450 4.7.1 Come again"]
        self.send("a@one.example", _PARAMETER)
        self.told(" == a@one.example ")
        again = self.restarted((_PARAMETER,))
        waitFor(lambda: "no extension is loaded for !requiretls" in again.said(), "it")
        again.stop()
        self.assertEqual(host.messages, [])
        assert self.server is not None
        program = str(Path(sys.executable).with_name("smtpx"))
        config = str(self.server.folder / "smtpx.toml")
        words = [program, "queue", "release", "-c", config, "--text", "!requiretls"]
        self.assertIn(
            "1 message", self.run_(words, environment={"PYTHONPATH": str(CODE)})
        )
        self.restarted()
        self.assertIn(_PARAMETER, self.arrived(host).mail)

    def test_guess(self) -> None:
        """
        A host that offered it once, and does not now, gets nothing: what was said the
        other time decides nothing (PIPECONNECT).
        """
        host = self.host("mx.one.example")
        host.early = True
        self.domain("one.example", "mx.one.example")
        self.send("a@one.example", _PARAMETER)
        self.arrived(host)
        host.keyword = False
        self.send("b@one.example", _PARAMETER)
        self.assertReported("5.7.30")
        self.assertEqual(len(host.messages), 1)

    # --- the server's side of us ----------------------------------------------------

    def swaks(self, *options: str) -> str:
        """Say hello to a server."""
        server = self.serve()
        words = [findPeer("swaks", "swaks"), "-s", f"127.0.0.1:{server.port}"]
        return self.run_([*words, "-q", "HELO", "--timeout", "20", *options])

    def test_swaks(self) -> None:
        """The keyword is there under TLS, and not in the clear."""
        self.assertRegex(self.swaks("-tls"), r"(?m)^<~ +250[ -]REQUIRETLS")
        self.assertNotIn(_PARAMETER, self.swaks())

    def test_nodemailer(self) -> None:
        """nodemailer's smtp-server takes the parameter, and knows it for what it is."""
        node = findPeer("node", "node")
        name = "mx.one.example"
        files = self.certificate(name)
        address = self.place(name)
        self.domain("one.example", name)
        modules = Path.home() / ".smtpx-peers" / "nodesmtp" / "node_modules"
        paths = [os.environ.get("NODE_PATH", ""), str(modules)]
        script = self.folder / "server.js"
        script.write_text(
            _NODE.format(
                chain=files.chain, key=files.key, address=address, port=self.port
            )
        )
        program = RunningProgram(
            self.folder, [node, str(script)], {"NODE_PATH": os.pathsep.join(paths)}
        )
        self.addCleanup(program.kill)
        waitFor(lambda: bool(program.said()), "nodemailer")
        if "missing" in program.said():
            raise SkipTest("peer missing: nodemailer's smtp-server")
        self.send("a@one.example", _PARAMETER)
        waitFor(lambda: "requireTLS=true secure=true" in program.said(), "the message")
        program.kill()


_NODE = """
let SMTPServer;
try {{
  SMTPServer = require("smtp-server").SMTPServer;
}} catch (error) {{
  console.log("missing");
  process.exit(0);
}}
const fs = require("fs");
const server = new SMTPServer({{
  cert: fs.readFileSync("{chain}"),
  key: fs.readFileSync("{key}"),
  authOptional: true,
  hideREQUIRETLS: false,
  onData(stream, session, callback) {{
    stream.resume();
    stream.on("end", () => {{
      const told = session.envelope.requireTLS;
      console.log(`requireTLS=${{told}} secure=${{session.secure}}`);
      callback();
    }});
  }},
}});
server.listen({port}, "{address}", () => console.log("listening"));
"""
