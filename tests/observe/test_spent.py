"""
Tests for L{smtpx.observe.spent}: where the time of a session went.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.spent import (
    Span,
    answers,
    beats,
    counted,
    goodbyes,
    roundTrips,
    shares,
    spans,
)
from smtpx.observe.trace import Direction, Flight, HandshakeStep, Remark, SessionTrace

from .talks import EHLO, JOURNEY, OK, PLAIN, SLOW, client, pieces, server, tls, trace

BODY = "(9 octets of a message)"


def told(session: SessionTrace) -> list[tuple[str, float]]:
    """What took how long, in order."""
    return [(span.what, round(span.lasted, 6)) for span in spans(session)]


class SpanTests(SynchronousTestCase):
    """The time of a session, without a gap."""

    def test_whole(self) -> None:
        """Each wait has the name of what was waited for."""
        self.assertEqual(
            told(SLOW),
            [
                ("greeting", 0.05),
                ("EHLO", 0.05),
                ("this end", 0.01),
                ("MAIL", 2.05),
                ("RCPT, DATA", 0.3),
                ("sending the message", 0.1),
                ("message", 0.05),
                ("QUIT", 0.05),
            ],
        )
        self.assertAlmostEqual(sum(span.lasted for span in spans(SLOW)), 2.66)

    def test_underTLS(self) -> None:
        """The handshake is one of them, and the EHLO behind it another."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "EHLO a"),
            server(0.2, *EHLO),
            client(0.2, "STARTTLS"),
            server(0.3, "220 Go"),
            tls(0.3, 0.5),
            client(0.5, "EHLO a", secured=True),
            server(0.7, *PLAIN, secured=True),
        )
        self.assertEqual(
            told(session),
            [
                ("greeting", 0.1),
                ("EHLO", 0.1),
                ("STARTTLS", 0.1),
                ("TLS handshake", 0.2),
                ("EHLO inside TLS", 0.2),
                ("closing", 0.3),
            ],
        )
        self.assertEqual(roundTrips(session), 5)

    def test_lmtp(self) -> None:
        """Each recipient's reply behind the message is the message's."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "LHLO a"),
            server(0.2, *PLAIN),
            client(0.2, "MAIL FROM:<>", "RCPT TO:<a@b>", "RCPT TO:<c@d>", BODY),
            server(0.3, OK, OK, OK, OK),
            server(0.5, OK),
            client(0.5, "QUIT"),
            server(0.6, "221 Bye"),
        )
        self.assertEqual(
            [each.what for each in answers(session)],
            ["greeting", "LHLO", "MAIL", "RCPT", "RCPT", "message", "message", "QUIT"],
        )

    def test_login(self) -> None:
        """All that belongs to a login is AUTH."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "AUTH LOGIN"),
            server(0.2, "334 *"),
            client(0.2, "*"),
            server(0.3, "334 *"),
            client(0.5, "*"),
            server(0.6, "235 OK"),
            client(0.6, "MAIL FROM:<>"),
            server(1.0, OK),
        )
        self.assertEqual(
            told(session),
            [
                ("greeting", 0.1),
                ("AUTH", 0.1),
                ("AUTH", 0.1),
                ("this end", 0.2),
                ("AUTH", 0.1),
                ("MAIL", 0.4),
            ],
        )

    def test_unanswered(self) -> None:
        """What never came is waited for until the end."""
        for steps, what in (
            ((), "greeting"),
            ((server(0.0, "220 x"), client(0.0, "EHLO a")), "EHLO"),
            ((server(0.0, "220 x"), client(0.0, BODY)), "message"),
        ):
            self.assertEqual(spans(trace(*steps)), (Span(what, 0.0, 1.0, False),))

    def test_brokenOff(self) -> None:
        """A reply that is not whole is still waited for."""
        session = trace(
            pieces((0.25, "220-x")), seconds=0.5, end="lost (Connection lost)"
        )
        self.assertEqual(told(session), [("greeting", 0.25), ("greeting", 0.25)])
        self.assertEqual(answers(session), ())
        half = Flight(0.25, 0.25, Direction.SERVER, 3)
        self.assertEqual(told(trace(half))[0], ("greeting", 0.25))

    def test_handshakeThatFailed(self) -> None:
        """It took as long as it took, and nothing came of it."""
        session = trace(HandshakeStep(0.0, 0.5))
        self.assertEqual(
            spans(session),
            (Span("TLS handshake", 0.0, 0.5, False), Span("greeting", 0.5, 1.0, False)),
        )
        self.assertEqual(roundTrips(session), 0)

    def test_chunks(self) -> None:
        """A message in several chunks has several answers, all of them its own."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "MAIL FROM:<>", "RCPT TO:<a@b>", BODY),
            server(0.2, OK, OK, OK),
            client(0.2, BODY),
            server(0.4, OK),
            client(0.5, "RSET", "QUIT"),
            server(0.6, OK, "221 Bye"),
        )
        self.assertEqual(
            [each.what for each in answers(session)],
            ["greeting", "MAIL", "RCPT", "message", "message", "RSET", "QUIT"],
        )
        self.assertEqual(
            told(session),
            [
                ("greeting", 0.1),
                ("MAIL, RCPT, message", 0.1),
                ("message", 0.2),
                ("this end", 0.1),
                ("RSET, QUIT", 0.1),
                ("closing", 0.4),
            ],
        )

    @settings(max_examples=50, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.floats(0, 1),
                st.lists(
                    st.sampled_from(
                        ["250 OK", "250-x", "354 Go", "QUIT", BODY, "*", "MAIL", ""]
                    ),
                    max_size=3,
                ),
            ),
            max_size=12,
        )
    )
    def test_anySession(self, said: list[tuple[bool, float, list[str]]]) -> None:
        """Whatever is said, the time is told once, and all of it."""
        steps, at = [], 0.0
        for ours, pause, lines in said:
            at += pause
            steps.append((client if ours else server)(at, *lines))
        session = trace(*steps, seconds=at + 1)
        found = spans(session)
        self.assertAlmostEqual(sum(span.lasted for span in found), at + 1)
        for before, after in pairwise(found):
            self.assertEqual(before.untilSeconds, after.seconds)


class BeatTests(SynchronousTestCase):
    """A session as it is drawn."""

    def test_pieces(self) -> None:
        """What came apart is seen apart, each with what was waited for."""
        found = [
            (beat.lines, beat.waited and beat.waited.what, beat.whole, beat.trip)
            for beat in beats(SLOW)[3:7]
        ]
        self.assertEqual(
            found,
            [
                (
                    ("MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "DATA"),
                    "this end",
                    True,
                    None,
                ),
                ((OK,), "MAIL", False, 3),
                ((OK, "354 Go ahead"), "RCPT, DATA", False, None),
                (("(1204 octets of a message)",), None, True, None),
            ],
        )

    def test_remarks(self) -> None:
        """What happened beside it has its place."""
        found = beats(trace(Remark(0.5, "OSError in x")))
        self.assertEqual([beat.seconds for beat in found], [0.5])


class RoundTripTests(SynchronousTestCase):
    """How often one waited for the other side."""

    def test_whole(self) -> None:
        """The greeting, EHLO, the envelope, the message, and the goodbye."""
        self.assertEqual((roundTrips(SLOW), goodbyes(SLOW)), (5, 1))

    def test_handshakes(self) -> None:
        """TLS before 1.3 takes two, unless a session is resumed."""
        for version, resumed, trips in (
            ("TLSv1.3", False, 1),
            ("TLSv1.2", False, 2),
            ("TLSv1.2", True, 1),
        ):
            session = trace(
                tls(0.0, 0.1, version, resumed=resumed), server(0.2, "220 x")
            )
            self.assertEqual(roundTrips(session), trips + 1)

    def test_early(self) -> None:
        """Greeting and EHLO in one flight are one."""
        session = trace(client(0.0, "EHLO a"), server(0.1, "220 x", *EHLO))
        self.assertEqual(roundTrips(session), 1)
        self.assertEqual([each.what for each in answers(session)], ["greeting", "EHLO"])

    def test_passingEachOther(self) -> None:
        """Answers that come while a message goes out were not waited for."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "MAIL FROM:<>", "RCPT TO:<a@b>", BODY),
            server(0.2, OK, OK),
            client(0.2, BODY),
            server(0.4, OK),
        )
        self.assertEqual(roundTrips(session), 2)
        self.assertEqual(
            [beat.trip for beat in beats(session)], [1, None, None, None, 2]
        )


class ShareTests(SynchronousTestCase):
    """Where the time went, all in all."""

    def test_journey(self) -> None:
        """The longest first; names and connections are among it."""
        found = [(each.what, each.seconds, each.times) for each in shares(JOURNEY)]
        self.assertEqual(
            found,
            [
                ("MAIL", 2.05, 1),
                ("RCPT, DATA", 0.3, 1),
                ("connect", 0.13, 2),
                ("sending the message", 0.1, 1),
                ("greeting", 0.05, 1),
                ("EHLO", 0.05, 1),
                ("message", 0.05, 1),
                ("QUIT", 0.05, 1),
                ("name look-up", 0.02, 1),
                ("this end", 0.01, 1),
            ],
        )
        self.assertEqual(shares(JOURNEY)[2].longest, 0.08)

    def test_counted(self) -> None:
        """What stands for a message is told from what is said."""
        self.assertEqual(counted(BODY), 9)
        self.assertIsNone(counted("QUIT"))
