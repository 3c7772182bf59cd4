"""
Tests for L{smtpx.extensions.auth}: the client.
"""

from __future__ import annotations

from base64 import b64decode

from attrs import evolve
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.reply import Reply, reply
from smtpx.extensions.auth import (
    SUBMITTER,
    Auth,
    AuthSettings,
)
from smtpx.sasl import (
    Credentials,
)
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import Pair, pair

from .logins import (
    BOUND,
    CLIENT_ANSWERS,
    CREDENTIALS,
    DEFAULTS,
    PLAIN,
    SERVER_ANSWERS,
    TLS,
    UNVERIFIED,
    Answers,
    Users,
    b64,
    clientAnswers,
)


class JoinedTests(SynchronousTestCase):
    """Our client logs in at our server."""

    def joined(
        self,
        clientSettings: AuthSettings = DEFAULTS,
        serverSettings: AuthSettings = DEFAULTS,
        *,
        secured: TLSInfo | None = TLS,
        users: Users | None = None,
        answers: Answers = CLIENT_ANSWERS,
    ) -> Pair:
        """Both, greeted."""
        return pair(
            [Auth(serverSettings, users=users or Users())],
            [Auth(clientSettings, logsIn=True)],
            secured=secured,
            serverAnswers=SERVER_ANSWERS,
            clientAnswers=answers,
        ).open()

    def assertLoggedIn(self, joined: Pair, mechanism: str) -> None:
        """Both know it."""
        self.assertEqual(joined.server.identity, b"user")
        self.assertEqual(joined.server.mechanism, mechanism)
        self.assertTrue(joined.client.authenticated)
        self.assertTrue(joined.client.ready)

    def assertGaveUp(self, joined: Pair) -> None:
        """The client gave up."""
        self.assertIsNone(joined.server.identity)
        self.assertFalse(joined.client.authenticated)
        self.assertEqual(len(joined.gaveUp), 1)
        self.assertEqual(joined.troubles, [])

    def test_eachMechanism(self) -> None:
        """All of them, alone."""
        for name in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"):
            joined = self.joined(
                serverSettings=AuthSettings(mechanisms=(name,)), secured=BOUND
            )
            self.assertLoggedIn(joined, name.lower())
            self.assertEqual(joined.recorded, (("A", f"{name.lower()}:user"),))

    def test_theStrongestFirst(self) -> None:
        """Of those that both have."""
        self.assertLoggedIn(self.joined(secured=BOUND), "scram-sha-256-plus")
        self.assertLoggedIn(self.joined(), "scram-sha-256")
        self.assertLoggedIn(self.joined(users=Users(scram=False)), "plain")

    def test_theClientsOrder(self) -> None:
        """Its settings say what it prefers."""
        options = AuthSettings(mechanisms=("LOGIN", "PLAIN"))
        self.assertLoggedIn(self.joined(options, secured=BOUND), "login")

    def test_bindingsThatDiffer(self) -> None:
        """Somebody between them who has TLS with each: no login."""
        changed = pair(
            [Auth(users=Users())],
            [Auth(logsIn=True)],
            secured=BOUND,
            serverAnswers=SERVER_ANSWERS,
            clientAnswers=CLIENT_ANSWERS,
        )
        changed.server.secured = evolve(BOUND, bindings={"tls-exporter": b"m" * 32})
        self.assertGaveUp(changed.open())

    def test_wrongPassword(self) -> None:
        """By each mechanism; the server's refusal is kept."""
        answers = clientAnswers(Credentials(b"user", b"pen"))
        for name in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            joined = self.joined(AuthSettings(mechanisms=(name,)), answers=answers)
            self.assertGaveUp(joined)
            why = joined.gaveUp[0].reply
            assert why is not None
            self.assertEqual(why.code, 535)

    def test_withoutCredentials(self) -> None:
        """A host that we are nobody at."""
        joined = self.joined(answers=clientAnswers(None))
        self.assertFalse(joined.client.authenticated)
        self.assertTrue(joined.client.ready)
        self.assertNotIn(b"AUTH", joined.said)

    def test_withoutTheExtensionKnowing(self) -> None:
        """Where nobody was named to answer, nothing is asked."""
        joined = pair([Auth(users=Users())], [Auth()], secured=TLS).open()
        self.assertTrue(joined.client.ready)

    def test_notInTheClear(self) -> None:
        """Whatever the server offers: mail that needs a login does not go."""
        options = AuthSettings(clear_text=True)
        joined = self.joined(serverSettings=options, secured=None)
        self.assertGaveUp(joined)
        self.assertNotIn(b"AUTH", joined.said)
        self.assertLoggedIn(
            self.joined(options, options, secured=None), "scram-sha-256"
        )
        self.assertLoggedIn(
            self.joined(options, options, secured=None, users=Users(scram=False)),
            "plain",
        )

    def test_badCertificates(self) -> None:
        """Passwords are shown to hosts that are who they say, or not at all."""
        plain = AuthSettings(mechanisms=("PLAIN", "LOGIN"))
        self.assertGaveUp(self.joined(serverSettings=plain, secured=UNVERIFIED))
        self.assertLoggedIn(self.joined(secured=UNVERIFIED), "scram-sha-256")
        lenient = AuthSettings(unverified=True)
        self.assertLoggedIn(self.joined(lenient, plain, secured=UNVERIFIED), "plain")

    def test_nothingOffered(self) -> None:
        """The credentials are for a host that takes none: something is wrong."""
        self.assertGaveUp(self.joined(users=Users(available=False)))

    def test_longCredentials(self) -> None:
        """
        An initial response that makes the command longer than 512 octets waits
        for the challenge.
        """
        answers = clientAnswers(Credentials(b"user", b"p" * 900))
        joined = self.joined(AuthSettings(mechanisms=("PLAIN",)), answers=answers)
        self.assertIn(b"\r\nAUTH PLAIN\r\nA", joined.said)
        self.assertGaveUp(joined)

    def test_submitter(self) -> None:
        """
        What a trusted relay knows of the submitter it passes on; where it knows
        nothing, or is not logged in, C{<>} or nothing.
        """
        joined = self.joined(serverSettings=AuthSettings(trusted=("user",)))
        envelope = Envelope(b"a@b.example", 0.0, [Recipient(b"c@d.example")])
        envelope.stamps[SUBMITTER] = b"e=mc2@example.com"
        joined.deliver(envelope, b"x\r\n")
        self.assertEqual(joined.taken[0].stamps[SUBMITTER], b"e=mc2@example.com")
        joined.deliver(Envelope(b"a@b.example", 0.0, [Recipient(b"c@d.example")]))
        self.assertIn(b"MAIL FROM:<a@b.example> AUTH=<>\r\n", joined.said)
        joined = self.joined(answers=clientAnswers(None))
        joined.deliver(envelope)
        self.assertIn(b"MAIL FROM:<a@b.example>\r\n", joined.said)


class ClientTests(SynchronousTestCase):
    """Our client at a server that is not ours."""

    def peer(
        self,
        *keywords: bytes,
        mechanism: str = "PLAIN",
        credentials: Credentials = CREDENTIALS,
    ) -> ScriptedPeer:
        """A peer under TLS."""
        extension = Auth(AuthSettings(mechanisms=(mechanism,)), logsIn=True)
        connection = client([extension], secured=TLS)
        return ScriptedPeer(connection, clientAnswers(credentials))

    def test_plain(self) -> None:
        """In one step."""
        peer = self.peer()
        self.assertEqual(peer.open(b"AUTH PLAIN LOGIN"), PLAIN)
        peer.say(b"235 OK\r\n")
        self.assertTrue(peer.connection.ready)

    def test_challengesThatAreNotBase64(self) -> None:
        """RFC 4954 section 4: cancelled with C{*}."""
        for bad in (b"334 what?\r\n", b"334-AAAA\r\n334 AAAA\r\n", b"334 AAA\r\n"):
            peer = self.peer(mechanism="LOGIN")
            self.assertEqual(peer.open(b"AUTH LOGIN"), b"AUTH LOGIN\r\n")
            self.assertEqual(peer.say(bad), b"*\r\n")
            peer.say(b"501 5.7.0 Cancelled\r\n")
            self.assertEqual(len(peer.gaveUp), 1)

    def test_challengesBeyondTheMechanism(self) -> None:
        """One that PLAIN does not have is cancelled too."""
        peer = self.peer()
        peer.open(b"AUTH PLAIN")
        self.assertEqual(peer.say(b"334 \r\n"), b"*\r\n")
        peer.say(b"235 Welcome all the same\r\n")
        self.assertFalse(peer.connection.authenticated)
        self.assertEqual(len(peer.gaveUp), 1)

    def test_challengesOfAnySort(self) -> None:
        """LOGIN's texts are the server's; without the space they are empty."""
        peer = self.peer(mechanism="LOGIN")
        peer.open(b"AUTH LOGIN")
        self.assertEqual(peer.say(b"334 VXNlciBOYW1lAA==\r\n"), b64(b"user"))
        self.assertEqual(peer.say(b"334\r\n"), b64(b"pencil"))
        peer.say(b"235 OK\r\n")
        self.assertTrue(peer.connection.authenticated)

    def test_serversThatProveNothing(self) -> None:
        """235 right behind the first message of SCRAM: it may be anybody."""
        peer = self.peer(mechanism="SCRAM-SHA-256")
        self.assertEqual(
            peer.open(b"AUTH SCRAM-SHA-256")[:24], b"AUTH SCRAM-SHA-256 biwsb"
        )
        peer.say(b"235 Welcome, whoever you are\r\n")
        self.assertFalse(peer.connection.authenticated)
        self.assertEqual(len(peer.gaveUp), 1)

    def test_serversThatWantTooMuch(self) -> None:
        """So many rounds that it is an attack: cancelled before any is done."""
        peer = self.peer(mechanism="SCRAM-SHA-256")
        first = peer.open(b"AUTH SCRAM-SHA-256").split()[2]
        nonce = self.nonce(first)
        challenge = b"r=%bxyz,s=AAAA,i=10000001" % nonce
        self.assertEqual(peer.say(b"334 " + b64(challenge)), b"*\r\n")

    def nonce(self, first: bytes) -> bytes:
        """The client's nonce, from its first message."""
        return b64decode(first).split(b"r=")[1]

    def test_longCommandsThatAreRefused(self) -> None:
        """The initial response is not sent where no challenge comes."""
        peer = self.peer(credentials=Credentials(b"user", b"p" * 900))
        self.assertEqual(peer.open(b"AUTH PLAIN"), b"AUTH PLAIN\r\n")
        self.assertEqual(peer.say(b"504 5.5.4 No\r\n"), b"QUIT\r\n")
        self.assertEqual(len(peer.gaveUp), 1)

    def test_temporaryFailures(self) -> None:
        """454: given up for now; the reply says that it may be tried again."""
        peer = self.peer()
        peer.open(b"AUTH PLAIN")
        peer.say(b"454 4.7.0 Temporary authentication failure\r\n")
        why = peer.gaveUp[0].reply
        assert why is not None
        self.assertFalse(why.permanent)

    @given(st.lists(st.binary(max_size=30), max_size=4))
    @settings(max_examples=60, deadline=None)
    def test_anyChallenges(self, challenges: list[bytes]) -> None:
        """Whatever a server says, no exception and no belief."""
        for name in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            peer = self.peer(mechanism=name)
            peer.open(b"AUTH " + name.encode())
            for challenge in challenges:
                peer.say(b"334 " + b64(challenge))
            self.assertFalse(peer.connection.authenticated)
            self.assertEqual(peer.troubles, [])


class FallbackTests(SynchronousTestCase):
    """What follows where a host will not have the strongest mechanism."""

    ALL = b"AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN"

    def tried(
        self,
        *replies: bytes,
        secured: TLSInfo | None = TLS,
        credentials: Credentials = CREDENTIALS,
        options: AuthSettings = DEFAULTS,
    ) -> tuple[list[bytes], Reply | None]:
        """
        The mechanisms that were tried at a host with these replies to the first
        line of each, and why it was given up; L{None}: it was not.
        """
        extension = Auth(options, logsIn=True)
        connection = client([extension], secured=secured)
        peer = ScriptedPeer(connection, clientAnswers(credentials))
        said = [peer.open(self.ALL)]
        said += [peer.say(reply + b"\r\n") for reply in replies]
        names = [line.split()[1] for line in said if line.startswith(b"AUTH")]
        if not peer.gaveUp:
            self.assertIs(peer.connection.ready, peer.connection.authenticated)
            return names, None
        self.assertFalse(peer.connection.authenticated)
        return names, peer.gaveUp[0].reply

    def test_mechanismIsRefused(self) -> None:
        """One after the other, as long as it is the mechanism."""
        for refusal in (
            b"504 5.5.4 Unrecognised",
            b"534 5.7.9 Too weak",
            b"538 5.7.11 Not here",
            b"501 5.7.0 No initial response",
            b"500 5.5.6 Too long",
        ):
            names, why = self.tried(refusal, refusal, b"235 OK", secured=BOUND)
            self.assertEqual(names, [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256", b"PLAIN"])
            # PLAIN is over in one step.
            self.assertIsNone(why)

    def test_allAreRefused(self) -> None:
        """The last refusal is why."""
        names, why = self.tried(b"504 one", b"504 two", b"504 three")
        self.assertEqual(names, [b"SCRAM-SHA-256", b"PLAIN", b"LOGIN"])
        self.assertEqual(why, reply(504, None, b"three"))

    def test_tokens(self) -> None:
        """A token goes by the other mechanism for tokens, and none for passwords."""
        names, why = self.tried(
            b"504 no", b"504 no", credentials=Credentials(b"user", token=b"abc")
        )
        self.assertEqual(names, [b"OAUTHBEARER", b"XOAUTH2"])
        self.assertEqual(why, reply(504, None, b"no"))

    def test_wrongCredentials(self) -> None:
        """
        A password that is wrong is shown once more where the host may only have no
        verifier of it, and never twice by the same kind of mechanism.
        """
        wrong = reply(535, "5.7.8", b"Wrong")
        names, why = self.tried(wrong.octets[:-2], wrong.octets[:-2])
        self.assertEqual((names, why), ([b"SCRAM-SHA-256", b"PLAIN"], wrong))
        names, why = self.tried(wrong.octets[:-2], b"235 OK")
        self.assertEqual((names, why), ([b"SCRAM-SHA-256", b"PLAIN"], None))
        names, why = self.tried(
            wrong.octets[:-2], credentials=Credentials(b"user", token=b"abc")
        )
        self.assertEqual((names, why), ([b"OAUTHBEARER"], wrong))

    def test_wrongBinding(self) -> None:
        """
        Where a mechanism that is bound to the connection fails, the connection may
        be what is wrong with it.
        """
        names, why = self.tried(b"535 5.7.8 Wrong", secured=BOUND)
        self.assertEqual(names, [b"SCRAM-SHA-256-PLUS"])
        self.assertEqual(why, reply(535, "5.7.8", b"Wrong"))

    def test_transition(self) -> None:
        """432 asks for the password once, to make a verifier of it."""
        names, why = self.tried(b"432 4.7.12 Once by PLAIN", b"235 OK")
        self.assertEqual((names, why), ([b"SCRAM-SHA-256", b"PLAIN"], None))
        names, why = self.tried(b"432 4.7.12 Once by PLAIN", secured=UNVERIFIED)
        self.assertEqual(names, [b"SCRAM-SHA-256"])

    def test_noDowngrade(self) -> None:
        """
        What is weaker goes only to who is the host beyond doubt, whatever the
        settings allow to begin with.
        """
        for refusal in b"504 no", b"535 no", b"534 no":
            names, _ = self.tried(
                refusal, secured=None, options=AuthSettings(clear_text=True)
            )
            self.assertEqual(names, [b"SCRAM-SHA-256"])
            names, _ = self.tried(
                refusal, secured=UNVERIFIED, options=AuthSettings(unverified=True)
            )
            self.assertEqual(names, [b"SCRAM-SHA-256"])
            bound = evolve(BOUND, verified=False)
            names, _ = self.tried(
                refusal, secured=bound, options=AuthSettings(unverified=True)
            )
            self.assertEqual(names, [b"SCRAM-SHA-256-PLUS"])

    def test_asStrong(self) -> None:
        """What is no weaker goes anywhere."""
        names, _ = self.tried(
            b"504 no",
            b"504 no",
            secured=UNVERIFIED,
            options=AuthSettings(unverified=True),
            credentials=Credentials(b"user", token=b"abc"),
        )
        self.assertEqual(names, [b"OAUTHBEARER", b"XOAUTH2"])

    def test_temporary(self) -> None:
        """Nothing more is tried, and the reply says that it may be later."""
        for refusal in b"454 4.7.0 Later", b"451 Later", b"503 What?", b"530 No":
            names, why = self.tried(refusal)
            self.assertEqual(names, [b"SCRAM-SHA-256"])
            assert why is not None
            self.assertEqual(why.code, int(refusal[:3]))

    def test_certificate(self) -> None:
        """Who has only a certificate has one way to show it."""
        peer = ScriptedPeer(
            client([Auth(logsIn=True)], secured=TLS), clientAnswers(Credentials())
        )
        self.assertEqual(peer.open(b"AUTH EXTERNAL PLAIN"), b"AUTH EXTERNAL =\r\n")
        peer.say(b"235 OK\r\n")
        self.assertTrue(peer.connection.authenticated)

    def test_brokenExchange(self) -> None:
        """
        A host that does not keep to the mechanism gets nothing more, and what it
        says to the end of it is not why: that is for another time.
        """
        broken = reply(451, "4.7.0", b"Peer did not keep to the login's mechanism")
        for replies in (
            [b"334 what?", b"501 5.7.0 Cancelled"],
            [b"235 Welcome"],
            [b"250 What?"],
        ):
            names, why = self.tried(*replies)
            self.assertEqual((names, why), ([b"SCRAM-SHA-256"], broken))
