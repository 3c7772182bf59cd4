"""
Tests for L{smtpx.observe.brief}: who is told in short, of whole files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define
from hypothesis import HealthCheck, given, settings, strategies as some
from prometheus_client import CollectorRegistry
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import LogFields
from smtpx.core.interfaces import IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import OK, Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.core.trace import LOCAL
from smtpx.extensions.auth import SUBMITTER
from smtpx.net.submission import MADE_MESSAGE_ID
from smtpx.observe.activity import ROWS, Activity
from smtpx.observe.authlog import CHECKED
from smtpx.observe.brief import (
    KEPT_MOST,
    OF_A_DELIVERY,
    OF_AN_ARRIVAL,
    OF_AN_END,
    Brief,
    lasts,
)
from smtpx.observe.counters import Counters
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.event import Event
from smtpx.observe.files import LineFile
from smtpx.observe.history import HOUR
from smtpx.observe.journal import MESSAGE_ID, SUBJECT, Journal
from smtpx.observe.jsonlines import JSONLines
from smtpx.observe.mainlog import MainLog
from smtpx.observe.publisher import Publisher
from smtpx.observe.selectors import DEFAULT_SELECTORS, Selector
from smtpx.observe.series import exposition
from smtpx.spool.format import Fate, Outcome, SpooledMessage
from smtpx.spool.via import Via
from smtpx.testing.server import ScriptedPort

from .stories import NOW, TLS, Heard, visit

#: What can be different of a session, and what it may be; of a value as well that has
#: no business there.
_FACTS: dict[str, list[Any]] = {
    "peer": [b"192.0.2.7", b"2001:db8::7", b""],
    "peerPort": [4567, 4568],
    "peerName": [None, b"mail.example.org", b"x H=y"],
    "local": [b"192.0.2.25", b""],
    "localPort": [25, 587],
    "helo": [b"mail.example.org", b"[192.0.2.7]", b"a b", None],
    "proxy": [None, b"198.51.100.1"],
    "mechanism": [None, "plain", LOCAL],
    "identity": [None, b"ann", b"bob"],
    "secured": [None, TLS],
    "extended": [True, False],
    "utf8Addresses": [False, True],
    "obliged": [False, True],
    "_pipelined": [True, False],
    "batched": [False, True],
    "early": [False, True],
    "_earlyHello": [False, True],
    "transactions": [2, 1],
    "fastOpen": ["", "TFO"],
}

_RECORDED: list[LogFields] = [
    (),
    (("K", True),),
    (("M8S", 8), ("A", b"x")),
    (("odd", "a b"), ("PRX", b"192.0.2.99"), ("PRDR", False)),
    (("list", [1]),),
]

#: What happens to a session before the next message.
_CHANGES = some.sampled_from(
    [(name, value) for name, values in _FACTS.items() for value in values]
    + [("recorded", value) for value in _RECORDED]
)

_STAMPS: list[tuple[Any, Any]] = [
    (MESSAGE_ID, b"1@example.org"),
    (MESSAGE_ID, b"H=2 \xff@example.org"),
    (MADE_MESSAGE_ID, b"3@example.org"),
    (SUBJECT, b"Hello"),
    (SUBMITTER, b"ann@example.org"),
    (SUBMITTER, b""),
    (CHECKED, {"spf": "pass", "dmarc": "accept", "arc": "pass"}),
    (CHECKED, {"dkim": [{"result": "pass", "domain": b"example.org"}]}),
]

_PATHS = some.sampled_from(
    [
        b"ann@example.org",
        b"",
        b'"a b"@example.org',
        b"postmaster",
        b"\xc3\xb6@x.example",
    ]
)

_ENVELOPES = some.tuples(
    _PATHS,
    some.lists(_PATHS, min_size=1, max_size=3),
    some.integers(0, 10_000),
    some.just([]) | some.lists(some.sampled_from(_STAMPS), max_size=2),
)

_MESSAGES = some.lists(
    some.tuples(
        some.just([]) | some.lists(_CHANGES, max_size=1),
        _ENVELOPES,
        some.sampled_from([0, 1]),
    ),
    min_size=2,
    max_size=8,
)

#: All that can be shown by who is told in short.
_LONG = frozenset(Selector) - {
    Selector.DKIM_VERBOSE,
    Selector.RECEIVE_TIME,
    Selector.RECEIVED_RECIPIENTS,
    Selector.RECEIVED_SENDER,
    Selector.SUBJECT,
    Selector.DELIVER_TIME,
    Selector.DELIVERY_SIZE,
    Selector.QUEUE_TIME,
    Selector.QUEUE_TIME_OVERALL,
    Selector.RETURN_PATH_ON_DELIVERY,
    Selector.SENDER_ON_DELIVERY,
}

_SELECTORS = some.sampled_from([DEFAULT_SELECTORS, _LONG]) | some.frozensets(
    some.sampled_from(sorted(Selector, key=lambda each: each.value))
)

_VIAS = [
    None,
    Via(b"mx.example.org", b"192.0.2.9", 25, TLS, (("K", True), ("L", True))),
    Via(b"[192.0.2.9]", b"192.0.2.9", 25, again=True, source=(b"192.0.2.1", 4)),
    Via(b"/run/lmtp", b"/run/lmtp", 0),
    Via(b"mx.example.org", b"192.0.2.9", 25, fields=(("odd", [1]),), fastOpen="TFO"),
]

_REPLIES = [
    None,
    reply(250, "2.0.0", b'OK "id=1" K=2'),
    reply(250, None, b"OK", b"two"),
]

_DELIVERIES = some.lists(
    some.tuples(
        some.sampled_from(_VIAS),
        some.sampled_from(_REPLIES),
        some.sampled_from(["*", ""]),
        some.sampled_from(["smtp", ""]),
        some.booleans(),
        some.sampled_from([None, b"srs@example.org"]),
        some.sampled_from([None, b"sales@example.com"]),
        _PATHS,
        some.sampled_from([0.25, 1.5]),
    ),
    min_size=2,
    max_size=8,
)


@implementer(ILogObserver)
class Whole:
    """An observer that wants whole events, so that nobody is told in short."""

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""


@define
class Moving:
    """A clock."""

    now: float = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


class SameLinesTests(SynchronousTestCase):
    """
    Who is told in short writes what it would have written.

    @ivar slow: each fact of a session is changed, between messages.
    """

    slow = True

    def written(
        self,
        tell: Callable[[Journal, DeliveryJournal, Moving], None],
        selectors: frozenset[Selector],
        *others: ILogObserver,
    ) -> tuple[object, ...]:
        """What is in the main log and in the event log, and what is counted."""
        paths, clock = [self.mktemp(), self.mktemp()], Moving()
        files = [LineFile(path, Clock()) for path in paths]
        registry, activity = CollectorRegistry(), Activity(NOW)
        observers = [
            MainLog(files[0], selectors, time.gmtime, "mail"),
            JSONLines(files[1]),
            Counters(registry),
            activity,
        ]
        publisher = Publisher([*observers, *others], clock)
        subjects = Selector.SUBJECT in selectors
        tell(Journal(publisher, subjects), DeliveryJournal(publisher), clock)
        for file in files:
            file.close()
        return (
            *[Path(path).read_text("ascii") for path in paths],
            exposition(registry),
            *[activity.history.stretch(row, HOUR, clock.now) for row in ROWS],
            activity.talkers.byMessages(clock.now, 9),
            activity.visits,
        )

    def same(
        self,
        tell: Callable[[Journal, DeliveryJournal, Moving], None],
        selectors: frozenset[Selector],
    ) -> None:
        """In both ways the same is written."""
        shorter = self.written(tell, selectors)
        self.assertEqual(shorter, self.written(tell, selectors, Whole()))

    def arrive(self, messages: list[Any], selectors: frozenset[Selector]) -> None:
        """In both ways the same is written of these."""

        def tell(journal: Journal, other: DeliveryJournal, clock: Moving) -> None:
            recorded: LogFields = ()

            def record(session: IServerSession) -> LogFields:
                return recorded

            profile = ServerProfile(name=b"mx.example.org", clock=clock)
            profile.record(record)
            session = ServerConnection(profile, ScriptedPort())
            session._id = "d82b59dd-1"
            for name, values in _FACTS.items():
                setattr(session, name, values[0])
            journal.connected(session)
            for number, (changes, told, seconds) in enumerate(messages):
                clock.now += seconds
                for name, value in changes:
                    if name == "recorded":
                        recorded = value
                    else:
                        setattr(session, name, value)
                sender, paths, octets, stamps = told
                recipients = [Recipient(path) for path in paths]
                envelope = Envelope(sender, clock.now - 0.5, recipients, octets)
                for stamp, value in stamps:
                    envelope.stamps[stamp] = value
                session.envelope = envelope
                journal.accepted(session, envelope, f"1wPq1o-0003Xy-{number:02}", OK)

        self.same(tell, selectors)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(_MESSAGES, _SELECTORS)
    def test_arrivals(
        self, messages: list[Any], selectors: frozenset[Selector]
    ) -> None:
        """Whatever changes from one message to the next."""
        self.arrive(messages, selectors)

    def test_eachFact(self) -> None:
        """There is no fact of a session or of a message that is overlooked."""
        plain: tuple[Any, ...] = b"ann@example.org", [b"bob@example.org"], 1204, []
        same: list[Any] = [([], plain, 0)] * 3
        secured = [("secured", TLS), ("fastOpen", "TFO"), ("transactions", 1)]
        for selectors in (DEFAULT_SELECTORS, _LONG):
            for name, values in {**_FACTS, "recorded": _RECORDED}.items():
                for value in values:
                    changed = [([(name, value)], plain, 0), *same]
                    self.arrive([*same, *changed], selectors)
                    self.arrive([(secured, plain, 0), *same, *changed], selectors)
            for stamp in _STAMPS:
                more: list[Any] = [([], (*plain[:3], [stamp]), 0)] * 3
                self.arrive([*same, *more, *same], selectors)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(_DELIVERIES, _SELECTORS)
    def test_deliveries(self, told: list[Any], selectors: frozenset[Selector]) -> None:
        """Whatever changes from one recipient to the next."""

        def tell(journal: Journal, other: DeliveryJournal, clock: Moving) -> None:
            for via, said, route, transport, first, srs, origin, path, took in told:
                clock.now += took
                recipient = Recipient(path)
                if origin is not None:
                    recipient.stamps[ORIGIN] = origin
                envelope = Envelope(b"ann@example.org", NOW, [recipient], 1204)
                message = SpooledMessage("1abc", NOW, envelope, b"", (0,))
                outcome = Outcome(0, Fate.DELIVERED, "", said, via, sender=srs)
                other.delivered(message, outcome, route, transport, took, first)
                other.completed(message)

        self.same(tell, selectors)


@implementer(ILogObserver)
class Short:
    """An observer that can be told in short, and fails if that is wanted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[tuple[object, ...]] = []
        self.whole = 0
        self.broken = False

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if "log_failure" not in event:
            self.whole += 1

    def brief(self, event: Event, fields: dict[str, object]) -> Brief | None:
        """See L{IBriefed}."""
        self.asked.append(event.name)
        return self.tell

    def tell(self, *said: object) -> None:
        """Something is told."""
        if self.broken:
            raise OSError("broken")
        self.told.append(said)


class ToldTests(SynchronousTestCase):
    """Who is asked, and who is told."""

    def setUp(self) -> None:
        """A message, and who is told of it."""
        self.observer = Short()
        self.message = SpooledMessage(
            "1abc", NOW, Envelope(b"", NOW, [Recipient(b"a")]), b"", (0,)
        )
        self.via = Via(b"mx.example.org", b"192.0.2.9")

    def publisher(self, *others: ILogObserver) -> Publisher:
        """It tells of what happens L{NOW}."""
        return Publisher([self.observer, *others], lambda: NOW)

    def deliver(
        self, journal: DeliveryJournal, via: Via | None = None, said: Reply = OK
    ) -> None:
        """One more."""
        outcome = Outcome(0, Fate.DELIVERED, "", said, via or self.via)
        journal.delivered(self.message, outcome, "*", "smtp", 0.5, True)

    def test_fromTheThirdOn(self) -> None:
        """The first may be the only one; of the second is asked."""
        journal = DeliveryJournal(self.publisher())
        for _ in range(4):
            self.deliver(journal)
        self.assertEqual(self.observer.asked, ["message.delivered"])
        self.assertEqual((self.observer.whole, len(self.observer.told)), (2, 2))
        now, message, path, outcome, took = self.observer.told[0]
        self.assertEqual((now, message, path, took), (NOW, self.message, b"a", 0.5))

    def test_messages(self) -> None:
        """So it is with messages that come, by session, and that are done with."""
        publisher = self.publisher()
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        session = visit()
        for _ in range(3):
            journal.accepted(session, self.message.envelope, "1abc", OK)
        self.assertEqual(
            self.observer.told, [(NOW, "1abc", self.message.envelope, None)]
        )
        journal.closed(session, "")
        journal.accepted(session, self.message.envelope, "1abc", OK)
        self.assertEqual(len(self.observer.told), 1)
        for _ in range(3):
            deliveries.completed(self.message)
        self.assertEqual(self.observer.told[1:], [(NOW, self.message)] * 2)

    def test_ofSoManyOnly(self) -> None:
        """Who is told of what is bounded."""
        publisher = self.publisher()
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        sessions = [visit() for _ in range(KEPT_MOST + 1)]
        vias = [Via(b"mx.example.org", b"192.0.2.9") for _ in sessions]
        for session, via in zip(sessions, vias, strict=True):
            journal.accepted(session, self.message.envelope, "1abc", OK)
            self.deliver(deliveries, via)
        self.assertEqual((len(journal._told), len(deliveries._told)), (1, 1))

    def test_whoFailsIsToldOfToTheOthers(self) -> None:
        """An observer that fails harms neither the caller nor the others."""
        other, whole = Short(), Heard()
        publisher = self.publisher(other)
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        session = visit()
        for turn in range(3):
            self.observer.broken = turn == 2
            other.whole = 0
            journal.accepted(session, self.message.envelope, "1abc", OK)
            self.deliver(deliveries)
            deliveries.completed(self.message)
        self.assertEqual(self.observer.told[1:], [])
        self.assertEqual(len(other.told), 4)
        self.assertEqual(whole.events, [])

    def test_whoCannotIsToldOfEach(self) -> None:
        """Where one wants whole events, there are whole events for all."""
        heard = Heard()
        publisher = self.publisher(heard)
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        session = visit()
        for _ in range(3):
            journal.accepted(session, self.message.envelope, "1abc", OK)
            self.deliver(deliveries)
            deliveries.completed(self.message)
        self.assertEqual((self.observer.told, self.observer.asked), ([], []))
        self.assertEqual((self.observer.whole, len(heard.events)), (9, 9))

    def test_what(self) -> None:
        """What changes is among the fields of these events."""
        heard = Heard()
        publisher = Publisher([heard], lambda: NOW)
        journal, deliveries = Journal(publisher), DeliveryJournal(publisher)
        envelope = self.message.envelope
        envelope.stamps[MESSAGE_ID] = b"1@example.org"
        journal.accepted(visit(), envelope, "1abc", OK)
        self.deliver(deliveries)
        deliveries.completed(self.message)
        for event, found in zip(
            heard.events, (OF_AN_ARRIVAL, OF_A_DELIVERY, OF_AN_END), strict=True
        ):
            self.assertEqual(found - event.keys(), set())

    def test_whatLasts(self) -> None:
        """A value that may change where it stands does not last."""
        self.assertTrue(lasts((("a", True), ("b", b"x"), ("c", None), ("d", 1.5))))
        self.assertFalse(lasts((("a", True), ("b", [1]))))
