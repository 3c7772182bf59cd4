"""
Tests for L{smtpx.policy.checkers.http}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.errors import Malformed
from smtpx.policy.checkers.http import ANSWER_OCTETS, HEAD_OCTETS, HTTPWire, readAnswer
from smtpx.policy.checkers.interfaces import Opinion
from smtpx.policy.checkers.wires import IWire

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def _opinion(status: int, body: bytes) -> Opinion:
    return Opinion(found={"status": status, "body": body})


class HTTPWireTests(SynchronousTestCase):
    """One request, and its answer."""

    def wire(self, octets: int | None = None) -> HTTPWire:
        """A request."""
        fields = [(b"From", b"<ann@example.org>"), (b"Helo", b"a\r\nEvil: yes")]
        return HTTPWire(b"/checkv2", fields, octets, _opinion)

    def test_withALength(self) -> None:
        """The length is told where it is known; no value begins a line."""
        wire = self.wire(5)
        self.assertTrue(verifyObject(IWire, wire))
        self.assertEqual(
            b"POST /checkv2 HTTP/1.1\r\nFrom: <ann@example.org>\r\n"
            b"Connection: close\r\nContent-Length: 5\r\n\r\n",
            wire.begin(),
        )
        self.assertEqual((b"hello",), wire.piece(b"hello"))
        self.assertEqual(b"", wire.end())

    def test_chunks(self) -> None:
        """Otherwise the message goes in chunks, which are not copied."""
        wire = self.wire()
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", wire.begin())
        data = b"x" * 26
        size, piece, end = wire.piece(data)
        self.assertEqual((b"1a\r\n", b"\r\n"), (size, end))
        self.assertIs(data, piece)
        self.assertEqual(b"0\r\n\r\n", wire.end())

    def test_theAnswer(self) -> None:
        """It is there when it is whole, wherever it is cut."""
        expected = _opinion(200, b"hello")
        for cut in range(len(_ANSWER)):
            wire = self.wire()
            self.assertIsNone(wire.feed(_ANSWER[:cut]))
            self.assertEqual(expected, wire.feed(_ANSWER[cut:]))

    def test_closed(self) -> None:
        """One without a length ends with the connection."""
        wire = self.wire()
        self.assertIsNone(wire.feed(b"HTTP/1.0 200 OK\r\n\r\nhel"))
        self.assertIsNone(wire.feed(b"lo"))
        self.assertEqual(_opinion(200, b"hello"), wire.closed())
        for some in (b"", b"HTTP/1.1 2", _ANSWER[:-1]):
            wire = self.wire()
            wire.feed(some)
            self.assertRaises(ConnectionError, wire.closed)

    def test_continue(self) -> None:
        """What comes before the real answer is none."""
        wire = self.wire()
        self.assertIsNone(wire.feed(b"HTTP/1.1 100 Continue\r\n\r\n"))
        self.assertEqual(_opinion(200, b"hello"), wire.feed(_ANSWER))

    @given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
    @settings(max_examples=50)
    def test_chunkedAnswers(self, pieces: list[bytes]) -> None:
        """A proxy may answer in chunks."""
        chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(one), one) for one in pieces)
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
        whole = head + chunks + b"0\r\n\r\n"
        self.assertEqual((200, b"".join(pieces)), readAnswer(whole, False))
        for cut in range(len(head), len(head + chunks)):
            self.assertIsNone(readAnswer(whole[:cut], False))

    def test_nonsense(self) -> None:
        """What is no HTTP is told at once, and no answer is without an end."""
        bad = (
            b"SPAMD/1.1 0 EX_OK\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            b"HTTP/1.1 200 " + b"x" * (HEAD_OCTETS + 1),
        )
        for each in bad:
            self.assertRaises(Malformed, self.wire().feed, each)
        wire = self.wire()
        wire.feed(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertRaises(Malformed, wire.feed, b"x" * ANSWER_OCTETS)
