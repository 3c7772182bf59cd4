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
from functools import lru_cache
from typing import Any

from .bounds import BareLines
from .clienthooks import ClientHooks
from .clientmachine import ClientMachine, Part, State
from .clientparameters import written
from .clientsession import ClientSession
from .clienttransaction import Transaction
from .dialogue import Slot
from .effects import Awaited, ClientEffect, Settled, Write
from .envelope import Envelope
from .errors import HookTrouble, PeerError, UsageError
from .hooks import BatchLimits, Dialect, Scope, Stage
from .interfaces import IBody
from .reply import Reply, single
from .transparency import dotted

#: The most octets of a body that goes this way, which is held until it is wanted.
MOST_OCTETS = 65_536

#: The most octets that are looked at at once.
_HEARD_OCTETS = 4096

#: What a path is made of that is no quoted string, and may go to any peer.
_PLAIN = bytes(each for each in range(0x21, 0x7F) if each not in b'"<>')

# Members of an enum take long to find.
_READY, _BUSY = State.READY, State.BUSY
_MAIL, _RCPT = Awaited.MAIL, Awaited.RCPT
_DATA, _FINAL = Awaited.DATA, Awaited.FINAL
_TAKEN = Scope.MESSAGE
_BY_MESSAGE = (Stage.MESSAGE,)


class UsualWay:
    """
    What is the same for all usual messages that go over a connection, as long as the
    peer is what it is; and the one that is under way.

    @ivar hooks: what it was made of, as C{fits}.
    @ivar fits: see L{ClientSession}.
    @ivar open: may a message go this way at all?
    @ivar limits: how much the peer takes.
    @ivar awaited: which reply the message under way waits for.
    """

    __slots__ = (
        "_body",
        "_content",
        "_envelope",
        "_left",
        "_most",
        "_said",
        "awaited",
        "fits",
        "hooks",
        "limits",
        "open",
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
        most = self.limits.recipients
        self._most = 1000 if most is None else most
        self.awaited = _MAIL
        self._envelope: Envelope | None = None
        self._body: IBody | None = None
        self._content = b""
        #: How many replies are to come to the commands.
        self._left = 0
        #: The replies that have come.
        self._said: list[Reply] = []

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

        @return: all its commands; L{None}: it has to go the long way.
        """
        usual, recipients = self.hooks.usual, envelope.recipients
        assert usual is not None
        count = len(recipients)
        if not 0 < count <= self._most or body.octets > MOST_OCTETS:
            return None
        marks, stamps = usual.marks, envelope._stamps
        if stamps is not None and not marks.isdisjoint(stamps._values):
            return None
        paths = []
        for each in recipients:
            stamps = each._stamps
            if stamps is not None and not marks.isdisjoint(stamps._values):
                return None
            paths.append(each.path)
        sender = envelope.sender
        if (sender + b"".join(paths)).translate(None, _PLAIN):
            return None
        limits = self.limits
        if limits.transactions is not None and session.full(limits.transactions):
            return None
        content = _whole(body)
        if content is None:
            return None
        for plain in usual.glances:
            if not plain(content):
                return None
        more = b""
        if usual.asks:
            found = self._asked(session, envelope)
            if found is None:
                return None
            more = found
        self._envelope, self._body, self._content = envelope, body, content
        self._left = count + 2
        self._said = []
        self.awaited = _MAIL
        return b"MAIL FROM:<%b>%b\r\nRCPT TO:<%b>\r\nDATA\r\n" % (
            sender,
            more,
            b">\r\nRCPT TO:<".join(paths),
        )

    def _asked(self, session: ClientSession, envelope: Envelope) -> bytes | None:
        """
        Ask those who always want to be asked.

        @return: the parameters of MAIL; L{None}: it has to go the long way.
        """
        usual = self.hooks.usual
        assert usual is not None
        try:
            for admit in usual.admitters:
                if admit(session, envelope) is not None:
                    return None
            return written(session, usual.mail, envelope)
        except HookTrouble:
            # The long way meets it, too, and tells of it.
            return None

    def hear(self, replies: tuple[Reply, ...], go: bool) -> bytes | None:
        """
        Replies have come to commands.

        @param go: is the last one a 354?
        @return: what is to be written; L{None}: these are not all what was hoped for,
            and count as not heard.
        """
        left = self._left - len(replies)
        if go:
            if left:
                return None
            self.awaited = _FINAL
        else:
            if left < 1:
                return None
            self.awaited = _DATA if left == 1 else _RCPT
        self._left = left
        self._said += replies
        return dotted(self._content) if go else b""

    def end(self, final: Reply) -> Settled:
        """
        The message is taken.

        @param final: the last reply.
        """
        envelope = self._envelope
        assert envelope is not None
        self._envelope = self._body = None
        self._content = b""
        recipients = envelope.recipients
        if len(recipients) == 1:
            return Settled(envelope, ((recipients[0], final),), _TAKEN, (), _BY_MESSAGE)
        return Settled(
            envelope,
            tuple([(each, final) for each in recipients]),
            _TAKEN,
            (),
            _BY_MESSAGE * len(recipients),
        )

    def left(self) -> tuple[Envelope, IBody, list[Reply]]:
        """
        The message goes on by the long way.

        @return: what it is, and the replies that have come.
        """
        envelope, body, said = self._envelope, self._body, self._said
        assert envelope is not None and body is not None
        self._envelope = self._body = None
        self._content = b""
        return envelope, body, said


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
        envelope, body, said = way.left()
        transaction = self._transaction = Transaction(self, envelope, body)
        sent = way.awaited is _FINAL
        attempt = transaction.takenUp(body, sent, way.limits.transactions)
        self._begin(self._delivery(transaction, attempt))
        self.replies -= len(said)
        for got in said:
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
        if way.awaited is not _FINAL:
            out = way.hear(replies, go)
            if out is None:
                return None
            self.replies += len(replies)
            return [Write(out)] if out else []
        if go or len(replies) > 1:
            return None
        self.replies += 1
        self._usual = None
        self.spent = self.full(way.limits.transactions)
        self._state = _READY
        self._effects.append(way.end(replies[0]))
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
    All of a body; L{None}: it is of several pieces, between which there is to be room,
    or not as long as it should be.
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
    return found if len(found) == body.octets else None


__all__ = ["MOST_OCTETS", "UsualMachine", "UsualWay"]
