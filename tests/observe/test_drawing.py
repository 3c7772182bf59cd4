"""
Tests for L{smtpx.observe.drawing}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.drawing import ASCII, UNICODE, drawing, lasting
from smtpx.observe.journey import Journey, LookUp, Talk
from smtpx.observe.trace import HandshakeStep, Remark

from .stories import NOW
from .talks import JOURNEY, OK, client, pieces, server, tls, trace

WHOLE = """\
          client                                           server
             |                                               |
    0.000 s  |  name look-up: x.example                      |
             :  waited 20 ms for names                       :
             |  mx.example.org:25 [192.0.2.25]               |
    0.020 s  |--- connect to [2001:db8::25]:25 ------------->|
             :  waited 80 ms                                 :
    0.100 s  |  No route to host                             |
    0.100 s  |--- connect to [192.0.2.25]:25 --------------->|
             :  waited 50 ms                                 :
    0.150 s  |<-- connected ---------------------------------|   1
             :  waited 50 ms for the greeting                :
    0.200 s  |<-- 220 mx.example.org ESMTP -- 26 octets -----|   2
    0.200 s  |--- EHLO client.example -- 21 octets --------->|
             :  waited 50 ms for the reply to EHLO           :
    0.250 s  |<-- 250 in 3 lines -- 50 octets ---------------|   3
             :  10 ms at this end                            :
    0.260 s  |--- MAIL, RCPT, DATA -- 54 octets ------------>|
             :  waited 2.1 s for the reply to MAIL           :
             :                                               :
             :                                               :
    2.310 s  |<-- 250 2.0.0 OK ------------------------------|   4
             :  waited 300 ms for the replies to RCPT, DATA  :
             :                                               :
    2.610 s  |<-- 250, 354 ----------------------------------|
    2.610 s  |--- message of 1204 octets ------------------->|
             :  sending took 100 ms                          :
             :  waited 50 ms for the answer to the message   :
    2.760 s  |<-- 250 2.0.0 OK id=1 -- 19 octets ------------|   5
    2.760 s  |--- QUIT -- 6 octets ------------------------->|
             :  waited 50 ms for the reply to QUIT           :
    2.810 s  |<-- 221 Bye -- 9 octets -----------------------|   6
    2.810 s  |  end of the session: quit                     |
"""


class DrawingTests(SynchronousTestCase):
    """A journey as it is seen."""

    maxDiff = None

    def draw(self, *steps: object, **more: object) -> list[str]:
        """A session, from behind the head to its end."""
        made = trace(*steps, **more)  # type: ignore[arg-type]  # whatever there is
        rows = drawing(Journey(NOW, 1.0, (Talk(0.0, made),)), ASCII, 60)
        return [row.strip() for row in rows[2:-1]]

    def test_whole(self) -> None:
        """Each flight is an arrow, each wait a gap, and round trips are counted."""
        rows = drawing(JOURNEY, ASCII, 66)
        self.assertEqual("\n".join(rows) + "\n", WHOLE)

    def test_unicode(self) -> None:
        """With other characters it is the same."""
        rows = drawing(JOURNEY, UNICODE, 66)
        plain = "\n".join(rows).translate(str.maketrans("│┊─▶◀", "|:-><"))
        self.assertEqual(plain + "\n", WHOLE)

    def test_widths(self) -> None:
        """It is as wide as there is room, within bounds, and no row is wider."""
        for width, wide in ((10, 60), (72, 72), (500, 100)):
            rows = drawing(JOURNEY, ASCII, width)
            self.assertLessEqual(max(map(len, rows)), wide)
            self.assertEqual(len(rows[1]), wide - 4)

    def test_tls(self) -> None:
        """Inside TLS lines are double; a handshake says what it came to."""
        rows = self.draw(
            tls(0.0, 0.001),
            server(0.001, "220 x", secured=True),
            client(0.001, "QUIT", secured=True),
        )
        self.assertEqual(
            rows,
            [
                "0.001 s  |=== TLS handshake, 1 ms =================|   1",
                "|  TLSv1.3 TLS_AES_256_GCM_SHA384 (256... |",
                "|  full handshake                         |",
                "0.001 s  |<== 220 x == 7 octets ===================|   2",
                "0.001 s  |=== QUIT == 6 octets ===================>|",
            ],
        )

    def test_olderTLS(self) -> None:
        """A handshake of two round trips has two numbers."""
        rows = self.draw(tls(0.0, 0.3, "TLSv1.2"))
        self.assertIn("1-2", rows[2])
        self.assertIn("waited 300 ms for the TLS handshake", rows[0])

    def test_troubles(self) -> None:
        """What failed, and what happened beside it."""
        rows = self.draw(HandshakeStep(0.0, 0.001), Remark(0.1, "OSError in x"))
        self.assertEqual(
            [row.strip("| ") for row in rows],
            [
                "0.001 s  |  the TLS handshake was not complete",
                "0.100 s  |  OSError in x",
            ],
        )
        failed = LookUp(0.0, 0.001, "x.example", (), "x.example does not exist")
        rows = drawing(Journey(NOW, 1.0, (failed,)), ASCII, 60)
        self.assertIn("x.example does not exist", rows[-1])

    def test_replies(self) -> None:
        """Refusals are told in full, what is not whole by its lines."""
        rows = self.draw(
            server(0.001, OK, "550 5.1.1 No such user", OK, OK, OK),
            client(0.001, "AUTH PLAIN *"),
            pieces((0.002, "250-x")),
            client(0.003),
            omitted=2,
        )
        self.assertEqual(
            [row.rstrip("->|1234 ").partition("|")[2].strip("<- ") for row in rows],
            [
                "250, 550 5.1.1 No... -- 80 octets",
                "AUTH PLAIN * -- 14 octets",
                "part of a reply -- 7 octets",
                "0 octets",
                "(2 more lines are left out)",
            ],
        )

    def test_oneOctet(self) -> None:
        """A single one is no plural."""
        step = evolve(client(0.0, "X"), octets=1)
        self.assertIn("X -- 1 octet -", self.draw(step)[0])

    def test_lasting(self) -> None:
        """In a unit that suits it."""
        for seconds, told in (
            (0.0, "0.0 ms"),
            (0.0004, "0.4 ms"),
            (0.051, "51 ms"),
            (0.9997, "1.0 s"),
            (12.34, "12.3 s"),
            (432.1, "432 s"),
        ):
            self.assertEqual(lasting(seconds), told)
