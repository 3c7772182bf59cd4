"""
Tests for L{smtpx.policy.checkers.rspamd}.
"""

from __future__ import annotations

import json

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.hooks import TLSInfo
from smtpx.policy.checkers.interfaces import IChecker, Message, Opinion, State
from smtpx.policy.checkers.rspamd import (
    SYMBOLS_MOST,
    Rspamd,
    RspamdTerms,
    fieldsOf,
    opinionOf,
)
from smtpx.policy.edits import Change, FieldPlace, Insert, Remove

from ..doubles import sessionFrom
from .ends import FakeEndpoint

#: As rspamd 3.4 says it.
SAID = {
    "is_skipped": False,
    "score": 7.6,
    "required_score": 15.0,
    "action": "add header",
    "symbols": {
        "GOOD": {"name": "GOOD", "score": -0.1, "options": ["a", "b"]},
        "BAYES_SPAM": {"name": "BAYES_SPAM", "score": 7.7, "description": "x"},
    },
    "messages": {"smtp_message": "Try again"},
    "milter": {"remove_headers": {"X-Bad": 0}, "add_headers": {"X-Seen": "yes"}},
}


class OpinionTests(SynchronousTestCase):
    """What the answers of rspamd mean."""

    def opinion(self, changes: bool = False, **more: object) -> Opinion:
        """What it thinks."""
        return opinionOf(200, json.dumps({**SAID, **more}).encode(), changes)

    def test_found(self) -> None:
        """Action, score and symbols, under Exim's names."""
        found = self.opinion().found
        self.assertEqual(
            {
                "spam": True,
                "spam_score": 7.6,
                "spam_score_int": 76,
                "spam_bar": "+++++++",
                "spam_threshold": 15.0,
                "spam_action": "add header",
                "rspamd_symbols": "GOOD BAYES_SPAM",
                "spam_report": "7.70 BAYES_SPAM[]\n-0.10 GOOD[a, b]",
                "rspamd_messages": "Try again",
            },
            found,
        )
        self.assertEqual((), self.opinion().edits)

    def test_noSpam(self) -> None:
        """What only has to come again is not called spam."""
        for action in ("no action", "greylist", "soft reject"):
            self.assertIs(self.opinion(action=action).found["spam"], False)

    def test_changes(self) -> None:
        """What is to be changed in the header, where the operator wants that."""
        edits = self.opinion(True).edits
        self.assertEqual(Remove(b"X-Bad", 1), edits[0])
        self.assertEqual(Insert(b"X-Seen", b"yes", FieldPlace.AT_END), edits[-1])
        milter = {
            "remove_headers": {"A": 2, "B": [1, 3]},
            "add_headers": {
                "C": {"value": "x", "order": 1},
                "D": ["y", {"value": "z"}],
            },
        }
        self.assertEqual(
            (
                Remove(b"A", 2),
                Remove(b"B", 1),
                Remove(b"B", 3),
                Insert(b"C", b"x", 1),
                Insert(b"D", b"y"),
                Insert(b"D", b"z"),
                Change(b"Subject", 1, "*** Spåm".encode()),
            ),
            self.opinion(
                True, milter=milter, subject="*** Spåm", action="rewrite subject"
            ).edits,
        )
        found = self.opinion(subject="*** Spam").found
        self.assertEqual("*** Spam", found["rspamd_subject"])

    def test_nothingBreaksOutOfAField(self) -> None:
        """What cannot be a field is no answer."""
        for name in ("A: b\r\nC", "", "A B"):
            self.assertRaises(
                Malformed, self.opinion, True, milter={"add_headers": {name: "x"}}
            )

    def test_bounds(self) -> None:
        """So many symbols are told, and no more."""
        symbols = {f"S{number}": {"score": 1} for number in range(SYMBOLS_MOST + 1)}
        found = self.opinion(symbols=symbols).found
        self.assertEqual(SYMBOLS_MOST, len(str(found["rspamd_symbols"]).split()))

    def test_oddValues(self) -> None:
        """What is not as it should be is left out, where it does not matter."""
        found = self.opinion(symbols=[], messages=None, milter=1).found
        self.assertEqual("", found["rspamd_symbols"])
        self.assertNotIn("rspamd_messages", found)
        self.assertEqual((), self.opinion(True, milter=1).edits)

    def test_tooLarge(self) -> None:
        """A message that is longer than it wants is an outcome of its own."""
        self.assertIs(State.TOO_LARGE, opinionOf(413, b"").state)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["score", "options", "value", "order", "X", "a b"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
        st.sampled_from(["score", "symbols", "milter", "messages", "subject"]),
    )
    @settings(max_examples=100)
    def test_whateverItSays(self, value: object, name: str) -> None:
        """Whatever stands in an answer, it is one, or it is none."""
        milter = {"add_headers": value, "remove_headers": value}
        given = value if name != "milter" else milter
        try:
            self.opinion(True, **{name: given})
        except Malformed:
            pass

    def test_errors(self) -> None:
        """What is no answer."""
        for status, body in (
            (403, b'{"error":"unauthorized"}'),
            (200, b"pong\r\n"),
            (200, b"[]"),
            (200, b'{"error":"no"}'),
            (200, b'{"action":"reject"}'),
            (200, b'{"action":"reject","score":NaN,"required_score":1}'),
            (200, b'{"action":"reject","score":1%b,"required_score":1}' % (b"0" * 400)),
            (200, b"[" * 100_000),
        ):
            self.assertRaises(Malformed, opinionOf, status, body)


class RspamdTests(SynchronousTestCase):
    """The checker."""

    def test_whatItHasToKnow(self) -> None:
        """The client, the envelope, the login and the settings."""
        tls = TLSInfo(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", bits=128)
        session = sessionFrom(b"192.0.2.1", b"client.example", b"ann", tls)
        session.helo = b"client"
        recipients = [Recipient(b"bob@example.net"), Recipient(b"eve@example.net")]
        envelope = Envelope(b"ann@example.org", 0.0, recipients)
        terms = RspamdTerms("strict", b"secret")
        fields = list(fieldsOf(session, envelope, "1abcde-000000-01", terms))
        for each in (
            (b"IP", b"192.0.2.1"),
            (b"Hostname", b"client.example"),
            (b"Helo", b"client"),
            (b"From", b"<ann@example.org>"),
            (b"Rcpt", b"<bob@example.net>"),
            (b"Rcpt", b"<eve@example.net>"),
            (b"User", b"ann"),
            (b"Queue-Id", b"1abcde-000000-01"),
            (b"MTA-Name", session.name),
            (b"TLS-Version", b"TLSv1.3"),
            (b"Settings-ID", b"strict"),
            (b"Password", b"secret"),
        ):
            self.assertIn(each, fields)

    def test_whatItNeedNot(self) -> None:
        """What is not known is not said."""
        session = sessionFrom(b"unix")
        said = fieldsOf(session, Envelope(b"", 0.0), "", RspamdTerms())
        names = [name for name, _ in said]
        self.assertEqual([b"Host", b"User-Agent", b"From", b"MTA-Name"], names)

    def test_aCheck(self) -> None:
        """It finds spam."""
        endpoint = FakeEndpoint()
        rspamd = Rspamd("rspamd", endpoint)
        self.assertTrue(verifyObject(IChecker, rspamd))
        envelope = Envelope(b"ann@example.org", 0.0)
        check = rspamd.begin(sessionFrom(), envelope, Message("", 5))
        assert check is not None
        check.write(b"hello")
        answer = check.finish()
        self.assertTrue(endpoint.said.startswith(b"POST /checkv2 HTTP/1.1\r\n"))
        self.assertTrue(endpoint.said.endswith(b"\r\nContent-Length: 5\r\n\r\nhello"))
        body = json.dumps(SAID).encode()
        length = b"Content-Length: %d\r\n" % len(body)
        endpoint.say(b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (length, body))
        self.assertTrue(self.successResultOf(answer).found["spam"])
