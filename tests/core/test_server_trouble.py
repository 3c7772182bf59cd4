"""
Tests for L{smtpx.core.server}: what goes wrong in hooks and in the world stays
what it is, one 451 and one event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import ServerDialogue, ask, line, octets, secure
from smtpx.core.effects import MayConnect, MaySend
from smtpx.core.grammar import FLAG, Grammar
from smtpx.core.hooks import Capability, Parameter, Verb, Where
from smtpx.core.interfaces import IServerBuilder
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.standard import standard
from smtpx.testing.server import Said, ScriptedPort, talk

from .made import Favour, broken, odd, pending

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
BEGIN = HELLO + MAIL + b"RCPT TO:<c@d.example>\r\n"
GO = reply(220, None, b"Go")
BROKEN = b"451 4.3.0 Local error in processing"


class TroubleCase(SynchronousTestCase):
    """
    What all of these look for.
    """

    def assertTrouble(self, said: Said, *owners: str) -> None:
        """There was trouble of these owners, and the client was told."""
        self.assertEqual(
            [(owner, type(error)) for owner, error in said.port.troubles],
            [(owner, ZeroDivisionError) for owner in owners],
        )
        self.assertEqual(said.replies.count(BROKEN), len(owners))


class HookTroubleTests(TroubleCase):
    """
    Hooks that are not called by a command.
    """

    def test_relax(self) -> None:
        """
        Where it cannot be told whether a client may go on, it has to wait, and
        nothing worse comes of it.
        """
        said = self.upgraded(lambda server: server.relax(broken))
        self.assertEqual(said.secure(), b"")
        self.assertEqual(said.codes[:2], [220, 250])
        self.assertEqual(
            [(owner, type(error)) for owner, error in said.port.troubles],
            [("ODD", ZeroDivisionError)] * 3,
        )
        said.feed(HELLO)
        said.feed(b"NOOP\r\nNOOP\r\n")
        self.assertEqual(said.codes[-1], 554)

    def upgraded(self, register: Callable[[IServerBuilder], None]) -> Said:
        """A client asks for TLS, of a server that is odd."""

        def upgrade(session: Any, rest: bytes) -> ServerDialogue:
            yield from secure(before=GO)
            session.forget()
            return None

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"UPGRADE", upgrade, alone=True))
            register(server)

        return odd(BEGIN + b"UPGRADE\r\n", extend)

    def test_tls(self) -> None:
        """
        Where TLS cannot be made ready there is no go-ahead, and the session
        stays in the clear.
        """
        said = self.upgraded(lambda server: server.tls(broken))
        self.assertTrouble(said, "ODD")
        self.assertNotIn(b"220 Go", said.replies)
        self.assertEqual(said.port.handshakes, [])
        self.assertEqual(said.feed(b"NOOP\r\n"), b"250 2.0.0 OK\r\n")

    def test_render(self) -> None:
        """
        A keyword that cannot be spelled is the trouble of who brought it, and
        the client has not said hello.
        """
        grammar = Grammar[bool](FLAG.parse, broken)
        capability = Capability(b"ODD", grammar)
        said = odd(
            HELLO + MAIL,
            lambda server: server.capability(capability, lambda session: True),
        )
        self.assertTrouble(said, "ODD")
        self.assertEqual(said.codes, [220, 451, 503])
        self.assertFalse(said.connection.extended)

    def test_parse(self) -> None:
        """
        A parameter whose grammar has a mistake is the trouble of who brought it.
        """
        grammar = Grammar[bool](broken, FLAG.render)
        parameter = Parameter(b"ODD", Where.MAIL, grammar, broken, broken)
        said = odd(
            HELLO + b"MAIL FROM:<a@b.example> ODD\r\n",
            lambda server: server.parameter(parameter),
        )
        self.assertTrouble(said, "ODD")

    def test_gateOfCountedOctets(self) -> None:
        """
        Where a gate fails, octets behind the verb are taken all the same.
        """

        def run(session: Any, rest: bytes) -> ServerDialogue:
            refusal = session.gated
            yield from octets(6)
            return refusal or GO

        def extend(server: IServerBuilder) -> None:
            server.verb(Verb(b"ODD", run, counted=True))
            server.gate(lambda session, verb: broken() if verb == b"ODD" else None)

        said = odd(b"", extend)
        said.feed(b"ODD\r\nQUIT\r\nNOOP\r\n")
        self.assertTrouble(said, "ODD")
        self.assertEqual(said.codes, [220, 451, 250])

    def test_bodyThatIsOpen(self) -> None:
        """
        Trouble within a body ends the transaction with it: what follows is not
        put behind half of a message.
        """

        def run(session: Any, rest: bytes) -> ServerDialogue:
            yield from session.openBody()
            yield from octets(2)
            broken()
            return GO

        verb = Verb(b"ODD", run, counted=True)
        said = odd(BEGIN + b"ODD\r\nxx", lambda server: server.verb(verb))
        self.assertTrouble(said, "ODD")
        self.assertEqual(said.port.dropped, 1)
        self.assertEqual(said.feed(b"DATA\r\n")[:3], b"503")


class DialogueEndTests(TroubleCase):
    """
    Dialogues that are broken off.
    """

    def waiting(self) -> Said:
        """A verb waits for a line, and cannot be broken off in peace."""

        def run(session: object, rest: bytes) -> ServerDialogue:
            try:
                yield from line(reply(334, None, b""))
            finally:
                broken()
            return GO

        return odd(b"ODD\r\n", lambda server: server.verb(Verb(b"ODD", run)))

    def test_lost(self) -> None:
        """
        A dialogue that fails when the client is gone is told of, and all else
        is let go of.
        """
        said = self.waiting()
        said.connection.lost()
        self.assertEqual([owner for owner, _ in said.port.troubles], ["ODD"])
        self.assertTrue(said.connection.closed)
        self.assertEqual(said.connection.held, 0)

    def test_expired(self) -> None:
        """The client still gets its 421."""
        said = self.waiting()
        self.assertEqual(said.connection.expire(), b"421 4.4.2 Timeout; closing\r\n")
        self.assertEqual(len(said.port.troubles), 1)

    def test_outOfOrder(self) -> None:
        """So does a client that answers a prompt before it is given."""

        def run(session: object, rest: bytes) -> ServerDialogue:
            try:
                yield from line(reply(334, None, b""))
                yield from ask(Favour())
                yield from line(reply(334, None, b""))
            finally:
                broken()
            return GO

        said = odd(
            b"ODD\r\n",
            lambda server: server.verb(Verb(b"ODD", run)),
            answers={Favour: lambda asked: True},
        )
        said.feed(b"one\r\ntwo\r\n")
        self.assertEqual(said.codes[-1], 554)
        self.assertEqual(len(said.port.troubles), 1)


class WorldTests(TroubleCase):
    """
    Exceptions of the world, where somebody waits for its answer.
    """

    def test_mayConnect(self) -> None:
        """
        Where it cannot be told who may connect, nobody may: the client is not
        let in by mistake.
        """
        said = talk([], HELLO + MAIL, answers={MayConnect: broken})
        self.assertTrouble(said, "core")
        self.assertEqual(said.codes, [451])
        self.assertTrue(said.connection.closed)

    def test_mayConnectLater(self) -> None:
        """It is the same where that is told by C{fail}."""
        said = talk([], answers={MayConnect: pending})
        said.octets += said.connection.fail(ZeroDivisionError())
        self.assertTrouble(said, "core")
        self.assertTrue(said.connection.closed)

    def test_question(self) -> None:
        """
        A question that fails at once is thrown into the dialogue that asked
        it, as one that fails later is.
        """
        ended: list[str] = []

        def run(session: object, rest: bytes) -> ServerDialogue:
            try:
                yield from ask(Favour())
            except ZeroDivisionError:
                ended.append("told")
                raise
            return GO

        said = odd(
            b"ODD\r\nNOOP\r\n",
            lambda server: server.verb(Verb(b"ODD", run)),
            answers={Favour: broken},
        )
        self.assertTrouble(said, "ODD")
        self.assertEqual((ended, said.codes[-1]), (["told"], 250))

    def test_questionThatIsForgiven(self) -> None:
        """A dialogue may do without an answer."""

        def run(session: object, rest: bytes) -> ServerDialogue:
            try:
                yield from ask(Favour())
            except ZeroDivisionError:
                yield from line(reply(334, None, b""))
            return GO

        said = odd(
            b"ODD\r\nline\r\n",
            lambda server: server.verb(Verb(b"ODD", run)),
            answers={Favour: broken},
        )
        self.assertEqual(said.codes, [220, 334, 220])
        self.assertEqual(said.port.troubles, [])

    def test_body(self) -> None:
        """
        A body that nobody can take any more is refused at its end, and what is
        left of it goes nowhere.
        """
        for end in (b"DATA\r\nx\r\n.\r\n", b"BDAT 1\r\nxBDAT 1 LAST\r\ny"):
            said = self.full(end)
            self.assertTrouble(said, "core")
            self.assertEqual((said.codes[-1], said.port.taken), (250, []))

    def full(self, end: bytes) -> Said:
        """A client sends a message to a world that cannot take the body."""

        class Full(ScriptedPort):
            """Nothing more fits in."""

            def body(self, octets: bytes) -> None:
                """There is no room."""
                raise ZeroDivisionError

        port = Full()
        connection = ServerConnection(ServerProfile().load(standard()), port)
        said = Said(connection.start(), connection, port)
        for flight in (HELLO, MAIL + b"RCPT TO:<c@d.example>\r\n"):
            said.feed(flight)
        for flight in end.partition(b"\r\n"):
            said.feed(flight)
        said.feed(b"RSET\r\n")
        self.assertEqual(port.dropped, 1)
        return said

    def test_transactionIsGone(self) -> None:
        """
        A MAIL that was not answered leaves nothing behind, nor what its
        parameters had set.
        """

        def oblige(session: Any, bearer: object, value: bool) -> None:
            session.obliged = True

        parameter = Parameter(b"ODD", Where.MAIL, FLAG, oblige, broken)
        for sender, answers in (
            (b"a@b.example", {MaySend: broken}),
            (b"\xc3\xa9@b.example", {}),
        ):
            said = odd(
                HELLO + b"MAIL FROM:<" + sender + b"> ODD\r\n",
                lambda server: server.parameter(parameter),
                answers=answers,
            )
            self.assertIsNone(said.connection.envelope)
            self.assertFalse(said.connection.obliged)
