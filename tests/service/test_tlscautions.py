"""
Tests for L{smtpx.service.tlscautions}.
"""

from __future__ import annotations

from attrs import evolve

from .test_cautions import CautionsCase

ROUTE = "[[route]]\nmatch = ['*']\ntransport = 'smtp'\n"
UNWANTED = ROUTE + "tls = 'unwanted'\n"
FAST = "[sending]\nhosts_try_fastopen = ['*']\n"
OCSP = "[sending]\nhosts_require_ocsp = ['mx.a.example', 'mx.b.example']\n"


class TLSCautionsTests(CautionsCase):
    """What an operator is told of options that come to nothing."""

    def warned(self, text: str) -> list[str]:
        """What it is told."""
        return [each for each in self.told(text) if "warning: " in each]

    def kernel(self, bits: int | None) -> None:
        """Have another kernel."""
        self.site.machine = evolve(self.site.machine, fastOpen=lambda: bits)

    def test_kernelThatDoesNotOpenFast(self) -> None:
        """Without its bit no connection is opened fast."""
        self.kernel(2)
        [line] = self.warned(ROUTE + FAST)
        self.assertIn("sending.hosts_try_fastopen: no connection is opened fast", line)
        self.assertIn("net.ipv4.tcp_fastopen is 2, without bit 1", line)
        self.assertEqual(self.warned(ROUTE), [])
        for bits in (1, 3, 0x401, None):
            self.kernel(bits)
            self.assertEqual(self.warned(ROUTE + FAST), [])

    def test_kernelThatTakesNothingFast(self) -> None:
        """Nor does one come so."""
        self.kernel(1)
        text = "[extensions.CHECKPOINT]\nunproven_hosts = ['192.0.2.1']\n"
        [line] = self.warned(text)
        self.assertIn("extensions.CHECKPOINT.unproven_hosts: none of them", line)
        self.assertIn("without bit 2", line)
        self.kernel(3)
        self.assertEqual(self.warned(text), [])

    def test_anybodyUnproven(self) -> None:
        """To believe everybody's first packet is hardly meant."""
        for hosts in ("['*']", "['!192.0.2.1', '*']"):
            text = f"[extensions.CHECKPOINT]\nunproven_hosts = {hosts}\n"
            [line] = self.warned(text)
            self.assertIn("whoever sees a packet of anybody's can send mail", line)

    def test_responsesWithoutTLS(self) -> None:
        """Where TLS is avoided nothing is required of it."""
        [line] = self.warned(UNWANTED + OCSP)
        self.assertIn("sending.hosts_require_ocsp: nothing is required of any", line)
        [line] = self.warned(ROUTE + OCSP + "hosts_avoid_tls = ['*']\n")
        self.assertIn("hosts_avoid_tls names all hosts", line)
        avoid = "hosts_avoid_tls = ['!mx.a.example', 'mx.b.example', 'c.example']\n"
        [line] = self.warned(ROUTE + OCSP + avoid)
        self.assertIn("nothing is required of mx.b.example: hosts_avoid_tls", line)
        self.assertEqual(self.warned(ROUTE + OCSP), [])
        self.assertEqual(self.warned(OCSP + "hosts_avoid_tls = ['c.example']\n"), [])

    def test_wholeMessagesBehindTLS(self) -> None:
        """Where every route begins with TLS, no message is in the first packet."""
        rest = (
            FAST + "hosts_whole_in_syn = ['*']\n"
            "[extensions.CHECKPOINT]\nhosts_try_checkpoint = ['*']\n"
            "[extensions.PIPECONNECT]\nhosts_pipe_connect = ['*']\n"
        )
        for tls in ("encrypted", "verified"):
            [line] = self.warned(f"{ROUTE}tls = '{tls}'\n{rest}")
            self.assertIn("as every route begins with TLS", line)
        [line] = self.warned(f"{ROUTE}implicit_tls = true\n{rest}")
        self.assertIn("sending.hosts_whole_in_syn: no message leaves", line)
        every = rest.replace("[sending]\n", "[sending]\nhosts_require_tls = ['*']\n")
        [line] = self.warned(ROUTE + every)
        self.assertIn("as every route begins with TLS", line)
        self.assertEqual(self.warned(ROUTE + rest), [])
        self.assertEqual(self.warned(UNWANTED + rest), [])

    def test_policiesWithoutTLS(self) -> None:
        """A route without TLS asks for no policy, whatever it says."""
        [line] = self.warned(UNWANTED + "mta_sts = true\n")
        self.assertIn("route[0].mta_sts: no policy is asked for", line)
        self.assertEqual(self.warned(ROUTE + "mta_sts = true\n"), [])
        self.assertEqual(self.warned(UNWANTED), [])
