"""
Tests for L{smtpx.core.hearsay}, and for what else a session offers to who knows a
transaction again.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.dialogue import Answered, ServerDialogue, ask
from smtpx.core.effects import PENDING, MayDeliver, MayReceive, MaySend, TakeMessage
from smtpx.core.hooks import Dialect, Run, Stage
from smtpx.core.interfaces import IServerBuilder, IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.core.reviews import better
from smtpx.core.standing import Standing

from .made import Favour, broken, odd

HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
RCPT = b"RCPT TO:<c@d.example>\r\n"
DATA = b"DATA\r\nx\r\n.\r\n"

NO = reply(550, "5.7.1", b"No")
GOOD = reply(250, "2.1.0", b"Good")
KNOWN = Reply(355, None, (b"1 is there",))


class OverhearTests(SynchronousTestCase):
    """What a command comes to is told."""

    def heard(self, inner: Run | None = None, **options: Any) -> tuple[list[Any], Any]:
        """What is told of a NOOP that does something else, and what was said."""
        told: list[Answered] = []

        def wrapper(session: IServerSession, rest: bytes, run: Run) -> Any:
            outcome = run(session, rest) if inner is None else inner(session, rest)
            return session.overhear(outcome, told.append)

        def extend(server: IServerBuilder) -> None:
            server.wrap(b"RCPT" if inner is None else b"NOOP", wrapper)

        said = odd(options.pop("script", HELLO + b"NOOP\r\n"), extend, **options)
        return told, said

    def test_atOnce(self) -> None:
        """A reply."""
        told, _ = self.heard(lambda session, rest: GOOD)
        self.assertEqual(told, [GOOD])

    def test_dialogue(self) -> None:
        """What a dialogue comes to; one that fails comes to 451."""

        def good(session: object, rest: bytes) -> ServerDialogue:
            yield from ask(Favour())
            return GOOD

        def bad(session: object, rest: bytes) -> ServerDialogue:
            yield from ask(Favour())
            raise ZeroDivisionError

        answers = {Favour: lambda asked: True}
        told, _ = self.heard(good, answers=answers)
        self.assertEqual(told, [GOOD])
        told, said = self.heard(bad, answers=answers)
        self.assertEqual([each.code for each in told], [451])
        self.assertEqual(said.codes[-1], 451)

    def test_later(self) -> None:
        """What is said when the port has answered."""
        script = HELLO + MAIL + RCPT
        answers = {MayReceive: lambda asked: PENDING}
        told, said = self.heard(script=script, answers=answers)
        self.assertEqual(told, [])
        said.answer(NO)
        self.assertEqual(told, [NO])
        told, said = self.heard(script=script, answers=answers)
        said.answer("no reply")
        self.assertEqual([each.code for each in told], [451])

    def test_nothing(self) -> None:
        """What has been said already is not told."""
        told, _ = self.heard(lambda session, rest: None)
        self.assertEqual(told, [])


class BetterTests(SynchronousTestCase):
    """Which reply is said."""

    def test_better(self) -> None:
        """A 3yz before a 2yz, else the later one."""
        other = reply(250, "2.0.0", b"Other")
        self.assertIsNone(better(None, None))
        self.assertEqual(better(None, GOOD), GOOD)
        self.assertEqual(better(GOOD, None), GOOD)
        self.assertEqual(better(GOOD, other), other)
        self.assertEqual(better(KNOWN, GOOD), KNOWN)
        self.assertEqual(better(GOOD, KNOWN), KNOWN)


class SettledTests(SynchronousTestCase):
    """A transaction that has ended before."""

    def said(self, late: bool = False, script: bytes = b"", **options: Any) -> Any:
        """All would refuse it, if anybody were asked."""

        def settle(session: IServerSession, recipient: object) -> Any:
            session.standing = Standing.SETTLED
            return self.later() if late else KNOWN

        def extend(server: IServerBuilder) -> None:
            server.review(Stage.MAIL, settle)
            server.review(Stage.MAIL, lambda session, recipient: GOOD)
            for stage in (Stage.DATA, Stage.MESSAGE):
                server.review(stage, lambda session, recipient: NO)

        answers = {
            MaySend: lambda asked: NO,
            MayDeliver: lambda asked: [NO],
            Favour: lambda asked: True,
        }
        return odd(HELLO + MAIL + (script or RCPT + DATA), extend, answers=answers)

    def later(self) -> Any:
        """Settled when the world has answered."""
        yield from ask(Favour())
        return KNOWN

    def test_nobodyIsAsked(self) -> None:
        """Neither policy nor reviews nor judges; the 3yz is said."""
        for late in (False, True):
            said = self.said(late)
            self.assertEqual(said.codes[-4:], [355, 250, 354, 250])

    def test_untilItIsOver(self) -> None:
        """The next transaction is a usual one."""
        said = self.said(script=RCPT + DATA)
        self.assertIs(said.connection.standing, Standing.USUAL)


class ForetellTests(SynchronousTestCase):
    """What the client will be told."""

    def foretold(self, review: Reply | None = None, **options: Any) -> Any:
        """What is foretold while the port is asked, and what is said."""
        found: list[tuple[Reply, ...]] = []

        def take(asked: TakeMessage) -> Reply:
            found.append(asked.session.foretell(GOOD))
            return GOOD

        def extend(server: IServerBuilder) -> None:
            if review is not None:
                server.review(Stage.MESSAGE, lambda session, recipient: review)

        hello = HELLO.replace(b"EHLO", b"LHLO") if "dialect" in options else HELLO
        answers = {TakeMessage: take, **options.pop("answers", {})}
        script = hello + MAIL + RCPT + RCPT.replace(b"<c", b"<e") + DATA
        said = odd(script, extend, answers=answers, **options)
        return found[0], said

    def test_one(self) -> None:
        """One reply for all; a review may have a better one."""
        self.assertEqual(self.foretold()[0], (GOOD,))
        other = reply(250, "2.0.0", b"Other")
        found, said = self.foretold(other)
        self.assertEqual((found, said.last), ((other,), b"250 2.0.0 Other"))

    def test_each(self) -> None:
        """One for each, those included who were refused behind the message."""
        found, _ = self.foretold(dialect=Dialect.LMTP)
        self.assertEqual(found, (GOOD, GOOD))
        answers = {MayDeliver: lambda asked: [NO, None]}
        found, said = self.foretold(dialect=Dialect.LMTP, answers=answers)
        self.assertEqual(found, (NO, GOOD))
        self.assertEqual(said.codes[-2:], [550, 250])


class TurnedDownTests(SynchronousTestCase):
    """Who hears of refusals."""

    def test_told(self) -> None:
        """Each refusal of a whole message; a mistake there changes nothing."""
        told: list[Reply] = []

        def extend(server: IServerBuilder) -> None:
            server.turnedDown(lambda session, refusal: told.append(refusal))
            server.turnedDown(broken)

        answers = {TakeMessage: lambda asked: NO}
        said = odd(HELLO + MAIL + RCPT + DATA, extend, answers=answers)
        self.assertEqual((told, said.codes[-1]), ([NO], 550))
        self.assertEqual(len(said.port.troubles), 1)


class EvictTests(SynchronousTestCase):
    """Somebody else goes on."""

    def test_evicted(self) -> None:
        """The shell is asked to, and the session ends."""
        said = odd(HELLO + MAIL, lambda server: None)
        bye = reply(421, "4.3.2", b"Bye", closes=True)
        said.connection.evict(bye)
        self.assertEqual(said.port.evictions, [bye])
        self.assertTrue(said.connection.idle)
        self.assertEqual(said.connection.evicted(bye), bye.octets)
        self.assertTrue(said.connection.closed)
