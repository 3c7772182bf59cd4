"""
Tests for L{smtpx.extensions.auth}: logins by token and by certificate.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import PENDING
from smtpx.core.errors import Malformed
from smtpx.core.hooks import TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.extensions.auth import FAILURE, Auth, AuthSettings
from smtpx.extensions.xclient import XClient, XClientSettings
from smtpx.sasl import (
    Authenticated,
    Cause,
    Channel,
    CheckPassword,
    CheckToken,
    Credentials,
    Denied,
    Judgement,
    Outcome,
)
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

from .logins import (
    CREDENTIALS,
    DEFAULTS,
    HELLO,
    PLAIN,
    SERVER_ANSWERS,
    TLS,
    UNVERIFIED,
    WELCOME,
    WRONG,
    Answers,
    Users,
    b64,
    clientAnswers,
)

SUBJECT = "CN=joe,O=Example"
CERTIFIED = TLSInfo(verified=True, subject=SUBJECT)
CERTIFICATES = {SUBJECT: b"joe", "CN=ann,O=Example": b"ann"}

BEARER = b"n,a=joe,\x01auth=Bearer vF9dft4qmT\x01\x01"
BEARER_TOO_LONG = b"n,a=joe,\x01auth=Bearer " + b"a" * 4000 + b"\x01\x01"
GOOGLE = b"user=joe\x01auth=Bearer vF9dft4qmT\x01\x01"
EXPIRED = b"n,a=joe,\x01auth=Bearer expired\x01\x01"

EXTERNAL = b"AUTH EXTERNAL =\r\n"


def check(question: CheckToken) -> Outcome:
    """Two tokens are good, one is for later."""
    if question.token == b"later":
        return Denied(Cause.UNAVAILABLE, "later")
    if question.token in (b"vF9dft4qmT", b"a" * 4000):
        return Authenticated(b"joe")
    return Denied(Cause.CREDENTIALS, "expired", b"joe")


ANSWERS: Answers = {**SERVER_ANSWERS, CheckToken: check}


def said(
    octets: bytes,
    settings: AuthSettings = DEFAULTS,
    *,
    secured: TLSInfo | None = CERTIFIED,
    users: Users | None = None,
    tokens: bool = True,
    certificates: Mapping[str, bytes] = CERTIFICATES,
    answers: Answers = ANSWERS,
) -> Said:
    """A server without passwords, after EHLO and C{octets}."""
    auth = Auth(settings, users=users, tokens=tokens, certificates=certificates)
    return talk([auth], HELLO + octets, secured=secured, answers=answers)


class OfferTests(SynchronousTestCase):
    """Which mechanisms are offered to whom."""

    def test_toACertificateOfSomebody(self) -> None:
        """EXTERNAL first."""
        self.assertEqual(said(b"").last, b"250 AUTH EXTERNAL OAUTHBEARER XOAUTH2")
        self.assertEqual(
            said(b"", users=Users()).last,
            b"250 AUTH EXTERNAL SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN",
        )

    def test_toOtherCertificates(self) -> None:
        """One that is not good, one that is nobody's, or none."""
        for secured in (
            evolve(CERTIFIED, verified=False),
            evolve(CERTIFIED, subject="CN=eve,O=Example"),
            evolve(CERTIFIED, subject=None),
        ):
            self.assertEqual(
                said(b"", secured=secured).last, b"250 AUTH OAUTHBEARER XOAUTH2"
            )
            got = said(EXTERNAL, secured=secured)
            self.assertEqual(got.codes[-1], 504)
            got = said(EXTERNAL, secured=secured, tokens=False)
            self.assertEqual(got.replies[1:2], [b"250 mx.example.org"])
            self.assertEqual(got.codes[-1], 504)

    def test_inTheClear(self) -> None:
        """Neither, even if the operator insists on passwords in the clear."""
        self.assertEqual(said(b"", secured=None).last, b"250 mx.example.org")
        insists = AuthSettings(clear_text=True)
        self.assertEqual(
            said(b"", insists, secured=None, users=Users()).last,
            b"250 AUTH SCRAM-SHA-256 PLAIN LOGIN",
        )
        got = said(b"AUTH OAUTHBEARER " + b64(BEARER), insists, secured=None)
        self.assertEqual(got.codes[-1], 504)

    def test_asConfigured(self) -> None:
        """The operator may want one only."""
        self.assertEqual(
            said(b"", AuthSettings(mechanisms=("XOAUTH2",))).last, b"250 AUTH XOAUTH2"
        )

    def test_whereNobodyCould(self) -> None:
        """Without any of them there is no AUTH."""
        got = said(EXTERNAL, tokens=False, certificates={})
        self.assertEqual(got.codes, [220, 250, 502])

    def test_portsAreKept(self) -> None:
        """With other settings."""
        auth = Auth(tokens=True, certificates=CERTIFICATES).configured(DEFAULTS)
        self.assertTrue(auth.tokens)
        self.assertEqual(auth.certificates, CERTIFICATES)

    def test_namesAreChecked(self) -> None:
        """A user that could not be is an error at once."""
        self.assertRaises(Malformed, Auth, certificates={SUBJECT: b"a\0b"})


class CertificateTests(SynchronousTestCase):
    """EXTERNAL."""

    def test_loggedIn(self) -> None:
        """In one step, with the name or without."""
        for octets in (
            EXTERNAL,
            b"AUTH EXTERNAL " + b64(b"joe"),
            b"AUTH EXTERNAL\r\n\r\n",
        ):
            got = said(octets)
            self.assertEqual(got.last, WELCOME)
            self.assertEqual(got.connection.identity, b"joe")
            self.assertEqual(got.connection.mechanism, "external")
            self.assertEqual(got.connection.logFields(), (("A", "external:joe"),))

    def test_asSomebodyElse(self) -> None:
        """Not with this certificate, though it is a user's too."""
        got = said(b"AUTH EXTERNAL " + b64(b"ann"))
        self.assertEqual(got.last, WRONG)
        self.assertIsNone(got.connection.identity)
        self.assertEqual(got.connection.variable("authenticated_fail_id"), "joe")

    def test_ofAProxy(self) -> None:
        """
        A proxy's certificate is the proxy's, and not of those for whom it speaks
        (XCLIENT).
        """
        auth = Auth(certificates=CERTIFICATES)
        proxy = XClient(XClientSettings(HostList.parse(("192.0.2.0/24",))))
        said = HELLO + b"XCLIENT ADDR=198.51.100.7\r\n" + HELLO + EXTERNAL
        got = talk([auth, proxy], said, secured=CERTIFIED)
        self.assertEqual(sum(b"AUTH EXTERNAL" in line for line in got.replies), 1)
        self.assertEqual(got.codes[-1], 504)


class TokenTests(SynchronousTestCase):
    """OAUTHBEARER and XOAUTH2."""

    def test_loggedIn(self) -> None:
        """In one step."""
        for octets in (
            b"AUTH OAUTHBEARER " + b64(BEARER),
            b"AUTH XOAUTH2 " + b64(GOOGLE),
            b"AUTH OAUTHBEARER\r\n" + b64(BEARER_TOO_LONG),
        ):
            got = said(octets)
            self.assertEqual(got.last, WELCOME)
            self.assertEqual(got.connection.identity, b"joe")

    def test_longTokensInTheCommand(self) -> None:
        """
        Clients send them there, whatever RFC 4954 section 4 says of 512 octets:
        as long as a command may be here.
        """
        long = b"n,a=joe,\x01auth=Bearer " + b"a" * 2900 + b"\x01\x01"
        got = said(
            b"AUTH OAUTHBEARER " + b64(long),
            answers={CheckToken: lambda question: Authenticated(b"joe")},
        )
        self.assertEqual(got.last, WELCOME)

    def test_badToken(self) -> None:
        """RFC 7628 section 4.3: an error in JSON, then 535."""
        settings = AuthSettings(
            token_scope="mail", token_discovery="https://id.example/openid"
        )
        got = said(b"AUTH OAUTHBEARER " + b64(EXPIRED), settings)
        self.assertEqual(got.last[:4], b"334 ")
        self.assertEqual(
            json.loads(b64decode(got.last[4:])),
            {
                "status": "invalid_token",
                "schemes": "bearer",
                "scope": "mail",
                "openid-configuration": "https://id.example/openid",
            },
        )
        self.assertEqual(got.feed(b"AQ==\r\n"), WRONG + b"\r\n")
        self.assertEqual(got.connection.stamps[FAILURE].count, 1)

    def test_whateverIsSaidBehindTheError(self) -> None:
        """
        It has failed, and counts so: the client may cancel, or send what is no
        base64 or too long.
        """
        for last in (b"*", b"", b"AQ==", b"%%%", b"A" * 13_000):
            got = said(b"AUTH OAUTHBEARER " + b64(EXPIRED))
            self.assertEqual(got.feed(last + b"\r\n"), WRONG + b"\r\n")
            self.assertEqual(got.connection.stamps[FAILURE].count, 1)
            self.assertEqual(got.connection.stamps[FAILURE].why, "expired")

    def test_hangsUpAtTheError(self) -> None:
        """
        curl does, with XOAUTH2.  It has failed all the same, and once.
        """
        told: list[tuple[str, bool]] = []
        auth = Auth(tokens=True, told=lambda *login: told.append(login[1:]))
        got = talk(
            [auth],
            HELLO + b"AUTH OAUTHBEARER " + b64(EXPIRED),
            secured=CERTIFIED,
            answers=ANSWERS,
        )
        self.assertEqual(told, [("OAUTHBEARER", False)])
        self.assertEqual(got.connection.stamps[FAILURE].count, 1)
        got.feed(b"AQ==\r\n")
        self.assertEqual(told, [("OAUTHBEARER", False)])
        self.assertEqual(got.connection.stamps[FAILURE].count, 1)

    def test_soManyAreTried(self) -> None:
        """No more than passwords."""
        attempt = b"AUTH OAUTHBEARER " + b64(EXPIRED) + b"*\r\n"
        got = said(attempt * 3 + b"AUTH OAUTHBEARER " + b64(BEARER))
        self.assertEqual(got.codes[2:], [334, 535] * 3 + [421])

    def test_nobodyCanTell(self) -> None:
        """454 at once: the token may be good."""
        later = b"n,a=joe,\x01auth=Bearer later\x01\x01"
        got = said(b"AUTH OAUTHBEARER " + b64(later))
        self.assertEqual(got.last, b"454 4.7.0 Temporary authentication failure")
        self.assertNotIn(FAILURE, got.connection.stamps)

    def test_answerThatComesLater(self) -> None:
        """The client waits."""
        answers: Answers = {CheckToken: lambda question: PENDING}
        got = said(b"AUTH XOAUTH2 " + b64(GOOGLE), answers=answers)
        self.assertEqual(got.codes, [220, 250])
        got.answer(Authenticated(b"joe"))
        self.assertEqual(got.last, WELCOME)

    def test_malformed(self) -> None:
        """501."""
        for octets in (b"AUTH OAUTHBEARER AQ==\r\n", b"AUTH XOAUTH2 =\r\n"):
            self.assertEqual(said(octets).last[:9], b"501 5.5.2")

    def test_tokensAreNotReported(self) -> None:
        """What a journal is told of a refused login has none."""
        got = said(b"AUTH OAUTHBEARER " + b64(EXPIRED) + b"*\r\n")
        self.assertEqual([command for command, _ in got.port.refusals], [b"AUTH"])
        self.assertNotIn("expired", repr(got.port.asked))


class QuestionTests(SynchronousTestCase):
    """What whoever checks is told of the client."""

    def test_whereItComesFrom(self) -> None:
        """Addresses, and whether it is under TLS."""
        for octets, kind in (
            (PLAIN, CheckPassword),
            (b"AUTH OAUTHBEARER " + b64(BEARER), CheckToken),
        ):
            asked = said(octets, users=Users()).port.asked[-1]
            assert isinstance(asked, CheckPassword | CheckToken)
            self.assertIsInstance(asked, kind)
            channel = asked.channel
            self.assertEqual(channel.peer, b"192.0.2.1")
            self.assertEqual(channel.local, b"192.0.2.25")
            self.assertTrue(channel.secured)

    def test_inTheClear(self) -> None:
        """Where that is allowed."""
        settings = AuthSettings(clear_text=True)
        asked = said(PLAIN, settings, secured=None, users=Users()).port.asked[-1]
        assert isinstance(asked, CheckPassword)
        self.assertFalse(asked.channel.secured)

    def test_anotherName(self) -> None:
        """Who checks may know the user by another name, which counts."""
        answers: Answers = {CheckPassword: lambda question: Authenticated(b"joe")}
        got = said(PLAIN, users=Users(), answers=answers)
        self.assertEqual(got.connection.identity, b"joe")

    def test_defaultChannel(self) -> None:
        """Whoever asks without one is nowhere."""
        self.assertEqual(CheckPassword(b"user", b"pencil").channel, Channel())
        self.assertEqual(CheckToken(b"token").user, b"")


class JoinedTests(SynchronousTestCase):
    """Our client logs in at our server."""

    def joined(
        self,
        credentials: Credentials,
        clientSettings: AuthSettings = DEFAULTS,
        serverSettings: AuthSettings = DEFAULTS,
        secured: TLSInfo | None = CERTIFIED,
    ) -> Pair:
        """Both, greeted."""
        answers = {**ANSWERS, CheckPassword: lambda question: Judgement.GOOD}
        return pair(
            [
                Auth(
                    serverSettings,
                    users=Users(scram=False),
                    tokens=True,
                    certificates=CERTIFICATES,
                )
            ],
            [Auth(clientSettings, logsIn=True)],
            secured=secured,
            serverAnswers=answers,
            clientAnswers=clientAnswers(credentials),
        ).open()

    def mechanism(self, joined: Pair) -> object:
        """By what they came together; L{None}: they did not."""
        self.assertEqual(joined.troubles, [])
        return joined.server.mechanism

    def test_byWhatItHas(self) -> None:
        """The credentials decide what kind of mechanism it is."""
        token = Credentials(b"joe", token=b"vF9dft4qmT")
        self.assertEqual(self.mechanism(self.joined(token)), "oauthbearer")
        self.assertEqual(self.mechanism(self.joined(Credentials())), "external")
        self.assertEqual(self.mechanism(self.joined(Credentials(b"joe"))), "external")
        self.assertEqual(self.mechanism(self.joined(CREDENTIALS)), "plain")

    def test_xoauth2(self) -> None:
        """Where the server has nothing better."""
        token = Credentials(b"joe", token=b"vF9dft4qmT")
        google = AuthSettings(mechanisms=("XOAUTH2",))
        got = self.joined(token, serverSettings=google)
        self.assertEqual(self.mechanism(got), "xoauth2")

    def test_badToken(self) -> None:
        """The client comes to an end, and gives up."""
        for name in ("OAUTHBEARER", "XOAUTH2"):
            settings = AuthSettings(mechanisms=(name,))
            got = self.joined(Credentials(b"joe", token=b"expired"), settings)
            self.assertIsNone(self.mechanism(got))
            reply = got.gaveUp[0].reply
            assert reply is not None
            self.assertEqual(reply.code, 535)

    def test_neverWithoutTLS(self) -> None:
        """Whatever both sides' operators say."""
        insists = AuthSettings(clear_text=True)
        for credentials in (Credentials(b"joe", token=b"vF9dft4qmT"), Credentials()):
            got = self.joined(credentials, insists, insists, secured=None)
            self.assertEqual(len(got.gaveUp), 1)
            self.assertNotIn(b"AUTH", got.said)

    def test_serversThatWantThemInTheClear(self) -> None:
        """A server that offers such a thing does not get it."""
        insists = AuthSettings(clear_text=True)
        for credentials in (Credentials(b"joe", token=b"vF9dft4qmT"), Credentials()):
            connection = client([Auth(insists, logsIn=True)])
            peer = ScriptedPeer(connection, clientAnswers(credentials))
            said = peer.open(b"AUTH OAUTHBEARER XOAUTH2 EXTERNAL")
            self.assertNotIn(b"AUTH", said)
            self.assertEqual(len(peer.gaveUp), 1)

    def test_badCertificates(self) -> None:
        """A token is for a host that is who it says."""
        token = Credentials(b"joe", token=b"vF9dft4qmT")
        self.assertEqual(len(self.joined(token, secured=UNVERIFIED).gaveUp), 1)
        lenient = AuthSettings(unverified=True)
        got = self.joined(token, lenient, secured=UNVERIFIED)
        self.assertEqual(self.mechanism(got), "oauthbearer")

    def test_serversThatDoNotOfferIt(self) -> None:
        """What a client cannot show it does not try in another way."""
        got = self.joined(Credentials(), secured=TLS)
        self.assertEqual(len(got.gaveUp), 1)
