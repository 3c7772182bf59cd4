"""
Tests for L{smtpx.core.judgement}, and for what a server does with it: a reply for each
recipient, behind the message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.effects import PENDING, MayDeliver, OpenBody, TakeMessage
from smtpx.core.envelope import Recipient
from smtpx.core.errors import UsageError
from smtpx.core.hooks import Dialect, Stage
from smtpx.core.interfaces import IServerSession
from smtpx.core.judgement import forAll, forEach
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import LOCAL_ERROR, Reply, reply
from smtpx.extensions.chunking import Chunking
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.prdr import framed
from smtpx.testing.server import TAKEN, Said, talk

from .made import MadeServer

FULL = reply(452, "4.2.2", b"Full")
NO = reply(550, "5.7.1", b"No")
GOING = reply(421, "4.3.2", b"Going", closes=True)

LHLO = b"LHLO c.example\r\nMAIL FROM:<a@c.example>\r\n"
TWO = b"RCPT TO:<b@d.example>\r\nRCPT TO:<c@d.example>\r\n"
DATA = b"DATA\r\nx\r\n.\r\n"


def judging(*answers: Reply | None) -> dict[type, Callable[[Any], object]]:
    """What says these for recipients, in their order."""
    return {MayDeliver: lambda asked: answers}


def taking(
    final: Reply | tuple[Reply, ...],
) -> dict[type, Callable[[Any], object]]:
    """What says this of a message that it is given."""
    return {TakeMessage: lambda asked: final}


def lmtp(
    octets: bytes = LHLO + TWO + DATA,
    answers: dict[type, Callable[[Any], object]] | None = None,
    **more: Any,
) -> Said:
    """An LMTP server, and what it was told."""
    extensions = [Chunking(), Pipelining()]
    return talk(
        extensions,
        octets,
        answers=answers,
        dialect=Dialect.LMTP,
        **more,
    )


class ForAllTests(SynchronousTestCase):
    """One reply for several who are refused."""

    def test_temporaryFirst(self) -> None:
        """If one of them may try again, so may all."""
        one, other = Recipient(b"a@b.example"), Recipient(b"c@b.example")
        self.assertIs(forAll([(one, NO), (other, FULL)]), FULL)
        self.assertIs(forAll([(one, NO), (other, NO)]), NO)


class ForEachTests(SynchronousTestCase):
    """What each recipient is told."""

    one, two, three = (Recipient(each) for each in (b"a@e", b"b@e", b"c@e"))

    def test_oneForAll(self) -> None:
        """One reply stands for those who were not refused."""
        judged = [(self.one, None), (self.two, NO), (self.three, None)]
        told = forEach(TAKEN, [self.one, self.three], judged)
        self.assertEqual([said for _, said in told], [TAKEN, NO, TAKEN])
        self.assertIs(told[2][0], self.three)

    def test_oneForEach(self) -> None:
        """Several are for them in turn."""
        judged = [(self.one, None), (self.two, NO), (self.three, None)]
        told = forEach((TAKEN, FULL), [self.one, self.three], judged)
        self.assertEqual([said for _, said in told], [TAKEN, NO, FULL])

    def test_nobodyRefused(self) -> None:
        """Without a judgement, everybody is told what was said."""
        told = forEach((TAKEN, FULL), [self.one, self.two], [])
        self.assertEqual(told, [(self.one, TAKEN), (self.two, FULL)])

    def test_wrongNumber(self) -> None:
        """Too few replies, too many, or none, is somebody's mistake."""
        for final in ((TAKEN,), (TAKEN,) * 3, None):
            with self.assertRaises(UsageError):
                forEach(final, [self.one, self.two], [])


class LMTPTests(SynchronousTestCase):
    """A server of LMTP."""

    def test_eachIsTold(self) -> None:
        """One reply of the world's is told to each."""
        said = lmtp()
        self.assertEqual(said.codes[-3:], [354, 250, 250])
        [envelope] = said.port.taken
        self.assertEqual(len(envelope.recipients), 2)
        self.assertIsNone(said.connection.envelope)

    def test_worldTellsEach(self) -> None:
        """Where the world has a reply for each, they are told; refusals are known."""
        said = lmtp(answers={TakeMessage: lambda asked: (TAKEN, FULL)})
        self.assertEqual(said.codes[-2:], [250, 452])
        self.assertEqual(said.port.refusals, [(b"RCPT TO:<c@d.example>", FULL)])
        self.assertEqual(said.feed(b"NOOP\r\n")[:3], b"250")

    def test_worldTellsLater(self) -> None:
        """The same, where it takes its time."""
        said = lmtp(answers={TakeMessage: lambda asked: PENDING})
        self.assertEqual(said.codes[-1], 354)
        self.assertEqual(said.answer((FULL, TAKEN))[:3], b"452")
        self.assertEqual(said.codes[-2:], [452, 250])

    def test_wrongNumberOfReplies(self) -> None:
        """A mistake of the world's is told to nobody but the operator."""
        said = lmtp(answers={TakeMessage: lambda asked: (TAKEN,)})
        self.assertEqual(said.codes[-2:], [451, 451])
        [(owner, error)] = said.port.troubles
        self.assertEqual(owner, "core")
        self.assertIsInstance(error, UsageError)

    def test_refusedForAll(self) -> None:
        """A message that is refused is so for each; it is one refusal in the log."""
        said = lmtp(answers={TakeMessage: lambda asked: FULL})
        self.assertEqual(said.codes[-2:], [452, 452])
        self.assertEqual(said.port.refusals, [(b"DATA", FULL)])

    def test_closing(self) -> None:
        """A reply that closes is told to each, too."""
        said = lmtp(answers={TakeMessage: lambda asked: GOING})
        self.assertEqual(said.codes[-2:], [421, 421])
        self.assertTrue(said.connection.closed)
        self.assertIs(said.connection.farewell, GOING)

    def test_tired(self) -> None:
        """Who is refused too often is told so behind the replies that are owed."""
        bounds = Bounds(refusalsMax=1)
        said = lmtp(answers=judging(NO, NO), bounds=bounds)
        self.assertEqual(said.codes[-3:], [550, 550, 421])
        self.assertTrue(said.connection.closed)
        odd = reply(504, "5.5.4", b"Odd")
        said = lmtp(answers=taking(odd), bounds=Bounds(errorsMax=0))
        self.assertEqual(said.codes[-3:], [504, 504, 421])

    def test_bodyGivenUp(self) -> None:
        """Where the message could not be begun, DATA has the one reply."""
        said = lmtp(LHLO + TWO + b"DATA\r\n", {OpenBody: lambda asked: FULL})
        self.assertEqual(said.codes[-3:], [250, 250, 452])

    def test_gated(self) -> None:
        """A last chunk that somebody refuses is refused to each recipient."""

        def gate(session: IServerSession, verb: bytes) -> Reply | None:
            return NO if verb == b"BDAT" else None

        said = talk(
            [Chunking(), MadeServer(lambda server: server.gate(gate))],
            LHLO + TWO + b"BDAT 3 LAST\r\nx\r\n",
            dialect=Dialect.LMTP,
        )
        self.assertEqual(said.codes[-3:], [250, 550, 550])

    def test_chunkWithoutMail(self) -> None:
        """A last chunk without a transaction is one command too many."""
        said = lmtp(b"LHLO c.example\r\nBDAT 3 LAST\r\nx\r\n")
        self.assertEqual(said.codes[-2:], [250, 503])


class JudgedTests(SynchronousTestCase):
    """Somebody has a say for each recipient, once the message is there."""

    def test_someRefused(self) -> None:
        """They do not get it, and are told so; the others do."""
        said = lmtp(answers=judging(FULL, None))
        self.assertEqual(said.codes[-2:], [452, 250])
        [envelope] = said.port.taken
        self.assertEqual([each.path for each in envelope.recipients], [b"c@d.example"])
        self.assertEqual(said.port.refusals, [(b"RCPT TO:<b@d.example>", FULL)])

    def test_nobodyRefused(self) -> None:
        """Then everybody gets it."""
        said = lmtp(answers=judging(None, None))
        self.assertEqual(said.codes[-2:], [250, 250])
        self.assertEqual(len(said.port.taken[0].recipients), 2)

    def test_allRefused(self) -> None:
        """Then nobody does, and the message is dropped."""
        said = lmtp(answers=judging(FULL, NO))
        self.assertEqual(said.codes[-2:], [452, 550])
        self.assertEqual(said.port.taken, [])
        self.assertEqual(said.port.dropped, 1)

    def test_noRoom(self) -> None:
        """What becomes of the message is told to those who were not refused."""
        later = reply(452, "4.3.1", b"No room")
        answers = judging(None, NO) | {TakeMessage: lambda asked: later}
        said = lmtp(answers=answers)
        self.assertEqual(said.codes[-2:], [452, 550])

    def test_wrongNumberOfReplies(self) -> None:
        """Nobody is left without a reply by a mistake of the world's."""
        answers = judging(None, NO) | {TakeMessage: lambda asked: (TAKEN, TAKEN)}
        said = lmtp(answers=answers)
        self.assertEqual(said.codes[-2:], [451, 550])

    def test_answeredLater(self) -> None:
        """The judgement may take its time."""
        said = lmtp(answers={MayDeliver: lambda asked: PENDING})
        self.assertEqual(said.codes[-1], 354)
        said.answer((None, FULL))
        self.assertEqual(said.codes[-2:], [250, 452])

    def test_fails(self) -> None:
        """Who cannot be judged is to come again."""

        def broken(asked: MayDeliver) -> object:
            raise ValueError("broken")

        said = lmtp(answers={MayDeliver: broken})
        self.assertEqual(said.codes[-2:], [451, 451])
        self.assertEqual(len(said.port.troubles), 1)
        self.assertEqual(said.port.taken, [])

    def test_wrongNumberOfVerdicts(self) -> None:
        """So is everybody, where there is not one for each."""
        said = lmtp(answers=judging(None))
        self.assertEqual(said.codes[-2:], [451, 451])
        self.assertEqual(said.port.taken, [])

    def smtp(self, *answers: Reply | None, **more: Any) -> Said:
        """The same in SMTP, where there is one reply for all."""
        octets = LHLO.replace(b"LHLO", b"EHLO") + TWO + DATA
        return talk([], octets, answers=judging(*answers), **more)

    def test_oneReply(self) -> None:
        """If all are refused the message is; else all get it."""
        for answers, code, taken in (
            ((FULL, NO), 452, 0),
            ((NO, NO), 550, 0),
            ((None, NO), 250, 2),
            ((None, None), 250, 2),
        ):
            said = self.smtp(*answers)
            self.assertEqual(said.codes[-2:], [354, code])
            self.assertEqual(sum(len(e.recipients) for e in said.port.taken), taken)

    def test_oneRefusalIsTold(self) -> None:
        """The operator hears of it once."""
        said = self.smtp(FULL, NO)
        self.assertEqual(said.port.refusals, [(b"DATA", FULL)])

    def test_repliesNobodyWants(self) -> None:
        """A reply for each, where one is wanted, is a mistake of the world's."""
        octets = LHLO.replace(b"LHLO", b"EHLO") + TWO + DATA
        for final in ((TAKEN, TAKEN), (TAKEN,)):
            said = talk([], octets, answers=taking(final))
            self.assertEqual(said.codes[-2:], [354, 451])
            self.assertIsInstance(said.port.troubles[0][1], UsageError)


class SetTests(SynchronousTestCase):
    """An extension says that the client takes several replies."""

    def talk(self, *octets: bytes, **more: Any) -> Said:
        """With an extension that does so for senders whose name is C{each}."""

        def tell(session: IServerSession, recipient: Recipient | None) -> None:
            envelope = session.envelope
            assert envelope is not None
            if envelope.sender.startswith(b"each"):
                session.tellEach = framed

        made = MadeServer(lambda server: server.review(Stage.MAIL, tell))
        return talk([Chunking(), made], b"EHLO c\r\n" + b"".join(octets), **more)

    def test_forTheTransaction(self) -> None:
        """It holds for the transaction, and no longer."""
        answers = judging(None, NO)
        each = b"MAIL FROM:<each@c.example>\r\n" + TWO + DATA
        none = b"MAIL FROM:<none@c.example>\r\n" + TWO + DATA
        said = self.talk(each, none, answers=answers)
        self.assertEqual(
            said.codes[-10:], [354, 353, 250, 550, 250, 250, 250, 250, 354, 250]
        )

    def test_nobodyToTell(self) -> None:
        """In SMTP, every command has a reply."""
        said = self.talk(b"MAIL FROM:<each@c.example>\r\nBDAT 3 LAST\r\nx\r\n")
        self.assertEqual(said.codes[-2:], [250, 554])

    def test_refusedForAll(self) -> None:
        """What is the same for all is said once."""
        mail = b"MAIL FROM:<each@c.example>\r\n" + TWO + DATA
        said = self.talk(mail, answers={TakeMessage: lambda asked: NO})
        self.assertEqual(said.codes[-2:], [354, 550])
        self.assertEqual(said.port.refusals, [(b"DATA", NO)])


class ProfileTests(SynchronousTestCase):
    """The commands of LMTP."""

    def test_hooksOfEHLO(self) -> None:
        """What an extension wants of EHLO, it wants of LHLO; of HELO, of nothing."""
        seen: list[bytes] = []

        def gate(session: IServerSession, verb: bytes) -> Reply | None:
            seen.append(verb)
            return None

        def wrap(session: IServerSession, rest: bytes, run: Any) -> Any:
            seen.append(rest)
            return run(session, rest)

        def extend(server: Any) -> None:
            for verb in (b"EHLO", b"HELO"):
                server.gate(gate, verb)
                server.wrap(verb, wrap)

        made = MadeServer(extend)
        said = talk([made], b"LHLO c.example\r\n", dialect=Dialect.LMTP)
        self.assertEqual(said.codes, [220, 250])
        self.assertEqual(seen, [b"LHLO", b"c.example"])

    def test_commands(self) -> None:
        """There is LHLO in the place of both."""
        table = ServerProfile(dialect=Dialect.LMTP).table
        self.assertIn(b"LHLO", table)
        self.assertEqual({b"EHLO", b"HELO"} & set(table), set())
        self.assertNotIn(b"LHLO", ServerProfile().table)

    def test_laterError(self) -> None:
        """An answer that fails late is trouble, not silence."""
        said = lmtp(answers={TakeMessage: lambda asked: PENDING})
        said.octets += said.connection.fail(ValueError("broken"))
        self.assertEqual(said.codes[-2:], [451, 451])
        self.assertEqual(LOCAL_ERROR.code, 451)
