"""Tests for L{smtpx.knowledge.kinds}."""

from __future__ import annotations

import json

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Hello
from smtpx.knowledge.interfaces import HostTrouble, Record
from smtpx.knowledge.kinds import (
    CHUNKS,
    EHLO,
    KINDS,
    POLICY,
    RETRY,
    ChunkTrouble,
    HelloHistory,
    KnownPolicy,
    Shelf,
)
from smtpx.knowledge.memory import MemoryKnowledge

_seconds = st.floats(0, 1e10)
_words = st.from_regex(rb"[A-Z0-9-]{1,10}", fullmatch=True)
_hellos = st.builds(
    Hello,
    st.binary(max_size=20),
    st.lists(st.tuples(_words, st.none() | st.binary(max_size=8)), max_size=4).map(
        tuple
    ),
)
_histories = st.builds(
    HelloHistory,
    st.none() | _hellos,
    _seconds,
    st.integers(0, 9),
    st.integers(0, 9),
    _seconds,
)
_troubles = st.builds(
    HostTrouble, _seconds, _seconds, _seconds, st.integers(0, 9), st.text(max_size=20)
)
_chunkTroubles = st.builds(ChunkTrouble, _seconds, st.integers(0, 9), _seconds)
_policies = st.builds(
    KnownPolicy,
    st.binary(max_size=32),
    st.sampled_from(("enforce", "testing", "none")),
    st.integers(0, 31557600),
    st.lists(st.binary(max_size=20), max_size=4).map(tuple),
    _seconds,
    _seconds,
)


class FormTests(SynchronousTestCase):
    """Values as they are written down."""

    @settings(max_examples=100)
    @given(_histories)
    def test_hellosBothWays(self, history: HelloHistory) -> None:
        """What hosts answered comes back as it was, whatever octets they sent."""
        self.assertEqual(EHLO.load(2, EHLO.dump(history)), history)

    @settings(max_examples=100)
    @given(_troubles)
    def test_troublesBothWays(self, trouble: HostTrouble) -> None:
        """What is known of hosts that failed comes back as it was."""
        self.assertEqual(RETRY.load(1, RETRY.dump(trouble)), trouble)

    @settings(max_examples=100)
    @given(_chunkTroubles)
    def test_chunksBothWays(self, trouble: ChunkTrouble) -> None:
        """What is known of hosts that cannot do chunks comes back as it was."""
        self.assertEqual(CHUNKS.load(1, CHUNKS.dump(trouble)), trouble)

    @settings(max_examples=100)
    @given(_policies)
    def test_policiesBothWays(self, policy: KnownPolicy) -> None:
        """What domains ask of connections comes back as it was."""
        self.assertEqual(POLICY.load(1, POLICY.dump(policy)), policy)

    def test_longTextIsCut(self) -> None:
        """Of a long error, the beginning is kept."""
        trouble = HostTrouble(1.0, 2.0, 3.0, 1, "x" * 10_000)
        self.assertEqual(len(RETRY.load(1, RETRY.dump(trouble)).text), 500)

    def test_damagedValues(self) -> None:
        """A value that is not in order is as good as none."""
        good = HostTrouble(1.0, 2.0, 3.0, 1, "no route")
        fields = json.loads(RETRY.dump(good))
        wrongs: list[tuple[str, object]] = [
            ("first", "1"),
            ("last", -1),
            ("due", float("nan")),
            ("due", True),
            ("failures", 1.5),
            ("failures", -1),
            ("text", None),
        ]
        values = [json.dumps({**fields, name: wrong}) for name, wrong in wrongs]
        for value in (*values, "", "[]", "{}", "7", "[" * 100_000):
            record = Record(1, value.encode(), 0.0, 1.0)
            self.assertIsNone(RETRY.read(record), value[:50])

    def test_damagedHellos(self) -> None:
        """The same for answers to EHLO."""
        fields = json.loads(EHLO.dump(HelloHistory(Hello(b"mx"), 1.0)))
        for wrong in ({"keywords": "A"}, {"keywords": [1]}, {"name": 5}):
            value = json.dumps({**fields, **wrong}).encode()
            self.assertIsNone(EHLO.read(Record(2, value, 0.0, 1.0)), wrong)

    def test_newerVersion(self) -> None:
        """A value of a newer form is not looked at."""
        value = RETRY.dump(HostTrouble(1.0, 2.0, 3.0, 1, ""))
        self.assertIsNone(RETRY.read(Record(2, value, 0.0, 1.0)))

    def test_facts(self) -> None:
        """What may be shown of each value."""
        trouble = HostTrouble(1.0, 2.0, 3.0, 4, "no route")
        self.assertEqual(
            RETRY.facts(trouble),
            {
                "failures": 4,
                "first_at": 1.0,
                "last_at": 2.0,
                "due_at": 3.0,
                "error": "no route",
            },
        )
        hello = Hello(b"mx", ((b"SIZE", b"100"), (b"DSN", None)))
        self.assertEqual(
            EHLO.facts(HelloHistory(hello, 1.0, 0, 0, 0.0, 0.5, 2.0, 3, 1)),
            {
                "name": "mx",
                "keywords": ["SIZE 100", "DSN"],
                "since_at": 1.0,
                "first_at": 0.5,
                "as_expected": 3,
                "otherwise": 1,
            },
        )
        self.assertEqual(
            EHLO.facts(HelloHistory(None, 1.0, 0, 2, 9.0, 0.5, 2.0)),
            {
                "since_at": 1.0,
                "first_at": 0.5,
                "as_expected": 0,
                "otherwise": 0,
                "otherwise_in_a_row": 2,
                "not_used_until_at": 9.0,
            },
        )
        self.assertEqual(
            POLICY.facts(KnownPolicy(b"7", "testing", 60, (b"*.a",), 1.0, 2.0)),
            {
                "id": "7",
                "mode": "testing",
                "mx": ["*.a"],
                "max_age": 60,
                "fetched_at": 1.0,
            },
        )

    def test_hellosOfBefore(self) -> None:
        """Those without dates and counts are as good as none."""
        value = EHLO.dump(HelloHistory(Hello(b"mx"), 1.0))
        self.assertIsNone(EHLO.read(Record(1, value, 0.0, 1.0)))

    def test_names(self) -> None:
        """The kinds are found by their names."""
        self.assertEqual(
            set(KINDS), {"chunking", "ehlo", "mta-sts", "offered", "retry", "session"}
        )


class ShelfTests(SynchronousTestCase):
    """One kind of knowledge, as values."""

    def test_shelf(self) -> None:
        """What is put there is found there until it is forgotten."""
        shelf = Shelf(MemoryKnowledge(lambda: 5.0), RETRY)
        self.assertEqual(list(shelf.names()), [])
        trouble = HostTrouble(1.0, 2.0, 3.0, 4, "no route")
        self.assertIsNone(shelf.recall(b"a"))
        shelf.remember(b"a", trouble, 5.0, 9.0)
        self.assertEqual(shelf.recall(b"a"), trouble)
        shelf.forget(b"a")
        self.assertIsNone(shelf.recall(b"a"))
