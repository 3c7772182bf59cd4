"""
Traces of sessions, as values.
"""

from __future__ import annotations

import json

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.trace import SessionTrace, TraceStore

from .traces import TRACE


class SessionTraceTests(SynchronousTestCase):
    """One session."""

    def test_octetsOfBothSides(self) -> None:
        """What was sent is added up, each direction for itself."""
        self.assertEqual((TRACE.octetsIn, TRACE.octetsOut), (25, 73))

    def test_asJSON(self) -> None:
        """Everything is there, under the names of the attributes."""
        read = json.loads(json.dumps(TRACE.asJSON()))
        steps = read.pop("steps")
        self.assertEqual(
            read,
            {
                "outgoing": False,
                "session": "d82b59dd-1",
                "began": "2026-11-22T03:19:48.123Z",
                "seconds": 0.31,
                "address": "192.0.2.7",
                "port": 4567,
                "name": "client.example.net",
                "local": "192.0.2.25",
                "localPort": 25,
                "why": "recipient bob@example.com",
                "end": "QUIT",
                "omitted": 2,
            },
        )
        kinds = [step["kind"] for step in steps]
        self.assertEqual(
            kinds, ["flight", "flight", "handshake", "flight", "remark", "flight"]
        )
        self.assertEqual(
            steps[0],
            {
                "kind": "flight",
                "seconds": 0.0,
                "untilSeconds": 0.0,
                "direction": "server",
                "octets": 33,
                "secured": False,
                "lines": ["220 mx.example.org ESMTP"],
                "moments": [],
            },
        )
        self.assertEqual(
            (steps[2]["version"], steps[2]["subject"]), ("TLSv1.3", "CN=ann")
        )
        self.assertEqual(
            steps[4], {"kind": "remark", "seconds": 0.26, "text": "OSError in spool"}
        )


class TraceStoreTests(SynchronousTestCase):
    """The newest ones."""

    def test_theOldestGoes(self) -> None:
        """So many and no more, the newest first; each is saved."""
        saved: list[SessionTrace] = []
        store = TraceStore(2, saved.append)
        traces = [evolve(TRACE, session=f"d82b59dd-{n}") for n in range(3)]
        for trace in traces:
            store.add(trace)
        self.assertEqual(store.recent(), (traces[2], traces[1]))
        self.assertEqual(saved, traces)
        self.assertEqual((store.kept, store.dropped), (3, 0))

    def test_bySession(self) -> None:
        """One is found by the session's id, as long as it is there."""
        store = TraceStore(1)
        store.add(TRACE)
        self.assertIs(store.find("d82b59dd-1"), TRACE)
        self.assertIsNone(store.find("d82b59dd-2"))
