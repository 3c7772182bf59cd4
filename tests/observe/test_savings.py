"""
Tests for L{smtpx.observe.savings}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.journey import Talk
from smtpx.observe.savings import Saving, savings
from smtpx.observe.trace import SessionTrace

from .talks import EHLO, OK, SLOW, client, server, tls, trace

GREETED = "PIPECONNECT, which the server does not offer"


def saved(session: SessionTrace) -> list[tuple[int, str]]:
    """What could have been saved."""
    return [(each.trips, each.how) for each in savings(Talk(0.0, session))]


class SavingTests(SynchronousTestCase):
    """Round trips that need not have been."""

    def test_chunking(self) -> None:
        """With CHUNKING nobody waits for a go-ahead."""
        self.assertEqual(
            savings(Talk(0.0, SLOW)),
            (
                Saving(1, GREETED),
                Saving(1, "CHUNKING, which the server does not offer"),
            ),
        )

    def test_pipelining(self) -> None:
        """With PIPELINING one does not wait behind MAIL and each RCPT."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "EHLO a"),
            server(0.2, "250-x", "250 CHUNKING"),
            client(0.2, "MAIL FROM:<>"),
            server(0.3, OK),
            client(0.3, "RCPT TO:<a@b>"),
            server(0.4, OK),
            client(0.4, "RCPT TO:<c@d>"),
            server(0.5, OK),
            client(0.5, "(9 octets of a message)"),
            server(0.6, OK),
        )
        how = "PIPELINING, which the server does not offer"
        self.assertEqual(saved(session), [(2, how), (1, GREETED)])

    def test_offered(self) -> None:
        """What the server offers, and was not used, is told so."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "EHLO a"),
            server(0.2, "250-x", "250-CHUNKING", "250-PIPELINING", "250 PIPECONNECT"),
            client(0.2, "MAIL FROM:<>", "RCPT TO:<a@b>", "DATA"),
            server(0.3, OK, OK, "354 Go"),
        )
        offers = "PIPECONNECT, which the server offers to clients that remember it"
        self.assertEqual(
            saved(session), [(1, offers), (1, "CHUNKING, which the server offers")]
        )

    def test_tls(self) -> None:
        """TLS from the start, where that can be, and in one round trip."""
        session = trace(
            server(0.1, "220 x"),
            client(0.1, "EHLO a"),
            server(0.2, *EHLO),
            client(0.2, "STARTTLS"),
            server(0.3, "220 Go"),
            tls(0.3, 0.5, "TLSv1.2"),
            client(0.5, "EHLO a", secured=True),
            server(0.6, *EHLO, secured=True),
            port=587,
        )
        older = (1, "TLS 1.3, or by resuming a session")
        start = (2, "TLS from the start, if the server has a port for that")
        self.assertEqual(saved(session), [start, older, (1, GREETED)])
        # Nobody offers that to servers of other domains.
        relay = trace(*session.steps, port=25)
        self.assertEqual(saved(relay), [older, (1, GREETED)])

    def test_nothing(self) -> None:
        """Where all was as short as can be, or nothing is known of the server."""
        session = trace(
            client(0.0, "EHLO a", "MAIL FROM:<>", "RCPT TO:<a@b>", "(9 octets)"),
            server(0.1, "220 x", "250-x", "250 PIPELINING", OK, OK, OK),
        )
        self.assertEqual(saved(session), [])
        for steps in ((), (server(0.1, "554 No"),)):
            self.assertEqual(saved(trace(*steps)), [])
