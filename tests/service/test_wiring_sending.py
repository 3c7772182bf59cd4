"""
Tests for L{smtpx.service.wiring.sending} and the parts around it: a house that sends,
in memory, with a host that takes what it is sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smtpx.core.errors import UsageError
from smtpx.service.wiring.sending import clientTLS
from smtpx.testing import Fault, ScriptedServer
from smtpx.tls.authority import ensureCertificate
from tests.net.network import Network

from .made import NOW, HouseTestCase, send

ADDRESS = "192.0.2.25"
ZONE = f"""
branch.example      MX 10 mx.branch.example
mx.branch.example   A  {ADDRESS}
"""
NOBODY = b"550 5.1.1 No such recipient here\r\n"


class SendingTestCase(HouseTestCase):
    """A house, and a host at some address."""

    def setUp(self) -> None:
        """Nobody listens yet."""
        super().setUp()
        self.network = Network()
        self.patch(self.site.reactor, "connectTCP", self.network.connectTCP)
        for line in ZONE.split("\n"):
            if line:
                self.site.resolver.add(line)

    def serve(self, *faults: Fault, port: int = 25, **more: Any) -> ScriptedServer:
        """Somebody listens, who has these faults."""
        server = ScriptedServer(*faults, clock=self.network, **more)
        self.network.hosts[ADDRESS, port] = server
        return server

    def stop(self) -> None:
        """Stop the server, if it runs; connections take a moment to end."""
        if self.service.running:
            stopped = self.service.stopService()
            self.site.hangUp()
            self.network.run()
            self.successResultOf(stopped)

    def send(self, recipient: bytes, sender: bytes = b"a@b.example") -> bytes:
        """A client sends a message; gives the last reply."""
        said = send(self.site.call(), recipient, sender)
        self.network.run()
        return said

    def taken(self, server: ScriptedServer) -> list[tuple[bytes, list[bytes]]]:
        """Sender and recipients of what a server took."""
        return [(each.sender, list(each.recipients)) for each in server.messages]


class RouteTests(SendingTestCase):
    """Mail that leaves."""

    RELAY = {"hosts": ["192.0.2.1"]}

    def test_byMX(self) -> None:
        """Where somebody may send elsewhere, mail goes to the hosts of its domain."""
        server = self.serve()
        self.start(relay=self.RELAY)
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        self.assertEqual(self.taken(server), [(b"a@b.example", [b"x@branch.example"])])
        self.assertEqual(self.site.spools[0].kept, {})
        self.assertIn((b"branch.example", "MX"), self.site.resolver.asked)
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        host = f"H=mx.branch.example [{ADDRESS}]"
        self.assertIn(f"=> x@branch.example R=* T=smtp {host}", log)

    def test_smartHost(self) -> None:
        """A host that is named is asked for no MX, and told what it is to be told."""
        password = self.site.folder / "password"
        password.write_text("pencil\n")
        password.chmod(0o600)
        server = self.serve(port=2525)
        route = {
            "match": ["*"],
            "transport": "smtp",
            "hosts": [f"[{ADDRESS}]:2525"],
            "helo_data": "out.example",
        }
        self.start(relay=self.RELAY, route=[route])
        self.assertEqual(self.send(b"x@example.net")[:3], b"250")
        self.assertEqual(len(server.messages), 1)
        self.assertEqual(self.site.resolver.asked, [])
        self.assertIn(b"EHLO out.example", server.sessions[0].commands)

    def test_calledByItsAddress(self) -> None:
        """A server may call itself by where its connections come from."""
        ours = "9.100.51.198.in-addr.arpa."
        for data, zone, name in (
            ("{sending_address}", "", b"[198.51.100.9]"),
            ("{sending_name}", "", b"mx.example.org"),
            ("{sending_name}", "out.example.net", b"mx.example.org"),
            ("{sending_name}", "nine.example.net", b"nine.example.net"),
            ("{sending_name}", "under_score.example.net", b"mx.example.org"),
        ):
            self.setUp()
            self.site.resolver.add("nine.example.net A 198.51.100.9")
            self.site.resolver.add("under_score.example.net A 198.51.100.9")
            self.site.resolver.add("out.example.net A 192.0.2.99")
            if zone:
                self.site.resolver.add(f"{ours} PTR {zone}")
            server = self.serve()
            route = {"match": ["*"], "transport": "smtp", "helo_data": data}
            self.start(relay=self.RELAY, route=[route])
            self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
            self.assertEqual(server.sessions[0].commands[0], b"EHLO " + name, zone)
            self.stop()

    def test_bySender(self) -> None:
        """Each sender has a way of his own."""
        usual, other = self.serve(), self.serve(port=2525)
        route: list[dict[str, object]] = [
            {"match": ["*"], "transport": "smtp"},
            {
                "match": ["*"],
                "transport": "smtp",
                "senders": ["brand.example"],
                "hosts": [f"[{ADDRESS}]:2525"],
            },
        ]
        self.start(relay=self.RELAY, route=route)
        self.send(b"x@branch.example", b"ann@brand.example")
        self.send(b"x@branch.example", b"ann@else.example")
        self.assertEqual(self.taken(other)[0][0], b"ann@brand.example")
        self.assertEqual(self.taken(usual)[0][0], b"ann@else.example")

    def test_namedTransactions(self) -> None:
        """Hosts that know them again are told their names, if the operator says so."""
        keywords = (b"PIPELINING", b"CHECKPOINT", b"CHUNKING")
        server = self.serve(keywords=keywords)
        extensions = {"CHECKPOINT": {"hosts_try_checkpoint": [ADDRESS]}}
        self.start(relay=self.RELAY, extensions=extensions)
        self.send(b"x@branch.example")
        [mail] = [each for each in server.sessions[0].commands if b"MAIL" in each]
        self.assertRegex(mail, rb" TRANSID=<[a-z2-7]{32}@mx\.example\.org>\Z")

    def test_unnamedTransactions(self) -> None:
        """Without a word of the operator there are no names."""
        server = self.serve(keywords=(b"PIPELINING", b"CHECKPOINT"))
        self.start(relay=self.RELAY)
        self.send(b"x@branch.example")
        self.assertNotIn(b"TRANSID", b"".join(server.sessions[0].commands))

    def test_avoidedTLS(self) -> None:
        """Host lists say of each host whether TLS is begun with it."""
        keywords = (b"STARTTLS", b"PIPELINING")
        server = self.serve(keywords=keywords)
        self.start(relay=self.RELAY, sending={"hosts_avoid_tls": [ADDRESS]})
        self.send(b"x@branch.example")
        self.assertNotIn(b"STARTTLS", server.sessions[0].commands)
        self.assertEqual(len(server.messages), 1)

    def test_requiredTLS(self) -> None:
        """A host without TLS gets nothing where it has to have it."""
        server = self.serve(keywords=(b"PIPELINING",))
        self.start(relay=self.RELAY, sending={"hosts_require_tls": ["*"]})
        self.send(b"x@branch.example")
        self.assertEqual(server.messages, [])
        self.assertEqual(len(self.site.spools[0].kept), 1)

    def test_stop(self) -> None:
        """An idle connection is ended with a goodbye."""
        server = self.serve()
        self.start(relay=self.RELAY)
        self.send(b"x@branch.example")
        self.stop()
        self.assertEqual(server.sessions[0].commands[-1], b"QUIT")

    def test_unusablePassword(self) -> None:
        """A password that others may read stops the start."""
        password = self.site.folder / "password"
        password.write_text("pencil\n")
        password.chmod(0o644)
        route = {
            "match": ["*"],
            "transport": "smtp",
            "hosts": ["a.example"],
            "login": "joe",
            "password_file": str(password),
        }
        service = self.site.build({"route": [route]})
        opened = service.whenOpen()
        service.startService()
        self.failureResultOf(opened, UsageError)
        self.successResultOf(service.stopService())


class RelayTests(SendingTestCase):
    """Domains that are relayed, and their recipients."""

    def relay(self, **options: object) -> None:
        """Start a server that relays a domain."""
        self.start(relay={"domains": ["branch.example"], **options})

    def test_anybody(self) -> None:
        """Strangers may send there, and nowhere else."""
        server = self.serve()
        self.relay()
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        self.assertEqual(self.send(b"x@example.net")[:9], b"550 5.7.1")
        self.assertEqual(len(server.messages), 1)

    def test_backup(self) -> None:
        """A backup MX leaves itself out, and hosts that are no better."""
        self.site.resolver.add("mx.example.org A 198.51.100.1")
        self.site.resolver.add("branch.example MX 20 mx.example.org")
        server = self.serve()
        self.start(listener=[{"port": 25}], relay={"domains": ["branch.example"]})
        self.send(b"x@branch.example")
        self.assertEqual(len(server.messages), 1)

    def test_list(self) -> None:
        """Who is in no line is refused."""
        listed = Path(self.mktemp()).absolute()
        listed.write_text("ann@branch.example\n")
        self.serve()
        self.relay(recipients_file=str(listed))
        self.assertEqual(self.send(b"ann@branch.example")[:3], b"250")
        self.assertEqual(self.send(b"eve@branch.example"), NOBODY)

    def test_callout(self) -> None:
        """The next host is asked at RCPT, with the null sender; once for each."""
        unknown = Fault(b"RCPT", nth=1, reply=b"550 5.1.1 Unknown\r\n")
        server = self.serve(unknown)
        self.relay(recipients_callout=True)
        call = self.site.call()
        call.say(b"EHLO c.example\r\n")
        call.say(b"MAIL FROM:<a@b.example>\r\n")
        call.say(b"RCPT TO:<eve@branch.example>\r\n")
        self.network.run()
        said = call.say(b"RCPT TO:<eve@branch.example>\r\n")
        self.assertEqual(said, NOBODY + NOBODY)
        asked = [each[:11] for each in server.sessions[0].commands]
        self.assertEqual(asked.count(b"MAIL FROM:<"), 1)
        self.assertEqual(server.messages, [])

    def test_nobodyToAsk(self) -> None:
        """A callout wants a route that sends."""
        service = self.site.build(
            {
                "relay": {"domains": ["branch.example"], "recipients_callout": True},
                "route": [{"match": ["*"]}],
            }
        )
        opened = service.whenOpen()
        service.startService()
        self.failureResultOf(opened, UsageError)
        self.successResultOf(service.stopService())


class ClientTLSTests(HouseTestCase):
    """Whom we trust, and what we show."""

    def test_files(self) -> None:
        """Those of the configuration, or the system's, and no certificate."""
        made = ensureCertificate(self.site.folder / "tls", ["x.example"], NOW)
        usual = clientTLS(self.site.read())
        self.assertEqual((usual.trust, usual.certificate), (None, None))
        table = {
            "tls_verify_certificates": str(made.chain),
            "tls_certificate": str(made.chain),
            "tls_privatekey": str(made.key),
        }
        given = clientTLS(self.site.read({"sending": table}))
        assert given.certificate is not None and given.trust is not None
        self.assertEqual(given.certificate.names[0], b"x.example")
        self.assertEqual(given.trust[0], given.certificate.certificate)
