"""
Tests for L{smtpx.extensions.pipeconnect}: hosts of which nothing is known.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Forecast, TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.extensions.pipeconnect import PipeConnect, PipeConnectSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.starttls import StartTLS
from smtpx.testing.client import ScriptedPeer, client, ehlo

_ALL = HostList.parse(["*"])


class PresumedTests(SynchronousTestCase):
    """What they say in the clear."""

    def test_presumed(self) -> None:
        """
        Of a listed host that offers it in the clear, all but STARTTLS is expected under
        TLS; of others, and of those whose keywords are ignored, nothing.
        """
        settings = PipeConnectSettings(hostsPipeConnectPresume=_ALL)
        offered = (b"PIPELINING", b"PIPECONNECT", b"STARTTLS")

        def presumed(
            *keywords: bytes,
            options: PipeConnectSettings = settings,
            ignored: frozenset[bytes] = frozenset(),
        ) -> Forecast | None:
            extensions = [Pipelining(), PipeConnect(options), StartTLS()]
            connection = client(extensions, ignored=ignored)
            peer = ScriptedPeer(connection, tls=TLSInfo())
            peer.start()
            peer.say(b"220 mx.example.org\r\n")
            peer.say(ehlo(*keywords))
            found = connection.forecast
            peer.say(b"220 go\r\n")
            peer.say(ehlo(*keywords))
            self.assertEqual(connection.forecast, found)
            return found

        found = presumed(*offered)
        assert found is not None and found.secured is not None
        words = [word for word, _ in found.secured.keywords]
        self.assertEqual(words, [b"PIPELINING", b"PIPECONNECT"])
        self.assertIsNone(presumed(*offered[:1], *offered[2:]))
        self.assertIsNone(presumed(*offered[1:]))
        self.assertIsNone(presumed(*offered, ignored=frozenset({b"PIPELINING"})))
        others = PipeConnectSettings(
            hostsPipeConnectPresume=HostList.parse(["other.example"])
        )
        self.assertIsNone(presumed(*offered, options=others))
        self.assertIsNone(presumed(*offered, options=PipeConnectSettings()))

    def test_presumesNothingOfTheSilent(self) -> None:
        """Nor of a host that did not answer to EHLO."""
        settings = PipeConnectSettings(hostsPipeConnectPresume=_ALL)
        connection = client([Pipelining(), PipeConnect(settings)])
        peer = ScriptedPeer(connection)
        peer.start()
        peer.lost()
        self.assertIsNone(connection.forecast)
