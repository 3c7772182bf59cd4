"""Tests for L{smtpx.policy.rules.certified}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSInfo
from smtpx.policy.rules import RuleStage
from smtpx.policy.rules.certified import VerifyCertificate

from .asking import holds, subject


class VerifyCertificateTests(SynchronousTestCase):
    """What the client has shown."""

    def asked(self, secured: TLSInfo | None, *items: str) -> tuple[bool | None, str]:
        """What the condition says, and what it looked at."""
        question = subject(RuleStage.MAIL)
        question.session.secured = secured
        condition = VerifyCertificate.make(items)
        return holds(condition, question), condition.shown(question)

    def test_subjectOfAGoodOneIsInTheList(self) -> None:
        """In any case; any that is good is in C{*}."""
        good = TLSInfo(verified=True, subject="CN=Mail.example.org,O=Org")
        for items, held in (
            (["*CN=mail.example.org*"], True),
            (["*CN=other.example.org*"], False),
            (["*"], True),
            (["!*"], False),
            (["!*O=Org", "*"], False),
        ):
            self.assertEqual(self.asked(good, *items), (held, good.subject))

    def test_oneThatIsNotGoodIsNone(self) -> None:
        """Whatever it says of itself."""
        bad = TLSInfo(subject="CN=mail.example.org", problem="self-signed")
        self.assertEqual(
            self.asked(bad, "*"), (False, "CN=mail.example.org: self-signed")
        )
        self.assertEqual(self.asked(bad, "!*")[0], True)
        odd = TLSInfo(subject="CN=x")
        self.assertEqual(self.asked(odd, "*"), (False, "CN=x: it is not good"))

    def test_whereThereIsNoneThatIsTold(self) -> None:
        """A client need not show one, nor be under TLS."""
        self.assertEqual(
            self.asked(TLSInfo(), "*"), (False, "the client has shown none")
        )
        self.assertEqual(self.asked(None, "*"), (False, "there is no TLS"))
        named = TLSInfo(verified=True)
        self.assertEqual(self.asked(named, "*")[0], True)
