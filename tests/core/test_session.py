"""
Tests for L{smtpx.core.session} and L{smtpx.core.facts}: what hooks see and may do,
and what becomes of their mistakes.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.dialogue import (
    Answered,
    ServerDialogue,
    ask,
    line,
    octets,
    secure,
)
from smtpx.core.effects import PENDING, MayConnect
from smtpx.core.errors import Conflict
from smtpx.core.grammar import FLAG, Grammar
from smtpx.core.hooks import (
    Capability,
    Parameter,
    Stage,
    SyncPoint,
    TLSInfo,
    Verb,
    Where,
)
from smtpx.core.interfaces import IServerBuilder
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import Reply, reply
from smtpx.testing.server import Said

from .made import Favour, MadeServer, broken, odd

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
BEGIN = HELLO + MAIL + b"RCPT TO:<c@d.example>\r\n"
MESSAGE = BEGIN + b"DATA\r\nX-Watched: 1\r\n\r\nx\r\n.\r\n"
NO = reply(550, "5.7.1", b"No")
BETTER = reply(250, "2.1.0", b"Better")
BROKEN = b"451 4.3.0 Local error in processing"


def brokenLater(*arguments: object) -> Generator[Any, Any, Any]:
    """A hook that waits, with a mistake behind."""
    yield from ask(Favour())
    raise ZeroDivisionError


class TroubleTests(SynchronousTestCase):
    """
    An exception out of a hook is 451, one event with the extension's name, and
    nothing worse.
    """

    def assertTrouble(self, said: Said, *codes: int) -> None:
        """One trouble of ODD; the last replies; and the session goes on."""
        self.assertEqual(
            [(owner, type(error)) for owner, error in said.port.troubles],
            [("ODD", ZeroDivisionError)],
        )
        self.assertIn(BROKEN, said.replies)
        self.assertEqual(said.codes[-len(codes) :], list(codes))
        self.assertFalse(said.connection.closed)

    def test_verb(self) -> None:
        """In a verb, at once or after a while."""
        for run in (broken, brokenLater):
            said = odd(
                b"ODD\r\nNOOP\r\n",
                lambda server, run=run: server.verb(Verb(b"ODD", run)),  # type: ignore[misc]  # a default binds it
                answers={Favour: lambda asked: True},
            )
            self.assertTrouble(said, 451, 250)

    def test_gate(self) -> None:
        """In a gate."""
        said = odd(b"NOOP\r\n", lambda server: server.gate(broken))
        self.assertTrouble(said, 451)

    def test_advertise(self) -> None:
        """In an EHLO response: the client has not said hello then."""
        said = odd(
            HELLO + MAIL,
            lambda server: server.capability(Capability(b"ODD", FLAG), broken),
        )
        self.assertTrouble(said, 451, 503)

    def test_parameter(self) -> None:
        """In a parameter of MAIL: no transaction is left."""
        parameter = Parameter(b"ODD", Where.MAIL, FLAG, broken, broken)
        said = odd(
            HELLO + b"MAIL FROM:<a@b.example> ODD\r\n" + MAIL,
            lambda server: server.parameter(parameter),
        )
        self.assertTrouble(said, 451, 250)

    def test_reviews(self) -> None:
        """
        In a review of any stage, at once or later: what is reviewed is refused,
        and the next transaction begins clean.
        """
        codes = {
            Stage.MAIL: [451, 503, 503],
            Stage.RCPT: [250, 451, 554],
            Stage.DATA: [250, 250, 451],
            Stage.MESSAGE: [250, 250, 354, 451],
        }
        for stage, wanted in codes.items():
            for check in (broken, brokenLater):
                said = odd(
                    MESSAGE if stage is Stage.MESSAGE else BEGIN + b"DATA\r\n",
                    lambda server, s=stage, c=check: server.review(s, c),  # type: ignore[misc]  # defaults bind them
                    answers={Favour: lambda asked: True},
                )
                self.assertTrouble(said, *wanted)
                said.feed(b"RSET\r\n")
                self.assertEqual(
                    said.feed(MAIL)[:3], b"451" if stage is Stage.MAIL else b"250"
                )

    def test_header(self) -> None:
        """In a header field: the message is refused at its end."""
        said = odd(MESSAGE, lambda server: server.header(b"X-Watched", broken))
        self.assertTrouble(said, 354, 451)
        self.assertEqual((said.port.taken, said.port.dropped), ([], 1))

    def test_bodyWithoutHeader(self) -> None:
        """A body that begins with the empty line has no header fields."""
        said = odd(
            BEGIN + b"DATA\r\n\r\nX-Watched: 1\r\n\r\nx\r\n.\r\n",
            lambda server: server.header(b"X-Watched", broken),
        )
        self.assertEqual((said.codes[-1], said.port.troubles), (250, []))

    def test_questionThatFails(self) -> None:
        """
        A question of an extension that cannot be answered is the extension's
        trouble.
        """
        said = odd(
            b"ODD\r\n",
            lambda server: server.verb(Verb(b"ODD", lambda s, r: asking())),
            answers={Favour: lambda asked: PENDING},
        )
        said.octets += said.connection.fail(ZeroDivisionError())
        said.feed(b"NOOP\r\n")
        self.assertTrouble(said, 451, 250)


def asking() -> ServerDialogue:
    """A verb that asks the world."""
    granted = yield from ask(Favour())
    return BETTER if granted else NO


class DialogueTests(SynchronousTestCase):
    """
    What a verb may wait for.
    """

    def test_line(self) -> None:
        """A verb may prompt for a line; one that is too long is C{None}."""

        def run() -> ServerDialogue:
            got = yield from line(reply(334, None, b""), limit=10, secret=True)
            return reply(250, None, b"got " + (got or b"nothing"))

        for answer, wanted in (
            (b"12345678\r\n", b"250 got 12345678"),
            (b"123456789\r\n", b"250 got nothing"),
        ):
            for cut in range(len(answer)):
                said = odd(
                    b"ODD secret\r\n",
                    lambda server: server.verb(Verb(b"ODD", lambda s, r: run())),
                )
                for piece in (answer[:cut], answer[cut:]):
                    if piece:
                        said.feed(piece)
                self.assertEqual(said.last, wanted, cut)

    def test_answerBeforeThePrompt(self) -> None:
        """An answer that comes before its prompt ends the connection."""

        def run() -> ServerDialogue:
            yield from line(reply(334, None, b""))
            return BETTER

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"ODD", lambda s, r: run()))
            server.relax(lambda session: SyncPoint.TRANSACTION)

        said = odd(HELLO, extend)
        said.feed(b"ODD\r\nanswer\r\n")
        self.assertEqual(said.codes[-1], 554)
        self.assertTrue(said.connection.closed)

    def test_octets(self) -> None:
        """
        Octets that belong to no body are read and thrown away, in bounds.
        """

        def run(session: object, rest: bytes) -> ServerDialogue:
            yield from octets(0)
            yield from octets(int(rest))
            return NO

        verb = Verb(b"ODD", run, counted=True)
        said = odd(
            b"", lambda server: server.verb(verb), bounds=Bounds(discardedOctets=10)
        )
        said.feed(b"ODD 8\r\nQUIT\r\n.")
        self.assertEqual(said.codes[1:], [])
        said.feed(b"\r")
        self.assertEqual(said.codes[1:], [550])

    def test_tooManyOctets(self) -> None:
        """Too much of what is thrown away ends the connection."""

        def run(session: object, rest: bytes) -> ServerDialogue:
            yield from octets(100)
            return NO

        verb = Verb(b"ODD", run, counted=True)
        said = odd(
            b"", lambda server: server.verb(verb), bounds=Bounds(discardedOctets=10)
        )
        said.feed(b"ODD\r\n" + b"x" * 11)
        self.assertEqual(said.codes[-1], 421)

    def test_secure(self) -> None:
        """A verb may start TLS; what the client said before is forgotten."""

        def run(session: Any) -> ServerDialogue:
            yield from secure(before=reply(220, None, b"Go"))
            session.forget()
            return None

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"ODD", lambda s, r: run(s), alone=True))
            server.tls(lambda session, options: options)

        said = odd(BEGIN + b"ODD\r\n", extend)
        self.assertEqual(said.last, b"220 Go")
        self.assertEqual(len(said.port.handshakes), 1)
        info = TLSInfo(cipher="TLS_X")
        said.secure(info)
        connection = said.connection
        self.assertIs(connection.secured, info)
        self.assertEqual((connection.helo, connection.envelope), (None, None))
        said.feed(MAIL)
        self.assertEqual(said.codes[-1], 503)

    def test_regreet(self) -> None:
        """
        A verb may go back to the greeting, which asks the policy anew.
        """

        def run(session: Any) -> ServerDialogue:
            session.peer = b"192.0.2.99"
            greeting: Answered = yield from session.regreet()
            return greeting

        def judge(asked: MayConnect) -> Reply | None:
            return NO if asked.session.peer == b"192.0.2.99" else None

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"ODD", lambda s, r: run(s)))

        said = odd(HELLO + b"ODD\r\n", extend, answers={MayConnect: judge})
        self.assertEqual(said.last, b"550 5.7.1 No")
        self.assertTrue(said.connection.closed)

    def test_refusedOctetsAreTaken(self) -> None:
        """
        Where a gate refuses a verb with octets behind it, these are taken off
        the wire all the same, and never become commands.
        """

        def run(session: Any, rest: bytes) -> ServerDialogue:
            refusal = session.gated
            yield from octets(int(rest))
            return refusal or BETTER

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"ODD", run, counted=True))
            server.gate(lambda session, verb: NO, b"ODD")
            server.gate(broken, b"EVEN")

        said = odd(b"", extend)
        said.feed(b"ODD 6\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(said.codes, [220, 550, 250])

    def test_secretsStayOutOfTheLog(self) -> None:
        """What stands behind a secret verb is never told to the shell."""
        verb = Verb(b"ODD", lambda s, r: NO, secret=True)
        said = odd(b"odd password\r\n", lambda server: server.verb(verb))
        self.assertEqual(said.port.refusals, [(b"ODD", NO)])


class FactTests(SynchronousTestCase):
    """
    Variables, conditions, controls, clauses, and the EHLO response.
    """

    def test_byName(self) -> None:
        """Policies reach what extensions own by its name."""

        def extend(server: IServerBuilder) -> None:
            server.variable("odd_number", lambda session: 7)
            server.condition("odd", lambda session: session.obliged)
            server.control("odd", lambda session: setattr(session, "obliged", True))
            server.trace(lambda session: (("ODD", "7"),))
            server.record(lambda session: (("O", True),))

        connection = odd(HELLO, extend).connection
        self.assertEqual(connection.variable("odd_number"), 7)
        self.assertFalse(connection.holds("odd"))
        connection.control("odd")
        self.assertTrue(connection.holds("odd"))
        self.assertEqual(connection.clauses(), (("ODD", "7"),))
        for missing in (connection.variable, connection.holds, connection.control):
            self.assertRaises(KeyError, missing, "even")

    def test_helloIsRenderedOnce(self) -> None:
        """
        The same values give the same reply, not one like it; values that cannot
        be hashed are rendered each time.
        """
        words = Grammar[list[bytes]](lambda raw: [], lambda value: b" ".join(value))
        profile = ServerProfile().load(
            [
                MadeServer(
                    lambda server: server.capability(
                        Capability(b"ODD", words), lambda session: [b"a"]
                    )
                )
            ]
        )
        self.assertEqual(
            profile.hello([[b"a", b"b"]]).octets, b"250-localhost\r\n250 ODD a b\r\n"
        )
        self.assertIs(profile.hello([None]), profile.hello([None]))

    def test_coreVerbsAreTaken(self) -> None:
        """No extension may replace a verb of the core."""
        self.assertRaises(
            Conflict, odd, b"", lambda server: server.verb(Verb(b"MAIL", broken))
        )
