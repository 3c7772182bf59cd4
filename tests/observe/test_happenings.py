"""
Tests for L{smtpx.observe.happenings}: what the logs say is read as it was told.

Each story is told to both logs, as a server tells it, and read back from each.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.queueprofile import ORIGIN
from smtpx.core.reply import Reply, reply
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.files import LineFile
from smtpx.observe.happenings import (
    Arrival,
    Attempted,
    Deed,
    Done,
    Fate as Came,
    Happening,
    happeningOfEvent,
    happeningOfLine,
    localTime,
    timeOfEvent,
    timeOfLine,
)
from smtpx.observe.journal import Journal
from smtpx.observe.jsonlines import JSONLines
from smtpx.observe.mainlog import MainLog
from smtpx.observe.selectors import parseSelectors
from smtpx.spool.format import Fate, Outcome, Report
from smtpx.spool.journal import Operation
from smtpx.spool.via import Cause, Via

from .stories import MESSAGE, NOW, TLS, envelope, publishing, spooled, visit

Tell = Callable[[Journal, DeliveryJournal], None]

REPORT = "1wPq1p-0003Xz-1Q"
VIA = Via(b"mx.example.com", b"192.0.2.1", 25, TLSInfo("TLSv1.3", "X", 256, True))
GREY = reply(451, "4.7.1", b"Greylisted, come again")
UNKNOWN = Reply(550, (5, 1, 1), (b"No such user", b"Really: not"))


def zone(text: str) -> float:
    """A time on the wall, where that is UTC."""
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")))


class BothLogsTestCase(SynchronousTestCase):
    """What is told to both logs."""

    def told(
        self, tell: Tell, id: str = MESSAGE, *chosen: str
    ) -> list[list[Happening]]:
        """
        What is read back: from the event log, and from the main log.

        @param chosen: selectors of the main log.
        """
        paths = [Path(self.mktemp()) for _ in range(2)]
        files = [LineFile(str(path), Clock()) for path in paths]
        main = MainLog(files[1], parseSelectors(chosen), time.gmtime)
        publisher = publishing(JSONLines(files[0]), main)
        tell(Journal(publisher), DeliveryJournal(publisher))
        for file in files:
            file.close()
        events, lines = (path.read_bytes().splitlines() for path in paths)
        return [
            [each for line in events if (each := happeningOfEvent(line, id))],
            [each for line in lines if (each := happeningOfLine(line, id, zone))],
        ]

    def attempt(
        self,
        outcome: Outcome,
        what: str = "deferred",
        origin: bytes | None = None,
        transport: str = "smtp",
        **more: Any,
    ) -> list[Attempted]:
        """An attempt, as it is read back."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            message = spooled(b"bob@example.com")
            if origin is not None:
                message.envelope.recipients[0].stamps[ORIGIN] = origin
            getattr(deliveries, what)(message, outcome, "*", transport, **more)

        found = []
        for [each] in self.told(tell, MESSAGE, "+deliver_time", "+retry_defer"):
            assert isinstance(each, Attempted)
            found.append(each)
        return found


class ArrivalTests(BothLogsTestCase):
    """How it came."""

    def test_session(self) -> None:
        """From whom, by which host, under TLS, with a login."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit(secured=TLS)
            session.identity, session.mechanism = b"ann", "PLAIN"
            journal.accepted(session, envelope(), MESSAGE, reply(250, None, b"OK"))

        [[one], [other]] = self.told(tell)
        assert isinstance(one, Arrival)
        self.assertEqual(
            one,
            Arrival(
                1795317588.123,
                "ann@example.org",
                ("bob@example.com",),
                1204,
                "(mail.example.org) [192.0.2.7]",
                "TLSv1.3",
                "ann",
                None,
                0.0,
            ),
        )
        self.assertEqual(
            other, evolve(one, at=1795317588.0, recipients=(), seconds=None)
        )

    def test_composed(self) -> None:
        """A message that the server has made itself, but for delivery reports."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.composed(MESSAGE, envelope(), "a report on TLS")

        [[one], [other]] = self.told(tell)
        assert isinstance(one, Arrival)
        made = envelope()
        self.assertEqual(one.sender, made.sender.decode("ascii"))
        self.assertEqual(one.octets, made.octets)
        self.assertEqual(one.recipients, ("bob@example.com",))
        self.assertEqual((one.client, one.source, one.about), ("", None, None))
        assert isinstance(other, Arrival)
        self.assertEqual((other.sender, other.octets), (one.sender, one.octets))

    def test_named(self) -> None:
        """By a client whose name is verified, in the clear."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.peerName = b"Mail.Example.org"
            message = envelope(b"")
            journal.accepted(session, message, MESSAGE, reply(250, None, b"OK"))

        for [found] in self.told(tell):
            assert isinstance(found, Arrival)
            self.assertEqual(found.client, "Mail.Example.org [192.0.2.7]")
            self.assertEqual((found.sender, found.tls, found.login), ("", None, None))

    def test_report(self) -> None:
        """A report is known by the message that it is about, and the other way."""
        to = Envelope(b"", NOW, [Recipient(b"ann@example.org")])
        report = Report(to, b"Message-ID: <r@x>\r\n", b"Subject: y\r\n\r\n")

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            deliveries.reported(spooled(b"bob@example.com"), REPORT, report)

        for [found] in self.told(tell):
            assert isinstance(found, Done)
            self.assertEqual((found.deed, found.report), (Deed.REPORTED, REPORT))
        for [arrival] in self.told(tell, REPORT):
            assert isinstance(arrival, Arrival)
            self.assertEqual((arrival.about, arrival.sender), (MESSAGE, ""))
            self.assertEqual(arrival.octets, 33)


class AttemptTests(BothLogsTestCase):
    """What came of attempts."""

    def test_delivered(self) -> None:
        """By which host, and what it said."""
        outcome = Outcome(
            0, Fate.DELIVERED, reply=reply(250, "2.0.0", b'Ok: "7F3"'), via=VIA
        )
        one, other = self.attempt(outcome, "delivered", took=0.25, first=True)
        self.assertEqual(
            one,
            Attempted(
                1795317588.123,
                "bob@example.com",
                Came.DELIVERED,
                reply='250 2.0.0 Ok: "7F3"',
                host="mx.example.com",
                address="192.0.2.1",
                transport="smtp",
                took=0.25,
                proof="yes",
            ),
        )
        self.assertEqual(other.reply, "250 2.0.0 Ok: \\x227F3\\x22")
        same = evolve(one, at=1795317588.0, reply=other.reply, took=0.0)
        self.assertEqual(other, same)

    def test_demands(self) -> None:
        """Who asked for what of TLS, and what was shown; the main log has none."""
        good = TLSInfo(
            "TLSv1.3",
            "X",
            256,
            True,
            subject="CN=mx.example.com",
            dane=True,
            proof="it matches the TLSA record 3 1 1 8cb0",
        )
        bad = evolve(good, proof=None, verified=False, problem="it is late")
        dane = ("dane: there are TLSA records",)
        for tls, shown in (
            (
                good,
                "a certificate (CN=mx.example.com) under TLS 1.3:"
                " it matches the TLSA record 3 1 1 8cb0",
            ),
            (bad, "a certificate (CN=mx.example.com) under TLS 1.3: it is late"),
            (TLSInfo("TLSv1.2"), "no certificate under TLS 1.2"),
            (None, ""),
        ):
            via = evolve(VIA, tls=tls, demands=dane)
            outcome = Outcome(0, Fate.DELIVERED, reply=reply(250, "2.0.0"), via=via)
            one, other = self.attempt(outcome, "delivered", took=0.25, first=True)
            assert isinstance(one, Attempted) and isinstance(other, Attempted)
            self.assertEqual((one.demands, one.shown), (dane, shown))
            self.assertEqual((other.demands, other.shown), ((), ""))

    def test_demandsOfAnotherForm(self) -> None:
        """What no log of ours has is passed over."""
        for demands, found in (('"x"', ()), ('[1, "a: b\\u001b"]', ("a: b\\x1b",))):
            line = (
                '{"time":"2026-11-22T03:19:48.123Z", "event": "message.delivered",'
                f' "message": "{MESSAGE}", "recipient": "a@b", "demands": {demands}}}'
            )
            one = happeningOfEvent(line.encode("ascii"), MESSAGE)
            assert isinstance(one, Attempted)
            self.assertEqual(one.demands, found)

    def test_local(self) -> None:
        """Where there is no host; by an alias, or not."""
        outcome = Outcome(0, Fate.DELIVERED)
        for origin in (None, b"sales@example.org"):
            for found in self.attempt(
                outcome, "delivered", origin, "maildir", took=0.0, first=False
            ):
                self.assertEqual(found.recipient, "bob@example.com")
                self.assertEqual(found.original, origin and origin.decode("ascii"))
                self.assertEqual((found.host, found.transport), ("", "maildir"))

    def test_deferred(self) -> None:
        """At what it failed, and why."""
        for cause, text, said in (
            (Cause.CONNECT, "Connection refused", None),
            (Cause.CONNECT, "no address of a kind that is tried", None),
            (Cause.LOST, "Connection lost: why", None),
            (Cause.TLS, "TLS handshake failed", None),
            (Cause.RECIPIENT, "", GREY),
            (Cause.SENDER, "", GREY),
            (Cause.CONTENT, "", GREY),
            (Cause.EARLY, "retry time not reached for any host", None),
        ):
            outcome = Outcome(0, Fate.WAITING, text, said, VIA, cause)
            one, other = self.attempt(outcome, due=NOW + 60, took=0.25)
            self.assertEqual((one.fate, one.cause), (Came.DEFERRED, cause))
            self.assertEqual((one.text, one.due, one.took), (text, NOW + 60, 0.25))
            self.assertEqual((one.host, other.host), ("mx.example.com",) * 2)
            self.assertEqual((other.text, other.reply), (one.text, one.reply))
            plain = text.startswith("no address")
            self.assertIs(other.cause, Cause.OTHER if plain else cause)
            self.assertEqual(one.reply, "" if said is None else said.onOneLine)

    def test_nowhere(self) -> None:
        """Without a host."""
        outcome = Outcome(0, Fate.WAITING, "no answer", cause=Cause.DNS)
        for found in self.attempt(outcome, due=NOW, took=0.0):
            self.assertEqual((found.cause, found.text), (Cause.DNS, "no answer"))
            self.assertEqual(found.host, "")

    def test_sockets(self) -> None:
        """Whoever is at a UNIX socket has no name but its path."""
        via = Via(b"/run/lmtp", b"/run/lmtp", 0)
        outcome = Outcome(0, Fate.WAITING, "", GREY, via, Cause.CONTENT)
        one, other = self.attempt(outcome, due=NOW, took=0.0)
        self.assertEqual((one.host, one.address), ("/run/lmtp", ""))
        for found in (one, other):
            self.assertEqual(found.reply, GREY.onOneLine)
            self.assertIs(found.cause, Cause.CONTENT)

    def test_failed(self) -> None:
        """For good, with all lines of what the host said."""
        outcome = Outcome(0, Fate.FAILED, reply=UNKNOWN, via=VIA, cause=Cause.RECIPIENT)
        for found in self.attempt(outcome, "failed", took=0.0):
            self.assertEqual(
                found.reply, "550-5.1.1 No such user / 550 5.1.1 Really: not"
            )
            self.assertEqual(found.address, "192.0.2.1")
            self.assertIs(found.fate, Came.FAILED)
        outcome = Outcome(0, Fate.FAILED, "too old: really", cause=Cause.EXPIRED)
        for found in self.attempt(outcome, "failed", took=0.0):
            self.assertTrue(found.text.startswith("too old: really"))


class DeedTests(BothLogsTestCase):
    """What was done to it as a whole."""

    def test_deeds(self) -> None:
        """By the server, or by an operator."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            message = spooled(b"bob@example.com")
            deliveries.held(message, "its route (hold)", True)
            deliveries.held(message, "no way back", False)
            deliveries.operated(message, Operation.HELD, "ann", "wait (a bit)")
            deliveries.operated(message, Operation.RELEASED, "ann", "")
            deliveries.operated(message, Operation.CANCELLED, "ann", "")
            deliveries.operated(message, Operation.REMOVED, "ann", "")
            deliveries.completed(message)

        for found in self.told(tell):
            deeds = [each for each in found if isinstance(each, Done)]
            self.assertEqual(
                [(each.deed, each.by, each.why) for each in deeds],
                [
                    (Deed.HELD, "", "its route (hold)"),
                    (Deed.HELD, "", "no way back"),
                    (Deed.HELD, "ann", "wait (a bit)"),
                    (Deed.RELEASED, "ann", ""),
                    (Deed.CANCELLED, "ann", ""),
                    (Deed.REMOVED, "ann", ""),
                    (Deed.COMPLETED, "", ""),
                ],
            )


class LineTests(SynchronousTestCase):
    """Single lines."""

    def test_notOfTheMessage(self) -> None:
        """Lines of others, and what is none."""
        for line in (
            b"",
            b"{}",
            b"[]",
            b'{"time":"yesterday"}',
            b'{"time":"2026-11-22T03:19:48.123Z","event":"session.closed"}',
            b'{"time":"2026-11-22T03:19:48.123Z","event":"session.closed",'
            b'"message":"1wPq1o-0003Xy-1k"}',
            b'{"time":"2026-11-22T03:19:48.123Z","event":"x"',
        ):
            self.assertIsNone(happeningOfEvent(line, MESSAGE))
        for line in (
            b"",
            b"2026-11-22 03:19:48 hello",
            b"2026-11-22 03:19:48 1wPq1o-0003Xy-1k ?? x",
            b"2026-99-22 03:19:48 1wPq1o-0003Xy-1k Completed",
            b"2026-11-22 03:19:48 1wPq1o-0003Xy-1Z => bob@example.org",
            b"2026-11-22 03:19:48 1wPq1o-0003Xy-1Z <= <> R=1wPq1o-0003Xy-1Q",
        ):
            self.assertIsNone(happeningOfLine(line, MESSAGE, zone))

    def test_localUsers(self) -> None:
        """Who gave it, where that was no host."""
        for found in (
            happeningOfLine(
                b"2026-11-22 03:19:48 1wPq1o-0003Xy-1k <= ann@x U=ann P=local S=20",
                MESSAGE,
                zone,
            ),
            happeningOfEvent(
                b'{"time":"2026-11-22T03:19:48.123Z","event":"message.accepted",'
                b'"message":"1wPq1o-0003Xy-1k","octets":20,"sender":"ann@x",'
                b'"user":"ann"}',
                MESSAGE,
            ),
        ):
            assert isinstance(found, Arrival)
            self.assertEqual((found.user, found.client), ("ann", ""))
            self.assertEqual((found.sender, found.octets), ("ann@x", 20))

    def test_oddArrivals(self) -> None:
        """What a log of events lacks is not known."""
        line = (
            b'{"time":"2026-11-22T03:19:48.123Z","event":"message.accepted",'
            b'"message":"1wPq1o-0003Xy-1k","octets":"x","recipients":7}'
        )
        found = happeningOfEvent(line, MESSAGE)
        assert isinstance(found, Arrival)
        self.assertEqual((found.octets, found.recipients), (None, ()))
        self.assertEqual((found.client, found.user), ("", None))

    def test_harmless(self) -> None:
        """What a peer chose is nothing but text for a terminal."""
        line = (
            b'{"time":"2026-11-22T03:19:48.123Z","event":"message.deferred",'
            b'"message":"1wPq1o-0003Xy-1k","reply":"451 \\u001b[2J\\r\\n451 \\u202ex",'
            b'"recipient":"b\\u00f6b@x"}'
        )
        found = happeningOfEvent(line, MESSAGE)
        assert isinstance(found, Attempted)
        self.assertEqual(found.reply, "451 \\x1b[2J / 451 \\u202ex")
        self.assertEqual(found.recipient, "b\\xf6b@x")

    def test_times(self) -> None:
        """With process and milliseconds, as selectors have it."""
        line = b"2026-11-22 03:19:48.125 [4711] 1wPq1o-0003Xy-1k Completed"
        found = happeningOfLine(line, MESSAGE, zone)
        assert found is not None
        self.assertEqual(found.at, 1795317588.125)
        self.assertEqual(timeOfLine(line, zone), 1795317588.0)
        self.assertIsNone(timeOfLine(b"Completed"))
        self.assertEqual(timeOfEvent(b'{"time":"2026-11-22T03:19:48.125Z"'), found.at)
        self.assertIsNone(timeOfEvent(b"Completed"))

    def test_onTheWall(self) -> None:
        """What the wall says is the time here."""
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW))
        self.assertEqual(localTime(text), float(int(NOW)))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=80), st.sampled_from([b"==", b"=>", b"<=", b"**", b""]))
    def test_anything(self, octets: bytes, word: bytes) -> None:
        """Whatever stands in a log, nothing worse happens than that it says nothing."""
        begin = b"2026-11-22 03:19:48 1wPq1o-0003Xy-1k " + word + b" "
        happeningOfLine(begin + octets, MESSAGE, zone)
        happeningOfEvent(b'{"time":"2026-11-22T03:19:48.123Z",' + octets, MESSAGE)
