"""
Tests for L{smtpx.policy.marks}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import fieldsOf
from smtpx.mailauth.arcvalues import ChainState
from smtpx.mailauth.arcverify import ChainExamination
from smtpx.mailauth.dkimvalues import DKIMResult
from smtpx.mailauth.dkimverify import Examination, VerifyTerms
from smtpx.policy.marks import Marks

from .authmade import BODY, HEADER, signed

_BOTH = frozenset({"dkim", "arc"})


class MarksTests(SynchronousTestCase):
    """Signatures and chains, and what becomes of mistakes of ours."""

    def setUp(self) -> None:
        """Nothing is wrong yet."""
        self.troubles: list[str] = []
        self.marks = Marks(lambda owner, error: self.troubles.append(owner))

    def header(self, header: bytes, methods: frozenset[str] = _BOTH) -> list[str]:
        """The header comes; gives for whom there is something to be asked."""
        fields, _ = fieldsOf(header)
        asked = self.marks.header(methods, fields, 0.0, VerifyTerms(), True)
        return [owner for owner, _ in asked]

    def test_nothingToHash(self) -> None:
        """Where nothing is signed, nothing is hashed."""
        self.assertEqual(["dkim", "arc"], self.header(HEADER))
        self.assertIsNone(self.marks.hashes)
        self.marks.write(BODY)
        self.marks.end()
        self.assertIs(DKIMResult.NONE, self.marks.signatures()[0].result)
        self.assertIs(ChainState.NONE, self.marks.chain().state)

    def test_onlyOne(self) -> None:
        """What is not wanted is not looked at."""
        header = signed().partition(b"\r\n\r\n")[0] + b"\r\n"
        self.assertEqual(["arc"], self.header(header, frozenset({"arc"})))
        self.assertIsNone(self.marks.hashes)
        self.assertEqual([], self.header(header, frozenset({"spf"})))

    def test_keysThatNeverCame(self) -> None:
        """Without its key a signature is neither good nor bad."""
        self.header(signed().partition(b"\r\n\r\n")[0] + b"\r\n")
        self.marks.write(BODY)
        self.marks.end()
        self.assertIs(DKIMResult.TEMPERROR, self.marks.signatures()[0].result)

    def test_aMistakeAtTheEnd(self) -> None:
        """A mistake of ours is a temporary error of what it happens in."""

        def broken(*args: object) -> None:
            raise ZeroDivisionError("broken")

        self.patch(Examination, "conclude", broken)
        self.patch(ChainExamination, "conclude", broken)
        self.header(HEADER)
        self.marks.end()
        self.assertIs(DKIMResult.TEMPERROR, self.marks.signatures()[0].result)
        self.assertIs(ChainState.TEMPERROR, self.marks.chain().state)
        self.assertEqual(["dkim", "arc"], self.troubles)
