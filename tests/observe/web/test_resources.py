"""
What the site answers.
"""

from __future__ import annotations

import json

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from smtpx.observe.status import House
from smtpx.observe.web.resources import StatusResource

from .visits import Visits


class ResourceTests(SynchronousTestCase):
    """Each address of the site."""

    def setUp(self) -> None:
        """A site with a server that is ready."""
        self.visits = Visits("Status.Example.org")
        self.reasons: list[str] = []
        self.visits.watch.enter(House("mx.example.org", unready=lambda: self.reasons))

    def test_health(self) -> None:
        """The process answers, whatever it thinks of mail."""
        self.reasons.append("no")
        answer = self.visits.get("/health")
        self.assertEqual((answer.status, answer.body), (200, b"healthy\n"))

    def test_ready(self) -> None:
        """Messages are taken, or it says why they are not."""
        answer = self.visits.get("/ready")
        self.assertEqual((answer.status, answer.body), (200, b"ready\n"))
        self.reasons += ["No room.", "No memory."]
        answer = self.visits.get("/ready")
        self.assertEqual((answer.status, answer.body), (503, b"No room.\nNo memory.\n"))

    def test_notBeforeThereIsAHouse(self) -> None:
        """A server that has only begun to start is not ready."""
        self.assertEqual(Visits().get("/ready").status, 503)

    def test_metrics(self) -> None:
        """Prometheus gets its text."""
        answer = self.visits.get("/metrics")
        self.assertEqual(
            answer.fields["content-type"], "text/plain; version=0.0.4; charset=utf-8"
        )
        self.assertIn(b"\nsmtpx_ready 1.0\n", answer.body)

    def test_json(self) -> None:
        """Programs get the values."""
        answer = self.visits.get("/status.json")
        self.assertEqual(answer.fields["content-type"], "application/json")
        self.assertEqual(json.loads(answer.body)["name"], "mx.example.org")

    def test_page(self) -> None:
        """People get a page."""
        answer = self.visits.get("/")
        self.assertEqual(answer.fields["content-type"], "text/html; charset=utf-8")
        self.assertIn(b"<h1>mx.example.org</h1>", answer.body)
        self.assertNotIn(b'http-equiv="refresh"', answer.body)

    def test_refreshed(self) -> None:
        """It is loaded again by the wishes that the page offers, and no others."""
        for path, wished in (
            ("/?refresh=5", b'content="5"'),
            ("/?refresh=15", b'content="15"'),
            ("/?refresh=60", b'content="60"'),
            ("/?refresh=0.001", None),
            ("/?refresh=5%22%3E", None),
            ("/?refresh=", None),
        ):
            body = self.visits.get(path).body
            self.assertEqual(b'http-equiv="refresh"' in body, wished is not None, path)
            self.assertIn(wished or b"", body)

    def test_nothingElse(self) -> None:
        """There is nothing at any other address, and nothing of it is repeated."""
        for path in (
            "/x%3Cscript%3E",
            "/metrics/x",
            "/health/",
            "//",
            "/../etc/passwd",
        ):
            answer = self.visits.get(path)
            self.assertEqual(answer.status, 404, path)
            self.assertEqual(answer.body, b"There is no such page\n")

    def test_strangeNames(self) -> None:
        """A browser that was sent here by another's page is refused everywhere."""
        for path in ("/", "/metrics", "/status.json", "/health", "/x"):
            answer = self.visits.get(path, "evil.example")
            self.assertEqual(answer.status, 421, path)
            self.assertNotIn(b"evil", answer.body)
        for host in (
            "status.example.org",
            "STATUS.example.org",
            "192.0.2.1:8025",
            None,
        ):
            self.assertEqual(self.visits.get("/ready", host).status, 200, host)

    def test_onlyReading(self) -> None:
        """
        Nothing but GET and HEAD is done, and HEAD has no body; who asks so does not
        fill the log.
        """
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"):
            answer = self.visits.get("/health", method=method)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.fields["allow"], "GET, HEAD")
        with capturedLogs() as logs:
            answer = self.visits.get("/health", method="HEAD")
        self.assertEqual(logs, [])
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.fields["content-length"], "8")

    def test_forBrowsers(self) -> None:
        """Every answer says that it is not to be framed, kept, guessed or scripted."""
        for path in ("/", "/x", "/metrics"):
            fields = self.visits.get(path).fields
            policy = fields["content-security-policy"]
            self.assertTrue(policy.startswith("default-src 'none'; style-src 'sha256-"))
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("script", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(fields["x-content-type-options"], "nosniff")
            self.assertEqual(fields["cache-control"], "no-store")
            self.assertEqual(fields["server"], "smtpx")

    def test_inAnothersSite(self) -> None:
        """It can stand below another root."""
        root = Resource()
        root.putChild(b"smtp", StatusResource(self.visits.watch))
        self.visits.serve(root)
        self.assertEqual(self.visits.get("/smtp/ready").status, 200)
        self.assertIn(b"<h1>", self.visits.get("/smtp/").body)
