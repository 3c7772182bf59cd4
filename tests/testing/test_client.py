"""
Tests for L{smtpx.testing.client}.
"""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.dialogue import ClientDialogue, Question, Step, ask, secure
from smtpx.core.effects import Drain, GaveUp, Handshake, Pose, Ready, Settled
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Phase, TLSInfo, TLSOptions
from smtpx.core.interfaces import (
    IBody,
    IClientBuilder,
    IClientExtension,
    IClientSession,
)
from smtpx.testing.client import OctetsBody, ScriptedPeer, client, ehlo


@frozen
class Name(Question[bytes]):
    """Who?"""


@implementer(IClientExtension)
class Curious:
    """Asks a question and wants TLS, before anything else."""

    name = "CURIOUS"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> Curious:
        """It has no options."""
        return self

    def extendClient(self, client: IClientBuilder) -> None:
        """One step."""
        client.step(Phase.SECURE, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue:
        yield from ask(Name())
        yield from secure()
        return Step.DONE


class OctetsBodyTests(SynchronousTestCase):
    """A body in memory."""

    def test_interface(self) -> None:
        """It is a body."""
        self.assertTrue(verifyObject(IBody, OctetsBody(b"abc")))

    def test_pieces(self) -> None:
        """It can be read twice, in pieces of a size."""
        body = OctetsBody(b"abcde", 2)
        self.assertEqual(body.octets, 5)
        for _ in range(2):
            self.assertEqual(list(body.pieces()), [b"ab", b"cd", b"e"])
        self.assertEqual(list(OctetsBody(b"").pieces()), [])


class ScriptedPeerTests(SynchronousTestCase):
    """A peer that says what a test says."""

    def message(self) -> Envelope:
        """An envelope for one."""
        return Envelope(b"a@x", 0.0, [Recipient(b"b@y")])

    def test_dialogue(self) -> None:
        """Each call gives what the client wrote on account of it."""
        peer = ScriptedPeer(client())
        self.assertEqual(peer.start(), b"")
        self.assertEqual(peer.say(b"220 mx\r\n"), b"EHLO client.example.org\r\n")
        self.assertEqual(peer.say(ehlo(b"SIZE"), cut=3), b"")
        self.assertEqual(peer.deliver(self.message()), b"MAIL FROM:<a@x>\r\n")
        self.assertEqual(peer.say(b"450 4.7.1 later\r\n"), b"")
        self.assertEqual(peer.codes, [450])
        self.assertEqual(peer.quit(), b"QUIT\r\n")
        self.assertEqual(peer.say(b""), b"")
        self.assertEqual(peer.lost(), b"")
        self.assertEqual([type(event) for event in peer.events], [Ready, Settled])
        self.assertEqual((peer.gaveUp, peer.troubles), ([], []))
        self.assertEqual(len(peer.written), 3)

    def test_answersAtOnce(self) -> None:
        """Questions and handshakes are answered where the test says how."""
        peer = ScriptedPeer(
            client([Curious()]), answers={Name: lambda q: b"me"}, tls=TLSInfo()
        )
        peer.open()
        options = TLSOptions(serverName=b"mx.example.org")
        self.assertEqual(peer.events, [Pose(Name()), Handshake(options), Ready()])

    def test_answersLater(self) -> None:
        """They stay open where it does not."""
        peer = ScriptedPeer(client([Curious()]))
        peer.open()
        self.assertEqual(peer.events, [Pose(Name())])
        peer.answer(b"me")
        self.assertEqual(len(peer.events), 2)
        peer.answer(TLSInfo())
        self.assertEqual(peer.events[2:], [Ready()])

    def test_flow(self) -> None:
        """A transport that is full waits for the test."""
        for flowing in (True, False):
            peer = ScriptedPeer(client(), flowing=flowing)
            peer.open()
            peer.deliver(self.message(), OctetsBody(b"ab", 1))
            peer.say(b"250 ok\r\n")
            peer.say(b"250 ok\r\n")
            said = peer.say(b"354 go\r\n")
            if not flowing:
                self.assertEqual((said, peer.events[-1]), (b"a", Drain()))
                said += peer.resume()
            self.assertEqual(said, b"ab\r\n.\r\n")

    def test_greetingRefused(self) -> None:
        """What is not octets is an event."""
        peer = ScriptedPeer(client())
        peer.start()
        peer.say(b"554 no\r\n")
        self.assertEqual(peer.gaveUp, peer.events)
        self.assertIsInstance(peer.events[0], GaveUp)

    def test_ehlo(self) -> None:
        """A response of one line, and of several."""
        self.assertEqual(ehlo(), b"250 mx.example.org\r\n")
        self.assertEqual(
            ehlo(b"A", b"B C"), b"250-mx.example.org\r\n250-A\r\n250 B C\r\n"
        )
