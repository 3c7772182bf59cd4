"""
Tests for L{smtpx.observe.recording}; what a connection records is in
L{tests.observe.test_tracedconnection}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.observe.recording import LINE_CHARACTERS, Recording, Said, Seen
from smtpx.observe.trace import Direction, Flight, HandshakeStep, Remark

_ROOM = 1 << 16


class RecordingTestCase(SynchronousTestCase):
    """A test of recordings."""

    def begin(self, octetsMax: int = _ROOM) -> Recording:
        """One that began when the clock had run for a while."""
        self.clock = Clock()
        self.clock.advance(1000)
        return Recording(self.clock.seconds, octetsMax)

    def lines(self, recording: Recording) -> list[tuple[str, ...]]:
        """Those of each flight."""
        return [
            step.lines for step in recording.steps(False) if isinstance(step, Flight)
        ]


class LookingOnTests(SynchronousTestCase):
    """Who looks on is told of each line as it comes or goes."""

    def setUp(self) -> None:
        """Somebody looks on."""
        self.clock = Clock()
        self.seen: list[Seen] = []
        self.recording = Recording(
            self.clock.seconds, _ROOM, Direction.SERVER, self.seen.append
        )

    def test_lines(self) -> None:
        """When, who, and whether inside TLS."""
        recording = self.recording
        self.clock.advance(0.5)
        recording.hear(6, False)
        recording.note(b"220 x", 6)
        recording.speak([b"EHLO y"])
        recording.say(8, True)
        self.assertEqual(
            self.seen,
            [
                Said(0.5, Direction.SERVER, False, "220 x"),
                Said(0.5, Direction.CLIENT, True, "EHLO y"),
            ],
        )

    def test_messages(self) -> None:
        """Of a message each piece is told, with its octets."""
        for octets in (3, 4):
            self.recording.pour("octets", octets)
            self.recording.say(octets, False)
        told = [each.counted for each in self.seen if isinstance(each, Said)]
        self.assertEqual(told, [3, 4])
        [flight] = self.recording.steps(False)
        self.assertEqual(getattr(flight, "moments", None), (0.0,))

    def test_handshakesAndRemarks(self) -> None:
        """They are told as they stand in the trace."""
        self.recording.secure()
        self.clock.advance(0.25)
        self.recording.secured(TLSInfo("TLSv1.3", "X", 256, True))
        self.recording.remark("OSError in x")
        self.assertEqual(tuple(self.seen), self.recording.steps(False))

    def test_evenWithoutRoom(self) -> None:
        """Whoever looks on sees it, though nothing of it is kept."""
        recording = Recording(
            self.clock.seconds, 600, Direction.SERVER, self.seen.append
        )
        recording.hear(500, False)
        for _ in range(3):
            recording.note(b"250-X", 7)
        recording.secured(TLSInfo("TLSv1.3", "X", 256, True))
        recording.remark("OSError in x")
        self.assertEqual(len(self.seen), 5)
        self.assertEqual(recording.omitted, 5)

    def test_moments(self) -> None:
        """A line has the time at which its last octet came."""
        recording = self.recording
        for octets, line in ((7, b"250-A"), (7, b"250 B")):
            self.clock.advance(0.5)
            recording.hear(octets, False)
            recording.note(line, recording.heard)
        [flight] = recording.steps(False)
        assert isinstance(flight, Flight)
        self.assertEqual(flight.moments, (0.5, 1.0))


class FlightTests(RecordingTestCase):
    """Octets and lines become flights."""

    def test_timesAreThoseOfTheSession(self) -> None:
        """They begin with the connection, and are told to the microsecond."""
        recording = self.begin()
        self.clock.advance(0.123456789)
        recording.hear(1, False)
        self.assertEqual(
            recording.steps(False),
            (Flight(0.123457, 0.123457, Direction.CLIENT, 1, False, ()),),
        )

    def test_linesStandWhereTheirLastOctetCame(self) -> None:
        """Even if that flight came in pieces, and another one since."""
        recording = self.begin()
        recording.hear(2, False)
        recording.hear(4, False)
        recording.say(3, False)
        recording.hear(6, False)
        recording.note(b"NOOP", 6)
        recording.note(b"RSET", 12)
        self.assertEqual(self.lines(recording), [("NOOP",), (), ("RSET",)])

    def test_TLSBeginsAFlight(self) -> None:
        """What came in the clear is not told together with what did not."""
        recording = self.begin()
        recording.hear(10, False)
        recording.hear(5, True)
        recording.hear(2, True)
        self.assertEqual(
            [
                (step.octets, step.secured)
                for step in recording.steps(False)
                if isinstance(step, Flight)
            ],
            [(10, False), (7, True)],
        )

    def test_octetsAreCountedByWhatTheyAre(self) -> None:
        """Of one kind together, of another on a line of its own; none are no line."""
        recording = self.begin()
        recording.hear(26, False)
        recording.note(b"DATA", 6)
        recording.count("octets of a message", 14)
        recording.count("octets of a message", 18)
        recording.count("octets that were not read", 19)
        recording.count("octets that were not read", 19)
        self.assertEqual(
            self.lines(recording),
            [("DATA", "(12 octets of a message)", "(1 octets that were not read)")],
        )

    def test_aLineOfTheLongestSize(self) -> None:
        """It is shown whole; of a longer one is seen that it is longer."""
        recording = self.begin()
        most = "x" * LINE_CHARACTERS
        recording.hear(1, False)
        recording.note(most.encode(), 1)
        recording.note(most.encode() + b"y", 1)
        self.assertEqual(self.lines(recording), [(most, most + "...")])


class HandshakeTests(RecordingTestCase):
    """How long a handshake took."""

    def test_inTheMiddle(self) -> None:
        """It began when STARTTLS was answered, complete or not."""
        for complete in (True, False):
            recording = self.begin()
            self.clock.advance(2)
            recording.secure()
            self.clock.advance(0.5)
            if complete:
                recording.secured(TLSInfo("TLSv1.3", "AES", 256))
            (step,) = recording.steps(not complete)
            assert isinstance(step, HandshakeStep)
            self.assertEqual((step.seconds, step.untilSeconds), (2.0, 2.5))


class BoundTests(RecordingTestCase):
    """However much is said, so much is kept."""

    def test_eachThingThatDoesNotFitIsCounted(self) -> None:
        """A line as one, and nothing of it is kept."""
        recording = self.begin(0)
        recording.hear(30, False)
        told: tuple[tuple[int, Callable[[], None]], ...] = (
            (1, lambda: recording.note(b"NOOP", 6)),
            (2, lambda: recording.count("octets of a message", 8)),
            (4, lambda: recording.speak([b"250-a", b"250 b"])),
            (4, lambda: recording.say(14, False)),
            (5, lambda: recording.secured(TLSInfo())),
            (6, lambda: recording.remark("OSError in core")),
        )
        for omitted, tell in told:
            tell()
            self.assertEqual(recording.omitted, omitted)
        self.assertEqual(recording.steps(False), ())
        self.assertEqual(recording.heard, 30)

    def test_linesThatDoNotFitIntoTheirFlight(self) -> None:
        """They are counted too: commands, octets, and replies without a flight."""
        recording = self.begin(1000)
        recording.hear(30, False)
        recording.note(b"x" * 300, 10)
        recording.note(b"NOOP", 16)
        recording.count("octets of a message", 20)
        self.assertEqual(recording.omitted, 2)
        self.assertEqual(self.lines(recording), [("x" * 300,)])
        recording = self.begin(400)
        recording.speak([b"250-a", b"250 b"])
        recording.say(14, False)
        self.assertEqual((recording.omitted, recording.steps(False)), (2, ()))

    def test_theTextOfARemarkCosts(self) -> None:
        """It is cut like a line, and paid for."""
        recording = self.begin(600)
        recording.remark("x" * 200)
        self.assertEqual((recording.omitted, recording.steps(False)), (1, ()))
        recording = self.begin()
        recording.remark("x" * (LINE_CHARACTERS + 1))
        self.assertEqual(
            recording.steps(False), (Remark(0.0, "x" * LINE_CHARACTERS + "..."),)
        )
