"""Tests for L{smtpx.policy.rules.dccopinion}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Recipient
from smtpx.policy.checkers import Opinion, State, WhenAway
from smtpx.policy.dcc.answer import DCCResult
from smtpx.policy.rules import BadRule, RuleStage, Verdicts
from smtpx.policy.rules.dccopinion import Dcc, DccRefuses, DccResult
from smtpx.policy.rules.interfaces import ICondition
from smtpx.policy.rules.subject import Subject

from .asking import holds, subject

_DCC = frozenset({"dcc"})
_ANN, _BOB = Recipient(b"ann@example.org"), Recipient(b"bob@example.net")


def answer(letter: str, each: str = "AA") -> Opinion:
    """What the daemon says."""
    letters = map(DCCResult, each)
    found: dict[str, object] = {
        "dcc_result": letter,
        "dcc_header": "X-DCC-a-Metrics: b",
        "dcc_recipients": each,
        "dcc_each": dict(zip((_ANN, _BOB), letters, strict=True)),
    }
    return Opinion(found=found, finds=_DCC)


def asked(opinion: Opinion | None) -> Subject:
    """A question about a message of which the daemon thinks so."""
    opinions = {} if opinion is None else {"dcc": opinion}
    said = Verdicts(opinions=lambda session, envelope: opinions)
    return subject(RuleStage.MESSAGE, verdicts=said)


AWAY = Opinion(State.AWAY, why="refused", finds=_DCC)
FINE = evolve(AWAY, whenAway=WhenAway.ACCEPT)
TOO_LARGE = Opinion(State.TOO_LARGE, finds=_DCC)


class DccTests(SynchronousTestCase):
    """What the daemon says of a message."""

    def test_letters(self) -> None:
        """A and S are fine, R and G are not; as in Exim."""
        verifyObject(ICondition, Dcc.make(True))
        for letter, fine in (("A", True), ("S", True), ("R", False), ("G", False)):
            said = asked(answer(letter))
            self.assertIs(holds(Dcc.make(True), said), fine)
            self.assertIs(holds(Dcc.make(False), said), not fine)

    def test_away(self) -> None:
        """What is not known defers, or is fine where the operator says so."""
        for wanted in (True, False):
            self.assertIsNone(holds(Dcc.make(wanted), asked(AWAY)))
            self.assertIs(holds(Dcc.make(wanted), asked(FINE)), wanted)

    def test_notFor(self) -> None:
        """It has nothing against what it was not asked about."""
        for said in (None, TOO_LARGE):
            self.assertIs(holds(Dcc.make(True), asked(said)), True)
            self.assertIs(holds(Dcc.make(False), asked(said)), False)

    def test_result(self) -> None:
        """A letter in a list; T where there is none, though there should be."""
        verifyObject(ICondition, DccResult.make(["R"]))
        self.assertIs(holds(DccResult.make(["r", "G"]), asked(answer("R"))), True)
        self.assertIs(holds(DccResult.make(["R"]), asked(answer("G"))), False)
        self.assertIs(holds(DccResult.make(["!A"]), asked(answer("S"))), True)
        for away in (AWAY, FINE):
            self.assertIs(holds(DccResult.make(["T"]), asked(away)), True)
            self.assertIs(holds(DccResult.make(["R"]), asked(away)), False)
        for said in (None, TOO_LARGE):
            self.assertIs(holds(DccResult.make(["A", "T"]), asked(said)), False)
        self.assertRaises(BadRule, DccResult.make, ["X"])

    def test_refuses(self) -> None:
        """It says no of somebody in a list."""
        ann, anybody = DccRefuses.make(["ann@example.org"]), DccRefuses.make(["*"])
        verifyObject(ICondition, ann)
        for each, ofAnn, ofAny in (
            ("AA", False, False),
            ("AR", False, True),
            ("RA", True, True),
            ("GG", True, True),
        ):
            self.assertIs(holds(ann, asked(answer("A", each))), ofAnn)
            self.assertIs(holds(anybody, asked(answer("A", each))), ofAny)
        self.assertIsNone(holds(anybody, asked(AWAY)))
        for said in (FINE, TOO_LARGE, None):
            self.assertIs(holds(anybody, asked(said)), False)

    def test_shown(self) -> None:
        """What it was is told in an explanation."""
        condition = Dcc.make(True)
        for said, told in (
            (answer("S", "AR"), "S, accepted for some; of the recipients: AR"),
            (AWAY, "away (refused)"),
            (TOO_LARGE, "too large"),
            (None, "nobody was asked"),
        ):
            found = asked(said)
            for each in (condition, DccResult.make(["A"]), DccRefuses.make(["*"])):
                holds(each, found)
                self.assertEqual(each.shown(found), told)
