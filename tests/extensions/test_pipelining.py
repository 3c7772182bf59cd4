"""
Tests for L{smtpx.extensions.pipelining}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.extensions.pipelining import Pipelining
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import talk

_GROUP = (
    b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\nRCPT TO:<e@d.example>\r\n"
    b"DATA\r\n"
)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        said = talk([Pipelining()], b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 PIPELINING")

    def test_aGroupIsAnsweredInOrder(self) -> None:
        """MAIL, RCPT and DATA in one flight, with one write for an answer."""
        said = talk([Pipelining()], b"EHLO c.example\r\n")
        answer = said.feed(_GROUP)
        self.assertEqual(
            answer,
            b"250 2.0.0 OK\r\n" * 3 + b"354 End data with <CR><LF>.<CR><LF>\r\n",
        )

    def test_theNextMessageFollowsTheDot(self) -> None:
        """
        The content may be the first of the next group (RFC 2920 section 3.1).
        """
        said = talk([Pipelining()], b"EHLO c.example\r\n" + _GROUP)
        said.feed(b"x\r\n.\r\n" + _GROUP)
        self.assertEqual(said.codes[-5:], [250, 250, 250, 250, 354])
        self.assertEqual(said.port.bodies, [b"x\r\n"])

    def test_withoutItAGroupIsRefused(self) -> None:
        """Who was not told that it may does not send in groups."""
        said = talk([], b"EHLO c.example\r\n")
        said.feed(_GROUP)
        self.assertEqual(said.last, b"554 5.5.0 SMTP synchronisation error")
        self.assertTrue(said.connection.closed)

    def test_withoutEHLOAGroupIsRefused(self) -> None:
        """HELO offers nothing."""
        said = talk([Pipelining()], b"HELO c.example\r\n")
        said.feed(_GROUP)
        self.assertTrue(said.connection.closed)

    def test_someCommandsEndAGroup(self) -> None:
        """
        EHLO and DATA are the last of their group (RFC 2920 section 3.1): the
        client has to see what they are answered.
        """
        for command in (b"EHLO c.example\r\n", _GROUP):
            said = talk([Pipelining()], b"EHLO c.example\r\n")
            said.feed(command + b"NOOP\r\n")
            self.assertEqual(said.last, b"554 5.5.0 SMTP synchronisation error")

    def test_thereIsNothingToSet(self) -> None:
        """It has no options."""
        extension = Pipelining()
        self.assertIs(extension.configured(None), extension)


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def delivered(self, *server: Pipelining) -> Pair:
        """One message to two recipients, of whom all is well."""
        joined = pair(server, [Pipelining()]).open()
        recipients = [Recipient(b"b@d.example"), Recipient(b"e@d.example")]
        joined.deliver(Envelope(b"a@c.example", 0.0, recipients), b"x\r\n")
        self.assertEqual(joined.codes, [250, 250])
        self.assertEqual(joined.bodies, [b"x\r\n"])
        return joined

    def test_commandsGoInOneFlight(self) -> None:
        """EHLO, the group, the body: three round trips, as long as it is offered."""
        joined = self.delivered(Pipelining())
        self.assertEqual(joined.roundTrips, 3)
        self.assertEqual(joined.recorded, (("L", True),))

    def test_withoutItCommandsGoOneByOne(self) -> None:
        """EHLO, MAIL, RCPT, RCPT, DATA, the body."""
        joined = self.delivered()
        self.assertEqual(joined.roundTrips, 6)
        self.assertEqual(joined.recorded, ())
