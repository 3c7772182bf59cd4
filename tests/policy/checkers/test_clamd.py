"""
Tests for L{smtpx.policy.checkers.clamd}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope
from smtpx.core.errors import Malformed
from smtpx.policy.checkers.clamd import ANSWER_OCTETS, Clamd, ClamdWire
from smtpx.policy.checkers.interfaces import IChecker, Message, Opinion, State
from smtpx.policy.checkers.wires import IWire

from ..doubles import sessionFrom
from .ends import FakeEndpoint


class ClamdWireTests(SynchronousTestCase):
    """What is said to clamd, and what its answers mean."""

    def answered(self, answer: bytes) -> Opinion:
        """What an answer means, wherever it is cut."""
        found = []
        for cut in range(len(answer)):
            wire = ClamdWire()
            wire.end()
            first = wire.feed(answer[:cut])
            self.assertIsNone(first)
            found.append(wire.feed(answer[cut:]))
        self.assertTrue(all(each == found[0] for each in found))
        assert found[0] is not None
        return found[0]

    def test_pieces(self) -> None:
        """Each piece has its length before it, and is not copied."""
        wire = ClamdWire()
        self.assertTrue(verifyObject(IWire, wire))
        self.assertEqual(b"zINSTREAM\0", wire.begin())
        data = b"x" * 258
        length, piece = wire.piece(data)
        self.assertEqual(b"\0\0\1\2", length)
        self.assertIs(data, piece)
        self.assertEqual(b"\0\0\0\0", wire.end())

    def test_clean(self) -> None:
        """A message in which nothing was found."""
        self.assertEqual(Opinion(), self.answered(b"stream: OK\0"))

    def test_found(self) -> None:
        """One in which something was, by its name."""
        found = self.answered(b"stream: Win.Test.EICAR_HDB-1 FOUND\0")
        self.assertEqual({"malware_name": "Win.Test.EICAR_HDB-1"}, found.found)
        found = self.answered(b"stream:  FOUND\0")
        self.assertEqual({"malware_name": "unknown"}, found.found)

    def test_early(self) -> None:
        """It can find something early, but not nothing: it has not seen all."""
        self.assertRaises(Malformed, ClamdWire().feed, b"stream: OK\0")
        found = ClamdWire().feed(b"stream: X FOUND\0")
        assert found is not None
        self.assertEqual({"malware_name": "X"}, found.found)

    def test_tooLarge(self) -> None:
        """One that is longer than clamd wants is an outcome of its own."""
        found = self.answered(b"INSTREAM size limit exceeded. ERROR\0")
        self.assertIs(State.TOO_LARGE, found.state)

    def test_errors(self) -> None:
        """What clamd cannot do, and what nobody understands."""
        for answer in (b"Can't allocate memory ERROR\0", b"stream: \xff\0", b"\0"):
            self.assertRaises(Malformed, ClamdWire().feed, answer)
        self.assertRaises(Malformed, ClamdWire().feed, b"x" * (ANSWER_OCTETS + 1))

    def test_closed(self) -> None:
        """An old clamd ends its answer by a line end; without any there is none."""
        wire = ClamdWire()
        wire.end()
        wire.feed(b"stream: OK\n")
        self.assertEqual(Opinion(), wire.closed())
        wire = ClamdWire()
        wire.feed(b"stream: O")
        self.assertRaises(ConnectionError, wire.closed)


class ClamdTests(SynchronousTestCase):
    """The checker."""

    def test_aCheck(self) -> None:
        """It finds malware."""
        endpoint = FakeEndpoint()
        clamd = Clamd("clamav", endpoint)
        self.assertTrue(verifyObject(IChecker, clamd))
        self.assertEqual({"malware"}, clamd.finds)
        envelope = Envelope(b"", 0.0)
        check = clamd.begin(sessionFrom(), envelope, Message("", None))
        assert check is not None
        check.write(b"hello")
        answer = check.finish()
        self.assertEqual(b"zINSTREAM\0\0\0\0\5hello\0\0\0\0", endpoint.said)
        endpoint.say(b"stream: OK\0")
        self.assertEqual(Opinion(), self.successResultOf(answer))
