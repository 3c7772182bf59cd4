"""
Tests for L{smtpx.extensions.xforward}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.attributes import Told
from smtpx.core.effects import MaySend
from smtpx.core.hostlist import HostList
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import reply
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.xforward import (
    ADDR,
    ATTRIBUTES,
    FORWARDED,
    NAME,
    XForward,
    XForwardSettings,
)
from smtpx.testing.server import Answers, Said, talk

_HELLO = b"EHLO filter.example\r\n"
_WORDS = b"XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
_MAIL = b"MAIL FROM:<a@c.example>\r\n"
_SEND = _MAIL + b"RCPT TO:<b@d.example>\r\nDATA\r\n.\r\n"
_TOLD = b"XFORWARD NAME=spike.example ADDR=198.51.100.7 PROTO=ESMTP\r\n"
_NO = reply(550, "5.7.1", b"No")


def extension(*items: str) -> XForward:
    """XFORWARD for these hosts."""
    return XForward(XForwardSettings(HostList.parse(items or ("192.0.2.0/24",))))


def filtered(octets: bytes, answers: Answers | None = None) -> Said:
    """What is said to a filter, after its EHLO."""
    return talk([extension()], _HELLO + octets, answers=answers)


class OfferTests(SynchronousTestCase):
    """Whose word is taken."""

    def test_theKeywordIsForListedHosts(self) -> None:
        """With the names of the attributes; others do not see it."""
        self.assertEqual(filtered(b"").last, b"250 " + _WORDS)
        said = talk([extension("192.0.2.2")], _HELLO + _TOLD)
        self.assertEqual(said.replies[1], b"250 mx.example.org")
        self.assertEqual(said.last, b"550 5.7.0 Not for you")

    def test_aVerifiedNameMayBeListed(self) -> None:
        """As far as it is known."""
        said = talk([extension("*.example")])
        said.connection.peerName = b"filter.example"
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 " + _WORDS)

    def test_byDefaultItIsNotThere(self) -> None:
        """Nobody is listed, so it costs nothing and nobody learns of it."""
        self.assertEqual(talk([XForward()], _HELLO + _TOLD).codes, [220, 250, 500])
        self.assertEqual(ServerProfile().load([XForward()]).explain(), [])

    def test_configured(self) -> None:
        """The options are those of the table."""
        options = XForwardSettings(HostList.parse(["*"]))
        self.assertIs(XForward().configured(options).options, options)


class ForwardTests(SynchronousTestCase):
    """What becomes of what is told."""

    def test_itIsOfTheNextMessage(self) -> None:
        """What several commands say of it counts together; then it is over."""
        said = filtered(_TOLD + b"XFORWARD HELO=spike IDENT=3CF6B2AAE8\r\n" + _MAIL)
        self.assertEqual(said.codes[2:], [250, 250, 250])
        session = said.connection
        self.assertEqual(
            session.logFields(),
            (
                ("orig_queue_id", b"3CF6B2AAE8"),
                ("orig_client", b"spike.example[198.51.100.7]"),
            ),
        )
        self.assertEqual(session.variable("xforward_helo"), b"spike")
        self.assertEqual(session.variable("xforward_addr"), b"198.51.100.7")
        self.assertIsNone(session.variable("xforward_source"))
        said.feed(b"RSET\r\n" + _MAIL)
        self.assertEqual(session.logFields(), ())
        self.assertIsNone(session.variable("xforward_helo"))

    def test_itChangesNoFact(self) -> None:
        """The client stays who it is."""
        session = filtered(_TOLD + b"XFORWARD HELO=x PORT=9\r\n" + _MAIL).connection
        self.assertEqual(
            (session.peer, session.peerPort, session.peerName, session.helo),
            (b"192.0.2.1", 40000, None, b"filter.example"),
        )

    def test_itEndsWithTheMessage(self) -> None:
        """The next one on the connection has to be told of anew."""
        said = filtered(_TOLD + _SEND + _MAIL)
        self.assertIn(FORWARDED, said.port.taken[0].stamps)
        self.assertEqual(said.port.taken[0].dumpedStamps(), {})
        self.assertEqual(said.connection.logFields(), ())

    def test_aNewBeginningForgetsIt(self) -> None:
        """RSET, EHLO and HELO, before MAIL."""
        for command in (b"RSET\r\n", _HELLO, b"HELO filter.example\r\n"):
            said = filtered(_TOLD + command + _MAIL)
            self.assertEqual(said.codes[-1], 250)
            self.assertEqual(said.connection.logFields(), ())

    def test_aMAILThatIsRefusedTakesItAlong(self) -> None:
        """It was told of that message, not of the one behind it."""
        answers: Answers = {MaySend: lambda question: _NO}
        said = filtered(_TOLD + _MAIL, answers)
        self.assertEqual(said.codes[-1], 550)
        said.port.answers = {}
        said.feed(_MAIL)
        self.assertEqual(said.connection.logFields(), ())

    def test_howClientsAreShown(self) -> None:
        """As Postfix shows them."""
        for words, fields in (
            (b"NAME=a.example", (("orig_client", b"a.example"),)),
            (b"NAME=[UNAVAILABLE]", (("orig_client", b"unknown"),)),
            (b"ADDR=IPV6:2001:db8::1", (("orig_client", b"unknown[2001:db8::1]"),)),
            (b"ADDR=[UNAVAILABLE] IDENT=[UNAVAILABLE]", ()),
        ):
            said = filtered(b"XFORWARD " + words + b"\r\n" + _MAIL)
            self.assertEqual(said.connection.logFields(), fields, words)

    def test_itMayBePipelined(self) -> None:
        """In the group of its message."""
        said = talk([Pipelining(), extension()], _HELLO)
        said.feed(_TOLD + _SEND.removesuffix(b".\r\n"))
        self.assertEqual(said.codes[2:], [250, 250, 250, 354])
        self.assertEqual(said.connection.variable("xforward_name"), b"spike.example")

    def test_theStampIsReadAsTheCommandIs(self) -> None:
        """Should anybody write it down."""
        told = Told({NAME: b"a.example", ADDR: b"192.0.2.1"})
        self.assertEqual(FORWARDED.load(told.render().decode()), told)


class SyntaxTests(SynchronousTestCase):
    """What is not done."""

    def test_notWithinATransaction(self) -> None:
        """503, and the transaction goes on."""
        said = filtered(_MAIL + _TOLD)
        self.assertEqual(said.last[:9], b"503 5.5.1")
        self.assertIsNotNone(said.connection.envelope)

    def test_nothingHoldsOfABadCommand(self) -> None:
        """But what was told before does."""
        for words, complaint in (
            (b"", b"wants attribute=value"),
            (b" PORT=9 ADDR=x", b"ADDR: wants an IPv4 address, or IPV6: and an IPv6"),
            (b" PORT=9 LOGIN=x", b"no such attribute"),
            (b" PORT=9 SOURCE=HERE", b"SOURCE: wants one of LOCAL, REMOTE"),
        ):
            said = filtered(_TOLD + b"XFORWARD" + words + b"\r\n" + _MAIL)
            self.assertIn(b"501 5.5.4 " + complaint, said.replies[-2])
            self.assertIsNone(said.connection.variable("xforward_port"))
            self.assertEqual(said.connection.variable("xforward_addr"), b"198.51.100.7")

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=80))
    def test_anyOctets(self, octets: bytes) -> None:
        """250 or a refusal, and no trouble."""
        said = filtered(b"XFORWARD " + octets.replace(b"\n", b"") + b"\r\n" + _MAIL)
        said.connection.logFields()
        self.assertEqual(said.port.troubles, [])

    def test_cutAnywhere(self) -> None:
        """The attributes are the same."""
        octets = _TOLD + _MAIL
        for cut in range(1, len(octets)):
            said = talk([Pipelining(), extension()], _HELLO)
            for piece in (octets[:cut], octets[cut:]):
                said.feed(piece)
            name = said.connection.variable("xforward_name")
            self.assertEqual(name, b"spike.example", cut)

    def test_namesAreThose(self) -> None:
        """Of the specification, and no others."""
        self.assertEqual(b"XFORWARD " + b" ".join(ATTRIBUTES.names), _WORDS)
