"""Tests for L{smtpx.net.delivery}: envelopes that are broken off half way."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.hooks import RoutePolicy, TLSLevel
from smtpx.net.client import ClientProtocol
from smtpx.net.sending import Sent, Unreached, Way
from smtpx.spool.via import Cause
from smtpx.testing import BODY, GREETING, Fault, answered, silent
from smtpx.testing.client import OctetsBody
from smtpx.testing.scripted import KEYWORDS

from .clients import HOST, MESSAGE, WAY, codes, envelopeFor, rig
from .network import Got, watched
from .test_pool import Knows, early

IN_CLEAR = Way(RoutePolicy(TLSLevel.UNWANTED))
ONE_EACH = (*KEYWORDS, b"LIMITS RCPTMAX=1")
PATHS = (b"a@mx.example", b"b@mx.example", b"c@mx.example")


class CancelledTests(SynchronousTestCase):
    """An envelope for so many that they are not all served in one transaction."""

    def cancelled(self, *faults: Fault) -> Got:
        """Send it to three, one at a time, and give up after a second."""
        rigged = rig(*faults, keywords=ONE_EACH)
        sending = rigged.pool.send(HOST, WAY, envelopeFor(*PATHS), OctetsBody(MESSAGE))
        got = watched(sending)
        rigged.network.run(1)
        sending.cancel()
        rigged.network.run()
        self.assertEqual((got.fired, rigged.pool.open), (1, 0))
        self.assertEqual(rigged.network.getDelayedCalls(), [])
        return got

    def test_someHaveIt(self) -> None:
        """Who has it already is known to have it, and is not sent it again."""
        sent = self.cancelled(silent(BODY, nth=2))
        assert isinstance(sent.value, Sent), sent.error
        self.assertEqual(codes(sent), [250, 452, 452])
        self.assertTrue(sent.value.unsure)

    def test_nobodyHasIt(self) -> None:
        """Then there is nothing to tell."""
        self.assertIsInstance(self.cancelled(silent(BODY)).error, CancelledError)


class BrokenTests(SynchronousTestCase):
    """Mistakes of ours in the middle of an envelope."""

    def test_someHaveIt(self) -> None:
        """Who has it already is known to have it; the mistake is told of."""
        rigged = rig(keywords=ONE_EACH)
        begin = ClientProtocol.begin

        def broken(
            line: ClientProtocol, envelope: Envelope, body: Any, settled: Any
        ) -> Any:
            if line.count:
                raise ZeroDivisionError
            return begin(line, envelope, body, settled)

        self.patch(ClientProtocol, "begin", broken)
        got = rigged.send(envelopeFor(*PATHS))
        rigged.network.run(1)
        self.assertEqual(codes(got), [250, 452, 452])
        [(owner, error)] = rigged.troubles
        self.assertEqual(owner, "client")
        self.assertIsInstance(error, ZeroDivisionError)
        self.assertEqual(rigged.pool.open, 0)


class MistakenTests(SynchronousTestCase):
    """A host that is not as it was expected to be."""

    def test_goneThen(self) -> None:
        """
        What it refused since we had expected something else is not refused, where it
        cannot be asked again: it could not be reached, and that is all.
        """
        rigged = rig(
            answered(BODY, b"500 What?"),
            answered(b"BDAT", b"500 What?"),
            answered(b"MAIL", b"503 Say EHLO first"),
            keywords=(),
            extensions=early(Knows(b"PIPELINING", b"PIPECONNECT", b"CHUNKING")),
        )

        def made(client: Any, server: Any) -> None:
            rigged.network.hosts.clear()

        rigged.network.onConnect = made
        got = rigged.send(way=IN_CLEAR)
        assert isinstance(got.error, Unreached)
        self.assertIs(got.error.cause, Cause.CONNECT)

    def test_turnsUsAwayThen(self) -> None:
        """Where it turns us away then, that is what it said."""
        rigged = rig(
            answered(b"MAIL", b"503 Say EHLO first"),
            Fault(GREETING, session=2, reply=b"421 Later\r\n"),
            keywords=(),
            extensions=early(Knows(b"PIPELINING", b"PIPECONNECT", b"CHUNKING")),
        )
        got = rigged.send(way=IN_CLEAR)
        assert isinstance(got.error, Unreached) and got.error.reply is not None
        self.assertEqual(got.error.reply.code, 421)
