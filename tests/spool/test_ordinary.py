"""
Tests for L{smtpx.spool.ordinary}: short ways lead where the long ones do.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.spool.format import Fate, Outcome, SpooledMessage, dump, merged, waiting
from smtpx.spool.identity import render
from smtpx.spool.ordinary import dumpPlain, finished

from .test_format import BRIEF, KEY, envelopes, simple

#: Outcomes of a few recipients, in any order, some of them more than once.
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        index=st.integers(0, 3),
        fate=st.sampled_from([Fate.DELIVERED, Fate.DELIVERED, *Fate]),
        text=st.text(max_size=2),
        untold=st.sampled_from([False, False, True]),
    ),
    max_size=4,
)


class OrdinaryTests(SynchronousTestCase):
    """Messages of which nothing special is known."""

    @settings(max_examples=100, deadline=None)
    @given(envelopes(), st.binary(max_size=200), st.booleans(), st.booleans())
    def test_plain(
        self, envelope: Envelope, prefix: bytes, brief: bool, bare: bool
    ) -> None:
        """In one step or in many, the text of what has no stamps is the same."""
        if bare:
            envelope = simple(*[each.path for each in envelope.recipients])
        if brief:
            for bearer in (envelope, *envelope.recipients):
                bearer.stamps[BRIEF] = 1
        plain = envelope.unstamped()
        stamped = any(each.dumpedStamps() for each in (envelope, *envelope.recipients))
        self.assertEqual(plain is None, stamped)
        if plain is not None:
            self.assertEqual(dumpPlain(plain, prefix), dump(envelope, prefix))

    @settings(max_examples=300, deadline=None)
    @given(
        st.one_of(
            st.floats(0, 1e17),
            st.floats(2.0**30, 2.0**31),
            st.integers(1 << 30, 1 << 31).map(float),
            st.integers(10**15, 3 * 10**15).map(lambda micros: micros / 1e6),
            st.integers(10**14, 3 * 10**14).map(lambda micros: micros / 1e5),
        )
    )
    def test_times(self, arrived: float) -> None:
        """However fine a time is, it is spelled with as few digits as will do."""
        envelope = Envelope(b"a@client.example", arrived)
        self.assertEqual(dumpPlain(envelope, b""), dump(envelope, b""))

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 3), OUTCOMES, OUTCOMES, st.booleans())
    def test_finished(
        self, count: int, before: list[Outcome], now: list[Outcome], sort: bool
    ) -> None:
        """Where it is plain that nobody is left, nobody is."""
        if sort:
            before = []
            now.sort(key=lambda each: each.index)
        to = simple(*[b"b@server.example"] * count)
        message = SpooledMessage(
            render(KEY), 5.0, to, b"", tuple(range(count)), outcomes=tuple(before)
        )
        left = waiting(count, merged(before, now))
        plain = finished(message, now)
        self.assertTrue(not left if plain else True)
        ordinary = [each.index for each in now] == list(range(count))
        if ordinary and not before:
            self.assertEqual(plain, not left)
