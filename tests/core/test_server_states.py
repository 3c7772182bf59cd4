"""
Tests for L{smtpx.core.server}: moments at which something else happens than
what is expected next.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.dialogue import ServerDialogue, ask, octets, secure
from smtpx.core.effects import (
    MayConnect,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
)
from smtpx.core.hooks import Stage, SyncPoint, Verb
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import BAD_SEQUENCE, Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.auth import Auth
from smtpx.extensions.standard import standard
from smtpx.testing.server import Said, ScriptedPort, talk

from .made import Favour, MadeServer, odd, pending

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
BEGIN = HELLO + MAIL + b"RCPT TO:<c@d.example>\r\n"
GO = reply(220, None, b"Go")
NO = reply(550, "5.7.1", b"No")
LATER = reply(450, "4.7.1", b"Later")
OUT_OF_SYNC = b"554 5.5.0 SMTP synchronisation error"


class GreetingTests(SynchronousTestCase):
    """
    Before the greeting.
    """

    def test_earlyWhilePolicyThinks(self) -> None:
        """
        A client that talks while it is still looked up, as those do who send
        junk, talks before the greeting.
        """
        said = talk(standard(), answers={MayConnect: pending})
        self.assertEqual(said.feed(HELLO), b"")
        said.answer(None)
        self.assertEqual(said.codes, [220, 250])
        said = talk([], answers={MayConnect: pending})
        said.feed(HELLO)
        said.answer(None)
        self.assertEqual(said.replies, [OUT_OF_SYNC])
        self.assertTrue(said.connection.closed)

    def test_refusedAnyway(self) -> None:
        """One that is refused is told so, whether or not it talks."""
        said = talk([], answers={MayConnect: pending})
        said.feed(HELLO)
        said.answer(NO)
        self.assertEqual(said.replies, [b"550 5.7.1 No"])
        self.assertTrue(said.connection.closed)

    def test_tooMuchEarlyTalk(self) -> None:
        """
        One that says too much too early gets one 554, and is never greeted.
        """
        profile = ServerProfile(bounds=Bounds(earlyOctets=10)).load(standard())
        port = ScriptedPort()
        connection = ServerConnection(profile, port)
        said = connection.feed(b"x" * 11) + connection.feed(b"x" * 11)
        said += connection.start()
        self.assertEqual(said, OUT_OF_SYNC + b"\r\n")
        self.assertEqual(port.asked, [])

    def test_refusedAtOnce(self) -> None:
        """
        One that has sent all it has before it is refused hears of nothing but that.
        """
        for whole in (BEGIN + b"DATA\r\n", BEGIN + b"QUIT\r\n", b"E", b"junk"):
            for answer in (NO, LATER):
                said = talk(standard(), answers={MayConnect: pending})
                said.feed(whole)
                said.answer(answer)
                said.feed(b"MAIL FROM:<a@b.example>\r\n")
                self.assertEqual(said.replies, [answer.octets.rstrip()])

    def test_whatCameTooSoonIsShown(self) -> None:
        """
        The log has a line of it, and of what may be a password its command only.
        """
        long = b"MAIL FROM:<%b@b.example>" % (b"a" * 200)
        for early, shown in (
            (HELLO + MAIL, b"EHLO c.example"),
            (long + b"\r\n", long[:128]),
            (b"AUTH PLAIN AGZyZWQAcGFzcw==\r\n", b"AUTH"),
            (b"auth PLAIN AGZyZWQAcGFzcw==", b"auth"),
            (b"AGZyZWQAcGFzcw==\r\n", b"..."),
            (b"GET / HTTP/1.1\r\n", b"GET"),
            (b"\r\n", b"..."),
        ):
            said = talk([Auth()], early=early)
            self.assertEqual(said.replies, [OUT_OF_SYNC])
            self.assertEqual(said.connection.hasty, shown)
        said = talk([], b"HELO c.example\r\n")
        self.assertEqual(said.connection.hasty, b"")
        said.feed(MAIL + b"RCPT TO:<c@d.example>\r\n")
        self.assertEqual(said.replies[-1], OUT_OF_SYNC)
        self.assertEqual(said.connection.hasty, b"RCPT TO:<c@d.example>")


class LineTests(SynchronousTestCase):
    """
    Lines that are none.
    """

    def test_manyLineFeeds(self) -> None:
        """
        However many bare LFs come at once, the answer is no longer than the
        bound on errors allows.
        """
        for end in (b"", b"\r\n"):
            said = talk([], b"\n" * 5000 + end, bounds=Bounds(errorsMax=3), whole=True)
            self.assertEqual(said.codes, [220, 500, 500, 500, 500, 421])

    def test_loginsThatNobodyWanted(self) -> None:
        """
        A client that logs in where that is not offered has none of it in the
        log.
        """
        said = talk(
            [], HELLO + b"AUTH PLAIN AGZyZWQAcGFzcw==\r\ncGFzc3dvcmQ=\r\ncGFzcw\r\n"
        )
        self.assertEqual(
            [command for command, _ in said.port.refusals], [b"AUTH", b"", b""]
        )


class UpgradeTests(SynchronousTestCase):
    """
    Around a handshake.
    """

    def upgrade(self, session: Any, rest: bytes) -> ServerDialogue:
        """A verb that asks somebody before it starts TLS."""
        yield from ask(Favour())
        yield from secure(before=GO)
        session.forget()
        return None

    def extend(self, server: IServerBuilder) -> None:
        """Bring it."""
        server.verb(Verb(b"UPGRADE", self.upgrade, alone=True))

    def test_inputWhileAsking(self) -> None:
        """
        What comes in the clear while somebody is asked whether TLS may begin
        is never taken for what came under TLS (CVE-2011-0411).
        """
        said = odd(HELLO + b"UPGRADE\r\n", self.extend, answers={Favour: pending})
        said.feed(MAIL)
        said.answer(True)
        self.assertEqual(said.last, OUT_OF_SYNC)
        self.assertEqual(said.port.handshakes, [])

    def test_withoutGoAhead(self) -> None:
        """A verb may begin TLS where both know that it comes next."""

        def run(session: IServerSession, rest: bytes) -> ServerDialogue:
            yield from secure()
            return GO

        verb = Verb(b"ODD", run, alone=True)
        said = odd(b"ODD\r\n", lambda server: server.verb(verb))
        self.assertEqual((said.codes, len(said.port.handshakes)), ([220], 1))
        self.assertEqual(said.secure(), GO.octets)

    def test_strangerMayNotPipeline(self) -> None:
        """
        After a handshake leave to pipeline is to be had by EHLO anew.
        """
        said = odd(
            HELLO + b"UPGRADE\r\n", self.extend, answers={Favour: lambda asked: True}
        )
        said.secure()
        said.feed(b"NOOP\r\nNOOP\r\n")
        self.assertEqual(said.last, OUT_OF_SYNC)


class BodyTests(SynchronousTestCase):
    """
    Bodies and what is remembered of them.
    """

    def test_headerOfTheMessageBefore(self) -> None:
        """
        A header field is seen in its own message only, also where that message
        has no empty line.
        """
        seen: list[bytes] = []

        def watch(session: IServerSession, value: bytes) -> None:
            seen.append(value)

        said = odd(HELLO, lambda server: server.header(b"X-Watched", watch))
        for text in (b"X-Watched: 1\r\n", b"Subject: x\r\n", b"X-Watched: 2\r\n"):
            said.feed(MAIL + b"RCPT TO:<c@d.example>\r\nDATA\r\n")
            said.feed(text + b".\r\n")
        self.assertEqual(said.codes[-1], 250)
        self.assertEqual(seen, [b"1", b"2"])

    def test_hookGivesUp(self) -> None:
        """
        Where a hook ends the transaction within a body, the rest of it is read
        and goes nowhere, and the message is not taken.
        """

        def watch(session: IServerSession, value: bytes) -> None:
            session.abortBody()

        for pieces in (
            (b"DATA\r\n", b"X-Watched: 1\r\n\r\nx\r\n", b"y\r\n.\r\n"),
            (b"DATA\r\n", b"X-Watched: 1\r\n.\r\n"),
            (b"BDAT 16\r\nX-Watched: 1\r\n\r\n", b"BDAT 1 LAST\r\nx"),
            (b"BDAT 14 LAST\r\nX-Watched: 1\r\n",),
        ):
            extensions = [
                *standard(),
                MadeServer(lambda server: server.header(b"X-Watched", watch), "ODD"),
            ]
            said = talk(extensions, BEGIN)
            for piece in pieces:
                said.feed(piece)
            self.assertGreaterEqual(said.codes[-1], 400, pieces)
            self.assertEqual((said.port.taken, said.port.dropped), ([], 1))
            self.assertEqual(said.feed(MAIL), b"250 2.0.0 OK\r\n")

    def test_bodyThatNeverBegan(self) -> None:
        """A verb cannot hand over what was not begun."""

        def run(session: IServerSession, rest: bytes) -> ServerDialogue:
            yield from octets(0)
            return (yield from session.closeBody())

        said = odd(BEGIN + b"ODD\r\n", lambda server: server.verb(Verb(b"ODD", run)))
        self.assertEqual((said.codes[-1], said.port.taken), (451, []))


class FailureTests(SynchronousTestCase):
    """
    Questions of the core that somebody answers by C{fail}.
    """

    def test_eachQuestion(self) -> None:
        """
        The client is told 451, no transaction is left half, and the session
        goes on.
        """

        def reviewed(server: IServerBuilder) -> None:
            for stage in Stage:
                server.review(stage, later)

        def later(session: object, recipient: object) -> Any:
            yield from ask(Favour())

        for kind in (MaySend, MayReceive, OpenBody, TakeMessage):
            for register in (reviewed, lambda server: None):
                said = odd(
                    HELLO,
                    register,
                    answers={Favour: lambda asked: True, kind: pending},
                )
                for flight in (MAIL, b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n"):
                    said.feed(flight)
                    if not said.connection.idle:
                        break
                else:
                    said.feed(b"x\r\n.\r\n")
                said.octets += said.connection.fail(ZeroDivisionError())
                self.assertEqual(said.codes[-1], 451)
                self.assertEqual(len(said.port.troubles), 1)
                self.assertEqual(said.feed(b"RSET\r\n"), b"250 2.0.0 OK\r\n")
                self.assertIs(said.port.asked[-1].session.envelope, None)  # type: ignore[attr-defined]  # core's questions have it

    def test_chunk(self) -> None:
        """The octets of a chunk are taken off the wire then, too."""
        said = talk(standard(), BEGIN, answers={OpenBody: pending})
        said.feed(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        said.octets += said.connection.fail(ZeroDivisionError())
        self.assertEqual(said.codes[-2:], [451, 250])
        self.assertFalse(said.connection.closed)


class PatienceTests(SynchronousTestCase):
    """
    Commands that bring nothing forward, whatever they are.
    """

    def refused(self, script: bytes, **answers: Reply) -> Said:
        """A client says something refused again and again."""
        return talk(
            standard(),
            HELLO + script,
            bounds=Bounds(idleCommandsMax=5),
            answers={
                kind: lambda asked, no=answer: no  # type: ignore[misc]  # a default binds it
                for kind, answer in {MaySend: answers.get("send")}.items()
                if answer is not None
            },
        )

    def test_mail(self) -> None:
        """MAIL that is refused, for now or for ever."""
        for no in (NO, LATER):
            said = self.refused(MAIL * 9, send=no)
            self.assertEqual(said.codes[-1], 421)
            self.assertTrue(said.connection.closed)

    def test_data(self) -> None:
        """DATA without recipients."""
        said = self.refused(MAIL + b"DATA\r\n" * 9)
        self.assertEqual(said.codes[-2:], [554, 421])

    def test_manyRecipients(self) -> None:
        """
        Recipients above the limit are no such thing: a client may not know the
        limit, and has the rest to send.
        """
        said = talk(
            [],
            BEGIN + b"RCPT TO:<e@f.example>\r\n" * 50 + b"DATA\r\nx\r\n.\r\n",
            bounds=Bounds(recipientsMax=1, idleCommandsMax=5, refusalsMax=5),
        )
        self.assertEqual(said.codes[-1], 250)


class BuiltOnSandTests(SynchronousTestCase):
    """
    Commands that were sent before their client knew that what they build on was
    refused (RFC 2920 section 3.1).
    """

    def refusing(self, flight: bytes, bounds: Bounds) -> Said:
        """All senders are refused, and a client sends one flight."""
        said = talk(
            standard(),
            HELLO,
            answers={MaySend: lambda asked: LATER},
            bounds=bounds,
        )
        said.feed(flight)
        return said

    def test_recipients(self) -> None:
        """Many recipients behind a sender who is refused are no errors."""
        flight = MAIL + b"RCPT TO:<c@d.example>\r\n" * 200 + b"DATA\r\n"
        said = self.refusing(flight, Bounds(errorsMax=3))
        self.assertEqual(said.codes[2:], [450] + [503] * 201)
        self.assertFalse(said.connection.closed)

    def test_chunks(self) -> None:
        """Nor are chunks behind one that is refused."""
        said = talk(
            standard(),
            BEGIN,
            answers={OpenBody: lambda asked: LATER},
            bounds=Bounds(errorsMax=3),
        )
        said.feed(b"BDAT 1\r\nx" * 64 + b"BDAT 0 LAST\r\n")
        self.assertEqual(said.codes[4:], [450] + [503] * 64)
        self.assertFalse(said.connection.closed)

    def test_notForEver(self) -> None:
        """They are bounded all the same."""
        rcpt = b"RCPT TO:<c@d.example>\r\n"
        said = self.refusing(MAIL + rcpt * 9, Bounds(putOffMax=5))
        self.assertEqual(said.codes[-1], 421)
        said = self.refusing(b"BDAT 1 LAST\r\nx" * 9, Bounds(idleCommandsMax=5))
        self.assertEqual(said.codes[-1], 421)

    def test_oneByOne(self) -> None:
        """Who waits for each reply knows better."""
        said = talk([], HELLO + b"DATA\r\n" * 9, bounds=Bounds(errorsMax=3))
        self.assertEqual(said.codes[2:], [503, 503, 503, 503, 421])


class HelloTests(SynchronousTestCase):
    """
    Clients that introduce themselves more than once.
    """

    def test_heloAfterEHLO(self) -> None:
        """
        HELO takes back what EHLO promised: parameters, chunks, pipelining.
        """
        said = talk(standard(), HELLO + b"HELO c.example\r\n")
        said.feed(b"MAIL FROM:<a@b.example> SIZE=1\r\n")
        self.assertEqual(said.codes[-1], 555)
        said.feed(b"BDAT 4 LAST\r\nQUIT")
        self.assertEqual(said.codes[-1], 503)
        self.assertEqual(said.connection.helo, b"c.example")
        said.feed(MAIL + b"RSET\r\n")
        self.assertEqual(said.last, OUT_OF_SYNC)

    def test_withinAMessage(self) -> None:
        """
        EHLO and HELO between two chunks end the transaction; its body is
        dropped.
        """
        for again in (HELLO, b"HELO c.example\r\n"):
            said = talk(standard(), BEGIN + b"BDAT 1\r\nx")
            self.assertEqual(said.feed(again)[:3], b"503")
            self.assertEqual(said.port.dropped, 1)
            self.assertEqual(said.feed(b"BDAT 1 LAST\r\ny"), BAD_SEQUENCE.octets)

    def test_relaxedEarly(self) -> None:
        """Leave to talk behind EHLO is asked for at each EHLO."""

        def relax(session: IServerSession) -> SyncPoint:
            return SyncPoint.EHLO if session.helo else SyncPoint.NONE

        said = odd(HELLO, lambda server: server.relax(relax))
        said.feed(HELLO + b"NOOP\r\n")
        self.assertEqual(said.codes[-2:], [250, 250])
