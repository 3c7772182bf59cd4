"""
Tests for L{smtpx.observe.authlog}.
"""

from __future__ import annotations

import json
from typing import Any, cast

from prometheus_client import CollectorRegistry
from twisted.logger import ILogObserver, LogEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Stamps
from smtpx.core.reply import OK
from smtpx.observe.authlog import (
    CHECKED,
    messageFields,
    signatureLines,
    spfField,
)
from smtpx.observe.counters import Counters
from smtpx.observe.deliveries import DeliveryJournal
from smtpx.observe.journal import Journal
from smtpx.observe.jsonlines import render
from smtpx.observe.linefields import LineFields
from smtpx.observe.publisher import Publisher
from smtpx.observe.selectors import Selector

from .mainlogs import AT, NO, MainLogTestCase
from .stories import MESSAGE, NOW, envelope, visit

_GOOD = {
    "result": "pass",
    "domain": b"example.org",
    "selector": b"s1",
    "algorithm": b"rsa-sha256",
    "forms": b"relaxed/relaxed",
    "bits": 2048,
}
_BAD = {
    "result": "fail",
    "domain": b"example.com",
    "selector": b"s2",
    "why": "it does not fit",
}
_ALL: dict[str, Any] = {
    "message": "1abc",
    "spf": "pass",
    "dkim": [_GOOD, _BAD, _GOOD],
    "arc": "pass",
    "dmarc": "accept",
}


class AuthenticationLineTests(MainLogTestCase):
    """Whole lines."""

    def told(self, refused: bool, *chosen: str) -> list[str]:
        """The lines of a message, without their times."""

        def tell(journal: Journal, deliveries: DeliveryJournal) -> None:
            session = visit()
            session.envelope = envelope(b"ann@example.org")
            checked = {name: _ALL[name] for name in _ALL if name != "message"}
            session.envelope.stamps[CHECKED] = checked
            if refused:
                journal.refused(session, b"RCPT TO:<x@example.com>", NO)
            else:
                journal.accepted(session, session.envelope, MESSAGE, OK)

        return [line.removeprefix(AT) for line in self.lines(tell, *chosen)]

    def test_anArrival(self) -> None:
        """SPF stands behind the client, all else behind the size."""
        [line] = self.told(False, "+spf", "+arc", "+dmarc_verbose")
        client, _, message = line.partition(" S=")
        self.assertTrue(client.endswith(" P=esmtp SPF"), client)
        size, _, rest = message.partition(" ")
        self.assertTrue(size.isdigit())
        self.assertTrue(rest.startswith("DKIM=example.org ARC DMARC=accept"), rest)

    def test_signaturesFirst(self) -> None:
        """Lines of signatures stand before that of the arrival."""
        lines = self.told(False, "+dkim_verbose")
        self.assertEqual(4, len(lines))
        self.assertTrue(lines[0].startswith(f"{MESSAGE} DKIM: d=example.org s=s1 "))
        self.assertIn(" <= ", lines[3])

    def test_aRefusal(self) -> None:
        """What is known by then stands there, too."""
        [line] = self.told(True, "+spf_verbose")
        self.assertIn("[192.0.2.7] SPF=pass F=<ann@example.org> rejected", line)

    def test_counted(self) -> None:
        """What was found out is counted, of messages that came in whole."""
        counters = Counters(CollectorRegistry())
        journal = Journal(Publisher([counters], lambda: NOW))
        session = visit()
        session.envelope = session.ended = envelope(b"ann@example.org")
        session.envelope.stamps[CHECKED] = _ALL
        journal.accepted(session, session.envelope, MESSAGE, OK)
        journal.refused(session, b".", NO)
        session.ended = None
        journal.refused(session, b"RCPT TO:<x@example.com>", NO)
        self.assertEqual(
            {
                ("spf", "pass"): 2,
                ("arc", "pass"): 2,
                ("dmarc", "accept"): 2,
                ("dkim", "pass"): 4,
                ("dkim", "fail"): 2,
            },
            counters.authentications.counts(),
        )

    def test_asJSON(self) -> None:
        """The event log has all of it."""
        told: list[LogEvent] = []
        publisher = Publisher([cast(ILogObserver, told.append)], lambda: NOW)
        journal = Journal(publisher)
        session = visit()
        session.envelope = envelope(b"ann@example.org")
        session.envelope.stamps[CHECKED] = {"dkim": [_GOOD]}
        journal.accepted(session, session.envelope, MESSAGE, OK)
        [found] = json.loads(render(told[0]))["dkim"]
        self.assertEqual(("pass", "example.org"), (found["result"], found["domain"]))


class AuthenticationLogTests(SynchronousTestCase):
    """What the main log tells of who sent a message."""

    def test_good(self) -> None:
        """What is good is a name; of DKIM with the domain, once."""
        all_ = frozenset({Selector.SPF, Selector.DKIM, Selector.ARC, Selector.DMARC})
        self.assertEqual(" SPF", spfField(all_)(_ALL))
        shown = LineFields(messageFields(all_)).of(_ALL, {})
        self.assertEqual(" DKIM=example.org ARC DMARC", shown)
        self.assertEqual("", spfField(frozenset())(_ALL))
        shown = LineFields(messageFields(frozenset())).of(_ALL, {})
        self.assertEqual("", shown)

    def test_notGood(self) -> None:
        """What is not is shown where all is to be shown."""
        event: dict[str, Any] = {
            "spf": "fail",
            "dkim": [_BAD],
            "arc": "fail",
            "dmarc": "reject",
        }
        short = frozenset({Selector.SPF, Selector.DKIM, Selector.ARC, Selector.DMARC})
        shown = LineFields(messageFields(short)).of(event, {})
        self.assertEqual("", spfField(short)(event) + shown)
        long = frozenset(Selector)
        self.assertEqual(" SPF=fail", spfField(long)(event))
        shown = LineFields(messageFields(long)).of(event, {})
        self.assertEqual(" DMARC=reject", shown)

    def test_notLookedAt(self) -> None:
        """Of what was not looked at nothing is told."""
        every = frozenset(Selector)
        shown = LineFields(messageFields(every)).of({}, {})
        self.assertEqual("", spfField(every)({}) + shown)
        self.assertEqual([], list(signatureLines({})))

    def test_signatures(self) -> None:
        """Each signature has a line, in Exim's form."""
        self.assertEqual(
            [
                "1abc DKIM: d=example.org s=s1 c=relaxed/relaxed a=rsa-sha256 b=2048"
                " [verification succeeded]",
                "1abc DKIM: d=example.com s=s2 [verification failed - it does not fit]",
            ],
            list(signatureLines({**_ALL, "dkim": [_GOOD, _BAD]})),
        )
        late = {"result": "temperror"}
        self.assertEqual(
            ["1abc DKIM: [verification put off]"],
            list(signatureLines({"message": "1abc", "dkim": [late]})),
        )

    def test_itEndsWithTheTransaction(self) -> None:
        """The spool does not keep it; it was written into the message."""
        envelope = Envelope(b"", 0.0)
        envelope.stamps[CHECKED] = {"spf": "pass"}
        self.assertEqual({}, envelope.dumpedStamps())
        stamps = Stamps()
        stamps.load({CHECKED.name: CHECKED}, {CHECKED.name: "x"})
        self.assertEqual({}, stamps[CHECKED])
