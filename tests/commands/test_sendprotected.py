"""
Tests for C{smtpx send --route --explain-tls}: what domains publish is asked for.
"""

from __future__ import annotations

from pathlib import Path

from tests.net.test_client_tls import serverTLS
from tests.net.weblike import CannedWeb, page
from tests.tls.joined import AUTHORITY, pem

from .sendcases import SendTestCase
from .terminals import Ran

WEB = "192.0.2.80"
#: In the network of tests, like the other.
PUBLIC = "8.8.8.8"
MX = "mx.x.example"
ZONE = f"""
x.example          MX   10 {MX}
{MX}       A    192.0.2.25
mta-sts.x.example  A    {WEB}
_mta-sts.x.example TXT  "v=STSv1; id=1;"
"""
POLICY = "version: STSv1\nmode: {}\nmx: {}\nmax_age: 604800\n"
CONFIGURATION = """
name = "server.example"
[sending]
tls_verify_certificates = "ca.pem"
mta_sts_verify_certificates = "ca.pem"
mta_sts_allow_networks = ["192.0.2.0/24"]
[[route]]
match = ["*"]
transport = "smtp"
"""
REST = "mta_sts = false\n"


class ProtectedTests(SendTestCase):
    """A domain with a policy of MTA-STS."""

    def setUp(self) -> None:
        """Its web server, and its mail host."""
        super().setUp()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "ca.pem").write_bytes(pem(AUTHORITY.certificate))
        self.config = folder / "smtpx.toml"
        self.config.write_text(CONFIGURATION)
        self.stage.zone = ZONE
        self.web = CannedWeb(b"")
        self.web.serve(self.stage.town, WEB, serverTLS(self, "mta-sts.x.example"))
        self.publish("enforce")
        self.server = self.stage.host(tls=serverTLS(self, MX))

    def publish(self, mode: str, host: str = MX) -> None:
        """Have another policy."""
        self.web.answer = page(POLICY.format(mode, host).encode("ascii"))

    def told(self) -> Ran:
        """Send, and be told."""
        return self.send(
            *("--route", "-c", str(self.config), "-q", "--explain-tls"),
            *("-f", "ann@here.example", "--to", "bob@x.example"),
        )

    def test_enforced(self) -> None:
        """The policy verifies the host, and that is said."""
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn(f"TLS with {MX}:\n", ran.out)
        self.assertIn(
            "  mta-sts: the MTA-STS policy of x.example is in mode enforce, so it gets"
            " nothing unless it shows that it is who it should be.\n",
            ran.out,
        )
        self.assertIn("  It is who it should be, by PKIX: ", ran.out)
        self.assertEqual(len(self.web.requests), 1)

    def test_testing(self) -> None:
        """One that is only tested asks for nothing."""
        self.publish("testing", "other.example")
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn("is in mode testing, so that is set aside; otherwise", ran.out)

    def test_otherHost(self) -> None:
        """A host that the policy does not name gets nothing."""
        self.publish("enforce", "other.example")
        ran = self.told()
        self.assertEqual(ran.status, 1)
        text = f"It got nothing: the MTA-STS policy of x.example does not allow {MX}"
        self.assertIn(text, ran.out)
        self.assertEqual(self.server.messages, [])

    def test_switchedOff(self) -> None:
        """A route that does not do as domains ask asks nobody."""
        self.config.write_text(CONFIGURATION + REST)
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn("Nobody demands anything", ran.out)
        self.assertEqual(self.web.requests, [])

    def test_notToBeFetched(self) -> None:
        """A policy that cannot be fetched is told, and why."""
        self.web.answer = page(b"", status=b"404 Not Found")
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn(
            "  mta-sts: nobody can tell what it asks, so it asks nothing:"
            " mta-sts.x.example answers 404.\n",
            ran.out,
        )


class WithoutRoutesTests(SendTestCase):
    """The same without a configuration: by the mail hosts of the domain."""

    def setUp(self) -> None:
        """A web server with an address of the Internet, and a mail host."""
        super().setUp()
        self.authorities = self.file(pem(AUTHORITY.certificate).decode("ascii"))
        self.stage.zone = ZONE.replace(WEB, PUBLIC)
        self.web = CannedWeb(page(POLICY.format("enforce", MX).encode("ascii")))
        self.web.serve(self.stage.town, PUBLIC, serverTLS(self, "mta-sts.x.example"))
        self.server = self.stage.host(tls=serverTLS(self, MX))

    def told(self, *more: str) -> Ran:
        """Send, and be told."""
        return self.send(
            *("-q", "--explain-tls", "--ca", self.authorities, *more),
            *("-f", "ann@here.example", "--to", "bob@x.example"),
        )

    def test_enforced(self) -> None:
        """The policy is fetched, and the host is verified by it; that is said."""
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn(
            "  mta-sts: the MTA-STS policy of x.example is in mode enforce, so it gets",
            ran.out,
        )
        self.assertIn("  It is who it should be, by PKIX: ", ran.out)
        self.assertIn("  No TLSA records were asked for: no name server is", ran.out)
        self.assertEqual(len(self.web.requests), 1)

    def test_otherHost(self) -> None:
        """A host that the policy does not name gets nothing."""
        self.web.answer = page(POLICY.format("enforce", "y.example").encode("ascii"))
        ran = self.told()
        self.assertEqual(ran.status, 1)
        text = f"It got nothing: the MTA-STS policy of x.example does not allow {MX}"
        self.assertIn(text, ran.out)
        self.assertEqual(self.server.messages, [])

    def test_notToBeFetched(self) -> None:
        """What could not be fetched is told; it does not count."""
        self.web.answer = page(b"", status=b"500 Oops")
        ran = self.told()
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn("so it asks nothing: mta-sts.x.example answers 500.\n", ran.out)

    def test_probed(self) -> None:
        """The same where nothing is sent."""
        ran = self.told("--quit-after", "tls")
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn("is in mode enforce", ran.out)
        self.assertEqual(self.server.messages, [])

    def test_namedHost(self) -> None:
        """Of a host that is named nobody asks anything, and that is said."""
        ran = self.told("--server", "192.0.2.25")
        self.assertEqual(ran.status, 0, ran.err)
        self.assertIn("  Neither TLSA records nor a policy were asked for", ran.out)
        self.assertEqual(self.web.requests, [])

    def test_unexplained(self) -> None:
        """Without the option it goes as ever."""
        ran = self.send("-q", "-f", "ann@here.example", "--to", "bob@x.example")
        self.assertEqual(ran.status, 0, ran.err)
        self.assertEqual(self.web.requests, [])
