"""
Tests for L{smtpx.core.rawparameters}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.client import ClientConnection
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import Target
from smtpx.core.profile import ClientProfile
from smtpx.core.rawparameters import RAW, RawParameter, rawOf
from smtpx.extensions.dsn import DSN, NOTIFY, RET
from smtpx.testing.client import ScriptedPeer

OK = b"250 OK\r\n"


def said(envelope: Envelope, *keywords: bytes) -> list[bytes]:
    """The commands for an envelope, to a server that offers these keywords."""
    profile = ClientProfile(name=b"client.example").load([DSN()])
    target = Target(b"mx.example.org", b"192.0.2.25")
    peer = ScriptedPeer(ClientConnection(profile, target))
    peer.open(*keywords)
    out = peer.deliver(envelope, b"x\r\n") + peer.say(OK)
    return out.splitlines()


class RawParameterTests(SynchronousTestCase):
    """Parameters that are said as they stand."""

    def test_notOffered(self) -> None:
        """They are said to a server that does not offer them."""
        recipient = Recipient(b"b@example.org")
        recipient.stamps[RAW] = (RawParameter(b"RRVS", b"2014-04-03T23:01:00Z"),)
        envelope = Envelope(b"a@example.org", 0.0, [recipient])
        envelope.stamps[RAW] = (RawParameter(b"size", b"x"), RawParameter(b"ODD"))
        self.assertEqual(
            said(envelope),
            [
                b"MAIL FROM:<a@example.org> SIZE=x ODD",
                b"RCPT TO:<b@example.org> RRVS=2014-04-03T23:01:00Z",
            ],
        )

    def test_inThePlaceOfAnExtension(self) -> None:
        """What an extension would say of the same parameter is not said, but others."""
        recipient = Recipient(b"b@example.org")
        recipient.stamps[NOTIFY] = b"NEVER"
        recipient.stamps[RAW] = (RawParameter(b"NOTIFY", b"ALWAYS"),)
        envelope = Envelope(b"a@example.org", 0.0, [recipient])
        envelope.stamps[RET] = b"HDRS"
        self.assertEqual(
            said(envelope, b"DSN"),
            [
                b"MAIL FROM:<a@example.org> RET=HDRS",
                b"RCPT TO:<b@example.org> NOTIFY=ALWAYS",
            ],
        )

    def test_none(self) -> None:
        """Usually there are none, and the spool never has any."""
        envelope = Envelope(b"", 0.0)
        self.assertEqual(rawOf(envelope), ())
        envelope.stamps[RAW] = (RawParameter(b"X"),)
        self.assertEqual(envelope.dumpedStamps(), {})
        self.assertEqual(RAW.load("x"), ())

    def test_notOneParameter(self) -> None:
        """What would be more than one parameter, or a command, cannot be said."""
        for text in (b"", b"=x", b"a b", b"A=", b"A=b c", b"A=b\r\nQUIT", b"-A"):
            with self.assertRaises(Malformed):
                RawParameter.parse(text)
        with self.assertRaises(Malformed):
            RawParameter(b"A" * 1001)

    @settings(max_examples=50, deadline=None)
    @given(
        st.from_regex(rb"[A-Z0-9][A-Z0-9-]{0,20}", fullmatch=True),
        st.none() | st.from_regex(rb"[!-~]{1,20}", fullmatch=True),
    )
    def test_readAsWritten(self, keyword: bytes, value: bytes | None) -> None:
        """What is rendered is read as the same."""
        parameter = RawParameter(keyword, value)
        self.assertEqual(RawParameter.parse(parameter.render()), parameter)
