"""Tests for L{smtpx.extensions.dsn}: what the queue asks."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import Action, News, ReportWish
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.dsn import (
    CAPABILITY,
    DSN,
    NOTIFY,
    ORCPT,
    PARAMETERS,
    RET,
    embedded,
    unembedded,
)

from .test_dsn import envelopeFor

_ADDRESS = "δοκιμή@παράδειγμα.example"


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
            self.fields(envelopeFor()),
            [
                ("Original-Envelope-Id", "Q+1A"),
                ("Original-Recipient", "rfc822;B@d.example"),
            ],
        )

    def test_fieldsAreASCII(self) -> None:
        """An address in UTF-8 is spelled in ASCII (RFC 6533 section 3)."""
        self.assertEqual(
            self.fields(envelopeFor("Utf-8;é@d.example"))[1],
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
            envelopeFor(f"utf-8;{_ADDRESS}").recipients[0].dumpedStamps(),
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
