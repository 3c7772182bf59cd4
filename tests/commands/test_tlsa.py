"""
Tests for L{smtpx.commands.tlsa} and L{smtpx.commands.tlstold}.
"""

from __future__ import annotations

import io
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.console import Console
from smtpx.commands.main import main
from smtpx.commands.tlstold import toldProtection
from smtpx.core.demands import Demand, Source, combined
from smtpx.core.flaw import Flaw
from smtpx.core.hooks import RoutePolicy, TLSInfo, TLSLevel
from smtpx.core.stapled import Stapled, StapleWish
from smtpx.net.sending import Unreached
from smtpx.service.wiring.tryout import Protected
from smtpx.spool.via import Cause, Via
from smtpx.tls.dane import DANE_TA, recordFor

from ..tls.chains import Made, make

AUTHORITY = make("authority", ca=True)
MADE = make("mail", AUTHORITY, names=("mx.example.org", "*.example.org"))


class TLSATests(SynchronousTestCase):
    """What is printed."""

    def files(self, made: Made) -> list[str]:
        """The options that name a certificate."""
        chain, key = made.files
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "chain.pem").write_bytes(chain)
        (folder / "key.pem").write_bytes(key)
        return ["--cert", str(folder / "chain.pem"), "--key", str(folder / "key.pem")]

    def said(self, *words: str, status: int = 0) -> str:
        """What the command says."""
        out, err = io.StringIO(), io.StringIO()
        console = Console(out, err, lambda: b"", lambda text: "", False)
        self.assertEqual(main(["tls", "tlsa", *words], console), status)
        return out.getvalue() if status == 0 else err.getvalue()

    def test_recordOfTheKey(self) -> None:
        """One line for each host of the certificate, as a zone file has it."""
        digest = recordFor(MADE.certificate).association.hex()
        self.assertEqual(
            self.said(*self.files(MADE)),
            f"_25._tcp.mx.example.org. IN TLSA 3 1 1 {digest}\n",
        )

    def test_otherHostsAndPorts(self) -> None:
        """Hosts may be named, and the port."""
        said = self.said(*self.files(MADE), "-p", "465", "a.example", "b.example")
        first, second = said.splitlines()
        self.assertTrue(first.startswith("_465._tcp.a.example. IN TLSA 3 1 1 "))
        self.assertTrue(second.startswith("_465._tcp.b.example. IN TLSA 3 1 1 "))

    def test_authority(self) -> None:
        """The authority has to be sent with the certificate."""
        digest = recordFor(AUTHORITY.certificate, DANE_TA).association.hex()
        said = self.said(*self.files(MADE), "--authority")
        self.assertIn(f" IN TLSA 2 1 1 {digest}", said)
        alone = self.files(evolve(MADE, above=()))
        said = self.said(*alone, "--authority", status=1)
        self.assertIn("there is no authority behind", said)

    def test_configuration(self) -> None:
        """Without --cert, it is the certificates of the configuration."""
        _, chain, _, key = self.files(MADE)
        path = Path(self.mktemp())
        path.write_text(
            f'[[tls.certificates]]\ncertificate = "{chain}"\nkey = "{key}"\n'
        )
        self.assertIn("_25._tcp.mx.example.org.", self.said("-c", str(path)))
        path.write_text("")
        self.assertIn("names no certificate", self.said("-c", str(path), status=1))

    def test_mistakes(self) -> None:
        """What makes no sense is told."""
        wild = make("wild", names=("*.example.org",))
        for words, told, status in (
            (["--key", "x"], "--key wants --cert", 2),
            (["--port", "0"], "--port wants 1 to 65535", 2),
            (["a b"], "is no name of a host", 2),
            (self.files(wild), "it has no name of a host", 1),
            (["--cert", "/nowhere"], "/nowhere", 1),
        ):
            self.assertIn(told, self.said(*words, status=status))


class ToldProtectionTests(SynchronousTestCase):
    """What is said of a host."""

    def told(self, policy: RoutePolicy, came: TLSInfo | Unreached | None) -> str:
        """It, as text."""
        via = Via(b"mx.example.org", b"192.0.2.1")
        seen = came if isinstance(came, Unreached) else evolve(via, tls=came)
        return "\n".join(toldProtection(Protected(b"mx.example.org", policy, seen)))

    def test_dane(self) -> None:
        """Which rule asked, what was shown, and what was concluded."""
        demand = Demand("dane", "there are TLSA records", TLSLevel.VERIFIED)
        policy = RoutePolicy(TLSLevel.VERIFIED, demands=(demand,))
        info = TLSInfo(
            verified=True, dane=True, proof="it matches 3 1 1", subject="CN=mx"
        )
        self.assertEqual(
            self.told(policy, info),
            "TLS with mx.example.org:\n"
            "  dane: there are TLSA records, so it gets nothing unless it shows that it"
            " is who it should be.\n"
            "  In all: it gets nothing unless it shows that it is who it should be.\n"
            "  It showed a certificate (CN=mx), under TLS 1.3.\n"
            "  It is who it should be, by DANE: it matches 3 1 1.",
        )

    def test_otherEnds(self) -> None:
        """In the clear, with any certificate, and with none that is good."""
        free = RoutePolicy()
        for came, told in (
            (None, "The connection was in the clear."),
            (TLSInfo(), "Nobody looked whether the certificate is good"),
            (TLSInfo(resumed=True), "in a session from before"),
            (TLSInfo(problem="expired", flaw=Flaw.EXPIRED), "who it is: expired."),
            (TLSInfo(verified=True, proof="its chain is trusted"), "by PKIX"),
        ):
            said = self.told(free, came)
            self.assertIn(told, said)
            self.assertIn("Nobody demands anything", said)

    def test_standing(self) -> None:
        """What OCSP said of the certificate, and who wanted to know."""
        for info, told in (
            (TLSInfo(stapled=Stapled.SENT, stapleEnds=0.0), "good, until 1970-01-01"),
            (
                TLSInfo(stapled=Stapled.FAILED, stapleProblem="it expired"),
                "it expired.",
            ),
            (TLSInfo(stapled=Stapled.NONE_GOOD, resumed=True), "when the session"),
        ):
            said = self.told(RoutePolicy(staple=StapleWish.ASKED), info)
            line = said.splitlines()[-1]
            self.assertTrue(line.startswith("  What it shows of the certificate's"))
            self.assertIn(told, line)
        self.assertNotIn("OCSP", self.told(RoutePolicy(), TLSInfo()))
        required = StapleWish.REQUIRED
        demand = Demand("x", "it is so", TLSLevel.VERIFIED, staple=required)
        said = self.told(combined(RoutePolicy(), [demand]), None)
        self.assertIn("and that its certificate was not revoked.", said)

    def test_refused(self) -> None:
        """A host that got nothing; and a demand that the sender has set aside."""
        via = Via(b"mx.example.org", b"192.0.2.1")
        error = Unreached("it matches nothing", Cause.TLS, via, None)
        demand = Demand("dane", "x", TLSLevel.VERIFIED, by=Source.DOMAIN)
        policy = RoutePolicy(lenient=True, demands=(demand,))
        said = self.told(policy, error)
        self.assertIn("It got nothing: it matches nothing.", said)
        self.assertIn("that is set aside", said)
