"""
Tests for L{smtpx.sasl.scram}.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.sasl import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    Authenticated,
    BadServer,
    Cause,
    Channel,
    Credentials,
    Denied,
    FetchVerifier,
    enrol,
    scram,
)
from smtpx.sasl.scram import First, makeNonce, parseFirst
from smtpx.sasl.values import ServerExchange

from .pairs import ANSWERS, Joined, join, login, serve, step

try:
    import scramp  # type: ignore[import-untyped]  # has no types
except ImportError:
    scramp = None

CREDENTIALS = Credentials(b"user", b"pencil")
SALT = b64decode(b"W22ZaJ0SNY7soEsUEjb6gQ==")

#: RFC 7677 section 3.
CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

RFC_ANSWERS = dict(ANSWERS)
RFC_ANSWERS[FetchVerifier] = lambda q: enrol(b"pencil", SALT, 4096)

_, SERVER = scram(b"SCRAM-SHA-256", "sha256", lambda: SERVER_NONCE)
_, CLIENT = scram(b"SCRAM-SHA-256", "sha256", lambda: CLIENT_NONCE)

TLS = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"p" * 32}
BOUND = Channel(TLS, boundOffered=True)

WRONG = Denied(Cause.CREDENTIALS, "wrong proof", b"user")
GARBLED = Denied(Cause.MALFORMED, "not a message of SCRAM")


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


class ServerTests(SynchronousTestCase):
    """What a server does not take."""

    def begin(self, message: bytes, channel: Channel | None = None) -> object:
        """What comes of a first message; L{None}: it is taken."""
        return serve(SERVER.serve(channel or Channel()), message)[1]

    def finish(self, message: bytes, *more: bytes) -> object:
        """What comes of a last message behind a good first one."""
        return serve(
            SERVER.serve(Channel()), CLIENT_FIRST, message, *more, answers=RFC_ANSWERS
        )[1]

    def test_clientThatDoubts(self) -> None:
        """C{y} is fine where no channel binding was offered."""
        self.assertIsNone(self.begin(b"y,,n=user,r=abc"))

    def test_downgrade(self) -> None:
        """
        C{y} where one was offered: somebody took it off the list (RFC 5802
        section 6).
        """
        self.assertEqual(
            self.begin(b"y,,n=user,r=abc", BOUND),
            Denied(
                Cause.CREDENTIALS,
                "channel binding was offered, and the client did not see it",
                b"user",
            ),
        )
        self.assertIsNone(self.begin(b"n,,n=user,r=abc", BOUND))

    def test_bindingWithoutPlus(self) -> None:
        """C{p=} belongs to the C{-PLUS} mechanism."""
        self.assertEqual(
            self.begin(b"p=tls-exporter,,n=user,r=abc", BOUND),
            Denied(
                Cause.CREDENTIALS,
                "channel binding in a mechanism without",
                b"user",
            ),
        )

    def test_plusWithoutBinding(self) -> None:
        """
        The C{-PLUS} mechanism takes no C{n} or C{y}, and no binding that the
        connection has not, or that is not among ours.
        """
        channel = Channel({**TLS, "tls-unique": b"u" * 12}, True)
        for header in (b"n", b"y", b"p=tls-unique", b"p=other"):
            _, outcome = serve(
                SCRAM_SHA_256_PLUS.serve(channel), header + b",,n=user,r=abc"
            )
            self.assertEqual(
                outcome,
                Denied(Cause.CREDENTIALS, "no such channel binding", b"user"),
            )

    def test_firstMessages(self) -> None:
        """What is not in the grammar of the first message."""
        for bad in (
            b"",
            b"n",
            b"n,,",
            b"n,,n=user",
            b"n,,n=,r=abc",
            b"n,,n=user,r=",
            b"n,,r=abc,n=user",
            b"x,,n=user,r=abc",
            b"p=,,n=user,r=abc",
            b"p=tls unique,,n=user,r=abc",
            b"n,user,n=user,r=abc",
            b"n,a=,n=user,r=abc",
            b"n,,n=us=er,r=abc",
            b"n,,n=us=2cer,r=abc",
            b"n,,n=us\0er,r=abc",
            b"n,,n=user,r=a\x7fc",
            b"n,,n=user,r=a c",
            b"n,,n=user,r=abc,",
            b"n,,n=user,r=abc,x",
            b"n,,n=user,r=abc,x=",
            b"n,,m=ext,n=user,r=abc",
            b"n,,n=user,r=abc,m=ext",
            b"n,,n=user,r=abc\n",
            b"n,,n=user,r=" + b"x" * 257,
            b"n,,n=" + b"x" * 1025 + b",r=abc",
        ):
            self.assertEqual(self.begin(bad), GARBLED, bad)

    def test_extensionsAreIgnored(self) -> None:
        """Those that are not mandatory (RFC 5802 section 5.1)."""
        self.assertIsNone(self.begin(b"n,,n=user,r=abc,x=1,Y=a=b"))

    def test_names(self) -> None:
        """Names that cannot be prepared, or are empty then."""
        self.assertEqual(
            self.begin(b"n,,n=\xff,r=abc"), Denied(Cause.CREDENTIALS, "not UTF-8")
        )
        self.assertEqual(
            self.begin("n,,n=\u00ad,r=abc".encode()),
            Denied(Cause.CREDENTIALS, "empty name"),
        )

    def test_actingAsAnother(self) -> None:
        """Nobody acts as somebody else; as oneself, anybody may."""
        self.assertEqual(
            self.begin(b"n,a=admin,n=user,r=abc"),
            Denied(Cause.CREDENTIALS, "wants to act as somebody else", b"user"),
        )
        self.assertEqual(
            parseFirst(b"n,a=user,n=user,r=abc"),
            First(b"n,a=user,", b"n=user,r=abc", None, False, b"user", b"user", b"abc"),
        )

    def test_lastMessages(self) -> None:
        """What is not in the grammar of the last message."""
        for bad in (
            b"",
            CLIENT_FINAL[:-1],
            CLIENT_FINAL + b",x=1",
            CLIENT_FINAL.replace(b"c=biws", b"c=biw"),
            CLIENT_FINAL.replace(b"c=biws,", b""),
            CLIENT_FINAL.replace(b",p=", b",m=x,p="),
            CLIENT_FINAL.replace(b",p=", b",x=,p="),
            CLIENT_FINAL.replace(b",p=", b",p=x,p="),
            CLIENT_FINAL[:-8] + b"\xc3\xa9",
        ):
            self.assertEqual(self.finish(bad), GARBLED, bad)

    def test_wrongLastMessages(self) -> None:
        """Another nonce, header or proof; a proof of another length."""
        for bad in (
            CLIENT_FINAL.replace(b"k0,", b"k1,"),
            CLIENT_FINAL.replace(b"c=biws", b"c=eSws"),
            CLIENT_FINAL.replace(b"p=dH", b"p=dG"),
            CLIENT_FINAL.split(b",p=")[0] + b",p=AAAA",
            CLIENT_FINAL.replace(b",p=", b",x=1,p="),
        ):
            self.assertEqual(self.finish(bad), WRONG, bad)

    def test_answerToTheSignature(self) -> None:
        """It is empty."""
        self.assertEqual(
            self.finish(CLIENT_FINAL, b"ok"),
            Denied(Cause.MALFORMED, "an answer where there is none", b"user"),
        )

    def test_nobodyCanTell(self) -> None:
        """A store that cannot be reached is not an unknown user."""
        _, outcome = serve(
            SERVER.serve(Channel()),
            CLIENT_FIRST,
            answers={FetchVerifier: lambda q: None},
        )
        self.assertEqual(
            outcome,
            Denied(Cause.UNAVAILABLE, "verifiers cannot be fetched", b"user"),
        )

    def test_cutAnywhere(self) -> None:
        """A message that is not whole is refused, wherever it ends."""
        for end in range(len(CLIENT_FINAL)):
            self.assertIsInstance(self.finish(CLIENT_FINAL[:end]), Denied)
        for end in range(len(CLIENT_FIRST) - len(CLIENT_NONCE) + 1):
            self.assertEqual(self.begin(CLIENT_FIRST[:end]), GARBLED)

    @given(st.binary(max_size=60), st.binary(max_size=60))
    @settings(max_examples=100, deadline=None)
    def test_anyMessagesAreRefused(self, first: bytes, last: bytes) -> None:
        """Whatever is sent: a refusal, never an exception."""
        self.assertNotIsInstance(self.begin(first), Authenticated)
        self.assertIsInstance(self.finish(last), Denied)

    def test_longMessages(self) -> None:
        """As long as a line may be, and never right: refused like any other."""
        for unit in (b",x=", b"=2", b"=", b",", b"=2C"):
            self.assertEqual(self.begin(b"n,,n=u,r=abc" + unit * 4000), GARBLED)
            self.assertEqual(self.begin(b"n,,n=" + unit * 4000), GARBLED)
            self.assertEqual(
                self.finish(CLIENT_FINAL.replace(b",p=", unit * 4000 + b",p")), GARBLED
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
