"""Tests for L{smtpx.observe.linefields}."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe.linefields import LineFields, about


class LineFieldsTests(SynchronousTestCase):
    """Fields one behind the other."""

    def test_inOrder(self) -> None:
        """They stand in their order, whatever the event has them in."""

        def size(event: LogEvent, fields: dict[str, Any]) -> str:
            return f" S={event['octets']}"

        @about("reply")
        def said(event: LogEvent, fields: dict[str, Any]) -> str:
            return f" C={event['reply']}"

        line = LineFields([size, said])
        self.assertEqual(line.of({"reply": "ok", "octets": 7}, {}), " S=7 C=ok")
        self.assertEqual(line.of({"octets": 7}, {}), " S=7")
        self.assertEqual(LineFields([]).of({"octets": 7}, {}), "")

    def test_taken(self) -> None:
        """What one shows of the fields of extensions, those behind it do not."""

        def first(event: LogEvent, fields: dict[str, Any]) -> str:
            return f" {fields.pop('A')}"

        @about("fields")
        def rest(event: LogEvent, fields: dict[str, Any]) -> str:
            return "".join(f" {name}" for name in fields)

        fields = {"A": "a", "B": "b"}
        self.assertEqual(LineFields([first, rest]).of({"fields": {}}, fields), " a B")
