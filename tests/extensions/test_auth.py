"""
Tests for L{smtpx.extensions.auth}: the keyword and the command.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.effects import PENDING
from smtpx.core.errors import Malformed
from smtpx.core.hooks import TLSInfo
from smtpx.core.interfaces import (
    IClientExtension,
    IQueueExtension,
    IServerExtension,
)
from smtpx.extensions.auth import (
    CAPABILITY,
    Auth,
    AuthSettings,
)
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.starttls import StartTLS
from smtpx.sasl import (
    CheckPassword,
    IUsers,
    Judgement,
)
from smtpx.testing.server import talk

from .logins import (
    BOUND,
    DEFAULTS,
    HELLO,
    MAIL,
    NOT_PLAIN,
    PLAIN,
    SERVER_ANSWERS,
    TLS,
    WELCOME,
    WRONG,
    Answers,
    Users,
    b64,
    server,
)


class SettingsTests(SynchronousTestCase):
    """What an operator may set."""

    def test_doors(self) -> None:
        """It is an extension of server, client and queue."""
        for door in (IServerExtension, IClientExtension, IQueueExtension):
            verifyObject(door, Auth())
        verifyObject(IUsers, Users())

    def test_isConfigured(self) -> None:
        """Other settings make another extension, with the same ports."""
        options = AuthSettings(demanded=True)
        users = Users()
        extension = Auth(users=users, logsIn=True).configured(options)
        self.assertIs(extension.options, options)
        self.assertIs(extension.users, users)
        self.assertTrue(extension.logsIn)

    def test_mechanismsThatAreNotThere(self) -> None:
        """A misspelt mechanism is an error that names those there are."""
        error = self.assertRaises(ValueError, AuthSettings, mechanisms=("PLAN",))
        self.assertEqual(
            str(error),
            "no mechanism 'PLAN'; there are"
            " EXTERNAL, SCRAM-SHA-256-PLUS, SCRAM-SHA-256, OAUTHBEARER, XOAUTH2,"
            " PLAIN, LOGIN",
        )

    def test_bounds(self) -> None:
        """RFC 4954 section 9: at least three attempts."""
        self.assertRaises(ValueError, AuthSettings, attempts_max=2)
        self.assertRaises(ValueError, AuthSettings, iterations_max=4095)
        self.assertRaises(Malformed, AuthSettings, trusted=("a\0b",))
        self.assertRaises(ValueError, AuthSettings, token_discovery="http://a.example")

    def test_everyOptionHasHelp(self) -> None:
        """And a default."""
        for attribute in AuthSettings.__attrs_attrs__:
            self.assertTrue(attribute.metadata["help"], attribute.name)


class AdvertisingTests(SynchronousTestCase):
    """When the keyword is offered, and with which mechanisms."""

    def offered(self, settings: AuthSettings = DEFAULTS, **more: Any) -> bytes:
        """The last line of the EHLO response."""
        return server(b"", settings, **more).last

    def test_underTLS(self) -> None:
        """All but the one that has nothing to bind to."""
        self.assertEqual(self.offered(), b"250 AUTH SCRAM-SHA-256 PLAIN LOGIN")

    def test_withChannelBinding(self) -> None:
        """The strongest first."""
        self.assertEqual(
            self.offered(secured=BOUND),
            b"250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN",
        )

    def test_bindingsThatNobodyKnows(self) -> None:
        """C{tls-unique} is none of ours."""
        unknown = TLSInfo(bindings={"tls-unique": b"u" * 12})
        self.assertEqual(
            self.offered(secured=unknown), b"250 AUTH SCRAM-SHA-256 PLAIN LOGIN"
        )

    def test_withoutVerifiers(self) -> None:
        """Where passwords can only be checked, there is no SCRAM."""
        self.assertEqual(
            self.offered(secured=BOUND, users=Users(scram=False)),
            b"250 AUTH PLAIN LOGIN",
        )

    def test_notInTheClear(self) -> None:
        """Not even SCRAM: who reads along could guess the password at leisure."""
        self.assertEqual(self.offered(secured=None), b"250 mx.example.org")

    def test_inTheClearIfTheOperatorInsists(self) -> None:
        """There is such an option."""
        self.assertEqual(
            self.offered(AuthSettings(clear_text=True), secured=None),
            b"250 AUTH SCRAM-SHA-256 PLAIN LOGIN",
        )

    def test_whereNobodyCouldLogIn(self) -> None:
        """Without users there is nothing to offer."""
        self.assertEqual(
            self.offered(users=Users(available=False)), b"250 mx.example.org"
        )
        self.assertEqual(talk([Auth()], HELLO, secured=TLS).last, b"250 mx.example.org")

    def test_asConfigured(self) -> None:
        """In the operator's order, each once, however it is spelled."""
        options = AuthSettings(mechanisms=("plain", "SCRAM-SHA-256", "PLAIN"))
        self.assertEqual(self.offered(options), b"250 AUTH PLAIN SCRAM-SHA-256")
        self.assertEqual(
            self.offered(AuthSettings(mechanisms=())), b"250 mx.example.org"
        )


class CommandTests(SynchronousTestCase):
    """The AUTH command."""

    def test_plain(self) -> None:
        """RFC 4954 section 4.1's second example."""
        said = server(PLAIN)
        self.assertEqual(said.last, WELCOME)
        self.assertEqual(said.connection.identity, b"user")
        self.assertEqual(said.port.asked[-1], CheckPassword(b"user", b"pencil"))

    def test_withoutInitialResponse(self) -> None:
        """
        The third example: the challenge is empty, and there is still a space
        behind the code.
        """
        said = server(b"auth plain\r\n")
        self.assertTrue(said.octets.endswith(b"\r\n334 \r\n"), said.octets)
        self.assertEqual(said.feed(b64(b"\0user\0pencil")), WELCOME + b"\r\n")

    def test_login(self) -> None:
        """Both of its challenges in base64, and nothing beside them."""
        said = server(b"AUTH LOGIN\r\n")
        self.assertEqual(said.last, b"334 VXNlcm5hbWU6")
        self.assertEqual(said.feed(b64(b"user")), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(said.feed(b64(b"pencil")), WELCOME + b"\r\n")

    def test_loginWithInitialResponse(self) -> None:
        """The name at once, as many clients send it."""
        said = server(b"AUTH LOGIN " + b64(b"user"))
        self.assertEqual(said.last, b"334 UGFzc3dvcmQ6")
        said.feed(b64(b"pencil"))
        self.assertEqual(said.last, WELCOME)

    def test_wrongPasswordAndUnknownUserAreAlike(self) -> None:
        """535 5.7.8, whatever was wrong."""
        for wrong in (b"\0user\0pen", b"\0nobody\0pencil", b"admin\0user\0pencil"):
            said = server(b"AUTH PLAIN " + b64(wrong))
            self.assertEqual(said.last, WRONG)
            self.assertIsNone(said.connection.identity)

    def test_nobodyCanTell(self) -> None:
        """454 4.7.0: the client keeps its password."""
        answers: Answers = {CheckPassword: lambda q: Judgement.UNAVAILABLE}
        said = server(PLAIN * 5, answers=answers)
        self.assertEqual(said.last, b"454 4.7.0 Temporary authentication failure")
        self.assertEqual(said.codes[2:], [454] * 5)

    def test_answerThatComesLater(self) -> None:
        """The client waits, and what it says meanwhile is not taken."""
        answers: Answers = {CheckPassword: lambda q: PENDING}
        said = server(PLAIN, answers=answers)
        self.assertEqual(said.codes, [220, 250])
        said.answer(Judgement.GOOD)
        self.assertEqual(said.last, WELCOME)

    def test_emptyInitialResponse(self) -> None:
        """C{=} is a response that is there; PLAIN has none that is empty."""
        said = server(b"AUTH PLAIN =\r\n")
        self.assertEqual(said.last, b"501 5.5.2 Malformed authentication exchange")
        said = server(b"AUTH LOGIN =\r\n")
        self.assertEqual(said.last, b"334 UGFzc3dvcmQ6")

    def test_equalSignIsNoLaterResponse(self) -> None:
        """Behind a challenge an empty response is an empty line."""
        said = server(b"AUTH PLAIN\r\n=\r\n")
        self.assertEqual(said.last, b"501 5.5.2 Cannot decode base64")
        said = server(b"AUTH LOGIN\r\n\r\n")
        self.assertEqual(said.last, b"334 UGFzc3dvcmQ6")

    def test_cancelled(self) -> None:
        """C{*} ends the exchange, at any of its challenges; another may follow."""
        for octets in (b"AUTH PLAIN\r\n*\r\n", b"AUTH LOGIN\r\ndXNlcg==\r\n*\r\n"):
            said = server(octets)
            self.assertEqual(said.last, b"501 5.7.0 Authentication cancelled")
            said.feed(PLAIN)
            self.assertEqual(said.last, WELCOME)

    def test_strictBase64(self) -> None:
        """RFC 4954 section 4: nothing foreign is skipped over."""
        for bad in (b"=AAA", b"AAA=BBB", b"AAAA AAAA", b"A", b"AAAA\n", b"\xff"):
            for octets in (b"AUTH PLAIN\r\n" + bad, b"AUTH LOGIN\r\n" + bad):
                said = server(octets + b"\r\n")
                self.assertEqual(said.last, b"501 5.5.2 Cannot decode base64")
        said = server(b"AUTH PLAIN AAA=BBB\r\n")
        self.assertEqual(said.last, b"501 5.5.2 Cannot decode base64")

    def test_resetIsNoWayOut(self) -> None:
        """In the middle of an exchange, RSET and QUIT are bad responses."""
        for word in (b"RSET", b"EHLO c.example"):
            said = server(b"AUTH PLAIN\r\n" + word + b"\r\n")
            self.assertEqual(said.codes[-1], 501)
            said.feed(b"NOOP\r\n")
            self.assertEqual(said.codes[-1], 250)

    def test_longLines(self) -> None:
        """12288 octets are taken, with CRLF; one more is 500 5.5.6."""
        said = server(b"AUTH PLAIN\r\n" + b"A" * 12_286 + b"\r\n")
        self.assertNotEqual(said.codes[-1], 500)
        said = server(b"AUTH PLAIN\r\n" + b"A" * 12_287 + b"\r\n")
        self.assertEqual(
            said.last, b"500 5.5.6 Authentication exchange line is too long"
        )
        said.feed(PLAIN)
        self.assertEqual(said.last, WELCOME)

    def test_mechanismsThatAreNotOffered(self) -> None:
        """504 5.5.4: unknown ones, and known ones that are of no use here."""
        for name in (b"CRAM-MD5", b"SCRAM-SHA-256-PLUS", b"*", b"PLAIN=", b"\xff"):
            said = server(b"AUTH " + name + b"\r\n")
            self.assertEqual(
                said.last, b"504 5.5.4 Unrecognised authentication mechanism"
            )

    def test_syntax(self) -> None:
        """One mechanism, and at most one response."""
        for bad in (b"AUTH\r\n", b"AUTH PLAIN = =\r\n"):
            self.assertEqual(server(bad).last[:9], b"501 5.5.4")

    def test_onlyOnce(self) -> None:
        """RFC 4954 section 4: after a login there is no other."""
        said = server(PLAIN + PLAIN)
        self.assertEqual(said.last, b"503 5.5.1 Bad sequence of commands")

    def test_notInATransaction(self) -> None:
        """Nor between MAIL and its end."""
        said = server(MAIL + b"\r\n" + PLAIN)
        self.assertEqual(said.codes[-1], 503)
        said.feed(b"RSET\r\n")
        said.feed(PLAIN)
        self.assertEqual(said.last, WELCOME)

    def test_notBeforeEHLO(self) -> None:
        """Nor before EHLO, or after HELO: it was not offered."""
        for hello in (b"", b"HELO c.example\r\n"):
            said = talk([Auth(users=Users())], hello + PLAIN, secured=TLS)
            self.assertEqual(said.codes[-1], 503)

    def test_inTheClear(self) -> None:
        """
        538 for anybody: what of name and password is right is not told to who
        sends it in the clear.
        """
        for octets in (PLAIN, NOT_PLAIN, b"AUTH WHAT\r\n"):
            said = server(octets, secured=None)
            self.assertEqual(
                said.last, b"538 5.7.11 Encryption required for authentication"
            )
            self.assertEqual(said.port.asked[1:], [])
        said = server(PLAIN, AuthSettings(clear_text=True), secured=None)
        self.assertEqual(said.last, WELCOME)

    def test_whereNobodyCouldLogIn(self) -> None:
        """502."""
        said = server(PLAIN, users=Users(available=False))
        self.assertEqual(said.codes[-1], 502)
        said = talk([Auth()], HELLO + PLAIN, secured=TLS)
        self.assertEqual(said.codes[-1], 502)

    def test_pipelining(self) -> None:
        """
        What is over in one step may have MAIL right behind it; a challenge may
        have nothing behind it (RFC 4954 section 4).
        """
        extensions = [Pipelining(), Auth(users=Users())]
        said = talk(extensions, HELLO, secured=TLS, answers=SERVER_ANSWERS)
        said.feed(PLAIN + MAIL + b"\r\n")
        self.assertEqual(said.codes[2:], [235, 250])
        said = talk(extensions, HELLO, secured=TLS, answers=SERVER_ANSWERS)
        said.feed(b"AUTH PLAIN\r\n" + b64(b"\0user\0pencil"))
        self.assertEqual(said.last, b"554 5.5.0 SMTP synchronisation error")
        self.assertTrue(said.connection.closed)

    def test_help(self) -> None:
        """HELP has its syntax."""
        said = server(b"HELP AUTH\r\n")
        self.assertEqual(said.last, b"214 2.0.0 AUTH mechanism [initial-response]")

    @given(st.binary(max_size=40), st.lists(st.binary(max_size=40), max_size=3))
    @settings(max_examples=80, deadline=None)
    def test_anyOctets(self, command: bytes, lines: list[bytes]) -> None:
        """Whatever is sent: replies, no login, no trouble."""
        octets = b"".join(line + b"\r\n" for line in [command, *lines])
        for mechanism in (b"", b"PLAIN ", b"LOGIN\r\n", b"SCRAM-SHA-256 "):
            said = server(b"AUTH " + mechanism + octets)
            self.assertEqual(said.port.troubles, [])
            self.assertIsNone(said.connection.identity)

    @given(st.integers(1, 200))
    @settings(max_examples=40, deadline=None)
    def test_cutAnywhere(self, size: int) -> None:
        """However the octets come, the replies are the same."""
        flights = (HELLO, b"AUTH LOGIN\r\n", b64(b"user"), b64(b"pencil"), b"NOOP\r\n")
        whole = server(b"".join(flights[1:]))
        said = talk(
            [StartTLS(), Auth(users=Users())], secured=TLS, answers=SERVER_ANSWERS
        )
        for flight in flights:
            for start in range(0, len(flight), size):
                said.feed(flight[start : start + size])
        self.assertEqual(said.octets, whole.octets)


class CapabilityTests(SynchronousTestCase):
    """The keyword's grammar."""

    @given(st.lists(st.from_regex(rb"[A-Z0-9_-]{1,20}", fullmatch=True)))
    @settings(max_examples=50, deadline=None)
    def test_whatIsWrittenIsReadBack(self, names: list[bytes]) -> None:
        """All lists of mechanisms survive."""
        wire = CAPABILITY.grammar.render(tuple(names))
        self.assertEqual(CAPABILITY.grammar.parse(wire), tuple(names))

    def test_emptyAndLowerCase(self) -> None:
        """As servers in the field send it."""
        self.assertEqual(CAPABILITY.grammar.parse(None), ())
        self.assertEqual(
            CAPABILITY.grammar.parse(b"plain  LOGIN "), (b"PLAIN", b"LOGIN")
        )
