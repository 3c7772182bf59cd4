"""
Tests for L{smtpx.net.probing}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import RoutePolicy, TLSLevel
from smtpx.core.interfaces import IClientExtension
from smtpx.extensions.auth import Auth
from smtpx.extensions.standard import standard
from smtpx.net.probing import Probe, Stop, probe
from smtpx.net.sending import Unreached, Way
from smtpx.sasl import Credentials
from smtpx.spool.via import Cause
from smtpx.testing import GREETING, answered, silent
from smtpx.testing.scripted import KEYWORDS

from .clients import HOST, WAY, Rig, rig
from .network import Got, watched

ENVELOPE = Envelope(
    b"a@client.example", 0.0, [Recipient(b"b@x.example"), Recipient(b"c@x.example")]
)


class ProbeTests(SynchronousTestCase):
    """
    Going as far as is wanted, and no further.
    """

    def probe(
        self, stop: Stop, *faults: Any, way: Way = WAY, **more: Any
    ) -> tuple[Rig, Got]:
        """Probe a host that has these faults."""
        probing = Probe(stop, ENVELOPE)
        rigged = rig(*faults, extensions=probing.among(standard(logsIn=True)), **more)
        work = probe(rigged.pool, HOST, way, stop, ENVELOPE)
        got = watched(Deferred.fromCoroutine(work))
        rigged.network.run()
        rigged.pool.close()
        rigged.network.run(6)
        self.assertEqual(rigged.pool.open, 0)
        return rigged, got

    def test_interface(self) -> None:
        """It is an extension like others."""
        probing = Probe(Stop.EHLO, ENVELOPE)
        verifyObject(IClientExtension, probing)
        self.assertIs(probing.configured(None), probing)

    def test_stops(self) -> None:
        """Behind each step there is a QUIT, and nothing was sent."""
        mail = b"MAIL FROM:<a@client.example>"
        for stop, said in (
            (Stop.EHLO, []),
            (Stop.AUTH, []),
            (Stop.MAIL, [mail]),
            (Stop.RCPT, [mail, b"RCPT TO:<b@x.example>", b"RCPT TO:<c@x.example>"]),
        ):
            rigged, got = self.probe(stop)
            self.assertEqual(got.value.via.host, b"mx.example.org")
            hello, *commands = rigged.commands
            self.assertEqual(hello, b"EHLO client.example.org")
            reset = [b"RSET"] if stop is Stop.RCPT else []
            self.assertEqual(commands, [*said, *reset, b"QUIT"])
            self.assertEqual(rigged.server.messages, [])

    def test_whoWouldGetIt(self) -> None:
        """Of recipients, each has its answer."""
        no = answered(b"RCPT", b"550 5.1.1 Unknown", nth=2)
        _, got = self.probe(Stop.RCPT, no)
        codes = [said.code for _, said in got.value.settled.outcomes]
        self.assertEqual(codes, [250, 550])

    def test_refused(self) -> None:
        """Who is turned away before did not get as far."""
        for stop, fault, text in (
            (Stop.EHLO, answered(GREETING, b"554 5.3.2 No"), "554 5.3.2 No"),
            (Stop.MAIL, answered(b"MAIL", b"550 5.7.1 No"), "550 5.7.1 No"),
        ):
            _, got = self.probe(stop, fault)
            self.assertIsInstance(got.error, Unreached)
            self.assertEqual(got.error.text, text)

    def test_noTLS(self) -> None:
        """To get as far as TLS takes TLS."""
        _, got = self.probe(Stop.TLS)
        self.assertEqual(got.error.text, "451 4.7.0 TLS was not begun")

    def test_noLogin(self) -> None:
        """A login that does not come about is told of."""
        way = Way(
            RoutePolicy(TLSLevel.UNWANTED), login=Credentials(b"ann", b"password")
        )
        _, got = self.probe(
            Stop.AUTH, way=way, keywords=(*KEYWORDS, b"AUTH " + b"PLAIN")
        )
        self.assertIs(got.error.cause, Cause.LOGIN)

    def test_nobodyThere(self) -> None:
        """A host that cannot be connected to."""
        probing = Probe(Stop.EHLO, ENVELOPE)
        rigged = rig(extensions=probing.among([Auth(logsIn=True)]))
        rigged.network.hosts.clear()
        work = probe(rigged.pool, HOST, WAY, Stop.EHLO, ENVELOPE)
        got = watched(Deferred.fromCoroutine(work))
        rigged.network.run()
        self.assertIs(got.error.cause, Cause.CONNECT)
        self.assertEqual(got.error.via.address, b"192.0.2.25")

    def test_silent(self) -> None:
        """One that says nothing is not waited for any longer than for a message."""
        probing = Probe(Stop.EHLO, ENVELOPE)
        rigged = rig(silent(GREETING), extensions=probing.among(standard()))
        work = probe(rigged.pool, HOST, WAY, Stop.EHLO, ENVELOPE)
        got = watched(Deferred.fromCoroutine(work))
        rigged.network.run(299)
        self.assertEqual(got.fired, 0)
        rigged.network.run(2)
        self.assertIn("Timed out", got.error.text)
