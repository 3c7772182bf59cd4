"""
Tests for L{smtpx.extensions.checkpoint}: to whom the server's side is offered.  What
it says is in L{tests.extensions.test_checkpointserver}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hostlist import HostList
from smtpx.extensions.checkpoint import Checkpoint, CheckpointSettings
from smtpx.extensions.checkpointserver import Recall
from smtpx.testing.server import talk

from .named import Memory

MAIL = b"MAIL FROM:<a@c.example> TRANSID=<1@c.example>\r\n"


class OfferTests(SynchronousTestCase):
    """To whom it is offered."""

    def said(self, memory: Memory | None, *hosts: str) -> list[int | bytes]:
        """What 192.0.2.1 is told: the last line of the EHLO reply, and of MAIL."""
        settings = CheckpointSettings(checkpointAdvertiseHosts=HostList.parse(hosts))
        extension = Checkpoint(memory=memory).configured(settings)
        answers: dict[type, Callable[[Any], object]] = {}
        if memory is not None:
            answers[Recall] = memory.recall
        said = talk([extension], b"EHLO c.example\r\n", answers=answers)
        offered = said.last
        return [offered[4:], int(said.feed(MAIL)[:3])]

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

    def test_nameless(self) -> None:
        """Without a name nothing is looked up."""
        memory = Memory()
        extension = Checkpoint(memory=memory)
        octets = (
            b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@d.example>\r\n"
        )
        said = talk([extension], octets + b"RSET\r\nQUIT\r\n")
        self.assertEqual(said.codes[1:], [250, 250, 250, 250, 221])
        self.assertEqual(memory.asked, [])

    def test_submission(self) -> None:
        """Where messages are submitted, none goes on where it was cut short."""
        memory = Memory()
        plain = Checkpoint(memory=memory)
        for extension, resumes in ((plain, True), (plain.forSubmission(), False)):
            configured = extension.configured(extension.options)
            octets = b"EHLO c.example\r\n" + MAIL
            talk([configured], octets, answers={Recall: memory.recall})
            self.assertEqual(memory.asked.pop().resumes, resumes)
