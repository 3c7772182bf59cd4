"""
Tests for L{smtpx.compat.aiosmtpd.statuses}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis.strategies import binary, lists, one_of, text
from twisted.trial.unittest import SynchronousTestCase

from smtpx.compat.aiosmtpd.statuses import (
    BadStatus,
    closing,
    helloReply,
    oneReply,
    repliesOf,
)
from smtpx.core.reply import OK


class StatusTests(SynchronousTestCase):
    """Statuses as replies."""

    def octets(self, *statuses: object) -> bytes:
        """What the client is told."""
        return b"".join(reply.octets for reply in repliesOf(statuses))

    def test_plain(self) -> None:
        """One line is one reply, as text or octets, whatever ends it."""
        for status in ("250 OK", b"250 OK", "250 OK\r\n", "250 OK\n"):
            self.assertEqual(self.octets(status), b"250 OK\r\n")
        self.assertEqual(self.octets("250"), b"250 \r\n")
        self.assertEqual(self.octets("550 5.7.1 Nö"), "550 5.7.1 Nö\r\n".encode())

    def test_manyLines(self) -> None:
        """A reply of many lines may come at once or in pieces."""
        wire = b"250-a\r\n250 b\r\n"
        self.assertEqual(self.octets("250-a\r\n250 b"), wire)
        self.assertEqual(self.octets("250-a\n250 b\n"), wire)
        self.assertEqual(self.octets("250-a", "250 b"), wire)

    def test_manyReplies(self) -> None:
        """There may be several; the last is the answer."""
        self.assertEqual(self.octets("250 a", "550 b"), b"250 a\r\n550 b\r\n")
        self.assertEqual(oneReply(["250 a", "550 b"]).code, 550)

    def test_bad(self) -> None:
        """What is no status is none."""
        for statuses in (
            [None],
            [7],
            ["fine"],
            [""],
            ["99 no"],
            ["600 no"],
            ["250-a"],
            ["250-a", "251 b"],
            ["250 a\r\nb"],
        ):
            with self.assertRaises(BadStatus):
                repliesOf(statuses)
        with self.assertRaises(BadStatus):
            oneReply([])

    def test_controls(self) -> None:
        """A handler cannot smuggle a control into a reply."""
        self.assertEqual(self.octets("250 a\0b"), b"250 a?b\r\n")

    def test_hello(self) -> None:
        """The lines of EHLO are put in order, whichever was meant as the last."""
        wire = b"250-a\r\n250-B 1\r\n250 HELP\r\n"
        for lines in (
            ["250-a", "250-B 1", "250 HELP"],
            ["250-a", "250 B 1", "250-HELP\r\n"],
            ["250-a\r\n250-B 1", b"250 HELP"],
        ):
            self.assertEqual(helloReply(lines).octets, wire)
        with self.assertRaises(BadStatus):
            helloReply([])
        with self.assertRaises(BadStatus):
            helloReply(["250-a", "550 b"])

    def test_closing(self) -> None:
        """421 closes, and others where that is wanted."""
        self.assertTrue(oneReply(["421 4.3.2 bye"]).closes)
        self.assertFalse(oneReply(["250 OK"]).closes)
        self.assertIs(closing(OK, False), OK)
        self.assertTrue(closing(OK, True).closes)

    @given(lists(one_of(text(), binary()), max_size=4))
    def test_anything(self, statuses: list[object]) -> None:
        """Whatever a handler gives is a reply or a L{BadStatus}."""
        for read in (oneReply, helloReply):
            try:
                reply = read(statuses)
            except BadStatus:
                continue
            self.assertTrue(200 <= reply.code <= 599)
            self.assertTrue(reply.octets.endswith(b"\r\n"))
