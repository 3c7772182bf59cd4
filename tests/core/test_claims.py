"""
Tests for L{smtpx.core.claims}.
"""

from __future__ import annotations

from collections.abc import Generator

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.claims import (
    CORE,
    Claims,
    attributed,
    checkRequirements,
    owned,
    ownerOf,
    spell,
)
from smtpx.core.errors import Conflict, HookTrouble, Malformed
from smtpx.core.hooks import Phase, Stage, Where

from .made import MadeServer


def nothing(builder: object) -> None:
    """Register nothing."""


class OwnedTests(SynchronousTestCase):
    """Exceptions that name the extension they came out of."""

    def test_passesThrough(self) -> None:
        """Arguments and value are the hook's."""
        hook = owned("SIZE", divmod)
        self.assertEqual(hook(7, 2), (3, 1))
        self.assertEqual(ownerOf(hook), "SIZE")

    def test_trouble(self) -> None:
        """The exception is the cause."""
        hook = owned("SIZE", divmod)
        trouble = self.assertRaises(HookTrouble, hook, 1, 0)
        self.assertEqual(trouble.owner, "SIZE")
        self.assertIsInstance(trouble.__cause__, ZeroDivisionError)
        self.assertEqual(str(trouble), "trouble in SIZE")

    def test_innermostOwner(self) -> None:
        """A hook that calls another's is not to blame for it."""
        hook = owned("OUTER", owned("INNER", divmod))
        self.assertEqual(self.assertRaises(HookTrouble, hook, 1, 0).owner, "INNER")
        self.assertEqual(ownerOf(hook), "OUTER")

    def test_nobodys(self) -> None:
        """What was never wrapped is the core's."""
        self.assertEqual(ownerOf(divmod), CORE)


class AttributedTests(SynchronousTestCase):
    """The same for what takes more than one step."""

    def dialogue(self) -> Generator[str, int, int]:
        """Ask for two numbers, divide them."""
        above = yield "above"
        below = yield "below"
        return above // below

    def test_passesThrough(self) -> None:
        """Needs, answers and value are the dialogue's."""
        running = attributed("SIZE", self.dialogue())
        self.assertEqual(next(running), "above")
        self.assertEqual(running.send(7), "below")
        stop = self.assertRaises(StopIteration, running.send, 2)
        self.assertEqual(stop.value, 3)

    def test_trouble(self) -> None:
        """An exception in the middle names its owner."""
        running = attributed("SIZE", self.dialogue())
        next(running)
        running.send(7)
        trouble = self.assertRaises(HookTrouble, running.send, 0)
        self.assertEqual(trouble.owner, "SIZE")
        self.assertIsInstance(trouble.__cause__, ZeroDivisionError)

    def test_thrown(self) -> None:
        """What is thrown in and not caught comes out so, too."""
        running = attributed("SIZE", self.dialogue())
        next(running)
        trouble = self.assertRaises(HookTrouble, running.throw, Malformed("x"))
        self.assertIsInstance(trouble.__cause__, Malformed)

    def test_innermostOwner(self) -> None:
        """Trouble that has a name keeps it."""
        running = attributed("OUTER", attributed("INNER", self.dialogue()))
        next(running)
        trouble = self.assertRaises(HookTrouble, running.throw, KeyError())
        self.assertEqual(trouble.owner, "INNER")

    def test_close(self) -> None:
        """A dialogue that is closed is not in trouble."""
        running = attributed("SIZE", self.dialogue())
        next(running)
        running.close()
        self.assertRaises(StopIteration, next, running)


class RequirementsTests(SynchronousTestCase):
    """Which extensions go together."""

    def test_met(self) -> None:
        """In any order."""
        checkRequirements(
            [
                MadeServer(nothing, "BINARYMIME", ("CHUNKING",)),
                MadeServer(nothing, "CHUNKING"),
            ]
        )
        checkRequirements([])

    def test_missing(self) -> None:
        """Both names are in the message."""
        conflict = self.assertRaises(
            Conflict,
            checkRequirements,
            [
                MadeServer(nothing, "A"),
                MadeServer(nothing, "BINARYMIME", ("A", "CHUNKING", "8BITMIME")),
            ],
        )
        self.assertEqual(str(conflict), "BINARYMIME requires CHUNKING, 8BITMIME")

    def test_twice(self) -> None:
        """One extension is loaded once."""
        conflict = self.assertRaises(
            Conflict,
            checkRequirements,
            [MadeServer(nothing, "SIZE"), MadeServer(nothing, "SIZE")],
        )
        self.assertEqual(str(conflict), "SIZE is loaded twice")


class ClaimsTests(SynchronousTestCase):
    """Who owns what."""

    def test_conflict(self) -> None:
        """Both names are in the message, and what it is about."""
        claims = Claims()
        claims.claim("verb", b"BDAT", "CHUNKING")
        conflict = self.assertRaises(Conflict, claims.claim, "verb", b"BDAT", "MINE")
        self.assertEqual(str(conflict), "CHUNKING and MINE both claim verb BDAT")

    def test_sameOwner(self) -> None:
        """An equal name is the same owner."""
        claims = Claims()
        claims.claim("verb", b"BDAT", "CHUNKING")
        claims.claim("verb", b"BDAT", "".join(["CHUNK", "ING"]))

    def test_wholeParameterAndOneValue(self) -> None:
        """
        Who claims a parameter with all its values, and who claims one value of
        it, are in conflict, whoever comes first; two values are not.
        """
        for first, second in ((None, b"A"), (b"A", None)):
            claims = Claims()
            claims.claim("verb", b"BODY", "OTHER")
            claims.claimParameter(Where.RCPT, b"BODY", None, "OTHER")
            claims.claimParameter(Where.MAIL, b"BODY", first, "ONE")
            claims.claimParameter(Where.MAIL, b"BODY", second, "ONE")
            conflict = self.assertRaises(
                Conflict, claims.claimParameter, Where.MAIL, b"BODY", b"B", "TWO"
            )
            self.assertEqual(
                str(conflict), "ONE and TWO both claim parameter MAIL BODY"
            )
        claims = Claims()
        claims.claimParameter(Where.MAIL, b"BODY", b"A", "ONE")
        claims.claimParameter(Where.MAIL, b"BODY", b"B", "TWO")
        self.assertRaises(
            Conflict, claims.claimParameter, Where.MAIL, b"BODY", None, "THREE"
        )

    def test_otherThings(self) -> None:
        """The same key of another kind is another thing."""
        claims = Claims()
        claims.claim("verb", b"AUTH", "A")
        claims.claim("capability", b"AUTH", "B")
        self.assertEqual(
            list(claims), [("verb", b"AUTH", "A"), ("capability", b"AUTH", "B")]
        )


class SpellTests(SynchronousTestCase):
    """Claimed things in words."""

    def test_spelling(self) -> None:
        """As an operator would say it."""
        for key, words in (
            (b"SIZE", "SIZE"),
            (Stage.RCPT, "RCPT"),
            (Phase.SECURE, "SECURE"),
            (Where.MAIL, "MAIL"),
            ((Where.MAIL, b"BODY", None), "MAIL BODY"),
            ((Where.MAIL, b"BODY", b"8BITMIME"), "MAIL BODY=8BITMIME"),
            ("requiretls", "requiretls"),
            ("", ""),
        ):
            self.assertEqual(spell(key), words)
