"""
Tests for L{smtpx.sasl.external}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.sasl import (
    EXTERNAL,
    Authenticated,
    BadServer,
    Cause,
    Channel,
    Credentials,
    Denied,
    Outcome,
    Proof,
)

from .pairs import join, login, serve

CERTIFIED = Channel(secured=True, certified="björn".encode())
OTHER = Denied(Cause.CREDENTIALS, "wants to act as somebody else", CERTIFIED.certified)


def external(message: bytes, channel: Channel = CERTIFIED) -> Outcome | None:
    """What comes of EXTERNAL with this message."""
    return serve(EXTERNAL.serve(channel), message)[1]


class ServerTests(SynchronousTestCase):
    """The server's half."""

    def test_theCertificateSaysItAll(self) -> None:
        """An empty message: the client is who its certificate says."""
        self.assertEqual(external(b""), Authenticated("björn".encode()))

    def test_theFirstChallengeIsEmpty(self) -> None:
        """The client begins (RFC 4422 section 5.1)."""
        self.assertEqual(serve(EXTERNAL.serve(CERTIFIED)), ([b""], None))

    def test_actingAsOneself(self) -> None:
        """Its own name may be given, however it is spelled."""
        self.assertEqual(
            external("bjo\u0308rn".encode()), Authenticated("björn".encode())
        )

    def test_actingAsAnother(self) -> None:
        """Nobody does, and nobody is nobody."""
        self.assertEqual(external(b"admin"), OTHER)
        self.assertEqual(external("\u00ad".encode()), OTHER)

    def test_withoutACertificate(self) -> None:
        """Whatever it says."""
        denied = Denied(Cause.CREDENTIALS, "no certificate that is anybody's")
        for message in (b"", b"user"):
            self.assertEqual(external(message, Channel()), denied)

    def test_outsideTheGrammar(self) -> None:
        """NUL (RFC 4422 appendix A.1), and more than any name has."""
        for bad in (b"\0", "björn\0".encode(), b"a" * 1025):
            outcome = external(bad)
            assert isinstance(outcome, Denied)
            self.assertIs(outcome.cause, Cause.MALFORMED)
        longest = external(b"a" * 1024)
        assert isinstance(longest, Denied)
        self.assertEqual(longest.why, "wants to act as somebody else")

    def test_namesThatCannotBePrepared(self) -> None:
        """Not UTF-8, or prohibited."""
        for bad in (b"\xff", b"a\nb"):
            outcome = external(bad)
            assert isinstance(outcome, Denied)
            self.assertIs(outcome.cause, Cause.CREDENTIALS)

    @given(st.binary(max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_anyMessage(self, message: bytes) -> None:
        """An outcome, never an exception, and never somebody else."""
        outcome = external(message)
        if not isinstance(outcome, Denied):
            self.assertEqual(outcome, Authenticated("björn".encode()))


class ClientTests(SynchronousTestCase):
    """The client's half."""

    def test_joined(self) -> None:
        """With a name and without."""
        for user in (b"", "björn".encode()):
            joined = join(EXTERNAL, Credentials(user), CERTIFIED)
            self.assertEqual(joined.outcome, Authenticated("björn".encode()))
            self.assertTrue(joined.trusting)
            self.assertEqual(joined.wire, [user])

    def test_challengesThatItDoesNotHave(self) -> None:
        """A server that wants more speaks another mechanism."""
        self.assertRaises(
            BadServer, login, EXTERNAL.login(Credentials(), Channel()), b"more"
        )

    def test_forWhom(self) -> None:
        """It shows nothing, and is for TLS."""
        self.assertEqual(Credentials().proofs, {Proof.CERTIFICATE})
        self.assertFalse(EXTERNAL.plain)
        self.assertTrue(EXTERNAL.secured)
