"""
Events, counted.
"""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import Ending, TLSInfo
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.extensions.pipeconnect import STRANGER
from smtpx.net.ends import Ends
from smtpx.net.factory import IAdmission
from smtpx.net.interfaces import IArrival, IReceiver
from smtpx.observe import metrics
from smtpx.observe.counters import CountedAdmission, Counters, TimedReceiver
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.journal import Journal
from smtpx.observe.publisher import Publisher
from smtpx.observe.series import histogram, series
from smtpx.spool.format import Fate, Outcome

from .stories import MESSAGE, NOW, TLS, envelope, spooled, visit

OK = reply(250, "2.0.0", b"OK")
NO = reply(452, "4.3.1", b"No room")


class CountersTests(SynchronousTestCase):
    """What a server does is counted."""

    def setUp(self) -> None:
        """Journals whose events are counted."""
        self.registry = CollectorRegistry()
        self.counters = Counters(self.registry)
        self.now = NOW
        publisher = Publisher([self.counters], lambda: self.now)
        self.journal = Journal(publisher)
        self.deliveries = DeliveryJournal(publisher)

    def value(self, name: str, **labels: str) -> float | None:
        """A value of the registry."""
        return self.registry.get_sample_value(name, labels)

    def test_sessions(self) -> None:
        """Connections are counted by port; how long they last is measured."""
        session = visit()
        self.journal.connected(session)
        session.began -= 2
        session.ending = Ending.QUIT
        self.journal.closed(session, "done")
        self.assertEqual(self.counters.ended.counts(), {("quit",): 1})
        self.assertEqual(self.value("smtpx_connections_total", port="25"), 1)
        self.assertEqual(self.value("smtpx_session_duration_seconds_sum"), 2)
        self.assertEqual(
            self.value("smtpx_session_duration_seconds_bucket", le="1.0"), 0
        )

    def test_proxies(self) -> None:
        """Connections that a PROXY header ended are counted."""
        self.journal.proxyRefused(Ends(b"192.0.2.1", 4567), "late")
        self.assertEqual(self.value("smtpx_proxy_connections_refused_total"), 1)

    def test_handshakes(self) -> None:
        """Handshakes are counted by version, and whether resumed."""
        for info in (TLS, TLS, TLSInfo("TLSv1.2", "X", 128)):
            self.journal.secured(visit(secured=info))
        self.assertEqual(
            self.counters.handshakes.counts(),
            {("TLSv1.3", "yes"): 2, ("TLSv1.2", "no"): 1},
        )

    def test_logins(self) -> None:
        """Logins are counted by mechanism, and how they end."""
        session = visit()
        session.identity = b"ann"
        self.journal.authenticated(session, "PLAIN", True)
        self.journal.authenticated(visit(), "LOGIN", False)
        self.assertEqual(
            self.counters.logins.counts(), {("PLAIN", "good"): 1, ("LOGIN", "bad"): 1}
        )

    def test_early(self) -> None:
        """Early talk is counted by whether it was offered."""
        for stranger in (None, True, False):
            session = visit()
            session.early = True
            if stranger is not None:
                session.stamps[STRANGER] = stranger
            self.journal.closed(session, "Done")
        self.journal.closed(visit(), "Done")
        self.assertEqual(self.counters.early.counts(), {("no",): 2, ("yes",): 1})

    def test_refusals(self) -> None:
        """Refusals are counted by command, reply code and enhanced status."""
        self.counters.know([b"BDAT"])
        for command in (b"rcpt TO:<a@b>", b"RCPT TO:<c@d>", b"BDAT 1 LAST", b"GET /"):
            self.journal.refused(visit(), command, reply(550, "5.7.1", b"No"))
        self.journal.refused(visit(), b"", reply(554, None, b"Go"))
        self.assertEqual(
            self.counters.refused.counts(),
            {
                ("RCPT", "550", "5.7.1"): 2,
                ("BDAT", "550", "5.7.1"): 1,
                ("other", "550", "5.7.1"): 1,
                ("-", "554", "-"): 1,
            },
        )

    def test_wordsOfClientsMakeNoSeries(self) -> None:
        """Whatever commands a client invents, they are one series."""
        for number in range(1000):
            command = b"X%d" % number
            self.journal.refused(visit(), command, reply(500, "5.5.2", b"What?"))
        self.assertEqual(
            self.counters.refused.counts(), {("other", "500", "5.5.2"): 1000}
        )

    def test_messages(self) -> None:
        """Messages, their recipients and their sizes are counted."""
        self.journal.accepted(visit(), envelope(b"", b"a@x", b"b@x"), MESSAGE, OK)
        self.assertEqual(self.counters.messages.counts(), {("esmtp",): 1})
        self.assertEqual(self.value("smtpx_recipients_accepted_total"), 2)
        self.assertEqual(self.value("smtpx_message_size_bytes_sum"), 1204)

    def test_deliveries(self) -> None:
        """Deliveries are counted by transport, and how they end."""
        message = spooled()
        self.deliveries.delivered(
            message, Outcome(0, Fate.DELIVERED), "r", "maildir", 0.25, True
        )
        self.deliveries.deferred(
            message, Outcome(0, Fate.WAITING, "full"), "r", "maildir", NOW, 0.0
        )
        self.deliveries.failed(message, Outcome(0, Fate.FAILED, "no"), "r", "smtp", 0.0)
        self.deliveries.completed(message)
        self.assertEqual(
            self.counters.deliveries.counts(),
            {
                ("maildir", "delivered"): 1,
                ("maildir", "deferred"): 1,
                ("smtp", "failed"): 1,
            },
        )
        self.assertEqual(self.value("smtpx_message_queue_duration_seconds_sum"), 60.5)

    def test_holds(self) -> None:
        """What is put on hold is counted, by whether somebody has to act."""
        self.deliveries.held(spooled(), "wished", True)
        self.deliveries.held(spooled(), "unreadable", False)
        for reason in ("wished", "stuck"):
            self.assertEqual(self.value("smtpx_messages_held_total", reason=reason), 1)

    def test_troubles(self) -> None:
        """Exceptions are counted, by whose they are."""
        self.journal.trouble(visit(), "dmarc", ValueError("x"))
        self.deliveries.trouble(None, "maildir", ValueError("x"))
        for owner in ("dmarc", "maildir"):
            self.assertEqual(self.value("smtpx_errors_total", owner=owner), 1)

    def test_othersEvents(self) -> None:
        """What is no event of ours is passed over."""
        self.counters({"log_format": "an observer failed"})


@implementer(IAdmission)
class Doorman:
    """Lets in who begins with 1."""

    def __init__(self) -> None:
        self.inside: list[bytes] = []

    def enter(self, address: bytes) -> Reply | None:
        """See L{IAdmission}."""
        if not address.startswith(b"1"):
            return NO
        self.inside.append(address)
        return None

    def leave(self, address: bytes) -> None:
        """See L{IAdmission}."""
        self.inside.remove(address)


class AdmissionTests(SynchronousTestCase):
    """Connections that are refused are counted."""

    def test_refusals(self) -> None:
        """By the bound; one without a name is another."""
        refusals = series(metrics.CONNECTIONS_REFUSED, CollectorRegistry())
        doorman = Doorman()
        for bounds in ({NO: "all"}, {}):
            counted = CountedAdmission(doorman, refusals, bounds)
            verifyObject(IAdmission, counted)
            self.assertIs(counted.enter(b"2"), NO)
            self.assertIsNone(counted.enter(b"1"))
            self.assertEqual(doorman.inside, [b"1"])
            counted.leave(b"1")
            self.assertEqual(doorman.inside, [])
        self.assertEqual(refusals.counts(), {("all",): 1, ("other",): 1})


@implementer(IArrival)
class Arrival:
    """Keeps what it is told; its end is C{answer}."""

    def __init__(self, answer: Reply | Deferred[Reply]) -> None:
        self.answer = answer
        self.told: list[object] = []

    def write(self, data: bytes) -> None:
        """See L{IArrival}."""
        self.told.append(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See L{IArrival}."""
        self.told.append((producer, streaming))

    def unregisterProducer(self) -> None:
        """See L{IArrival}."""
        self.told.append("unregistered")

    def finish(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | Deferred[Reply]:
        """See L{IArrival}."""
        return self.answer

    def abort(self) -> None:
        """See L{IArrival}."""
        self.told.append("aborted")


@implementer(IReceiver)
class Receiver:
    """Begins what it was given."""

    def __init__(self, begun: Arrival | Reply) -> None:
        self.begun = begun

    def begin(self, session: IServerSession, envelope: Envelope) -> Arrival | Reply:
        """See L{IReceiver}."""
        return self.begun


class TimedReceiverTests(SynchronousTestCase):
    """It is measured how long a message's end takes."""

    def setUp(self) -> None:
        """A clock that the test turns."""
        self.registry = CollectorRegistry()
        self.commits = histogram(metrics.COMMIT_SECONDS, self.registry)
        self.seconds = 10.0

    def begin(self, begun: Arrival | Reply) -> Any:
        """Begin a message."""
        timed = TimedReceiver(Receiver(begun), self.commits, lambda: self.seconds)
        verifyObject(IReceiver, timed)
        return timed.begin(visit(), envelope())

    def measured(self) -> tuple[float | None, float | None]:
        """How often, and how long together."""
        name = "smtpx_commit_duration_seconds"
        get = self.registry.get_sample_value
        return get(f"{name}_count"), get(f"{name}_sum")

    def test_later(self) -> None:
        """Until the answer is there."""
        answer: Deferred[Reply] = Deferred()
        ended = self.begin(Arrival(answer)).finish(visit(), envelope())
        self.seconds += 0.5
        answer.callback(OK)
        self.assertIs(self.successResultOf(ended), OK)
        self.assertEqual(self.measured(), (1, 0.5))

    def test_atOnce(self) -> None:
        """An answer that is there at once takes no time."""
        self.assertIs(self.begin(Arrival(OK)).finish(visit(), envelope()), OK)
        self.assertEqual(self.measured(), (1, 0))

    def test_refused(self) -> None:
        """What was not taken is not measured, nor what failed."""
        self.assertIs(self.begin(NO), NO)
        ended = self.begin(Arrival(succeed(NO))).finish(visit(), envelope())
        self.assertIs(self.successResultOf(ended), NO)
        broken: Deferred[Reply] = Deferred()
        failing = self.begin(Arrival(broken)).finish(visit(), envelope())
        broken.errback(ValueError("x"))
        self.failureResultOf(failing, ValueError)
        self.assertEqual(self.measured(), (0, 0))

    def test_everythingElseIsTheArrivalsOwn(self) -> None:
        """Octets, back-pressure and an early end go straight through."""
        arrival = Arrival(OK)
        timed = self.begin(arrival)
        verifyObject(IArrival, timed)
        timed.registerProducer(self, True)
        timed.write(b"x")
        timed.unregisterProducer()
        timed.abort()
        self.assertEqual(arrival.told, [(self, True), b"x", "unregistered", "aborted"])
