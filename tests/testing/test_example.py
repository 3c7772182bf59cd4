"""
The example of C{doc/howto/test-without-network.rst}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.effects import MayReceive
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Scope
from smtpx.core.reply import Reply, reply
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.size import Size
from smtpx.testing.client import ScriptedPeer, client, ehlo
from smtpx.testing.pair import pair
from smtpx.testing.server import talk


class SizeExample(SynchronousTestCase):
    """SIZE, tested in three ways."""

    def envelope(self, octets: int) -> Envelope:
        """An envelope for one, of a message of this size."""
        return Envelope(
            b"ann@client.example", 0.0, [Recipient(b"bob@mx.example.org")], octets
        )

    # begin both sides
    def test_bothSides(self) -> None:
        """The client knows what the server takes, and does not even try."""
        joined = pair([Size()], [Size()], bounds=Bounds(messageOctets=100)).open()
        joined.deliver(self.envelope(7), b"hello\r\n")
        self.assertIn(b"MAIL FROM:<ann@client.example> SIZE=7\r\n", joined.said)
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.bodies, [b"hello\r\n"])

        joined.deliver(self.envelope(101), b"x" * 99 + b"\r\n")
        self.assertEqual(joined.codes, [552])
        self.assertIs(joined.settled[-1].scope, Scope.HOST)
        self.assertEqual(len(joined.taken), 1)

    # end both sides

    # begin round trips
    def test_roundTrips(self) -> None:
        """With PIPELINING an envelope and its body take two flights."""
        joined = pair([Pipelining()], [Pipelining()]).open()
        before = joined.roundTrips
        joined.deliver(self.envelope(7), b"hello\r\n")
        self.assertEqual(joined.roundTrips - before, 2)

    # end round trips

    # begin answers
    def test_unknownRecipient(self) -> None:
        """What the world outside says is the test's to say."""

        def nobody(question: MayReceive) -> Reply | None:
            return reply(550, "5.1.1", b"Unknown")

        joined = pair(serverAnswers={MayReceive: nobody}).open()
        joined.deliver(self.envelope(7))
        self.assertEqual(joined.codes, [550])

    # end answers

    # begin server
    def test_serverAlone(self) -> None:
        """A client that does what no client of ours would."""
        said = talk([Size()], b"EHLO c.example\r\nMAIL FROM:<a@c.example> SIZE=x\r\n")
        self.assertEqual(said.codes, [220, 250, 501])

    # end server

    # begin client
    def test_clientAlone(self) -> None:
        """A server that does what no server of ours would."""
        peer = ScriptedPeer(client([Size()]))
        peer.start()
        peer.say(b"220 mx.example.org\r\n")
        peer.say(ehlo(b"SIZE 10 MB"))
        said = peer.deliver(self.envelope(7))
        self.assertEqual(said, b"MAIL FROM:<ann@client.example>\r\n")
        peer.lost()
        self.assertEqual(peer.codes, [451])

    # end client
