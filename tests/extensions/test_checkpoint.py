"""
Tests for L{smtpx.extensions.checkpoint}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerSession
from smtpx.extensions.checkpoint import (
    Checkpoint,
    CheckpointSettings,
    ITransactionMemory,
)
from smtpx.testing.server import talk


@implementer(ITransactionMemory)
class Memory:
    """A memory with room, or without."""

    def __init__(self, room: bool = True) -> None:
        self.room = room

    def admits(self, session: IServerSession) -> bool:
        """See L{ITransactionMemory}."""
        return self.room


class OfferTests(SynchronousTestCase):
    """To whom it is offered."""

    def said(self, memory: Memory | None, *hosts: str) -> list[int | bytes]:
        """What 192.0.2.1 is told: the last line of the EHLO reply, and of MAIL."""
        settings = CheckpointSettings(checkpointAdvertiseHosts=HostList.parse(hosts))
        extension = Checkpoint(memory=memory).configured(settings)
        said = talk([extension], b"EHLO c.example\r\n")
        mail = said.feed(b"MAIL FROM:<a@c.example> TRANSID=<1@c.example>\r\n")
        return [said.replies[-2][4:], int(mail[:3])]

    def test_offered(self) -> None:
        """To those on the list, where there is a memory, and room in it."""
        self.assertEqual(self.said(Memory(), "*"), [b"CHECKPOINT", 250])
        self.assertEqual(self.said(Memory(), "!192.0.2.1", "*")[1], 555)
        self.assertNotEqual(self.said(Memory(), "192.0.2.2")[0], b"CHECKPOINT")
        self.assertEqual(self.said(None, "*")[1], 555)

    def test_full(self) -> None:
        """A memory that is full is not offered; who names all the same may."""
        offered, mail = self.said(Memory(False), "*")
        self.assertNotEqual(offered, b"CHECKPOINT")
        self.assertEqual(mail, 250)

    def test_malformed(self) -> None:
        """A name that is none is refused."""
        said = talk([Checkpoint(memory=Memory())], b"EHLO c.example\r\n")
        said.feed(b"MAIL FROM:<a@c.example> TRANSID=12345\r\n")
        self.assertEqual(said.codes[-1], 501)
