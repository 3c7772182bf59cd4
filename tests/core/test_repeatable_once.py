"""
Whatever becomes of connections, a message that its peer knows again is there once, and
whole: a client that is L{smtpx.core.client} and a peer that remembers, on lines that
are cut at any octet.
"""

from __future__ import annotations

from attrs import define, field
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import Scope
from smtpx.testing.client import OctetsBody, ScriptedPeer, client

from .peers import envelope
from .test_repeatable import carrying, grouped, naming

BODY = b"one\r\n..two\r\n.\r\nthree, four\r\n"
PATHS = (b"b@mx.example", b"c@mx.example")


@define(eq=False)
class Memory:
    """
    What a peer remembers.

    @ivar stored: the messages that it has taken, with their recipients.
    @ivar taken: those of them that had a name, by name.
    @ivar cut: beginnings of messages, and their recipients, by name.
    @ivar tells: does it say how many recipients it has?
    """

    tells: bool
    stored: list[tuple[bytes, tuple[bytes, ...]]] = field(factory=list)
    taken: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = field(factory=dict)
    cut: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = field(factory=dict)


@define(eq=False)
class Session:
    """
    A connection to such a peer.

    @ivar memory: what it remembers.
    """

    memory: Memory
    _input: bytes = b""
    _name: bytes = b""
    _recipients: list[bytes] = field(factory=list)
    _body: bytes = b""
    _said: bool = False
    _inDATA: bool = False
    _chunk: int | None = None

    def feed(self, octets: bytes) -> bytes:
        """What is answered to what a client says."""
        self._input += octets
        out = b""
        while True:
            if self._chunk is not None:
                piece = self._input[: self._chunk]
                self._input = self._input[len(piece) :]
                self._body += piece
                self._chunk -= len(piece)
                if self._chunk:
                    return out
                self._chunk = None
                out += self._end()
                continue
            line, end, rest = self._input.partition(b"\r\n")
            if not end:
                return out
            self._input = rest
            out += self._line(line)

    def _line(self, line: bytes) -> bytes:
        if self._inDATA:
            if line == b".":
                self._inDATA = False
                return self._end()
            self._body += line.removeprefix(b".") + b"\r\n"
            return b""
        verb, _, rest = line.partition(b" ")
        if verb == b"MAIL":
            return self._mail(rest.partition(b" NAME=")[2])
        if verb == b"RCPT":
            if not self._said:
                # All of it comes again.
                self._said, self._recipients, self._body = True, [], b""
                self.memory.cut.pop(self._name, None)
            self._recipients.append(rest[4:-1])
        if verb == b"DATA":
            self._inDATA = True
            return b"354 go\r\n"
        if verb == b"CHUNK":
            self._chunk = int(rest)
            return b""
        return b"250 ok\r\n"

    def _mail(self, name: bytes) -> bytes:
        self._name, self._recipients, self._body = name, [], b""
        self._said = False
        known = self.memory.taken.get(name) or self.memory.cut.get(name)
        if known is None:
            return b"250 ok\r\n"
        body, recipients = known
        if name not in self.memory.taken:
            self._body, self._recipients = body, list(recipients)
        told = b" of %d" % len(recipients) if self.memory.tells else b""
        return b"355 %d%b\r\n" % (len(body), told)

    def _end(self) -> bytes:
        name, memory = self._name, self.memory
        whole = self._body, tuple(self._recipients)
        self._name = b""
        if name not in memory.taken:
            memory.stored.append(whole)
            if name:
                memory.taken[name] = whole
                memory.cut.pop(name, None)
        return b"250 taken\r\n"

    def lost(self) -> None:
        """The connection is gone: what there is of a message is kept."""
        name, whole = self._name, self._body.rfind(b"\r\n") + 2
        if name and self._body and name not in self.memory.taken:
            if whole > 1:
                kept = self._body[:whole], tuple(self._recipients)
                self.memory.cut[name] = kept


class OnceTests(SynchronousTestCase):
    """However often it takes."""

    @settings(max_examples=100)
    @given(
        st.lists(st.tuples(st.integers(0, 260), st.integers(0, 160)), max_size=6),
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
    def test_once(
        self,
        cuts: list[tuple[int, int]],
        recipients: int,
        asks: bool,
        carries: bool,
        groups: bool,
        tells: bool,
    ) -> None:
        """It is there once, whole, for all, and the client knows."""
        memory = Memory(tells)
        extensions = [naming(asks), grouped(), *([carrying()] if carries else [])]
        words = b"250-mx.example\r\n250-NAMES\r\n250 GROUPS\r\n"
        if not groups:
            words = b"250-mx.example\r\n250 NAMES\r\n"
        for most, least in (*cuts, (10_000, 10_000)):
            peer = ScriptedPeer(client(extensions))
            peer.start()
            peer.say(b"220 mx.example\r\n")
            peer.say(words)
            said = peer.deliver(envelope(*PATHS[:recipients]), OctetsBody(BODY, 7))
            self.converse(peer, Session(memory), said, most, least)
            (settled,) = peer.settled
            if all(not reply.refuses for _, reply in settled.outcomes):
                break
            self.assertIn(settled.scope, (Scope.HOST, Scope.MESSAGE))
        self.assertEqual(memory.stored, [(BODY, PATHS[:recipients])])
        self.assertEqual(
            [reply.code for _, reply in settled.outcomes], [250] * recipients
        )

    def converse(
        self, peer: ScriptedPeer, session: Session, said: bytes, most: int, least: int
    ) -> None:
        """
        Go on until it is settled, or the line is cut.

        @param said: what the client has said.
        @param most: how many octets of the client come through.
        @param least: how many of the server do.
        """
        while not peer.settled:
            heard, most = said[:most], most - len(said)
            answered = session.feed(heard)
            if most < 0 or len(answered) > least:
                peer.say(answered[:least])
                break
            least -= len(answered)
            said = peer.say(answered)
        if not peer.settled:
            session.lost()
            peer.lost()
