"""
Tests for L{smtpx.extensions.chunking}: the client.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Scope
from smtpx.core.interfaces import IBody
from smtpx.extensions.chunking import (
    EARLY_OCTETS,
    Chunking,
    ChunkingSettings,
    answeredChunks,
    chunked,
)
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair

_MAIL = b"MAIL FROM:<a@c.example>\r\n"
_RCPT = b"RCPT TO:<b@d.example>\r\n"


@implementer(IBody)
@frozen
class Lying:
    """
    A body that is not as long as it says.

    @ivar octets: what it says.
    @ivar content: its pieces.
    """

    octets: int
    content: tuple[bytes, ...]

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        return iter(self.content)


def _envelope(octets: int = 0) -> Envelope:
    return Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")], octets)


def _peer(*keywords: bytes, inFlight: int = 2) -> ScriptedPeer:
    options = ChunkingSettings(chunkOctets=65_536, chunksInFlight=inFlight)
    peer = ScriptedPeer(client([Pipelining(), Chunking(options)]))
    peer.open(*keywords)
    return peer


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def test_smallBodyIsOneChunkInOneFlight(self) -> None:
        """MAIL, RCPT, BDAT LAST and the body leave together (section 4.2)."""
        joined = pair([Pipelining(), Chunking()], [Pipelining(), Chunking()]).open()
        joined.deliver(_envelope(7), b".\r\nx\r\n.")
        self.assertEqual(
            joined.flights[-2].octets,
            _MAIL + _RCPT + b"BDAT 7 LAST\r\n.\r\nx\r\n.",
        )
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.bodies, [b".\r\nx\r\n."])

    def test_withoutPIPELININGItWaits(self) -> None:
        """The chunk goes when RCPT was answered."""
        joined = pair([Chunking()], [Pipelining(), Chunking()]).open()
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertEqual(joined.flights[-2].octets, b"BDAT 3 LAST\r\nx\r\n")
        self.assertEqual(joined.bodies, [b"x\r\n"])

    def test_withoutTheKeywordItIsDATA(self) -> None:
        """A BDAT to a host that lacks it would be read as commands."""
        joined = pair([Pipelining()], [Pipelining(), Chunking()]).open()
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertNotIn(b"BDAT", joined.said)
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.recorded, (("L", True),))

    def test_theClientsLogKnows(self) -> None:
        """
        A message that went by BDAT has a K in the main log.
        """
        extensions = [Pipelining(), Chunking()]
        joined = pair(extensions, extensions).open()
        self.assertEqual(joined.recorded, (("L", True),))
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertEqual(joined.recorded, (("L", True), ("K", True)))

    def test_theClientsLogKnowsHowFarItGot(self) -> None:
        """Nor has a message a K that did not get so far."""
        extensions = [Chunking()]
        joined = pair(extensions, extensions).open()
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertEqual(joined.recorded, (("K", True),))
        far = Envelope(b"a@c.example", 0.0, [Recipient(b"no@mailbox@x")], 3)
        joined.deliver(far, b"x\r\n")
        self.assertEqual(joined.codes, [501])
        self.assertEqual(joined.recorded, ())

    def test_whatBecameOfChunksIsKnown(self) -> None:
        """Whether the last message went so, and whether a host has ever answered."""
        peer = _peer(b"PIPELINING", b"CHUNKING")
        self.assertFalse(chunked(peer.connection))
        peer.deliver(_envelope(3), b"x\r\n")
        found = chunked(peer.connection), answeredChunks(peer.connection)
        self.assertEqual(found, (True, False))
        peer.say(b"250 OK\r\n250 OK\r\n550 No\r\n")
        self.assertTrue(answeredChunks(peer.connection))

    def test_largeBodyWaitsForTheRecipients(self) -> None:
        """
        The first chunk leaves with MAIL and RCPT; no more than this is sent for
        nothing.
        """
        peer = _peer(b"PIPELINING", b"CHUNKING")
        said = peer.deliver(_envelope(EARLY_OCTETS + 1), b"x" * (EARLY_OCTETS + 1))
        chunk = b"BDAT %d\r\n" % EARLY_OCTETS + b"x" * EARLY_OCTETS
        self.assertEqual(said, _MAIL + _RCPT + chunk)
        self.assertEqual(peer.say(b"250 OK\r\n"), b"")
        self.assertEqual(peer.say(b"550 No\r\n"), b"")
        self.assertEqual(peer.say(b"503 Nobody\r\n"), b"RSET\r\n")
        self.assertEqual(peer.codes, [550])

    def test_largeBodyGoesOnOnceSomebodyGetsIt(self) -> None:
        """The rest need not wait for the answer to the first chunk."""
        peer = _peer(b"PIPELINING", b"CHUNKING")
        peer.deliver(_envelope(EARLY_OCTETS + 1), b"x" * (EARLY_OCTETS + 1))
        said = peer.say(b"250 OK\r\n250 OK\r\n")
        self.assertEqual(said, b"BDAT 1 LAST\r\nx")
        peer.say(b"250 OK\r\n250 Done\r\n")
        self.assertEqual(peer.codes, [250])

    def test_largeBodyGoesInChunks(self) -> None:
        """Each is acknowledged, the last ends it, and it arrives as it was."""
        options = ChunkingSettings(chunkOctets=100_000)
        extensions = [Pipelining(), Chunking(options)]
        body = bytes(range(256)) * 1500
        for size in (0, 1, 99_999, 100_000, 200_000, 384_000):
            joined = pair(extensions, extensions).open()
            joined.deliver(_envelope(size), body[:size])
            self.assertEqual(joined.codes, [250])
            self.assertEqual(joined.bodies, [body[:size]])
            chunks = 1 + max(0, -((EARLY_OCTETS - size) // 100_000))
            self.assertEqual(joined.said.count(b"BDAT "), chunks, size)
            self.assertEqual(joined.said.count(b" LAST\r\n"), 1)

    def test_windowIsBounded(self) -> None:
        """
        Only so many chunks are unanswered at a time; each answer lets one more
        go.
        """
        peer = _peer(b"PIPELINING", b"CHUNKING")
        peer.deliver(_envelope(), b"x" * (4 * 65_536))
        said = peer.say(b"250 OK\r\n250 OK\r\n")
        self.assertEqual(said.count(b"BDAT 65536\r\n"), 2)
        self.assertEqual(peer.say(b"250 OK\r\n")[:12], b"BDAT 65536\r\n")
        self.assertEqual(peer.say(b"250 OK\r\n")[:17], b"BDAT 65536 LAST\r\n")
        self.assertEqual(peer.say(b"250 OK\r\n"), b"")
        self.assertEqual(peer.settled, [])
        peer.say(b"250 Done\r\n")
        self.assertEqual(peer.codes, [250])

    def test_windowMayBeOfOne(self) -> None:
        """Then each chunk waits for the answer to the one before."""
        peer = _peer(b"PIPELINING", b"CHUNKING", inFlight=1)
        peer.deliver(_envelope(), b"x" * 65_537)
        said = peer.say(b"250 OK\r\n250 OK\r\n")
        self.assertEqual(len(said), len(b"BDAT 65536\r\n") + 65_536)
        self.assertEqual(peer.say(b"250 OK\r\n"), b"BDAT 1 LAST\r\nx")
        peer.say(b"250 Done\r\n")
        self.assertEqual(peer.codes, [250])

    def test_answersAreTakenAsTheyCome(self) -> None:
        """One that has come is heeded before the window is full."""
        peer = _peer(b"PIPELINING", b"CHUNKING", inFlight=64)
        peer.flowing = False
        peer.deliver(_envelope(), b"x" * (4 * 65_536))
        peer.say(b"250 OK\r\n250 OK\r\n")
        peer.resume()
        peer.say(b"250 OK\r\n452 4.3.1 No room\r\n")
        self.assertEqual(peer.resume()[:12], b"BDAT 65536\r\n")
        self.assertEqual(peer.say(b"503 5.5.1 No\r\n"), b"RSET\r\n")
        self.assertEqual(peer.codes, [452])

    def test_noChunkFollowsARefusedOne(self) -> None:
        """
        What is in flight is accounted for, the transaction is reset, and the
        first refusal counts (RFC 3030 section 2).
        """
        peer = _peer(b"PIPELINING", b"CHUNKING")
        peer.deliver(_envelope(), b"x" * (4 * 65_536))
        peer.say(b"250 OK\r\n250 OK\r\n")
        self.assertEqual(peer.say(b"552 5.3.4 Too big\r\n"), b"")
        self.assertEqual(peer.say(b"503 5.5.1 No\r\n"), b"RSET\r\n")
        self.assertEqual(peer.codes, [552])
        self.assertTrue(peer.connection.ready)

    def test_refusalOfTheLastChunkIsTheMessages(self) -> None:
        """It comes behind those that were taken."""
        peer = _peer(b"PIPELINING", b"CHUNKING")
        peer.deliver(_envelope(), b"x" * 65_537)
        peer.say(b"250 OK\r\n250 OK\r\n")
        peer.say(b"250 OK\r\n554 5.6.0 No\r\n")
        self.assertEqual(peer.codes, [554])

    def test_whereAllAreRefusedTheSmallBodyIsLost(self) -> None:
        """
        It went with MAIL and RCPT; its reply is waited for, and the connection
        is good for the next message.
        """
        extensions = [Pipelining(), Chunking()]
        joined = pair(extensions, extensions, bounds=Bounds(recipientsMax=0)).open()
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertEqual(joined.codes, [452])
        self.assertEqual(joined.bodies, [])
        self.assertTrue(joined.client.ready)
        self.assertFalse(joined.server.closed)

    def test_aBodyThatLiesIsBrokenOff(self) -> None:
        """
        One that is shorter or longer than it said ends the connection inside of
        its chunk, rather than being accepted cut short.
        """
        for body in (
            Lying(3, (b"xx",)),
            Lying(3, (b"x", b"x")),
            Lying(3, ()),
            Lying(3, (b"xxxx",)),
            Lying(3, (b"xxx", b"x")),
            Lying(0, (b"x",)),
        ):
            peer = _peer(b"PIPELINING", b"CHUNKING")
            peer.deliver(_envelope(), body)
            peer.say(b"250 OK\r\n250 OK\r\n")
            [trouble] = peer.troubles
            self.assertEqual(trouble.owner, "CHUNKING")
            self.assertIsInstance(trouble.error, UsageError)
            self.assertEqual(peer.codes, [451])
            self.assertIs(peer.settled[0].scope, Scope.MESSAGE)
            self.assertTrue(peer.connection.over)
