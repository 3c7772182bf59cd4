"""
Tests for L{smtpx.core.ordinary}: what is done in a straight line is what the machine
does without it.
"""

from __future__ import annotations

import re
from itertools import cycle
from typing import Any

from attrs import define
from hypothesis import example, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from smtpx.core.bounds import BareLines, Bounds
from smtpx.core.effects import (
    PENDING,
    IDirectPort,
    MayReceive,
    MaySend,
    OpenBody,
    Pending,
    TakeMessage,
)
from smtpx.core.envelope import Envelope, Recipient, Stamp
from smtpx.core.grammar import token
from smtpx.core.hooks import Dialect, Parameter, Stage, Where
from smtpx.core.interfaces import IExtension, IServerBuilder, IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import OK, Reply, reply
from smtpx.core.server import ServerConnection
from smtpx.extensions.standard import standard
from smtpx.testing.server import ScriptedPort

from .made import MadeServer

SAID = Stamp[bool]("x-said", None, lambda text: True)
NO = reply(550, "5.7.1", b"No")
BETTER = reply(251, "2.1.5", b"Better")
#: An envelope gets a stamp as somebody is asked.
STAMPED = object()
LATER = reply(451, "4.3.0", b"Later")
HELLO = b"EHLO c.example\r\n"


class Plodding(ServerConnection):
    """A connection that takes each step."""

    ordinary = False


@implementer(IDirectPort)
class DirectPort(ScriptedPort):
    """A port that is asked directly, and does the same."""

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        return self.ask(MaySend(session, envelope))

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        return self.ask(MayReceive(session, envelope, recipient))

    def openBody(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Pending:
        """See L{IDirectPort}."""
        return self.ask(OpenBody(session, envelope))

    def takeMessage(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | tuple[Reply, ...] | Pending:
        """See L{IDirectPort}."""
        return self.ask(TakeMessage(session, envelope))


def _note(session: IServerSession, bearer: Any, value: bytes) -> None:
    bearer.stamps[SAID] = True


SAYING = Parameter[bytes](
    b"XSAID", Where.MAIL, token(b"YES"), _note, lambda session, bearer: None
)


def added(what: str, isPlain: bool) -> IExtension:
    """
    An extension that has something to say.

    @param what: of which command, and how.
    @param isPlain: only where a client has said a parameter?
    """
    of = (SAID,) if isPlain else ()

    def objects(session: IServerSession) -> bool:
        envelope = session.envelope
        return not isPlain or (envelope is not None and SAID in envelope.borne())

    def check(session: IServerSession, *rest: object) -> Reply | None:
        return NO if objects(session) else None

    def wrap(session: IServerSession, rest: bytes, run: Any) -> Any:
        return LATER if objects(session) else run(session, rest)

    def extend(server: IServerBuilder) -> None:
        how, verb = what.split()
        name = verb.encode("ascii")
        server.parameter(SAYING)
        if how == "review":
            server.review(Stage[verb], check, of=of)
        elif how == "gate":
            server.gate(check, name, of=of)
        elif how == "wrap":
            server.wrap(name, wrap, of=of)

    return MadeServer(extend)


@define
class World:
    """
    What a client meets.

    @ivar adds: what an extension of ours adds to which command; empty: there is none.
    @ivar isPlain: only to some envelopes?
    @ivar answers: what questions are answered, one after the other.
    @ivar isDirect: is the port asked directly?
    @ivar isExtended: are there our own extensions?
    """

    adds: str
    isPlain: bool
    answers: list[object]
    bounds: Bounds
    dialect: Dialect
    isDirect: bool
    isExtended: bool

    def play(self, kind: type[ServerConnection], flights: list[bytes]) -> list[object]:
        """All that becomes of what a client says."""
        left = cycle(self.answers)

        def answer(question: Any) -> object:
            found = next(left)
            if isinstance(found, Exception):
                raise found
            if found is STAMPED:
                question.envelope.stamps[SAID] = True
                return None
            return found

        def take(question: object) -> object:
            found = answer(question)
            return OK if found is None or found is BETTER else found

        kinds = dict.fromkeys((MaySend, MayReceive, OpenBody), answer)
        asking: dict[Any, Any] = {**kinds, TakeMessage: take}
        extensions = list(standard()) if self.isExtended else []
        if self.adds:
            extensions.append(added(self.adds, self.isPlain))
        profile = ServerProfile(
            clock=lambda: 1000.0, bounds=self.bounds, dialect=self.dialect
        ).load(extensions)
        port = (DirectPort if self.isDirect else ScriptedPort)(asking)
        connection = kind(profile, port, b"192.0.2.1", 40000)
        if isinstance(port, DirectPort):
            connection.direct = port
        told: list[object] = [connection.start()]
        hello = HELLO.replace(b"EHLO", self.dialect.value)
        for octets in [hello, *flights]:
            told.append(connection.feed(octets))
            told += _facts(connection)
            while not connection.closed and not connection.idle:
                told.append(connection.answer(_later(port)))
                told += _facts(connection)
        told += [
            [type(each).__name__ for each in port.asked],
            port.bodies,
            port.dropped,
            port.refusals,
            [(owner, str(error)) for owner, error in port.troubles],
        ]
        return told


def _later(port: ScriptedPort) -> Reply | None:
    """The answer that comes later."""
    return OK if isinstance(port.asked[-1], TakeMessage) else None


def _shown(value: object) -> object:
    """What can be compared."""
    if isinstance(value, Envelope):
        bodies = [(each.path, dict(each.stamps._values)) for each in value.recipients]
        stamps = dict(value.stamps._values)
        return value.sender, value.arrived, value.octets, stamps, bodies
    return value


#: What is there for the connection's own sake, or is compared otherwise.
_OWN = {"port", "profile", "direct", "plain", "_buffer", "_dialogue", "_then", "_id"}
_OWN |= {"_reader", "_stamps", "_header", "_meter"}


def _facts(connection: ServerConnection) -> list[object]:
    """All that a connection knows."""
    found: list[object] = []
    for kind in type(connection).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if name not in _OWN:
                found.append((name, _shown(getattr(connection, name))))
    buffer = connection._buffer
    found.append(buffer.data[buffer.position :])
    found.append((connection._dialogue is None, connection._then is None))
    return found


MAILS = [
    b"MAIL FROM:<a@b.example>\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM:<a.b+c@d-e.example> SIZE=100 BODY=8BITMIME\r\n",
    b"MAIL FROM:<a@b.example> XSAID=YES\r\n",
    b"MAIL FROM:<a@b.example> NOSUCH\r\n",
    b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n",
    b"mail from:<a@b.example>\r\n",
    b"MAIL FROM: <a@b.example>\r\n",
    b"MAIL FROM:<a..b@c.example>\r\n",
    b"MAIL FROM:<a@b_c.example> \r\n",
    b'MAIL FROM:<"a b"@c.example>\r\n',
    b"MAIL FROM:<" + b"a" * 70 + b"@b.example>\r\n",
    b"MAIL FROM:<a@b.example> " + b"X" * 600 + b"\r\n",
]
RCPTS = [
    b"RCPT TO:<c@d.example>\r\n",
    b"RCPT TO:<e.f@[192.0.2.1]>\r\n",
    b"RCPT TO:<c@d.example> NOTIFY=NEVER\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"RCPT TO:<c@-d.example>\r\n",
    b"RCPT TO:<c@d.example>x\r\n",
    b"RCPT TO:<c\0@d.example>\r\n",
    b"RCPT TO:<c@d.example>\n\r\n",
    b"rcpt to:<c@d.example>\r\n",
    b"RCPT TO:<" + b"c" * 60 + b"@" + b"d" * 60 + b".example>\r\n",
    b"RCPT TO:<\xc3\xa4@d.example>\r\n",
]
DATAS = [b"DATA\r\n", b"data\r\n", b"DATA \r\n", b"DATA x\r\n"]
BODIES = [
    b"Subject: x\r\n\r\nhello\r\n.\r\n",
    b".\r\n",
    b"..\r\n.\r\n",
    b"x\r\n..y\r\n.\r\n",
    b"x\r\n.\r\nMAIL FROM:<a@b.example>\r\n",
    b"x\ny\r\n.\r\n",
    b"\r\n.\r\n",
    b"x" * 300 + b"\r\n.\r\n",
    b"x\r\n",
    b"BDAT 3 LAST\r\nabc",
    b"BDAT 3\r\nabc",
]
OTHERS = [b"RSET\r\n", b"NOOP\r\n", HELLO, b"QUIT\r\n", b"XYZ\r\n", b"HELO x\r\n", b""]

#: An ordinary transaction, in as few as there can be.
FLIGHTS = [MAILS[0] + RCPTS[0] + DATAS[0], BODIES[0]]

#: The first of a list more often than all others.
PIECES = [st.sampled_from([each[0]] * 9 + each) for each in (MAILS, RCPTS, DATAS)]


@st.composite
def transactions(draw: st.DrawFn) -> list[bytes]:
    """What a client sends, in flights that are cut anywhere."""
    mail, rcpt, data = PIECES
    whole: list[bytes] = []
    for _ in range(draw(st.integers(1, 3))):
        part = [draw(mail), *draw(st.lists(rcpt, max_size=4)), draw(data)]
        body = draw(st.sampled_from([BODIES[0]] * 6 + BODIES))
        if draw(st.integers(0, 5)) == 0:
            place = draw(st.integers(0, len(part)))
            part.insert(place, draw(st.sampled_from(OTHERS)))
        how = draw(st.integers(0, 3))
        if how == 0:
            whole += [*part, body]
        elif how == 1:
            whole += [b"".join(part), body]
        else:
            octets = b"".join([*part, body])
            cuts = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=3)))
            ends = [0, *cuts, len(octets)]
            whole += [octets[a:b] for a, b in zip(ends, ends[1:], strict=False)]
    return whole


ODD = [NO, BETTER, LATER, PENDING, STAMPED, ValueError("odd")]
ANSWERS = st.lists(st.sampled_from([None] * 8 + ODD), min_size=1, max_size=6)
BOUNDS = st.sampled_from(
    [Bounds()] * 4
    + [
        Bounds(commandOctets=30),
        Bounds(recipientsMax=2),
        Bounds(transactionsMax=1),
        Bounds(errorsMax=1, refusalsMax=1, putOffMax=1),
        Bounds(messageOctets=20, textLineOctets=100),
        Bounds(bareLines=BareLines.NORMALISE, idleCommandsMax=1),
    ]
)
HOWS = ("review", "gate", "wrap")
ADDS = st.sampled_from(
    [""] * 6 + [f"{how} {verb}" for how in HOWS for verb in ("MAIL", "RCPT", "DATA")]
)
WORLDS = st.builds(
    World,
    ADDS,
    st.booleans(),
    ANSWERS,
    BOUNDS,
    st.sampled_from([Dialect.SMTP] * 5 + [Dialect.LMTP]),
    st.booleans(),
    st.sampled_from([True] * 4 + [False]),
)


def worldOf(
    *answers: object,
    adds: str = "",
    isExtended: bool = True,
    bounds: Bounds = Bounds(),  # noqa: B008  # it is frozen
) -> World:
    """A world in which answers come in this order."""
    return World(
        adds, bool(adds), list(answers), bounds, Dialect.SMTP, True, isExtended
    )


class SameTests(SynchronousTestCase):
    """
    A straight line and each step come to the same.
    """

    @settings(max_examples=300, deadline=None)
    @given(WORLDS, transactions())
    @example(worldOf(None, isExtended=False), [MAILS[0], RCPTS[0] * 2, DATAS[0]])
    @example(worldOf(None, STAMPED, adds="gate DATA"), FLIGHTS)
    @example(worldOf(None, None, PENDING), FLIGHTS)
    @example(worldOf(None, ValueError("odd")), FLIGHTS)
    @example(worldOf(ValueError("odd")), FLIGHTS)
    @example(worldOf(None, NO), FLIGHTS)
    @example(worldOf(None), [MAILS[0], RCPTS[9], RCPTS[0], DATAS[0], BODIES[3]])
    @example(worldOf(None), [MAILS[0] + OTHERS[1] + MAILS[0], MAILS[0], b""])
    @example(worldOf(None), [MAILS[0] + RCPTS[0], b"BDAT 3 LAST\r\na", b"bc"])
    @example(worldOf(None), [MAILS[0], RCPTS[0] * 2 + DATAS[0], BODIES[0]])
    @example(worldOf(None), [MAILS[0] + RCPTS[0], b"BDAT 3\r\nabc", RCPTS[0], DATAS[0]])
    @example(worldOf(None), [b"X" * 5000, MAILS[0], MAILS[0]])
    @example(worldOf(None, bounds=Bounds(recipientsMax=2)), [MAILS[0] + RCPTS[0] * 4])
    @example(worldOf(None), [MAILS[3], RCPTS[0], MAILS[11], MAILS[4]])
    def test_same(self, world: World, flights: list[bytes]) -> None:
        """
        Whatever a client says, and however it is cut: what is said and asked is the
        same, and so is what the connection knows then.
        """
        straight = world.play(ServerConnection, flights)
        self.assertEqual(straight, world.play(Plodding, flights))


class StraightTests(SynchronousTestCase):
    """
    What is done in a straight line.
    """

    def test_whole(self) -> None:
        """
        An ordinary transaction needs none of the machine's steps, be it said line by
        line or in one flight.
        """
        steps: list[str] = []

        class Watched(ServerConnection):
            """A connection whose steps are seen."""

            def _run(self) -> None:
                steps.append("run")
                super()._run()

        lines = [MAILS[0], RCPTS[0], RCPTS[0], DATAS[0]]
        for flights in ([*lines, BODIES[0]], [b"".join(lines), BODIES[0]]):
            profile = ServerProfile(clock=lambda: 1.0).load(standard())
            port = ScriptedPort()
            connection = Watched(profile, port)
            connection.start()
            connection.feed(HELLO)
            steps.clear()
            said = b"".join(map(connection.feed, flights))
            self.assertEqual(re.findall(rb"(?m)^\d+", said)[-2:], [b"354", b"250"])
            self.assertEqual(len(port.taken[0].recipients), 2)
            self.assertEqual(steps, [])
