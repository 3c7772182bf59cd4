"""
Tests for L{smtpx.service.workers.channel}.
"""

from __future__ import annotations

import socket

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.service.workers.channel import (
    LARGEST,
    Hearing,
    Message,
    TooLong,
    hear,
    pair,
    tell,
)


class Readers:
    """A reactor that only knows who wants to read."""

    def __init__(self) -> None:
        self.all: list[object] = []

    def addReader(self, reader: object) -> None:
        """See C{IReactorFDSet}."""
        self.all.append(reader)

    def removeReader(self, reader: object) -> None:
        """See C{IReactorFDSet}."""
        self.all.remove(reader)


class ChannelTests(SynchronousTestCase):
    """Two ends of a channel."""

    def setUp(self) -> None:
        """A channel."""
        self.ends = pair()
        for end in self.ends:
            self.addCleanup(end.close)

    def test_said(self) -> None:
        """What is said at one end is heard at the other, message by message."""
        one, other = self.ends
        said: list[Message] = [{"said": "x"}, {"number": 2, "why": "\u00e4\n" * 8_000}]
        self.assertTrue(all(tell(one, each) for each in said))
        self.assertEqual([hear(other), hear(other)], said)
        self.assertRaises(BlockingIOError, hear, other)

    def test_tooLong(self) -> None:
        """What can never be said is refused."""
        self.assertRaises(TooLong, tell, self.ends[0], {"said": "x" * LARGEST})

    def test_noRoom(self) -> None:
        """Nobody waits for a listener that does not listen: the message is lost."""
        one, other = self.ends
        count = 0
        while tell(one, {"said": "x" * 1_000}):
            count += 1
        self.assertGreater(count, 50)
        for _ in range(count):
            self.assertIsNotNone(hear(other))
        self.assertRaises(BlockingIOError, hear, other)

    def test_nobody(self) -> None:
        """Where nobody is left, the end is heard, and nothing can be said."""
        one, other = self.ends
        other.close()
        self.assertIsNone(hear(one))
        self.assertFalse(tell(one, {"said": "x"}))


class HearingTests(SynchronousTestCase):
    """An end that a reactor looks after."""

    def setUp(self) -> None:
        """A channel, heard at one end."""
        self.end, mine = pair()
        self.addCleanup(self.end.close)
        self.readers = Readers()
        self.heard: list[Message] = []
        self.ended = 0
        self.hearing = Hearing(self.readers, mine, self.heard.append, self._end)
        self.hearing.begin()

    def _end(self) -> None:
        self.ended += 1

    def test_heard(self) -> None:
        """All that was said is heard, a number of messages at a time."""
        self.assertEqual(self.readers.all, [self.hearing])
        self.assertEqual(self.hearing.logPrefix(), "channel")
        self.assertEqual(self.hearing.fileno(), self.hearing.end.fileno())
        said = [{"number": number} for number in range(100)]
        for each in said:
            tell(self.end, each)
        self.hearing.doRead()
        self.assertTrue(0 < len(self.heard) < 100)
        self.hearing.doRead()
        self.assertEqual(self.heard, said)

    def test_end(self) -> None:
        """The end is told once, behind all that was said before."""
        tell(self.end, {"said": "last"})
        self.end.close()
        self.hearing.doRead()
        self.assertEqual((self.heard, self.ended), ([{"said": "last"}], 1))
        self.assertEqual(self.readers.all, [])
        self.hearing.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.ended, 1)

    def test_broken(self) -> None:
        """A socket that fails has come to its end; nonsense is passed over."""
        self.end.send(b"{")
        tell(self.end, {"said": "x"})
        self.hearing.doRead()
        self.assertEqual(self.heard, [{"said": "x"}])
        self.hearing.end.close()
        broken = socket.socket()
        self.addCleanup(broken.close)
        self.hearing.end = broken
        self.hearing.doRead()
        self.assertEqual(self.ended, 1)
