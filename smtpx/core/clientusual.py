"""
The usual transaction, in a straight line.

Most messages go to a peer that lets commands be grouped, no extension has anything to
say of them, and the peer says 2yz to everything.  For these, L{UsualWay} knows what is
the same for one message after the other, all commands are written at once, and
replies are counted.

What is right is said elsewhere, by L{smtpx.core.clienttransaction} and what it asks.  A
message does not go this way where there is anything about it, or about the connection,
that has to be looked at.  And as soon as anything happens but what was hoped for, a
whole transaction takes over, in the state in which it would be by itself: that is so
for any reply but a 2yz, or 354 where it belongs, for any that is cut, or comes too
early, and for the connection's end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from zope.interface import implementer

from .bounds import BareLines
from .clienthooks import ClientHooks
from .clientmachine import ClientMachine, Part, State
from .clientparameters import Writer, written
from .clientsession import ClientSession
from .clienttransaction import Transaction
from .dialogue import Slot
from .effects import Awaited, ClientEffect, Settled, Write
from .envelope import Envelope
from .errors import HookTrouble, PeerError, UsageError
from .hooks import BatchLimits, Carrier, Dialect, Scope, Stage
from .interfaces import IBody
from .reply import Reply, single
from .transparency import dotted

#: The most octets of a body that goes this way, which is held until it is wanted.
MOST_OCTETS = 65_536

#: The most octets that are looked at at once.
_HEARD_OCTETS = 4096

#: The most recipients of a message that goes this way to a peer of which nothing is
#: known.
_RECIPIENTS = 1000

#: What a path is made of that is no quoted string, and may go to any peer.
_PLAIN = bytes(each for each in range(0x21, 0x7F) if each not in b'"<>')

# Members of an enum take long to find.
_READY, _BUSY = State.READY, State.BUSY
_MAIL, _RCPT = Awaited.MAIL, Awaited.RCPT
_DATA, _FINAL = Awaited.DATA, Awaited.FINAL
_TAKEN = Scope.MESSAGE
_BY_MESSAGE = (Stage.MESSAGE,)


@implementer(IBody)
class _Held:
    """
    The body of a message that is under way.

    @ivar octets: its length, in octets.
    """

    __slots__ = ("_content", "octets")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.octets = len(content)

    def pieces(self) -> Iterator[bytes]:
        """See L{IBody}."""
        return iter((self._content,))


class UsualWay:
    """
    What is the same for all usual messages that go over a connection, as long as the
    peer is what it is; and the one that is under way.

    @ivar hooks: what it was made of, as C{fits}.
    @ivar fits: see L{ClientSession}.
    @ivar open: may a message go this way at all?
    @ivar limits: how much the peer takes.
    @ivar envelope: the message under way.
    @ivar content: its body.
    @ivar carrier: what moves that, and whose it is; L{None}: it goes by DATA.
    @ivar left: how many replies are to come: to all commands, while a 354 is, or to
        the message.
    @ivar wantsGo: is a 354 to come?
    @ivar said: the replies that have come.
    @ivar awaited: which one it waits for.
    """

    __slots__ = (
        "_asks",
        "_mail",
        "_most",
        "awaited",
        "carrier",
        "content",
        "envelope",
        "fits",
        "hooks",
        "left",
        "limits",
        "open",
        "said",
        "wantsGo",
    )

    def __init__(self, session: ClientSession, hooks: ClientHooks) -> None:
        self.hooks = hooks
        self.fits = session.fits
        self.limits = BatchLimits()
        self.open = (
            hooks.usual is not None
            and session.target.dialect is Dialect.SMTP
            and session.bareLines is BareLines.NORMALISE
            and self._lets(session)
        )
        usual, known = hooks.usual, session.authenticated
        self._asks = usual is not None and usual.asks(known)
        self._mail: tuple[Writer, ...] = ()
        if usual is not None:
            self._mail = usual.mail if known else usual.unknown
        most = self.limits.recipients
        self._most = _RECIPIENTS if most is None else most
        self.envelope: Envelope | None = None
        self.content = b""
        self.carrier: tuple[str, Carrier] | None = None
        self.left = 0
        self.wantsGo = False
        self.said: list[Reply] = []
        self.awaited = _MAIL

    def _lets(self, session: ClientSession) -> bool:
        """Does the peer, for all we know, let commands be grouped, of any domains?"""
        try:
            self.limits = session.limits()
            return session.grouped() and self.limits.domains is None
        except HookTrouble:
            # It is told of when a message goes the long way.
            return False

    def begin(
        self, session: ClientSession, envelope: Envelope, body: IBody
    ) -> bytes | None:
        """
        Send a message.

        @return: all that goes in the first flight; L{None}: it has to go the long way.
        """
        usual, recipients = self.hooks.usual, envelope.recipients
        assert usual is not None
        count, octets = len(recipients), body.octets
        if not 0 < count <= self._most or octets > MOST_OCTETS:
            return None
        marks, stamps, mail = usual.marks, envelope._stamps, self._mail
        asks = self._asks
        if stamps is not None:
            if not marks.isdisjoint(stamps._values):
                return None
            if not usual.told.isdisjoint(stamps._values):
                asks, mail = True, self.hooks.mail
        paths = []
        for each in recipients:
            stamps = each._stamps
            if stamps is not None and not marks.isdisjoint(stamps._values):
                return None
            paths.append(each.path)
        sender = envelope.sender
        if (sender + b"".join(paths)).translate(None, _PLAIN):
            return None
        most = self.limits.transactions
        if most is not None and session.transactions >= most:
            return None
        content = _whole(body)
        if content is None or len(content) != octets:
            return None
        for plain in usual.glances:
            if not plain(content):
                return None
        more, last, self.carrier = b"", b"DATA\r\n", None
        if asks:
            found = self._asked(session, envelope, content, mail)
            if found is None:
                return None
            more, last = found
        self.envelope, self.content = envelope, content
        self.wantsGo = self.carrier is None
        self.left = count + 2
        self.said = []
        self.awaited = _MAIL
        return b"MAIL FROM:<%b>%b\r\nRCPT TO:<%b>\r\n%b" % (
            sender,
            more,
            b">\r\nRCPT TO:<".join(paths),
            last,
        )

    def _asked(
        self,
        session: ClientSession,
        envelope: Envelope,
        content: bytes,
        mail: tuple[Writer, ...],
    ) -> tuple[bytes, bytes] | None:
        """
        Ask those who have to be asked.

        @param mail: for parameters of MAIL.
        @return: the parameters of MAIL, and what stands behind the last RCPT; L{None}:
            it has to go the long way.
        """
        usual, last = self.hooks.usual, b"DATA\r\n"
        assert usual is not None
        try:
            for admit in usual.admitters:
                if admit(session, envelope) is not None:
                    return None
            if usual.carriers:
                self.carrier = session.carrier(envelope)
                if self.carrier is not None:
                    whole = self.carrier[1].whole
                    if whole is None or len(content) > whole.most:
                        return None
                    last = whole.command % len(content) + content
                    session.stamps[whole.begun] = True
            return written(session, mail, envelope), last
        except HookTrouble:
            # The long way meets it, too, and tells of it.
            return None

    def end(self, final: Reply) -> Settled:
        """
        The message is taken.

        @param final: the last reply.
        """
        envelope = self.envelope
        assert envelope is not None
        self.envelope, self.content = None, b""
        recipients = envelope.recipients
        if len(recipients) == 1:
            return Settled(envelope, ((recipients[0], final),), _TAKEN, (), _BY_MESSAGE)
        outcomes = tuple([(each, final) for each in recipients])
        return Settled(envelope, outcomes, _TAKEN, (), _BY_MESSAGE * len(recipients))


class UsualMachine(ClientMachine, ABC):
    """
    A machine that sends one message after the other, the usual ones in a straight line.
    """

    #: May a message go the usual way?
    straight = True

    def __init__(self, *arguments: Any) -> None:
        """See L{ClientMachine}."""
        ClientMachine.__init__(self, *arguments)
        #: The way that a message goes now; L{None}: none does, or by the long one.
        self._usual: UsualWay | None = None
        self._way: UsualWay | None = None
        #: The message that goes by the long one.
        self._transaction: Transaction | None = None

    @abstractmethod
    def _delivery(self, transaction: Transaction, attempt: Part | None = None) -> Part:
        """A message goes the long way, or the rest of it."""

    def _expectEnd(self) -> Slot:
        """See L{ClientMachine}."""
        if self._transaction is None:
            raise UsageError("there is no message that could end")
        verdict = self._transaction.awaitVerdict()
        self._expected.append(verdict.take)
        return verdict.slot

    def _deliverUsual(
        self, envelope: Envelope, body: IBody
    ) -> list[ClientEffect] | None:
        """
        Send a message to a peer that waits for one.

        @return: L{None}: it has to go the long way.
        """
        if self.guessed or self.opening or self._expected or self._effects:
            return None
        if not self._clear:
            return None
        way, hooks = self._way, self._hooks
        if way is None or way.hooks is not hooks or way.fits != self.fits:
            way = self._way = UsualWay(self, hooks)
        octets = way.begin(self, envelope, body) if way.open else None
        if octets is None:
            return None
        self._usual = way
        self._state = _BUSY
        self.presumed = False
        self.transactions += 1
        return [Write(octets)]

    def _takeUp(self, way: UsualWay) -> None:
        """
        What has begun the usual way goes on by the long one, as if it had never gone
        by another.
        """
        self._usual = None
        body, envelope = _Held(way.content), way.envelope
        assert envelope is not None
        way.envelope, way.content = None, b""
        transaction = self._transaction = Transaction(self, envelope, body)
        most = way.limits.transactions
        rest = transaction.takenUp(body, way.carrier, way.awaited is _FINAL, most)
        self._begin(self._delivery(transaction, rest))
        # Whatever there is to write has been written.
        self._out.clear()
        self.replies -= len(way.said)
        for got in way.said:
            self._replied(got)

    def _hearUsual(self, way: UsualWay, octets: bytes) -> list[ClientEffect] | None:
        """
        Octets have come.

        @return: L{None}: the long way is to hear them.
        """
        heard = _heard(octets) if len(octets) <= _HEARD_OCTETS else None
        if heard is None:
            return None
        replies, go = heard
        count = len(replies)
        left = way.left - count
        if left < 0 or go is not (way.wantsGo and not left):
            return None
        self.replies += count
        if left:
            way.left = left
            way.said += replies
            way.awaited = _RCPT if left > 1 else _DATA if way.wantsGo else _FINAL
            return []
        if go:
            way.left, way.wantsGo = 1, False
            way.said += replies
            way.awaited = _FINAL
            return [Write(dotted(way.content))]
        self._usual = None
        self._state = _READY
        most = way.limits.transactions
        self.spent = most is not None and self.transactions >= most
        if way.carrier is not None:
            whole = way.carrier[1].whole
            assert whole is not None
            self.stamps[whole.taken] = True
        settled = way.end(replies[-1])
        if not self._effects:
            return [settled]
        self._effects.append(settled)
        return self._finish()


@lru_cache(maxsize=256)
def _heard(octets: bytes) -> tuple[tuple[Reply, ...], bool] | None:
    """
    Replies as they are hoped for: each a 2yz of one line, but that a 354 may be the
    last.  A peer says the same over and over.

    @return: the replies, and whether there is a 354; L{None}: they are not like that.
    """
    if not octets.endswith(b"\r\n"):
        return None
    found: list[Reply] = []
    code = 0
    for line in octets[:-2].split(b"\r\n"):
        if line[3:4] == b"-" or code >= 300:
            return None
        try:
            got = single(line)
        except PeerError:
            return None
        found.append(got)
        code = got.code
    if code >= 300 and code != 354:
        return None
    return tuple(found), code == 354


def _whole(body: IBody) -> bytes | None:
    """
    All of a body; L{None}: it is of several pieces, between which there is to be room.
    """
    found = b""
    try:
        for piece in body.pieces():
            if found:
                return None
            found = piece
    except Exception:
        # Whoever reads it on the long way is told what is wrong with it.
        return None
    return found


__all__ = ["MOST_OCTETS", "UsualMachine", "UsualWay"]
