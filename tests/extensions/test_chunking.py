"""
Tests for L{smtpx.extensions.chunking}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import Bounds
from smtpx.core.effects import PENDING, OpenBody, TakeMessage
from smtpx.core.hooks import Stage
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerBuilder, IServerExtension
from smtpx.core.reply import reply
from smtpx.extensions.chunking import Chunking, ChunkingSettings
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.size import Size
from smtpx.extensions.starttls import StartTLS, StartTLSSettings
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

    def test_keywordIsForListedHosts(self) -> None:
        """
        To others it is not offered; what they send in chunks all the same is read,
        and refused.
        """
        options = ChunkingSettings(
            chunkingAdvertiseHosts=HostList.parse(["192.0.2.0/24"])
        )
        for peer, offered in ((b"192.0.2.1", True), (b"198.51.100.1", False)):
            said = talk([Size(), Chunking(options)], _HELLO, peer=peer)
            self.assertEqual(said.last == b"250 CHUNKING", offered)
            self.assertEqual(said.connection.holds("chunking"), offered)
            for line in (_MAIL, _RCPT, b"BDAT 6 LAST\r\nRSET\r\n"):
                said.feed(line)
            self.assertEqual(said.codes[-1], 250 if offered else 503)
            said.feed(b"NOOP\r\n")
            self.assertEqual(said.codes[-1], 250)

    def test_refusedThenData(self) -> None:
        """
        Behind a refused chunk there is no transaction, so a DATA is out of place and
        what follows it are commands.
        """
        nobody = _HELLO + _MAIL + b"BDAT 3\r\nx\r\nDATA\r\n"
        said = talk([Pipelining(), Chunking()], nobody)
        self.assertEqual(said.codes, [220, 250, 250, 554, 503])
        said.feed(b"NOOP\r\n" + _MAIL + _RCPT + b"BDAT 3 LAST\r\ny\r\n")
        self.assertEqual(said.codes[-4:], [250] * 4)
        self.assertEqual(said.port.bodies, [b"y\r\n"])

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
