"""
Tests for L{smtpx.core.server} with dialogues that nobody wrote.

There are two kinds.  L{ConversationTests} lets a client say things that make
sense or do not, in flights that are cut anywhere, to a world that answers at once
or later; a model of a few lines knows what each reply has to be, and which
messages there are in the end.  L{AnythingTests} throws pieces of dialogues and
noise at the server, and counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle

from attrs import define, field, frozen
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.bounds import Bounds
from smtpx.core.effects import (
    PENDING,
    MayReceive,
    MaySend,
    OpenBody,
    TakeMessage,
    Waiting,
)
from smtpx.core.reply import Reply, reply
from smtpx.extensions.standard import standard
from smtpx.testing.server import Answers, Said, talk

HELLO = b"EHLO c.example\r\n"
PATIENT = Bounds(errorsMax=9999, refusalsMax=9999, idleCommandsMax=9999)

#: What the world answers to a question about a body, by code.
ANSWERS: dict[int, Reply | None] = {
    354: None,
    250: reply(250, "2.0.0", b"Taken"),
    451: reply(451, "4.3.0", b"Later"),
    452: reply(452, "4.3.1", b"Full"),
}
NO = reply(550, "5.7.1", b"No")

#: What is no command, whatever comes before it.
NO_COMMANDS = (b"NOOP \0\r\n", b"NOOP " * 999 + b"\r\n", b"NOOP\nMAIL FROM:<>\r\n")


@frozen
class Move:
    """
    One thing that a client does.

    @ivar name: which; a method of L{Client}, behind an underscore.
    @ivar good: does the world like it?
    @ivar taken: does it take the message that this ends?
    @ivar body: what is sent, if it sends something.
    @ivar last: of a chunk: is it the last?
    @ivar line: of what is no command: the line.
    """

    name: str
    good: bool = True
    taken: bool = True
    body: bytes = b""
    last: bool = False
    line: bytes = b""


USUALLY = st.sampled_from([True, True, True, False])
LINE = st.one_of(
    st.sampled_from([b"", b".", b"..", b".x", b"x.", b"QUIT"]),
    st.binary(max_size=12).map(lambda line: re.sub(rb"[\r\n]", b"_", line)),
)
TEXT = st.lists(LINE.map(lambda line: line + b"\r\n"), max_size=4).map(b"".join)
CHUNK = st.one_of(
    st.sampled_from([b"", b"\r\n.\r\n", b".\r\n", b"QUIT\r\n", b"BDAT 9\r\n", b"\r"]),
    st.binary(max_size=24),
)
MOVES = st.one_of(
    st.builds(Move, st.just("mail"), USUALLY),
    st.builds(Move, st.just("rcpt"), USUALLY),
    st.builds(Move, st.just("data"), USUALLY, USUALLY, TEXT),
    st.builds(Move, st.just("bdat"), USUALLY, USUALLY, CHUNK, st.booleans()),
    st.builds(Move, st.sampled_from(["ehlo", "rset", "noop", "vrfy", "unknown"])),
    st.builds(Move, st.just("noCommand"), line=st.sampled_from(NO_COMMANDS)),
)
BEGINNING = [Move("rset"), Move("mail"), Move("rcpt")]
PIECE = st.builds(Move, st.just("bdat"), st.just(True), st.just(True), CHUNK)
CHUNKS = st.lists(st.one_of(PIECE, PIECE, MOVES), max_size=3)
ENDING = st.one_of(
    st.builds(Move, st.just("data"), USUALLY, USUALLY, TEXT),
    st.builds(Move, st.just("bdat"), USUALLY, USUALLY, CHUNK, st.just(True)),
)
#: What makes a message, so that there is one now and then.
MESSAGES = st.builds(lambda chunks, end: [*BEGINNING, *chunks, end], CHUNKS, ENDING)
CONVERSATIONS = st.lists(
    st.one_of(MOVES.map(lambda move: [move]), MESSAGES), max_size=8
).map(lambda parts: [move for part in parts for move in part])
ENDS = st.sampled_from([None, Move("quit"), Move("noSize")])


@define
class Client:
    """
    A client, and what it expects of the server.

    @ivar flights: what it says; it waits for all replies before the next.
    @ivar codes: what it expects in reply to each.
    @ivar openings: how the world answers when a body begins, in order.
    @ivar endings: how it answers when one has ended.
    @ivar bodies: the messages that are handed over, in order.
    @ivar dropped: how many bodies are begun and given up.
    @ivar over: has it said something that ends the connection?
    """

    flights: list[bytes] = field(factory=lambda: [b""])
    codes: list[list[int]] = field(factory=lambda: [[]])
    openings: list[int] = field(factory=list)
    endings: list[int] = field(factory=list)
    bodies: list[bytes] = field(factory=list)
    dropped: int = 0
    over: bool = False
    mailed: bool = False
    recipients: int = 0
    begun: bytes | None = None
    carried: bool = False

    def does(self, move: Move) -> None:
        """One thing more."""
        getattr(self, "_" + move.name)(move)

    def leaves(self) -> None:
        """No more."""
        self._reset()

    def _say(self, octets: bytes, code: int) -> None:
        self.flights[-1] += octets
        self.codes[-1].append(code)

    def _wait(self) -> None:
        self.flights.append(b"")
        self.codes.append([])

    def _reset(self) -> None:
        if self.begun is not None:
            self.dropped += 1
        self.mailed, self.recipients, self.begun = False, 0, None

    def _outside(self) -> bool:
        """Is it allowed here?  Between two chunks hardly anything is."""
        if self.begun is None:
            return True
        self._reset()
        return False

    def _ehlo(self, move: Move) -> None:
        self._say(HELLO, 250 if self._outside() else 503)
        self._reset()
        if self.carried:
            # Only before the first message may there be something behind it.
            self._wait()

    def _mail(self, move: Move) -> None:
        good = move.good
        code = 503
        if self._outside() and not self.mailed:
            code = 250 if good else 550
            self.mailed = good
        self._say(b"MAIL FROM:<%b@b.example>\r\n" % (b"a" if good else b"no"), code)

    def _rcpt(self, move: Move) -> None:
        good = move.good
        code = 503
        if self._outside() and self.mailed:
            code = 250 if good else 550
            self.recipients += good
        self._say(b"RCPT TO:<%b@d.example>\r\n" % (b"c" if good else b"no"), code)

    def _open(self, move: Move) -> int:
        """A body is to begin: what is the answer?"""
        if not self.mailed:
            return 503
        if not self.recipients:
            return 554
        self.openings.append(354 if move.good else 452)
        return self.openings[-1]

    def _end(self, move: Move, body: bytes) -> int:
        """A body has ended: what is the answer?"""
        self.begun = None
        self._reset()
        self.bodies.append(body)
        self.endings.append(250 if move.taken else 451)
        return self.endings[-1]

    def _data(self, move: Move) -> None:
        code = 503
        if self._outside():
            self.carried = True
            code = self._open(move)
        self._say(b"DATA\r\n", code)
        self._wait()
        if code == 354:
            stuffed = re.sub(rb"(?m)^\.", b"..", move.body)
            self._say(stuffed + b".\r\n", self._end(move, move.body))

    def _bdat(self, move: Move) -> None:
        if self.begun is None:
            self.carried = self.carried or self.mailed
            code = self._open(move)
            self.begun = b"" if code == 354 else None
        if self.begun is None:
            self._reset()
        else:
            self.begun += move.body
            code = self._end(move, self.begun) if move.last else 250
        last = b" LAST" if move.last else b""
        self._say(b"BDAT %d%b\r\n%b" % (len(move.body), last, move.body), code)

    def _rset(self, move: Move) -> None:
        self._reset()
        self._say(b"RSET\r\n", 250)

    def _noop(self, move: Move) -> None:
        self._say(b"noop x\r\n", 250)

    def _vrfy(self, move: Move) -> None:
        self._say(b"VRFY c\r\n", 252 if self._outside() else 503)

    def _unknown(self, move: Move) -> None:
        self._say(b"FOO\r\n", 500 if self._outside() else 503)

    def _noCommand(self, move: Move) -> None:
        self._say(move.line, 500)

    def _quit(self, move: Move) -> None:
        self._say(b"QUIT\r\n", 221)
        self.over = True

    def _noSize(self, move: Move) -> None:
        self._say(b"BDAT x\r\n", 501)
        self.over = True


@define
class World:
    """
    What answers as a client expects, at once or later.

    @ivar later: whether each answer comes later.
    @ivar owed: the answers that are still to come; never more than one.
    """

    client: Client
    later: Iterator[bool]
    owed: list[Reply | None] = field(factory=list)

    def answers(self) -> Answers:
        """For L{talk}."""
        openings = iter(self.client.openings)
        endings = iter(self.client.endings)
        return {
            MaySend: lambda asked: self.answer(
                NO if asked.envelope.sender.startswith(b"no@") else None
            ),
            MayReceive: lambda asked: self.answer(
                NO if asked.recipient.path.startswith(b"no@") else None
            ),
            OpenBody: lambda asked: self.answer(ANSWERS[next(openings)]),
            TakeMessage: lambda asked: self.answer(ANSWERS[next(endings)]),
        }

    def answer(self, value: Reply | None) -> object:
        """It, or a promise of it."""
        if not next(self.later):
            return value
        self.owed.append(value)
        return PENDING

    def settle(self, said: Said) -> None:
        """Give all answers that are owed."""
        while self.owed:
            said.answer(self.owed.pop())


def cut(octets: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    """C{octets} in pieces of C{sizes}."""
    while octets:
        size = next(sizes)
        yield octets[:size]
        octets = octets[size:]


class ConversationTests(SynchronousTestCase):
    """
    Each command has the reply it is to have, in order, and each message is what
    was sent.
    """

    @given(
        CONVERSATIONS,
        ENDS,
        st.lists(st.one_of(st.integers(1, 5), st.integers(1, 400)), min_size=1),
        st.lists(st.booleans(), min_size=1, max_size=7),
        st.lists(st.booleans(), min_size=1, max_size=5),
    )
    @settings(max_examples=100, deadline=None)
    def test_asTheModelHasIt(
        self,
        moves: list[Move],
        end: Move | None,
        sizes: list[int],
        later: list[bool],
        prompt: list[bool],
    ) -> None:
        """
        However the octets arrive, and however long the world takes.
        """
        client = Client()
        for move in moves if end is None else [*moves, end]:
            client.does(move)
        world = World(client, cycle(later))
        said = talk(standard(), HELLO, answers=world.answers(), bounds=PATIENT)
        prompts, pieces = cycle(prompt), cycle(sizes)
        for flight, codes in zip(client.flights, client.codes, strict=True):
            before = len(said.codes)
            for piece in cut(flight, pieces):
                said.feed(piece)
                if next(prompts):
                    world.settle(said)
            world.settle(said)
            self.assertEqual(said.codes[before:], codes, flight)
        self.assertEqual(said.connection.closed, client.over)
        said.connection.lost()
        client.leaves()
        self.assertEqual(said.feed(HELLO), b"")
        port = said.port
        self.assertEqual(port.troubles, [])
        self.assertEqual(port.bodies, client.bodies)
        self.assertEqual([e.octets for e in port.taken], list(map(len, client.bodies)))
        self.assertEqual(port.dropped, client.dropped)


#: Pieces of dialogues, good and bad.
WORDS = st.sampled_from(
    [
        HELLO,
        b"HELO c.example\r\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"MAIL FROM:<> BODY=8BITMIME SIZE=10\r\n",
        b"RCPT TO:<c@d.example> NOTIFY=NEVER\r\n",
        b"RCPT TO:<postmaster>\r\n",
        b"DATA\r\n",
        b"x: y\r\n\r\nbody\r\n.\r\n",
        b".\r\n",
        b"BDAT 4\r\nabcd",
        b"BDAT 3 LAST\r\n\r\n.",
        b"BDAT 99999999999\r\n",
        b"BDAT x\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"VRFY a\r\n",
        b"STARTTLS\r\n",
        b"AUTH PLAIN\r\n",
        b"*\r\n",
        b"QUIT\r\n",
        b"\r\n",
        b"\n",
        b"\x00\r",
        b"garbage",
    ]
)

#: RFC 5321 section 4.2, with the codes that a server has.
REPLY_LINE = re.compile(rb"[2-5][0-9]{2}[ -][\t -~]*\Z")


class AnythingTests(SynchronousTestCase):
    """
    Whatever comes, each input gets a reply or the end.
    """

    @given(st.lists(st.one_of(WORDS, st.binary(max_size=20)), max_size=25))
    @settings(max_examples=100, deadline=None)
    def test_neverAnException(self, flights: list[bytes]) -> None:
        """
        No input is trouble; each command has its reply as soon as it is whole;
        what is held does not grow; and behind the end nothing is said.
        """
        said = talk(standard(), tlsReady=True)
        connection = said.connection
        for flight in flights:
            over = connection.closed
            out = said.feed(flight)
            if said.port.handshakes:
                said.port.handshakes.clear()
                self.assertEqual(said.secure(), b"")
            if over:
                self.assertEqual(out, b"")
            elif not connection.closed:
                self.assertAnswered(said)
            self.assertLessEqual(connection.held, len(flight) + 4096)
        for line in said.replies:
            self.assertRegex(line, REPLY_LINE)
        self.assertEqual(said.port.troubles, [])
        for envelope, body in zip(said.port.taken, said.port.bodies, strict=True):
            self.assertEqual(envelope.octets, len(body))
        connection.lost()

    def assertAnswered(self, said: Said) -> None:
        """
        There are as many replies as there is reason for: the greeting, one for
        each command but a chunk that is not whole, one for each line that was
        none, and one more for each body by DATA that has ended.
        """
        connection, codes = said.connection, said.codes
        wanted = 1 + connection.progress + codes.count(354)
        wanted += said.octets.count(b"\r\n500 5.5.2 Invalid character")
        if connection.waiting is Waiting.BODY:
            wanted -= 1
        self.assertEqual(len(codes), wanted, said.replies)
