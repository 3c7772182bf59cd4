"""
Tests for L{smtpx.policy.tokens}.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from smtpx.policy.tokens import TokenCheck, TokenValidator, Whose
from smtpx.policy.turnstile import Turnstile
from smtpx.sasl import Authenticated, Cause, CheckToken, Denied, Outcome

from .workers import heard

QUESTION = CheckToken(b"vF9dft4qmT", b"joe")
UNAVAILABLE = Denied(Cause.UNAVAILABLE, "tokens cannot be checked", b"joe")


class ValidatorTests(SynchronousTestCase):
    """A function of the program."""

    def setUp(self) -> None:
        """Listen to the log."""
        self.said = heard(self)
        self.clock = Clock()

    def outcome(
        self, check: TokenCheck, question: CheckToken = QUESTION
    ) -> Deferred[Outcome]:
        """What comes of it."""
        validator = TokenValidator(check, Turnstile(self.clock, 1, 0, 20.0))
        answer: Deferred[Outcome] = validator.answers[CheckToken](question)
        return answer

    def test_whoseItIs(self) -> None:
        """The function is given token and name, and gives the user's, as it likes."""

        def check(token: bytes, user: bytes) -> Whose:
            self.assertEqual((token, user), (b"vF9dft4qmT", b"joe"))
            return "bjo\u0308rn"

        björn = Authenticated("björn".encode())
        self.assertEqual(self.successResultOf(self.outcome(check)), björn)
        given = self.outcome(lambda token, user: "björn".encode())
        self.assertEqual(self.successResultOf(given), björn)

    def test_noGood(self) -> None:
        """L{None}; of whom the client says it is."""
        denied = self.outcome(lambda token, user: None)
        self.assertEqual(
            self.successResultOf(denied),
            Denied(Cause.CREDENTIALS, "bad token", b"joe"),
        )
        denied = self.outcome(lambda token, user: None, CheckToken(b"x"))
        self.assertEqual(
            self.successResultOf(denied), Denied(Cause.CREDENTIALS, "bad token")
        )

    def test_later(self) -> None:
        """A coroutine, or a Deferred."""
        said: list[Deferred[Whose]] = [Deferred(), Deferred()]

        async def check(token: bytes, user: bytes) -> Whose:
            return await said[0]

        outcomes = [self.outcome(check), self.outcome(lambda token, user: said[1])]
        for outcome, answer in zip(outcomes, said, strict=True):
            self.assertNoResult(outcome)
            answer.callback("joe")
            self.assertEqual(self.successResultOf(outcome), Authenticated(b"joe"))

    def test_whatIsNoName(self) -> None:
        """Nobody is let in by a slip; the log says so."""
        for slip in (True, False, 1, ["joe"], "", "a\0b", "a" * 1025, b"\xff"):
            outcome = self.outcome(lambda token, user, slip=slip: slip)  # type: ignore[misc]  # what a check must not return
            self.assertEqual(self.successResultOf(outcome), UNAVAILABLE)
            self.assertIn("token", self.said.pop()[1])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 4)

    def test_exceptions(self) -> None:
        """Nobody can tell, and it is an event with its traceback."""

        def check(token: bytes, user: bytes) -> Whose:
            raise KeyError("kid")

        self.assertEqual(self.successResultOf(self.outcome(check)), UNAVAILABLE)
        self.assertEqual(
            self.said, [(LogLevel.critical, "A token could not be checked")]
        )
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_tokensAreNotLogged(self) -> None:
        """Not even where an exception has one in its text."""

        def check(token: bytes, user: bytes) -> Whose:
            raise ValueError(f"bad token {token.decode()}")

        self.assertEqual(self.successResultOf(self.outcome(check)), UNAVAILABLE)
        [error] = self.flushLoggedErrors()
        self.assertNotIn("vF9dft4qmT", error.getTraceback())
        self.assertIn("ValueError, whose text", error.getTraceback())

    def test_tooSlow(self) -> None:
        """The turnstile's time holds, and its bounds."""
        validator = TokenValidator(
            lambda token, user: Deferred(), Turnstile(self.clock, 1, 0, 20.0)
        )
        slow = validator.checkToken(QUESTION)
        crowded = validator.checkToken(QUESTION)
        self.assertEqual(self.successResultOf(crowded), UNAVAILABLE)
        self.clock.advance(20.0)
        self.assertEqual(self.successResultOf(slow), UNAVAILABLE)
        self.assertEqual(
            self.said,
            [
                (LogLevel.warn, "A token was not checked: too many wait"),
                (LogLevel.warn, "A token was not checked: not done in 20.0 seconds"),
            ],
        )

    def test_cancelled(self) -> None:
        """Where the client has gone nobody wants to know."""
        outcome = self.outcome(lambda token, user: Deferred())
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.assertEqual(self.said, [])
