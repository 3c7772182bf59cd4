"""
A trace as text.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.ladder import handshake, ladder
from smtpx.observe.trace import HandshakeStep

from .traces import TRACE

WHOLE = """\
session d82b59dd-1
client  [192.0.2.7]:4567 client.example.net
server  [192.0.2.25]:25
began   2026-11-22T03:19:48.123Z
why     recipient bob@example.com
end     QUIT after 0.310 s

    0.000 s  <-- 33 octets
                 220 mx.example.org ESMTP
    0.050 s  --> 24 octets
                 EHLO client.example.net
                 STARTTLS
    0.100 s  TLS TLSv1.3 TLS_AES_256_GCM_SHA384 (256 bits), resumed, \
SNI mx.example.org, certificate CN=ann not verified (certificate has expired), \
took 0.025 s
    0.150 s  ==> 1 octet, took 0.100 s
                 * (1 octet)
    0.260 s  *** OSError in spool
    0.300 s  <== 40 octets
                 451 4.3.0 Local error
                 (2 more lines are left out)
"""


class LadderTests(SynchronousTestCase):
    """What an operator reads."""

    def test_theWholeSession(self) -> None:
        """Who it was, and then each flight with its time."""
        self.assertEqual(ladder(TRACE), WHOLE)

    def test_theLeastThereIs(self) -> None:
        """A client that has no name and says nothing."""
        self.assertEqual(
            ladder(evolve(TRACE, name=None, steps=(), omitted=0, end="lost")),
            "session d82b59dd-1\n"
            "client  [192.0.2.7]:4567\n"
            "server  [192.0.2.25]:25\n"
            "began   2026-11-22T03:19:48.123Z\n"
            "why     recipient bob@example.com\n"
            "end     lost after 0.310 s\n\n",
        )

    def test_whereWeAreTheClient(self) -> None:
        """The client is still the client."""
        out = evolve(TRACE, outgoing=True, steps=(), omitted=0)
        lines = ladder(out).splitlines()
        self.assertEqual(lines[1], "client  [192.0.2.25]:25 (this is us)")
        self.assertEqual(lines[2], "server  [192.0.2.7]:4567 client.example.net")

    def test_handshakes(self) -> None:
        """One that failed, one without a certificate, one with a good one."""
        self.assertEqual(handshake(HandshakeStep(0, 1)), "handshake not complete")
        plain = HandshakeStep(0, 1, "TLSv1.2", "AES", 128)
        self.assertEqual(handshake(plain), "TLSv1.2 AES (128 bits), full handshake")
        good = evolve(plain, verified=True, subject="CN=ann")
        self.assertTrue(handshake(good).endswith(", certificate CN=ann verified"))
        unseen = evolve(plain, subject="CN=ann")
        self.assertTrue(handshake(unseen).endswith(" CN=ann not verified"))
