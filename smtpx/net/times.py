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

    @property
    def shortest(self) -> float:
        """The shortest of all limits that hold for a connection, in seconds."""
        return min(self.envelopeSeconds, *self.limits.values())


#: What comes before the message, and is bounded as a whole.
_ENVELOPE = frozenset({Awaited.MAIL, Awaited.RCPT, Awaited.DATA})


class ClientTimer:
    """
    Sees that one connection keeps to the limits.

    What gets the session on only has its moment noted.  There is one delayed call at
    most, and it finds out what holds when it goes off.  It never comes later than the
    shortest of all limits from then, so whatever is waited for by that time, with
    whatever limit, is looked at before it is late.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        times: ClientTimes,
        awaited: Callable[[], Awaited],
        late: Callable[[Awaited], None],
    ) -> None:
        """
        @param awaited: says what is waited for now.
        @param late: called once, with what has not come in time; C{NOTHING}: it is
            the end of the connection.
        """
        self._reactor = reactor
        self._seconds = reactor.seconds
        self._times = times
        self._awaited = awaited
        self._late = late
        self._shortest = times.shortest
        self._call: IDelayedCall | None = None
        self._since = 0.0
        self._begun = 0.0
        #: Is nothing waited for any more but the end, or not even that?
        self._ending = False

    def begun(self) -> None:
        """An envelope begins."""
        self._begun = self._seconds()

    def moved(self) -> None:
        """
        Something has got the session on: what is waited for from now on has its whole
        time.
        """
        seconds = self._seconds
        since = self._since = seconds()
        if self._call is None and not self._ending:
            self._arm(since + self._shortest, since)

    def closing(self) -> None:
        """All is said; the end may take as long as the answer to QUIT."""
        self._ending = True
        now = self._seconds()
        self._arm(now + self._times.quitSeconds, now)

    def stop(self) -> None:
        """The connection is gone."""
        self._ending = True
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _arm(self, due: float, now: float) -> None:
        """Have the call come then, or when it comes anyway if that is sooner."""
        call = self._call
        if call is None:
            self._call = self._reactor.callLater(max(due - now, 0), self._look)
        elif due < call.getTime():
            call.reset(max(due - now, 0))

    def _look(self) -> None:
        """Is anything late?"""
        self._call = None
        if self._ending:
            return self._late(Awaited.NOTHING)
        awaited = self._awaited()
        limit = self._times.limits.get(awaited)
        if limit is None:
            # The next time that anything moves it is looked after again.
            return
        due = self._since + limit
        if awaited in _ENVELOPE:
            due = min(due, self._begun + self._times.envelopeSeconds)
        now = self._seconds()
        if due > now:
            self._arm(min(due, now + self._shortest), now)
        else:
            self._late(awaited)


def tooLate(awaited: Awaited) -> Reply:
    """What becomes of a message under which something was waited for too long."""
    text = f"Timed out waiting for {awaited.value}"
    return reply(451, "4.4.2", text.encode("ascii"))


__all__ = ["ClientTimer", "ClientTimes", "tooLate"]
