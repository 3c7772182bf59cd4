"""
A server of several workers, as its site shows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.web.page import statusPage
from smtpx.observe.web.resources import StatusResource
from smtpx.observe.wholeserver import Fields

from ..traces import TRACE
from ..workers import Staff
from .test_page import Checked, words
from .visits import Visits, Wire, answered


class SiteTestCase(SynchronousTestCase):
    """A test with a site of two workers."""

    def setUp(self) -> None:
        """Both answer."""
        self.staff = Staff()
        self.visits = Visits()
        self.visits.serve(StatusResource(self.staff.whole))

    def read(self, path: str = "/") -> str:
        """What can be read on a page, which is good HTML."""
        answer = self.visits.get(path)
        self.assertEqual(answer.status, 200)
        page = answer.body.decode("utf-8")
        Checked(page)
        return words(page)


class PageTests(SiteTestCase):
    """What people see."""

    def test_workers(self) -> None:
        """A table of them: who they are, since when, and what they have."""
        self.staff.begin(2).visit(b"192.0.2.1", b"client.example")
        self.staff.servers[1].now += 3661
        said = self.read()
        self.assertIn("Workers 2 workers Worker State Process For Starts", said)
        self.assertRegex(said, r" 1 takes mail \d+ 1 h 1 min 1 0 12 ")
        self.assertRegex(said, r" 2 takes mail \d+ 1 h 1 min 2 1 12 ")
        self.assertRegex(said, r"client\.example 1 h 1 min no TLS 0 \S[^0-9]* 2 ")

    def test_whatIsWrong(self) -> None:
        """What is wrong stands at its worker; the server takes mail still."""
        self.staff.servers[1].unready.append("The spool is full.")
        self.staff.away.add(2)
        said = self.read()
        self.assertIn("takes no mail The spool is full.", said)
        self.assertIn("2 workers, of which 1 answer", said)
        self.assertIn(" 2 does not answer – – 1 – – ", said)
        self.assertIn("No messages are taken now: Worker 1: The spool is full.", said)
        self.staff.away.clear()
        self.assertIn("mx.example.org takes mail", self.read())

    def test_stoodLast(self) -> None:
        """Of one that was there and does not answer it is said what is known."""
        self.read()
        self.staff.away.add(2)
        self.assertRegex(self.read(), r" 2 does not answer \d+ – 1 – 12 ")

    def test_oneProcess(self) -> None:
        """A server of one process has no such table, and no such column."""
        server = self.staff.servers[1]
        server.visit(b"192.0.2.1", b"client.example")
        self.assertNotIn("orker", words(statusPage(server.watch.look())))

    def test_values(self) -> None:
        """Programs get the same."""
        values = json.loads(self.visits.get("/status.json").body)
        self.assertEqual([each["number"] for each in values["workers"]], [1, 2])
        self.assertEqual(values["spool"]["messages"], 24)

    def test_traces(self) -> None:
        """A trace that another worker has is on the list, and can be looked at."""
        self.staff.servers[2].watch.traces.add(TRACE)
        said = self.read("/traces")
        self.assertIn("Out Worker", said)
        self.assertIn("QUIT 0.310 s 25 73 2 ", said)
        self.assertIn("EHLO client.example.net", self.read("/trace/d82b59dd-1"))
        self.assertEqual(self.visits.get("/trace/d82b59dd-2").status, 404)


class ReadyTests(SiteTestCase):
    """What a load balancer asks."""

    def ready(self) -> tuple[int, bytes]:
        """Status and text."""
        answer = self.visits.get("/ready")
        return answer.status, answer.body

    def test_one(self) -> None:
        """One that takes messages is enough; what is wrong is said all the same."""
        self.assertEqual(self.ready(), (200, b"ready\n"))
        self.staff.away.add(2)
        self.assertEqual(self.ready(), (200, b"ready\nWorker 2: It does not answer.\n"))

    def test_none(self) -> None:
        """Without any it is not."""
        for server in self.staff.servers.values():
            server.unready.append("The spool is full.")
        self.assertEqual(self.ready(), (503, b"The spool is full.\n"))


class LaterTests(SiteTestCase):
    """While workers are asked."""

    def ask(self, path: str = "/metrics") -> tuple[object, Wire]:
        """Somebody asks for a page."""
        channel, wire = self.visits.call()
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        channel.dataReceived(request.encode())  # type: ignore[attr-defined]  # Twisted's
        return channel, wire

    def test_later(self) -> None:
        """The answer comes when they have answered."""
        self.staff.held = []
        _, wire = self.ask()
        self.assertEqual(wire.value(), b"")
        self.staff.held.pop().callback(None)
        answer = answered(wire.value())
        self.assertIn(b"\nsmtpx_workers_answered 2.0\n", answer.body)
        self.assertEqual(int(answer.fields["content-length"]), len(answer.body))

    def test_whoHasGone(self) -> None:
        """Who does not wait for it is not given one."""
        for path in ("/metrics", "/ready", "/traces"):
            self.staff.held = []
            channel, wire = self.ask(path)
            gone = Failure(ConnectionDone())
            channel.connectionLost(gone)  # type: ignore[attr-defined]  # Twisted's
            for each in self.staff.held:
                if not each.called:
                    each.callback(None)
            self.assertEqual(wire.value(), b"")

    def test_whoHasGoneAsTheAnswerComes(self) -> None:
        """Workers that are not waited for any more may have been heard of by then."""
        asked: Deferred[Mapping[int, Sequence[Fields]]] = Deferred(
            lambda cancelled: cancelled.callback({})
        )
        self.patch(self.staff.whole, "_ask", lambda verb, fields, seconds: asked)
        channel, wire = self.ask("/ready")
        gone = Failure(ConnectionDone())
        channel.connectionLost(gone)  # type: ignore[attr-defined]  # Twisted's
        self.assertTrue(asked.called)
        self.assertEqual(wire.value(), b"")

    def test_aFaultOfOurs(self) -> None:
        """It is in the log, and whoever asked is told so, and not what it was."""
        watch = self.staff.servers[1].watch

        def broken() -> list[str]:
            raise ValueError("secret")

        watch.enter(evolve(watch.house, unready=broken))
        answer = self.visits.get("/metrics")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
