"""
Tests for L{smtpx.extensions.dsn}.
"""

from __future__ import annotations

from hypothesis import example, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import XTEXT, Malformed
from smtpx.core.hostlist import HostList
from smtpx.extensions.dsn import (
    DSN,
    ENVID,
    NOTIFY,
    ORCPT,
    PARAMETERS,
    RET,
    DSNSettings,
)
from smtpx.extensions.eightbitmime import EightBitMIME
from smtpx.extensions.smtputf8 import SMTPUTF8, UTF8
from smtpx.testing.pair import pair
from smtpx.testing.server import Said, talk

_RET, _ENVID, _NOTIFY, _ORCPT = (parameter.grammar for parameter in PARAMETERS)
_PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
_ADDRESS = "δοκιμή@παράδειγμα.example"


def _talk(octets: bytes, dsn: DSN | None = None) -> Said:
    extensions = [EightBitMIME(), dsn or DSN(), SMTPUTF8()]
    return talk(extensions, b"EHLO c.example\r\n" + octets)


class GrammarTests(SynchronousTestCase):
    """The four values, which are kept as they stood on the wire."""

    @settings(max_examples=50)
    @given(_PRINTABLE)
    def test_areTheirOwnInverse(self, text: str) -> None:
        """What is written is read as it was, octet for octet."""
        xtext = XTEXT.render(text.encode("ascii"))
        assert xtext is not None
        for grammar, value in (
            (_RET, b"Full"),
            (_NOTIFY, b"success,DELAY"),
            (_ENVID, xtext[:99].rpartition(b"+")[0] or b"x"),
            (_ORCPT, b"rfc822;" + xtext[:90].rpartition(b"+")[0] + b"x"),
        ):
            self.assertEqual(grammar.parse(value), value)
            self.assertEqual(grammar.render(value), value)

    @settings(max_examples=100)
    @given(st.binary(max_size=40))
    @example(b"utf-8;\xff")
    @example(b"rfc822;+0A")
    def test_badValuesAreMalformed(self, octets: bytes) -> None:
        """Whatever is not taken as it is raises L{Malformed}."""
        for grammar in (_RET, _ENVID, _NOTIFY, _ORCPT):
            try:
                self.assertEqual(grammar.parse(octets), octets)
            except Malformed:
                continue

    def test_RETIsOneOfTwo(self) -> None:
        """FULL or HDRS, in any case (RFC 3461 section 4.3)."""
        for value in (b"FULL", b"hdrs", b"Hdrs"):
            self.assertEqual(_RET.parse(value), value)
        for bad in (None, b"", b"BODY", b"FULL,HDRS"):
            self.assertRaises(Malformed, _RET.parse, bad)

    def test_ENVIDIsShortAndPrintable(self) -> None:
        """At most 100 characters, of printable ASCII as xtext (section 4.4)."""
        for value in (b"QQ314159", b"a+20b+3Dc+2B", b"x" * 100, b"+41" * 33):
            self.assertEqual(_ENVID.parse(value), value)
        for bad in (
            None,
            b"",
            b"x" * 101,
            b"a+0Ab",
            b"a+0D",
            b"+00",
            b"+7F",
            b"+E9",
            b"a+3db",
            b"a+",
            b"a+4",
            b"a=b",
            b"\xc3\xa9",
        ):
            self.assertRaises(Malformed, _ENVID.parse, bad)

    def test_NOTIFYIsNeverOrSomeOfThree(self) -> None:
        """NEVER stands by itself, the others once each (section 4.1)."""
        for value in (
            b"NEVER",
            b"never",
            b"SUCCESS",
            b"Success,Failure,Delay",
            b"DELAY,SUCCESS",
        ):
            self.assertEqual(_NOTIFY.parse(value), value)
        for bad in (
            None,
            b"",
            b"ALWAYS",
            b"NEVER,SUCCESS",
            b"NEVER,NEVER",
            b"SUCCESS,SUCCESS",
            b"SUCCESS,",
            b",",
            b"SUCCESS;DELAY",
        ):
            self.assertRaises(Malformed, _NOTIFY.parse, bad)

    def test_ORCPTHasATypeAndAnAddress(self) -> None:
        """C{addr-type;xtext}, at most 500 characters (section 4.2)."""
        for value in (
            b"rfc822;Carol@Ivory.EDU",
            b"x400;/C+3DUS/",
            b"rfc822;a+2Bb@c.example",
            b"x;" + b"y" * 498,
        ):
            self.assertEqual(_ORCPT.parse(value), value)
        for bad in (
            None,
            b"",
            b"rfc822",
            b"rfc822;",
            b";a@b.example",
            b"rfc(822;a",
            b"rfc822;a b",
            b"rfc822;a+0D+0Ab",
            b"rfc822;\xc3\xa9",
            b"x;" + b"y" * 499,
        ):
            self.assertRaises(Malformed, _ORCPT.parse, bad)

    def test_ORCPTMayBeUTF8(self) -> None:
        """The type C{utf-8}, in any of its three forms (RFC 6533 section 3)."""
        for text in (
            f"utf-8;{_ADDRESS}",
            "UTF-8;user+tag@d.example",
            r"utf-8;\x{3B4}@d.example",
        ):
            self.assertEqual(_ORCPT.parse(text.encode()), text.encode())
        for bad in ("utf-8;", "utf-8;a b", "utf-8;a=b", "utf-8;a\x7f", "utf-8;a\x85"):
            self.assertRaises(Malformed, _ORCPT.parse, bad.encode())
        self.assertRaises(Malformed, _ORCPT.parse, b"utf-8;\xff\xfe")


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOffered(self) -> None:
        """The keyword stands in the EHLO response, alone."""
        said = talk([DSN()], b"EHLO c.example\r\n")
        self.assertEqual(said.last, b"250 DSN")

    def test_valuesAreNoted(self) -> None:
        """As they stood on the wire, on the envelope and on each recipient."""
        said = _talk(
            b"MAIL FROM:<a@c.example> RET=hdrs ENVID=Q+2B1+41\r\n"
            b"RCPT TO:<b@d.example> NOTIFY=Success,DELAY ORCPT=rfc822;B+40d.example\r\n"
            b"RCPT TO:<e@d.example>\r\nDATA\r\n.\r\n"
        )
        [envelope] = said.port.taken
        self.assertEqual(
            envelope.dumpedStamps(), {"dsn-ret": "hdrs", "dsn-envid": "Q+2B1+41"}
        )
        self.assertEqual(
            [recipient.dumpedStamps() for recipient in envelope.recipients],
            [
                {"dsn-notify": "Success,DELAY", "dsn-orcpt": "rfc822;B+40d.example"},
                {},
            ],
        )

    def test_badValuesAre501(self) -> None:
        """RFC 3461 section 5.1 (a) and (b)."""
        for command in (
            b"MAIL FROM:<a@c.example> RET=BODY",
            b"MAIL FROM:<a@c.example> RET=FULL RET=FULL",
            b"MAIL FROM:<a@c.example> ENVID=" + b"x" * 101,
            b"MAIL FROM:<a@c.example> ENVID=1 ENVID=1",
        ):
            self.assertEqual(_talk(command + b"\r\n").last[:9], b"501 5.5.4", command)
        for parameter in (
            b"NOTIFY=NEVER,SUCCESS",
            b"NOTIFY=NEVER NOTIFY=NEVER",
            b"ORCPT=b@d.example",
            b"ORCPT=rfc822;b ORCPT=rfc822;b",
        ):
            said = _talk(
                b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example> "
                + parameter
                + b"\r\n"
            )
            self.assertEqual(said.last[:9], b"501 5.5.4", parameter)

    def test_parametersStandWhereTheyBelong(self) -> None:
        """RET is none of RCPT's, NOTIFY none of MAIL's."""
        said = _talk(b"MAIL FROM:<a@c.example> NOTIFY=NEVER\r\n")
        self.assertEqual(said.last[:9], b"555 5.5.4")
        said = _talk(b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example> RET=FULL\r\n")
        self.assertEqual(said.last[:9], b"555 5.5.4")

    def test_longestLinesAreTaken(self) -> None:
        """The lines may be as long as the values allow."""
        said = _talk(
            b"MAIL FROM:<a@c.example> RET=FULL ENVID=" + b"x" * 100 + b"\r\n"
            b"RCPT TO:<b@d.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;"
            + b"y" * 493
            + b"\r\n"
        )
        self.assertEqual(said.codes[-2:], [250, 250])

    def test_UTF8HasToBeAllowed(self) -> None:
        """An ORCPT in UTF-8 is for transactions with SMTPUTF8."""
        rcpt = f"RCPT TO:<b@d.example> ORCPT=utf-8;{_ADDRESS}\r\n".encode()
        said = _talk(b"MAIL FROM:<a@c.example> SMTPUTF8\r\n" + rcpt)
        self.assertEqual(said.codes[-1], 250)
        said = _talk(b"MAIL FROM:<a@c.example>\r\n" + rcpt)
        self.assertEqual(said.last[:9], b"501 5.5.4")


def envelopeFor(orcpt: str = "rfc822;B+40d.example") -> Envelope:
    """
    An envelope with all of DSN's notes.

    @param orcpt: what ORCPT was.
    """
    recipient = Recipient(b"b@d.example")
    recipient.stamps[NOTIFY] = b"success,Delay"
    recipient.stamps[ORCPT] = orcpt.encode()
    envelope = Envelope(b"a@c.example", 0.0, [recipient])
    envelope.stamps[RET] = b"full"
    envelope.stamps[ENVID] = b"Q+2B1+41"
    return envelope


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def test_valuesAreRelayedUnchanged(self) -> None:
        """Octet for octet (RFC 3461 section 5.2.1)."""
        joined = pair([DSN()], [DSN()]).open()
        joined.deliver(envelopeFor())
        self.assertIn(
            b"MAIL FROM:<a@c.example> RET=full ENVID=Q+2B1+41\r\n"
            b"RCPT TO:<b@d.example> NOTIFY=success,Delay"
            b" ORCPT=rfc822;B+40d.example\r\n",
            joined.said,
        )
        self.assertEqual(joined.codes, [250])
        self.assertEqual(joined.taken[0].stamps[ENVID], b"Q+2B1+41")

    def test_nothingIsAdded(self) -> None:
        """What was not there is not supplied (section 5.2.1 (a) to (c))."""
        joined = pair([DSN()], [DSN()]).open()
        recipients = [Recipient(b"b@d.example")]
        joined.deliver(Envelope(b"a@c.example", 0.0, recipients))
        self.assertIn(
            b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n", joined.said
        )

    def test_hostWithoutTheKeywordIsToldNothing(self) -> None:
        """Section 5.2.2 (a)."""
        joined = pair([], [DSN()]).open()
        joined.deliver(envelopeFor())
        self.assertIn(
            b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n", joined.said
        )
        self.assertEqual(joined.codes, [250])

    def test_UTF8IsSpelledInASCIIWhereItHasToBe(self) -> None:
        """
        A host without SMTPUTF8 gets utf-8-addr-xtext (RFC 6533 section 3), in
        which what is embedded already stays.
        """
        envelope = envelopeFor("utf-8;é+\\x{3B4}\\y@d.example")
        joined = pair([DSN()], [DSN()]).open()
        joined.deliver(envelope)
        self.assertIn(
            rb" ORCPT=utf-8;\x{E9}\x{2B}\x{3B4}\x{5C}y@d.example", joined.said
        )
        self.assertEqual(joined.codes, [250])

    def test_UTF8TooLongInASCII(self) -> None:
        """What would be longer than a parameter may be there is left out."""
        envelope = envelopeFor("utf-8;" + "\u4e2d" * 100 + "@d.example")
        joined = pair([DSN()], [DSN()]).open()
        joined.deliver(envelope)
        self.assertNotIn(b"ORCPT", joined.said)
        self.assertEqual(joined.codes, [250])

    def test_UTF8GoesAsItIsWhereItMay(self) -> None:
        """A host with SMTPUTF8 gets what we got."""
        extensions = [EightBitMIME(), DSN(), SMTPUTF8()]
        envelope = envelopeFor(f"utf-8;{_ADDRESS}")
        envelope.stamps[UTF8] = True
        joined = pair(extensions, extensions).open()
        joined.deliver(envelope)
        self.assertIn(f" ORCPT=utf-8;{_ADDRESS}\r\n".encode(), joined.said)
        self.assertEqual(joined.codes, [250])


class HostsTests(SynchronousTestCase):
    """Who is offered it."""

    def test_notOffered(self) -> None:
        """Who is not offered it cannot use it; who is, can."""
        for hosts, offered in ((["192.0.2.7"], False), (["*"], True)):
            made = DSN().configured(DSNSettings(HostList.parse(hosts)))
            joined = pair([made], [DSN()]).open()
            envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
            envelope.stamps[ENVID] = b"x"
            joined.deliver(envelope)
            self.assertEqual(b" ENVID=x" in joined.said, offered)
            self.assertEqual(joined.codes, [250])
            said = _talk(b"MAIL FROM:<a@c.example> ENVID=x\r\n", made)
            self.assertEqual(555 in said.codes, not offered)
