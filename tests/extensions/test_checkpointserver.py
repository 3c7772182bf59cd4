"""
Tests for L{smtpx.extensions.checkpointserver}: what a server says to each command of a
transaction that has a name, whatever is known of it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import (
    PENDING,
    MayDeliver,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
)
from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.hooks import Dialect, TLSInfo
from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IServerSession
from smtpx.core.reply import OK, Reply, reply
from smtpx.core.standing import Standing
from smtpx.extensions.checkpoint import Checkpoint, CheckpointSettings
from smtpx.extensions.checkpointserver import (
    Committed,
    CutShort,
    Known,
    Recall,
    clientKey,
    clientOf,
    transactionOf,
)
from smtpx.extensions.chunking import Chunking
from smtpx.testing.server import Said, talk

from .named import Memory, named

EHLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@c.example> TRANSID=<1@c.example>\r\n"
RCPT = b"RCPT TO:<b@d.example>\r\n"
OTHER = b"RCPT TO:<c@d.example>\r\n"
BDAT = b"BDAT 0 LAST\r\n"
DATA = b"DATA\r\n.\r\n"

NO = reply(550, "5.1.1", b"No")
LATER = reply(451, "4.2.0", b"Later")
TAKEN = reply(250, "2.0.0", b"OK id=1")

SAID = ((b"TO:<b@d.example>", OK), (b"TO:<no@d.example>", NO))
ENDED = Committed(21, b"digest", SAID, (TAKEN,))

_NOTED: Stamp[Any] = Stamp("test-noted", str, str)


def cutShort() -> CutShort:
    """It was cut short, and its header has told something."""
    envelope = Envelope(b"a@c.example", 0.0, [Recipient(b"b@d.example")])
    envelope.stamps[_NOTED] = "of the header"
    return CutShort(6135, envelope, SAID)


class NewTests(SynchronousTestCase):
    """Nothing is known of it."""

    def test_new(self) -> None:
        """All is as ever, and what is said to recipients is noted."""
        answers = {MayReceive: lambda asked: None}
        said = named(Memory(), EHLO + MAIL + RCPT + DATA, answers=answers)
        self.assertEqual(said.codes[2:], [250, 250, 354, 250])

    def test_heard(self) -> None:
        """Each RCPT is noted with its reply, whenever that comes, whatever it is."""

        def receive(asked: MayReceive) -> object:
            name = asked.recipient.path.partition(b"@")[0]
            if name == b"broken":
                raise ZeroDivisionError
            return {b"no": NO, b"later": PENDING, b"odd": PENDING}.get(name)

        memory = Memory()
        said = named(memory, EHLO + MAIL + RCPT, answers={MayReceive: receive})
        said.feed(b"RCPT TO:<no@d.example>\r\n")
        said.feed(b"RCPT TO:<\r\n")
        said.feed(b"RCPT TO:<broken@d.example>\r\n")
        said.feed(b"RCPT TO:<later@d.example>\r\n")
        said.answer(LATER)
        said.feed(b"RCPT TO:<odd@d.example>\r\n")
        self.assertEqual(said.connection.answer("no reply")[:3], b"451")
        [transaction] = memory.asked
        codes = [(each[4:7], answer.code) for each, answer in transaction.said]
        self.assertEqual(
            codes,
            [(b"b@d", 250), (b"no@", 550), (b"", 501)]
            + [(b"bro", 451), (b"lat", 451), (b"odd", 451)],
        )

    def test_tooLong(self) -> None:
        """With too much of it, it is not remembered."""
        memory = Memory()
        said = named(memory, EHLO + MAIL)
        self.assertIs(said.connection.standing, Standing.NAMED)
        for number in range(1500):
            said.feed(b"RCPT TO:<%b%d@d.example>\r\n" % (b"x" * 50, number))
        self.assertIs(said.connection.standing, Standing.USUAL)
        self.assertIsNone(transactionOf(said.connection))

    def test_prompt(self) -> None:
        """
        What came by a SYN waits until its client is proven, but for clients that the
        operator lists.
        """
        for hosts, standing in (
            ([], Standing.NAMED),
            (["192.0.2.2"], Standing.NAMED),
            (["192.0.2.1"], Standing.PROMPT),
        ):
            options = CheckpointSettings(unprovenHosts=HostList.parse(hosts))
            memory = Memory()
            extension = Checkpoint(memory=memory).configured(options)
            said = talk([extension], EHLO + MAIL, answers={Recall: memory.recall})
            self.assertIs(said.connection.standing, standing)

    def test_unnamed(self) -> None:
        """Without room it is as if it had no name."""
        said = named(Memory(known=Known.UNNAMED), EHLO + MAIL)
        self.assertEqual(said.codes[-1], 250)
        self.assertIs(said.connection.standing, Standing.USUAL)

    def test_notNow(self) -> None:
        """Somebody else is sending it, or nobody can tell: not now."""
        for known in (Known.IN_PROGRESS, Known.UNSURE):
            said = named(
                Memory(known=known),
                EHLO + MAIL + RCPT + b"BDAT 5 LAST\r\n12345",
                Chunking(),
            )
            self.assertEqual(said.codes[2:], [451, 503, 503])
            self.assertEqual(said.port.taken, [])

    def test_mailRefused(self) -> None:
        """A policy may still refuse it."""
        answers = {MaySend: lambda asked: NO}
        said = named(Memory(), EHLO + MAIL, answers=answers)
        self.assertEqual(said.codes[-1], 550)
        said = named(Memory(known=cutShort()), EHLO + MAIL, answers=answers)
        self.assertEqual(said.codes[-1], 550)


class CommittedTests(SynchronousTestCase):
    """It has ended before."""

    def said(self, octets: bytes, known: Committed = ENDED, **options: Any) -> Said:
        """What a client is told; the shell knows what was said at the end."""
        self.memory = Memory(known=known)
        answers = {
            MaySend: lambda asked: NO,
            MayReceive: lambda asked: NO,
            MayDeliver: lambda asked: [NO],
            TakeMessage: self.take,
            **options.pop("answers", {}),
        }
        return named(self.memory, EHLO + octets, Chunking(), answers=answers, **options)

    def take(self, asked: TakeMessage) -> Reply | tuple[Reply, ...]:
        """As the server does it."""
        if asked.session.tellEach is None:
            return ENDED.finals[0]
        return self.memory.asked[-1].before.finalsFor(asked.envelope.recipients)  # type: ignore[union-attr]  # it has ended

    def test_nothingBehind(self) -> None:
        """Who has read the 355 sends nothing, by BDAT or DATA."""
        said = self.said(MAIL + BDAT)
        self.assertEqual(
            said.replies[-2:],
            [b"355 21 is the transaction offset for 1 recipient", b"250 2.0.0 OK id=1"],
        )
        self.assertEqual(self.said(MAIL + DATA).codes[2:], [355, 354, 250])

    def test_allAgain(self) -> None:
        """Each recipient gets its first reply; nobody is asked."""
        said = self.said(MAIL + RCPT + b"RCPT TO:<no@d.example>\r\n" + DATA)
        self.assertEqual(said.codes[2:], [355, 250, 550, 354, 250])
        asked = {type(each) for each in said.port.asked}
        self.assertFalse(asked & {MaySend, MayReceive, MayDeliver})

    def test_another(self) -> None:
        """Whom it was not for is put off, and it is forgotten."""
        said = self.said(MAIL + OTHER + RCPT)
        self.assertEqual(said.codes[2:], [355, 451, 250])
        self.assertEqual(self.memory.forgotten, self.memory.asked)

    def test_each(self) -> None:
        """A client that takes a reply for each gets those that were given."""
        said = ((b"TO:<b@d.example>", OK), (b"TO:<c@d.example>", OK))
        known = Committed(21, b"digest", said, (TAKEN, NO))
        self.memory = Memory(known=known)
        lmtp = b"LHLO c.example\r\n" + MAIL
        for more, codes in (
            (b"", [355, 354, 250, 550]),
            (OTHER, [355, 250, 354, 550]),
        ):
            heard = named(
                self.memory,
                lmtp + more + DATA,
                answers={TakeMessage: self.take},
                dialect=Dialect.LMTP,
            )
            self.assertEqual(heard.codes[2:], codes)
        heard = named(
            self.memory, lmtp, answers={TakeMessage: self.take}, dialect=Dialect.LMTP
        )
        self.assertIn(b"for 2 recipients", heard.last)
        one = Committed(21, b"digest", said, (NO,))
        self.assertEqual(one.finalsFor([]), NO)

    def test_staysBehindTheEnd(self) -> None:
        """RSET and QUIT do not forget it; a refusal is not noted once more."""
        refused = Committed(21, None, SAID, (NO,))
        answers = {TakeMessage: lambda asked: NO}
        said = self.said(MAIL + b"RSET\r\n" + MAIL + BDAT, refused, answers=answers)
        self.assertEqual(said.codes[2:], [355, 250, 355, 550])
        said.feed(MAIL + b"QUIT\r\n")
        self.assertEqual((self.memory.forgotten, self.memory.refusals), ([], []))

    def test_later(self) -> None:
        """It may take time to be recalled."""
        said = self.said(MAIL, answers={Recall: lambda asked: PENDING})
        self.assertEqual(said.answer(ENDED)[:3], b"355")


class CutShortTests(SynchronousTestCase):
    """Its message was cut short."""

    def test_goesOn(self) -> None:
        """Its recipients, its length and what its header told are as they were."""
        memory = Memory(known=cutShort())
        said = named(memory, EHLO + MAIL + b"BDAT 5 LAST\r\n12345", Chunking())
        self.assertEqual(said.codes[2:], [355, 250])
        [envelope] = said.port.taken
        self.assertEqual([each.path for each in envelope.recipients], [b"b@d.example"])
        self.assertEqual(envelope.octets, 6140)
        self.assertEqual(envelope.stamp(_NOTED), "of the header")
        self.assertEqual(memory.asked[0].said, list(SAID))

    def test_allAgain(self) -> None:
        """A RCPT drops all of that."""
        memory = Memory(known=cutShort())
        said = named(memory, EHLO + MAIL + OTHER + RCPT + DATA)
        self.assertEqual(said.codes[2:], [355, 250, 250, 354, 250])
        [envelope] = said.port.taken
        self.assertEqual((len(envelope.recipients), envelope.octets), (2, 0))
        self.assertIsNone(envelope.stamp(_NOTED))
        self.assertEqual(memory.forgotten, memory.asked)

    def test_givenUp(self) -> None:
        """RSET and QUIT drop it too."""
        for verb in (b"RSET\r\n", b"QUIT\r\n"):
            memory = Memory(known=cutShort())
            named(memory, EHLO + MAIL + verb)
            self.assertEqual(memory.forgotten, memory.asked)

    def test_noRoom(self) -> None:
        """Where there is no room for the rest, it is as ever."""
        answers = {OpenBody: lambda asked: LATER}
        said = named(
            Memory(known=cutShort()), EHLO + MAIL + b"DATA\r\n", answers=answers
        )
        self.assertEqual(said.codes[2:], [355, 451])


class RefusedTests(SynchronousTestCase):
    """It is refused behind its message."""

    def refusals(self, final: Reply, **options: Any) -> list[tuple[Reply, ...]]:
        """What is noted."""
        memory = Memory()
        hello = b"LHLO c.example\r\n" if options else EHLO
        octets = hello + MAIL + RCPT + OTHER + DATA
        answers = {TakeMessage: lambda asked: final}
        named(memory, octets, answers=answers, **options)
        return [finals for _, finals in memory.refusals]

    def test_forGood(self) -> None:
        """For good: noted, also for each."""
        self.assertEqual(self.refusals(NO), [(NO,)])
        self.assertEqual(self.refusals(LATER), [])

    def test_nameless(self) -> None:
        """Without a name, there is nothing to note."""
        memory = Memory(known=Known.UNNAMED)
        answers = {TakeMessage: lambda asked: NO}
        named(memory, EHLO + MAIL + RCPT + DATA, answers=answers)
        self.assertEqual(memory.refusals, [])

    def test_ofEach(self) -> None:
        """All of them are refused at once."""
        found = self.refusals(NO, dialect=Dialect.LMTP)
        self.assertEqual(found, [(NO, NO)])


class ClientTests(SynchronousTestCase):
    """Who a client is."""

    def of(self, peer: bytes = b"192.0.2.1", **facts: Any) -> bytes:
        """Of a session from there."""
        session = talk([], EHLO, peer=peer).connection
        for name, value in facts.items():
            setattr(session, name, value)
        seen: IServerSession = session
        return clientOf(seen)

    def test_who(self) -> None:
        """Who logged in, else a verified certificate, else the address."""
        good = TLSInfo(verified=True, subject="CN=a")
        self.assertEqual(self.of(identity=b"ann", secured=good), b"user ann")
        self.assertEqual(self.of(secured=good), b"certificate CN=a")
        plain = self.of()
        self.assertEqual(self.of(secured=TLSInfo(subject="CN=a")), plain)
        self.assertEqual(self.of(secured=TLSInfo(verified=True)), plain)
        self.assertNotEqual(self.of(b"192.0.2.2"), plain)

    def test_nobodysCertificate(self) -> None:
        """
        A certificate whose names are all behind its subject, which is empty then (RFC
        5280 section 4.2.1.6), tells nobody from others that have such a one.
        """
        empty = TLSInfo(verified=True, subject="")
        self.assertEqual(self.of(secured=empty), self.of())

    def test_network(self) -> None:
        """Of IPv6, 64 bits."""
        self.assertEqual(self.of(b"2001:db8::1"), self.of(b"2001:db8::ffff:1"))
        self.assertNotEqual(self.of(b"2001:db8::1"), self.of(b"2001:db8:0:1::1"))

    def test_elsewhere(self) -> None:
        """Where there is no address, it is whatever there is."""
        self.assertEqual(self.of(b""), b"other ")

    def test_key(self) -> None:
        """What stands for it is short."""
        self.assertEqual(len(clientKey(talk([], EHLO).connection)), 16)
