"""
Tests for L{smtpx.policy.checkers.spamd} and L{smtpx.policy.checkers.scores}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.errors import Malformed
from smtpx.policy.checkers.interfaces import IChecker, Message
from smtpx.policy.checkers.scores import BAR_MOST, bar
from smtpx.policy.checkers.spamd import (
    ANSWER_OCTETS,
    REPORT_MOST,
    Spamd,
    opinionOf,
    spamdWire,
)
from smtpx.policy.checkers.wires import IWire

from ..doubles import sessionFrom
from .ends import FakeEndpoint

SPAM = (
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: 15\r\nSpam: True ; 7.5 / 5.0\r\n\r\n"
    b"Content preview"
)


class SpamdWireTests(SynchronousTestCase):
    """What is said to spamd, and what its answers mean."""

    def test_withALength(self) -> None:
        """The length is told where it is known, with what stands above."""
        wire = spamdWire(b"X: y\r\n", 20, "ann")
        self.assertTrue(verifyObject(IWire, wire))
        self.assertEqual(
            b"REPORT SPAMC/1.5\r\nContent-length: 26\r\nUser: ann\r\n\r\nX: y\r\n",
            wire.begin(),
        )
        data = b"hello"
        self.assertIs(data, wire.piece(data)[0])
        self.assertEqual(b"", wire.end())

    def test_withoutALength(self) -> None:
        """Otherwise the end of what we say is the message's."""
        self.assertEqual(b"REPORT SPAMC/1.5\r\n\r\n", spamdWire(b"", None).begin())

    def test_spam(self) -> None:
        """A verdict, wherever it is cut."""
        for cut in range(len(SPAM)):
            wire = spamdWire(b"", None)
            self.assertIsNone(wire.feed(SPAM[:cut]))
            self.assertIsNone(wire.feed(SPAM[cut:]))
            self.assertEqual(
                {
                    "spam": True,
                    "spam_score": 7.5,
                    "spam_score_int": 75,
                    "spam_bar": "+++++++",
                    "spam_threshold": 5.0,
                    "spam_action": "reject",
                    "spam_report": "Content preview",
                },
                wire.closed().found,
            )

    def test_ham(self) -> None:
        """What is no spam may have a score below zero."""
        found = opinionOf(
            b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; -2.1 / 5.0\r\n\r\n"
        ).found
        self.assertIs(found["spam"], False)
        self.assertEqual("--", found["spam_bar"])
        self.assertEqual(-21, found["spam_score_int"])
        self.assertEqual("no action", found["spam_action"])

    def test_bars(self) -> None:
        """A bar is never long."""
        self.assertEqual("/", bar(0.9))
        self.assertEqual("+" * BAR_MOST, bar(1000.0))

    def test_longReports(self) -> None:
        """A report is cut, and an answer without an end is none."""
        report = b"x" * (REPORT_MOST + 10)
        answer = b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 1\r\n\r\n" + report
        self.assertEqual(REPORT_MOST, len(str(opinionOf(answer).found["spam_report"])))
        wire = spamdWire(b"", None)
        self.assertRaises(Malformed, wire.feed, b"x" * (ANSWER_OCTETS + 1))

    def test_errors(self) -> None:
        """What is no answer, and what tells of trouble."""
        for answer in (
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"SPAMD/1.0 76 Bad header line: (EOF)\r\n",
            b"SPAMD/1.1 0 EX_OK\r\n\r\n",
            b"SPAMD/1.1 " + b"1" * 5000 + b" EX_OK\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\nContent-length: " + b"1" * 5000 + b"\r\n\r\n",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: maybe\r\n\r\n",
        ):
            self.assertRaises(Malformed, opinionOf, answer)
        self.assertRaises(TimeoutError, opinionOf, b"SPAMD/1.0 79 Timeout: (30)\r\n")
        self.assertRaises(ConnectionError, opinionOf, SPAM[:-1])
        self.assertRaises(ConnectionError, spamdWire(b"", None).closed)


class SpamdTests(SynchronousTestCase):
    """The checker."""

    def check(self, octets: int | None) -> FakeEndpoint:
        """A message is checked."""
        endpoint = FakeEndpoint()
        spamd = Spamd("spamassassin", endpoint)
        self.assertTrue(verifyObject(IChecker, spamd))
        session = sessionFrom(b"192.0.2.1")
        session.helo = b"client.example"
        envelope = Envelope(b"ann@example.org", 0.0)
        message = Message("1abcde-000000-01", octets)
        check = spamd.begin(session, envelope, message)
        assert check is not None
        check.write(b"\r\nhello")
        answer = check.finish()
        endpoint.say(SPAM)
        self.assertNoResult(answer)
        endpoint.close()
        self.assertTrue(self.successResultOf(answer).found["spam"])
        return endpoint

    def test_whoItIs(self) -> None:
        """SpamAssassin sees the sender and the client above the message."""
        endpoint = self.check(7)
        head, _, message = endpoint.said.partition(b"\r\n\r\n")
        self.assertTrue(
            message.startswith(
                b"X-Envelope-From: <ann@example.org>\r\n"
                b"Received: from client.example ([192.0.2.1])\r\n"
            ),
            message,
        )
        self.assertTrue(message.endswith(b"\r\n\r\nhello"))
        length = int(head.partition(b"Content-length: ")[2])
        self.assertEqual(length, len(message))
        self.assertFalse(endpoint.wires[0].saidAll)

    def test_asItComes(self) -> None:
        """A message whose length nobody knows ends where we say no more."""
        self.assertTrue(self.check(None).wires[0].saidAll)
