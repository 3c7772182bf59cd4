"""
Tests for L{smtpx.extensions.auth}: what logins, good and bad, change.
"""

from __future__ import annotations

from collections.abc import Generator

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Line
from smtpx.core.envelope import Envelope
from smtpx.core.errors import Malformed
from smtpx.core.interfaces import IServerSession
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.auth import (
    FAILURE,
    SUBMITTER,
    SUBMITTER_GRAMMAR,
    Auth,
    AuthSettings,
)
from smtpx.extensions.starttls import StartTLS
from smtpx.sasl import (
    CheckPassword,
    Judgement,
)
from smtpx.testing.server import talk

from .logins import (
    HELLO,
    MAIL,
    NOT_PLAIN,
    PLAIN,
    SERVER_ANSWERS,
    TLS,
    WELCOME,
    Answers,
    Users,
    b64,
    server,
)


class AttemptsTests(SynchronousTestCase):
    """Logins that fail."""

    def test_afterThree(self) -> None:
        """
        Three are answered (RFC 4954 section 9), the next one is 421 and the end,
        even if it were right.
        """
        said = server(NOT_PLAIN * 3 + PLAIN)
        self.assertEqual(said.codes[2:], [535, 535, 535, 421])
        self.assertEqual(said.last, b"421 4.7.0 Too many failed logins; closing")
        self.assertTrue(said.connection.closed)

    def test_asConfigured(self) -> None:
        """The number is the operator's, from three on."""
        said = server(NOT_PLAIN * 5, AuthSettings(attempts_max=4))
        self.assertEqual(said.codes[2:], [535] * 4 + [421])

    def test_malformedOnesCount(self) -> None:
        """A message outside its grammar is an attempt too."""
        said = server(b"AUTH PLAIN AAAA\r\n" * 4)
        self.assertEqual(said.codes[2:], [501] * 3 + [421])

    def test_whatDoesNotCount(self) -> None:
        """What was cancelled, or was not base64; the core bounds those."""
        said = server(b"AUTH PLAIN\r\n*\r\nAUTH PLAIN A\r\n" * 3 + PLAIN)
        self.assertEqual(said.last, WELCOME)

    def test_whatTheOperatorLearns(self) -> None:
        """Who it said to be, and why not: for logs, not for the peer."""
        said = server(b"AUTH PLAIN " + b64(b"admin\0user\0pencil"))
        session = said.connection
        self.assertEqual(session.variable("authenticated_fail_id"), "user")
        self.assertEqual(
            session.variable("authentication_failure"), "wants to act as somebody else"
        )
        self.assertIsNone(session.variable("authenticated_id"))
        self.assertFalse(session.holds("authenticated"))
        self.assertEqual(session.stamps[FAILURE].count, 1)

    def test_whoIsTold(self) -> None:
        """A journal hears of each login, good or bad, by its mechanism."""
        heard: list[tuple[bytes | None, str, bool]] = []

        def told(session: IServerSession, mechanism: str, good: bool) -> None:
            heard.append((session.identity, mechanism, good))

        extension = Auth(users=Users(), told=told)
        talk(
            [extension.configured(AuthSettings())],
            HELLO + NOT_PLAIN + b"AUTH PLAIN\r\n*\r\n" + PLAIN,
            secured=TLS,
            answers=SERVER_ANSWERS,
        )
        self.assertEqual(heard, [(None, "PLAIN", False), (b"user", "PLAIN", True)])

    def test_linesAreSecret(self) -> None:
        """Whoever logs lines is told to leave those of an exchange out."""
        said = server(b"")
        run = said.connection.profile.table[b"AUTH"].run
        dialogue = run(said.connection, b"LOGIN")
        assert isinstance(dialogue, Generator)
        for got in (None, b"dXNlcg=="):
            need = dialogue.send(got)
            assert isinstance(need, Line)
            self.assertTrue(need.secret)
            self.assertEqual(need.limit, 12_288)

    def test_secretsAreNotReported(self) -> None:
        """What a journal is told of a refused command has no credentials."""
        for octets in (
            NOT_PLAIN,
            b"AUTH PLAIN\r\n" + b64(b"\0user\0pen"),
            b"AUTH LOGIN " + b64(b"user") + b64(b"pen"),
            b"AUTH PLAIN AAAA\r\n",
        ):
            said = server(octets)
            self.assertEqual([command for command, _ in said.port.refusals], [b"AUTH"])


class LoginTests(SynchronousTestCase):
    """What a login changes."""

    def test_identityIsPrepared(self) -> None:
        """Spellings of one name are one user."""
        answers: Answers = {CheckPassword: lambda q: Judgement.GOOD}
        said = server(
            b"AUTH PLAIN " + b64("\0bjo\u0308rn\0x".encode()), answers=answers
        )
        self.assertEqual(said.connection.identity, "björn".encode())
        self.assertEqual(said.connection.variable("authenticated_id"), "björn")

    def test_logFields(self) -> None:
        """C{A=plain:user}, as Exim has it; nothing before."""
        said = server(b"")
        self.assertEqual(said.connection.logFields(), ())
        said.feed(PLAIN)
        self.assertEqual(said.connection.logFields(), (("A", "plain:user"),))
        self.assertEqual(said.connection.mechanism, "plain")
        self.assertTrue(said.connection.holds("authenticated"))

    def test_identityOfAnotherSource(self) -> None:
        """Who was identified without AUTH has no field of it."""
        said = server(b"")
        said.connection.identity = b"user"
        self.assertEqual(said.connection.logFields(), ())

    def test_demanded(self) -> None:
        """
        530 to everything but what RFC 4954 section 6 names, STARTTLS and HELP;
        nothing more after the login.
        """
        said = server(
            b"NOOP\r\nRSET\r\nHELP\r\n" + MAIL + b"\r\nVRFY a\r\nWHAT\r\nDATA\r\n",
            AuthSettings(demanded=True),
        )
        self.assertEqual(said.codes[2:], [250, 250, 214, 530, 530, 530, 530])
        self.assertEqual(said.last, b"530 5.7.0 Authentication required")
        said.feed(PLAIN)
        said.feed(MAIL + b"\r\n")
        self.assertEqual(said.codes[-2:], [235, 250])

    def test_demandedInTheClear(self) -> None:
        """The way to TLS is open."""
        extensions = [StartTLS(), Auth(AuthSettings(demanded=True), users=Users())]
        said = talk(
            extensions,
            HELLO + MAIL + b"\r\nSTARTTLS\r\n",
            tlsReady=True,
            answers=SERVER_ANSWERS,
        )
        self.assertEqual(said.codes[2:], [530, 220])
        said.secure()
        said.feed(HELLO)
        said.feed(PLAIN)
        self.assertEqual(said.last, WELCOME)


class SubmitterTests(SynchronousTestCase):
    """C{AUTH=} on MAIL (RFC 4954 section 5)."""

    def stamped(self, value: bytes, *trusted: str, login: bytes = PLAIN) -> object:
        """What is noted on the envelope."""
        said = server(
            login + MAIL + b" AUTH=" + value + b"\r\n", AuthSettings(trusted=trusted)
        )
        self.assertEqual(said.codes[-1], 250, said.last)
        envelope = said.connection.envelope
        assert envelope is not None
        return envelope.stamps[SUBMITTER]

    def test_examplesOfTheRFC(self) -> None:
        """Section 5.1, both."""
        self.assertEqual(
            self.stamped(b"e+3Dmc2@example.com", "user"), b"e=mc2@example.com"
        )
        self.assertEqual(self.stamped(b"<>", "user"), b"")

    def test_whoIsNotTrusted(self) -> None:
        """Taken, and counted as C{<>}: of another user, and of nobody."""
        self.assertEqual(self.stamped(b"a@b.example", "admin"), b"")
        self.assertEqual(self.stamped(b"a@b.example", login=b""), b"")

    def test_forPolicies(self) -> None:
        """There is a variable."""
        said = server(PLAIN, AuthSettings(trusted=("user",)))
        name = "authenticated_sender"
        self.assertIsNone(said.connection.variable(name))
        said.feed(MAIL + b"\r\n")
        self.assertIsNone(said.connection.variable(name))
        said.feed(b"RSET\r\n")
        said.feed(MAIL + b" AUTH=a@b.example\r\n")
        self.assertEqual(said.connection.variable(name), "a@b.example")

    def test_malformed(self) -> None:
        """501 5.5.4: neither a mailbox nor C{<>}, or no xtext."""
        for bad in (b"", b"=", b"=a", b"=<a@b.example>", b"=a+zz", b"=a@b@c", b"=<"):
            said = server(MAIL + b" AUTH" + bad + b"\r\n")
            self.assertEqual(said.last[:9], b"501 5.5.4", bad)

    def test_whereAUTHIsNotOffered(self) -> None:
        """There the parameter is unknown."""
        said = server(MAIL + b" AUTH=<>\r\n", secured=None)
        self.assertEqual(said.last[:9], b"555 5.5.4")

    def test_whereUsersAreGone(self) -> None:
        """Who is logged in may go on."""
        users = Users()
        said = server(PLAIN, users=users)
        users.available = False
        said.feed(MAIL + b" AUTH=<>\r\n")
        self.assertEqual(said.codes[-1], 250)

    @given(
        st.one_of(
            st.just(b""),
            st.from_regex(
                rb"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}@[a-z0-9]{1,9}", fullmatch=True
            ),
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(self, mailbox: bytes) -> None:
        """The grammar is its own inverse."""
        wire = SUBMITTER_GRAMMAR.render(mailbox)
        self.assertEqual(SUBMITTER_GRAMMAR.parse(wire), mailbox)

    @given(st.binary(max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_anyOctets(self, value: bytes) -> None:
        """A mailbox or L{Malformed}."""
        try:
            SUBMITTER_GRAMMAR.parse(value)
        except Malformed:
            pass

    def test_survivesTheQueue(self) -> None:
        """The stamp is written to the spool and read back."""
        profile = QueueProfile().load([Auth()])
        envelope = Envelope(b"a@b.example", 0.0)
        envelope.stamps[SUBMITTER] = b"e=mc2@example.com"
        again = Envelope(b"a@b.example", 0.0)
        again.stamps.load(profile.stamps, envelope.dumpedStamps())
        self.assertEqual(again.stamps, envelope.stamps)
