"""
Tests for L{smtpx.policy.edits}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope
from smtpx.core.errors import Malformed
from smtpx.core.reply import LOCAL_ERROR
from smtpx.policy.edits import (
    EDITS_MOST,
    EDITS_OCTETS,
    AddRecipient,
    Change,
    ChangeSender,
    Editor,
    Insert,
    Noted,
    Quarantine,
    Remove,
    RemoveRecipient,
    editorOf,
)


class EditTests(SynchronousTestCase):
    """What is to be changed, as values."""

    def test_whatNamesNoFieldIsRefused(self) -> None:
        """At once, so that who has said it is told."""
        bad = b"X\r\nY"
        self.assertRaises(Malformed, Remove, bad)
        self.assertRaises(Malformed, Change, bad, 1, b"a")
        self.assertRaises(Malformed, Insert, bad, b"a")

    def test_whatIsNoMailboxIsRefused(self) -> None:
        """The null sender is one for a sender only."""
        self.assertEqual(ChangeSender(b"").path, b"")
        for each in (b"<a@b.example>", b"a", b"a@b.example\r\nRCPT"):
            self.assertRaises(Malformed, ChangeSender, each)
            self.assertRaises(Malformed, AddRecipient, each)
            self.assertRaises(Malformed, RemoveRecipient, each)
        self.assertRaises(Malformed, AddRecipient, b"")

    def test_numbersBeginWithOne(self) -> None:
        """Zero stands for the first."""
        self.assertEqual(Remove(b"X", 0), Remove(b"X"))
        self.assertEqual(Change(b"X", 0, b"a"), Change(b"X", 1, b"a"))


class EditorTests(SynchronousTestCase):
    """What collects them."""

    def setUp(self) -> None:
        """An editor that has no room for bodies."""
        self.editor = Editor(lambda: LOCAL_ERROR)

    def test_editsAreKeptInTheirOrder(self) -> None:
        """With whose they are."""
        self.editor.edit("a", [Remove(b"X"), Quarantine("spam")])
        self.editor.edit("b", iter([Insert(b"Y", b"1")]))
        self.assertEqual(
            self.editor.noted,
            [
                Noted("a", Remove(b"X")),
                Noted("a", Quarantine("spam")),
                Noted("b", Insert(b"Y", b"1")),
            ],
        )

    def test_tooManyAreRefused(self) -> None:
        """Those that were noted before stay."""
        self.editor.edit("a", [Remove(b"X")] * EDITS_MOST)
        self.assertRaises(Malformed, self.editor.edit, "b", [Remove(b"X")])
        self.assertEqual(len(self.editor.noted), EDITS_MOST)

    def test_tooLongOnesAreRefused(self) -> None:
        """All together must not be longer than a header."""
        self.editor.edit("a", [Insert(b"X", b"a" * (EDITS_OCTETS - 1))])
        self.assertRaises(Malformed, self.editor.edit, "a", [Change(b"Y", 1, b"")])

    def test_bodyIsMadeByTheReceiver(self) -> None:
        """Which may have no room for it."""
        self.assertEqual(self.editor.replaceBody(), LOCAL_ERROR)

    def test_whereNothingCanBeChangedThereIsNone(self) -> None:
        """The server is not set up for it."""
        self.assertIsNone(editorOf(Envelope(b"", 0.0)))
