"""
Tests for L{smtpx.extensions.chunking}.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.effects import PENDING, OpenBody, TakeMessage
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Scope, Stage
from smtpx.core.interfaces import IBody, IServerBuilder, IServerExtension
from smtpx.core.reply import reply
from smtpx.extensions.chunking import EARLY_OCTETS, Chunking, ChunkingSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.starttls import StartTLS, StartTLSSettings
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import pair
from smtpx.testing.server import Answers, Said, talk

_HELLO = b"EHLO c.example\r\n"
_MAIL = b"MAIL FROM:<a@c.example>\r\n"
_RCPT = b"RCPT TO:<b@d.example>\r\n"
_BEGIN = _HELLO + _MAIL + _RCPT


def _flights(*flights: bytes, bounds: Bounds | None = None) -> Said:
    """What is said to a client that sends these, behind MAIL and RCPT."""
    said = talk([Pipelining(), Chunking()], _BEGIN, bounds=bounds)
    for flight in flights:
        said.feed(flight)
    return said


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        self.assertEqual(talk([Chunking()], _HELLO).last, b"250 CHUNKING")

    def test_chunksMakeAMessage(self) -> None:
        """
        Octets are taken as they are: dots are not stuffed, borders fall
        anywhere, and the next command stands right behind the last octet.
        """
        said = _flights(b"BDAT 3\r\na\r\nBDAT 4 LAST\r\n.\r\nbNOOP\r\n")
        self.assertEqual(
            said.replies[-3:],
            [b"250 2.0.0 3 octets received", b"250 2.0.0 Taken", b"250 2.0.0 OK"],
        )
        self.assertEqual(said.port.bodies, [b"a\r\n.\r\nb"])
        self.assertEqual(said.port.taken[0].octets, 7)

    def test_withoutPIPELININGTheOctetsComeAtOnce(self) -> None:
        """They belong to the command, and are no sign of pipelining."""
        said = talk([Chunking()], _BEGIN)
        said.feed(b"BDAT 3 LAST\r\nabc")
        self.assertEqual(said.last, b"250 2.0.0 Taken")

    @settings(max_examples=50)
    @given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.data())
    def test_anyCutGivesTheSame(self, chunks: list[bytes], data: st.DataObject) -> None:
        """However the network cuts it, the message is what was sent."""
        last = len(chunks) - 1
        octets = b"".join(
            b"BDAT %d%b\r\n%b" % (len(chunk), b" last" if i == last else b"", chunk)
            for i, chunk in enumerate(chunks)
        )
        cut = data.draw(st.integers(0, len(octets)))
        for flights in (
            [octets],
            [octets[:cut], octets[cut:]],
            [octets[i : i + 1] for i in range(len(octets))],
        ):
            said = _flights(*flights)
            self.assertEqual(said.port.bodies, [b"".join(chunks)])
            self.assertEqual(said.codes[4:], [250] * len(chunks))

    def test_emptyChunksAreTaken(self) -> None:
        """
        RFC 3030 section 2 lets a size be zero, of the last chunk and of any.
        """
        said = _flights(b"BDAT 0\r\nBDAT 1\r\nxBDAT 0\r\nBDAT 0 LAST\r\n")
        self.assertEqual(said.codes[4:], [250] * 4)
        self.assertEqual(said.port.bodies, [b"x"])
        self.assertEqual(_flights(b"BDAT 0 LAST\r\n").port.bodies, [b""])

    def test_sizeThatCannotBeReadEndsTheConnection(self) -> None:
        """
        How much follows is anyone's guess, and must not become commands.
        """
        for argument in (
            b"",
            b" x",
            b" -1",
            b" +1",
            b" 0x10",
            b" 1 LAST x",
            b" 1 FIRST",
            b" 1LAST",
            b" LAST",
            b"  1",
            b" " + b"1" * 19,
        ):
            said = _flights(b"BDAT" + argument + b"\r\n" + _MAIL)
            self.assertEqual(
                said.last, b"501 5.5.4 BDAT wants a size; closing", argument
            )
            self.assertTrue(said.connection.closed)

    def test_octetsOfARefusedChunkAreNoCommands(self) -> None:
        """
        Without MAIL, or without a recipient, or before EHLO: they are read and
        thrown away, and then it is refused (RFC 3030 section 2).
        """
        chunk = b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"
        for before, code in (
            (b"", 503),
            (_HELLO, 503),
            (b"HELO c.example\r\n", 503),
            (b"HELO c.example\r\n" + _MAIL + _RCPT, 503),
            (_HELLO + _MAIL, 554),
        ):
            said = talk([Pipelining(), Chunking()], before)
            said.feed(chunk[:-6])
            said.feed(b"NOOP\r\n")
            self.assertEqual(said.codes[-2:], [code, 250], before)
            self.assertEqual(said.port.bodies, [])

    def test_chunksBehindAFailedOneAreAbsorbed(self) -> None:
        """
        What was pipelined behind it is answered 503; the next MAIL begins anew
        (RFC 3030 section 2).
        """
        refuse: Answers = {OpenBody: lambda question: reply(452, "4.3.1", b"No room")}
        said = talk([Pipelining(), Chunking()], _BEGIN, answers=refuse)
        said.feed(b"BDAT 2\r\nxxBDAT 2\r\nyyBDAT 2 LAST\r\nzz" + _MAIL)
        self.assertEqual(said.codes[-4:], [452, 503, 503, 250])
        self.assertEqual(said.port.bodies, [])

    def test_nothingFollowsTheLastChunk(self) -> None:
        """A BDAT behind BDAT LAST is 503 (RFC 3030 section 2)."""
        said = _flights(b"BDAT 1 LAST\r\nxBDAT 1 LAST\r\ny")
        self.assertEqual(said.codes[-2:], [250, 503])
        self.assertEqual(said.port.bodies, [b"x"])

    def test_betweenChunksLittleGoesOn(self) -> None:
        """
        NOOP goes on; RSET and QUIT end the transaction; all else is 503 and
        ends it too, so that no message is made of a dialogue gone wrong.
        """
        said = _flights(b"BDAT 1\r\nxNOOP\r\nBDAT 1 LAST\r\ny")
        self.assertEqual(said.port.bodies, [b"xy"])
        said = _flights(b"BDAT 1\r\nx", b"RSET\r\n", b"BDAT 1 LAST\r\ny")
        self.assertEqual(said.codes[-2:], [250, 503])
        said = _flights(b"BDAT 1\r\nx", b"QUIT\r\n")
        self.assertEqual(said.codes[-1], 221)
        for command in (b"DATA", b"MAIL FROM:<>", _RCPT[:-2], b"EHLO c", b"WHAT"):
            said = _flights(b"BDAT 1\r\nx", command + b"\r\n", b"BDAT 1 LAST\r\ny")
            self.assertEqual(said.codes[-2:], [503, 503], command)
            self.assertEqual((said.port.bodies, said.port.dropped), ([], 1))

    def test_refusedByAGateIsReadAllTheSame(self) -> None:
        """
        Where TLS is demanded, a chunk in clear is refused behind its octets;
        these are never taken for commands.
        """
        demanding = StartTLS(StartTLSSettings(demanded=True))
        extensions = [Pipelining(), Chunking(), demanding]
        said = talk(extensions, _HELLO, tlsReady=True)
        said.feed(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(said.codes[-2:], [530, 250])
        self.assertFalse(said.connection.closed)

    def test_dataAndChunksTakeTurns(self) -> None:
        """Each message may be sent either way."""
        said = _flights(
            b"BDAT 1 LAST\r\nx" + _MAIL + _RCPT + b"DATA\r\n",
            b"y\r\n.\r\n" + _MAIL + _RCPT + b"BDAT 1 LAST\r\nz",
        )
        self.assertEqual(said.port.bodies, [b"x", b"y\r\n", b"z"])

    def test_sizeThatIsTooLargeIsRefused(self) -> None:
        """
        As soon as a declared size makes it too much; its octets are not kept,
        and the rest is refused.
        """
        bounds = Bounds(messageOctets=10)
        said = _flights(
            b"BDAT 6\r\n123456BDAT 5\r\n12345BDAT 1 LAST\r\n1", bounds=bounds
        )
        self.assertEqual(said.codes[-3:], [250, 552, 503])
        self.assertEqual(
            said.replies[-2],
            b"552 5.3.4 Message size exceeds fixed maximum message size",
        )
        self.assertEqual((said.port.bodies, said.port.pieces), ([], []))
        said = _flights(b"BDAT 6\r\n123456BDAT 4 LAST\r\n1234", bounds=bounds)
        self.assertEqual(said.port.bodies, [b"1234561234"])

    def test_chunksAreBounded(self) -> None:
        """A message may have only so many, empty ones counted."""
        said = _flights(b"BDAT 1\r\nxBDAT 0\r\nBDAT 1\r\ny", bounds=Bounds(chunksMax=2))
        self.assertEqual(said.codes[-3:], [250, 250, 552])
        self.assertEqual(said.last, b"552 5.3.4 Message has too many chunks")
        said = _flights(
            b"BDAT 1\r\nxBDAT 1 LAST\r\ny" + _MAIL + _RCPT + b"BDAT 1 LAST\r\nz",
            bounds=Bounds(chunksMax=2),
        )
        self.assertEqual(said.port.bodies, [b"xy", b"z"])

    def test_whatIsThrownAwayIsBounded(self) -> None:
        """Nobody has us read refused chunks for ever."""
        said = talk(
            [Pipelining(), Chunking()], _HELLO, bounds=Bounds(discardedOctets=10)
        )
        said.feed(b"BDAT 11\r\n" + b"x" * 11)
        self.assertEqual(said.codes[-1], 421)
        self.assertTrue(said.connection.closed)

    def test_refusalAtTheEndIsPassedOn(self) -> None:
        """What is said to the message is said to its last chunk."""
        refuse: Answers = {TakeMessage: lambda question: reply(550, "5.7.1", b"No")}
        said = talk([Pipelining(), Chunking()], _BEGIN, answers=refuse)
        said.feed(b"BDAT 1\r\nxBDAT 1 LAST\r\ny")
        self.assertEqual(
            said.replies[-2:], [b"250 2.0.0 1 octets received", b"550 5.7.1 No"]
        )

    def test_answersMayTakeTheirTime(self) -> None:
        """Input waits meanwhile, and replies keep their order."""
        later: Answers = {
            OpenBody: lambda question: PENDING,
            TakeMessage: lambda question: PENDING,
        }
        said = talk([Pipelining(), Chunking()], _BEGIN, answers=later)
        self.assertEqual(said.feed(b"BDAT 1 LAST\r\nxNOOP\r\n"), b"")
        self.assertEqual(said.answer(None), b"")
        self.assertEqual(
            said.answer(reply(250, "2.0.0", b"Now")),
            b"250 2.0.0 Now\r\n250 2.0.0 OK\r\n",
        )
        self.assertEqual(said.port.bodies, [b"x"])

    def test_aReviewThatFailsIsNotOurEnd(self) -> None:
        """The octets are taken, 451 is said, and the connection goes on."""

        @implementer(IServerExtension)
        class Broken:
            """An extension with a bug."""

            name = "BROKEN"
            requires: tuple[str, ...] = ()
            settings = None

            def configured(self, settings: object) -> Broken:
                """See L{smtpx.core.interfaces.IExtension}."""
                return self

            def extendServer(self, server: IServerBuilder) -> None:
                """See L{IServerExtension}."""
                server.review(Stage.DATA, lambda session, recipient: 1 // 0)  # type: ignore[arg-type, return-value]  # the bug

        said = talk([Pipelining(), Chunking(), Broken()], _BEGIN)
        said.feed(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(said.codes[-2:], [451, 250])
        self.assertEqual([owner for owner, _ in said.port.troubles], ["BROKEN"])

    def test_theLogKnows(self) -> None:
        """A message by BDAT has a K in the main log; one by DATA has none."""
        seen: list[object] = []

        def take(question: TakeMessage) -> object:
            session = question.session
            seen.extend(r(session) for r in said.connection.profile.recorders)
            return reply(250, "2.0.0", b"Taken")

        said = talk([Pipelining(), Chunking()], _BEGIN, answers={TakeMessage: take})
        said.feed(b"BDAT 1 LAST\r\nx" + _MAIL + _RCPT + b"DATA\r\n")
        said.feed(b".\r\n")
        self.assertEqual(seen, [(("K", True),), ()])
        [record] = said.connection.profile.recorders
        self.assertEqual(record(said.connection), ())

    def test_helpNamesIt(self) -> None:
        """HELP has its syntax."""
        said = talk([Chunking()], _HELLO + b"HELP BDAT\r\n")
        self.assertEqual(said.last, b"214 2.0.0 BDAT <octets> [LAST]")

    def test_settingsHaveARange(self) -> None:
        """Chunks are 64 KiB to 1 MiB, and one to 64 of them are in flight."""
        for octets in (65_535, 1_048_577):
            self.assertRaises(ValueError, ChunkingSettings, chunkOctets=octets)
        for count in (0, 65):
            self.assertRaises(ValueError, ChunkingSettings, chunksInFlight=count)

    def test_isConfigured(self) -> None:
        """Other settings make another extension."""
        options = ChunkingSettings(chunksInFlight=1)
        self.assertIs(Chunking().configured(options).options, options)


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
        A message that went by BDAT has a K in the main log; one that got no further
        than RCPT has none, whatever went before it.
        """
        extensions = [Pipelining(), Chunking()]
        joined = pair(extensions, extensions).open()
        self.assertEqual(joined.recorded, (("L", True),))
        joined.deliver(_envelope(3), b"x\r\n")
        self.assertEqual(joined.recorded, (("L", True), ("K", True)))
        far = Envelope(b"a@c.example", 0.0, [Recipient(b"no@mailbox@x")], 99_999)
        joined.deliver(far, b"x" * 99_999)
        self.assertEqual(joined.codes, [501])
        self.assertEqual(joined.recorded, (("L", True),))

    def test_largeBodyWaitsForTheRecipients(self) -> None:
        """Nothing of it is sent for nothing."""
        peer = _peer(b"PIPELINING", b"CHUNKING")
        said = peer.deliver(_envelope(EARLY_OCTETS + 1), b"x" * (EARLY_OCTETS + 1))
        self.assertEqual(said, _MAIL + _RCPT)
        self.assertEqual(peer.say(b"250 OK\r\n550 No\r\n"), b"RSET\r\n")
        self.assertEqual(peer.codes, [550])

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
            chunks = max(1, -(-size // 100_000))
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
