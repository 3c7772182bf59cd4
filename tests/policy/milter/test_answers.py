"""
Tests for L{smtpx.policy.milter.answers}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.core.reply import reply
from smtpx.policy.edits import (
    AddRecipient,
    Change,
    ChangeSender,
    FieldPlace,
    Insert,
    Quarantine,
    RemoveRecipient,
)
from smtpx.policy.milter.answers import (
    CLOSING,
    CONTINUE,
    DEFERRED,
    PROGRESS,
    REJECTED,
    Answer,
    NewBody,
    Verdict,
    Wish,
    answer,
    wish,
)
from smtpx.policy.milter.negotiation import ACTIONS, Action

REFUSE = Verdict.REFUSE


class AnswerTests(SynchronousTestCase):
    """What a milter thinks."""

    def test_words(self) -> None:
        """Each in one octet."""
        found = [answer(bytes([each]), b"") for each in b"cadrts4fp"]
        self.assertEqual(
            found,
            [
                CONTINUE,
                Answer(Verdict.ACCEPT),
                Answer(Verdict.DISCARD),
                Answer(REFUSE, REJECTED),
                Answer(REFUSE, DEFERRED),
                Answer(Verdict.SKIP),
                Answer(REFUSE, CLOSING),
                Answer(REFUSE, CLOSING),
                PROGRESS,
            ],
        )

    def test_wordedByIt(self) -> None:
        """A reply of its own, with an enhanced code or without."""
        for said, expected in (
            (b"550 5.7.0 Gtube pattern\0", reply(550, "5.7.0", b"Gtube pattern")),
            (b"451 Come again\0", reply(451, "4.7.1", b"Come again")),
            (b"554\0", reply(554, "5.7.1", b"")),
            (b"554 5.1.1", reply(554, "5.1.1", b"")),
            (b"550 4.7.0 odd\0", reply(550, "5.7.1", b"odd")),
            (b"450 100%% sure\0", reply(450, "4.7.1", b"100% sure")),
            (
                b"550-5.7.0 one\r\n550 5.7.0 two\r\n\0",
                reply(550, "5.7.0", b"one", b"two"),
            ),
        ):
            self.assertEqual(answer(b"y", said), Answer(REFUSE, expected))

    def test_closing(self) -> None:
        """RFC 5321 section 3.8: 421 ends the session."""
        found = answer(b"y", b"421 4.3.2 Enough\0")
        self.assertEqual(
            found, Answer(REFUSE, reply(421, "4.3.2", b"Enough", closes=True))
        )

    def test_notWorded(self) -> None:
        """No reply, none that refuses, several in one, or too long."""
        for said in (
            b"",
            b"\0",
            b"250 OK\0",
            b"x\0",
            b"599 x\0",
            b"550 a\r\n551 b\0",
            b"550 " + b"x" * 980 + b"\0",
            b"\r\n".join([b"550 x"] * 33) + b"\0",
        ):
            with self.assertRaises(Malformed):
                answer(b"y", said)

    def test_unknown(self) -> None:
        """Nothing that a milter says."""
        with self.assertRaises(Malformed):
            answer(b"Z", b"")

    @settings(max_examples=60)
    @given(st.binary(max_size=60))
    def test_noLineOfItsOwn(self, said: bytes) -> None:
        """However it is worded, the client gets one reply."""
        try:
            found = answer(b"y", said)
        except Malformed:
            return
        assert isinstance(found, Answer) and found.reply is not None
        lines = found.reply.octets.split(b"\r\n")[:-1]
        self.assertEqual({each[:3] for each in lines}, {b"%d" % found.reply.code})
        self.assertFalse(any(b"\r" in each or b"\n" in each for each in lines))


class WishTests(SynchronousTestCase):
    """What a milter wants changed."""

    def read(self, code: bytes, said: bytes, exact: bool = False) -> Wish | None:
        """Read one that was agreed on."""
        return wish(code, said, ACTIONS, exact)

    def test_each(self) -> None:
        """All that there is."""
        for code, said, expected in (
            (b"h", b"X-A\0b\0", Insert(b"X-A", b"b", FieldPlace.AT_END)),
            (b"i", b"\0\0\0\x01X-A\0b\0", Insert(b"X-A", b"b", 1)),
            (b"m", b"\0\0\0\x02Subject\0b\0", Change(b"Subject", 2, b"b")),
            (b"b", b"new\r\n", NewBody(b"new\r\n")),
            (b"+", b"<x@example.org>\0", AddRecipient(b"x@example.org")),
            (b"2", b"<x@example.org>\0NOTIFY=NEVER\0", AddRecipient(b"x@example.org")),
            (b"-", b"x@example.org\0", RemoveRecipient(b"x@example.org")),
            (b"e", b"<>\0", ChangeSender(b"")),
            (b"e", b"<x@example.org>\0SIZE=1\0", ChangeSender(b"x@example.org")),
            (b"q", b"a\x07 virus\0", Quarantine("a virus")),
        ):
            self.assertEqual(self.read(code, said), expected)

    def test_blanks(self) -> None:
        """Where that was agreed on, the value has all that stands behind the colon."""
        self.assertEqual(
            self.read(b"h", b"X-A\0b\0", True),
            Insert(b"X-A", b"b", FieldPlace.AT_END, True),
        )

    def test_somethingElse(self) -> None:
        """An answer is no wish."""
        self.assertIsNone(self.read(b"c", b""))

    def test_notAgreedOn(self) -> None:
        """Who does what it has not asked for is not believed."""
        with self.assertRaises(Malformed):
            wish(b"h", b"X-A\0b\0", Action.CHANGE_HEADER, False)

    def test_malformed(self) -> None:
        """Cut short, or with what is no name or address."""
        for code, said in (
            (b"h", b""),
            (b"h", b"X-A\0"),
            (b"h", b"X-A\0b\0c\0"),
            (b"h", b"X A\0b\0"),
            (b"i", b"\0\0\0"),
            (b"i", b"\0\0\0\x01X-A\0b"),
            (b"m", b"\0\0\0\x01"),
            (b"+", b""),
            (b"+", b"<x y@example.org>\0"),
            (b"-", b"<x@example.org>\r\n\0"),
            (b"q", b""),
        ):
            with self.assertRaises(Malformed):
                self.read(code, said)

    @settings(max_examples=60)
    @given(
        st.sampled_from([b"h", b"i", b"m", b"+", b"2", b"-", b"e", b"q"]), st.binary()
    )
    def test_anything(self, code: bytes, said: bytes) -> None:
        """Either it is one, or it is refused."""
        try:
            self.assertIsNotNone(self.read(code, said))
        except Malformed:
            pass
