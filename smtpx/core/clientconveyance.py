"""
How the body of one envelope goes to a peer: by DATA, or as an extension has it (BDAT).

It is the part of L{smtpx.core.clienttransaction} behind the last RCPT.
"""

from __future__ import annotations

from typing import Any, Generator

from .claims import CORE, attributed, owned
from .clientreplies import BROKEN, completed
from .clientsession import ClientSession, GivingUp
from .clientstanding import Standing
from .dialogue import (
    Await,
    BodyDialogue,
    ClientNeed,
    Emit,
    Send,
    Slot,
    Wanted,
    emit,
    established,
    flow,
    pour,
    settle,
    sync,
)
from .envelope import Envelope
from .errors import PeerError, UsageError
from .hooks import Carrier, Dialect, Stage
from .interfaces import IBody
from .repeatable import Progress, Repeatable
from .reply import Reply
from .transparency import DotWriter

#: How many octets stand before a body that goes in one piece, at the most: a command
#: with its size, which is of four digits where it rides on a SYN.
_COMMAND_OCTETS = len(b"BDAT 9999 LAST\r\n")

Part = Generator[ClientNeed, Any, None]


class Conveyance(Standing):
    """
    One envelope whose recipients were named to the peer, and which has a body.
    """

    __slots__ = ("_progress", "_repeatable")

    def __init__(self, session: ClientSession, envelope: Envelope) -> None:
        Standing.__init__(self, session, envelope)
        self._repeatable: Repeatable | None = None
        #: What the peer said it has; L{None}: nothing.
        self._progress: Progress | None = None

    # --- what the peer says to MAIL and RCPT --------------------------------------

    def _understood(self, got: Reply) -> Reply:
        """
        The reply to MAIL; a 3yz where the peer knows the transaction.

        @raise PeerError: a 3yz that says nothing of the kind.
        """
        if self._repeatable is None or not 300 <= got.code < 400:
            return completed(got)
        self._progress = self._repeatable.read(got)
        return got

    @property
    def _lmtp(self) -> bool:
        return self._session.target.dialect is Dialect.LMTP

    def _addressed(self) -> Generator[ClientNeed, Any, bool]:
        """
        Wait for all replies to MAIL and RCPT.

        @return: is there somebody who gets the message?
        """
        # Replies come in their order.
        last = [self._mail, *self._slots.values()][-1]
        if last.reply is None:
            yield Await(last)
        return self._wereAddressed()

    def _wereAddressed(self) -> bool:
        """
        All replies to MAIL and RCPT have come.

        @return: see L{_addressed}.
        """
        if self._repeatable is not None and self._mail.reply is not None:
            self._understood(self._mail.reply)
        return self._wanted()

    # --- the body, by DATA ------------------------------------------------------

    def _goAhead(self, go: Slot, body: IBody) -> Part:
        """
        The message follows, if the peer wants it.

        @param go: the place of its reply to DATA.
        """
        got: Reply = yield Await(go)
        wanted = self._wereAddressed()
        if got.refuses:
            return self.end(got, stage=Stage.DATA)
        if got.code != 354:
            # RFC 5321 section 3.3: nothing else lets the message go.
            raise PeerError("neither a go-ahead nor a refusal")
        self.carrying = True
        if not wanted and self._lmtp:
            # RFC 2033 section 4.2: that was to be a 503, and nobody knows how many
            # replies there are to an end that should not be.
            self.end(BROKEN, stage=Stage.DATA)
            raise GivingUp(BROKEN, polite=False)
        if not wanted:
            # RFC 2920 section 3.1: a lone dot, for it wants an end.
            yield from settle((yield from emit(b".\r\n")))
            self._pending = False
        else:
            yield from self._judged((yield from attributed(CORE, self._poured(body))))

    def _judged(self, end: Slot) -> Part:
        """
        All is sent; what does the peer make of it?

        @param end: the place of its reply to the end of the data.
        """
        got: Reply = yield Await(end)
        self.end(completed(got), stage=Stage.MESSAGE)
        # Refused or not, the end of the data ends the transaction (RFC 5321
        # section 4.1.1.4).
        self._pending = False

    def _poured(self, body: IBody) -> Generator[ClientNeed, Any, Slot]:
        """
        Send the whole body.

        @return: the place of the reply to its end.
        """
        writer = DotWriter()
        self._wholeCommand = False
        begun, left, last = False, body.octets, b""
        for piece in body.pieces():
            if begun:
                if last:
                    yield from pour(last)
                yield from flow()
            begun = True
            left -= len(piece)
            last = writer.write(piece)
            if left > 0:
                yield from pour(last)
                last = b""
        # The last piece leaves with what ends it.
        end: Slot = yield Emit(last + writer.end(), True, True)
        self._wholeCommand = True
        return end

    # --- the body, by an extension ----------------------------------------------

    def _byCarrier(
        self, owner: str, carrier: Carrier, body: IBody, grouped: bool
    ) -> Part:
        # In LMTP, a message for nobody has no reply at all (RFC 2033 section 4.3).
        early = grouped and carrier.early and not self._lmtp
        if not early and not (yield from self._addressed()):
            return
        # A message that is heard twice is two messages, unless the peer knows it.
        octets = None if self._repeatable is None else body.octets + _COMMAND_OCTETS
        yield from established(octets)
        self.carrying = True
        self._unsent = body.octets
        carriage = owned(owner, carrier.carry)(self._session, body)
        final = yield from self._whileWanted(attributed(owner, carriage))
        # Account for all that was emitted, also where nobody waited for it.
        yield from sync()
        if (yield from self._addressed()) and final is not None:
            self.end(completed(final), stage=Stage.MESSAGE)
            self._pending = final.refuses

    def _whileWanted(
        self, carriage: BodyDialogue
    ) -> Generator[ClientNeed, Any, Reply | None]:
        """
        Run C{carriage} as long as there is somebody who may get the message.

        It is stopped only where it waits for a reply, or to know that somebody is,
        which is between two commands; anywhere else the peer may be in the middle
        of a chunk.

        @return: what it came to; L{None}: it was stopped.
        """
        try:
            need = next(carriage)
            while True:
                if isinstance(need, Wanted):
                    self._wholeCommand = True
                    if not (yield from self._addressed()):
                        return None
                    need = carriage.send(None)
                    continue
                waits = isinstance(need, Await | Send)
                if waits or isinstance(need, Emit):
                    self._wholeCommand = waits
                if isinstance(need, Emit):
                    self._unsent -= len(need.octets)
                try:
                    value = yield need
                except UsageError as error:
                    need = carriage.throw(error)
                    continue
                if waits and not self._wanted():
                    return None
                need = carriage.send(value)
        except StopIteration as stop:
            final: Reply = stop.value
            self._wholeCommand = True
            return final
        finally:
            carriage.close()
