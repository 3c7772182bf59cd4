"""
Tests for L{smtpx.sasl.scram}: what a server refuses.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.sasl import (
    SCRAM_SHA_256_PLUS,
    Authenticated,
    Cause,
    Channel,
    Denied,
    FetchVerifier,
    encodeBase64,
    saltPassword,
)
from smtpx.sasl.scram import First, parseFirst
from smtpx.sasl.verifier import clientKey, exclusiveOr, keyed, storedKey

from .pairs import serve
from .vectors import (
    BOUND,
    CLIENT_FINAL,
    CLIENT_FIRST,
    CLIENT_NONCE,
    GARBLED,
    RFC_ANSWERS,
    SALT,
    SERVER,
    SERVER_FIRST,
    TLS,
    WRONG,
)


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

    def test_anotherNonceWithItsOwnProof(self) -> None:
        """
        One who knows the password still has to use this exchange's nonce: an
        old last message is not to be played again.
        """
        signed = b"c=biws,r=" + CLIENT_NONCE + b"of an exchange before"
        text = b",".join((CLIENT_FIRST[3:], SERVER_FIRST, signed))
        key = clientKey(saltPassword(b"pencil", SALT, 4096), "sha256")
        signature = keyed(storedKey(key, "sha256"), text, "sha256")
        proof = encodeBase64(exclusiveOr(key, signature))
        self.assertEqual(self.finish(signed + b",p=" + proof), WRONG)

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
