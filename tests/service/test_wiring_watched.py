"""
Tests for L{smtpx.service.wiring}: what can be seen of a house that sends.
"""

from __future__ import annotations

from smtpx.core.interfaces import IClientBuilder, IExtension
from tests.core.made import MadeClient

from . import made
from .test_site import HTTP, SiteTestCase
from .test_wiring_sending import SendingTestCase

RELAY = {"hosts": ["192.0.2.1"]}
TO = b"x@branch.example"


class WatchedTests(SiteTestCase, SendingTestCase):
    """What an operator sees."""

    def test_metrics(self) -> None:
        """Connections and transactions, questions for the DNS, what is known."""
        self.serve()
        self.start(relay=RELAY, http=HTTP)
        self.send(TO)
        self.send(TO)
        for line, value in (
            ("smtpx_client_connections", "1.0"),
            ("smtpx_destinations", "0.0"),
            # Ourselves, who were offered PIPECONNECT.
            ("smtpx_peer_knowledge_names", "1.0"),
            (
                'smtpx_delivery_transactions_total{connection="reused",resumed="no",'
                'version="-"}',
                "1.0",
            ),
        ):
            self.assertEqual(self.value(line), value, line)
        asked = self.get("/metrics").count("smtpx_dns_questions_total{")
        self.assertGreater(asked, 0)
        self.assertIn("new in the clear", self.page())

    def page(self) -> str:
        """The status page, as text."""
        return self.get("/").replace("</th><td>", " ").replace("<td>", " ")

    def test_withoutSending(self) -> None:
        """What there is not is not told of."""
        self.start(http=HTTP)
        for name in ("smtpx_client_connections", "smtpx_peer_knowledge_names"):
            self.assertIsNone(self.value(name))

    def test_traces(self) -> None:
        """A session with a server that is listed, from its beginning to its end."""
        self.serve()
        self.start(relay=RELAY, trace={"hosts": ["mx.branch.example"]})
        self.send(TO)
        self.stop()
        (path,) = (self.site.folder / "state" / "trace").glob("*.txt")
        text = path.read_text("ascii")
        self.assertIn("[192.0.2.25]:25 mx.branch.example\n", text)
        self.assertIn("\nwhy     host mx.branch.example\nend     quit", text)
        self.assertIn("RCPT TO:<x@branch.example>\n", text)

    def test_exceptions(self) -> None:
        """One that comes out of an extension is an event."""

        def register(builder: IClientBuilder) -> None:
            nothing: dict[bytes, None] = {}
            builder.learn(lambda session, hello: nothing[b"x"])

        broken: IExtension = MadeClient(register, name="BROKEN")
        self.patch(made, "FOUND", {**made.FOUND, "BROKEN": broken})
        self.serve()
        self.start(
            relay=RELAY,
            log={"json": str(self.site.folder / "events.json")},
        )
        self.send(TO)
        self.flushLoggedErrors(KeyError)
        self.stop()
        events = (self.site.folder / "events.json").read_text()
        self.assertIn('"owner":"BROKEN"', events)
