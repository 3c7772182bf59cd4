"""
Milters in a server: who asks them, and when.

C{connect}, C{mail} and C{rcpt} are asked by a policy, L{MilterPolicy}, behind all
others: whom the server's own policy or a rule refuses, no milter is asked of, so that
none can make an open relay.  What milters are told besides is seen by two extensions:
L{MilterCommands} stands around commands, farther out than what it must not get ahead
of, and L{MilterReviews} is asked when the message is about to come.  The message itself
goes through L{smtpx.policy.milter.receiving}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ...core.address import forwardPath, heloName, reversePath
from ...core.dialogue import Answered, ServerDialogue, Verdict, ask
from ...core.envelope import Envelope, Recipient
from ...core.errors import Malformed
from ...core.hooks import Run, Stage
from ...core.interfaces import IServerBuilder, IServerExtension, IServerSession
from ...core.reply import Reply
from ...core.standing import Standing
from ...core.trace import LOCAL
from ...net.interfaces import IPolicy
from ..rules.house import Awaits, goOn
from .bench import BENCH, Bench, benchOf
from .milter import Milter
from .seat import Tell, unheard

#: Which milters a client is for, in their order.
Choose = Callable[[IServerSession], Sequence[Milter]]


@implementer(IPolicy)
class MilterPolicy:
    """
    Asks milters what policies are asked.
    """

    def __init__(self, choose: Choose, tell: Tell = unheard) -> None:
        """
        @param choose: which milters are asked of a client.
        @param tell: told of what they do.
        """
        self._choose = choose
        self._tell = tell

    def mayConnect(
        self, session: IServerSession
    ) -> Reply | None | Deferred[Reply | None]:
        """A client connected, or says that it is another (XCLIENT)."""
        self.left(session)
        milters = self._choose(session)
        if not milters or session.mechanism == LOCAL:
            return None
        bench = session.stamps[BENCH] = Bench(milters, session, self._tell)
        return bench.connect()

    def maySend(
        self, session: IServerSession, envelope: Envelope
    ) -> Reply | None | Deferred[Reply | None]:
        """MAIL."""
        bench = benchOf(session)
        return None if bench is None else bench.mail(envelope)

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply | None | Deferred[Reply | None]:
        """RCPT."""
        bench = benchOf(session)
        return None if bench is None else bench.rcpt(envelope, recipient)

    def left(self, session: IServerSession) -> None:
        """The client has gone."""
        bench = benchOf(session)
        if bench is not None:
            del session.stamps[BENCH]
            bench.leave()


class _Extension:
    """What both extensions are alike in."""

    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: Any) -> Any:
        """It has no options."""
        return self


@implementer(IServerExtension)
class MilterCommands(_Extension):
    """
    Tells milters of what no policy is asked about: names, parameters, recipients that
    others refuse, and transactions that end before there is a message.
    """

    name = "MILTERS"

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.wrap(b"EHLO", self._helo)
        server.wrap(b"HELO", self._helo)
        server.wrap(b"MAIL", self._mail)
        server.wrap(b"RCPT", self._rcpt)
        server.wrap(b"RSET", self._rset)

    def _helo(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        bench = benchOf(session)
        if bench is None:
            return run(session, rest)
        try:
            name = heloName(rest)
        except Malformed:
            # The core has its own words for that.
            return run(session, rest)
        return goOn(bench.helo(name), session, rest, run)

    def _mail(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        bench = benchOf(session)
        if bench is not None:
            bench.parameters = _parameters(reversePath, rest)
        return run(session, rest)

    def _rcpt(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        bench = benchOf(session)
        if bench is None:
            return run(session, rest)
        bench.parameters = _parameters(forwardPath, rest)

        def told(said: Answered) -> None:
            if isinstance(said, Reply) and said.refuses:
                _refused(bench, session, rest, said)

        return session.overhear(run(session, rest), told)

    def _rset(
        self, session: IServerSession, rest: bytes, run: Run
    ) -> Reply | ServerDialogue | None:
        bench = benchOf(session)
        if bench is not None:
            bench.aborted()
        return run(session, rest)


@implementer(IServerExtension)
class MilterReviews(_Extension):
    """
    Asks milters when a message is about to come.
    """

    name = "MILTERS-DATA"

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}."""
        server.review(Stage.DATA, self._data)

    def _data(
        self, session: IServerSession, recipient: Recipient | None
    ) -> Reply | None | Verdict:
        bench, envelope = benchOf(session), session.envelope
        if bench is None or envelope is None or session.standing is Standing.SETTLED:
            return None
        answer = bench.data(envelope)
        return ask(Awaits(answer))


def _parameters(
    read: Callable[[bytes], tuple[bytes, bytes]], rest: bytes
) -> tuple[bytes, ...]:
    """What stands behind the path of a command."""
    try:
        return tuple(read(rest)[1].split())
    except Malformed:
        return ()


def _refused(bench: Bench, session: IServerSession, rest: bytes, why: Reply) -> None:
    if why is bench.turnedDown:
        # They have said so themselves.
        return
    try:
        path, _ = forwardPath(rest)
    except Malformed:
        return
    bench.refused(session.envelope, path, why)


__all__ = ["Choose", "MilterCommands", "MilterPolicy", "MilterReviews"]
