"""
Tests for L{smtpx.sasl.bearer}.
"""

from __future__ import annotations

import json

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import Malformed
from smtpx.sasl import (
    OAUTHBEARER,
    TOKEN_OCTETS,
    XOAUTH2,
    Authenticated,
    BadServer,
    Cause,
    Channel,
    CheckToken,
    Credentials,
    Denied,
    Mechanism,
    Outcome,
    Proof,
    TokenHints,
)
from smtpx.sasl.bearer import (
    OtherScheme,
    TokenMessage,
    parseOAuthBearer,
    parseXOAuth2,
    renderOAuthBearer,
    renderXOAuth2,
)

from .pairs import Answers, join, login, serve

#: RFC 7628 section 4.1, whose base64 is that of the section's own example.
EXAMPLE = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
)
TOKEN = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
USER = b"user@example.com"

#: The example of Google's page on XOAUTH2.
GOOGLE = (
    b"user=someuser@example.com\x01"
    b"auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
)

CREDENTIALS = Credentials(USER, token=TOKEN)
NOT_THIS = Denied(Cause.CREDENTIALS, "expired", USER)
UNAVAILABLE = Denied(Cause.UNAVAILABLE, "nobody can tell")

BOTH = (OAUTHBEARER, XOAUTH2)

TOKENS = st.from_regex(rb"[A-Za-z0-9._~+/-]{1,40}={0,2}", fullmatch=True)
HOSTS = st.from_regex(rb"[a-z.-]{0,20}", fullmatch=True)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\x01"), max_size=30
).map(str.encode)


def answers(outcome: Outcome) -> Answers:
    """A validator that says so."""
    return {CheckToken: lambda question: outcome}


def check(question: CheckToken) -> Outcome:
    """A validator that knows one token."""
    return Authenticated(USER) if question.token == TOKEN else NOT_THIS


def bearer(
    mechanism: Mechanism, *messages: bytes, outcome: Outcome | None = None
) -> tuple[list[bytes], Outcome | None]:
    """What comes of messages of a client."""
    known = answers(outcome) if outcome else {CheckToken: check}
    return serve(mechanism.serve(Channel()), *messages, answers=known)


class GrammarTests(SynchronousTestCase):
    """The messages."""

    def test_exampleOfTheRFC(self) -> None:
        """RFC 7628 section 4.1, both ways."""
        self.assertEqual(parseOAuthBearer(EXAMPLE), TokenMessage(TOKEN, USER))
        message = TokenMessage(TOKEN, USER, b"server.example.com", 143)
        self.assertEqual(renderOAuthBearer(message), EXAMPLE)
        # Section 3.1: what is not known is left out.
        self.assertEqual(
            renderOAuthBearer(TokenMessage(b"x")), b"n,,\x01auth=Bearer x\x01\x01"
        )

    def test_exampleOfGoogle(self) -> None:
        """XOAUTH2, both ways."""
        message = parseXOAuth2(GOOGLE)
        self.assertEqual(message.user, b"someuser@example.com")
        self.assertEqual(renderXOAuth2(message), GOOGLE)

    @given(
        TOKENS,
        NAMES,
        st.from_regex(rb"[a-z.-]{0,20}", fullmatch=True),
        st.integers(0, 65535),
    )
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(
        self, token: bytes, user: bytes, host: bytes, port: int
    ) -> None:
        """All tokens and names, but for where it goes."""
        message = TokenMessage(token, user, host, port)
        read = parseOAuthBearer(renderOAuthBearer(message))
        self.assertEqual(read, TokenMessage(token, user))
        if user:
            self.assertEqual(parseXOAuth2(renderXOAuth2(message)), read)

    def test_whatMayBeDifferent(self) -> None:
        """
        The other flag of GS2, no name, unknown pairs of any sort and order, the
        scheme in other letters.
        """
        for good in (
            b"y,,\x01auth=Bearer %b\x01\x01",
            b"n,,\x01auth=bearer %b\x01qs=\x01\x01",
            b"n,,\x01x=a \t\r\n=\x01auth=BEARER %b\x01mthd=POST\x01\x01",
        ):
            self.assertEqual(parseOAuthBearer(good % TOKEN), TokenMessage(TOKEN))

    def test_namesWithSigns(self) -> None:
        """C{=2C} and C{=3D} stand for comma and equal sign."""
        message = b"n,a=a=2Cb=3Dc,\x01auth=Bearer x\x01\x01"
        self.assertEqual(parseOAuthBearer(message), TokenMessage(b"x", b"a,b=c"))

    def test_malformed(self) -> None:
        """Whatever is not in the grammar of RFC 7628."""
        for bad in (
            b"",
            b"\x01",
            b"n,,\x01\x01",
            b"n,a=,\x01auth=Bearer x\x01\x01",
            b"n,a=a=2c,\x01auth=Bearer x\x01\x01",
            b"p=tls-exporter,,\x01auth=Bearer x\x01\x01",
            b"F,n,,\x01auth=Bearer x\x01\x01",
            b"n,\x01auth=Bearer x\x01\x01",
            b"n,,\x01auth=Bearer x\x01",
            b"n,,\x01auth=Bearer x\x01\x01\x01",
            b"n,,auth=Bearer x\x01\x01",
            b"n,,\x01auth=Bearer x\x01\x01 ",
            b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
            b"n,,\x01Auth=Bearer x\x01\x01",
            b"n,,\x011=2\x01auth=Bearer x\x01\x01",
            b"n,,\x01auth=Bearer \x01\x01",
            b"n,,\x01auth=Bearer a b\x01\x01",
            b"n,,\x01auth=Bearer  a\x01\x01",
            b"n,,\x01auth=Bearer a=b\x01\x01",
            b"n,,\x01auth=Bearer " + b"a" * (TOKEN_OCTETS + 1) + b"\x01\x01",
            b"n,,\x01auth=Bearer x\x01y=\xff\x01\x01",
        ):
            self.assertRaises(Malformed, parseOAuthBearer, bad)

    def test_malformedXOAuth2(self) -> None:
        """Whatever is not in Google's."""
        for bad in (
            b"",
            b"\x01",
            b"user=\x01auth=Bearer x\x01\x01",
            b"user=a\0b\x01auth=Bearer x\x01\x01",
            b"user=a\x01auth=Bearer x\x01",
            b"user=a\x01\x01",
            b"auth=Bearer x\x01user=a\x01\x01",
            EXAMPLE,
        ):
            self.assertRaises(Malformed, parseXOAuth2, bad)

    def test_otherSchemes(self) -> None:
        """Well made, and no bearer token."""
        for scheme in (b"OAuth", b"Basic", b"", b"Bearer2", b"MAC"):
            pair = b"auth=%b abc\x01\x01" % scheme
            self.assertRaises(OtherScheme, parseOAuthBearer, b"n,,\x01" + pair)
            self.assertRaises(OtherScheme, parseXOAuth2, b"user=a\x01" + pair)

    def test_longestToken(self) -> None:
        """It is taken."""
        token = b"a" * TOKEN_OCTETS
        message = renderOAuthBearer(TokenMessage(token))
        self.assertEqual(parseOAuthBearer(message).token, token)

    def test_cutAnywhere(self) -> None:
        """Part of a message is none."""
        for end in range(len(EXAMPLE)):
            self.assertRaises(Malformed, parseOAuthBearer, EXAMPLE[:end])
        for end in range(len(GOOGLE)):
            self.assertRaises(Malformed, parseXOAuth2, GOOGLE[:end])

    @given(st.binary(max_size=60))
    @settings(max_examples=100, deadline=None)
    def test_anyOctets(self, octets: bytes) -> None:
        """A message or L{Malformed}."""
        for parse in (parseOAuthBearer, parseXOAuth2):
            for message in (octets, b"n,,\x01" + octets, b"user=a\x01" + octets):
                try:
                    parse(message)
                except Malformed:
                    pass


class ServerTests(SynchronousTestCase):
    """The server's half."""

    def test_goodToken(self) -> None:
        """The validator says whose it is."""
        said = ([b""], Authenticated(USER))
        self.assertEqual(bearer(OAUTHBEARER, EXAMPLE), said)
        message = renderXOAuth2(TokenMessage(TOKEN, USER))
        self.assertEqual(bearer(XOAUTH2, message), said)

    def test_tokenOfNobodyInParticular(self) -> None:
        """Where the client gives no name, the token alone does."""
        message = renderOAuthBearer(TokenMessage(TOKEN))
        self.assertEqual(bearer(OAUTHBEARER, message)[1], Authenticated(USER))

    def test_whatTheValidatorIsAsked(self) -> None:
        """The token, the name as it is prepared, and where it comes from."""
        asked: list[CheckToken] = []
        channel = Channel(secured=True, peer=b"192.0.2.1")

        def ask(question: CheckToken) -> Outcome:
            asked.append(question)
            return UNAVAILABLE

        message = renderOAuthBearer(TokenMessage(TOKEN, "bjo\u0308rn".encode()))
        serve(OAUTHBEARER.serve(channel), message, answers={CheckToken: ask})
        self.assertEqual(asked, [CheckToken(TOKEN, "björn".encode())])
        self.assertIs(asked[0].channel, channel)

    def test_tokenOfSomebodyElse(self) -> None:
        """A good token, of another user than the client says: refused."""
        for mechanism in BOTH:
            render = renderOAuthBearer if mechanism is OAUTHBEARER else renderXOAuth2
            message = render(TokenMessage(TOKEN, b"admin"))
            said, outcome = bearer(mechanism, message, b"")
            denied = Denied(Cause.CREDENTIALS, "the token is not this user's", b"admin")
            self.assertEqual(outcome, denied)
            self.assertEqual(json.loads(said[1])["status"], "invalid_token")

    def test_badToken(self) -> None:
        """
        RFC 7628 section 4.3: an error as JSON, which the client answers, by
        C{%x01} or by whatever it likes, and fails.
        """
        for last in (b"\x01", b"", EXAMPLE):
            said, outcome = bearer(OAUTHBEARER, EXAMPLE, last, outcome=NOT_THIS)
            self.assertEqual(outcome, NOT_THIS)
            self.assertEqual(
                json.loads(said[1]), {"status": "invalid_token", "schemes": "bearer"}
            )

    def test_theErrorIsTheEnd(self) -> None:
        """Whoever carries the exchange is told so with the error."""
        exchange = OAUTHBEARER.serve(Channel())
        next(exchange)
        exchange.send(EXAMPLE)
        need = exchange.send(NOT_THIS)
        self.assertEqual(getattr(need, "failed", None), NOT_THIS)

    def test_hints(self) -> None:
        """Where to get a good one, if the operator says so."""
        hints = TokenHints(
            "mail", "https://id.example/.well-known/openid-configuration"
        )
        exchange = OAUTHBEARER.serve(Channel(hints=hints))
        said, _ = serve(exchange, EXAMPLE, b"\x01", answers=answers(NOT_THIS))
        self.assertEqual(
            json.loads(said[1]),
            {
                "status": "invalid_token",
                "schemes": "bearer",
                "scope": "mail",
                "openid-configuration": hints.discovery,
            },
        )

    def test_nobodyCanTell(self) -> None:
        """That says nothing of the token, so there is no error of it."""
        self.assertEqual(
            bearer(OAUTHBEARER, EXAMPLE, outcome=UNAVAILABLE), ([b""], UNAVAILABLE)
        )

    def test_otherSchemes(self) -> None:
        """The validator is not asked."""
        self.assertEqual(
            bearer(XOAUTH2, b"user=a\x01auth=Basic YQ==\x01\x01", b"")[1],
            Denied(Cause.CREDENTIALS, "not a bearer token"),
        )

    def test_malformed(self) -> None:
        """
        At once; a single C{%x01} among them (section 3.1), and a name that is too
        long, but not one of the most octets.
        """
        message = renderOAuthBearer(TokenMessage(TOKEN, b"a" * 1024))
        self.assertEqual(
            bearer(OAUTHBEARER, message, outcome=UNAVAILABLE)[1], UNAVAILABLE
        )
        long = b"a" * 1025
        for mechanism, message in (
            (OAUTHBEARER, b"\x01"),
            (OAUTHBEARER, renderOAuthBearer(TokenMessage(TOKEN, long))),
            (OAUTHBEARER, renderOAuthBearer(TokenMessage(TOKEN, b"\xff"))),
            (XOAUTH2, b"user=a"),
            (XOAUTH2, renderXOAuth2(TokenMessage(TOKEN, long))),
        ):
            outcome = bearer(mechanism, message)[1]
            assert isinstance(outcome, Denied)
            self.assertIs(outcome.cause, Cause.MALFORMED)

    def test_namesOfNothing(self) -> None:
        """A soft hyphen is a name, and nothing is left of it."""
        message = renderOAuthBearer(TokenMessage(TOKEN, "\u00ad".encode()))
        self.assertEqual(
            bearer(OAUTHBEARER, message)[1], Denied(Cause.CREDENTIALS, "empty name")
        )

    def test_tokensAreNotShown(self) -> None:
        """No repr has one: it would end in a log."""
        shown = repr((CREDENTIALS, CheckToken(TOKEN, USER), TokenMessage(TOKEN, USER)))
        self.assertNotIn(TOKEN.decode(), shown)
        self.assertIn("user@example.com", shown)


class ClientTests(SynchronousTestCase):
    """The client's half."""

    def test_joined(self) -> None:
        """Both, at our server; OAUTHBEARER says where it goes."""
        channel = Channel(secured=True, host=b"mx.example.org", port=587)
        for mechanism in BOTH:
            joined = join(
                mechanism,
                CREDENTIALS,
                clientChannel=channel,
                answers={CheckToken: check},
            )
            self.assertEqual(joined.outcome, Authenticated(USER))
            self.assertTrue(joined.trusting)
            place = b"\x01host=mx.example.org\x01port=587\x01" in joined.wire[0]
            self.assertEqual(place, mechanism is OAUTHBEARER)

    def test_badToken(self) -> None:
        """The client answers the error, so that the server can end."""
        for mechanism, last in ((OAUTHBEARER, b"\x01"), (XOAUTH2, b"")):
            joined = join(mechanism, CREDENTIALS, answers=answers(NOT_THIS))
            self.assertEqual(joined.outcome, NOT_THIS)
            self.assertFalse(joined.trusting)
            self.assertEqual(joined.wire[-1], last)

    def test_serversThatGoOn(self) -> None:
        """
        Neither success nor another challenge stands behind an error, and it is told
        which of them did.
        """
        for mechanism in BOTH:
            exchange = mechanism.login(CREDENTIALS, Channel())
            error = self.assertRaises(BadServer, login, exchange, b"{}", b"{}")
            self.assertEqual(str(error), "a challenge behind an error")
            exchange = mechanism.login(CREDENTIALS, Channel())
            exchange.send(None)
            exchange.send(b"{}")
            error = self.assertRaises(BadServer, exchange.send, None)
            self.assertEqual(str(error), "success behind an error")

    def test_forWhom(self) -> None:
        """Tokens are shown, and are for TLS only."""
        self.assertEqual(CREDENTIALS.proofs, {Proof.TOKEN})
        for mechanism in BOTH:
            self.assertTrue(mechanism.plain)
            self.assertTrue(mechanism.secured)

    def test_tokensThatAreNone(self) -> None:
        """Found where they are made."""
        for bad in (b"", b"a b", b"a\n", b"=", b"a" * (TOKEN_OCTETS + 1)):
            self.assertRaises(Malformed, Credentials, USER, token=bad)
        self.assertRaises(Malformed, Credentials, USER, b"pencil", TOKEN)
        self.assertRaises(Malformed, Credentials, b"", token=TOKEN)
