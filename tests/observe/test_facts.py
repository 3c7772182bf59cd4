"""
Tests for L{smtpx.observe.facts}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import Reply, reply
from smtpx.core.stapled import Stapled
from smtpx.core.tlssession import Resumption
from smtpx.observe.facts import codeFields, handshakeFields

from .stories import TLS


class FactsTests(SynchronousTestCase):
    """What is known is there, and what is not known is not."""

    def test_handshakes(self) -> None:
        """Version and cipher always; the certificate, where there is one."""
        least = handshakeFields(TLSInfo("TLSv1.2", "AES128-SHA", 128))
        self.assertEqual(
            least,
            {
                "version": "TLSv1.2",
                "cipher": "AES128-SHA",
                "bits": 128,
                "resumed": False,
                "verified": False,
            },
        )
        told = handshakeFields(TLS)
        self.assertEqual(told["subject"], 'CN=ann "the" boss')
        self.assertEqual(told["serverName"], b"mx.example.org")
        bad = handshakeFields(TLSInfo(problem="expired", onConnect=True))
        self.assertEqual((bad["problem"], bad["onConnect"]), ("expired", True))
        good = handshakeFields(TLSInfo(verified=True, dane=True, proof="it matches"))
        self.assertEqual((good["dane"], good["proof"]), (True, "it matches"))
        again = handshakeFields(TLSInfo(resumed=True, resumption=Resumption(0x1F)))
        self.assertEqual((again["resumed"], again["resumption"]), (True, 0x1F))

    def test_staples(self) -> None:
        """What OCSP said, where somebody asked, by Exim's numbers."""
        good = handshakeFields(TLSInfo(stapled=Stapled.SENT))
        self.assertEqual(good["ocsp"], 4)
        self.assertNotIn("ocspProblem", good)
        bad = TLSInfo(stapled=Stapled.FAILED, stapleProblem="it expired")
        told = handshakeFields(bad)
        self.assertEqual((told["ocsp"], told["ocspProblem"]), (3, "it expired"))

    def test_codes(self) -> None:
        """The reply code, and the enhanced one if there is one."""
        self.assertEqual(
            codeFields(reply(550, "5.1.10", b"x")), {"code": 550, "status": "5.1.10"}
        )
        self.assertEqual(codeFields(Reply(220, None, (b"x",))), {"code": 220})
