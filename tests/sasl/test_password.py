"""
Tests for L{smtpx.sasl.password}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.sasl import (
    LOGIN,
    PLAIN,
    Authenticated,
    BadServer,
    Cause,
    Channel,
    CheckPassword,
    Credentials,
    Denied,
    Judgement,
)

from .pairs import join, login, serve


def plain(message: bytes) -> object:
    """What comes of PLAIN with this message."""
    return serve(PLAIN.serve(Channel()), message)[1]


class PlainTests(SynchronousTestCase):
    """PLAIN (RFC 4616)."""

    def test_goodPassword(self) -> None:
        """Name and password in one message."""
        self.assertEqual(plain(b"\0user\0pencil"), Authenticated(b"user"))

    def test_theFirstChallengeIsEmpty(self) -> None:
        """The client begins (RFC 4422 section 5.1)."""
        self.assertEqual(serve(PLAIN.serve(Channel())), ([b""], None))

    def test_wrongPasswordAndUnknownUserAreAlike(self) -> None:
        """Who guesses names learns nothing."""
        wrong = Denied(Cause.CREDENTIALS, "wrong name or password", b"user")
        self.assertEqual(plain(b"\0user\0pencils"), wrong)
        unknown = Denied(Cause.CREDENTIALS, "wrong name or password", b"nobody")
        self.assertEqual(plain(b"\0nobody\0pencil"), unknown)

    def test_actingAsOneself(self) -> None:
        """An authorization identity may be given where it is the user's own."""
        self.assertEqual(plain(b"user\0user\0pencil"), Authenticated(b"user"))

    def test_actingAsAnother(self) -> None:
        """
        RFC 4616 section 4's second example.  The password is not even looked
        at, so this is no way to try passwords.
        """
        answers = {CheckPassword: lambda q: self.fail("asked")}
        _, outcome = serve(
            PLAIN.serve(Channel()), b"Ursel\0user\0pencil", answers=answers
        )
        self.assertEqual(
            outcome,
            Denied(Cause.CREDENTIALS, "wants to act as somebody else", b"user"),
        )

    def test_authorizationThatIsEmptyOncePrepared(self) -> None:
        """A soft hyphen is not the user's name, though nothing is left of it."""
        outcome = plain("\u00ad\0user\0pencil".encode())
        self.assertIsInstance(outcome, Denied)

    def test_namesArePrepared(self) -> None:
        """Different octets of the same name are the same user."""
        decomposed = "\0bjo\u0308rn\0stift".encode()
        self.assertEqual(plain(decomposed), Authenticated("björn".encode()))

    def test_notThreeParts(self) -> None:
        """Exactly two NUL."""
        for bad in (b"", b"user", b"\0user", b"\0user\0pencil\0", b"\0\0\0\0"):
            self.assertEqual(plain(bad), Denied(Cause.MALFORMED, "not three parts"))

    def test_emptyNameOrPassword(self) -> None:
        """RFC 4616 section 2: empty, or empty once prepared, fails."""
        for bad in ("\0\0pencil", "\0user\0", "\0\u00ad\0x", "\0user\0\u00ad"):
            self.assertEqual(
                plain(bad.encode()),
                Denied(Cause.CREDENTIALS, "empty name or password"),
            )

    def test_notUTF8(self) -> None:
        """What cannot be prepared fails like a wrong password."""
        self.assertEqual(
            plain(b"\0\xff\0pencil"), Denied(Cause.CREDENTIALS, "not UTF-8")
        )

    def test_tooLong(self) -> None:
        """255 octets are taken (RFC 4616 section 2), a megabyte is not hashed."""
        self.assertEqual(
            plain(b"\0user\0" + b"x" * 255),
            Denied(Cause.CREDENTIALS, "wrong name or password", b"user"),
        )
        self.assertEqual(
            plain(b"\0user\0" + b"x" * 1025),
            Denied(Cause.MALFORMED, "name or password too long"),
        )

    def test_nobodyCanTell(self) -> None:
        """A store that cannot be reached is not a wrong password."""
        answers = {CheckPassword: lambda q: Judgement.UNAVAILABLE}
        _, outcome = serve(PLAIN.serve(Channel()), b"\0user\0pencil", answers=answers)
        self.assertEqual(
            outcome,
            Denied(Cause.UNAVAILABLE, "passwords cannot be checked", b"user"),
        )

    def test_joined(self) -> None:
        """Both halves."""
        joined = join(PLAIN, Credentials(b"user", b"pencil"))
        self.assertEqual(joined.outcome, Authenticated(b"user"))
        self.assertTrue(joined.trusting)
        self.assertEqual(joined.wire, [b"\0user\0pencil"])

    def test_clientRefusesAChallenge(self) -> None:
        """There is none in PLAIN; who sends one is not a server of it."""
        exchange = PLAIN.login(Credentials(b"user", b"pencil"), Channel())
        self.assertRaises(BadServer, login, exchange, b"more?")

    @given(st.binary(max_size=64))
    @settings(max_examples=100, deadline=None)
    def test_anyMessageIsRefused(self, message: bytes) -> None:
        """Whatever is sent: a refusal, never an exception."""
        self.assertIsInstance(plain(message), Denied)


class LoginTests(SynchronousTestCase):
    """LOGIN (draft-murchison-sasl-login)."""

    def test_goodPassword(self) -> None:
        """Name and password are asked for one after the other."""
        self.assertEqual(
            serve(LOGIN.serve(Channel()), b"user", b"pencil"),
            ([b"Username:", b"Password:"], Authenticated(b"user")),
        )

    def test_passwordIsAskedForWhoeverItIs(self) -> None:
        """An unknown user gets as far as a known one."""
        known = serve(LOGIN.serve(Channel()), b"user", b"x")
        unknown = serve(LOGIN.serve(Channel()), b"nobody", b"x")
        self.assertEqual(known[0], unknown[0])
        assert isinstance(known[1], Denied) and isinstance(unknown[1], Denied)
        self.assertEqual(known[1].why, unknown[1].why)

    def test_joined(self) -> None:
        """Both halves; also where name and password are the same string."""
        joined = join(LOGIN, Credentials(b"user", b"pencil"))
        self.assertEqual(joined.outcome, Authenticated(b"user"))
        self.assertTrue(joined.trusting)
        self.assertEqual(joined.wire, [b"Username:", b"user", b"Password:", b"pencil"])
        same = b"user"
        joined = join(LOGIN, Credentials(same, same))
        self.assertEqual(joined.wire[1::2], [b"user", b"user"])

    def test_clientRefusesTooMuchAndTooLittle(self) -> None:
        """LOGIN has two challenges."""
        for challenges in ([None], [b"", None], [b"", b"", b""]):
            exchange = LOGIN.login(Credentials(b"user", b"pencil"), Channel())
            self.assertRaises(BadServer, login, exchange, *challenges)

    @given(st.binary(max_size=24), st.binary(max_size=24))
    @settings(max_examples=50, deadline=None)
    def test_anyMessagesAreRefused(self, user: bytes, password: bytes) -> None:
        """Whatever is sent: a refusal, never an exception."""
        _, outcome = serve(LOGIN.serve(Channel()), user, password)
        self.assertIsInstance(outcome, Denied)


class CredentialsTests(SynchronousTestCase):
    """With what a client logs in."""

    def test_badOnesAreFoundWhereTheyAreMade(self) -> None:
        """Empty, too long, or with characters that no server takes."""
        for user, password in (
            (b"", b"x"),
            (b"x", b""),
            (b"a\0b", b"x"),
            (b"x", b"a\nb"),
            (b"\xff", b"x"),
            ("\u00ad".encode(), b"x"),
            (b"x" * 1025, b"x"),
        ):
            self.assertRaises(Malformed, Credentials, user, password)

    def test_passwordsAreNotShown(self) -> None:
        """No repr has a password: it would end in a log."""
        secret = "tr0ub4dor"
        shown = repr(Credentials(b"user", secret.encode())) + repr(
            CheckPassword(b"user", secret.encode())
        )
        self.assertNotIn(secret, shown)
        self.assertIn("user", shown)
