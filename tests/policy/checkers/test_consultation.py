"""
Tests for L{smtpx.policy.checkers.consultation}: what becomes of opinions.
"""

from __future__ import annotations

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.reply import OK, reply
from smtpx.policy.checkers.consultation import (
    CONSULTATION,
    SKIPPED,
    skippedOf,
)
from smtpx.policy.checkers.interfaces import (
    NOT_ASKED,
    Opinion,
    State,
    Terms,
    WhenAway,
)
from smtpx.policy.edits import EDITOR, EDITS_MOST, Editor, Insert, Noted

from .asked import GOOD, SHORT, ConsultingTestCase, KeepingReceiver
from .made import MadeChecker


class OpinionTests(ConsultingTestCase):
    """What becomes of opinions."""

    def test_refusalsOfRecipients(self) -> None:
        """A checker can refuse a message for one recipient, and want it changed."""
        ann, bob = Recipient(b"ann@example.net"), Recipient(b"bob@example.net")
        no = reply(550, "5.7.1", b"Not for you")
        checker = MadeChecker(answers=[Opinion(refusals={ann: no})])
        arrival = self.begin(checker)
        consultation = self.envelope.stamps[CONSULTATION]
        self.write(arrival, [SHORT])
        self.assertEqual({}, consultation.known)
        self.assertIsNone(consultation.refusalOf(ann))
        self.ask()
        self.assertIs(no, consultation.refusalOf(ann))
        self.assertIsNone(consultation.refusalOf(bob))

    def test_skipped(self) -> None:
        """
        Nobody gets unchecked what was to be checked for him, since there is somebody
        beside him for whom it is not.
        """
        ann, bob = Recipient(b"ann@example.net"), Recipient(b"bob@example.net")
        envelope = Envelope(b"x@example.org", 0.0)
        self.assertEqual(skippedOf(envelope), frozenset())
        envelope.recipients += [ann, bob]
        ann.stamps[SKIPPED] = frozenset({"malware", "spam"})
        self.assertEqual(skippedOf(envelope), frozenset())
        bob.stamps[SKIPPED] = frozenset({"spam"})
        self.assertEqual(skippedOf(envelope), {"spam"})
        envelope.stamps[SKIPPED] = frozenset({"dcc"})
        self.assertEqual(skippedOf(envelope), {"spam", "dcc"})

    def test_edits(self) -> None:
        """What a checker wants to be changed is noted when the message is taken."""
        self.behind = KeepingReceiver()
        insert = Insert(b"X-Made", b"yes")
        greedy = Opinion(edits=(insert,) * (EDITS_MOST + 1))
        checkers = [
            MadeChecker("first", answers=[Opinion(edits=(insert,))]),
            MadeChecker("greedy", answers=[greedy]),
            MadeChecker("quiet", answers=[GOOD]),
        ]
        arrival = self.begin(*checkers)
        editor = Editor(lambda: OK)
        self.envelope.stamps[EDITOR] = editor
        self.write(arrival, [SHORT])
        self.ask()
        self.assertEqual([], editor.noted)
        arrival.finish(self.session, self.envelope)
        self.assertEqual([Noted("checker first", insert)], editor.noted)
        self.assertEqual(1, len(self.troubles))

    def test_states(self) -> None:
        """Only where there was to be an opinion does it matter that there is none."""
        failed = [each for each in State if each.failed]
        self.assertEqual([State.AWAY, State.SLOW, State.BROKEN], failed)
        self.assertTrue(GOOD.known)
        self.assertFalse(NOT_ASKED.known)
        self.assertIs(WhenAway.DEFER, Terms().whenAway)
        self.assertTrue(Terms().wanted(self.session))
