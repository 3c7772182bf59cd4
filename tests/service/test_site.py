"""
Tests for L{smtpx.service.wiring.site}: a server that can be seen.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

import smtpx
from smtpx.observe import metrics
from smtpx.policy.admission import TOO_MANY_OF_YOURS
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.listening import endpointFor
from smtpx.service.problems import ConfigurationError

from .made import FOUND, HouseTestCase, send, site
from .test_manual import blocks

HTTP = {"port": 8025}

#: Where the site is among the ports of the first start.
_SITE = 2


class SiteTestCase(HouseTestCase):
    """A test with a server whose site is asked."""

    def get(self, path: str, host: str = "localhost") -> str:
        """Ask the site; its whole answer."""
        factory: Any = self.site.reactor.tcpServers[_SITE][1]
        channel = factory.buildProtocol(None)
        wire = StringTransport()
        channel.makeConnection(wire)
        channel.dataReceived(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        channel.connectionLost()
        answer: bytes = wire.value()
        return answer.decode("utf-8")

    def value(self, line: str) -> str | None:
        """A value of the metrics; L{None}: there is none."""
        text = self.get("/metrics")
        found = re.search(rf"^{re.escape(line)} (.+)$", text, re.MULTILINE)
        return None if found is None else found[1]


class SiteTests(SiteTestCase):
    """What it says of a server that runs."""

    def test_off(self) -> None:
        """Without the table there is no port, and nobody watches."""
        self.start()
        self.assertEqual(len(self.site.reactor.tcpServers), 2)

    def test_onLoopback(self) -> None:
        """With a port it is on the loopback."""
        self.start(http=HTTP)
        port, _, _, address = self.site.reactor.tcpServers[_SITE]
        self.assertEqual((port, address), (8025, "127.0.0.1"))

    def test_ownName(self) -> None:
        """It is asked for by the server's name, and by those that are configured."""
        self.start(http=HTTP | {"names": ["Status.example.org"]})
        for host, status in (
            ("mx.example.org", "200"),
            ("status.example.org", "200"),
            ("evil.example", "421"),
        ):
            self.assertEqual(self.get("/health", host)[9:12], status, host)

    def test_everybodyIsWarned(self) -> None:
        """Where others reach it, the log says so."""
        said: list[str] = []
        self.patch(
            smtpx.service.wiring.site._log, "warn", lambda text, **_: said.append(text)
        )
        self.start(http=HTTP | {"address": "192.0.2.25"})
        self.assertEqual(len(said), 1)
        self.assertIn("no login", said[0])

    def test_anEndpoint(self) -> None:
        """It can be any endpoint."""
        said: list[object] = []
        self.patch(
            smtpx.service.wiring.site._log,
            "info",
            lambda text, **fields: said.append(fields["url"]),
        )
        self.start(http={"endpoint": "unix:http.sock"})
        self.assertEqual(said, ["unix:http.sock"])
        paths = [each[0] for each in self.site.reactor.unixServers]
        self.assertIn("http.sock", paths)

    def test_messages(self) -> None:
        """A message that is taken and delivered is counted, and so is a refusal."""
        self.start(http=HTTP)
        send(self.site.call(), b"you@localhost")
        send(self.site.call(), b"you@elsewhere.example")
        for line, value in (
            ('smtpx_messages_accepted_total{protocol="esmtp"}', "1.0"),
            (
                'smtpx_commands_refused_total{code="550",status="5.7.1",verb="RCPT"}',
                "1.0",
            ),
            ('smtpx_deliveries_total{outcome="delivered",transport="maildir"}', "1.0"),
            ("smtpx_commit_duration_seconds_count", "1.0"),
            ("smtpx_ready", "1.0"),
            ("smtpx_spool_messages", "0.0"),
        ):
            self.assertEqual(self.value(line), value, line)

    def test_extensionsCommandsHaveNames(self) -> None:
        """Refusals of an extension's command are counted by its name."""
        self.start(http=HTTP)
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        call.say(b"INVENTED\r\n")
        call.say(b"BDAT x\r\n")
        refused = "smtpx_commands_refused_total"
        for code, status, verb in (("500", "5.5.2", "other"), ("501", "5.5.4", "BDAT")):
            labels = f'{{code="{code}",status="{status}",verb="{verb}"}}'
            self.assertEqual(self.value(refused + labels), "1.0", labels)

    def test_refusedConnections(self) -> None:
        """Those that are too many are counted by the bound."""
        self.start(http=HTTP, limits={"connections_per_address": 1})
        self.site.call()
        vestibule: Any = self.site.reactor.tcpServers[0][1]
        peer = self.site.calls[0].wire.getPeer()
        refused = vestibule.buildProtocol(peer)
        wire = StringTransport()
        refused.makeConnection(wire)
        self.assertEqual(wire.value(), TOO_MANY_OF_YOURS.octets)
        line = 'smtpx_connections_refused_total{bound="address"}'
        self.assertEqual(self.value(line), "1.0")

    def test_sessions(self) -> None:
        """Who is there now is told."""
        self.start(http=HTTP)
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        status = json.loads(self.get("/status.json").partition("\r\n\r\n")[2])
        [row] = status["sessions"]
        self.assertEqual(row["state"]["helo"], "client.example")
        self.assertEqual(row["state"]["does"], "waits for a command")
        self.assertEqual(len(status["listeners"]), 2)
        self.assertEqual(status["certificates"][0]["names"][0], "mx.example.org")

    def test_rules(self) -> None:
        """What rules decide, and what they were told, is counted."""
        self.site.resolver.add("1.2.0.192.bad.example A 127.0.0.2")
        rules = [
            {"dnslists": ["bad.example"], "action": "reject", "name": "listed"},
            {"greylist": True, "action": "defer", "name": "strangers"},
        ]
        self.start(http=HTTP, policy={"rcpt": rules})
        for host in ("192.0.2.1", "192.0.2.9"):
            send(self.site.call(host=host), b"you@localhost")
        decided = "smtpx_rule_decisions_total"
        for line, value in (
            (decided + '{decision="rejected",rule="listed",stage="rcpt"}', "1.0"),
            (decided + '{decision="deferred",rule="strangers",stage="rcpt"}', "1.0"),
            ('smtpx_greylist_answers_total{answer="waits"}', "1.0"),
            ('smtpx_greylist_answers_total{answer="away"}', "0.0"),
            (
                'smtpx_dns_list_answers_total{answer="listed",list="bad.example"}',
                "1.0",
            ),
        ):
            self.assertEqual(self.value(line), value, line)

    def test_reactor(self) -> None:
        """It is measured whether the reactor is late, as long as the server runs."""
        self.start(http=HTTP)
        self.site.reactor.advance(1)
        self.assertEqual(self.value("smtpx_reactor_delay_seconds_count"), "1.0")


class ReadyTests(SiteTestCase):
    """When messages are taken."""

    def ready(self) -> tuple[str, str]:
        """Status and text."""
        answer = self.get("/ready")
        return answer[9:12], answer.partition("\r\n\r\n")[2]

    def test_ready(self) -> None:
        """All is well."""
        self.start(http=HTTP)
        self.assertEqual(self.ready(), ("200", "ready\n"))

    def test_spool(self) -> None:
        """A spool that takes nothing, or that does not even answer, is a reason."""
        self.start(http=HTTP)
        self.site.spools[0].full = True
        self.assertEqual(
            self.ready(), ("503", "The spool takes nothing: full, as the test wished\n")
        )

        def gone() -> Any:
            raise OSError("the disk is gone")

        self.patch(self.site.spools[0], "state", gone)
        self.assertEqual(
            self.ready(), ("503", "The spool takes nothing: the disk is gone\n")
        )
        self.assertIsNone(self.value("smtpx_spool_messages"))

    def test_full(self) -> None:
        """So are as many connections as there may be."""
        self.start(http=HTTP, limits={"connections_max": 1})
        self.site.call()
        self.assertEqual(
            self.ready(),
            ("503", "There are as many connections as there may be.\n"),
        )

    def test_stopping(self) -> None:
        """A server that waits for its last sessions is not ready any more."""
        self.start(http=HTTP)
        call = self.site.call()
        call.say(b"EHLO client.example\r\n")
        stopped = self.service.stopService()
        self.assertEqual(
            self.ready(), ("503", "The doors are closed: the server starts or stops.\n")
        )
        self.site.hangUp()
        self.successResultOf(stopped)

    def test_portIsTaken(self) -> None:
        """A start fails where somebody else has the site's port."""
        whole = endpointFor

        def endpoint(reactor: Any, place: Any) -> Any:
            if place.port == 8025:
                raise CannotListenError("127.0.0.1", 8025, OSError("in use"))
            return whole(reactor, place)

        self.patch(smtpx.service.wiring.site, "endpointFor", endpoint)
        self.service = self.site.build({"http": HTTP})
        opened = self.service.whenOpen()
        self.service.startService()
        self.failureResultOf(opened, CannotListenError)
        self.successResultOf(self.service.stopService())
        self.assertFalse(self.flushLoggedErrors())
        self.assertEqual(os.listdir(self.site.folder), ["state"])


class TableTests(SynchronousTestCase):
    """What can be wrong with the table."""

    def setUp(self) -> None:
        """A machine."""
        self.site = site(self.mktemp())

    def test_both(self) -> None:
        """A port and an endpoint are one too many."""
        error = self.assertRaises(
            ConfigurationError,
            readConfiguration,
            {"http": {"port": 1, "endpoint": "tcp:2"}},
            FOUND,
        )
        self.assertIn("either a port or an endpoint", str(error))

    def test_address(self) -> None:
        """An address is no name."""
        error = self.assertRaises(
            ConfigurationError,
            readConfiguration,
            {"http": {"address": "localhost"}},
            FOUND,
        )
        self.assertIn("expected an address", str(error))

    def test_checked(self) -> None:
        """An endpoint that is none is found by C{--check}."""
        configuration = self.site.read({"http": {"endpoint": "odd:1"}})
        [problem] = check(self.site.machine, configuration, FOUND)
        self.assertIn("http.endpoint: ValueError: Unknown endpoint", str(problem))


class ManualTests(HouseTestCase):
    """The examples of C{doc/howto/monitoring.rst}."""

    page = "howto/monitoring.rst"

    def test_configurations(self) -> None:
        """Each can be read, and a server starts with it."""
        texts = blocks(self.page, "toml")
        self.assertEqual(len(texts), 2)
        for text in texts:
            file = self.site.folder / "x.toml"
            file.write_text(text)
            read = readConfiguration(file, FOUND)
            self.assertEqual(check(self.site.machine, read, FOUND), [])
            self.assertEqual((read.http.port, read.http.address), (8025, "127.0.0.1"))

    def test_rulesAskForMetricsThatThereAre(self) -> None:
        """Every metric on the page is one of ours, with labels that it has."""
        known = {metric.name: metric for metric in metrics.CATALOGUE}
        text = "\n".join(blocks(self.page, "yaml"))
        asked = re.findall(r"(smtpx_\w+)(?:\{(\w+)=)?", text)
        self.assertGreater(len(asked), 8)
        for name, label in asked:
            metric = known[name.removesuffix("_bucket")]
            self.assertEqual(
                name.endswith("_bucket"), metric.kind is metrics.Kind.HISTOGRAM
            )
            if label:
                self.assertIn(label, metric.labels)

    def test_program(self) -> None:
        """The program runs as it is printed, and shows what it takes."""
        [text] = blocks(self.page, "python")
        listening: dict[str, Any] = {}

        class Endpoint:
            """Keeps what listens."""

            def __init__(self, reactor: Any, description: str) -> None:
                self.description = description

            def listen(self, factory: Any) -> None:
                """Keep it."""
                listening[self.description] = factory

        ran: list[bool] = []
        reactor: Any = self.site.reactor
        reactor.run = lambda: ran.append(True)
        text = re.sub(r"^from twisted.internet import.*$", "", text, flags=re.MULTILINE)

        class Endpoints:
            """In place of C{twisted.internet.endpoints}."""

            serverFromString: Callable[..., Any] = Endpoint

        names: dict[str, Any] = {"reactor": reactor, "endpoints": Endpoints}
        exec(compile(text, self.page, "exec"), names)
        self.assertEqual(ran, [True])
        [mail, web] = listening.values()
        self.assertIs(mail, names["factory"])
        channel = web.buildProtocol(None)
        wire = StringTransport()
        channel.makeConnection(wire)
        channel.dataReceived(b"GET /ready HTTP/1.0\r\n\r\n")
        self.assertIn(b"ready\n", wire.value())
