"""
How a client connection runs: replies in, needs of dialogues out as effects.

L{ClientMachine} knows nothing of mail.  It counts replies: each belongs to the
oldest command that has none yet.  It runs one dialogue at a time and does what it
needs (L{smtpx.core.dialogue}).  What it cannot go on from is an exception, and
L{smtpx.core.client} says what becomes of the session.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from enum import Enum, auto
from typing import Any, Callable, Generator

from .bounds import BareLines
from .buffer import Buffer
from .clientsession import UNSAFE, ClientSession, GivingUp
from .dialogue import (
    Ask,
    Await,
    ClientNeed,
    Emit,
    Establish,
    Flight,
    Flow,
    Secure,
    Send,
    Slot,
    Sync,
)
from .effects import ClientEffect, Drain, Handshake, Pose, Write
from .errors import HookTrouble, PeerError, UsageError
from .hooks import Forecast, RoutePolicy, Target, TLSInfo
from .profile import ClientProfile
from .reply import LOCAL_ERROR, MAX_LINE_OCTETS, Reply, ReplyReader

#: A dialogue of the machine's own.
Part = Generator[ClientNeed, Any, None]


class State(Enum):
    """What the connection is doing."""

    NEW = auto()
    OPENING = auto()
    READY = auto()
    BUSY = auto()
    LEAVING = auto()
    OVER = auto()


class ClientMachine(ClientSession, ABC):
    """
    The machine without a purpose.
    """

    def __init__(
        self,
        profile: ClientProfile,
        target: Target,
        policy: RoutePolicy,
        secured: TLSInfo | None,
        forecast: Forecast | None,
        bareLines: BareLines,
        ignored: frozenset[bytes],
    ) -> None:
        ClientSession.__init__(
            self, profile, target, policy, secured, forecast, bareLines, ignored
        )
        self._buffer = Buffer()
        self._reader = ReplyReader()
        #: How many commands were answered, for whoever measures time.
        self.replies = 0
        #: Has all that came been understood, to its end?
        self._clear = True
        #: Who gets the replies that are still to come, in order; true: and the
        #: next one as well.
        self._expected: deque[Callable[[Reply], object]] = deque()
        #: How many of them may come in the octets that are looked at: what answers a
        #: command that leaves on account of these was said before it was heard.
        self._owed = 0
        #: Might what is sent be heard twice, as it may ride on a SYN?
        self.opening = False
        #: How many octets a SYN has room for, if a message may ride on it.
        self.roomInSYN = 0
        #: How many octets were sent while opening.
        self._saidEarly = 0
        #: Have we given it up ourselves, so that its end says nothing of the peer?
        self.abandoned = False
        self._script: Part | None = None
        #: What the dialogue waits for; L{None}: it does not.
        self._waiting: ClientNeed | None = None
        self._out: list[bytes] = []
        #: The last reply that was a refusal.
        self._refusal: Reply | None = None

    # --- effects ----------------------------------------------------------------

    def _write(self, octets: bytes) -> None:
        if octets:
            self._out.append(octets)
            if self.opening:
                self._saidEarly += len(octets)

    def _effect(self, effect: ClientEffect) -> None:
        self._flush()
        self._effects.append(effect)

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, []
            self._effects.append(Write(out[0] if len(out) == 1 else b"".join(out)))

    def _finish(self) -> list[ClientEffect]:
        self._flush()
        effects, self._effects = self._effects, []
        return effects

    # --- replies ----------------------------------------------------------------

    def _nextReply(self) -> Reply | None:
        """
        The next reply that is whole.

        @raise PeerError: no reply, or above the bounds.
        """
        buffer, reader = self._buffer, self._reader
        while True:
            line = buffer.line()
            if line is None:
                left = len(buffer)
                if left >= MAX_LINE_OCTETS:
                    raise PeerError("line too long")
                self._clear = not left and not reader.midway
                return None
            if len(line) + 2 > MAX_LINE_OCTETS:
                raise PeerError("line too long")
            got = reader.line(line)
            if got is not None:
                return got

    def _replied(self, got: Reply) -> None:
        """The reply to the oldest command without one has come."""
        self.replies += 1
        self._owed -= 1
        take = self._expected.popleft()
        if take(got):
            self._expected.appendleft(take)
            self._owed += 1
        waiting = self._waiting
        if isinstance(waiting, Await):
            if waiting.slot.reply is not None:
                self._advance(waiting.slot.reply)
        elif isinstance(waiting, Sync) and not self._expected:
            self._advance(None)

    def _expect(self) -> Slot:
        """Another reply is to come."""
        slot = Slot()
        self._expected.append(slot.fill)
        return slot

    @abstractmethod
    def _expectEnd(self) -> Slot:
        """What is said to the end of a message is to come, one reply or more."""

    # --- dialogues --------------------------------------------------------------

    def _begin(self, script: Part) -> None:
        """Run a dialogue, as far as it goes now."""
        self._script = script
        self._advance(None)

    def _advance(self, value: object) -> None:
        """
        Give the dialogue what it waited for, and do what it wants next.

        @raise GivingUp: see there; and C{HookTrouble} and L{PeerError}, by which
            the dialogue ended, too.
        """
        script = self._script
        assert script is not None
        self._waiting = None
        error: UsageError | None = None
        while self._waiting is None:
            try:
                need = script.send(value) if error is None else script.throw(error)
            except StopIteration:
                return
            error = None
            try:
                value = self._take(need)
            except UsageError as wrong:
                error = wrong

    def _take(self, need: ClientNeed) -> object:
        """
        Do what the dialogue wants.

        @return: what comes of it, where there is nothing to wait for.
        @raise UsageError: it is not to be had.
        """
        if isinstance(need, Flight):
            self._write(need.octets)
            self._expected.extend([slot.fill for slot in need.slots])
            return None
        if isinstance(need, Emit):
            self._write(need.octets)
            if need.ends:
                return self._expectEnd()
            return self._expect() if need.expects else None
        if isinstance(need, Await) and need.slot.reply is not None:
            return need.slot.reply
        if isinstance(need, Sync) and not self._expected:
            return None
        if isinstance(need, Establish) and self._isEstablished(need):
            return None
        if isinstance(need, Send):
            if UNSAFE.search(need.line):
                # It would be more than one command.
                raise UsageError("a command line cannot have this in it")
            self._write(need.line + b"\r\n")
            need = Await(self._expect())
        elif isinstance(need, Secure):
            self._secure()
        elif isinstance(need, Ask):
            self._effect(Pose(need.question))
        elif isinstance(need, Flow):
            self._effect(Drain())
        self._waiting = need
        return None

    def _isEstablished(self, need: Establish) -> bool:
        """Is what follows heard once, or may it be heard twice?"""
        if not self.opening:
            return True
        octets = need.octets
        return octets is not None and self._saidEarly + octets <= self.roomInSYN

    def _secure(self) -> None:
        if self._buffer or self._reader.midway or self._expected:
            # Clear text behind the go-ahead would be taken for what the peer
            # says under TLS (RFC 3207 section 4.2).
            raise PeerError("clear text where TLS is to begin")
        try:
            options = self.tlsOptions()
        except HookTrouble as trouble:
            self.report(trouble)
            raise GivingUp(LOCAL_ERROR, polite=False) from trouble
        self._effect(Handshake(options))
