"""
Tests for L{smtpx.extensions.dsn}.
"""

from __future__ import annotations

from hypothesis import example, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.grammar import XTEXT, Malformed
from smtpx.core.hooks import Action, News, ReportWish
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.dsn import (
    CAPABILITY,
    DSN,
    ENVID,
    NOTIFY,
    ORCPT,
    PARAMETERS,
    RET,
    DSNSettings,
    embedded,
    unembedded,
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


def _envelope(orcpt: str = "rfc822;B+40d.example") -> Envelope:
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
        joined.deliver(_envelope())
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
        joined.deliver(_envelope())
        self.assertIn(
            b"MAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n", joined.said
        )
        self.assertEqual(joined.codes, [250])

    def test_UTF8IsSpelledInASCIIWhereItHasToBe(self) -> None:
        """
        A host without SMTPUTF8 gets utf-8-addr-xtext (RFC 6533 section 3), in
        which what is embedded already stays.
        """
        envelope = _envelope("utf-8;é+\\x{3B4}\\y@d.example")
        joined = pair([DSN()], [DSN()]).open()
        joined.deliver(envelope)
        self.assertIn(
            rb" ORCPT=utf-8;\x{E9}\x{2B}\x{3B4}\x{5C}y@d.example", joined.said
        )
        self.assertEqual(joined.codes, [250])

    def test_UTF8TooLongInASCII(self) -> None:
        """What would be longer than a parameter may be there is left out."""
        envelope = _envelope("utf-8;" + "\u4e2d" * 100 + "@d.example")
        joined = pair([DSN()], [DSN()]).open()
        joined.deliver(envelope)
        self.assertNotIn(b"ORCPT", joined.said)
        self.assertEqual(joined.codes, [250])

    def test_UTF8GoesAsItIsWhereItMay(self) -> None:
        """A host with SMTPUTF8 gets what we got."""
        extensions = [EightBitMIME(), DSN(), SMTPUTF8()]
        envelope = _envelope(f"utf-8;{_ADDRESS}")
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


class QueueTests(SynchronousTestCase):
    """What the queue asks."""

    def setUp(self) -> None:
        """A queue with this extension alone."""
        self.queue = QueueProfile().load([DSN()])

    def wishes(self, ret: bytes | None, notify: bytes | None) -> list[ReportWish]:
        """
        The wishes on a failure, a delay, a relaying, a delivery and an expansion.
        """
        recipient = Recipient(b"b@d.example")
        envelope = Envelope(b"a@c.example", 0.0, [recipient])
        if ret is not None:
            envelope.stamps[RET] = ret
        if notify is not None:
            recipient.stamps[NOTIFY] = notify
        return [
            self.queue.wishFor(envelope, recipient, News(action))
            for action in (
                Action.FAILED,
                Action.DELAYED,
                Action.RELAYED,
                Action.DELIVERED,
                Action.EXPANDED,
            )
        ]

    def test_withoutParametersThereIsNoWish(self) -> None:
        """What is usual stays usual."""
        self.assertEqual(self.wishes(None, None), [ReportWish()] * 5)

    def test_NOTIFYSaysWhich(self) -> None:
        """Each word is for its kind of report, NEVER for none (section 4.1)."""
        for notify, sends in (
            (b"NEVER", [False, False, False, False, False]),
            (b"failure", [True, False, None, None, None]),
            (b"DELAY", [False, True, None, None, None]),
            (b"SUCCESS", [False, False, True, True, True]),
            (b"SUCCESS,FAILURE,DELAY", [True, True, True, True, True]),
        ):
            found = [wish.send for wish in self.wishes(None, notify)]
            self.assertEqual(found, sends, notify)

    def test_aHostWithDSNTellsItself(self) -> None:
        """
        Whatever success was asked for, it is not ours to tell (section 5.2.1); but
        NEVER is an opinion on what others would tell.
        """
        offers = frozenset({CAPABILITY.keyword})
        for notify, send in (
            (b"SUCCESS,FAILURE", None),
            (b"FAILURE", None),
            (b"NEVER", False),
        ):
            recipient = Recipient(b"b@d.example")
            recipient.stamps[NOTIFY] = notify
            envelope = Envelope(b"a@c.example", 0.0, [recipient])
            wish = self.queue.wishFor(envelope, recipient, News(Action.RELAYED, offers))
            self.assertEqual(wish.send, send)

    def test_RETSaysHowMuch(self) -> None:
        """
        HDRS holds for all, FULL for reports of failure only (section 4.3).
        """
        for ret, full in (
            (b"Full", [True, None, None, None, None]),
            (b"hdrs", [False, False, False, False, False]),
        ):
            found = [wish.full for wish in self.wishes(ret, b"FAILURE")]
            self.assertEqual(found, full, ret)
            self.assertEqual([wish.full for wish in self.wishes(ret, None)], full, ret)

    def test_nobodyIsNobody(self) -> None:
        """The null sender gets no report, whatever was asked (section 5.2)."""
        recipient = Recipient(b"b@d.example")
        recipient.stamps[NOTIFY] = b"FAILURE"
        envelope = Envelope(b"", 0.0, [recipient])
        wish = self.queue.wishFor(envelope, recipient, News(Action.FAILED))
        self.assertEqual(wish, ReportWish(send=False))

    def fields(self, envelope: Envelope) -> list[tuple[str, str]]:
        """The fields of the message, then those of its recipient."""
        return [
            pair
            for make in self.queue.fieldMakers
            for which in (None, envelope.recipients[0])
            for pair in make(envelope, which)
        ]

    def test_fieldsAreDecoded(self) -> None:
        """A report has no xtext (RFC 3464 section 2.2.1, section 2.3.1)."""
        self.assertEqual(
            self.fields(_envelope()),
            [
                ("Original-Envelope-Id", "Q+1A"),
                ("Original-Recipient", "rfc822;B@d.example"),
            ],
        )

    def test_fieldsAreASCII(self) -> None:
        """An address in UTF-8 is spelled in ASCII (RFC 6533 section 3)."""
        self.assertEqual(
            self.fields(_envelope("Utf-8;é@d.example"))[1],
            ("Original-Recipient", r"utf-8;\x{E9}@d.example"),
        )

    @settings(max_examples=50)
    @given(st.text(alphabet="aZ09.@é中\U0001f600+=\\", min_size=1))
    def test_anASCIISpellingCanBeReadBack(self, text: str) -> None:
        """Where a report may have UTF-8, the address stands in it as it is."""
        self.assertTrue(embedded(text).isascii())
        self.assertEqual(unembedded(embedded(text)), text)

    def test_whatIsNoAddressStaysSpelled(self) -> None:
        """Controls, spaces, surrogates, and what is no character at all."""
        for text in (r"\x{0A}", r"\x{20}", r"\x{85}", r"\x{D800}", r"\x{110000}"):
            self.assertEqual(unembedded(text), text)

    def test_fieldsAreThereOnlyIfTheyWereGiven(self) -> None:
        """Nothing is made up."""
        envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
        self.assertEqual(self.fields(envelope), [])

    def test_notesAreKept(self) -> None:
        """The spool can read all four back, octet for octet."""
        self.assertGreaterEqual(
            set(self.queue.stamps), {"dsn-ret", "dsn-envid", "dsn-notify", "dsn-orcpt"}
        )
        kept = Recipient(b"b@d.example")
        kept.stamps.load(
            self.queue.stamps,
            _envelope(f"utf-8;{_ADDRESS}").recipients[0].dumpedStamps(),
        )
        self.assertEqual(kept.stamps[ORCPT], f"utf-8;{_ADDRESS}".encode())

    def redirected(
        self, path: bytes, several: bool, **given: bytes
    ) -> tuple[bytes | None, bytes | None]:
        """NOTIFY and ORCPT of one of those whom an alias leads to."""
        recipient = Recipient(path)
        for stamp in (NOTIFY, ORCPT):
            if stamp.name[4:] in given:
                recipient.stamps[stamp] = given[stamp.name[4:]]
        other = self.queue.redirected(recipient, b"b@d.example", several)
        self.assertEqual(recipient.stamps.get(NOTIFY), given.get("notify"))
        return other.stamps.get(NOTIFY), other.stamps.get(ORCPT)

    def test_singleAliasPassesEverythingOn(self) -> None:
        """Section 5.2.7.2: as if the alias were not there."""
        self.assertEqual(
            self.redirected(
                b"info@a.example", False, notify=b"SUCCESS", orcpt=b"rfc822;x@y"
            ),
            (b"SUCCESS", b"rfc822;x@y"),
        )

    def test_aliasOfSeveralKeepsSuccessToItself(self) -> None:
        """Section 5.2.7.3 (c): nobody is told of a success once for each."""
        for notify, passed in (
            (b"SUCCESS", b"NEVER"),
            (b"FAILURE,success,DELAY", b"FAILURE,DELAY"),
            (b"NEVER", b"NEVER"),
        ):
            found, _ = self.redirected(b"info@a.example", True, notify=notify)
            self.assertEqual(found, passed)
        self.assertEqual(self.redirected(b"info@a.example", True)[0], None)

    def test_aliasIsTheOriginalRecipient(self) -> None:
        """Without ORCPT it is the address that the client gave (section 4.2)."""
        for path, orcpt in (
            (b"a+b@d.example", b"rfc822;a+2Bb@d.example"),
            (b'"a b"@d.example', b'rfc822;"a+20b"@d.example'),
            ("é=@d.example".encode(), rb"utf-8;\x{E9}\x{3D}@d.example"),
        ):
            found = self.redirected(path, False)
            self.assertEqual(found, (None, orcpt))
            parameter = next(each for each in PARAMETERS if each.keyword == b"ORCPT")
            self.assertEqual(parameter.grammar.parse(orcpt), orcpt)

    def test_aliasTooLongForORCPT(self) -> None:
        """What does not fit into ORCPT is left out."""
        path = b'"%b"@d.example' % (b" " * 200)
        self.assertEqual(self.redirected(path, False), (None, None))
