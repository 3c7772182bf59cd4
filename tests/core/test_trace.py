"""
Tests for L{smtpx.core.trace}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import MayConnect, MayReceive, MaySend, OpenBody
from smtpx.core.envelope import Recipient
from smtpx.core.hooks import Dialect, TLSInfo
from smtpx.core.reply import reply
from smtpx.core.trace import LOCAL, Origin, origin, protocol, received
from smtpx.testing.server import talk

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
BEGIN = HELLO + MAIL + b"RCPT TO:<c@d.example>\r\n"
MESSAGE = BEGIN + b"DATA\r\nX-Watched: 1\r\n\r\nx\r\n.\r\n"
NO = reply(550, "5.7.1", b"No")
BETTER = reply(250, "2.1.0", b"Better")
BROKEN = b"451 4.3.0 Local error in processing"


class TraceTests(SynchronousTestCase):
    """
    Tests for L{smtpx.core.trace}.
    """

    def test_protocol(self) -> None:
        """The protocol's name has a letter for each thing that is true."""
        session = talk([]).connection
        self.assertEqual(protocol(session), "smtp")
        session.extended = True
        self.assertEqual(protocol(session), "esmtp")
        session.secured = TLSInfo()
        self.assertEqual(protocol(session), "esmtps")
        session.identity = b"me"
        session.obliged = True
        session.utf8Addresses = True
        self.assertEqual(protocol(session), "utf8esmtpSa")
        session.mechanism = LOCAL
        self.assertEqual(protocol(session), "local")

    def test_protocolOfLMTP(self) -> None:
        """RFC 3848 and RFC 6531 section 4.3 have the same letters for LMTP."""
        session = talk([], b"LHLO c.example\r\n", dialect=Dialect.LMTP).connection
        self.assertEqual(protocol(session), "lmtp")
        session.secured = TLSInfo()
        session.identity = b"me"
        self.assertEqual(protocol(session), "lmtpsa")
        session.utf8Addresses = True
        self.assertEqual(protocol(session), "utf8lmtpsa")

    def test_received(self) -> None:
        """
        The field names the client, us, the protocol, the id, and the recipient
        only where there is one.
        """
        said = talk([], BEGIN)
        session = said.connection
        envelope = session.envelope
        assert envelope is not None
        session.secured = TLSInfo(suite="TLS_AES_128_GCM_SHA256")
        field = received(session, envelope, "ID", (("PRIORITY", "1"),))
        lines = field.split(b"\r\n")
        self.assertEqual(
            lines[:4],
            [
                b"Received: from c.example ([192.0.2.1])",
                b"\tby mx.example.org with esmtps tls TLS_AES_128_GCM_SHA256"
                b" PRIORITY 1",
                b"\tid ID",
                b"\tfor <c@d.example>;",
            ],
        )
        self.assertEqual(lines[5:], [b""])
        envelope.recipients.append(Recipient(b"e@f.example"))
        session.secured = TLSInfo()
        session.peer, session.peerName = b"2001:db8::1", b"client.example"
        field = received(session, envelope, "ID")
        self.assertIn(b"(client.example [IPv6:2001:db8::1])", field)
        self.assertNotIn(b"for <", field)
        self.assertIn(b"with esmtps\r\n", field)
        session.peerName = None
        for nowhere in (b"", b"unknown"):
            session.peer = nowhere
            field = received(session, envelope, "ID")
            self.assertIn(b"from c.example (unknown)", field)
        session.identity, session.mechanism = b"ann", LOCAL
        field = received(session, envelope, "ID")
        start = b"Received: from ann (local user)\r\n\tby mx.example.org with local\r\n"
        self.assertTrue(field.startswith(start), field)

    def test_readBack(self) -> None:
        """What the field says of the client is read again."""
        session = talk([], BEGIN).connection
        envelope = session.envelope
        assert envelope is not None
        for peer in (b"192.0.2.1", b"2001:db8::1"):
            session.peer = peer
            self.assertEqual(
                origin(received(session, envelope, "ID")),
                Origin(b"c.example", None, peer, b"esmtp"),
            )
        session.peerName = b"host.example"
        self.assertEqual(
            origin(received(session, envelope, "ID")),
            Origin(b"c.example", b"host.example", b"2001:db8::1", b"esmtp"),
        )
        session.peer, session.peerName, session.helo = b"", None, b""
        self.assertEqual(
            origin(received(session, envelope, "ID")),
            Origin(b"unknown", None, None, b"esmtp"),
        )

    def test_readBackOurOwn(self) -> None:
        """A message of our own came from nobody."""
        self.assertIsNone(origin(b"From: <>\r\nReceived: from a ([1.2.3.4])\r\n"))

    def test_questions(self) -> None:
        """The core's questions carry the session and what they are about."""
        said = talk([], BEGIN + b"DATA\r\n")
        kinds = [type(asked) for asked in said.port.asked]
        self.assertEqual(kinds, [MayConnect, MaySend, MayReceive, OpenBody])
        for asked in said.port.asked:
            self.assertIs(asked.session, said.connection)  # type: ignore[attr-defined]  # all have one
