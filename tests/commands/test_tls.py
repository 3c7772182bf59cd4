"""
Tests for L{smtpx.commands.tls}.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from smtpx.commands import tls
from smtpx.testing.dns import StaticResolver
from smtpx.tls.mtasts import STSPolicy
from tests.net.test_client_tls import serverTLS
from tests.net.weblike import CannedWeb, page
from tests.tls.joined import AUTHORITY, pem
from tests.tls.test_mtasts import ENFORCED

from .sendcases import SendTestCase
from .terminals import Ran, Terminal

CONFIGURATION = """
name = "mx.here.example"
[sending]
mta_sts_verify_certificates = "{ca}"
mta_sts_allow_networks = ["192.0.2.0/24"]
"""

ZONE = """
_mta-sts.example.com TXT "v=STSv1; id=20160831085700Z;"
mta-sts.example.com A 192.0.2.80
example.com MX 10 mail.example.com
example.com MX 20 a.example.net
mail.example.com A 192.0.2.26
a.example.net A 192.0.2.27
_smtp._tls.example.com TXT "v=TLSRPTv1; rua=mailto:r@example.com,https://r.example.com/"
example.org MX 10 mail.example.com
"""


class TLSTests(SendTestCase):
    """Looking at policies."""

    def setUp(self) -> None:
        """A domain that does everything right, and one that has nothing."""
        super().setUp()
        self.zone = StaticResolver(ZONE)
        self.patch(
            tls, "theMachine", lambda: evolve(self.stage.machine(), resolver=self.zone)
        )
        self.web = CannedWeb(page(ENFORCED))
        names = serverTLS(self, "mta-sts.example.com")
        self.web.serve(self.stage.town, "192.0.2.80", names)
        authorities = Path(self.mktemp()).absolute()
        authorities.write_bytes(pem(AUTHORITY.certificate))
        self.config = self.file(CONFIGURATION.format(ca=authorities))

    def ran(self, *words: str) -> Ran:
        """Run the command."""
        return Terminal(interactive=False).run("tls", *words)

    def policy(self, *domains: str) -> Ran:
        """Ask what domains have published."""
        return self.ran("policy", "--config", self.config, *domains)

    def test_policy(self) -> None:
        """The record, the policy, the hosts, and where reports go."""
        ran = self.policy("Example.com")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(
            ran.out.splitlines(),
            [
                "example.com",
                "  record: v=STSv1; id=20160831085700Z;",
                "  policy: https://mta-sts.example.com/.well-known/mta-sts.txt",
                "    version: STSv1",
                "    mode: enforce",
                "    mx: mail.example.com",
                "    mx: *.example.net",
                "    mx: backupmx.example.com",
                "    max_age: 604800",
                "  mail host: mail.example.com, allowed",
                "  mail host: a.example.net, allowed",
                "  reports: mailto:r@example.com",
                "  reports: https://r.example.com/",
                "  note: with a wildcard, any host of that name with a certificate will"
                " do",
            ],
        )

    def test_none(self) -> None:
        """To have no policy is no fault."""
        ran = self.policy("example.org")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(
            ran.out.splitlines(),
            [
                "example.org",
                "  record: none",
                "  mail host: mail.example.com",
                "  note: it has no MTA-STS policy",
            ],
        )

    def test_wrongHost(self) -> None:
        """A host that the policy does not allow gets no mail."""
        self.zone.add("example.com MX 5 other.example")
        self.zone.add("other.example A 192.0.2.28")
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 1)
        self.assertIn("  mail host: other.example, not allowed\n", ran.out)
        self.assertIn("  wrong: the policy keeps mail from other.example\n", ran.out)
        self.assertEqual(ran.err, "smtpx: something is wrong with example.com\n")
        self.web.answer = page(ENFORCED.replace(b"enforce", b"testing"))
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 1)
        self.assertIn("would keep mail from other.example\n", ran.out)
        self.assertIn("only tested", ran.out)

    def test_noPolicy(self) -> None:
        """A record without a policy is a fault, and it is told which."""
        self.web.answer = page(b"x", status=b"404 Not Found")
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 1)
        self.assertIn("  policy: mta-sts.example.com answers 404\n", ran.out)
        self.assertIn("  wrong: there is a record, but no policy", ran.out)

    def test_badRecord(self) -> None:
        """So is a record that nobody can read."""
        self.zone.add('_mta-sts.example.com TXT "v=STSv1; id=2;"')
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 1)
        self.assertIn("  record: there are 2 records\n", ran.out)
        self.assertIn("  wrong: nobody can read the record", ran.out)

    def test_noRecord(self) -> None:
        """A policy without a record is of no use."""
        self.zone.remove(b"_mta-sts.example.com", "TXT")
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 0)
        self.assertIn("without a record nobody looks for it", ran.out)

    def test_removed(self) -> None:
        """Mode none is told, and its hosts do not matter."""
        self.web.answer = page(b"version: STSv1\nmode: none\nmax_age: 60\n")
        ran = self.policy("example.com")
        self.assertEqual(ran.status, 0)
        self.assertIn("says that there is none any more", ran.out)

    def test_short(self) -> None:
        """A policy that is good for a short time protects for a short time."""
        self.web.answer = page(ENFORCED.replace(b"604800", b"3600"))
        self.assertIn("less than a day", self.policy("example.com").out)

    def test_dnsFails(self) -> None:
        """What could not be asked is told."""
        self.zone.fail(b"_smtp._tls.example.com", "TXT", "SERVFAIL of all")
        self.zone.fail(b"example.com", "MX", "SERVFAIL of all")
        ran = self.policy("example.com")
        self.assertEqual(ran.out.count("SERVFAIL of all"), 2)

    def test_nonsense(self) -> None:
        """What makes no sense is told before anything is asked."""
        for words, problem in (
            (("policy",), "which domain?"),
            (("policy", "a..b"), '"a..b" is no domain'),
            (("policy", "[192.0.2.1]"), '"[192.0.2.1]" is no domain'),
            (("publish",), "which domain?  Give one"),
            (("publish", "a.example", "b.example"), "which domain?  Give one"),
            (("publish", "-m", "force", "a.example"), '--mode is "enforce", "testing"'),
            (("publish", "--max-age", "x", "a.example"), "--max-age is a number"),
            (
                ("publish", "--max-age", "99999999", "a.example"),
                "--max-age is a number",
            ),
            ((), "which command?"),
        ):
            ran = self.ran(*words)
            self.assertEqual(ran.status, 2, words)
            self.assertIn(problem, ran.err)

    def test_badConfiguration(self) -> None:
        """A configuration that is of no use is told."""
        config = self.file("x = 1")
        for words in (("policy",), ("publish",)):
            ran = self.ran(*words, "--config", config, "a.example")
            self.assertEqual(ran.status, 1)
            self.assertIn("x", ran.err)

    def test_publish(self) -> None:
        """A domain of ours would publish that we take its mail."""
        ran = self.ran("publish", "--config", self.config, "b\u00fccher.example")
        self.assertEqual((ran.status, ran.err), (0, ""))
        policy = STSPolicy.parse(
            b"version: STSv1\nmode: testing\nmx: mx.here.example\nmax_age: 604800\n"
        )
        record = policy.record().render().decode()
        self.assertEqual(
            ran.out.splitlines(),
            [
                "Record for the DNS:",
                f'  _mta-sts.xn--bcher-kva.example. IN TXT "{record}"',
                "Policy, at"
                " https://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt:",
                *(f"  {line}" for line in policy.lines),
            ],
        )

    def test_publishFile(self) -> None:
        """The policy alone is what a web server is to send."""
        ran = self.ran(
            "publish",
            *("--file", "--mode", "enforce", "--max-age", "86400"),
            *("--mx", "mx1.example.org, *.example.net", "example.org"),
        )
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertEqual(
            ran.out,
            "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\n"
            "mx: *.example.net\r\nmax_age: 86400\r\n",
        )

    def test_publishNonsense(self) -> None:
        """A mail host that is none is told."""
        ran = self.ran("publish", "--mx", "[192.0.2.1]", "example.org")
        self.assertEqual(ran.status, 1)
        self.assertIn("mx '[192.0.2.1]' is no host name", ran.err)
