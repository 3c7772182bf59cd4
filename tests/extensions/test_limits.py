"""
Tests for L{smtpx.extensions.limits}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import BatchLimits
from smtpx.extensions.limits import CAPABILITY, Limits, LimitsSettings
from smtpx.extensions.starttls import StartTLS
from smtpx.testing.pair import pair
from smtpx.testing.server import talk

_LIMIT = st.none() | st.integers(1, 999_999)


class GrammarTests(SynchronousTestCase):
    """What stands behind the keyword."""

    grammar = CAPABILITY.grammar

    @settings(max_examples=50)
    @given(st.builds(BatchLimits, _LIMIT, _LIMIT, _LIMIT))
    def test_isItsOwnInverse(self, limits: BatchLimits) -> None:
        """What is written is read as it was."""
        self.assertEqual(self.grammar.parse(self.grammar.render(limits)), limits)

    @settings(max_examples=100)
    @given(st.binary(max_size=40))
    def test_nothingIsRefused(self, octets: bytes) -> None:
        """No peer's limits are an error; at worst they are not there."""
        self.grammar.parse(octets)

    def test_limitsAreRead(self) -> None:
        """The three limits, in any order and case (RFC 9422 section 3)."""
        self.assertEqual(
            self.grammar.parse(b"RCPTMAX=20 mailmax=5 RcptDomainMax=1"),
            BatchLimits(recipients=20, transactions=5, domains=1),
        )

    def test_whatIsNotKnownIsIgnored(self) -> None:
        """
        A limit that is not known, or has a bad value, is ignored; the others
        hold (RFC 9422 section 3.7).
        """
        for word in (
            b"FUTURE",
            b"FUTURE=x",
            b"MAILMAX",
            b"MAILMAX=0",
            b"MAILMAX=05",
            b"MAILMAX=1000000",
            b"MAILMAX=-1",
            b"MAILMAX=1x",
        ):
            self.assertEqual(
                self.grammar.parse(word + b" RCPTMAX=7"), BatchLimits(7), word
            )

    def test_badSyntaxIsNoLimit(self) -> None:
        """What is not in the grammar at all says nothing (section 3.7)."""
        for octets in (None, b"", b"RCPTMAX=7 ", b"RCPTMAX=7  MAILMAX=1", b"RCPT;=1"):
            self.assertEqual(self.grammar.parse(octets), BatchLimits(), octets)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_boundsAreAdvertised(self) -> None:
        """The keyword has the bounds that the core keeps."""
        said = talk(
            [Limits()],
            b"EHLO c.example\r\n",
            bounds=Bounds(recipientsMax=100, transactionsMax=20),
        )
        self.assertEqual(said.last, b"250 LIMITS MAILMAX=20 RCPTMAX=100")

    def test_whatCannotBeSaidIsLeftOut(self) -> None:
        """
        A limit has six digits at most; a larger one is as good as none, and
        without any limit there is no keyword.
        """
        said = talk(
            [Limits()],
            b"EHLO c.example\r\n",
            bounds=Bounds(recipientsMax=1_000_000, transactionsMax=None),
        )
        self.assertEqual(said.last, b"250 mx.example.org")

    def test_domainsAreCountedOverTheSession(self) -> None:
        """
        A domain above the limit is refused, in whatever transaction it comes;
        one that was named before is not counted again (RFC 9422 section 4.3).
        """
        extension = Limits(LimitsSettings(recipientDomainsMax=2))
        said = talk(
            [extension],
            b"EHLO c.example\r\n"
            b"MAIL FROM:<a@c.example>\r\n"
            b"RCPT TO:<one@d.example>\r\n"
            b"RCPT TO:<two@D.EXAMPLE>\r\n"
            b"RCPT TO:<postmaster>\r\n"
            b"RSET\r\n"
            b"MAIL FROM:<a@c.example>\r\n"
            b"RCPT TO:<three@e.example>\r\n"
            b"RCPT TO:<four@f.example>\r\n"
            b"RCPT TO:<five@d.example>\r\n",
        )
        self.assertIn(b"250 LIMITS RCPTMAX=1000 RCPTDOMAINMAX=2", said.replies)
        self.assertEqual(said.codes[3:], [250, 250, 250, 250, 250, 250, 452, 250])
        self.assertIn(
            b"452 4.5.3 Too many recipient domains in one session", said.replies
        )

    def test_limitHasARange(self) -> None:
        """What could not be advertised cannot be set."""
        for value in (0, 1_000_000):
            self.assertRaises(ValueError, LimitsSettings, recipientDomainsMax=value)

    def test_isConfigured(self) -> None:
        """Other settings make another extension."""
        options = LimitsSettings(recipientDomainsMax=3)
        self.assertIs(Limits().configured(options).options, options)

    def test_otherExtensionsAreLeftAlone(self) -> None:
        """It stands beside others."""
        said = talk([Limits(), StartTLS()], b"EHLO c.example\r\n", tlsReady=True)
        self.assertEqual(
            said.replies[-2:], [b"250-LIMITS RCPTMAX=1000", b"250 STARTTLS"]
        )


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def test_noMoreThanThePeerTakesIsSent(self) -> None:
        """
        Recipients above what the peer takes are put off, not sent.
        """
        extension = Limits(LimitsSettings(recipientDomainsMax=1))
        joined = pair([extension], [Limits()], bounds=Bounds(recipientsMax=2)).open()
        joined.deliver(
            Envelope(
                b"a@c.example",
                0.0,
                [
                    Recipient(b"one@d.example"),
                    Recipient(b"two@e.example"),
                    Recipient(b"three@d.example"),
                    Recipient(b"four@d.example"),
                ],
            )
        )
        self.assertEqual(joined.codes, [250, 452, 250, 452])
        self.assertEqual(joined.said.count(b"RCPT"), 2)

    def test_noMoreTransactionsThanThePeerTakes(self) -> None:
        """The next message is for another connection."""
        joined = pair([Limits()], [Limits()], bounds=Bounds(transactionsMax=1)).open()
        for code in (250, 452):
            recipients = [Recipient(b"b@d.example")]
            joined.deliver(Envelope(b"a@c.example", 0.0, recipients))
            self.assertEqual(joined.codes, [code])
        self.assertEqual(joined.said.count(b"MAIL"), 1)

    def test_theRestFollows(self) -> None:
        """
        A long list of recipients goes in as few transactions as the peer lets it,
        over one connection.
        """
        joined = pair([Limits()], [Limits()], bounds=Bounds(recipientsMax=100)).open()
        recipients = [Recipient(b"r%d@d.example" % number) for number in range(250)]
        message = Envelope(b"a@c.example", 0.0, recipients)
        codes: list[int] = []
        while message.recipients:
            joined.deliver(message)
            rest = joined.settled[-1].rest
            codes += joined.codes[: len(message.recipients) - len(rest)]
            message = message.addressedTo(list(rest))
        self.assertEqual(codes, [250] * 250)
        self.assertEqual(joined.said.count(b"MAIL"), 3)

    def test_peerThatDoesNotSay(self) -> None:
        """
        What a peer takes that does not say so is a matter of settings; nothing
        else is limited.
        """
        for server, most in ([], 1000), ([Limits()], 1000), ([], 200):
            extension = Limits(LimitsSettings(recipientsUnsaid=most))
            bounds = Bounds(recipientsMax=1_000_000)
            joined = pair(server, [extension], bounds=bounds).open()
            self.assertEqual(joined.client.limits(), BatchLimits(recipients=most))
        # It says something else: what it does not say is as with the others.
        joined = pair(
            [Limits()],
            [Limits()],
            bounds=Bounds(recipientsMax=1_000_000, transactionsMax=5),
        ).open()
        self.assertEqual(joined.client.limits(), BatchLimits(1000, 5))
        for value in (99, 1_000_000):
            self.assertRaises(ValueError, LimitsSettings, recipientsUnsaid=value)
