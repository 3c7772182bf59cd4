"""
Tests for L{smtpx.core.client}: who says what a peer will answer.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Trouble
from smtpx.core.hooks import Forecast, Target
from smtpx.core.interfaces import IClientExtension, IClientSession
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient
from .test_clientforecast import forecast, hello


class SourceTests(SynchronousTestCase):
    """Where a forecast comes from."""

    def started(
        self, *answers: Forecast | None, known: Forecast | None = None
    ) -> tuple[ScriptedPeer, list[Target]]:
        """A connection whose extensions forecast this, and what they were asked."""
        asked: list[Target] = []

        def forecaster(answer: Forecast | None) -> IClientExtension:
            def recall(session: IClientSession) -> Forecast | None:
                asked.append(session.target)
                return answer

            return MadeClient(lambda b: b.forecast(recall), f"made{len(names)}")

        names: list[IClientExtension] = []
        for answer in answers:
            names.append(forecaster(answer))
        peer = ScriptedPeer(client(names, forecast=known))
        peer.start()
        return peer, asked

    def test_firstThatKnows(self) -> None:
        """The first extension that knows something is believed."""
        peer, asked = self.started(None, forecast(b"A"), forecast(b"B"))
        self.assertEqual(peer.connection.peer, hello(b"A"))
        self.assertEqual(len(asked), 2)

    def test_nobodyKnows(self) -> None:
        """Without a forecast nothing is said early."""
        peer, asked = self.started(None, None)
        self.assertEqual((peer.written, len(asked)), ([], 2))

    def test_given(self) -> None:
        """What the caller knows needs no asking."""
        peer, asked = self.started(forecast(b"A"), known=forecast(b"B"))
        self.assertEqual(peer.connection.peer, hello(b"B"))
        self.assertEqual(asked, [])

    def test_trouble(self) -> None:
        """A broken memory counts as none."""
        error = OSError("locked")

        def recall(session: IClientSession) -> Forecast | None:
            raise error

        peer = ScriptedPeer(client([MadeClient(lambda b: b.forecast(recall))]))
        self.assertEqual(peer.start(), b"")
        self.assertEqual(peer.events, [Trouble("made", error)])

    def test_onlyUnderTLS(self) -> None:
        """A forecast of the secured response says nothing of the clear one."""
        peer, _ = self.started(known=Forecast(secured=hello(b"A")))
        self.assertEqual(peer.written, [])
