"""
Tests for L{smtpx.net.client}, L{smtpx.net.delivery} and L{smtpx.net.times}: one host
that does what it should, or does not.  How connections are kept is in
L{tests.net.test_pool}, TLS in L{tests.net.test_client_tls}.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Scope
from smtpx.net.sending import Unreached, Way
from smtpx.net.times import ClientTimes
from smtpx.spool.via import Cause, Via
from smtpx.testing import (
    BODY,
    GREETING,
    Fault,
    answered,
    closed,
    cut,
    delayed,
    inPieces,
    reset,
    silent,
)
from smtpx.testing.scripted import KEYWORDS

from .clients import CHUNKING, HOST, MESSAGE, Rig, codes, envelopeFor, rig, text

LOST = b"Connection lost"
MAYBE = b"Connection lost behind the message, which the host may have taken"


class SendingTests(SynchronousTestCase):
    """
    A host without faults.
    """

    def test_data(self) -> None:
        """What may be grouped leaves as one write; dots are stuffed."""
        rigged = rig()
        got = rigged.send()
        self.assertEqual(codes(got), [250])
        self.assertEqual(
            rigged.writes(),
            [
                b"EHLO client.example.org\r\n",
                b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n",
                b"Subject: x\r\n\r\n..one\r\ntwo\r\n.\r\n",
            ],
        )
        [message] = rigged.server.messages
        self.assertEqual(message.body, MESSAGE)

    def test_oneWrite(self) -> None:
        """With PIPELINING and CHUNKING a small message is one write (RFC 3030)."""
        rigged = rig(keywords=CHUNKING)
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(
            rigged.writes()[1:],
            [
                b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\n"
                b"BDAT 25 LAST\r\n" + MESSAGE
            ],
        )

    def test_lockStep(self) -> None:
        """Without PIPELINING each command waits for the reply before it."""
        rigged = rig(keywords=())
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(len(rigged.writes()), 5)

    def test_helo(self) -> None:
        """A host that knows no EHLO is told HELO (RFC 5321 section 3.2)."""
        rigged = rig(answered(b"EHLO", b"500 what?"))
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(rigged.commands[1], b"HELO client.example.org")

    def test_via(self) -> None:
        """By which host it went is told, with what that said of itself."""
        got = rig().send()
        self.assertEqual(
            got.value.via,
            Via(
                HOST.name,
                HOST.addresses[0],
                fields=got.value.via.fields,
                greeting=b"220 scripted.example ESMTP",
                hello=b"250-scripted.example",
                source=(b"198.51.100.9", 40000),
                offers=got.value.via.offers,
            ),
        )
        self.assertIn(b"PIPELINING", got.value.via.offers)
        self.assertNotIn(b"CHUNKING", got.value.via.offers)

    def test_addressLiteral(self) -> None:
        """A host without a name is known by its address, not by its literal."""
        rigged = rig()
        host = evolve(HOST, name=b"[192.0.2.25]")
        got = rigged.send(host=host)
        self.assertEqual(got.value.via.host, b"[192.0.2.25]")
        line = rigged.network.links[0][0].protocol
        self.assertEqual(line.core.target.host, b"192.0.2.25")

    def test_wayOfTalking(self) -> None:
        """A name of its own in EHLO, and keywords that are not believed."""
        rigged = rig(keywords=CHUNKING)
        way = Way(name=b"other.example", ignored=frozenset({b"CHUNKING"}))
        self.assertEqual(codes(rigged.send(way=way)), [250])
        self.assertEqual(rigged.commands[0], b"EHLO other.example")
        self.assertEqual(rigged.commands[-1], b"DATA")

    def test_partlyRefused(self) -> None:
        """Each recipient has an outcome, and it is known at what it came about."""
        rigged = rig(
            answered(b"RCPT", b"550 5.1.1 Unknown", nth=2),
            answered(b"RCPT", b"451 4.2.0 Later", nth=3),
        )
        got = rigged.send(
            envelopeFor(b"b@mx.example", b"c@mx.example", b"d@mx.example")
        )
        self.assertEqual(codes(got), [250, 550, 451])
        self.assertEqual(got.value.causes[1:], (Cause.RECIPIENT, Cause.RECIPIENT))
        self.assertEqual(rigged.server.messages[0].recipients, [b"b@mx.example"])

    def test_causes(self) -> None:
        """A refusal is the sender's, the recipient's or the message's fault."""
        for verb, cause in (
            (b"MAIL", Cause.SENDER),
            (b"RCPT", Cause.RECIPIENT),
            (b"DATA", Cause.CONTENT),
            (BODY, Cause.CONTENT),
        ):
            got = rig(answered(verb, b"554 5.0.0 No")).send()
            self.assertEqual(codes(got), [554])
            self.assertEqual(got.value.causes, (cause,))
            self.assertIs(got.value.scope, Scope.MESSAGE)

    def test_recipientsThatDoNotFit(self) -> None:
        """They go at once in another transaction, and all have their outcome."""
        rigged = rig(
            answered(b"RCPT", b"452 4.5.3 Too many", nth=3),
            answered(b"RCPT", b"550 5.1.1 Unknown", nth=4),
        )
        paths = [b"%c@mx.example" % letter for letter in b"bcd"]
        got = rigged.send(envelopeFor(*paths))
        self.assertEqual(codes(got), [250, 250, 550])
        self.assertEqual(
            [message.recipients for message in rigged.server.messages], [paths[:2]]
        )
        self.assertEqual(rigged.commands.count(b"MAIL FROM:<a@client.example>"), 2)

    def test_pieces(self) -> None:
        """Replies that come octet by octet are the same."""
        rigged = rig(*[inPieces(verb, nth=None) for verb in (b"EHLO", b"MAIL", BODY)])
        got = rigged.send()
        rigged.network.run(1)
        self.assertEqual(codes(got), [250])


class BrokenHostTests(SynchronousTestCase):
    """
    A host that breaks off, or makes no sense.
    """

    def test_refusedConnection(self) -> None:
        """Nobody is there."""
        rigged = rig()
        rigged.network.hosts.clear()
        error = rigged.send().error
        self.assertEqual(str(error), "Connection refused")
        self.assertIs(error.cause, Cause.CONNECT)
        self.assertEqual(error.via, Via(HOST.name, HOST.addresses[0]))

    def test_refusedSessions(self) -> None:
        """A greeting, EHLO or HELO that says no."""
        for faults in (
            [answered(GREETING, b"554 5.3.2 No mail here")],
            [answered(b"EHLO", b"554 5.3.2 No mail here")],
            [
                answered(b"EHLO", b"502 no"),
                answered(b"HELO", b"554 5.3.2 No mail here"),
            ],
            [answered(GREETING, b"421 4.3.2 Busy")],
        ):
            error = rig(*faults).send().error
            self.assertIsInstance(error, Unreached)
            self.assertIs(error.cause, Cause.SESSION)
            self.assertEqual(error.text[:3], str(error.reply.code))
            self.assertIn(error.reply.code, (554, 421))

    def test_refusedPolitely(self) -> None:
        """Who refuses the session is told goodbye."""
        rigged = rig(answered(GREETING, b"554 5.3.2 No"))
        rigged.send()
        self.assertEqual(rigged.commands, [b"QUIT"])
        self.assertEqual(rigged.pool.open, 0)

    def test_rubbish(self) -> None:
        """A greeting that is none."""
        error = rig(answered(GREETING, b"hello!")).send().error
        self.assertIs(error.cause, Cause.SESSION)
        self.assertEqual(error.text, "451 4.5.0 Peer broke the protocol")

    def test_cutAtEachOctet(self) -> None:
        """
        A connection that ends anywhere in a reply leaves an outcome for everybody,
        and says where the message may have been taken.
        """
        verbs = (GREETING, b"EHLO", b"MAIL", b"RCPT", b"DATA", BODY)
        for verb in verbs:
            for octets in range(8):
                rigged = rig(cut(verb, octets))
                got = rigged.send(envelopeFor(b"b@mx.example", b"c@mx.example"))
                self.assertEqual(got.fired, 1)
                self.assertEqual(rigged.pool.open, 0)
                if verb in (GREETING, b"EHLO"):
                    self.assertIs(got.error.cause, Cause.LOST)
                    continue
                self.assertEqual(codes(got), [451, 451])
                self.assertEqual(got.value.causes, (Cause.LOST,) * 2)
                unsure = verb == BODY
                self.assertIs(got.value.unsure, unsure)
                self.assertEqual(text(got), MAYBE if unsure else LOST)
                scope = Scope.MESSAGE if unsure else Scope.HOST
                self.assertIs(got.value.scope, scope)

    def test_reset(self) -> None:
        """The same with a reset."""
        for verb in (GREETING, b"EHLO", b"MAIL", b"RCPT", b"DATA", BODY):
            for keywords in (KEYWORDS, CHUNKING, ()):
                if verb == b"DATA" and keywords is CHUNKING:
                    continue
                rigged = rig(reset(verb), keywords=keywords)
                got = rigged.send()
                self.assertEqual(got.fired, 1)
                self.assertEqual(rigged.pool.open, 0)
                self.assertFalse(rigged.server.messages and got.error)

    def test_421(self) -> None:
        """A host that closes in the middle says so to everybody who is left."""
        for verb in (b"MAIL", b"RCPT", b"DATA", BODY):
            rigged = rig(Fault(verb, reply=b"421 4.3.2 Closing\r\n"))
            got = rigged.send()
            self.assertEqual(codes(got), [421])
            self.assertIs(got.value.scope, Scope.HOST)
            self.assertFalse(got.value.unsure)
            self.assertEqual(rigged.pool.open, 0)

    def test_closesBehindTheMessage(self) -> None:
        """A message that was taken is taken."""
        rigged = rig(closed(BODY))
        self.assertEqual(codes(rigged.send()), [250])
        self.assertEqual(rigged.pool.open, 0)

    def test_moreRepliesThanCommands(self) -> None:
        """Replies to nothing end the session; what was answered before stands."""
        rigged = rig(answered(BODY, b"250 2.0.0 Taken\r\n250 2.0.0 And again"))
        got = rigged.send()
        self.assertEqual(codes(got), [250])
        self.assertEqual(rigged.pool.open, 0)

    def test_endlessReply(self) -> None:
        """A reply without an end is not collected."""
        rigged = rig(answered(b"EHLO", b"250-x\r\n" * 2000 + b"250 x"))
        self.assertIs(rigged.send().error.cause, Cause.SESSION)
        rigged = rig(answered(b"EHLO", b"250 " + b"x" * 100_000))
        self.assertIs(rigged.send().error.cause, Cause.SESSION)


class TimeTests(SynchronousTestCase):
    """
    A host that takes its time (RFC 5321 section 4.5.3.2).
    """

    def late(self, rigged: Rig, seconds: float) -> Any:
        """Send, and see that nothing is given up before so many seconds."""
        got = rigged.send()
        rigged.network.run(seconds - 2)
        self.assertEqual(got.fired, 0)
        rigged.network.run(4)
        self.assertEqual(got.fired, 1)
        rigged.network.run(10)
        self.assertEqual(rigged.pool.open, 0)
        self.assertEqual(rigged.network.getDelayedCalls(), [])
        return got

    def test_eachMoment(self) -> None:
        """Each has its limit."""
        for verb, seconds, what in (
            (b"MAIL", 300, b"MAIL"),
            (b"RCPT", 300, b"RCPT"),
            (b"DATA", 120, b"DATA"),
        ):
            got = self.late(rig(silent(verb)), seconds)
            self.assertEqual(text(got), b"Timed out waiting for " + what)
            self.assertEqual(got.value.causes, (Cause.LOST,))
            self.assertIs(got.value.scope, Scope.HOST)

    def test_opening(self) -> None:
        """A host that does not say who it is."""
        for verb, what in ((GREETING, "greeting"), (b"EHLO", "EHLO")):
            got = self.late(rig(silent(verb)), 300)
            self.assertEqual(got.error.text, f"Timed out waiting for {what}")
            self.assertIs(got.error.cause, Cause.LOST)

    def test_final(self) -> None:
        """Ten minutes for the message; then nobody knows whether it was taken."""
        for keywords in (KEYWORDS, CHUNKING):
            got = self.late(rig(silent(BODY), keywords=keywords), 600)
            self.assertEqual(text(got), MAYBE)
            self.assertTrue(got.value.unsure)

    def test_slowHostsAreWaitedFor(self) -> None:
        """Who answers in time, each time, is waited for."""
        rigged = rig(
            delayed(GREETING, 290),
            delayed(b"EHLO", 290),
            delayed(b"MAIL", 290),
            delayed(b"RCPT", 290),
            delayed(b"DATA", 110),
            delayed(BODY, 590),
        )
        got = rigged.send()
        rigged.network.run(290 * 4 + 110 + 590 + 10)
        self.assertEqual(codes(got), [250])

    def test_octetsAreNoProgress(self) -> None:
        """A host that says one octet a minute is not waited for any longer."""
        rigged = rig(silent(b"MAIL"))
        got = rigged.send()
        server = rigged.network.links[0][1]
        for octet in (b"2", b"5", b"0", b"-", b"x", b"y"):
            self.assertEqual(got.fired, 0)
            server.write(octet)
            rigged.network.run(58)
        self.assertEqual(got.fired, 1)
        self.assertEqual(text(got), b"Timed out waiting for MAIL")

    def test_allTogether(self) -> None:
        """A thousand slow answers to one envelope are not waited for forever."""
        times = ClientTimes(envelopeSeconds=1000)
        rigged = rig(delayed(b"RCPT", 250, nth=None), times=times)
        got = rigged.send(envelopeFor(*[b"%d@mx.example" % n for n in range(100)]))
        rigged.network.run(999)
        self.assertEqual(got.fired, 0)
        rigged.network.run(2)
        self.assertEqual(codes(got), [451] * 100)

    def test_limitsAreConfigurable(self) -> None:
        """Each can be set."""
        rigged = rig(silent(b"MAIL"), times=ClientTimes(mailSeconds=10))
        self.assertEqual(text(self.late(rigged, 10)), b"Timed out waiting for MAIL")
        with self.assertRaises(ValueError):
            ClientTimes(mailSeconds=0)

    def test_goodbye(self) -> None:
        """The answer to QUIT is not waited for long, and nobody waits for it."""
        rigged = rig(silent(b"QUIT"))
        self.assertEqual(codes(rigged.send()), [250])
        rigged.network.run(2)
        client, _ = rigged.network.links[0]
        self.assertTrue(client.finSent, "our half is not closed behind QUIT")
        self.assertTrue(client.writes[-1].endswith(b"QUIT\r\n"))
        rigged.network.run(6)
        self.assertEqual(rigged.pool.open, 0)
