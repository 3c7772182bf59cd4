"""
Tests for L{smtpx.policy.checkers.link}.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed
from smtpx.policy.checkers.interfaces import ICheck, Opinion
from smtpx.policy.checkers.link import Link
from smtpx.policy.checkers.wires import IWire

from .ends import FakeEndpoint

GOOD = Opinion(found={"made": "good"})


@implementer(IWire)
class Parrot:
    """A protocol of few words."""

    def begin(self) -> bytes:
        """See L{IWire}."""
        return b"<"

    def piece(self, data: bytes) -> tuple[bytes, ...]:
        """See L{IWire}."""
        return b"(", data, b")"

    def end(self) -> bytes:
        """See L{IWire}."""
        return b">"

    def feed(self, octets: bytes) -> Opinion | None:
        """See L{IWire}."""
        if octets == b"bad":
            raise Malformed("bad")
        return GOOD if octets == b"good" else None

    def closed(self) -> Opinion:
        """See L{IWire}."""
        raise ConnectionError("closed")


class LinkTests(SynchronousTestCase):
    """A message goes to a checker by a connection of its own."""

    def setUp(self) -> None:
        """A checker, and who is paused."""
        self.endpoint = FakeEndpoint()
        self.client = StringTransport()

    def begin(self, halfCloses: bool = False) -> Link:
        """A check begins."""
        link = Link(self.endpoint, Parrot(), halfCloses)
        self.assertTrue(verifyObject(ICheck, link))
        link.registerProducer(self.client, True)
        return link

    def test_allIsSaid(self) -> None:
        """The message, what stands around it, and the answer; then it is closed."""
        link = self.begin()
        link.write(b"one")
        link.write(b"")
        link.write(b"two")
        link.unregisterProducer()
        answer = link.finish()
        self.assertEqual(b"<(one)(two)>", self.endpoint.said)
        self.endpoint.say(b"go")
        self.assertNoResult(answer)
        self.endpoint.say(b"good")
        self.assertEqual(GOOD, self.successResultOf(answer))
        self.assertTrue(self.endpoint.wires[0].aborted)
        self.assertFalse(self.endpoint.wires[0].saidAll)
        self.endpoint.say(b"more")
        self.endpoint.close()

    def test_halfClose(self) -> None:
        """Where the end of what is said is the message's, that is shown."""
        link = self.begin(True)
        link.write(b"one")
        link.finish()
        self.assertTrue(self.endpoint.wires[0].saidAll)

    def test_beforeThereIsAConnection(self) -> None:
        """Until there is a connection, the client is held up, and nothing is lost."""
        self.endpoint = FakeEndpoint(False)
        link = self.begin(True)
        self.assertEqual("paused", self.client.producerState)
        link.write(b"one")
        self.endpoint.accept()
        self.assertEqual("producing", self.client.producerState)
        self.assertEqual(b"<(one)", self.endpoint.said)

    def test_shorterThanTheWayThere(self) -> None:
        """A message may have ended before there is a connection."""
        self.endpoint = FakeEndpoint(False)
        link = self.begin(True)
        link.unregisterProducer()
        link.write(b"one")
        link.finish()
        self.endpoint.accept()
        self.assertEqual(b"<(one)>", self.endpoint.said)
        self.assertTrue(self.endpoint.wires[0].saidAll)

    def test_theClientIsHeldUp(self) -> None:
        """It is while the checker does not take what there is."""
        link = self.begin()
        self.endpoint.producer.pauseProducing()
        self.assertEqual("paused", self.client.producerState)
        self.endpoint.producer.resumeProducing()
        self.assertEqual("producing", self.client.producerState)
        link.unregisterProducer()
        self.endpoint.producer.pauseProducing()
        self.assertEqual("producing", self.client.producerState)
        link.registerProducer(self.client, True)
        self.assertEqual("paused", self.client.producerState)
        self.endpoint.producer.stopProducing()
        link.unregisterProducer()
        self.endpoint.producer.resumeProducing()

    def test_anEarlyAnswer(self) -> None:
        """A checker that knows enough gets no more, and its answer is kept."""
        link = self.begin()
        link.write(b"one")
        self.endpoint.producer.pauseProducing()
        self.endpoint.say(b"good")
        self.assertEqual("stopped", self.client.producerState[:7])
        link.write(b"two")
        self.assertEqual(b"<(one)", self.endpoint.said)
        self.assertEqual(GOOD, self.successResultOf(link.finish()))
        again = StringTransport()
        link.registerProducer(again, True)
        self.assertEqual("stopped", again.producerState)

    def test_whatIsNoAnswer(self) -> None:
        """It is said what is wrong with it."""
        link = self.begin()
        answer = link.finish()
        self.endpoint.say(b"bad")
        self.failureResultOf(answer, Malformed)

    def test_noAnswer(self) -> None:
        """A checker that closes has none."""
        link = self.begin()
        answer = link.finish()
        self.endpoint.close()
        self.failureResultOf(answer, ConnectionError)
        link.abort()

    def test_nobodyThere(self) -> None:
        """Nor has one that cannot be reached; the client goes on."""
        self.endpoint = FakeEndpoint(False)
        link = self.begin()
        self.endpoint.connecting[0].errback(Failure(ConnectionRefusedError()))
        self.assertEqual("stopped", self.client.producerState)
        self.failureResultOf(link.finish(), ConnectionRefusedError)

    def test_givenUp(self) -> None:
        """Who is not wanted any more is left, wherever that is."""
        link = self.begin()
        link.abort()
        self.assertTrue(self.endpoint.wires[0].aborted)
        self.endpoint, self.client = FakeEndpoint(False), StringTransport()
        link = self.begin()
        answer = link.finish()
        answer.cancel()
        self.failureResultOf(answer)
        self.assertEqual(1, self.endpoint.cancelled)
