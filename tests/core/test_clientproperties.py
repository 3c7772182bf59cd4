"""
Properties of L{smtpx.core.client}, whatever the peer does.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Close, GaveUp
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Forecast, Hello, RoutePolicy, TLSLevel
from smtpx.testing.client import OctetsBody, ScriptedPeer, client, ehlo

from .peers import grouping

#: What a peer may say, right or wrong.
SAID = st.one_of(
    st.sampled_from(
        [
            b"220 mx\r\n",
            b"250 ok\r\n",
            b"250-more\r\n",
            b"251 elsewhere\r\n",
            b"354 go\r\n",
            b"421 4.3.2 bye\r\n",
            b"450 later\r\n",
            b"500 what?\r\n",
            b"502 what?\r\n",
            b"550 5.1.1 no\r\n",
            b"552 full\r\n",
            ehlo(b"A", b"B"),
            b"\r\n",
            b"rubbish\r\n",
            b"25",
        ]
    ),
    st.binary(max_size=8),
)

#: A peer that is near enough to SMTP to get far.
SENSIBLE = st.sampled_from(
    [b"220 mx\r\n", b"250 ok\r\n", b"354 go\r\n", b"550 no\r\n", b"250-a\r\n250 b\r\n"]
)


class AnyPeerTests(SynchronousTestCase):
    """No peer breaks the machine, and none loses an envelope."""

    def play(self, script: list[bytes], grouped: bool, early: bool) -> ScriptedPeer:
        """
        Hear C{script}, deliver whenever that can be, and lose the connection.
        """
        connection = client(
            [grouping()] if grouped else [],
            policy=RoutePolicy(tls=TLSLevel.UNWANTED),
            forecast=Forecast(Hello(b"mx", ((b"A", None),))) if early else None,
        )
        peer = ScriptedPeer(connection)
        given = 0
        peer.start()
        for said in script:
            if connection.ready and given < 3:
                given += 1
                recipients = [Recipient(b"a@x"), Recipient(b"b@x")]
                peer.deliver(
                    Envelope(b"s@x", 0.0, recipients), OctetsBody(b".a\n.b", 2)
                )
            peer.say(said)
        peer.lost()
        self.assertTrue(connection.over)
        # Each envelope was settled, each of its recipients, and nothing twice.
        self.assertEqual(len(peer.settled), given)
        for settled in peer.settled:
            self.assertEqual(
                [recipient for recipient, _ in settled.outcomes],
                settled.envelope.recipients,
            )
            for _, outcome in settled.outcomes:
                self.assertNotIn(outcome.code // 100, (1, 3))
        self.assertEqual(len(peer.gaveUp), 1)
        self.assertLessEqual(peer.events.count(Close()), 1)
        self.assertEqual(peer.troubles, [])
        # Nothing but a goodbye comes behind the end.
        end = peer.events.index(peer.gaveUp[0])
        self.assertIn(peer.events[end + 1 :], ([], [Close()]))
        self.assertIsInstance(peer.events[end], GaveUp)
        return peer

    @settings(max_examples=100, deadline=None)
    @given(st.lists(SAID, max_size=12), st.booleans(), st.booleans())
    def test_anyInput(self, script: list[bytes], grouped: bool, early: bool) -> None:
        """Whatever it says."""
        self.play(script, grouped, early)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(SENSIBLE, max_size=16), st.booleans(), st.booleans())
    def test_nearlySMTP(self, script: list[bytes], grouped: bool, early: bool) -> None:
        """Also where it gets into a transaction."""
        self.play([b"220 mx\r\n", ehlo(b"A"), *script], grouped, early)

    @settings(max_examples=50, deadline=None)
    @given(
        st.sampled_from(
            [
                [b"250 ok\r\n", b"250 ok\r\n", b"550 no\r\n", b"354 go\r\n"],
                [b"250-a\r\n250 b\r\n", b"450 x\r\n", b"550 no\r\n", b"554 no\r\n"],
                [b"550 no\r\n"] * 4,
            ]
        ),
        st.lists(st.integers(1, 60), max_size=4),
    )
    def test_cutAnywhere(self, replies: list[bytes], cuts: list[int]) -> None:
        """The same replies in other pieces come to the same."""
        whole = b"".join(replies)

        def played(pieces: list[bytes]) -> tuple[list[bytes], list[int]]:
            peer = ScriptedPeer(client([grouping()]))
            peer.open()
            recipients = [Recipient(b"a@x"), Recipient(b"b@x")]
            peer.deliver(Envelope(b"s@x", 0.0, recipients), b"body")
            for piece in pieces:
                peer.say(piece)
            peer.lost()
            return peer.written, peer.codes

        edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
        pieces = [
            whole[start:end] for start, end in zip(edges, edges[1:], strict=False)
        ]
        self.assertEqual(played([whole]), played(pieces))
