"""
One envelope on its way to one host, over as many connections as it takes.

Usually that is one, idle or new.  It is tried again at once, over a new one,

  - where an idle connection turns out to have been closed by the host, and the host
    cannot have taken the message;
  - where a connection that was to be opened fast did not come about, this time as
    ever;
  - where the host is not as it was expected to be (L{smtpx.core.hooks.Forecast}),
    this time without expectations;
  - where the host takes no more messages, or recipients, in one session;
  - where a TLS handshake failed whose ClientHello was cut down, with a whole one;
  - where a session did not come about, at the host's other addresses (RFC 5321
    section 5.1);
  - where a TLS handshake failed that had offered a session from before, by a full one,
    once for each address;
  - where a TLS handshake failed and the route need not be encrypted, in the clear
    (RFC 7435).

Each of these happens a bounded number of times, as long as nobody gets the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..core.effects import Served, Settled
from ..core.envelope import Envelope
from ..core.hooks import Forecast, Scope, TLSLevel
from ..core.interfaces import IBody
from ..dns.mailhosts import MailHost
from ..spool.prompt import Prompt
from ..spool.via import Cause, Via
from .client import ClientProtocol
from .dialling import Unanswered
from .sending import Heard, Sent, Unreached, Way
from .tally import Tally, plainly, refused

if TYPE_CHECKING:
    from .places import Place
    from .pool import ClientPool

#: The most times that one envelope is tried again for reasons of the session.
_TRIES = 3

#: Nothing is expected of a host.
_NO_FORECAST = Forecast()


class Delivery:
    """
    One envelope on its way to a host.

    @ivar done: fires with what came of it; see L{IClientPool.send}.
    """

    #: What is waited for: a connection, or what comes over it.
    _waiting: Deferred[Any] | None = None
    _line: ClientProtocol | None = None
    _over = False
    #: What became of it, where that is not plain.
    _tally: Tally | None = None
    #: Why the first of its addresses that said something was of no use.
    _error: Unreached | None = None
    _tries = 0
    _forecast: Forecast | None = None
    _inClear = False
    #: Where a handshake was tried again without the session that it had offered.
    _anew: frozenset[bytes] = frozenset()
    #: May connections be opened fast?
    _fast = True

    def __init__(
        self,
        pool: ClientPool,
        place: Place,
        host: MailHost,
        way: Way,
        envelope: Envelope,
        body: IBody | None,
        heard: Heard | None = None,
    ) -> None:
        """
        @param place: that of host and way; the pool is told when it is left.
        """
        self._pool = pool
        self._place = place
        self._host = host
        self._way = way
        self._envelope = envelope
        #: To whom it goes now.
        self._now = envelope
        self._body = body
        self._heard = heard
        self.done: Prompt[Sent] = Prompt(self._cancel)
        # What is looked at of each is found faster here than at the class.
        self._over, self._tally = False, None
        #: The addresses that were not found to be of no use.
        self._left: Sequence[bytes] = host.addresses

    def begin(self) -> None:
        """Send it."""
        line = self._pool.take(self._place)
        if line is None:
            self._dial(self._left)
        else:
            self._deliver(line)

    # --- a connection -------------------------------------------------------------

    def _dial(self, addresses: Sequence[bytes]) -> None:
        way = self._way
        if self._inClear:
            way = evolve(way, policy=evolve(way.policy, tls=TLSLevel.UNWANTED))
        waiting = self._pool.dial(
            self._host, way, list(addresses), self._forecast, self._fast, self._anew
        )
        self._wait(waiting, self._connected, self._unanswered)

    def _wait(
        self,
        waiting: Deferred[Any],
        then: Callable[[Any], None],
        otherwise: Callable[[Failure], None] | None = None,
    ) -> None:
        self._waiting = waiting
        waiting.addCallbacks(
            self._unlessOver(then), self._unlessOver(otherwise or self._failed)
        )
        waiting.addErrback(self._failed)

    def _unlessOver(self, then: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(result: Any) -> None:
            if not self._over:
                then(result)

        return call

    def _connected(self, line: ClientProtocol) -> None:
        self._line = line
        self._wait(
            line.whenReady(),
            lambda result: self._deliver(line),
            lambda failure: self._unreached(failure, line),
        )

    def _unanswered(self, failure: Failure) -> None:
        """No address could be connected to."""
        failure.trap(Unanswered)
        error, host = failure.value, self._host
        assert isinstance(error, Unanswered)
        via = Via(host.name, error.address or host.addresses[0], host.port)
        self._giveUp(Unreached(str(error), Cause.CONNECT, via, None))

    def _unreached(self, failure: Failure, line: ClientProtocol) -> None:
        """A connection came about, but no session."""
        failure.trap(Unreached)
        error, self._line = failure.value, None
        assert isinstance(error, Unreached)
        address = error.via.address
        if line.unopened:
            return self._dialAgain()
        if line.mistaken and self._forecast is None:
            # That is our fault, and says nothing of the host.
            self._forecast = _NO_FORECAST
            return self._dial(self._left)
        if line.brokeTLS and line.shortened and self._tries < _TRIES:
            # It is remembered that the host wants a whole hello.
            self._tries += 1
            return self._dial([address])
        resuming = line.resuming and error.cause is Cause.TLS
        if resuming and address not in self._anew:
            # It may be the session that it stumbled over, which is forgotten now.
            self._anew |= {address}
            return self._dial([address])
        if line.brokeTLS and self._mayGoInClear:
            self._inClear = True
            return self._dial([address])
        self._inClear = False
        self._error = self._error or error
        self._left = [each for each in self._left if each != address]
        if self._left and error.cause not in (Cause.LOGIN, Cause.LOCAL):
            self._dial(self._left)
        else:
            self._giveUp(error)

    def _dialAgain(self) -> None:
        """A connection that was to be opened fast has not come about: do it as ever."""
        self._line, self._fast = None, False
        self._dial(self._left)

    @property
    def _mayGoInClear(self) -> bool:
        way, policy = self._way, self._way.policy
        opportunistic = policy.lenient or policy.tls is TLSLevel.OPPORTUNISTIC
        return opportunistic and not way.implicitTLS and not self._inClear

    # --- a transaction --------------------------------------------------------------

    def _deliver(self, line: ClientProtocol) -> None:
        self._line, self._waiting = line, None
        line.served = None if self._heard is None else self._served
        line.begin(self._now, self._body, self._told)

    def _served(self, served: Served) -> None:
        heard = self._heard
        assert heard is not None, "else it is not asked for"
        try:
            heard(served.recipient, served.reply, self._via())
        except Exception as error:
            # Whoever is told is not to keep the others from getting it.
            self._pool.kit.trouble("client", error)

    def _told(self, settled: Settled) -> None:
        """A transaction has come to its end."""
        line = self._line
        if self._over or line is None:
            # Where it was broken off behind the message, some recipients may have been
            # answered for already (RFC 2033 section 5).
            self._counted.noteAnswered(settled)
            return
        try:
            if self._tally is None and line.ready and not line.unopened:
                causes = plainly(settled)
                if causes is not None:
                    self._finishPlainly(settled, causes, line)
                    return
            self._settled(settled, line)
        except Exception:
            self._failed(Failure())

    def _finishPlainly(
        self, settled: Settled, causes: tuple[Cause, ...], line: ClientProtocol
    ) -> None:
        """
        What C{_settled} does with what is plain, in one step.

        @param causes: those of L{Sent}.
        """
        pool, place = self._pool, self._place
        via = line.via(self._way.policy)
        pool.rest(place, line)
        self._over, self._line = True, None
        pool.finished(place)
        self.done.callback(Sent(settled.outcomes, causes, settled.scope, via))

    @property
    def _counted(self) -> Tally:
        """What became of it, so far."""
        if self._tally is None:
            self._tally = Tally(self._envelope)
        return self._tally

    def _settled(self, settled: Settled, line: ClientProtocol) -> None:
        if line.unopened:
            # Nobody has heard anything of it.
            return self._dialAgain()
        ready = line.ready
        stale = line.count > 1 and not ready and line.silent
        self._counted.note(settled, Cause.LOCAL if ready else Cause.LOST)
        if settled.unsure:
            self._finish(line)
        elif settled.scope is Scope.SESSION or stale:
            self._again(settled, line)
        elif settled.rest:
            # There are ever fewer of them, so nothing has to be counted.
            self._tries = 0
            self._now = self._envelope.addressedTo(list(settled.rest))
            if ready and not line.spent:
                self._deliver(line)
            else:
                self._another(line)
        else:
            self._finish(line)

    def _again(self, settled: Settled, line: ClientProtocol) -> None:
        """Try those who did not get it once more, in another session."""
        self._tries += 1
        if self._tries > _TRIES:
            return self._finish(line)
        if line.mistaken:
            self._forecast = _NO_FORECAST
            self._counted.void(settled)
        self._now = self._envelope.addressedTo(refused(settled))
        self._another(line)

    def _another(self, line: ClientProtocol) -> None:
        """Go on over a new connection; this one is of no more use."""
        self._line = None
        line.quit()
        self._left = self._host.addresses
        self._dial(self._left)

    # --- the end ----------------------------------------------------------------------

    def _finish(self, line: ClientProtocol) -> None:
        via = line.via(self._way.policy)
        self._pool.giveBack(self._place, line)
        self._end()
        self.done.callback(self._counted.sent(via))

    def _giveUp(self, error: Unreached) -> None:
        """There is no session, or no other one."""
        self._end()
        tally = self._counted
        if tally.begun:
            tally.interrupted(self._now.recipients, error.cause)
            self.done.callback(tally.sent(error.via))
        else:
            self.done.errback(self._error or error)

    def _failed(self, failure: Failure) -> None:
        """What nobody foresaw."""
        if self._over:
            return
        via, error = self._via(), failure.value
        self._abort()
        if self._counted.served and error is not None:
            self._pool.kit.trouble("client", error)
            self._cutOff(via, Cause.LOCAL)
        else:
            self.done.errback(failure)

    def _cancel(self, done: Deferred[Sent]) -> None:
        waiting, via = self._waiting, self._via()
        self._abort()
        if waiting is not None:
            waiting.cancel()
        if self._counted.served:
            self._cutOff(via, Cause.LOST)

    def _cutOff(self, via: Via, cause: Cause) -> None:
        """
        Tell what became of those who had their turn: whoever has it must not get it
        again.  Of the others nobody knows.
        """
        tally = self._counted
        tally.interrupted(self._now.recipients, cause)
        tally.unsure = True
        self.done.callback(tally.sent(via))

    def _via(self) -> Via:
        line, host = self._line, self._host
        if line is not None:
            return line.via()
        return Via(host.name, host.addresses[0], host.port)

    def _abort(self) -> None:
        line = self._line
        self._end()
        if line is not None:
            line.abort()

    def _end(self) -> None:
        self._over = True
        self._line = self._waiting = None
        self._pool.finished(self._place)


__all__ = ["Delivery"]
