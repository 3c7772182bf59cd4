"""
Tests for L{smtpx.queue.smtp} with hosts of which nothing is known, and that are taken
to offer under TLS what they offer in the clear.
"""

from __future__ import annotations

from smtpx.core.hooks import RoutePolicy, TLSLevel
from smtpx.core.hostlist import HostList
from smtpx.extensions.pipeconnect import PipeConnectSettings
from smtpx.net.sending import Way
from smtpx.spool.format import Fate
from smtpx.testing import BODY, Fault, answered, cut, silent
from tests.net.test_client_tls import TRUSTING, serverTLS

from .primed import EHLO_LINE, FLIGHT, OFFERED, PrimedCase

_LESS = b"250-scripted.example\r\n250 PIPELINING\r\n"
_MORE = b"".join(b"250-%b\r\n" % each for each in (b"x", *OFFERED))
_MORE += b"250 AUTH PLAIN\r\n"


class PresumedTests(PrimedCase):
    """One flight under TLS."""

    way = Way(RoutePolicy(TLSLevel.ENCRYPTED))
    settings = PipeConnectSettings(hostsPipeConnectPresume=HostList.parse(["*"]))

    def setUp(self) -> None:
        """The host has a certificate, and was never met."""
        PrimedCase.setUp(self)
        self.begin(self.knowledge, tls=TRUSTING)
        self.tls = serverTLS(self, "mx.example.org")
        self.server = self.serve(tls=self.tls)

    def delivered(self, sessions: int) -> None:
        """A message is delivered, once, in so many sessions."""
        before = len(self.server.sessions), len(self.server.messages)
        [outcome] = self.send(seconds=400)
        self.assertIs(outcome.fate, Fate.DELIVERED)
        self.assertEqual(len(self.server.sessions), before[0] + sessions)
        self.assertEqual(len(self.server.messages), before[1] + 1)
        self.assertTrue(self.server.messages[-1].secured)
        self.assertNoHint()

    def test_flights(self) -> None:
        """EHLO, STARTTLS, and then all in one; each time, as nothing is remembered."""
        for _ in range(2):
            self.delivered(1)
            said = [EHLO_LINE, b"STARTTLS\r\n", FLIGHT]
            self.assertEqual(self.flights()[:3], said)

    def test_notListed(self) -> None:
        """Other hosts are asked again under TLS before anything else is said."""
        self.settings = PipeConnectSettings()
        self.begin(self.knowledge, tls=TRUSTING)
        self.delivered(1)
        self.assertEqual(self.flights()[:3], [EHLO_LINE, b"STARTTLS\r\n", EHLO_LINE])

    def test_notOffered(self) -> None:
        """So are those that do not offer PIPECONNECT, or not both that it takes."""
        for keywords in (OFFERED[:1] + OFFERED[2:], OFFERED[1:]):
            self.server = self.serve(tls=self.tls, keywords=keywords)
            self.delivered(1)
            self.assertEqual(self.flights()[2], EHLO_LINE)

    def test_more(self) -> None:
        """That it offers more under TLS is no mistake."""
        self.server.faults = (Fault(b"EHLO", nth=2, reply=_MORE),)
        self.delivered(1)

    def test_less(self) -> None:
        """
        Where it offers less, what it takes it has taken, and what it refuses is sent
        again.
        """
        less = Fault(b"EHLO", nth=2, reply=_LESS).inSession(1)
        self.server.faults = (less, answered(b"DATA", b"500 5.5.1 What?").inSession(1))
        self.delivered(2)
        self.assertEqual(self.flights()[:3], [EHLO_LINE, b"STARTTLS\r\n", EHLO_LINE])

    def test_refused(self) -> None:
        """
        No refusal of that flight counts: it is sent again at once, step by step.
        """
        for fault in (
            answered(b"MAIL", b"503 5.5.1 Too early"),
            answered(b"RCPT", b"550 5.1.1 Nobody"),
            answered(b"RCPT", b"450 4.2.1 Not now"),
            answered(b"DATA", b"554 5.5.0 No"),
            answered(BODY, b"554 5.6.0 No"),
            answered(b"EHLO", b"554 5.5.0 Early", nth=2),
            cut(b"EHLO", nth=2),
            silent(b"EHLO", nth=2),
        ):
            number = len(self.server.sessions) + 1
            self.server.faults = (fault.inSession(number),)
            self.delivered(2)
            said = [EHLO_LINE, b"STARTTLS\r\n", EHLO_LINE]
            self.assertEqual(self.flights()[:3], said)

    def test_refusedAgain(self) -> None:
        """What it refuses then, too, is refused."""
        self.server.faults = (answered(b"RCPT", b"550 5.1.1 Nobody", nth=None),)
        [outcome] = self.send(seconds=400)
        self.assertIs(outcome.fate, Fate.FAILED)
        self.assertEqual(len(self.server.sessions), 2)

    def test_known(self) -> None:
        """What is known of a host counts for more."""
        everybody = HostList.parse(["*"])
        self.settings = PipeConnectSettings(
            hostsPipeConnect=everybody, hostsPipeConnectPresume=everybody
        )
        self.begin(self.knowledge, tls=TRUSTING)
        self.delivered(1)
        self.assertEqual(self.flights()[:3], [EHLO_LINE, b"STARTTLS\r\n", FLIGHT])
        self.delivered(1)
        self.assertEqual(self.flights()[:2], [EHLO_LINE + b"STARTTLS\r\n", FLIGHT])
