"""Tests for the page C{doc/reference/transports.rst}."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from smtpx.queue.dispatch import LOCAL_WIDTH
from smtpx.queue.errorkind import ErrorKind
from smtpx.queue.queuefile import WIDTH
from smtpx.service.tables import RouteEntry, Sending, TransportKind

from .test_manual import DOC

PAGE = (DOC / "reference/transports.rst").read_text("utf-8")


class TransportsManualTests(SynchronousTestCase):
    """What the manual says of transports."""

    def section(self, kind: TransportKind) -> str:
        """What it says of one."""
        found = re.search(
            rf"\n``{kind.value}``\n-+\n(.*?)(?=\n``\w+``\n---|\Z)", PAGE, re.S
        )
        self.assertIsNotNone(found, f'transports.rst has no section "{kind.value}"')
        return "" if found is None else found[1]

    def test_eachHasASection(self) -> None:
        """With what its sender can hear, and what a crash can do."""
        for kind in TransportKind:
            for row in ("Its sender can hear", "After a crash"):
                self.assertIn(f"* - {row}\n", self.section(kind), kind)

    def test_kindsOfErrors(self) -> None:
        """What stands in brackets is a kind that retry rules know."""
        for group in re.findall(r"\[([^]]*``[^]]*)\]", PAGE):
            for name in re.findall(r"``(\w+)``", group):
                self.assertIn(name, [each.value for each in ErrorKind])

    def test_numbers(self) -> None:
        """How many go at once is so."""
        self.assertIn(f"{LOCAL_WIDTH} messages", self.section(TransportKind.MAILDIR))
        self.assertIn(f"{WIDTH} messages", self.section(TransportKind.QUEUEFILE))
        runs = RouteEntry(("*",)).concurrency
        self.assertIn(f"{runs} runs", self.section(TransportKind.PIPE))
        connections = Sending().connections
        self.assertIn(f"{connections} connections", self.section(TransportKind.SMTP))
