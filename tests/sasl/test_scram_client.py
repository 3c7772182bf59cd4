"""
Tests for L{smtpx.sasl.scram}: what a client refuses.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.sasl import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    BadServer,
    Channel,
)

from .pairs import login, step
from .vectors import (
    CLIENT,
    CLIENT_FINAL,
    CREDENTIALS,
    SERVER_FINAL,
    SERVER_FIRST,
    SERVER_NONCE,
    TLS,
)


class ClientTests(SynchronousTestCase):
    """What a client does not take."""

    def refuses(self, *challenges: bytes | None, **limits: int) -> str:
        """Why the client gave up."""
        exchange = CLIENT.login(CREDENTIALS, Channel(**limits))  # type: ignore[arg-type]  # only numbers are given
        return str(self.assertRaises(BadServer, login, exchange, *challenges))

    def test_successBeforeAnythingWasProved(self) -> None:
        """
        A server that says yes to everything is not believed: it may be anybody.
        """
        why = "success before the server has proved itself"
        self.assertEqual(self.refuses(None), why)
        self.assertEqual(self.refuses(SERVER_FIRST, None), why)

    def test_noncesThatAreNotOurs(self) -> None:
        """It has to begin with ours and go on."""
        why = "a nonce that does not go on from ours"
        for bad in (
            SERVER_FIRST.replace(b"r=rO", b"r=xO"),
            SERVER_FIRST.replace(SERVER_NONCE, b""),
        ):
            self.assertEqual(self.refuses(bad), why)

    def test_iterations(self) -> None:
        """Too few are weak (RFC 7677 section 4), too many an attack."""
        for count in (1, 4095, 10_000_001, 999_999_999):
            bad = SERVER_FIRST.replace(b"4096", b"%d" % count)
            self.assertEqual(self.refuses(bad), f"{count} iterations")
        self.assertEqual(
            self.refuses(SERVER_FIRST, iterationsMax=4095), "4096 iterations"
        )

    def test_firstChallenges(self) -> None:
        """What is not in the grammar of the server's first message."""
        for bad in (
            b"",
            b"e=other-error",
            b"m=ext," + SERVER_FIRST,
            SERVER_FIRST + b",m=ext",
            SERVER_FIRST.replace(b"4096", b"04096"),
            SERVER_FIRST.replace(b"4096", b"-1"),
            SERVER_FIRST.replace(b"4096", b"1" * 10),
            SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==,", b""),
        ):
            self.assertEqual(self.refuses(bad), "not a message of SCRAM", bad)
        self.assertEqual(
            self.refuses(SERVER_FIRST.replace(b"gQ==", b"gQ=")), "bad base64"
        )

    def test_extensionsAreIgnored(self) -> None:
        """Those that are not mandatory; they are signed all the same."""
        said, _ = login(CLIENT.login(CREDENTIALS, Channel()), SERVER_FIRST + b",x=1")
        self.assertNotEqual(said[1], CLIENT_FINAL)

    def test_signatures(self) -> None:
        """The server has to know the password too."""
        for bad, why in (
            (b"e=invalid-proof", "the server refused, or sent no signature"),
            (b"", "the server refused, or sent no signature"),
            (b"v=", "the server refused, or sent no signature"),
            (b"v=AAA", "bad base64"),
            (b"v=AAAA", "the server does not know the password"),
            (
                SERVER_FINAL.replace(b"v=6", b"v=7"),
                "the server does not know the password",
            ),
        ):
            self.assertEqual(self.refuses(SERVER_FIRST, bad), why)

    def test_challengesWithoutEnd(self) -> None:
        """There are two."""
        self.assertEqual(
            self.refuses(SERVER_FIRST, SERVER_FINAL, b""),
            "SCRAM has only two challenges",
        )

    def test_doubts(self) -> None:
        """
        C{y} where we could bind and the server did not offer to; C{n} where we
        could not, or the server did and we were told not to.
        """
        for channel, flag in (
            (Channel(), b"n"),
            (Channel(TLS), b"y"),
            (Channel(TLS, True), b"n"),
        ):
            first = step(SCRAM_SHA_256.login(CREDENTIALS, channel))
            self.assertEqual(first[:1], flag)

    def test_noBinding(self) -> None:
        """Nothing to bind to."""
        exchange = SCRAM_SHA_256_PLUS.login(
            CREDENTIALS, Channel({"tls-unique": b"u" * 12})
        )
        self.assertRaises(BadServer, next, exchange)

    @given(st.binary(max_size=60), st.binary(max_size=60))
    @settings(max_examples=60, deadline=None)
    def test_anyChallengesAreRefused(self, first: bytes, last: bytes) -> None:
        """Whatever a server says: L{BadServer}, nothing else."""
        self.refuses(first)
        self.refuses(SERVER_FIRST, last)
