"""
Prometheus's own tool reads our metrics, and the rules of the manual.
"""

from __future__ import annotations

import smtplib
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..service.test_manual import blocks
from .cases import InteropTestCase, findPeer
from .running import RunningServer, waitFor
from .test_statuspage import HTTP, where


class PrometheusTests(InteropTestCase):
    """C{promtool} has nothing against us."""

    def metrics(self, server: RunningServer) -> bytes:
        """Ask for them."""
        with urlopen(where(server) + "metrics", timeout=20) as answer:
            text: bytes = answer.read()
        return text

    def test_metrics(self) -> None:
        """Names, units and help are as they should be; counts are right."""
        promtool = findPeer("promtool", "promtool")
        server = self.serve(HTTP)
        with smtplib.SMTP("localhost", server.port, timeout=20) as client:
            client.sendmail("ann@client.example", ["bob@localhost"], "Subject: x\n\n")
        server.delivered(1)
        ended = b'smtpx_sessions_ended_total{ending="quit"} 1.0'
        waitFor(lambda: ended in self.metrics(server), "the session has ended")
        text = self.metrics(server)
        for line in (
            b'smtpx_messages_accepted_total{protocol="esmtp"} 1.0',
            ended,
            b"smtpx_commit_duration_seconds_count 1.0",
        ):
            self.assertIn(b"\n" + line + b"\n", text)
        self.assertEqual(self.run_([promtool, "check", "metrics"], text), "")

    def test_rules(self) -> None:
        """The rules that the manual proposes can be loaded."""
        promtool = findPeer("promtool", "promtool")
        scrape, rules = blocks("howto/monitoring.rst", "yaml")
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "rules.yml").write_text(rules)
        said = self.run_([promtool, "check", "rules", str(folder / "rules.yml")])
        self.assertIn(f"SUCCESS: {rules.count('- alert:')} rules found", said)
        (folder / "prometheus.yml").write_text("rule_files: [rules.yml]\n" + scrape)
        self.run_([promtool, "check", "config", str(folder / "prometheus.yml")])


class HealthTests(InteropTestCase):
    """What programs ask that have to know whether we are there."""

    def test_curl(self) -> None:
        """C{curl --fail} as the manual has it, and a name that is not ours."""
        curl = findPeer("curl", "curl")
        server = self.serve(HTTP)
        words = [curl, "--fail", "--silent", "--show-error", "--max-time", "20"]
        for path, said in (("ready", "ready\n"), ("health", "healthy\n")):
            self.assertEqual(self.run_([*words, where(server) + path]), said)
        strange = ["--header", "Host: evil.example", where(server)]
        self.assertIn("421", self.run_([*words, *strange], status=22))

    def test_haproxy(self) -> None:
        """What the manual has for HAProxy is a configuration, but for the rest."""
        haproxy = findPeer("haproxy", "haproxy")
        [backend] = blocks("howto/monitoring.rst", "none")
        folder = Path(self.mktemp())
        folder.mkdir()
        times = "timeout connect 5s\n timeout server 5s\n timeout client 5s"
        door = "mode tcp\n bind 127.0.0.1:2525\n default_backend smtp"
        (folder / "haproxy.cfg").write_text(
            f"defaults\n {times}\n\nfrontend door\n {door}\n\n{backend}\n"
        )
        self.run_([haproxy, "-c", "-f", str(folder / "haproxy.cfg")])

    def test_onlyReading(self) -> None:
        """A body of a megabyte changes nothing, and ends nothing but itself."""
        server = self.serve(HTTP)
        request = Request(where(server) + "ready", data=b"x" * (1 << 20))
        # The connection is cut: there is no answer that could be read.
        self.assertRaises((OSError, HTTPError), urlopen, request, timeout=20)
        with urlopen(where(server) + "ready", timeout=20) as answer:
            self.assertEqual(answer.read(), b"ready\n")
