"""
A session as it is recorded: what is seen, and when.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.effects import PENDING, MaySend
from smtpx.core.errors import HookTrouble
from smtpx.core.hooks import Ending, TLSInfo
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.reply import Reply
from smtpx.core.server import ServerConnection
from smtpx.observe.trace import Direction, Flight, HandshakeStep, Remark
from smtpx.testing.server import ScriptedPort

from ..core.made import MadeServer
from .recorded import ANSWERS, Recorded
from .stories import TLS

EHLO = b"EHLO c.example\r\n"
BEGIN = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
ALONE = BEGIN.splitlines(True)
#: What clients say, well or badly.
LINES = (
    *ALONE,
    b"DATA\r\n",
    b"x\r\n.\r\n",
    b"BDAT 4 LAST\r\nabcd",
    b"BDAT 3\r\nabc",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"AUTH LOGIN\r\n",
    b"AUTH PLAIN AGFubgBwdw==\r\n",
    b"YW5u\r\n",
    b"XCLIENT ADDR=192.0.2.9\r\n",
    b"a\nb\r\n",
    b"STARTTLS\r\n",
)
GREETING = ("<", ("220 mx.example.org ESMTP",))
OK = "250 2.0.0 OK"


class LadderTests(SynchronousTestCase):
    """Flights, in order."""

    def test_aMessageLockStep(self) -> None:
        """Each command has its reply behind it."""
        body = b"Secret: x\r\n.\r\n"
        said = Recorded(loaded=[])
        said.feed(EHLO, *ALONE, b"DATA\r\n", body, b"QUIT\r\n")
        self.assertEqual(
            said.ladder,
            [
                GREETING,
                (">", ("EHLO c.example",)),
                ("<", ("250 mx.example.org",)),
                (">", ("MAIL FROM:<a@b.example>",)),
                ("<", (OK,)),
                (">", ("RCPT TO:<c@d.example>",)),
                ("<", (OK,)),
                (">", ("DATA",)),
                ("<", ("354 End data with <CR><LF>.<CR><LF>",)),
                (">", ("(14 octets of a message)",)),
                ("<", ("250 2.0.0 Taken",)),
                (">", ("QUIT",)),
                ("<", ("221 2.0.0 Bye",)),
            ],
        )

    def test_whatIsPipelinedIsOneFlight(self) -> None:
        """As it came, and as its replies left."""
        said = Recorded().feed(EHLO, BEGIN + b"BDAT 4 LAST\r\nabcd", b"QUIT\r\n")
        ladder = said.ladder[3:]
        self.assertEqual(
            ladder[0],
            (
                ">",
                (
                    "MAIL FROM:<a@b.example>",
                    "RCPT TO:<c@d.example>",
                    "BDAT 4 LAST",
                    "(4 octets of a message)",
                ),
            ),
        )
        self.assertEqual(ladder[1][1][:2], (OK, OK))

    def test_timesAndOctets(self) -> None:
        """When each began and ended, and how much it was."""
        said = Recorded(loaded=[])
        said.feed(b"NO", b"OP\r\n", seconds=0.25)
        self.assertEqual(
            said.core.recording.steps(False)[1:],
            (
                Flight(0.25, 0.5, Direction.CLIENT, 6, False, ("NOOP",)),
                Flight(0.5, 0.5, Direction.SERVER, len(OK) + 2, False, (OK,)),
            ),
        )

    def test_commandsThatWaitForAnAnswer(self) -> None:
        """
        What came while a question was open stands where it came, not where it was
        understood.
        """
        said = Recorded(answers={MaySend: lambda question: PENDING})
        said.feed(EHLO, BEGIN)
        self.assertEqual(said.ladder[-1], (">", ("MAIL FROM:<a@b.example>",)))
        said.clock.advance(1)
        said.core.answer(None)
        self.assertEqual(said.ladder[-2][1], tuple(BEGIN.decode().split("\r\n")[:2]))
        self.assertEqual(said.ladder[-1], ("<", (OK, OK)))
        self.assertEqual(said.core.recording.steps(False)[-1].seconds, 1.25)

    def test_aFlightThatComesInBetween(self) -> None:
        """Lines of two flights are told apart by where their octets came."""
        said = Recorded(answers={MaySend: lambda question: PENDING})
        said.feed(EHLO, b"MAIL FROM:<a@b.example>\r\nRS")
        said.core.answer(None)
        said.feed(b"ET\r\nNOOP\r\n")
        self.assertEqual(
            [lines for arrow, lines in said.ladder[3:] if arrow == ">"],
            [("MAIL FROM:<a@b.example>",), ("RSET", "NOOP")],
        )

    def test_talkingEarly(self) -> None:
        """The greeting comes behind what was said before it."""
        said = Recorded(start=False).feed(EHLO)
        said.core.start()
        (first, _), (second, replies) = said.ladder
        self.assertEqual((first, second), (">", "<"))
        self.assertEqual(replies[0], "220 mx.example.org ESMTP")
        self.assertEqual(said.heard, ["EHLO c.example"])

    def test_whatIsNoCommand(self) -> None:
        """Lines that are too long, or have a bare LF in them, are counted."""
        said = Recorded(loaded=[]).feed(
            b"x" * 5000, b"y\r\n", b"a\nb\r\n", b"NOOP\r\n", b"c\n"
        )
        self.assertEqual(
            said.heard,
            [
                "(5003 octets that are no command)",
                "(5 octets that are no command)",
                "NOOP",
                "(2 octets that are no command)",
            ],
        )

    def test_whatIsNotRead(self) -> None:
        """Behind the end nothing is looked at."""
        said = Recorded(loaded=[]).feed(b"QUIT\r\nNOOP\r\n", b"more")
        self.assertEqual(said.heard[0], "QUIT")
        self.assertIn("that were not read", said.heard[1])

    def test_half(self) -> None:
        """A client that goes away in the middle of a command."""
        said = Recorded(loaded=[]).feed(b"NOO")
        said.core.lost()
        self.assertEqual(said.heard, ["(3 octets that were not read)"])
        self.assertIs(said.core.ending, Ending.LOST)


class TLSTests(SynchronousTestCase):
    """Handshakes."""

    def test_startTLS(self) -> None:
        """What was agreed on, and how long it took; then flights are inside."""
        said = Recorded()
        said.clock.advance(0.25)
        said.core.feed(EHLO)
        said.core.feed(b"STARTTLS\r\n")
        said.clock.advance(0.5)
        said.core.answer(TLS)
        said.core.feed(EHLO)
        steps = said.core.recording.steps(False)
        self.assertEqual(
            steps[5],
            HandshakeStep(
                0.25,
                0.75,
                "TLSv1.3",
                "TLS_AES_256_GCM_SHA384",
                256,
                True,
                "mx.example.org",
                False,
                'CN=ann "the" boss',
                None,
            ),
        )
        secured = [step.secured for step in steps if isinstance(step, Flight)]
        self.assertEqual(secured, [False] * 5 + [True] * 2)

    def test_fromTheBeginning(self) -> None:
        """A handshake that came with the connection began with it."""
        said = Recorded(start=False)
        said.clock.advance(0.25)
        said.core.secured = TLSInfo("TLSv1.2", "AES", 128, problem="expired")
        said.core.start()
        first, second = said.core.recording.steps(False)
        assert isinstance(first, HandshakeStep) and isinstance(second, Flight)
        self.assertEqual((first.seconds, first.untilSeconds), (0.0, 0.25))
        self.assertEqual(first.problem, "expired")
        self.assertTrue(second.secured)

    def test_notComplete(self) -> None:
        """One that fails is a rung of its own."""
        said = Recorded()
        said.core.feed(EHLO + b"STARTTLS\r\n")
        said.clock.advance(1)
        said.core.lost()
        self.assertIs(said.core.ending, Ending.HANDSHAKE)
        *_, last = said.core.recording.steps(True)
        self.assertEqual(last, HandshakeStep(0.0, 1.0))


class TroubleTests(SynchronousTestCase):
    """What goes wrong with us."""

    def test_anExceptionIsARemark(self) -> None:
        """By its kind and owner, without what it says."""

        def broken(session: IServerSession, verb: bytes) -> Reply | None:
            raise ValueError("the password is pencil")

        def extend(server: IServerBuilder) -> None:
            server.gate(broken)

        said = Recorded(loaded=[MadeServer(extend, "GATE")]).feed(b"NOOP\r\n")
        remarks = [
            step.text
            for step in said.core.recording.steps(False)
            if isinstance(step, Remark)
        ]
        self.assertEqual(remarks, ["ValueError in GATE"])
        (arrow, lines) = said.ladder[-1]
        self.assertEqual((arrow, lines[0][:3]), ("<", "451"))
        said.core.trouble(OSError("pencil"), "core")
        said.core.trouble(HookTrouble("SIZE"), "core")
        remarks = [
            step.text
            for step in said.core.recording.steps(False)
            if isinstance(step, Remark)
        ]
        self.assertEqual(remarks[1:], ["OSError in core", "HookTrouble in SIZE"])


class BoundTests(SynchronousTestCase):
    """However much is said, so much is kept."""

    def test_beyondTheLimitLinesAreCounted(self) -> None:
        """The beginning is there, and how much is missing."""
        said = Recorded(loaded=[], octetsMax=10_000)
        said.feed(*[b"NOOP\r\n"] * 50, b"a\nb\r\nc\n", b"BLUB\r\n")
        said.core.trouble(OSError(), "core")
        said.core.recording.secured(TLSInfo())
        recording = said.core.recording
        kept = sum(len(lines) for _, lines in said.ladder)
        self.assertGreater(kept, 5)
        self.assertLess(kept, 20)
        self.assertGreater(recording.omitted, 60)
        self.assertEqual(recording.heard, 50 * 6 + 7 + 6)

    def test_withoutAnyRoom(self) -> None:
        """Nothing is kept, and nothing breaks."""
        said = Recorded(loaded=[], octetsMax=0).feed(b"NOOP\r\n", b"a\n")
        self.assertEqual(said.core.recording.steps(False), ())
        self.assertGreater(said.core.recording.omitted, 3)

    def test_longLinesAreCut(self) -> None:
        """A client may say a line of 4096 octets; it is not worth as much."""
        said = Recorded(loaded=[]).feed(b"EHLO " + b"x" * 3000 + b"\r\n")
        self.assertEqual(said.heard, ["EHLO " + "x" * 995 + "..."])

    def test_recipientsAreBounded(self) -> None:
        """No more are kept than a transaction may have."""
        said = Recorded(loaded=[], bounds=Bounds(recipientsMax=2)).feed(
            EHLO, *ALONE, *[b"RCPT TO:<%d@d.example>\r\n" % n for n in range(5)]
        )
        self.assertEqual([*said.core.recipients], [b"c@d.example", b"0@d.example"])

    def test_whoIsNamedBadlyIsNobody(self) -> None:
        """A RCPT that cannot be read names no one, nor does another command."""
        said = Recorded(loaded=[])
        said.feed(EHLO, *ALONE, b"RCPT TO:<@>\r\n", b"RCPT\r\n")
        said.feed(b"NOOP TO:<e@d.example>\r\n")
        self.assertEqual([*said.core.recipients], [b"c@d.example"])


class SamenessTests(SynchronousTestCase):
    """Recording changes nothing."""

    def test_theClientSeesNoDifference(self) -> None:
        """Octet for octet, the same replies as without."""
        chunk = BEGIN + b"BDAT 4 LAST\r\nabcd"
        flights = [EHLO, chunk, b"BLUB\r\n", b"a\nb\r\n", b"QUIT\r\n"]
        traced = Recorded().feed(*flights)
        profile = traced.core.profile
        plain = ServerConnection(profile, ScriptedPort(), b"192.0.2.7", 4567)
        said = plain.start() + b"".join(map(plain.feed, flights))
        self.assertEqual(traced.said, said)

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(st.sampled_from(LINES) | st.binary(max_size=12), max_size=12),
        st.lists(st.integers(1, 40), max_size=20),
        st.integers(0, 20_000),
    )
    def test_whateverItSays(
        self, lines: list[bytes], cuts: list[int], octetsMax: int
    ) -> None:
        """Any commands and any junk, cut anywhere, with any room for a trace."""
        whole = EHLO + b"".join(lines)
        flights = []
        for cut in cuts:
            flights.append(whole[:cut])
            whole = whole[cut:]
        traced = Recorded(octetsMax=octetsMax)
        core = traced.core
        plain = ServerConnection(
            core.profile, ScriptedPort(ANSWERS), b"192.0.2.7", 4567
        )
        said = plain.start()
        for flight in (*flights, whole):
            traced.said += core.feed(flight)
            said += plain.feed(flight)
            self.assertEqual(traced.said, said)
        core.lost()
        plain.lost()
        self.assertIs(core.ending, plain.ending)
        # Each octet is told of, if there was room.
        if not core.recording.full:
            steps = core.recording.steps(False)
            flown = [s for s in steps if isinstance(s, Flight)]
            ours = sum(s.octets for s in flown if s.direction is Direction.SERVER)
            self.assertEqual(ours, len(said))
            theirs = sum(s.octets for s in flown if s.direction is Direction.CLIENT)
            self.assertEqual(theirs, len(b"".join(flights) + whole))
