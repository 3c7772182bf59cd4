"""
What a peer says to the end of a message: usually one reply; in LMTP one for each
recipient that was accepted (RFC 2033 section 4.2); and with some extensions a 3yz,
one for each recipient, and one for all.

A recipient's refusal counts as soon as it has come, and so does a 2yz in LMTP, where
the peer has that recipient's message then.  Where one for all is to come, it is only
with that one that the peer has taken the message, for those whom it did not refuse
by themselves.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from .clientreplies import completed
from .clientsession import ClientSession
from .dialogue import Slot
from .hooks import Dialect
from .reply import Reply


class Verdict:
    """
    The replies to the end of one message.

    @ivar slot: gets what they come to: the one for all; in LMTP, the first 2yz, or
        the first of all where there is none.
    @ivar each: what counts for a recipient by itself, by its place in the envelope.
    """

    __slots__ = (
        "_accepted",
        "_best",
        "_left",
        "_plain",
        "_served",
        "_session",
        "each",
        "slot",
    )

    def __init__(
        self,
        session: ClientSession,
        accepted: Callable[[], list[int]],
        served: Callable[[int, Reply], None],
    ) -> None:
        """
        @param accepted: the places of those recipients that the peer has accepted,
            in order; called when the first reply has come.
        @param served: told of each of them who has the message, while others are
            still to be answered for.
        """
        self.slot = Slot()
        self.each: dict[int, Reply] = {}
        self._session = session
        self._accepted = accepted
        self._served = served
        self._best: Reply | None = None
        #: Is there one reply, for all we know?
        self._plain = session.target.dialect is Dialect.SMTP
        #: Those who are to be answered for; L{None}: nothing is known of that yet.
        self._left: deque[int] | None = None

    def take(self, got: Reply) -> bool:
        """
        A reply has come.

        @return: is there another one to come?
        @raise PeerError: a 3yz that is not understood.
        """
        session = self._session
        if self._plain and not 300 <= got.code < 400:
            self.slot.reply = got
            return False
        self._plain = False
        lmtp = session.target.dialect is Dialect.LMTP
        if self._left is None:
            self._left = deque(self._accepted() if lmtp else ())
            if 300 <= got.code < 400 and session.announced(got):
                self._left.extend(self._accepted())
                return True
        if not self._left:
            # The one for all.
            self.slot.reply = got
            return False
        index = self._left.popleft()
        got = completed(got)
        if lmtp or got.refuses:
            self.each[index] = got
        if not lmtp:
            return True
        best = self._best
        if best is None or (best.refuses and not got.refuses):
            best = self._best = got
        if not self._left:
            self.slot.reply = best
            return False
        if not got.refuses:
            self._served(index, got)
        return True
