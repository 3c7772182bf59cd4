"""
Tests for L{smtpx.sasl.scram}: both halves.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.sasl import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    Authenticated,
    Cause,
    Channel,
    Credentials,
    Denied,
    FetchVerifier,
    enrol,
    scram,
)
from smtpx.sasl.scram import makeNonce
from smtpx.sasl.values import ServerExchange

from .pairs import ANSWERS, Joined, join, login, serve, step
from .vectors import (
    BOUND,
    CLIENT,
    CLIENT_FINAL,
    CLIENT_FIRST,
    CREDENTIALS,
    RFC_ANSWERS,
    SALT,
    SERVER,
    SERVER_FINAL,
    SERVER_FIRST,
    WRONG,
)

try:
    import scramp  # type: ignore[import-untyped]  # has no types
except ImportError:
    scramp = None


class VectorTests(SynchronousTestCase):
    """The example of RFC 7677 section 3, octet by octet."""

    def test_server(self) -> None:
        """Our server says what the RFC's does."""
        said, outcome = serve(
            SERVER.serve(Channel()),
            CLIENT_FIRST,
            CLIENT_FINAL,
            b"",
            answers=RFC_ANSWERS,
        )
        self.assertEqual(said, [b"", SERVER_FIRST, SERVER_FINAL])
        self.assertEqual(outcome, Authenticated(b"user"))

    def test_client(self) -> None:
        """Our client says what the RFC's does."""
        said, content = login(
            CLIENT.login(CREDENTIALS, Channel()), SERVER_FIRST, SERVER_FINAL, None
        )
        self.assertEqual(said, [CLIENT_FIRST, CLIENT_FINAL, b""])
        self.assertTrue(content)

    def test_sha1(self) -> None:
        """RFC 5802 section 5's example: the hash is a parameter."""
        _, mechanism = scram(
            b"SCRAM-SHA-1", "sha1", lambda: b"fyko+d2lbbFgONRv9qkxdawL"
        )
        said, content = login(
            mechanism.login(CREDENTIALS, Channel()),
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            None,
        )
        self.assertEqual(
            said[1],
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
            b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        )
        self.assertTrue(content)


class OracleTests(SynchronousTestCase):
    """Against another implementation, scramp."""

    def setUp(self) -> None:
        """Is it there?"""
        if scramp is None:
            self.skipTest("scramp is not installed")

    def scramServer(self) -> Any:
        """A server of scramp's that knows our user."""
        mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
        info = mechanism.make_auth_info("pencil", iteration_count=4096, salt=SALT)
        return mechanism.make_server(lambda name: info)

    def test_ourClient(self) -> None:
        """Our client logs in at its server, and believes it."""
        server = self.scramServer()
        client = SCRAM_SHA_256.login(CREDENTIALS, Channel())
        server.set_client_first(step(client).decode())
        final = step(client, server.get_server_first().encode())
        server.set_client_final(final.decode())
        self.assertEqual(step(client, server.get_server_final().encode()), b"")
        self.assertRaises(StopIteration, step, client, None)

    def test_ourServer(self) -> None:
        """Its client logs in at our server, and believes it."""
        for password, good in (("pencil", True), ("pencils", False)):
            client = scramp.ScramClient(["SCRAM-SHA-256"], "user", password)
            self.play(client, SCRAM_SHA_256.serve(Channel()), good)

    def test_binding(self) -> None:
        """
        Its client binds to the certificate (C{tls-server-end-point}), and our
        server to the same, or to another.
        """
        data = b"p" * 32
        for ours, good in ((data, True), (b"q" * 32, False)):
            client = scramp.ScramClient(
                ["SCRAM-SHA-256-PLUS"],
                "user",
                "pencil",
                channel_binding=("tls-server-end-point", data),
            )
            channel = Channel({"tls-server-end-point": ours}, True)
            self.play(client, SCRAM_SHA_256_PLUS.serve(channel), good)

    def play(self, client: Any, server: ServerExchange, good: bool) -> None:
        """Let its client talk to our server."""
        step(server, None)
        first = step(server, client.get_client_first().encode(), RFC_ANSWERS)
        client.set_server_first(first.decode())
        final = client.get_client_final().encode()
        if good:
            client.set_server_final(step(server, final).decode())
            stop = self.assertRaises(StopIteration, step, server, b"")
            self.assertEqual(stop.value, Authenticated(b"user"))
        else:
            stop = self.assertRaises(StopIteration, step, server, final)
            self.assertEqual(stop.value, WRONG)


class JoinedTests(SynchronousTestCase):
    """Our server and our client."""

    def assertGood(self, joined: Joined, user: bytes = b"user") -> None:
        """Both sides believe each other."""
        self.assertEqual(joined.outcome, Authenticated(user))
        self.assertTrue(joined.trusting)

    def test_plain(self) -> None:
        """Without channel binding."""
        joined = join(SCRAM_SHA_256, CREDENTIALS)
        self.assertGood(joined)
        self.assertTrue(joined.wire[0].startswith(b"n,,n=user,r="))

    def test_bound(self) -> None:
        """With one; the exporter's (RFC 9266) is preferred."""
        joined = join(SCRAM_SHA_256_PLUS, CREDENTIALS, BOUND)
        self.assertGood(joined)
        self.assertTrue(joined.wire[0].startswith(b"p=tls-exporter,,n=user,r="))

    def test_boundToTheCertificate(self) -> None:
        """With C{tls-server-end-point}, where there is no other."""
        channel = Channel({"tls-server-end-point": b"p" * 32}, True)
        joined = join(SCRAM_SHA_256_PLUS, CREDENTIALS, channel)
        self.assertGood(joined)
        self.assertTrue(joined.wire[0].startswith(b"p=tls-server-end-point,,"))

    def test_otherHash(self) -> None:
        """A verifier of the mechanism's hash is asked for."""
        answers = dict(ANSWERS)
        answers[FetchVerifier] = lambda q: enrol(b"pencil", SALT, 4096, q.hashName)
        _, mechanism = scram(b"SCRAM-SHA-512", "sha512")
        self.assertGood(join(mechanism, CREDENTIALS, answers=answers))

    def test_namesWithCommasAndEqualSigns(self) -> None:
        """C{,} and C{=} are written C{=2C} and C{=3D}."""
        joined = join(SCRAM_SHA_256, Credentials(b"a,b=c", b"x"))
        self.assertGood(joined, b"a,b=c")
        self.assertIn(b"n=a=2Cb=3Dc,", joined.wire[0])

    def test_namesBeyondASCII(self) -> None:
        """Both sides prepare them (RFC 4013)."""
        joined = join(SCRAM_SHA_256, Credentials("bjo\u0308rn".encode(), b"stift"))
        self.assertGood(joined, "björn".encode())

    def test_wrongPassword(self) -> None:
        """Neither side believes the other."""
        joined = join(SCRAM_SHA_256, Credentials(b"user", b"pen"))
        self.assertEqual(joined.outcome, WRONG)
        self.assertFalse(joined.trusting)

    def test_nobodyLooksLikeSomebody(self) -> None:
        """
        A user that does not exist gets as many challenges, of the same form,
        with the same salt each time, and the same refusal.
        """
        known = join(SCRAM_SHA_256, Credentials(b"user", b"pen"))
        one = join(SCRAM_SHA_256, Credentials(b"nobody", b"pen"))
        two = join(SCRAM_SHA_256, Credentials(b"nobody", b"pencil"))
        self.assertEqual(len(known.wire), len(one.wire))
        self.assertEqual(len(known.wire[1]), len(one.wire[1]))
        salts = [joined.wire[1].split(b",", 1)[1] for joined in (one, two)]
        self.assertEqual(salts[0], salts[1])
        for joined in (one, two):
            self.assertEqual(
                joined.outcome, Denied(Cause.CREDENTIALS, "wrong proof", b"nobody")
            )

    def test_noncesAreNotReused(self) -> None:
        """Each side makes a new one each time, printable and without commas."""
        self.assertEqual(len({makeNonce() for _ in range(50)}), 50)
        one, two = (join(SCRAM_SHA_256, CREDENTIALS).wire for _ in range(2))
        self.assertNotEqual(one[0], two[0])
        self.assertNotEqual(one[1][-90:], two[1][-90:])

    @given(st.integers(0, 4), st.integers(0, 400), st.integers(1, 255))
    @settings(max_examples=100, deadline=None)
    def test_nothingMayBeChangedOnTheWay(self, which: int, at: int, by: int) -> None:
        """
        Whichever octet of whichever message is changed: never do both sides end
        content, and neither raises anything it should not.
        """

        def tamper(number: int, octets: bytes) -> bytes:
            if number != which:
                return octets
            changed = bytearray(octets or b"?")
            changed[at % len(changed)] ^= by
            return bytes(changed)

        joined = join(SCRAM_SHA_256_PLUS, CREDENTIALS, BOUND, tamper=tamper)
        good = isinstance(joined.outcome, Authenticated)
        self.assertFalse(good and joined.trusting)
