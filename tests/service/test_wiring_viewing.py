"""
Tests for L{smtpx.service.wiring.viewing}: a server of several workers that is seen as
one.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.keeping import Common
from smtpx.observe.tracedconnection import TracedConnection
from smtpx.observe.wholeserver import REPORT_SECONDS
from smtpx.service.config import readConfiguration
from smtpx.service.listening import endpointFor
from smtpx.service.wiring import site as siteModule
from smtpx.service.wiring.sharing import prepare
from smtpx.service.wiring.siteport import AGAIN_SECONDS, SitePort

from .made import FOUND, HouseTestCase, Site, send
from .workers.houses import HousesTestCase

HTTP = {"port": 8025}


class ViewedTests(HousesTestCase):
    """What the leading worker's site says."""

    def setUp(self) -> None:
        """Nobody is there yet."""
        super().setUp()
        self.common = Common.make(2)
        self.addCleanup(self.common.keeping.close)

    def _site(self, number: int, count: int) -> Site:
        made = super()._site(number, count)
        shared = evolve(made.machine.shared, seen=self.common)
        made.machine = evolve(made.machine, shared=shared)
        return made

    def get(self, path: str) -> str:
        """Ask the site; its whole answer."""
        ports: Any = self.sites[0].reactor.tcpServers
        [factory] = [each[1] for each in ports if each[0] == 8025]
        channel = factory.buildProtocol(None)
        wire = StringTransport()
        channel.makeConnection(wire)
        channel.dataReceived(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.settle()
        if not wire.value():
            # Somebody does not answer.
            self.settle(REPORT_SECONDS)
        channel.connectionLost()
        answer: bytes = wire.value()
        return answer.decode("utf-8")

    def value(self, name: str) -> str | None:
        """A value of the metrics; L{None}: there is none."""
        text = self.get("/metrics")
        found = re.search(rf"^{re.escape(name)} (.+)$", text, re.MULTILINE)
        return None if found is None else found[1]

    def test_oneSite(self) -> None:
        """The leading worker has the port, and the others have none."""
        self.start(2, http=HTTP)
        ports = [
            [each[0] for each in site.reactor.tcpServers].count(8025)
            for site in self.sites
        ]
        self.assertEqual(ports, [1, 0])

    def test_totals(self) -> None:
        """Whichever worker takes a message, it counts."""
        self.start(2, http=HTTP)
        for site in self.sites:
            send(site.call(), b"you@localhost")
        line = 'smtpx_messages_accepted_total{protocol="esmtp"}'
        self.assertEqual(self.value(line), "2.0")
        self.assertEqual(self.value("smtpx_workers_answered"), "2.0")
        self.assertEqual(self.value('smtpx_worker_starts_total{worker="2"}'), "1.0")

    def test_startedAgain(self) -> None:
        """Whichever ends, even the one that has the site, no counter goes back."""
        self.start(2, http=HTTP)
        line = 'smtpx_messages_accepted_total{protocol="esmtp"}'
        for number, expected in ((2, "2.0"), (1, "4.0")):
            for site in self.sites:
                send(site.call(), b"you@localhost")
            self.assertEqual(self.value(line), expected)
            self.leave(number)
            self.sites[number - 1].reactor.tcpServers.clear()
            self.enter(number)
            self.assertEqual(self.value(line), expected)
            starts = f'smtpx_worker_starts_total{{worker="{number}"}}'
            self.assertEqual(self.value(starts), "2.0")

    def test_portIsTaken(self) -> None:
        """
        A leading worker that is started again while somebody else has the port takes
        mail without a site, and has it as soon as it can.
        """
        whole, isTaken = endpointFor, True

        def endpoint(reactor: Any, place: Any) -> Any:
            made = whole(reactor, place)
            if place.port != 8025:
                return made

            class Taken:
                """A port that somebody else has for a while."""

                def listen(self, factory: Any) -> Any:
                    """Listen, if it can be."""
                    if isTaken:
                        error = OSError("in use")
                        return fail(CannotListenError("127.0.0.1", 8025, error))
                    return made.listen(factory)

            return Taken()

        self.start(2, http=HTTP)
        self.leave(1)
        self.sites[0].reactor.tcpServers.clear()
        self.patch(siteModule, "endpointFor", endpoint)
        self.enter(1)
        send(self.sites[0].call(), b"you@localhost")
        self.settle(AGAIN_SECONDS)
        ports = self.sites[0].reactor.tcpServers
        self.assertNotIn(8025, [each[0] for each in ports])
        isTaken = False
        self.settle(AGAIN_SECONDS)
        self.assertIn("\r\n\r\nready\n", self.get("/ready"))

    def test_away(self) -> None:
        """A worker that has died is missed, and the server is ready still."""
        self.start(2, http=HTTP)
        self.assertIn("\r\n\r\nready\n", self.get("/ready"))
        self.kill(2)
        self.assertEqual(self.value("smtpx_workers_answered"), "1.0")
        answer = self.get("/ready")
        self.assertIn("200 OK", answer)
        self.assertIn("ready\nWorker 2: It does not answer.\n", answer)

    def test_page(self) -> None:
        """Both workers and all sessions are on the page."""
        self.start(2, http=HTTP)
        self.sites[1].call().say(b"EHLO client.example\r\n")
        said = self.get("/")
        self.assertIn("<h2>Workers</h2>", said)
        self.assertIn("client.example", said)

    def test_nobodyLooks(self) -> None:
        """Without the table nobody is asked anything."""
        self.start(2)
        self.settle(60.0)
        self.assertEqual(self.common.keeping.load(), b"")


class PortTests(SynchronousTestCase):
    """A port that has to be waited for."""

    def test_endedBefore(self) -> None:
        """A server that ends before it has the port leaves nothing behind."""
        clock = Clock()
        port = SitePort(
            clock,
            lambda: fail(CannotListenError("127.0.0.1", 8025, OSError("in use"))),
            lambda port: None,
        )
        self.successResultOf(Deferred.fromCoroutine(port.open(False)))
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        self.successResultOf(Deferred.fromCoroutine(port.close()))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_faults(self) -> None:
        """A fault of ours on the way there is in the log."""
        clock = Clock()
        answers: list[Exception] = [
            CannotListenError("127.0.0.1", 8025, OSError("in use")),
            ValueError("as the test wished"),
        ]
        port = SitePort(clock, lambda: fail(answers.pop(0)), lambda port: None)
        self.successResultOf(Deferred.fromCoroutine(port.open(False)))
        clock.advance(AGAIN_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class TraceTests(HousesTestCase):
    """Sessions that are traced by several workers."""

    def test_bounds(self) -> None:
        """What the operator allows is for all of them together."""
        self.start(2, trace={"hosts": ["192.0.2.1"], "sessions_max": 3})
        kinds = [
            [type(site.call().protocol.core) is TracedConnection for _ in range(3)]
            for site in self.sites
        ]
        self.assertEqual(kinds, [[True, True, False], [True, False, False]])

    def test_oneFolder(self) -> None:
        """Their traces are side by side, and there are as many as was said."""
        self.start(2, trace={"hosts": ["192.0.2.1"], "sessions_kept": 3})
        for site in (*self.sites, *self.sites):
            send(site.call(), b"x@localhost")
            site.hangUp()
            self.settle(1.0)
        found = [*(self.folder / "state" / "trace").glob("*.txt")]
        self.assertEqual(len(found), 3)


class SharingTests(HouseTestCase):
    """What is made before the workers are forked."""

    def test_made(self) -> None:
        """Where there is a site, what it takes for several workers is there."""
        for values, isSeen in (({}, False), ({"http": HTTP}, True)):
            read: Any = readConfiguration({"workers": 2, **values}, FOUND)
            seen = prepare(read).seen
            self.assertEqual(seen is not None, isSeen)
            if seen is not None:
                self.addCleanup(seen.keeping.close)
                self.assertEqual(seen.starts.of(2), 0)
