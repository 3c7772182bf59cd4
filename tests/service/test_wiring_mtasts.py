"""
Tests for what domains publish, and what they are told (L{smtpx.service.wiring.mtasts},
L{smtpx.service.wiring.domainpolicies}, L{smtpx.service.wiring.tlsreports}): a house
that sends, in memory, with a web server and a mail host.
"""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path
from typing import Any

from smtpx.core.envelope import Envelope, Recipient
from smtpx.extensions.dsn import NOTIFY
from smtpx.extensions.requiretls import OPTIONAL
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.publisher import Publisher
from smtpx.service.wiring.tlsreports import spooled
from smtpx.spool.interfaces import SpoolBroken, SpoolFull
from smtpx.testing import ScriptedServer
from smtpx.testing.spool import MemorySpool
from smtpx.tls.certificates import CertificateError
from tests.net.test_client_tls import serverTLS
from tests.net.weblike import CannedWeb, page
from tests.tls.joined import AUTHORITY, pem

from .made import send
from .test_wiring_sending import SendingTestCase

WEB = "192.0.2.80"
POLICY = b"version: STSv1\nmode: %b\nmx: %b\nmax_age: 604800\n"
RECORD = '_mta-sts.branch.example TXT "v=STSv1; id=%d;"'
REPORTS = '_smtp._tls.branch.example TXT "v=TLSRPTv1; rua=mailto:r@branch.example"'
HOST = b"mx.branch.example"
RECIPIENT = b"x@branch.example"


#: Nobody looks on.
TOLD = DeliveryJournal(Publisher())


class PolicyTestCase(SendingTestCase):
    """A domain with a policy, and a mail host under TLS."""

    def setUp(self) -> None:
        """Its web server is there."""
        super().setUp()
        self.web = CannedWeb(page(POLICY % (b"enforce", HOST)))
        self.web.serve(self.network, WEB, serverTLS(self, "mta-sts.branch.example"))
        self.site.resolver.add(f"mta-sts.branch.example A {WEB}")
        self.site.resolver.add(RECORD % 1)
        self.authorities = Path(self.mktemp()).absolute()
        self.authorities.write_bytes(pem(AUTHORITY.certificate))

    def house(self, **more: Any) -> None:
        """Start the server."""
        sending = {
            "tls_verify_certificates": str(self.authorities),
            "mta_sts_verify_certificates": str(self.authorities),
            "mta_sts_allow_networks": ["192.0.2.0/24"],
            "idle_seconds": 0,
        }
        sending |= more.pop("sending", {})
        self.start(relay={"hosts": ["192.0.2.1"]}, sending=sending, **more)

    def host(self, name: str = "mx.branch.example") -> ScriptedServer:
        """The mail host, with a certificate for this name."""
        return self.serve(tls=serverTLS(self, name))

    def send(self, recipient: bytes, sender: bytes = b"a@b.example") -> bytes:
        """A client sends a message to the server that was started last."""
        said = send(self.site.call(-2), recipient, sender)
        for _ in range(5):
            # Each has a clock.
            self.network.run()
            self.site.reactor.advance(0)
        return said

    def log(self) -> str:
        """The main log, once it is written."""
        self.stop()
        return (self.site.folder / "state/main.log").read_text()


class MTASTSTests(PolicyTestCase):
    """Mail for a domain with a policy."""

    def test_enforced(self) -> None:
        """A host that keeps to the policy gets it, verified."""
        server = self.host()
        self.house(log={"selectors": ["+tls_certificate_verified"]})
        self.send(RECIPIENT)
        self.assertEqual(len(self.taken(server)), 1)
        self.assertEqual(len(self.web.requests), 1)
        self.assertIn(" CV=yes ", self.log())

    def test_wrongCertificate(self) -> None:
        """A host with another's certificate does not, and it is told why."""
        server = self.host("evil.example")
        self.house()
        self.send(RECIPIENT)
        self.assertEqual(self.taken(server), [])
        self.assertIn("the certificate is not for mx.branch.example", self.log())

    def test_noTLS(self) -> None:
        """Nor does one without TLS."""
        server = self.serve()
        self.house()
        self.send(RECIPIENT)
        self.assertEqual(self.taken(server), [])

    def test_otherHost(self) -> None:
        """Nor one that the policy does not name, though all else is well."""
        server = self.host()
        self.web.answer = page(POLICY % (b"enforce", b"mx2.branch.example"))
        self.house()
        self.send(RECIPIENT)
        self.assertEqual((self.taken(server), len(self.network.dialled)), ([], 1))
        text = "the MTA-STS policy of branch.example does not allow mx.branch.example"
        self.assertIn(f"{text}", self.log())

    def test_nextHost(self) -> None:
        """The next host is tried, as if the first were not there (section 8.4)."""
        self.site.resolver.add("branch.example MX 5 other.example")
        self.site.resolver.add("other.example A 192.0.2.26")
        server = self.host()
        self.house()
        self.send(RECIPIENT)
        self.assertEqual(len(self.taken(server)), 1)
        self.assertNotIn("192.0.2.26", [each[0] for each in self.network.dialled])

    def test_testing(self) -> None:
        """A policy that is only tested keeps no mail away."""
        server = self.host("evil.example")
        self.web.answer = page(POLICY % (b"testing", b"mx2.branch.example"))
        self.house()
        self.send(RECIPIENT)
        self.assertEqual(len(self.taken(server)), 1)

    def test_kept(self) -> None:
        """What is known counts after a restart, though nothing can be asked."""
        server = self.host("evil.example")
        self.house()
        self.send(RECIPIENT)
        self.stop()
        self.web.answer = None
        self.site.resolver.remove(b"_mta-sts.branch.example", "TXT")
        self.house()
        self.send(RECIPIENT)
        self.assertEqual(self.taken(server), [])

    def test_routeWithout(self) -> None:
        """A route may go without, or all may; then nobody is asked."""
        server = self.host("evil.example")
        route = {"match": ["*"], "transport": "smtp", "mta_sts": False}
        self.house(route=[route])
        self.send(RECIPIENT)
        self.stop()
        self.house(sending={"mta_sts": False})
        self.send(RECIPIENT)
        self.assertEqual(len(self.taken(server)), 2)
        self.assertEqual(self.web.requests, [])

    def test_routeWith(self) -> None:
        """And one route may go with it."""
        server = self.host("evil.example")
        route = {"match": ["*"], "transport": "smtp", "mta_sts": True}
        self.house(route=[route], sending={"mta_sts": False})
        self.send(RECIPIENT)
        self.assertEqual(self.taken(server), [])

    def test_otherTransports(self) -> None:
        """What is sent by LMTP has no policy."""
        route = {"match": ["*"], "transport": "lmtp", "hosts": ["[192.0.2.25]:24"]}
        self.house(route=[route])
        self.send(RECIPIENT)
        self.assertNotIn((b"_mta-sts.branch.example", "TXT"), self.site.resolver.asked)

    def test_noAuthorities(self) -> None:
        """A file of authorities that is of no use stops the start."""
        service = self.site.build({"sending": {"mta_sts_verify_certificates": "none"}})
        values: dict[str, Any] = {
            "relay": {"hosts": ["192.0.2.1"]},
            "sending": {"mta_sts_verify_certificates": str(self.authorities) + "x"},
        }
        service = self.site.build(values)
        opened = service.whenOpen()
        service.privilegedStartService()
        service.startService()
        self.failureResultOf(opened, CertificateError)


class TLSReportTests(PolicyTestCase):
    """What the domain is told."""

    OPTIONS = {"contact": "TLS <tls@mx.example.org>", "organization": "We"}

    def days(self, days: float) -> None:
        """Time goes by."""
        for _ in range(int(days * 24 * 12)):
            self.site.reactor.advance(300)
            self.network.run()

    def report(self, server: ScriptedServer) -> Any:
        """The report that the domain has got."""
        [sent] = [each for each in server.messages if each.sender != b"a@b.example"]
        self.assertEqual(sent.sender, b"tls@mx.example.org")
        self.assertEqual(list(sent.recipients), [b"r@branch.example"])
        return message_from_bytes(sent.body)

    def test_reported(self) -> None:
        """
        A day later the domain has a report of what failed, over a connection that
        fails just so (RFC 8460 section 5.3), and not twice, also after restarts.
        """
        self.site.resolver.add(REPORTS)
        server = self.host("evil.example")
        self.house(tls_reports=self.OPTIONS)
        self.send(RECIPIENT)
        self.assertEqual(self.taken(server), [])
        self.stop()
        self.house(tls_reports=self.OPTIONS)
        self.days(1.5)
        made = self.report(server)
        self.assertEqual(made["TLS-Report-Domain"], "branch.example")
        self.assertEqual(made["TLS-Report-Submitter"], "mx.example.org")
        self.assertIn(" <= tls@mx.example.org U=", self.log())
        self.house(tls_reports=self.OPTIONS)
        self.days(1.5)
        # The message was tried again, so there is one for the next day as well.
        ids = [
            message_from_bytes(each.body)["Message-ID"]
            for each in server.messages
            if each.sender == b"tls@mx.example.org"
        ]
        self.assertEqual(len(ids), len(set(ids)))

    def test_notWanted(self) -> None:
        """Who is not asked for reports sends none, and who sends none counts none."""
        server = self.host()
        self.house(tls_reports=self.OPTIONS)
        self.send(RECIPIENT)
        self.days(1.5)
        self.assertEqual(len(server.messages), 1)
        self.stop()
        file = self.site.folder / "state/tls-reports.sqlite"
        file.unlink()
        self.house()
        self.send(RECIPIENT)
        self.days(0.1)
        self.assertFalse(file.exists())

    def test_withoutSTS(self) -> None:
        """Reports go without MTA-STS, too."""
        self.site.resolver.add(REPORTS)
        server = self.host("evil.example")
        self.house(tls_reports=self.OPTIONS, sending={"mta_sts": False})
        self.send(RECIPIENT)
        self.days(1.5)
        self.report(server)
        self.assertEqual(self.web.requests, [])

    def test_missed(self) -> None:
        """A policy that cannot be fetched is told of."""
        self.site.resolver.add(REPORTS)
        server = self.host()
        self.web.answer = page(b"x", status=b"404 Not Found")
        self.house(tls_reports=self.OPTIONS)
        self.send(RECIPIENT)
        self.assertEqual(len(self.taken(server)), 1)
        self.days(1.5)
        self.report(server)


class SpooledTests(PolicyTestCase):
    """A report on its way into the spool."""

    def test_stamps(self) -> None:
        """It goes whatever becomes of TLS, and nobody is told if it does not."""
        spool = MemorySpool(known={each.name: each for each in (OPTIONAL, NOTIFY)})
        envelope = Envelope(b"a@b", 0.0, [Recipient(b"c@d")])
        id = self.successResultOf(spooled(spool, TOLD, "it", envelope, b"x"))
        kept = spool.kept[id].envelope
        self.assertIs(kept.stamps[OPTIONAL], True)
        self.assertEqual(kept.octets, 1)
        self.assertEqual(kept.recipients[0].stamps[NOTIFY], b"NEVER")

    def test_full(self) -> None:
        """A spool that takes nothing says so."""
        spool = MemorySpool()
        envelope = Envelope(b"a@b", 0.0, [Recipient(b"c@d")], 1)
        spool.full = True
        self.failureResultOf(spooled(spool, TOLD, "it", envelope, b"x"), SpoolFull)
        spool.full, spool.broken = False, True
        self.failureResultOf(spooled(spool, TOLD, "it", envelope, b"x"), SpoolBroken)
