"""
How long a client waits for what (RFC 5321 section 4.5.3.2).

A limit holds from the last thing that got the session on: a reply that was whole,
or a piece of a message that the host took.  Octets that make no whole reply are
nothing, so a host that says one a minute is not waited for any longer than one that
says none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen
from attrs.validators import gt
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.effects import Awaited
from ..core.reply import Reply, reply


def _seconds(default: float, help: str) -> float:
    found: float = field(
        default=default, validator=gt(0), kw_only=True, metadata={"help": help}
    )
    return found


@frozen
class ClientTimes:
    """
    The limits, in seconds.  Those that RFC 5321 names are its minimums; who sets
    less gives up on hosts that would have answered.
    """

    connectSeconds: float = _seconds(30, "For a connection to an address.")
    apartSeconds: float = _seconds(
        0.25, "Until the next address of a host is tried as well (RFC 8305)."
    )
    greetingSeconds: float = _seconds(300, "For the greeting.")
    helloSeconds: float = _seconds(300, "For the answer to EHLO or HELO.")
    handshakeSeconds: float = _seconds(60, "For a TLS handshake.")
    answerSeconds: float = _seconds(
        60, "For what has to be found out here, such as a password."
    )
    commandSeconds: float = _seconds(300, "For the answer to any other command.")
    mailSeconds: float = _seconds(300, "For the answer to MAIL.")
    recipientSeconds: float = _seconds(300, "For the answer to each RCPT.")
    dataSeconds: float = _seconds(120, "For the go-ahead to send the message.")
    envelopeSeconds: float = _seconds(
        3600, "For all of these answers to one envelope together."
    )
    blockSeconds: float = _seconds(180, "For each 64 KiB of the message to be taken.")
    finalSeconds: float = _seconds(600, "For the answer to the message.")
    quitSeconds: float = _seconds(
        5, "For the answer to QUIT, when all is done, and the end of the connection."
    )
    limits: Mapping[Awaited, float] = field(init=False, eq=False, repr=False)
    """
    The limit for each moment that has one; nothing but these has.
    """

    @limits.default
    def _makeLimits(self) -> Mapping[Awaited, float]:
        return {
            Awaited.GREETING: self.greetingSeconds,
            Awaited.HELLO: self.helloSeconds,
            Awaited.COMMAND: self.commandSeconds,
            Awaited.MAIL: self.mailSeconds,
            Awaited.RCPT: self.recipientSeconds,
            Awaited.DATA: self.dataSeconds,
            Awaited.BODY: self.blockSeconds,
            Awaited.FINAL: self.finalSeconds,
            Awaited.HANDSHAKE: self.handshakeSeconds,
            Awaited.ANSWER: self.answerSeconds,
            Awaited.GOODBYE: self.quitSeconds,
        }


#: What comes before the message, and is bounded as a whole.
_ENVELOPE = frozenset({Awaited.MAIL, Awaited.RCPT, Awaited.DATA})


class ClientTimer:
    """
    Sees that one connection keeps to the limits.

    There is one delayed call at most, which finds out what holds when it goes off: a
    message that takes a moment touches it once.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        times: ClientTimes,
        late: Callable[[Awaited], None],
    ) -> None:
        """
        @param late: called once, with what has not come in time; C{NOTHING}: it is
            the end of the connection.
        """
        self._reactor = reactor
        self._times = times
        self._late = late
        self._call: IDelayedCall | None = None
        self._awaited = Awaited.NOTHING
        self._progress = 0
        self._since = 0.0
        self._begun = 0.0
        #: When the call comes.
        self._due = 0.0
        self._closing = False

    def begun(self) -> None:
        """An envelope begins."""
        self._begun = self._reactor.seconds()

    def watch(self, awaited: Awaited, progress: int) -> None:
        """
        Something may have changed.

        @param awaited: what is waited for now.
        @param progress: grows with all that gets the session on.
        """
        if awaited is not self._awaited or progress != self._progress:
            self._awaited, self._progress = awaited, progress
            self._since = self._reactor.seconds()
        if self._closing:
            return
        due = self._end()
        if due is not None and (self._call is None or due < self._due):
            self._arm(due)

    def closing(self) -> None:
        """All is said; the end may take as long as the answer to QUIT."""
        self._closing = True
        due = self._reactor.seconds() + self._times.quitSeconds
        if self._call is None or due < self._due:
            self._arm(due)

    def stop(self) -> None:
        """The connection is gone."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _end(self) -> float | None:
        """When it is too late; L{None}: it may take as long as it takes."""
        limit = self._times.limits.get(self._awaited)
        if limit is None:
            return None
        due = self._since + limit
        if self._awaited in _ENVELOPE:
            due = min(due, self._begun + self._times.envelopeSeconds)
        return due

    def _arm(self, due: float) -> None:
        """Have the call come then."""
        self._due = due
        seconds = max(due - self._reactor.seconds(), 0)
        if self._call is None:
            self._call = self._reactor.callLater(seconds, self._look)
        else:
            self._call.reset(seconds)

    def _look(self) -> None:
        self._call = None
        if self._closing:
            return self._late(Awaited.NOTHING)
        due = self._end()
        if due is None:
            return
        if due > self._reactor.seconds():
            self._arm(due)
        else:
            self._late(self._awaited)


def tooLate(awaited: Awaited) -> Reply:
    """What becomes of a message under which something was waited for too long."""
    text = f"Timed out waiting for {awaited.value}"
    return reply(451, "4.4.2", text.encode("ascii"))


__all__ = ["ClientTimer", "ClientTimes", "tooLate"]
